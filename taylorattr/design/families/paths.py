"""Gradients averaged along a path: a measure on the straight one, power paths, any monotone one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any, get_args

import numpy as np
import sympy as sp

from taylorattr.aliases import MultiIndex
from taylorattr.allocation.extra.power_paths import POWER_PATH
from taylorattr.allocation.extra.straight_paths import BETA, MEASURE
from taylorattr.allocation.rule import RULES, AllocationRule, Domain
from taylorattr.design.attributes import PlayerAttributes
from taylorattr.design.build import build
from taylorattr.design.designed import DesignedRule
from taylorattr.design.exact_numbers import exact
from taylorattr.design.families.family import family
from taylorattr.design.formula_limits import bounded_fraction
from taylorattr.design.function_ratio import remembered
from taylorattr.design.ways.paths import Pieces, Power, Straight
from taylorattr.errors import OptionError
from taylorattr.maths.measures import Atoms, Beta, Density, Measure, Moments
from taylorattr.maths.path_rules import PathRule, path_rule
from taylorattr.maths.polynomials import path_shares
from taylorattr.maths.quadrature import MAX_NODES

MEASURE_KEEPS = {"no_leak": "Δ_i ∂_i f vanishes where the model does not read player i, eq. (70)"}

MOST_EXACT_NODES = 10_000
"""Nodes of a quadrature whose moments are worked out exactly: about ten seconds' worth."""

SPOKEN = "beta:a,b, gauss_legendre:q, left:q, right:q, midpoint:q, trapezoid:q, uniform"


@family(
    "measure",
    ratio="κ_i M_{m−1}, M_k = ∫ α^k dμ(α)",
    keeps=MEASURE_KEEPS,
    parameters="a measure μ on [0, 1]: density, Beta distribution, atoms, moments, a quadrature",
    source="eq. (70), (19)",
    only_complete="integrated_gradients",
)
def measure(given: Any, name: str = "my_measure", *, complete: bool | None = None) -> DesignedRule:
    """Make a rule that averages gradients on the straight path: a_i = Δ_i ∫ ∂_i f(b + αΔ) dμ(α).

    Args:
        given: One of: a Python density g(α), vectorised over numpy arrays; a number α, for the gradient
            there; a pair of places and masses; a list of moments M_0 … M_{2q−1}, an even
            number, as far as the orders go that are of interest; text, such as ``beta:2,1``, ``midpoint:8``
            or ``uniform``; a `taylorattr.maths.measures.Measure`.
        name: Name of the rule.
        complete: True promises completeness, which of all measures only the uniform one has (Integrated
            Gradients).

    Returns:
        The rule, checked and filed.

    Raises:
        OptionError: What is given is no measure on [0, 1], or a promise that does not hold.
    """
    mu = as_measure(given)
    rule = measure_rule(mu, name)
    return build(
        rule,
        ways=(Straight(mu, name),),
        origin="measure",
        parameters={"given": mu},
        complete=complete,
    )


def quadrature(
    rule: PathRule = "gauss_legendre", n_steps: int = 8, name: str = "my_quadrature"
) -> DesignedRule:
    """Make Integrated Gradients with a fixed quadrature, κ_i Σ_q ω_q α_q^{m−1}, eq. (19).

    Args:
        rule: ``gauss_legendre``, ``left``, ``right``, ``midpoint`` or ``trapezoid``.
        n_steps: Number of nodes.
        name: Name of the rule.

    Returns:
        The rule, checked and filed.

    Raises:
        OptionError: If there is no such quadrature, or it has too many nodes for exact moments.
    """
    if isinstance(n_steps, int) and n_steps > MOST_EXACT_NODES:
        raise OptionError(
            f"n_steps={n_steps:,}; exact moments are worked out for {MOST_EXACT_NODES:,} nodes at most"
        )
    return measure(path_rule(rule, n_steps), name)


def as_measure(given: Any) -> Measure:
    """Return what a user calls a measure as one.

    Raises:
        OptionError: If it is none.
    """
    if isinstance(given, Measure):
        return given
    if isinstance(given, str):
        return _spoken(given)
    if callable(given):
        density: Any = given
        return Density(density, getattr(given, "__name__", "g").replace("<lambda>", "g") + "(α) dα")
    try:
        if isinstance(given, tuple) and len(given) == 2 and np.ndim(given[0]) == 1:
            return Atoms(tuple(map(exact, given[0])), tuple(map(exact, given[1])))
        if np.ndim(given) == 0:
            return Atoms((exact(given),), (Fraction(1),))
        return Moments([exact(value) for value in given])
    except (TypeError, ValueError) as error:
        raise OptionError(
            f"{given!r} is no measure on [0, 1] ({error}); give a density g(α), a place, (places, masses), "
            f"moments, or one of {SPOKEN}"
        ) from None


def _spoken(words: str) -> Measure:
    """Return the measure that a text names."""
    kind, _, rest = words.partition(":")
    try:
        numbers = [bounded_fraction(part) for part in rest.split(",")] if rest else []
    except (ValueError, ZeroDivisionError):
        numbers, kind = [], ""
    if kind == "uniform" and not numbers:
        return Beta(Fraction(1), Fraction(1))
    if kind == "beta" and len(numbers) == 2:
        return Beta(*numbers)
    # the bound of quadratures: beyond it nodes take minutes, and their exact moments more
    if kind in get_args(PathRule) and len(numbers) == 1 and numbers[0] in range(1, MAX_NODES + 1):
        places, masses = path_rule(kind, int(numbers[0]))  # pyright: ignore[reportArgumentType]
        return Atoms(tuple(map(exact, places)), tuple(map(exact, masses)))
    raise OptionError(f"{words!r} names no measure; expected {SPOKEN}")


def measure_rule(mu: Measure, name: str) -> AllocationRule:
    """Return the ratio κ_i M_{m−1} of a measure, in the closed form that it has."""
    if isinstance(mu, Beta):
        return _fixed(BETA, name, a=mu.a, b=mu.b)
    if isinstance(mu, Atoms):
        base = RULES["integrated_gradients/quadrature"]
        made = _fixed(base, name, alpha=list(mu.places), omega=list(mu.masses))
        return replace(made, source="eq. (70), (19)", extra=True)

    def evaluate(kappas: np.ndarray, values: Any, exactly: bool) -> np.ndarray:
        orders = kappas.sum(axis=1)
        moments = {int(m): mu.moment(int(m) - 1) for m in set(orders.tolist()) if m}
        row = np.array([moments.get(int(m), Fraction(0)) for m in orders], dtype=object)
        ratios = kappas.astype(object) * row[:, None]
        return ratios if exactly else ratios.astype(np.float64)

    count = len(mu.given) if isinstance(mu, Moments) and not callable(mu.given) else None
    return replace(
        MEASURE,
        name=name,
        symbolic=sp.Symbol(f"κᵢ·M[m−1], μ = {mu.words}"),
        needs={},
        evaluator=evaluate,
        by_construction=MEASURE_KEEPS,
        reach=count,
        proof="",
    )


def _fixed(base: AllocationRule, name: str, **quantities: Any) -> AllocationRule:
    """Return a rule of the registry with its quantities given, tried with these values alone."""

    def tried(value: Any) -> Callable[[int], Sequence[Any]]:
        return lambda n: [value]

    return replace(
        base.fixed(name, **quantities),
        by_construction=MEASURE_KEEPS,
        tried={key: tried(value) for key, value in quantities.items()},
    )


PATH_KEEPS = {
    "coverage": "follows from complete, eq. (11)",
    "no_leak": "a player without effects has derivative 0 along the path, eq. (64)",
    "complete": "the shares along a monotone path are ∫ d(s^κ) = 1, eq. (64)",
}


@family(
    "power_path",
    ratio="κ_i p_i/Σ_j κ_j p_j",
    keeps=PATH_KEEPS,
    parameters="an exponent p_i > 0 of a player, which moves as b_i + Δ_i t^{p_i}; larger: later, for more",
    source="eq. (64); Friedman (2004)",
)
def power_path(exponents: Sequence[Any] | Mapping[str, Any], name: str = "my_path") -> DesignedRule:
    """Make the path rule along b + Δ∘t^p; it satisfies all three criteria for every p > 0.

    Args:
        exponents: p_1 … p_n, or {player's name: p}; only their ratios matter.
        name: Name of the rule.

    Returns:
        The rule, checked and filed.

    Raises:
        OptionError: If an exponent is not a positive number.
    """
    known = PlayerAttributes.of({"p": exponents})
    wrong = [(k, value) for k, value in enumerate(known.values["p"]) if value <= 0]
    if wrong:
        who = known.names[wrong[0][0]] if known.names else f"player {wrong[0][0]}"
        raise OptionError(f"the exponent of {who} is {wrong[0][1]}; a path to x needs positive exponents")
    rule = replace(
        POWER_PATH, name=name, needs={"p": replace(POWER_PATH.needs["p"], default=list(known.values["p"]))},
        tried=known.tried, by_construction=PATH_KEEPS,
    )  # fmt: skip
    return build(
        rule,
        ways=(Power(lambda context, n: context["p"], name),),
        attributes=known,
        origin="power_path",
        parameters={"exponents": known.given("p")},
    )


def path(given: Any, name: str = "my_path") -> DesignedRule:
    """Make a path rule: from exponents of the players (64), or from a measure on the straight path (70).

    Args:
        given: A list of numbers or a mapping: exponents, see `power_path`. Anything else: see `measure`.
        name: Name of the rule.

    Returns:
        The rule, checked and filed.
    """
    if isinstance(given, Mapping) or (isinstance(given, list) and given):
        return power_path(given, name)
    return measure(given, name)


@family(
    "monotone_path",
    ratio="κ_i ∫ Π_j s_j^{κ_j} ds_i/s_i",
    keeps=PATH_KEEPS,
    parameters="knots of a path of straight pieces from b to x, on which no player moves back",
    source="eq. (64); Friedman (2004)",
)
def monotone_path(knots: Sequence[Sequence[Any]], name: str = "my_monotone_path") -> DesignedRule:
    """Make the path rule along b + Δ∘s(t), s straight between knots; it satisfies all three criteria.

    One player after the other gives the marginal contributions of an order; two knots Integrated Gradients.
    A path given as a function is read as closely as it is sampled: pass its places on a grid of t.

    Args:
        knots: Places s of the n players, shape (K + 1, n): from 0 … 0 to 1 … 1, never falling.
        name: Name of the rule.

    Returns:
        The rule, checked and filed.

    Raises:
        OptionError: If the knots do not lead from 0 to 1, fall, or are no numbers.
    """
    places = _places(knots)

    def shares(kappa: MultiIndex, values: Mapping[str, Any], exactly: bool) -> list[Fraction]:
        return path_shares(places, kappa) if any(kappa) else [Fraction(0)] * len(kappa)

    rule = AllocationRule(
        name=name,
        symbolic=sp.Symbol(f"κᵢ·∫ Πⱼ sⱼ^κⱼ dsᵢ/sᵢ, {len(places) - 1} straight pieces"),
        kind="U",
        frame="baseline",
        granularity="term",
        domain=Domain("functions whose Taylor series converges at x", series=True),
        source="eq. (64); Friedman (2004)",
        proof="",
        extra=True,
        evaluator=remembered(shares, "U"),
        by_construction=PATH_KEEPS,
        players=len(places[0]),
    )
    table = np.array([[float(place) for place in row] for row in places])
    return build(rule, ways=(Pieces(table, name),), origin="monotone_path", parameters={"knots": places})


def _places(knots: Any) -> list[list[Fraction]]:
    """Return the knots as exact numbers, from 0 to 1 and never falling."""
    try:
        places = [[exact(place) for place in row] for row in knots]
    except (TypeError, ValueError) as error:
        raise OptionError(f"knots: {error}; give one row of places per knot, one number per player") from None
    if len(places) < 2 or len({len(row) for row in places}) != 1 or not places[0]:
        raise OptionError("knots are a table of at least two rows, one number per player in each")
    if any(places[0]) or any(place != 1 for place in places[-1]):
        raise OptionError(
            f"a path leads from 0 to 1 for every player; its ends are {knots[0]} and {knots[-1]}"
        )
    for at, (before, after) in enumerate(zip(places[:-1], places[1:], strict=True)):
        back = [i for i, (one, two) in enumerate(zip(before, after, strict=True)) if two < one]
        if back:
            raise OptionError(
                f"player {back[0]} moves back between knots {at} and {at + 1}, from {before[back[0]]} to "
                f"{after[back[0]]}; shares add up to 1 on monotone paths"
            )
    return places
