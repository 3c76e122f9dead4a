"""Cautions about effects: convergence, kinks, remainder, rounding, tables that lack something."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from taylorattr.effects.effects import HarsanyiEffects, InteractionIndex, TaylorEffects
from taylorattr.effects.integrated_hessians import IntegratedHessians
from taylorattr.html.cautions.caution import Caution, by_sentence
from taylorattr.html.cautions.computation import of_diagnostics
from taylorattr.html.numbers import amount, count, listed, percent
from taylorattr.html.pictures.waterfall import open_ended
from taylorattr.html.source import Source

REMAINDER = 0.02
"""Share of delta that an order may leave without a word."""

CANCELLED = 1e-3
"""|delta| / Σ|effects| below which shares of delta say little."""

GAP = 1e-3
"""Completeness gap of integrated Hessians, relative to Σ|entries|."""


def of_effects(source: Source) -> list[Caution]:
    """Return the cautions of one result that holds effects."""
    effects, about = source.effects, source.label
    bad = [e for e in range(source.batch) if not source.finite(e)]
    found = by_sentence(
        about,
        [(e, "Some effects are NaN or infinite.") for e in bad],
        source.batch,
        "Look for the input or the operation they come from.",
        grave=True,
    )
    if isinstance(effects, TaylorEffects):
        found += _taylor(effects, about)
    elif isinstance(effects, IntegratedHessians):
        found += _hessians(effects, about)
    else:
        found += _coalitions(effects, about)
    if not isinstance(effects, IntegratedHessians):
        found += by_sentence(
            about, _cancelled(effects), source.batch, "Read the effects themselves, not shares of delta."
        )
    return [*found, *of_diagnostics(about, effects.diagnostics)]


def _taylor(effects: TaylorEffects, about: str) -> list[Caution]:
    doubted = [
        (e, f"The series is not seen to reach the input: {reason}.")
        for e, reason in enumerate(effects.reasons)
        if not bool(effects.converged[e])
    ]
    left = [
        (e, f"Orders above {effects.order} hold {percent(float(share))} of f(x) − f(b).")
        for e, share in enumerate(effects.remainder_share)
        if float(share) > REMAINDER
    ]
    return [
        *by_sentence(
            about,
            doubted,
            effects.batch,
            "Use ta.harsanyi, which is exact, a baseline nearer to the input, or a smooth model.",
            grave=True,
        ),
        *by_sentence(about, left, effects.batch, "Compute more orders, or group players."),
    ]


def _hessians(effects: IntegratedHessians, about: str) -> list[Caution]:
    found = []
    for e, gap in enumerate(effects.gap):
        size = float(effects.values[e].abs().sum())
        if abs(float(gap)) > GAP * size:
            found.append((e, f"The entries miss f(x) − f(b) by {amount(float(gap))}."))
    return by_sentence(about, found, len(effects.delta), "Take more nodes along the path.")


def _coalitions(effects: HarsanyiEffects | InteractionIndex, about: str) -> list[Caution]:
    found = []
    if isinstance(effects, HarsanyiEffects) and open_ended(effects):
        missing = []
        for e, (held, delta) in enumerate(zip(effects.total.tolist(), effects.delta.tolist(), strict=True)):
            if abs(held - delta) > REMAINDER * abs(delta):
                words = f"it holds {amount(held)} of f(x) − f(b) = {amount(delta)}"
                missing.append((e, f"The table lacks effects: {words}."))
        found += by_sentence(about, missing, effects.batch, "Raise max_order or order, or group players.")
    if isinstance(effects, HarsanyiEffects) and effects.error_bound is not None:
        found += by_sentence(
            about, _below_rounding(effects), effects.batch, "Compute in float64, or read lower orders only."
        )
    return found


def _below_rounding(effects: HarsanyiEffects) -> Iterator[tuple[int, str]]:
    assert effects.error_bound is not None  # asked by the caller
    for e in range(effects.batch):
        orders = []
        for k in range(1, effects.largest_order + 1):
            row = effects.order_values(k)[e]
            if (
                row.numel()
                and bool((row.abs() <= effects.error_bound[e, k]).all())
                and bool((row != 0).any())
            ):
                orders.append(k)
        if orders:
            words = f"order{'s' if len(orders) > 1 else ''} {listed(orders, effects.largest_order)}"
            yield e, f"Every effect of {words} is no larger than what rounding may do to it."


def _cancelled(effects: TaylorEffects | HarsanyiEffects | InteractionIndex) -> Iterator[tuple[int, str]]:
    skip = 0 if isinstance(effects, TaylorEffects) else 1
    for e in range(effects.batch):
        size = float(torch.nan_to_num(effects.values[e, skip:]).abs().sum())
        delta = float(effects.delta[e])
        if size > 0 and abs(delta) < CANCELLED * size:
            many = count(effects.values.shape[1] - skip, "effect")
            yield e, f"The {many} cancel: f(x) − f(b) is {percent(abs(delta) / size)} of their size."
