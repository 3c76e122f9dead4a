"""All effects of a game that has few, from few of its values: bisection, guarded by random coalitions.

Let r = v − Σ_{S known} J(S)·[S ⊆ T] be what is left of the game. Where r(T) ≠ 0, some unknown effect lies
inside T. Along a chain ∅ ⊂ … ⊂ T that adds the players of T one by one, bisection finds a step from r = 0 to
r ≠ 0: the player of that step belongs to an unknown effect whose other players come before it. With it held
in, the others are found in the same way, log₂ n values each, and all effects of the players found are then
computed by the definition. The search begins at T = N, and ends when r vanishes at coalitions drawn at
random.

That is a proof with a number: a non-zero game whose effects have at most d players is non-zero at 2^{−d} of
all coalitions or more, so m of them drawn uniformly all miss it with a probability of at most (1 − 2^{−d})^m.

Sources: bisection is that of group testing (Hwang 1972); the bound is the lemma of Schwartz and Zippel for
multilinear polynomials on {0, 1}^n.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from taylorattr.aliases import Coalition
from taylorattr.maths.sparse_mobius import subsets_of

Values = Callable[[np.ndarray], np.ndarray]
"""Coalitions, bool (R, n) -> v, float64 (R,)."""

CHAINS = 3
"""Random chains tried before effects are said to have too many players: where effects cancel at a shorter
part of a chain, bisection may hold a player in that the effect does not have."""

DENSE_TRIALS = 8
"""Small coalitions that tell at the outset whether a game has too many effects to be found one by one."""


@dataclass
class Recovery:
    """What was found.

    Attributes:
        effects: Coalition -> J, each by the definition from 2^|S| values; ∅ among them.
        errors: Coalition -> bound of its rounding error.
        ended: Why the search ended, "" where r vanished at every check.
        checks: Random coalitions at which r vanished, after the last effect was found.
        largest_residual: Largest |r| at these.
        below: Effects of this size and smaller could not be told from rounding.
    """

    effects: dict[Coalition, float] = field(default_factory=dict)
    errors: dict[Coalition, float] = field(default_factory=dict)
    ended: str = ""
    checks: int = 0
    largest_residual: float = 0.0
    below: float = 0.0


def checks_needed(order: int, risk: float) -> int:
    """Return m with (1 − 2^{−order})^m ≤ risk."""
    return max(1, math.ceil(math.log(risk) / math.log1p(-(2.0**-order))))


def risk_left(order: int, checks: int) -> float:
    """Return (1 − 2^{−order})^checks: how likely all checks miss an effect of up to `order` players."""
    return (1 - 2.0**-order) ** checks


def recover(
    v: Values,
    n: int,
    *,
    rounding: float,
    order: int,
    most_values: int,
    risk: float,
    generator: np.random.Generator,
    test_density: bool = False,
) -> Recovery:
    """Return the effects of a game that has few; see the module.

    Args:
        v: The game. Asked for the same coalition twice, it must give the same number.
        n: Number of players.
        rounding: Bound of the rounding error of one value.
        order: Largest number of players of an effect; one with more ends the search.
        most_values: Stop after asking for this many values.
        risk: Check until a game with further effects of up to `order` players is missed with this
            probability at most.
        generator: Draws orders of players and checks.
        test_density: Whether to look first if there are far too many effects; asks for all single players.

    Returns:
        What was found; ``ended`` says why that may not be everything.
    """
    search = _Search(v, n, rounding, order, most_values, generator)
    everyone = np.ones(n, dtype=bool)
    try:
        if test_density:
            search.end_if_dense()
        while True:
            if not search.is_zero(search.left(everyone[None])[0]):
                search.extract(everyone)
                continue
            failed = search.check(checks_needed(order, risk))
            if failed is None:
                return search.found
            search.extract(failed)
    except _EndError as end:
        search.found.ended = str(end)
        return search.found


class _EndError(Exception):
    """Why the search stops before everything is found."""


class _Search:
    def __init__(
        self, v: Values, n: int, rounding: float, order: int, most: int, generator: np.random.Generator
    ) -> None:
        self.v, self.n, self.rounding, self.order, self.most = v, n, rounding, order, most
        self.generator = generator
        self.asked = 0
        self.found = Recovery()
        self._terms = np.zeros((0, n), dtype=bool)  # known effects, one row each
        self._sizes = np.zeros(0)
        self._effects = np.zeros(0)
        self._singles = False
        self._add({(): float(self._ask(np.zeros((1, n), dtype=bool))[0])})

    def _ask(self, rows: np.ndarray) -> np.ndarray:
        self.asked += len(rows)
        if self.asked > self.most:
            raise _EndError(f"more than {self.most:,} values would be needed")
        return self.v(rows)

    @property
    def tolerance(self) -> float:
        """Bound of the rounding error of r: 2^|S| of one value for each known effect, and for one more."""
        return self.rounding * float(2**self.order + self._sizes.sum())

    def is_zero(self, residual: float) -> bool:
        return abs(residual) <= self.tolerance

    def left(self, rows: np.ndarray) -> np.ndarray:
        """Return r at coalitions."""
        outside = (~rows).astype(np.float64) @ self._terms.T.astype(np.float64)
        return self._ask(rows) - (outside == 0) @ self._effects

    def _add(self, effects: dict[Coalition, float]) -> None:
        rows = np.zeros((len(effects), self.n), dtype=bool)
        for row, coalition in zip(rows, effects, strict=True):
            row[list(coalition)] = True
        sizes = 2.0 ** rows.sum(1)
        self._terms = np.concatenate([self._terms, rows])
        self._sizes = np.concatenate([self._sizes, sizes])
        self._effects = np.concatenate([self._effects, np.fromiter(effects.values(), dtype=np.float64)])
        self.found.effects.update(effects)
        self.found.errors.update(zip(effects, (self.rounding * sizes).tolist(), strict=True))
        self.found.below = self.tolerance

    def extract(self, inside: np.ndarray) -> None:
        """Find players of an unknown effect inside a coalition with r ≠ 0, and add all effects of theirs."""
        for _ in range(CHAINS):
            core = self._core(inside)
            if core is not None:
                self._define(core)
                return
        raise _EndError(f"it has effects of more than {self.order} players")

    def _core(self, inside: np.ndarray) -> Coalition | None:
        """Return few players with r ≠ 0 along one random chain; None where they are more than the order."""
        core: list[int] = []
        chain = self.generator.permutation(np.flatnonzero(inside))
        while True:
            here = np.zeros((1, self.n), dtype=bool)
            here[0, core] = True
            if core and not self.is_zero(self.left(here)[0]):
                return tuple(sorted(core))
            if len(core) == self.order:
                return None
            # r is 0 with the first `low` players of the chain beside the core, and not with the first `high`
            low, high = 0, len(chain)
            while high - low > 1:
                middle = (low + high) // 2
                row = here.copy()
                row[0, chain[:middle]] = True
                low, high = (middle, high) if self.is_zero(self.left(row)[0]) else (low, middle)
            core.append(int(chain[low]))
            chain = chain[:low]

    def _define(self, coalition: Coalition) -> None:
        """Add the effects of all parts of a coalition that are not known, by the definition."""
        parts = list(subsets_of(coalition))
        rows = np.zeros((len(parts), self.n), dtype=bool)
        for row, part in zip(rows, parts, strict=True):
            row[list(part)] = True
        new: dict[Coalition, float] = {}
        for part, value in zip(parts, self._ask(rows), strict=True):
            if part not in self.found.effects:
                inner = (self.found.effects.get(t) or new.get(t, 0.0) for t in subsets_of(part) if t != part)
                new[part] = float(value) - math.fsum(inner)
        real = {part: j for part, j in new.items() if abs(j) > self.rounding * 2.0 ** len(part)}
        if not real:
            raise _EndError("its values are not reproducible to the rounding error that was measured")
        self._add(real)
        alone = sum(len(part) == 1 for part in self.found.effects)
        if not self._singles and alone * math.log2(max(self.n, 2)) > self.n / 2:
            self.single_players()

    def single_players(self) -> None:
        """Add the effects of all single players at once: cheaper than finding many one by one."""
        self._singles = True
        new: dict[Coalition, float] = {}
        for player, value in enumerate(self._ask(np.eye(self.n, dtype=bool))):
            effect = float(value) - self.found.effects[()]
            if (player,) not in self.found.effects and abs(effect) > 2 * self.rounding:
                new[(player,)] = effect
        if new:
            self._add(new)

    def end_if_dense(self) -> None:
        """End where small random coalitions hold interactions so often that there are far too many.

        With P interactions among n players, s of them hold P·(s/n)² pairs on average. s is chosen so that as
        many as can be afforded would seldom be there.

        Raises:
            _EndError: If all of them do.
        """
        self.single_players()
        each = 2 * math.log2(max(self.n, 2)) + 4
        affordable = max((self.most - self.asked) / each, 1.0)
        size = int(min(max(3, self.n * math.sqrt(0.25 / affordable)), self.n))
        rows = np.zeros((DENSE_TRIALS, self.n), dtype=bool)
        for row in rows:
            row[self.generator.permutation(self.n)[:size]] = True
        if not any(self.is_zero(r) for r in self.left(rows)):
            raise _EndError("it has far more effects than can be found one by one")

    def check(self, count: int) -> np.ndarray | None:
        """Return a coalition drawn at random with r ≠ 0; None where there is none among so many."""
        rows = self.generator.random((count, self.n)) < 0.5
        # in growing blocks: where effects are left, the first few show it
        done, size = 0, 4
        largest = 0.0
        while done < count:
            block = rows[done : done + size]
            residual = self.left(block)
            bad = np.flatnonzero(np.abs(residual) > self.tolerance)
            if len(bad):
                return block[bad[0]]
            largest = max(largest, float(np.abs(residual).max()))
            done, size = done + len(block), 2 * size
        self.found.checks, self.found.largest_residual = count, largest
        return None
