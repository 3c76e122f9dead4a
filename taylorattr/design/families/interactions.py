"""Interaction indices as rules whose receivers are coalitions, such as pairs, eq. (62)."""

from __future__ import annotations

from dataclasses import replace

from taylorattr.allocation.extra.interaction_indices import interaction_rule
from taylorattr.design.build import build
from taylorattr.design.designed import DesignedRule
from taylorattr.errors import OptionError

INDICES = ("sii", "k_sii", "stii", "fsii", "banzhaf_interaction")


def interaction(index: str, order: int = 2, name: str | None = None) -> DesignedRule:
    """Make an interaction index: effects are shared out to coalitions of at most `order` players.

    Args:
        index: ``sii``, ``k_sii``, ``stii``, ``fsii`` or ``banzhaf_interaction``.
        order: Largest size of a coalition that receives.
        name: Name of the rule; default: the index and its order.

    Returns:
        The rule, checked and filed; its receivers are coalitions.

    Raises:
        OptionError: If there is no such index, or the order is below 1.
    """
    if index not in INDICES:
        raise OptionError(f"no interaction index is called {index!r}; known: {', '.join(INDICES)}")
    if isinstance(order, bool) or not isinstance(order, int) or order < 1:
        raise OptionError(f"order={order!r}; expected a whole number, at least 1")
    made = interaction_rule(index, order, name or f"my_{index}_{order}")
    return build(
        replace(made, tried={"k": lambda n: [order]}),
        origin="interaction",
        parameters={"index": index, "order": order},
    )
