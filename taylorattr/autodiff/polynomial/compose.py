"""φ(u) for a polynomial u, from the scalar coefficients f_k of φ at u_0, and the products it is made of.

General form: Horner's scheme truncated by degree, S_k = f_k + v∗S_{k+1}, φ(u) = f_0 + v∗S_1 with
v = u − u_0. When only degree 1 of v is present, [φ(u)]_κ = f_{|κ|}·(|κ|!/κ!)·v^κ needs no products.

The two-sided walk needs single degrees of φ(u) instead. A word is a decreasing tuple of degrees, for instance
(2, 1, 1) for v_2∗v_1∗v_1. The part of degree e of φ(u) is Σ_words f_k·(k!/Π m_i!)·word over the words of k
letters and degree e, m_i being the multiplicities of the letters.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from torch import Tensor

from taylorattr.autodiff.polynomial.ring import Block, Pairing, Poly, Ring

Word: TypeAlias = tuple[int, ...]
"""Degrees of the factors of a product of blocks, the largest first."""


class Words:
    """Words over the blocks of v = u − u_0, each computed once.

    Args:
        ring: Ring of the blocks.
        v: v[d] is the block of degree d, None where it is zero; v[0] is not used.
    """

    def __init__(self, ring: Ring, v: Sequence[Tensor | None]) -> None:
        self.ring = ring
        self._known: dict[Word, Block | None] = {(d,): block for d, block in enumerate(v) if d}

    def __call__(self, word: Word) -> Block | None:
        """Return a product of one or more blocks, None where it is zero."""
        if word in self._known:
            return self._known[word]
        product: Block | None = None
        head, rest = self._known.get(word[:1]), self(word[1:])
        if head is not None and rest is not None:
            if word[0] == 1:
                product = self.ring.next_power(head, len(word), rest)
            elif word[1:] == word[:1]:
                product = self.ring.square(head, word[0])
            else:
                product = self.ring.multiply(head, word[0], rest, sum(word[1:]))
        self._known[word] = product
        return product


def partitions(total: int, largest: int) -> Iterator[Word]:
    """Yield the words of a degree with letters up to ``largest``."""
    if total == 0:
        yield ()
        return
    for part in range(min(total, largest), 0, -1):
        for rest in partitions(total - part, part):
            yield (part, *rest)


def arrangements(word: Word) -> int:
    """Return k!/Π m_i!, in how many orders the letters can stand."""
    repeats = math.prod(math.factorial(word.count(letter)) for letter in set(word))
    return math.factorial(len(word)) // repeats


@dataclass(frozen=True)
class Term:
    """One summand of ⟨λ_j, word⟩ with the word cut in two.

    Attributes:
        adjoint: j.
        left: Letters multiplied with λ_j.
        letters: k, the index of f_k.
        count: k!/Π m_i!.
    """

    adjoint: int
    left: Word
    letters: int
    count: int


@functools.lru_cache(maxsize=64)
def top_terms(order: int, forward: int, adjoint: int) -> dict[tuple[int, Word], tuple[Term, ...]]:
    """Return how degrees forward+1 … order of Σ_j ⟨λ_j, φ(u)⟩ split into balanced products.

    With blocks of u up to degree ``forward`` and λ_j up to degree ``adjoint``, the part of degree d is
    Σ_j Σ_words f_k·count·⟨λ_j∗left, right⟩. A word is cut where both factors have nearly half the degree.

    Args:
        order: K.
        forward: p.
        adjoint: q, with p + q + 1 = K and q ≤ p.

    Returns:
        (d, right) -> terms.
    """
    grouped: dict[tuple[int, Word], list[Term]] = {}
    for d in range(forward + 1, order + 1):
        for j in range(min(adjoint, d - forward - 1) + 1):
            for word in partitions(d - j, forward):
                left, right = _cut(word, j, d)
                term = Term(j, left, len(word), arrangements(word))
                grouped.setdefault((d, right), []).append(term)
    return {key: tuple(terms) for key, terms in grouped.items()}


def _cut(word: Word, j: int, d: int) -> tuple[Word, Word]:
    """Return a word in two parts, left and right, both factors with nearly half the degree.

    The larger of deg right and j + deg left is smallest; of several cuts that with the fewest products.
    """
    best, best_cost = (word, ()), None
    for size in range(1, len(word) + 1):
        for right in set(itertools.combinations(word, size)):
            degree = sum(right)
            left = list(word)
            for letter in right:
                left.remove(letter)
            cost = (max(degree, d - degree), -degree, len(right), right)
            if best_cost is None or cost < best_cost:
                best, best_cost = (tuple(left), right), cost
    return best


@functools.lru_cache(maxsize=64)
def slope_terms(degree: int) -> tuple[tuple[Word, int], ...]:
    """Return (word, count) of the part of a degree of φ'(u): Σ (k+1)·f_{k+1}·count·word."""
    return tuple((word, arrangements(word)) for word in partitions(degree, degree))


def multiply(pair: Pairing, x: Poly, y: Poly, degree: int, first: int = 0) -> Block | None:
    """Return the degree-d block of x∗y, using the blocks of x from degree ``first`` on.

    Args:
        pair: ``Ring.multiply`` or ``Ring.matmul``.
        x: Left factor.
        y: Right factor.
        degree: d.
        first: Lowest degree of x to use.
    """
    total: Block | None = None
    for a in range(first, degree + 1):
        left = x[a] if a < len(x) else None
        right = y[degree - a] if degree - a < len(y) else None
        if left is None or right is None:
            continue
        total = pair(left, a, right, degree - a, total)
    return total


def compose(ring: Ring, series: list[Tensor], u: Poly) -> Poly:
    """Return φ(u).

    Args:
        ring: The ring of u.
        series: f_0, f_1, … at u_0, each (1, E, *value); missing ones are zero.
        u: Polynomial with blocks 0 … order.

    Returns:
        Polynomial with the same number of blocks.
    """
    order = len(u) - 1
    result: Poly = [series[0], *[None] * order]
    present = [d for d in range(1, order + 1) if u[d] is not None]
    if not present or len(series) == 1:
        return result
    if len(series) == 2:
        return [series[0], *[None if block is None else block * series[1] for block in u[1:]]]
    if present == [1]:
        return _affine(ring, series, u, order)
    last = min(order, len(series) - 1)
    # S_k is multiplied by v k times more, and v starts at degree 1: degrees above order − k are cut off
    partial: Poly = [series[last], *[None] * order]
    for k in range(last - 1, 0, -1):
        products: Poly = [multiply(ring.multiply, u, partial, d, first=1) for d in range(1, order - k + 1)]
        partial = [series[k], *products, *[None] * k]
    for d in range(1, order + 1):
        result[d] = multiply(ring.multiply, u, partial, d, first=1)
    return result


def _affine(ring: Ring, series: list[Tensor], u: Poly, order: int) -> Poly:
    """Return φ(u) where u has degrees 0 and 1 only: [φ(u)]_κ = f_{|κ|}·(|κ|!/κ!)·v^κ, no products."""
    v = u[1]
    assert v is not None
    result: Poly = [series[0], v * series[1], *[None] * (order - 1)]
    power = v
    for d in range(2, min(order, len(series) - 1) + 1):
        power = ring.next_power(v, d, power)
        result[d] = power * series[d]
    return result
