"""Monomials (y − b)^κ as models, and the table of ratios that a black box shows on them, eq. (49), (50).

A monomial has one effect, I(κ) = Δ^κ, so a score divided by it is the ratio w_i(κ). That says what the method
is only if scores of sums are sums of scores, which is looked at first (`additivity_gap`).
"""

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

STANDARD_ERRORS = 8
"""Standard errors within which a difference is noise."""

PERMUTED_TERMS_CHECKED = 6
"""Permuted terms that must agree before a rule is taken to be symmetric."""

REPEATABLE = 1e-7
"""Relative difference of two equal calls that is rounding."""

ADDITIVITY_PAIRS = 4
"""Random pairs f, g."""

TERMS_PER_POLYNOMIAL = 3
"""Monomials in each of them, of order 1 to 3."""


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
    """One input and baseline at which ratios are read.

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


def probe_points(n: int, random: np.random.Generator) -> tuple[ProbePoint, ProbePoint, ProbePoint]:
    """Return three points: the second has the signs of the first, in the third one player's sign differs.

    What is equal at all three is a ratio of κ; what changes with the signs alone, or with Δ, shows as such.

    Args:
        n: Number of players.
        random: Where the sizes are drawn from.

    Returns:
        Points with |Δ_j| log-spaced, shuffled and none of them 1; signs are mixed from two players on.
    """
    signs = np.where(np.arange(n) % 2 == 0, 1.0, -1.0)
    turned = signs.copy()
    turned[-1] *= -1
    return tuple(
        ProbePoint(_away_from_zero(n, random), s * _sizes(n, random)) for s in (signs, signs, turned)
    )  # pyright: ignore[reportReturnType]


def _sizes(n: int, random: np.random.Generator) -> np.ndarray:
    """Return |Δ_j|: not 1, where all powers are equal and κ could not be told from the support."""
    grid = np.linspace(np.log(SMALLEST_DELTA), np.log(LARGEST_DELTA), 2 * n + 1)[1::2]
    sizes = np.exp(grid + random.uniform(-0.1, 0.1) + random.uniform(-0.03, 0.03, n))
    return random.permutation(np.where(np.abs(sizes - 1) < 0.02, sizes + 0.04, sizes))


def _away_from_zero(n: int, random: np.random.Generator) -> np.ndarray:
    """Return a baseline without a 0, which a method that knows no other would be right at."""
    return random.uniform(0.2, 0.9, n) * random.choice([-1.0, 1.0], n)


def scores(attribute: AttributeFn, f: nn.Module, x: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return what a black box gives each player, shape (n,), float64.

    Raises:
        ShapeError: It does not give one number per player.
        NonFiniteError: It gives NaN or infinity.
    """
    row = torch.from_numpy(np.ascontiguousarray(x, dtype=np.float64))[None]
    start = torch.from_numpy(np.ascontiguousarray(b, dtype=np.float64))[None]
    answer = attribute(f, row, start)
    if isinstance(answer, tuple | list) and len(answer) == 1:
        answer = answer[0]
    one: Any = answer
    values = one.detach().cpu().double().numpy() if isinstance(one, Tensor) else np.asarray(one, dtype=float)
    if values.size != len(x):
        raise ShapeError(
            f"attribute_fn(f, x, b) gave {values.size} numbers, shape {values.shape}, for {len(x)} players; "
            f"expected one score per entry of x, which has shape (1, {len(x)})"
        )
    if not np.isfinite(values).all():
        raise NonFiniteError(f"attribute_fn(f, x, b) gave {values.reshape(-1)} at x = {x}, b = {b}")
    return values.reshape(-1)


def ratios(attribute: AttributeFn, kappas: np.ndarray, point: ProbePoint) -> np.ndarray:
    """Return a_i/Δ^κ for each multi-index, shape (M, n)."""
    rows = [
        scores(attribute, Monomial(kappa, point.baseline), point.x, point.baseline)
        / np.prod(point.delta**kappa)
        for kappa in kappas
    ]
    return np.stack(rows)


@dataclass(frozen=True)
class RatioTable:
    """A measured ratio table.

    Attributes:
        kappas: Shape (M, n).
        points: Three of them.
        ratios: Mean over repeats, shape (3, M, n).
        errors: Standard errors, zeros where repeated calls agree, shape (3, M, n).
        probes: Monomials that were asked about, in all points together.
        remark: What became of the symmetry that was assumed; empty where none was.
    """

    kappas: np.ndarray
    points: tuple[ProbePoint, ...]
    ratios: np.ndarray
    errors: np.ndarray
    probes: int
    remark: str = ""

    def tolerance(self, floor: float) -> np.ndarray:
        """Return what counts as noise: the floor plus 8 standard errors, shape (3, M, n)."""
        return floor + STANDARD_ERRORS * self.errors


def repeatable(attribute: AttributeFn, point: ProbePoint, order: int) -> bool:
    """Whether equal calls agree, on a term of order 1 and on one of high order in all players."""
    n = len(point.delta)
    first = np.arange(n) == 0
    for kappa in (first.astype(int), np.bincount(np.arange(max(order, 2)) % n, minlength=n) + first):
        f = Monomial(kappa, point.baseline)
        one, *others = (scores(attribute, f, point.x, point.baseline) for _ in range(3))
        scale = max(float(np.abs(one).max()), 1e-300)
        if any(np.abs(one - other).max() > REPEATABLE * scale for other in others):
            return False
    return True


def read_monomials(
    attribute: AttributeFn,
    points: tuple[ProbePoint, ...],
    order: int,
    *,
    repeats: int,
    symmetric: bool,
    tolerance: float,
) -> RatioTable:
    """Return the ratios of every term up to an order in three points.

    Args:
        attribute: The black box.
        points: Inputs and baselines.
        order: Highest |κ|.
        repeats: Calls per monomial.
        symmetric: Whether to read only one term of each set of terms that a permutation of the players maps
            into each other (partitions of m into at most n parts), and some more as a check.
        tolerance: Difference of ratios that still is rounding.
    """
    kappas = enumerate_up_to(len(points[0].delta), order).astype(np.int64)
    if not symmetric:
        mean, errors = _read(attribute, points, kappas, repeats)
        return RatioTable(kappas, points, mean, errors, len(points) * len(kappas))
    sorted_rows = -np.sort(-kappas, axis=1)
    # of each set of permuted terms the one with falling exponents is read, and a few others as a check
    standing = np.flatnonzero((kappas == sorted_rows).all(axis=1))
    moved = np.flatnonzero((kappas != sorted_rows).any(axis=1))
    if len(moved):
        moved = moved[np.unique(np.linspace(0, len(moved) - 1, PERMUTED_TERMS_CHECKED).astype(int))]
    read = np.concatenate([standing, moved])
    mean, errors = _read(attribute, points, kappas[read], repeats)
    column_of = {tuple(kappas[row]): column for column, row in enumerate(standing)}
    full, spread = (np.zeros((len(points), *kappas.shape)) for _ in range(2))
    for row, kappa in enumerate(kappas):
        turn = np.argsort(-kappa, kind="stable")
        column = column_of[tuple(kappa[turn])]
        full[:, row, turn], spread[:, row, turn] = mean[:, column], errors[:, column]
    slack = tolerance + STANDARD_ERRORS * (errors[:, len(standing) :] + spread[:, moved])
    same = (np.abs(mean[:, len(standing) :] - full[:, moved]) <= slack).all()
    probes = len(points) * len(read)
    if same and (np.abs(mean - mean[:1]) <= tolerance + STANDARD_ERRORS * (errors + errors[:1])).all():
        return RatioTable(kappas, points, full, spread, probes, f"symmetric on {len(moved)} permuted terms")
    rest = np.setdiff1d(np.arange(len(kappas)), read)
    full[:, read], spread[:, read] = mean, errors
    full[:, rest], spread[:, rest] = _read(attribute, points, kappas[rest], repeats)
    remark = "not symmetric in the players, or dependent on Δ: all terms were read"
    return RatioTable(kappas, points, full, spread, probes + len(points) * len(rest), remark)


def _read(
    attribute: AttributeFn, points: tuple[ProbePoint, ...], kappas: np.ndarray, repeats: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return means and standard errors, each (T, M, n)."""
    drawn = np.stack([
        np.stack([ratios(attribute, kappas, point) for _ in range(repeats)]) for point in points
    ])  # fmt: skip
    mean = drawn.mean(1)
    errors = drawn.std(1, ddof=1) / math.sqrt(repeats) if repeats > 1 else np.zeros_like(mean)
    return mean, errors


def _polynomial(n: int, baseline: np.ndarray, random: np.random.Generator) -> nn.Module:
    """Return a sum of a few random monomials."""
    parts = []
    for _ in range(TERMS_PER_POLYNOMIAL):
        order = int(random.integers(1, 4))
        kappa = np.bincount(random.integers(0, n, order), minlength=n)
        parts.append(Monomial(kappa, baseline, random.uniform(0.5, 1.5) * random.choice([-1.0, 1.0])))
    return SumOfModels(*parts)


def additivity_gap(
    attribute: AttributeFn, point: ProbePoint, random: np.random.Generator, repeats: int = 1
) -> tuple[float, float]:
    """Return the largest |a(f + g) − a(f) − a(g)| over random pairs relative to the largest score, and noise.

    Args:
        attribute: The black box.
        point: Input and baseline.
        random: Draws the polynomials.
        repeats: Calls per function, for a method that draws random numbers.

    Returns:
        Gap, and the standard error of the entry with the largest gap (0 with one repeat), on the same scale.
    """
    worst, noise = 0.0, 0.0
    for _ in range(ADDITIVITY_PAIRS):
        f, g = (_polynomial(len(point.delta), point.baseline, random) for _ in range(2))
        drawn = np.stack([
            np.stack([scores(attribute, h, point.x, point.baseline) for _ in range(repeats)])
            for h in (f, g, SumOfModels(f, g))
        ])  # fmt: skip
        scale = max(float(np.abs(drawn.mean(1)).max()), 1e-300)
        of_f, of_g, of_both = drawn.mean(1)
        gaps = np.abs(of_both - of_f - of_g)
        player = int(gaps.argmax())
        if gaps[player] / scale >= worst:
            worst = float(gaps[player] / scale)
            spread = drawn[:, :, player].var(1, ddof=1).sum() / repeats if repeats > 1 else 0.0
            noise = float(np.sqrt(spread) / scale)
    return worst, noise
