"""``ta.design.mix``: Σ_k c_k w^k, eq. (71)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import sympy as sp

from taylorattr.allocation.rule import AllocationRule
from taylorattr.design.attributes import PlayerAttributes
from taylorattr.design.build import attributor, build
from taylorattr.design.define import ANY_MODEL, SERIES
from taylorattr.design.designed import DesignedRule, shared
from taylorattr.design.exact_numbers import exact_row
from taylorattr.design.formulas import disjoint, simplified
from taylorattr.design.ways.other_rules import Mixture, Part
from taylorattr.errors import OptionError


def mix(
    rules: Sequence[str | AllocationRule | DesignedRule], weights: Sequence[Any], name: str = "my_mixture"
) -> DesignedRule:
    """Make a mixture of rules of one frame: w = Σ_k c_k w^k.

    No leak and completeness are affine: what all rules keep a mixture keeps, completeness where Σ c_k = 1,
    and coverage follows from it (71).

    Args:
        rules: Rules of players.
        weights: c_k, one per rule; of any sign.
        name: Name of the mixture.

    Returns:
        The mixture, checked and filed.

    Raises:
        OptionError: Not one weight per rule, rules of different frames, or attributes of the players that
            contradict each other.
    """
    parts = [attributor(rule) for rule in rules]
    if not parts or len(parts) != len(weights):
        raise OptionError(
            f"mix was given {len(parts)} rules and {len(weights)} weights; give one weight per rule"
        )
    try:
        factors = exact_row(list(weights))
    except (TypeError, ValueError) as error:
        raise OptionError(f"weights of a mixture: {error}; give one number per rule") from None
    frames = set.intersection(*(set(part.rule.frames) for part in parts))
    if not frames:
        by_rule = ", ".join(f"{part.name} ({part.rule.frame})" for part in parts)
        raise OptionError(
            f"a mixture needs one frame for all: {by_rule}; ta.design.transport(rule) moves one to the other"
        )
    whole = sum(factors, Fraction(0)) == 1
    statement = "a mixture of rules that keep it, eq. (71)"
    by_construction = shared(parts, "no_leak", statement)
    if whole:
        by_construction |= shared(parts, "complete", statement + ", with weights adding up to 1")
    support = all(part.rule.granularity == "support" for part in parts)
    formula = all(part.rule.evaluator is None for part in parts)
    own = disjoint([part.rule for part in parts])
    attributes = _attributes(parts, own.names)
    known = attributes.values
    reaches = [part.rule.reach for part in parts if part.rule.reach is not None]
    if formula:
        terms = (_rational(c) * own.ratio(k, parts[k].rule) for k, c in enumerate(factors))
        ratio = simplified(sum(terms, sp.Integer(0)))
    else:
        ratio = sp.Symbol(" + ".join(f"{c}·{part.name}" for c, part in zip(factors, parts, strict=True)))
    made = AllocationRule(
        name=name,
        symbolic=ratio,
        kind="X" if own.needs else ("S" if support else "U"),
        frame="both" if frames == {"baseline", "input"} else next(iter(frames)),  # pyright: ignore[reportArgumentType]
        granularity="support" if support else "term",
        domain=ANY_MODEL if support else SERIES,
        source=f"mixture of {', '.join(part.name for part in parts)}, eq. (71)",
        proof="",
        needs=own.needs | {name: replace(own.needs[name], default=list(v)) for name, v in known.items()},
        tried=own.tried,
        extra=True,
        evaluator=None if formula else _evaluator(parts, factors, own.names),
        by_construction=by_construction,
        reach=min(reaches, default=None),
        players=next((part.rule.players for part in parts if part.rule.players is not None), None),
    )
    way = Mixture(tuple(map(_part, parts)), tuple(map(float, factors)), tuple(part.name for part in parts))
    return build(
        made,
        ways=(way,),
        attributes=attributes,
        origin="mix",
        parameters={"rules": parts, "weights": factors},
    )


def _rational(value: Fraction) -> Any:
    return sp.Rational(value.numerator, value.denominator)


def _part(rule: DesignedRule) -> Part:
    """Return how one rule of the mixture is computed."""
    return lambda question, budget: rule.scores(question, budget)


def _evaluator(
    parts: Sequence[DesignedRule], factors: Sequence[Fraction], names: Sequence[Mapping[str, str]]
) -> Any:
    """Return the evaluator of Σ_k c_k w^k, each rule with its own quantities."""

    def evaluate(kappas: np.ndarray, values: Mapping[str, np.ndarray], exact: bool) -> np.ndarray:
        total: Any = 0
        for part, factor, own in zip(parts, factors, names, strict=True):
            context = {name: values[here] for name, here in own.items()}
            table = part.rule.exact_ratios(kappas, context) if exact else part.rule.ratios(kappas, context)
            total = total + (factor if exact else float(factor)) * table
        return total

    return evaluate


def _attributes(parts: Sequence[DesignedRule], names: Sequence[Mapping[str, str]]) -> PlayerAttributes:
    """Return the parts' attributes together, each under its name in the mixture.

    Raises:
        OptionError: If two parts name different players.
    """
    players = next((part.attributes.names for part in parts if part.attributes.names), None)
    values: dict[str, Any] = {}
    for part, own in zip(parts, names, strict=True):
        mine = part.attributes.names
        if players is not None and part.attributes.values and set(mine or ()) != set(players):
            what = "other players" if mine else "its players by position"
            listed = ", ".join(players[:4]) + (", …" if len(players) > 4 else "")
            raise OptionError(
                f"{part.name} knows {what}, and another rule of the mixture knows {listed}; define both for "
                "the same players"
            )
        order = None if mine is None or players is None else [mine.index(player) for player in players]
        for name, entries in part.attributes.values.items():
            values[own[name]] = entries if order is None else tuple(entries[k] for k in order)
    return PlayerAttributes(values, players)
