"""Monomials (y − b)^κ as models, and the table of ratios that a black box shows on them, eq. (49), (50)."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import torch
from torch import Tensor, nn

from taylorattr.errors import NonFiniteError, ShapeError
from taylorattr.maths.multi_index import enumerate_up_to

AttributeFn: TypeAlias = Callable[[Any, Tensor, Tensor], Any]
"""(f, x (1, n), b (1, n)) -> n scores; f is a module (…, n) -> (…)."""

SMALLEST_DELTA, LARGEST_DELTA = 0.6, 1.7
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


class SumOfModels(nn.Module):
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
class ProbePoint:
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


def settings(n: int, random: np.random.Generator) -> tuple[ProbePoint, ProbePoint, ProbePoint]:
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
    return tuple(
        ProbePoint(_away_from_zero(n, random), s * _sizes(n, random)) for s in (signs, signs, turned)
    )  # pyright: ignore[reportReturnType]


def _sizes(n: int, random: np.random.Generator) -> np.ndarray:
    grid = np.linspace(np.log(SMALLEST_DELTA), np.log(LARGEST_DELTA), 2 * n + 1)[1::2]
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


def ratios(attribute: AttributeFn, kappas: np.ndarray, setting: ProbePoint) -> np.ndarray:
    """Return a_i/Δ^κ for each multi-index, shape (M, n)."""
    rows = [
        scores(attribute, Monomial(kappa, setting.baseline), setting.x, setting.baseline)
        / np.prod(setting.delta**kappa)
        for kappa in kappas
    ]
    return np.stack(rows)


STANDARD_ERRORS = 8
"""Standard errors within which a difference is noise."""

PERMUTED_TERMS_CHECKED = 6
"""Permuted terms that must agree before a rule is taken to be symmetric."""

REPEATABLE = 1e-7
"""Relative difference of two equal calls that is rounding."""


@dataclass(frozen=True)
class RatioTable:
    """A measured ratio table.

    Attributes:
        kappas: Shape (M, n).
        settings: Three of them.
        ratios: Mean over repeats, shape (3, M, n).
        errors: Standard errors, zeros where repeated calls agree, shape (3, M, n).
        probes: Monomials that were asked about, in all settings together.
        remark: What became of the symmetry that was assumed; empty where none was.
    """

    kappas: np.ndarray
    settings: tuple[ProbePoint, ...]
    ratios: np.ndarray
    errors: np.ndarray
    probes: int
    remark: str = ""

    def tolerance(self, floor: float) -> np.ndarray:
        """Return what counts as noise: the floor plus 8 standard errors, shape (3, M, n)."""
        return floor + STANDARD_ERRORS * self.errors


def repeatable(attribute: AttributeFn, setting: ProbePoint, order: int) -> bool:
    """Whether equal calls agree, on a term of order 1 and on one of high order in all players."""
    n = len(setting.delta)
    first = np.arange(n) == 0
    for kappa in (first.astype(int), np.bincount(np.arange(max(order, 2)) % n, minlength=n) + first):
        f = Monomial(kappa, setting.baseline)
        one, *others = (scores(attribute, f, setting.x, setting.baseline) for _ in range(3))
        scale = max(float(np.abs(one).max()), 1e-300)
        if any(np.abs(one - other).max() > REPEATABLE * scale for other in others):
            return False
    return True


def read_monomials(
    attribute: AttributeFn,
    settings: tuple[ProbePoint, ...],
    order: int,
    *,
    repeats: int,
    symmetric: bool,
    tolerance: float,
) -> RatioTable:
    """Return the ratios of every term up to an order in three settings.

    Args:
        attribute: The black box.
        settings: Inputs and baselines.
        order: Highest |κ|.
        repeats: Calls per monomial.
        symmetric: Whether to read only one term of each set of terms that a permutation of the players maps
            into each other (partitions of m into at most n parts), and some more as a check.
        tolerance: Difference of ratios that still is rounding.
    """
    kappas = enumerate_up_to(len(settings[0].delta), order).astype(np.int64)
    if not symmetric:
        mean, errors = _read(attribute, settings, kappas, repeats)
        return RatioTable(kappas, settings, mean, errors, len(settings) * len(kappas))
    sorted_rows = -np.sort(-kappas, axis=1)
    standing = np.flatnonzero((kappas == sorted_rows).all(axis=1))
    moved = np.flatnonzero((kappas != sorted_rows).any(axis=1))
    moved = (
        moved[np.unique(np.linspace(0, len(moved) - 1, PERMUTED_TERMS_CHECKED).astype(int))]
        if len(moved)
        else moved
    )
    asked = np.concatenate([standing, moved])
    mean, errors = _read(attribute, settings, kappas[asked], repeats)
    place = {tuple(kappas[row]): at for at, row in enumerate(standing)}
    full, spread = (np.zeros((len(settings), *kappas.shape)) for _ in range(2))
    for row, kappa in enumerate(kappas):
        turn = np.argsort(-kappa, kind="stable")
        at = place[tuple(kappa[turn])]
        full[:, row, turn], spread[:, row, turn] = mean[:, at], errors[:, at]
    slack = tolerance + STANDARD_ERRORS * (errors[:, len(standing) :] + spread[:, moved])
    same = (np.abs(mean[:, len(standing) :] - full[:, moved]) <= slack).all()
    probes = len(settings) * len(asked)
    if same and (np.abs(mean - mean[:1]) <= tolerance + STANDARD_ERRORS * (errors + errors[:1])).all():
        return RatioTable(kappas, settings, full, spread, probes, f"symmetric on {len(moved)} permuted terms")
    rest = np.setdiff1d(np.arange(len(kappas)), asked)
    full[:, asked], spread[:, asked] = mean, errors
    full[:, rest], spread[:, rest] = _read(attribute, settings, kappas[rest], repeats)
    remark = "not symmetric in the players, or dependent on Δ: all terms were read"
    return RatioTable(kappas, settings, full, spread, probes + len(settings) * len(rest), remark)


def _read(
    attribute: AttributeFn, settings: tuple[ProbePoint, ...], kappas: np.ndarray, repeats: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return means and standard errors, each (T, M, n)."""
    drawn = np.stack([
        np.stack([ratios(attribute, kappas, setting) for _ in range(repeats)]) for setting in settings
    ])  # fmt: skip
    mean = drawn.mean(1)
    errors = drawn.std(1, ddof=1) / math.sqrt(repeats) if repeats > 1 else np.zeros_like(mean)
    return mean, errors


ADDITIVITY_PAIRS = 4
"""Random pairs f, g."""

TERMS_PER_POLYNOMIAL = 3
"""Monomials in each of them, of order 1 to 3."""


def _polynomial(n: int, baseline: np.ndarray, random: np.random.Generator) -> nn.Module:
    parts = []
    for _ in range(TERMS_PER_POLYNOMIAL):
        order = int(random.integers(1, 4))
        kappa = np.bincount(random.integers(0, n, order), minlength=n)
        parts.append(Monomial(kappa, baseline, random.uniform(0.5, 1.5) * random.choice([-1.0, 1.0])))
    return SumOfModels(*parts)


def additivity_gap(
    attribute: AttributeFn, setting: ProbePoint, random: np.random.Generator, repeats: int = 1
) -> tuple[float, float]:
    """Return the largest |a(f + g) − a(f) − a(g)| over random pairs relative to the largest score, and noise.

    Args:
        attribute: The black box.
        setting: Input and baseline.
        random: Draws the polynomials.
        repeats: Calls per function, for a method that draws random numbers.

    Returns:
        Gap, and the standard error of the entry with the largest gap (0 with one repeat), on the same scale.
    """
    worst, noise = 0.0, 0.0
    for _ in range(ADDITIVITY_PAIRS):
        f, g = (_polynomial(len(setting.delta), setting.baseline, random) for _ in range(2))
        drawn = np.stack([
            np.stack([scores(attribute, h, setting.x, setting.baseline) for _ in range(repeats)])
            for h in (f, g, SumOfModels(f, g))
        ])  # fmt: skip
        scale = max(float(np.abs(drawn.mean(1)).max()), 1e-300)
        of_f, of_g, of_both = drawn.mean(1)
        gaps = np.abs(of_both - of_f - of_g)
        place = int(gaps.argmax())
        if gaps[place] / scale >= worst:
            worst = float(gaps[place] / scale)
            spread = drawn[:, :, place].var(1, ddof=1).sum() / repeats if repeats > 1 else 0.0
            noise = float(np.sqrt(spread) / scale)
    return worst, noise
