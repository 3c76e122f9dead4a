"""Monomials (y − b)^κ as models, and the ratios a black box shows on them: w_i(κ) = a_i/Δ^κ, eq. (49)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import torch
from torch import Tensor, nn

from taylorattr.errors import NonFiniteError, ShapeError

AttributeFn: TypeAlias = Callable[[Any, Tensor, Tensor], Any]
"""(f, x (1, n), b (1, n)) -> n scores; f is a module (…, n) -> (…)."""

SMALLEST, LARGEST = 0.6, 1.7
"""Range of |Δ_j|, up to a tenth: far enough from 0 to divide by, spread enough to tell players apart."""


class Monomial(nn.Module):
    """Π_j (y_j − b_j)^{κ_j}, (…, n) -> (…)."""

    def __init__(self, kappa: Sequence[int] | np.ndarray, baseline: np.ndarray, scale: float = 1.0) -> None:
        super().__init__()
        self.kappa = tuple(int(k) for k in kappa)
        self.baseline = [float(v) for v in baseline]
        self.scale = float(scale)
        self.eval()

    def forward(self, y: Tensor) -> Tensor:
        """Return the value for each row."""
        out: Tensor | None = None
        for j, power in enumerate(self.kappa):
            for _ in range(power):
                factor = y[..., j] - self.baseline[j]
                out = factor if out is None else out * factor
        if out is None:
            return torch.zeros_like(y[..., 0])
        return out * self.scale if self.scale != 1 else out


class Together(nn.Module):
    """Sum of models."""

    def __init__(self, *parts: nn.Module) -> None:
        super().__init__()
        self.parts = nn.ModuleList(parts)
        self.eval()

    def forward(self, y: Tensor) -> Tensor:
        """Return the sum for each row."""
        total = self.parts[0](y)
        for part in self.parts[1:]:
            total = total + part(y)
        return total


@dataclass(frozen=True)
class Setting:
    """One input and baseline.

    Attributes:
        baseline: b, shape (n,), no entry 0.
        delta: Δ = x − b, shape (n,), |Δ_j| pairwise different and no 1 among them.
    """

    baseline: np.ndarray
    delta: np.ndarray

    @property
    def x(self) -> np.ndarray:
        """b + Δ."""
        return self.baseline + self.delta


def settings(n: int, random: np.random.Generator) -> tuple[Setting, Setting, Setting]:
    """Return three settings: the second has the signs of the first, in the third one player's sign differs.

    Args:
        n: Number of players.
        random: Where the sizes are drawn from.

    Returns:
        Settings with |Δ_j| log-spaced, shuffled and none of them 1; signs are mixed from two players on.
    """
    signs = np.where(np.arange(n) % 2 == 0, 1.0, -1.0)
    turned = signs.copy()
    turned[-1] *= -1
    return tuple(Setting(_away_from_zero(n, random), s * _sizes(n, random)) for s in (signs, signs, turned))  # pyright: ignore[reportReturnType]


def _sizes(n: int, random: np.random.Generator) -> np.ndarray:
    grid = np.linspace(np.log(SMALLEST), np.log(LARGEST), 2 * n + 1)[1::2]
    sizes = np.exp(grid + random.uniform(-0.1, 0.1) + random.uniform(-0.03, 0.03, n))
    return random.permutation(np.where(np.abs(sizes - 1) < 0.02, sizes + 0.04, sizes))


def _away_from_zero(n: int, random: np.random.Generator) -> np.ndarray:
    return random.uniform(0.2, 0.9, n) * random.choice([-1.0, 1.0], n)


def scores(attribute: AttributeFn, f: nn.Module, x: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return what a black box gives each player, shape (n,), float64.

    Raises:
        ShapeError: It does not give one number per player.
        NonFiniteError: It gives NaN or infinity.
    """
    row = torch.from_numpy(np.ascontiguousarray(x, dtype=np.float64))[None]
    start = torch.from_numpy(np.ascontiguousarray(b, dtype=np.float64))[None]
    given = attribute(f, row, start)
    if isinstance(given, tuple | list) and len(given) == 1:
        given = given[0]
    one: Any = given
    values = one.detach().cpu().double().numpy() if isinstance(one, Tensor) else np.asarray(one, dtype=float)
    if values.size != len(x):
        raise ShapeError(
            f"attribute_fn(f, x, b) gave {values.size} numbers, shape {values.shape}, for {len(x)} players; "
            f"expected one score per entry of x, which has shape (1, {len(x)})"
        )
    if not np.isfinite(values).all():
        raise NonFiniteError(f"attribute_fn(f, x, b) gave {values.reshape(-1)} at x = {x}, b = {b}")
    return values.reshape(-1)


def ratios(attribute: AttributeFn, kappas: np.ndarray, setting: Setting) -> np.ndarray:
    """Return a_i/Δ^κ for each multi-index, shape (M, n)."""
    rows = [
        scores(attribute, Monomial(kappa, setting.baseline), setting.x, setting.baseline)
        / np.prod(setting.delta**kappa)
        for kappa in kappas
    ]
    return np.stack(rows)
