"""Any interaction index of games whose 2^n values are out of reach, from coalitions drawn at random.

Every index of the package is Σ_{U⊇S} c(s, |U|) J(U), hence linear in the values of the game:

    index(S) = Σ_T (−1)^{|T|} g_s(|S ∪ T|) v(T),   g_s(m) = Σ_{u≥m} C(n−m, u−m) (−1)^u c(s, u).

Coalitions of the outermost sizes are few and carry much, and are summed one by one; of the sizes between, T
is drawn with probability q(|T|)/C(n, |T|), and the mean of (−1)^{|T|} g_s(|S∪T|) v(T) C(n,|T|)/q(|T|) over
the draws is an unbiased estimate for every S at once. From v a game of single players, and of pairs where
there are draws enough, is taken off first, whose index is known: the estimate stays unbiased whatever game it
is, as long as the draws did not choose it, and so each half of the draws is corrected by the game fitted to
the other half.

Source: the representation by values is that of SHAP-IQ (Fumagalli et al. 2023), which samples cardinal
indices so; g from the coefficients c covers the others as well.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from taylorattr.maths.interaction_indices import INDICES, VALUES_ONLY
from taylorattr.maths.subsets import of_size

Values = Callable[[np.ndarray], np.ndarray]
"""Coalitions, bool (R, n) -> v, float64 (R,)."""

ENTRIES_AT_ONCE = 1 << 22
"""Coalitions × draws whose weights are held together."""


def value_weights(name: str, n: int, s: int, order: int) -> list[Fraction]:
    """Return g_s(m) for m = 0 … n, exactly; 0 for m < s.

    Args:
        name: Name of the index.
        n: Number of players.
        s: Size of the coalition whose index is taken.
        order: Maximal order of the index.
    """
    coefficient = INDICES[name]
    signed = [(-1) ** u * coefficient(s, u, order) if u >= s else Fraction(0) for u in range(n + 1)]
    # with E x_u = x_{u+1} the sum is (1 + E)^{n−m} x at m: repeated sums of neighbours, over one denominator
    scale = math.lcm(*(value.denominator for value in signed))
    whole = [int(value * scale) for value in signed]
    weights = [Fraction(0)] * (n + 1)
    for m in range(n, s - 1, -1):
        weights[m] = Fraction(whole[m], scale)
        whole = [a + b for a, b in zip(whole[:m], whole[1 : m + 1], strict=True)]
    return weights


@dataclass(frozen=True)
class SampledIndex:
    """Estimates of an index.

    Attributes:
        rows: Size s − 1 -> the coalitions of size s, shape (C(n, s), s), lexicographic.
        values: Their estimates, in the same order.
        errors: Standard errors of these.
        drawn: Coalitions drawn at random.
    """

    rows: list[np.ndarray]
    values: list[np.ndarray]
    errors: list[np.ndarray]
    drawn: int


def sample_index(
    v: Values, n: int, name: str, order: int, most_values: int, generator: np.random.Generator
) -> SampledIndex:
    """Return estimates of index(S) for all 1 ≤ |S| ≤ order, with standard errors; see the module.

    Args:
        v: The game.
        n: Number of players.
        name: Name of the index.
        order: Its maximal order, at most n; 1 for indices of single players.
        most_values: Values asked for; at least `fewest_values` of them.
        generator: Draws the coalitions.
    """
    order = 1 if name in VALUES_ONLY else order
    edge = _edge_sizes(n, most_values)
    rows = np.concatenate([_of_size_rows(n, t) for t in edge])
    edge_values = v(rows)
    tables = {s: _weight_table(name, n, s, order) for s in range(1, order + 1)}
    inner = [t for t in range(n + 1) if t not in edge]
    count = max(most_values - len(rows), 4) // 2 * 2 if inner else 0
    drawn, values, sizes, share = (
        np.zeros((0, n), dtype=bool),
        np.zeros(0),
        np.zeros(0, dtype=int),
        np.ones(1),
    )
    if count:
        share = _shares(tables, n, inner)
        sizes = generator.choice(n + 1, size=count, p=share)
        drawn = generator.random((count, n)).argsort(1).argsort(1) < sizes[:, None]
        values = v(drawn)
    halves = [slice(0, count // 2), slice(count // 2, count)] if count else []
    found: list[np.ndarray] = []
    errors: list[np.ndarray] = []
    # the game fitted to one half corrects the draws of the other, so that no draw chose its own correction
    fits = [_Fit(np.concatenate([rows, drawn[h]]), np.concatenate([edge_values, values[h]])) for h in halves]
    for s in range(1, order + 1):
        members = of_size(n, s).astype(np.int64)
        total, variance = np.zeros(len(members)), np.zeros(len(members))
        for half, fit in zip(halves, reversed(fits), strict=True):
            mean, spread = _moments(
                tables[s], members, drawn[half], (values[half] - fit(drawn[half])) / share[sizes[half]]
            )
            own = fit.index(name, s, order, members)
            edge_sum = _moments(tables[s], members, rows, (edge_values - fit(rows)) / _binomials(n, rows))[0]
            total += (own + edge_sum * len(rows) + mean) / 2
            variance += spread / 4
        if not halves:
            total = _moments(tables[s], members, rows, edge_values / _binomials(n, rows))[0]
            total = total * len(rows)
        found.append(total)
        errors.append(np.sqrt(variance))
    return SampledIndex([of_size(n, s) for s in range(1, order + 1)], found, errors, count)


def fewest_values(n: int) -> int:
    """Return how many values the estimate needs at least: the two ends, and two draws for each half."""
    return 2 + 4 + n


def _edge_sizes(n: int, most_values: int) -> list[int]:
    """Return the sizes of which all coalitions are taken: from both ends, with half of the values at most."""
    if 2**n <= most_values:
        return list(range(n + 1))
    edge, spent = {0, n}, 2
    for t in range(1, n // 2 + 1):
        new = {t, n - t}
        spent += sum(math.comb(n, size) for size in new)
        if spent > most_values // 2:
            break
        edge |= new
    return sorted(edge)


def _of_size_rows(n: int, t: int) -> np.ndarray:
    """Return the coalitions of one size as a bool table; the smaller of T and N∖T is enumerated."""
    few = of_size(n, min(t, n - t)).astype(np.int64)
    present = np.zeros((len(few), n), dtype=bool)
    np.put_along_axis(present, few, True, axis=1)
    return present if t <= n - t else ~present


def _binomials(n: int, rows: np.ndarray) -> np.ndarray:
    """Return C(n, |T|) of each row as floats; those of the middle sizes of many players overflow to ∞."""
    return np.array([float(min(math.comb(n, int(t)), 2**1023)) for t in rows.sum(1)])


def _weight_table(name: str, n: int, s: int, order: int) -> np.ndarray:
    """Return (−1)^t C(n, t) g_s(s + t − k) for t = 0 … n and k = |S ∩ T| = 0 … s, shape (n+1, s+1)."""
    weights = value_weights(name, n, s, order)
    table = np.zeros((n + 1, s + 1))
    for t in range(n + 1):
        for k in range(max(0, s + t - n), min(s, t) + 1):
            table[t, k] = float((-1) ** t * math.comb(n, t) * weights[s + t - k])
    return table


def _shares(tables: dict[int, np.ndarray], n: int, inner: list[int]) -> np.ndarray:
    """Return how often each size is drawn: in proportion to the root mean square of its weights.

    A tenth is spread evenly, so that no size that an index reads is left out by rounding.
    """
    shares = np.zeros(n + 1)
    for s, table in tables.items():
        for t in inner:
            chances = [math.comb(s, k) * math.comb(n - s, t - k) for k in range(s + 1) if t >= k]
            total = math.comb(n, t)
            size = sum(float(Fraction(c, total)) * table[t, k] ** 2 for k, c in enumerate(chances))
            shares[t] += math.sqrt(size)
        # each order counts alike
        shares /= max(shares.sum(), 1e-300)
    shares = 0.9 * shares
    shares[inner] += 0.1 / len(inner)
    return shares / shares.sum()


def _moments(
    table: np.ndarray, members: np.ndarray, rows: np.ndarray, values: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and squared standard error of table[|T|, |S∩T|]·value over the rows, for every S."""
    count = len(rows)
    mean, spread = np.zeros(len(members)), np.zeros(len(members))
    if not count:
        return mean, spread
    sizes, present = rows.sum(1), rows.astype(np.float32)
    step = max(1, ENTRIES_AT_ONCE // count)
    for start in range(0, len(members), step):
        part = members[start : start + step]
        indicator = np.zeros((rows.shape[1], len(part)), dtype=np.float32)
        np.put_along_axis(indicator, part.T, 1, axis=0)
        shared = (present @ indicator).astype(np.int64)
        draws = table[sizes[:, None], shared] * values[:, None]
        mean[start : start + step] = draws.mean(0)
        if count > 1:
            spread[start : start + step] = draws.var(0, ddof=1) / count
    return mean, spread


class _Fit:
    """A game with effects of single players, and of pairs where there are values enough, by least squares."""

    def __init__(self, rows: np.ndarray, values: np.ndarray) -> None:
        n = rows.shape[1]
        self._pairs = of_size(n, 2).astype(np.int64)
        if 3 * (1 + n + len(self._pairs)) > len(rows):
            self._pairs = self._pairs[:0]
        self._effects = np.linalg.lstsq(self._features(rows), values, rcond=None)[0]
        self._n = n

    def _features(self, rows: np.ndarray) -> np.ndarray:
        ones = np.ones((len(rows), 1))
        pairs = rows[:, self._pairs[:, 0]] & rows[:, self._pairs[:, 1]]
        return np.concatenate([ones, rows, pairs], axis=1, dtype=np.float64)

    def __call__(self, rows: np.ndarray) -> np.ndarray:
        return self._features(rows) @ self._effects

    def index(self, name: str, s: int, order: int, members: np.ndarray) -> np.ndarray:
        """Return the index of this game for all coalitions of a size."""
        n, coefficient = self._n, INDICES[name]
        single, pairs = self._effects[1 : n + 1], self._effects[n + 1 :]
        if s == 1:
            total = float(coefficient(1, 1, order)) * single
            share = float(coefficient(1, 2, order)) if len(pairs) else 0.0
            for column in range(2):
                total = total + share * np.bincount(self._pairs[:, column], weights=pairs, minlength=n)
            return total
        if s == 2 and len(pairs):
            return float(coefficient(2, 2, order)) * pairs
        return np.zeros(len(members))
