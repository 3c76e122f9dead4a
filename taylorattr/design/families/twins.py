"""The OR-frame twin of a rule: the same ratio on effects seen from the input."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from taylorattr.allocation.rule import AllocationRule
from taylorattr.design.attributors import attributor
from taylorattr.design.build import build
from taylorattr.design.designed import DesignedRule
from taylorattr.design.ways.orders import SampledOrders
from taylorattr.design.ways.pieces import Pieces
from taylorattr.design.ways.power import Power
from taylorattr.design.ways.straight import Straight
from taylorattr.design.ways.way import Way
from taylorattr.errors import OptionError


def or_twin(rule: str | AllocationRule | DesignedRule, name: str | None = None) -> DesignedRule:
    """Make the rule with the same ratio on OR-effects: expanded at x towards b, eq. (6), (8).

    AND-effects are there once all their players are, OR-effects as soon as one is (69). The twin of
    Occlusion-1 counts what a player does alone; those of Integrated Gradients and Shapley are these rules
    themselves (9).

    Args:
        rule: A rule of the frame of the baseline.
        name: Name of the twin; default: the rule's with ``_or``.

    Returns:
        The twin, checked and filed.

    Raises:
        OptionError: If the rule is one of the input's frame already.
    """
    base = attributor(rule)
    if base.rule.frames == ("input",):
        raise OptionError(
            f"{base.name} is a rule of frame 'input' already; or_twin starts from frame 'baseline'"
        )
    made = replace(
        base.rule,
        name=name or f"{base.name}_or",
        frame="input",
        proof="",
        source=f"OR-twin of {base.name}, eq. (69)",
        extra=True,
    )
    ways: list[Way] = []
    draw: Any = None
    for way in base.ways:
        if isinstance(way, Power | Pieces | Straight):
            ways.append(replace(way, from_input=True, name_of_rule=made.name))
        if isinstance(way, SampledOrders):
            draw = way.draw
    return build(
        made, ways=ways, attributes=base.attributes, draw=draw, origin="or_twin", parameters={"rule": base}
    )
