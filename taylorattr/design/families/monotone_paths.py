"""Any monotone path, as straight pieces through knots, eq. (64)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import sympy as sp

from taylorattr.aliases import MultiIndex
from taylorattr.allocation.rule import AllocationRule, Domain
from taylorattr.design.build import build
from taylorattr.design.designed import DesignedRule
from taylorattr.design.exact_numbers import exact
from taylorattr.design.families.family import family
from taylorattr.design.families.power_paths import KEEPS
from taylorattr.design.function_ratio import remembered
from taylorattr.design.ways.pieces import Pieces
from taylorattr.errors import OptionError
from taylorattr.maths.path_shares import path_shares


@family(
    "monotone_path",
    ratio="κ_i ∫ Π_j s_j^{κ_j} ds_i/s_i",
    keeps=KEEPS,
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
        by_construction=KEEPS,
        players=len(places[0]),
    )
    table = np.array([[float(place) for place in row] for row in places])
    return build(rule, ways=(Pieces(table, name),), origin="monotone_path", parameters={"knots": places})


def _places(knots: Any) -> list[list[Fraction]]:
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
