"""What a ratio turns out to be: a built-in rule, a measure on the straight path, a power path."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import sympy as sp
from sympy.core.relational import Relational

from taylorattr.allocation.receivers import PLAYERS
from taylorattr.allocation.rule import RULES, AllocationRule
from taylorattr.allocation.symbols import Expr, i, kappa, m, s, total
from taylorattr.criteria.paper.algebra import treats_players_alike
from taylorattr.criteria.paper.cases import Case, cases
from taylorattr.design.formulas import inlined, of_player, same, simplified
from taylorattr.design.ways.paths import Exponents
from taylorattr.errors import OptionError, TaylorAttrError, require_instance
from taylorattr.maths.measures import LARGEST_DEGREE, Measure, Moments

LOOKED_UP_FIRST = ("integrated_gradients", "shapley", "occlusion_1", "gradient_x_input")
"""Rules under whose names a ratio is looked up first; the rest in the order of the registry."""


@dataclass(frozen=True)
class Recognised:
    """A built-in rule that a rule equals, or resembles.

    Attributes:
        name: Its name in ``ta.RULES``.
        how: ``by algebra``, or the terms on which both agree exactly.
        proved: Whether they are equal on every term there is: by algebra, or because all were compared. A
            rule that only resembles another runs as itself.
    """

    name: str
    how: str
    proved: bool

    def __str__(self) -> str:
        """Name and how."""
        return f"{self.name} ({self.how})"

    @property
    def statement(self) -> str:
        """What may be said of both."""
        return f"this is {self}" if self.proved else f"resembles {self}; not proved, so it runs as itself"


def recognise(rule: AllocationRule) -> Recognised | None:
    """Return the built-in rule of the players that a rule equals or resembles, None if there is none.

    Formulas are compared by algebra; what algebra does not decide is compared on all small terms, in exact
    arithmetic. That proves nothing, as a formula may have a case for |S| = 6 and a function one for order 20,
    unless the rule has no other terms: one of coalitions, made for one number of players.

    Args:
        rule: A rule of players.
    """
    require_instance("rule", rule, AllocationRule, "a rule made by ta.design, or ta.RULES[name]")
    if rule.receivers is not PLAYERS:
        return None
    settings = cases(rule)
    tables: dict[int, np.ndarray] = {}
    # up to order 2 the shares κ_i/m and 1/s are the same
    told_apart = rule.granularity == "support" or max(case.terms.order for case in settings) > 2
    for name in (*LOOKED_UP_FIRST, *(name for name in RULES if name not in LOOKED_UP_FIRST)):
        known = RULES[name]
        if not _comparable(rule, known):
            continue
        if rule.evaluator is None and known.evaluator is None and same(inlined(rule), inlined(known)):
            return Recognised(name, "by algebra", True)
        if (
            told_apart
            and all(_agree(rule, known, number, case, tables) for number, case in enumerate(settings))
            and _agree_deeply(rule, known)
        ):
            widest = max(case.n for case in settings)
            terms = next(case.terms for case in settings if case.n == widest)
            order = f"{terms.order} and {terms.beyond}" if terms.beyond else str(terms.order)
            if _all_compared(rule, settings):
                return Recognised(name, f"on every coalition of its {widest} players", True)
            return Recognised(
                name, f"on every term of order ≤ {order} of up to {widest} players, exactly", False
            )
    return None


def _all_compared(rule: AllocationRule, settings: list[Case]) -> bool:
    """Return whether the settings hold every term on which a rule can differ from another.

    A rule of coalitions gives all terms of one support the same shares. Where it treats players alike, one
    coalition of every size stands for all.
    """
    if rule.granularity != "support" or rule.players is None or rule.needs:
        return False
    coalitions = {tuple(row) for case in settings for row in (case.kappas > 0).tolist()}
    if treats_players_alike(rule):
        return {sum(coalition) for coalition in coalitions} >= set(range(1, rule.players + 1))
    return len(coalitions - {(False,) * rule.players}) == 2**rule.players - 1


def _agree_deeply(rule: AllocationRule, known: AllocationRule) -> bool:
    """Return whether two rules agree on random terms beyond those enumerated, as far as the first goes."""
    if rule.needs or rule.reach is not None or rule.players is not None:
        return True
    try:
        return all((rule.exact_ratios(kappas) == known.exact_ratios(kappas)).all() for kappas in deep_terms())
    except TaylorAttrError:  # a function that does not go that far resembles no other
        return False


def _comparable(rule: AllocationRule, known: AllocationRule) -> bool:
    """Return whether a built-in rule could be this one: of players, without quantities, in its frames."""
    if known.proof == "" or known.receivers is not PLAYERS or known.scope != "players" or known.needs:
        return False
    if known.per_reference or known.name == rule.name or not set(rule.frames) <= set(known.frames):
        return False
    return rule.granularity == "term" or known.granularity == "support"


def _agree(
    rule: AllocationRule, known: AllocationRule, number: int, case: Case, tables: dict[int, np.ndarray]
) -> bool:
    """Return whether two rules have the same ratios in a setting; tables of the first are kept by number."""
    if number not in tables:
        tables[number] = rule.exact_ratios(case.kappas, case.context)
    return bool((tables[number] == known.exact_ratios(case.kappas)).all())


DEEP_PLAYERS = (2, 3, 4, 6)
"""Numbers of players of the terms beyond those enumerated."""

DEEP_ORDERS = (7, 16)
"""Smallest and largest order of these terms."""

DEEP_TERMS = 8
"""Terms for each number of players."""


def deep_terms(seed: int = 0) -> Iterator[np.ndarray]:
    """Iterate over tables of random multi-indices, shape (M, n), of orders beyond those enumerated.

    Args:
        seed: Of the draw.

    Yields:
        One table for each number of players.
    """
    generator = np.random.default_rng(seed)
    for n in DEEP_PLAYERS:
        orders = generator.integers(*DEEP_ORDERS, size=DEEP_TERMS, endpoint=True)
        yield np.array([generator.multinomial(order, generator.dirichlet(np.ones(n))) for order in orders])


@dataclass(frozen=True)
class StraightMeasure:
    """The measure of a rule κ_i M_{m−1}.

    Attributes:
        measure: It.
        proved: Whether the ratio has these moments at every order.
    """

    measure: Measure
    proved: bool


def straight_measure(rule: AllocationRule) -> StraightMeasure | None:
    """Return the positive measure of a rule κ_i M_{m−1}, None where there is none.

    A formula shows it for every order, unless it has cases that lie beyond the orders that determine the
    nodes. A function is asked for x₁^m up to that order, and compared on all small terms: it may still have a
    case of its own at another term.

    Args:
        rule: A rule of players without attributes.
    """
    if rule.needs or rule.granularity != "term" or rule.reach is not None:
        return None
    moment, proved = _of_formula(rule) if rule.evaluator is None else (_of_function(rule), False)
    if moment is None:
        return None
    try:
        return StraightMeasure(Moments(moment), proved)
    except OptionError:  # no positive measure has these moments
        return None


def _of_formula(rule: AllocationRule) -> tuple[Callable[[int], Fraction] | None, bool]:
    """Return k -> M_k of a formula κ_i M_{m−1}, None where it reads anything else than κ_i and m.

    Beside it, whether every order follows from those that are looked at, see `_even_beyond`.
    """
    ratio: Expr = sp.expand(simplified(inlined(rule)))
    factor: Expr = simplified(sp.Add(*(term / kappa[i] for term in sp.Add.make_args(ratio))))
    if factor.free_symbols - {m}:
        return None, False
    return (lambda k: rule.ratio((k + 1,))[0] / (k + 1)), _even_beyond(factor)


STEPS = (sp.Min, sp.Max, sp.Abs, sp.sign, sp.binomial)
"""Functions with which one order may be singled out: C(m, 60) begins at m = 60."""


def _even_beyond(factor: Expr) -> bool:
    """Return whether a formula in m has one case only from order `LARGEST_DEGREE` on.

    The nodes are determined by moments up to twice that order; a case that begins later they do not feel.
    """
    if factor.has(*STEPS):
        return False
    return all(
        relation.lhs == m and relation.rhs.is_Integer and relation.rhs <= LARGEST_DEGREE
        for relation in factor.atoms(Relational)
    )


def _of_function(rule: AllocationRule) -> Callable[[int], Fraction] | None:
    """Return k -> M_k read off x₁^m, None where other terms have other ratios."""
    try:
        orders = np.arange(1, 2 * LARGEST_DEGREE + 2)[:, None]
        single = rule.exact_ratios(orders)[:, 0] / np.array(
            [Fraction(int(o)) for o in orders[:, 0]], dtype=object
        )
        for case in cases(rule):
            powers = np.array([[Fraction(int(k)) for k in row] for row in case.kappas], dtype=object)
            expected = powers * single[case.terms.orders - 1][:, None]
            if (rule.exact_ratios(case.kappas, case.context) != expected).any():
                return None
        for kappas in deep_terms():
            powers = np.array([[Fraction(int(k)) for k in row] for row in kappas], dtype=object)
            if (rule.exact_ratios(kappas) != powers * single[kappas.sum(axis=1) - 1][:, None]).any():
                return None
    except TaylorAttrError:  # the function does not go that far
        return None
    return lambda k: single[k]


def power_exponents(rule: AllocationRule) -> Exponents | None:
    """Return the exponents of a formula κ_i p_i/Σκ_j p_j, None where it is none.

    Args:
        rule: A rule of players with attributes.
    """
    if rule.evaluator is not None or rule.granularity != "term" or not rule.needs:
        return None
    ratio: Any = simplified(inlined(rule))
    shared, own = ratio.as_independent(i, as_Add=False)
    weight: Expr = simplified(own / kappa[i])
    quantities: set[Any] = weight.atoms(sp.Indexed)
    reads = {str(node.base.label) for node in quantities}
    if "kappa" in reads or weight.has(m) or weight.has(s):
        return None
    other, letter = of_player(weight)
    if not same(shared * total(kappa[letter] * other, letter), sp.Integer(1)):
        return None
    return _exponents(rule)


def _exponents(rule: AllocationRule) -> Exponents:
    """Return p up to a factor: x₁x_j gives 1 and j the shares p_1 and p_j over their sum."""

    def exponents(context: Mapping[str, Any], n: int) -> list[Fraction]:
        if n == 1:
            return [Fraction(1)]
        pairs = np.zeros((n - 1, n), dtype=np.int64)
        pairs[:, 0] = 1
        pairs[np.arange(n - 1), np.arange(1, n)] = 1
        ratios = rule.exact_ratios(pairs, context)
        # pairs x₁x_j alone show p_j/p_1: shares of a power path are exponents over their sum
        nothing = Fraction(0)  # of a first player that never gets anything, which no path leads to
        shares = [(ratios[k - 1, k], ratios[k - 1, 0]) for k in range(1, n)]
        return [Fraction(1), *(own / first if first else nothing for own, first in shares)]

    return exponents
