"""Rules that give an effect to the member that joins last in a random order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from taylorattr.allocation.rule import AllocationRule, Domain
from taylorattr.allocation.symbols import Expr, Indicator, i, indexed, j, kappa, q, total
from taylorattr.design.attributes import PlayerAttributes
from taylorattr.design.build import build
from taylorattr.design.designed import DesignedRule
from taylorattr.design.families.family import family
from taylorattr.design.ways.sampled_orders import Draw
from taylorattr.errors import OptionError

KEEPS = {
    "coverage": "follows from complete, eq. (11)",
    "no_leak": "only members of S can be the last of S to join",
    "complete": "exactly one member of S joins last, whatever the order, eq. (72)",
}

_weight, _stage, _group = indexed("weight"), indexed("stage"), indexed("group")


def _member(letter: Expr) -> Expr:
    """Return 1[κ > 0] of a player."""
    return Indicator(kappa[letter] > 0)


@family(
    "weighted_shapley",
    ratio="λ_i/Σ_{j∈S} λ_j for i ∈ S",
    keeps=KEEPS,
    parameters="a weight λ_i > 0 of each player",
    source="eq. (72); Shapley (1953); Kalai & Samet (1987)",
)
def weighted_shapley(
    weights: Sequence[Any] | Mapping[str, Any], name: str = "my_weighted_shapley"
) -> DesignedRule:
    """Make the weighted Shapley value: each effect is shared in proportion to the members' weights.

    Args:
        weights: λ_1 … λ_n, positive, or {player's name: λ}.
        name: Name of the rule.

    Returns:
        The rule, checked and filed.

    Raises:
        OptionError: If a weight is not positive.
    """
    known = PlayerAttributes.of({"weight": weights})
    if min(known.values["weight"]) <= 0:
        raise OptionError(f"a weight is {min(known.values['weight'])}; weights of players are positive")
    ratio = _weight[i] * _member(i) / total(_weight[j] * _member(j))
    return _made(name, ratio, known, _by_weight, "weighted_shapley", "eq. (72); Kalai & Samet (1987)")


@family(
    "ordered",
    ratio="1/#(members of the latest stage of S) for those members",
    keeps=KEEPS,
    parameters="a stage of each player, such as its place in a causal order",
    source="eq. (72); asymmetric Shapley values: Frye, Rowat & Feige, arXiv 1910.06358",
)
def ordered(stages: Sequence[Any] | Mapping[str, Any], name: str = "my_order") -> DesignedRule:
    """Make a rule for players in an order: an effect goes to its members of the latest stage, equally.

    Players join stage by stage; what earlier ones explain alone is not shared with later ones. For a causal
    order with causes first, effects are read off given their causes.

    Args:
        stages: A number for each player, or {player's name: number}; equal numbers join together.
        name: Name of the rule.

    Returns:
        The rule, checked and filed.
    """
    known = PlayerAttributes.of({"stage": stages})
    last = _in_latest_stage(i)
    ratio = last / total(_in_latest_stage(j), j)
    return _made(name, ratio, known, _by_stage, "ordered", "eq. (72); Frye, Rowat & Feige, arXiv 1910.06358")


def _in_latest_stage(letter: Expr) -> Expr:
    """Return 1 for a member of a term that no member of a later stage is beside, else 0."""
    later = total(_member(q) * Indicator(_stage[q] > _stage[letter]), q)
    return _member(letter) * Indicator(later <= 0)


@family(
    "owen",
    ratio="1/(#groups in S · #members of S in the group of i) for i ∈ S",
    keeps=KEEPS,
    parameters="a group of each player",
    source="eq. (72); Owen (1977)",
)
def owen(groups: Sequence[Any] | Mapping[str, Any], name: str = "my_groups") -> DesignedRule:
    """Make the Owen value: an effect is shared equally among the groups it touches, then inside each group.

    Args:
        groups: A number for each player, or {player's name: number}; equal numbers are one group.
        name: Name of the rule.

    Returns:
        The rule, checked and filed.
    """
    known = PlayerAttributes.of({"group": groups})

    def share(letter: Expr) -> Expr:
        beside = total(
            _member(q) * Indicator(_group[q] <= _group[letter]) * Indicator(_group[q] >= _group[letter]), q
        )
        return _member(letter) / beside

    return _made(name, share(i) / total(share(j), j), known, _by_group, "owen", "eq. (72); Owen (1977)")


def _made(
    name: str, ratio: Expr, known: PlayerAttributes, draw: Draw, origin: str, source: str
) -> DesignedRule:
    """Return a support-level rule of one attribute, drawn along its own orders."""
    rule = AllocationRule(
        name=name,
        symbolic=ratio,
        kind="X",
        frame="baseline",
        granularity="support",
        domain=Domain("every function"),
        source=source,
        proof="",
        needs=known.needs,
        tried=known.tried,
        extra=True,
        by_construction=KEEPS,
    )
    (attribute,) = known.values
    return build(
        rule, attributes=known, draw=draw, origin=origin, parameters={f"{attribute}s": known.given(attribute)}
    )


def _ranked(keys: np.ndarray) -> np.ndarray:
    """Return the rank of each key in its row: when the player joins."""
    return keys.argsort(axis=1).argsort(axis=1)


def _by_weight(generator: np.random.Generator, n: int, count: int, context: Mapping[str, Any]) -> np.ndarray:
    """Return orders in which i is the last of S with probability λ_i/Σ_S λ: exponential clocks, reversed."""
    rates = np.array([float(w) for w in context["weight"]])
    return _ranked(-generator.exponential(size=(count, n)) / rates)


def _by_stage(generator: np.random.Generator, n: int, count: int, context: Mapping[str, Any]) -> np.ndarray:
    """Return uniform orders among those that go stage by stage."""
    stages = _places(context["stage"])
    return _ranked(stages + generator.random((count, n)))


def _by_group(generator: np.random.Generator, n: int, count: int, context: Mapping[str, Any]) -> np.ndarray:
    """Return uniform orders of the groups, and of the players inside each."""
    groups = _places(context["group"])
    turn = _ranked(generator.random((count, int(groups.max()) + 1)))
    return _ranked(turn[:, groups] + generator.random((count, n)))


def _places(values: Sequence[Any]) -> np.ndarray:
    """Return numbers as 0, 1, 2, … in their order."""
    return np.unique(np.array([float(v) for v in values]), return_inverse=True)[1]
