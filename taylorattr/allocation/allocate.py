"""Share effects out by a rule: a_i = Σ_κ w_i(κ) I(κ), eq. (10)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any, TypeAlias

import numpy as np
import sympy as sp
import torch

from taylorattr.allocation.context import Context, varies
from taylorattr.allocation.rule import RULES, AllocationRule, AnyRule, context_of, rule_of
from taylorattr.attribution import Attribution
from taylorattr.effects.coalition_table import HarsanyiEffects
from taylorattr.effects.symbolic import SymbolicEffects
from taylorattr.effects.taylor_effects import TaylorEffects
from taylorattr.errors import OptionError, ShapeError

Effects: TypeAlias = TaylorEffects | HarsanyiEffects | SymbolicEffects

CELLS = 1 << 18
"""Entries of the ratio table held at a time: 2 MiB, which stay in the processor's cache."""


def allocate(
    rule: AnyRule,
    effects: Effects | Sequence[Effects],
    context: Context | Sequence[Context] | None = None,
) -> Attribution:
    """Return the attribution a rule makes of effects, a_i = Σ_κ w_i(κ) I(κ) (+ share of I(0)), eq. (10).

    Args:
        rule: Name in ``ta.RULES``, a rule, or a designed rule, which knows its own context.
        effects: Taylor effects; for a support-level rule also exact effects of coalitions, and then the
            result is exact for every model. A sequence, one entry per reference, for a rule that is averaged
            over references; their examples must match.
        context: What the rule reads besides κ: name -> value, or one value per example. With a sequence of
            effects also a sequence, one entry per reference.

    Returns:
        The scores of the receivers; ``scores`` is None, since effects know no input tensors. Diagnostics say
        up to which order the effects go and whether the rule is exact there.

    Raises:
        OptionError: Something else than effects, another frame than the rule's, a term-level rule on effects
            of coalitions, a missing quantity in the context, a context that the rule's domain excludes, or
            several references for a rule that has one.
        ShapeError: A quantity of the context has the wrong shape, or tables of effects do not match.

    Example:
        >>> import sympy
        >>> from taylorattr.effects.symbolic import symbolic_effects
        >>> x0, x1 = sympy.symbols("x0 x1")
        >>> effects = symbolic_effects(3 * x0 + x1**2 + 3 * x0 * x1**2, (x0, x1), (1, 2))  # 3, 4 and 12
        >>> allocate("integrated_gradients", effects).player_scores.tolist()
        [[7.0, 12.0]]
    """
    chosen = rule_of(rule)
    if isinstance(effects, TaylorEffects | HarsanyiEffects | SymbolicEffects):
        if isinstance(context, Sequence):
            raise OptionError(
                f"{chosen.name} was given one table of effects and {len(context)} contexts; pass one of each"
            )
        return _allocate(chosen, effects, context_of(rule, effects.names, context))
    entries = effects if isinstance(effects, Sequence) else [effects]
    foreign = [
        entry for entry in entries if not isinstance(entry, TaylorEffects | HarsanyiEffects | SymbolicEffects)
    ]
    if foreign:
        raise OptionError(
            f"{chosen.name} shares effects, and was given {type(foreign[0]).__name__}; pass what "
            "decompose(...), harsanyi(...) or symbolic_effects(...) returns. The scores of a model: "
            "ta.attribute(...), or ta.reformulate(...)"
        )
    contexts = list(context) if isinstance(context, Sequence) else [context] * len(effects)
    if not effects or not chosen.per_reference:
        raise OptionError(
            f"{chosen.name} was given {len(effects)} tables of effects; "
            + ("pass at least one" if chosen.per_reference else "it has one baseline: pass one table")
        )
    if len(contexts) != len(effects):
        raise ShapeError(
            f"{len(contexts)} contexts for {len(effects)} tables of effects; pass one each, or one for all"
        )
    return _mean(chosen, [_allocate(chosen, e, c) for e, c in zip(effects, contexts, strict=True)])


def _mean(rule: AllocationRule, parts: list[Attribution]) -> Attribution:
    """Return the mean over references."""
    shapes = {(p.batch, p.names, p.frame) for p in parts}
    if len(shapes) > 1:
        raise ShapeError(
            f"{rule.name}: the tables of effects differ in their examples, players or frame: "
            + "; ".join(
                f"{batch} example(s), {len(names)} players, {frame}" for batch, names, frame in shapes
            )
        )
    return replace(
        parts[0],
        player_scores=torch.stack([p.player_scores for p in parts]).mean(0),
        f_baseline=torch.stack([p.f_baseline for p in parts]).mean(0),
        diagnostics={"references": len(parts), "each_reference": [p.diagnostics for p in parts]},
    )


def _allocate(rule: AllocationRule, effects: Effects, context: Context | None) -> Attribution:
    effects, notes = in_frame_of(rule, effects)
    require_level(rule, effects)
    players = effects.names
    require_domain(rule, len(players), 1 if isinstance(effects, SymbolicEffects) else effects.batch, context)
    names = rule.receiver_names(players, context)
    notes |= {"rule": rule.formula, "kind": rule.kind, "exact_for": rule.domain.words}
    if isinstance(effects, SymbolicEffects):
        notes["exact"] = [str(value) for value in exact_scores(rule, effects, context)]
        support = rule.granularity == "support"
        effects = effects.to_harsanyi_effects() if support else effects.to_taylor_effects()
    return Attribution(
        player_scores=torch.from_numpy(allocated(rule, effects, context)),
        scores=None,
        method=rule.name,
        frame=effects.frame,
        names=names,
        f_input=effects.f_input.double().cpu(),
        f_baseline=effects.f_baseline.double().cpu(),
        diagnostics=notes | _reach(rule, effects),
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


def require_domain(rule: AllocationRule, n: int, batch: int, context: Context | None) -> None:
    """Raise OptionError if the context of an example is one in which the ratio is not the method."""
    for example in range(batch if varies(rule.needs, context) else min(batch, 1)):
        reason = rule.domain.excludes(rule.resolved(n, context, example))
        if reason is not None:
            raise OptionError(
                f"{rule.name} holds for {rule.domain.words}; example {example} lies outside: {reason}"
            )


def allocated(
    rule: AllocationRule, effects: TaylorEffects | HarsanyiEffects, context: Context | None = None
) -> np.ndarray:
    """Return the scores of every example, shape (B, R), float64."""
    values = effects.values.double().cpu().numpy()
    size = len(rule.receiver_names(effects.names, context))
    scores = np.zeros((effects.batch, size))
    start = effects.f_baseline if effects.frame == "baseline" else effects.f_input
    start = start.double().cpu().numpy()[:, None]
    # one table of ratios serves all examples, unless the context differs between them
    separate = varies(rule.needs, context)
    groups = [slice(e, e + 1) for e in range(effects.batch)] if separate else [slice(0, effects.batch)]
    for rows in groups:
        if rows.start == rows.stop:
            continue
        if rule.constant is not None:
            scores[rows] += start[rows] * rule.constant_shares(effects.n, context, rows.start)
        for columns, kappas in blocks(effects, size):
            scores[rows] += values[rows, columns] @ rule.ratios(kappas, context, example=rows.start)
    return scores


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


def exact_scores(rule: AllocationRule, effects: SymbolicEffects, context: Context | None = None) -> list[Any]:
    """Return the scores in the arithmetic of the effects, one per receiver."""
    n = len(effects.names)
    supports = rule.granularity == "support"
    table: Mapping[tuple[int, ...], Any] = effects.harsanyi if supports else effects.terms
    start = effects.f_baseline if effects.frame == "baseline" else effects.f_input
    scores = [as_exact(share) * start for share in rule.constant_shares(n, context, 0, exact=True)]
    keys = [key for key, value in table.items() if value != 0]
    kappas = np.array([[int(j in key) for j in range(n)] if supports else key for key in keys], dtype=int)
    for key, weights in zip(keys, rule.exact_ratios(kappas.reshape(-1, n), context, example=0), strict=True):
        for receiver, weight in enumerate(weights):
            scores[receiver] += as_exact(weight) * table[key]
    return scores


def as_exact(weight: Fraction) -> Any:
    """Return a fraction as sympy's rational, which multiplies exact effects."""
    return sp.Rational(weight.numerator, weight.denominator)


def _reach(rule: AllocationRule, effects: TaylorEffects | HarsanyiEffects) -> dict[str, Any]:
    """Return how far the effects go, and why the scores may not be the method's."""
    notes: dict[str, Any] = {}
    if isinstance(effects, TaylorEffects):
        notes |= {"order": effects.order, "remainder": effects.remainder.tolist()}
        if rule.domain.series or rule.granularity == "support":
            reasons = [None if c else r for c, r in zip(effects.converged, effects.reasons, strict=True)]
            if any(reasons):
                notes["series_not_known_to_converge"] = reasons
    elif effects.max_order is not None or effects.truncated_at is not None:
        notes |= {"coalitions_up_to": effects.max_order, "terms_up_to": effects.truncated_at}
    return notes
