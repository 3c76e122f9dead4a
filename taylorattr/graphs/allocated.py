"""What a rule hands out of each effect: the same table with I(κ) replaced by Σ_i w_i(κ) I(κ)."""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar, cast

import torch

from taylorattr.allocation.allocate import blocks, in_frame_of, require_domain, require_level
from taylorattr.allocation.context import Context, varies
from taylorattr.allocation.rule import AnyRule, context_of, rule_of
from taylorattr.effects.coalition_table import HarsanyiEffects
from taylorattr.effects.taylor_effects import TaylorEffects

E = TypeVar("E", TaylorEffects, HarsanyiEffects)


def allocated_effects(rule: AnyRule, effects: E, context: Context | None = None) -> E:
    """Return the effects as a rule hands them out, Σ_i w_i(κ) · I(κ) in the place of I(κ), eq. (10).

    A graph of these beside one of the effects themselves shows what a method makes of them: an edge that has
    grown is counted more than once, one that is gone was dropped, one unchanged was handed out whole.

    Args:
        rule: Name in ``ta.RULES``, a rule, or a designed rule.
        effects: Taylor effects, or for a support-level rule effects of coalitions.
        context: What the rule reads besides κ.

    Returns:
        A table of the same kind; delta and f are those of the effects, and ``diagnostics`` names the rule.

    Raises:
        OptionError: Another frame than the rule's, a term-level rule on effects of coalitions, or a missing
            quantity in the context.

    Example:
        >>> import sympy
        >>> from taylorattr.effects.symbolic import symbolic_effects
        >>> x0, x1 = sympy.symbols("x0 x1")
        >>> effects = symbolic_effects(3 * x0 + x1**2 + 3 * x0 * x1**2, (x0, x1), (1, 2)).to_taylor_effects()
        >>> allocated_effects("occlusion_1", effects).interactions["x0", "x1"].item()  # twice 12
        24.0
    """
    chosen, context = rule_of(rule), context_of(rule, effects.names, context)
    converted, notes = in_frame_of(chosen, effects)
    table = cast(E, converted)  # a conversion of frames keeps the type
    require_level(chosen, table)
    require_domain(chosen, table.n, table.batch, context)
    # a copy: tables are shared by results and never written to
    values = table.values.double().cpu().numpy().copy()
    size = len(chosen.receiver_names(table.names, context))
    # one table of ratios serves all examples, unless the context differs between them
    separate = varies(chosen.needs, context)
    groups = [slice(e, e + 1) for e in range(table.batch)] if separate else [slice(0, table.batch)]
    for rows in groups:
        for columns, kappas in blocks(table, size):
            values[rows, columns] *= chosen.ratios(kappas, context, example=rows.start).sum(1)
    diagnostics = {**table.diagnostics, **notes, "allocated_by": chosen.name}
    return replace(table, values=torch.from_numpy(values), diagnostics=diagnostics, **_unbounded(table))


def _unbounded(table: TaylorEffects | HarsanyiEffects) -> dict[str, None]:
    """Return what of a table describes the effects themselves and not what is handed out of them."""
    return {"error_bound": None} if isinstance(table, HarsanyiEffects) else {"tails": None}
