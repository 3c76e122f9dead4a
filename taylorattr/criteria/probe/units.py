"""Single units σ(w·x) with σ(z) = z^m as networks, and the ratios a rule that reads networks shows on them.

The response to one unit is Σ_{|κ|=m} w_i(κ) (m!/κ!) u^κ with u = w∘x, docs/theory.md eq. (51): as many
generic w of one sign pattern as there are κ determine w_i(κ). A residual over further w says that the ratio
is no function of κ and signs.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from taylorattr.criteria.probe.monomials import AttributeFn, scores
from taylorattr.maths.multi_index import exponents, factorial

EXTRA = 8
"""Units beyond the number of unknowns, per order and sign pattern."""

HIGHEST = 4
"""Order up to which the linear systems are well conditioned (2e4 at order 4)."""

JUDGED = 3
"""Order up to which the residual is judged."""


class Power(nn.Module):
    """z^m, an activation."""

    def __init__(self, power: int) -> None:
        super().__init__()
        self.power = power

    def forward(self, z: Tensor) -> Tensor:
        """Return z^m."""
        return z**self.power


class Unit(nn.Module):
    """σ(w·x + c), (B, n) -> (B,), a linear layer and an activation module.

    Args:
        weights: w, shape (n,).
        bias: c; None: the layer has no bias.
        activation: σ.
    """

    def __init__(self, weights: np.ndarray, bias: float | None, activation: nn.Module) -> None:
        super().__init__()
        self.linear = nn.Linear(len(weights), 1, bias=bias is not None, dtype=torch.float64)
        with torch.no_grad():
            self.linear.weight.copy_(torch.from_numpy(np.asarray(weights, dtype=np.float64))[None])
            if bias is not None:
                self.linear.bias.fill_(bias)
        self.activation = activation
        self.requires_grad_(False)
        self.eval()

    def forward(self, x: Tensor) -> Tensor:
        """Return the unit's value for each row."""
        return self.activation(self.linear(x)).squeeze(-1)


@dataclass(frozen=True)
class Responses:
    """Scores of units of one order and sign pattern, reference 0.

    Attributes:
        order: m.
        signs: Signs of u, shape (n,).
        u: w∘x, shape (L, n).
        x: Inputs, all positive, shape (L, n).
        scores: Shape (repeats, L, n).
    """

    order: int
    signs: np.ndarray
    u: np.ndarray
    x: np.ndarray
    scores: np.ndarray

    @property
    def kappas(self) -> np.ndarray:
        """Multi-indices of the order, shape (M, n)."""
        return exponents(len(self.signs), self.order).astype(np.int64)

    @property
    def effects(self) -> np.ndarray:
        """I(κ) = m!/κ! u^κ of each unit, shape (L, M)."""
        return unit_effects(self.u, self.kappas, self.order)

    @property
    def mean(self) -> np.ndarray:
        """Mean over repeats, shape (L, n)."""
        return self.scores.mean(0)

    @property
    def noise(self) -> float:
        """Largest standard error of a score; 0 with one repeat."""
        repeats = len(self.scores)
        return float(self.scores.std(0, ddof=1).max() / math.sqrt(repeats)) if repeats > 1 else 0.0


def unit_effects(u: np.ndarray, kappas: np.ndarray, order: int) -> np.ndarray:
    """Return m!/κ! u^κ for each row of u and each κ, shape (L, M)."""
    counts = np.array([math.factorial(order) // factorial(tuple(k)) for k in kappas.tolist()], dtype=float)
    return counts * np.prod(u[:, None, :] ** kappas[None], axis=-1)


def patterns(n: int) -> list[np.ndarray]:
    """Return sign patterns of u: all positive, and mixed where there are two inputs."""
    mixed = np.where(np.arange(n) % 2 == 0, 1.0, -1.0)
    return [np.ones(n), mixed] if n > 1 else [np.ones(1)]


def responses(
    attribute: AttributeFn,
    n: int,
    order: int,
    random: np.random.Generator,
    repeats: int = 1,
    activation: Callable[[int], nn.Module] = Power,
) -> list[Responses]:
    """Return scores of units of every order up to `order` (at most 4), in every sign pattern.

    Args:
        attribute: The black box.
        n: Inputs of a unit.
        order: Highest order.
        random: Draws weights and inputs.
        repeats: Calls per unit.
        activation: m -> σ.
    """
    found = []
    for signs in patterns(n):
        for m in range(1, min(order, HIGHEST) + 1):
            rows = len(exponents(n, m)) + EXTRA
            u = signs * np.exp(random.uniform(math.log(0.5), math.log(2.0), (rows, n)))
            x = random.uniform(0.5, 1.5, (rows, n))
            zero = np.zeros(n)
            units = [Unit(row / at, None, activation(m)) for row, at in zip(u, x, strict=True)]
            drawn = [
                np.stack([scores(attribute, unit, at, zero) for unit, at in zip(units, x, strict=True)])
                for _ in range(repeats)
            ]
            found.append(Responses(m, signs, u, x, np.stack(drawn)))
    return found


def fitted(answers: Responses) -> tuple[np.ndarray, float]:
    """Return the ratios that fit the responses best, and what they leave.

    Returns:
        w(κ) of the order, shape (M, n), and the residual: rms over units and inputs, relative to the rms of
        the responses.
    """
    effects = answers.effects
    scale = np.linalg.norm(effects, axis=0)
    solution = np.linalg.lstsq(effects / scale, answers.mean, rcond=None)[0]
    left = answers.mean - effects / scale @ solution
    size = float(np.sqrt(np.square(answers.mean).mean()))
    return solution / scale[:, None], float(np.sqrt(np.square(left).mean())) / size if size else 0.0
