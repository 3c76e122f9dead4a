"""Share effects out by a rule: a_i = Σ_κ w_i(κ) I(κ), eq. (10)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from typing import Any, TypeAlias

import numpy as np
import sympy as sp
import torch

from taylorattr.allocation.context import Context, resolve
from taylorattr.allocation.rule import RULES, AllocationRule
from taylorattr.attribution import Attribution
from taylorattr.effects.harsanyi_effects import HarsanyiEffects
from taylorattr.effects.symbolic import SymbolicEffects
from taylorattr.effects.taylor_effects import TaylorEffects
from taylorattr.errors import OptionError

Effects: TypeAlias = TaylorEffects | HarsanyiEffects | SymbolicEffects

CELLS = 1 << 22
"""Entries of the ratio table held at a time: 32 MiB."""


def allocate(
    rule: str | AllocationRule,
    effects: Effects | Sequence[Effects],
    context: Context | None = None,
) -> Attribution:
    """Return the attribution a rule makes of effects, a_i = Σ_κ w_i(κ) I(κ) (+ share of I(0)), eq. (10).

    Args:
        rule: Name in ``ta.RULES``, or a rule.
        effects: Taylor effects; for a support-level rule also exact effects of coalitions, and then the
            result is exact for every model. A sequence, one entry per reference, for a rule that is averaged
            over references; their examples must match.
        context: What the rule reads besides κ: name -> value, or one value per example.

    Returns:
        The scores of the receivers; ``scores`` is None, since effects know no input tensors. Diagnostics say
        up to which order the effects go and whether the rule is exact there.

    Raises:
        OptionError: Another frame than the rule's, a term-level rule on effects of coalitions, a missing
            quantity in the context, or several references for a rule that has one.
        ShapeError: A quantity of the context has the wrong shape.
    """
    chosen = RULES[rule] if isinstance(rule, str) else rule
    if isinstance(effects, TaylorEffects | HarsanyiEffects | SymbolicEffects):
        return _allocate(chosen, effects, context)
    parts = [_allocate(chosen, one, context) for one in effects]
    if not parts or not chosen.per_reference:
        raise OptionError(
            f"{chosen.name} was given {len(parts)} tables of effects; "
            + ("pass at least one" if chosen.per_reference else "it has one baseline: pass one table")
        )
    return Attribution(
        player_scores=torch.stack([p.player_scores for p in parts]).mean(0),
        scores=None,
        method=chosen.name,
        frame=parts[0].frame,
        names=parts[0].names,
        f_input=parts[0].f_input,
        f_baseline=torch.stack([p.f_baseline for p in parts]).mean(0),
        diagnostics={"references": len(parts), "each_reference": [p.diagnostics for p in parts]},
    )


def _allocate(rule: AllocationRule, effects: Effects, context: Context | None) -> Attribution:
    effects, notes = in_frame_of(rule, effects)
    require_level(rule, effects)
    exact = _exact_scores(rule, effects, context) if isinstance(effects, SymbolicEffects) else None
    if isinstance(effects, SymbolicEffects):
        support = rule.granularity == "support"
        effects = effects.to_harsanyi_effects() if support else effects.to_taylor_effects()
        notes["exact"] = [str(value) for value in exact or ()]
    rows = [allocated_row(rule, effects, context, example) for example in range(effects.batch)]
    notes |= _validity(rule, effects, context)
    names = rule.receiver_names(effects.names, context)
    return Attribution(
        player_scores=torch.from_numpy(np.stack(rows)) if rows else torch.zeros(0, len(names)).double(),
        scores=None,
        method=rule.name,
        frame=effects.frame,
        names=names,
        f_input=effects.f_input.double().cpu(),
        f_baseline=effects.f_baseline.double().cpu(),
        diagnostics=notes,
    )


def in_frame_of(rule: AllocationRule, effects: Effects) -> tuple[Effects, dict[str, Any]]:
    """Return effects in a frame of the rule: a full table of coalitions is converted, eq. (8).

    Raises:
        OptionError: If effects are in another frame and cannot be converted.
    """
    if effects.frame in rule.frames:
        return effects, {}
    wanted = rule.frames[0]
    if isinstance(effects, HarsanyiEffects) and effects.full and effects.truncated_at is None:
        return effects.in_frame(wanted), {"converted_from_frame": effects.frame}
    others = [r.name for r in RULES.of_method(rule.method) if effects.frame in r.frames]
    hint = f", or use the rule {' or '.join(map(repr, others))}" if others else ""
    raise OptionError(
        f"{rule.name} shares effects in frame {wanted!r}, and these are in frame {effects.frame!r}; compute "
        f"them with frame={wanted!r}{hint}"
    )


def require_level(rule: AllocationRule, effects: Effects) -> None:
    """Raise OptionError if the rule tells terms apart that the effects have already added up."""
    if isinstance(effects, HarsanyiEffects) and rule.granularity != "support":
        raise OptionError(
            f"{rule.name} tells terms of one support apart, so effects of coalitions are not enough; "
            "pass Taylor effects: decompose(...), or symbolic_effects(...) of an expression"
        )


def blocks(effects: TaylorEffects | HarsanyiEffects, receivers: int) -> Iterator[tuple[slice, np.ndarray]]:
    """Iterate over blocks of effects: their columns, and κ of each (0/1 for a coalition), shape (m, n)."""
    n = effects.n
    step = max(1, CELLS // max(1, receivers, n))
    if isinstance(effects, TaylorEffects):
        kappas = effects.multi_indices
        for start in range(0, len(kappas), step):
            stop = min(start + step, len(kappas))
            yield slice(start, stop), kappas[start:stop]
        return
    # column 0 is ∅, whose entry is f at the frame's own point
    bits = np.arange(n)
    for start in range(1, effects.values.shape[1], step):
        stop = min(start + step, effects.values.shape[1])
        masks = np.arange(start, stop) if effects.max_order is None else effects.masks[start:stop]
        if masks.dtype == object:
            rows = np.array([[int(mask) >> int(bit) & 1 for bit in bits] for mask in masks])
        else:
            rows = masks[:, None] >> bits & 1
        yield slice(start, stop), rows


def allocated_row(
    rule: AllocationRule,
    effects: TaylorEffects | HarsanyiEffects,
    context: Context | None,
    example: int,
) -> np.ndarray:
    """Return the scores of one example, shape (R,), float64."""
    values = effects.values[example].double().cpu().numpy()
    scores = rule.constant_shares(effects.n, context, example)
    if rule.constant is not None:
        start = effects.f_baseline if effects.frame == "baseline" else effects.f_input
        scores = scores * float(start[example])
    for columns, kappas in blocks(effects, len(scores)):
        scores = scores + values[columns] @ rule.ratios(kappas, context, example=example)
    return scores


def _exact_scores(rule: AllocationRule, effects: SymbolicEffects, context: Context | None) -> list[Any]:
    """Return the scores in the arithmetic of the effects."""
    n = len(effects.names)
    supports = rule.granularity == "support"
    table: Mapping[tuple[int, ...], Any] = effects.harsanyi if supports else effects.terms
    scores: list[Any] = [0] * len(rule.receiver_names(effects.names, context))
    for key, value in table.items():
        kappa = tuple(int(p in key) for p in range(n)) if supports else key
        for receiver, weight in enumerate(rule.ratio(kappa, context)):
            scores[receiver] += as_exact(weight) * value
    return scores


def as_exact(weight: Fraction) -> Any:
    """Return a fraction as sympy's rational, which multiplies exact effects."""
    return sp.Rational(weight.numerator, weight.denominator)


def _validity(
    rule: AllocationRule, effects: TaylorEffects | HarsanyiEffects, context: Context | None
) -> dict[str, Any]:
    """Return what a reader must know before trusting the scores as the method's."""
    notes: dict[str, Any] = {"rule": rule.formula, "kind": rule.kind, "exact_for": rule.domain.words}
    reasons: list[str | None] = []
    for example in range(effects.batch):
        found = resolve(rule.name, rule.needs, context, effects.n, example)
        reason = rule.domain.excludes(found)
        if reason is None and isinstance(effects, TaylorEffects) and not bool(effects.converged[example]):
            reason = f"the series is not known to converge: {effects.reasons[example]}"
        reasons.append(reason)
    if isinstance(effects, TaylorEffects):
        notes |= {"order": effects.order, "remainder": effects.remainder.tolist()}
    elif effects.max_order is not None or effects.truncated_at is not None:
        notes |= {"coalitions_up_to": effects.max_order, "terms_up_to": effects.truncated_at}
    if any(reasons):
        notes["outside_domain"] = reasons
    return notes
