"""Rules that average gradients on the straight path with a measure, eq. (70)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any, get_args

import numpy as np
import sympy as sp

from taylorattr.allocation.extra.straight_paths import BETA, MEASURE
from taylorattr.allocation.rule import RULES, AllocationRule
from taylorattr.design.build import build
from taylorattr.design.designed import DesignedRule
from taylorattr.design.exact_numbers import exact
from taylorattr.design.families.family import family
from taylorattr.design.ways.straight import Straight
from taylorattr.errors import OptionError
from taylorattr.maths.measures import Atoms, Beta, Density, Measure, Moments
from taylorattr.maths.path_rules import PathRule, path_rule

KEEPS = {"no_leak": "Δ_i ∂_i f vanishes where the model does not read player i, eq. (70)"}

SPOKEN = "beta:a,b, gauss_legendre:q, left:q, right:q, midpoint:q, trapezoid:q, uniform"


@family(
    "measure",
    ratio="κ_i M_{m−1}, M_k = ∫ α^k dμ(α)",
    keeps=KEEPS,
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
    """
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
            "moments, or "
            f"one of {SPOKEN}"
        ) from None


def _spoken(words: str) -> Measure:
    kind, _, rest = words.partition(":")
    try:
        numbers = [Fraction(part) for part in rest.split(",")] if rest else []
    except (ValueError, ZeroDivisionError):
        numbers, kind = [], ""
    if kind == "uniform" and not numbers:
        return Beta(Fraction(1), Fraction(1))
    if kind == "beta" and len(numbers) == 2:
        return Beta(*numbers)
    if kind in get_args(PathRule) and len(numbers) == 1 and numbers[0].denominator == 1:
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
        found = kappas.astype(object) * row[:, None]
        return found if exactly else found.astype(np.float64)

    count = len(mu.given) if isinstance(mu, Moments) and not callable(mu.given) else None
    return replace(
        MEASURE,
        name=name,
        symbolic=sp.Symbol(f"κᵢ·M[m−1], μ = {mu.words}"),
        needs={},
        evaluator=evaluate,
        by_construction=KEEPS,
        reach=count,
        proof="",
    )


def _fixed(base: AllocationRule, name: str, **quantities: Any) -> AllocationRule:
    def tried(value: Any) -> Callable[[int], Sequence[Any]]:
        return lambda n: [value]

    return replace(
        base.fixed(name, **quantities),
        by_construction=KEEPS,
        tried={key: tried(value) for key, value in quantities.items()},
    )
