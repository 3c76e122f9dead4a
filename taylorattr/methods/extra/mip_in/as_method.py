"""``ta.attribute("mip_in", …, fitted=…)``: a read-out of a fitted MIP-IN as an attribution."""

from __future__ import annotations

import itertools

import torch

from taylorattr.analysis.question import Question
from taylorattr.errors import OptionError
from taylorattr.methods.extra.mip_in.mipin import MIPIN, Read
from taylorattr.methods.gradient.grad_cam import resized
from taylorattr.methods.method import Scores, method

SAME_MODEL = 1e-3
"""Difference of the outputs, relative to the largest, up to which two models count as one."""


@method("mip_in", family="system", zero_baseline=True, exactness="unknown")
def mip_in(question: Question, *, fitted: MIPIN | None = None, read: Read = "attribution") -> Scores:
    """Return A_c = ∂S_0/∂S_{L,c}, or another read-out of the inverses of a model's layers (MIP-IN).

    It is no share of f(x): there is no baseline, and `Attribution.gap` says nothing about its quality. If the
    inverses end at a feature map, the scores are those of its positions, summed over channels.

    Args:
        question: What is asked; its model must be the one the inverses were fitted to, its target an output.
        fitted: `ta.MIPIN(model).fit(data)`.
        read: ``attribution``, ``class_signal``, ``contrast``, ``source_signal`` or ``distractor``.

    Returns:
        Scores of the elements, or of the feature map's positions.

    Raises:
        OptionError: Without `fitted`, if it was fitted to another model, or if players are given for a
            feature map.

    Source: arXiv 2104.06629.
    """
    if fitted is None:
        raise OptionError(
            "mip_in needs inverses of the model's layers: pass fitted=ta.MIPIN(model).fit(data), with the "
            "model's training inputs as data"
        )
    game = question.game
    if len(game.inputs) != 1 or game.scalar.extra:
        raise OptionError("mip_in takes models of one input tensor without further arguments")
    (x,), selector = game.inputs, game.scalar.selector
    logits = fitted.logits(x)
    there = selector.select(logits, torch.arange(len(x))).to(game.f_input)
    if not float((there - game.f_input).abs().max()) <= SAME_MODEL * float(logits.abs().max()):
        raise OptionError(
            "fitted= has the inverses of another model: its outputs at these inputs are not this model's. "
            "Fit it to this one: ta.MIPIN(model).fit(data)"
        )
    # no target is the only output here, the predicted class there
    signal = fitted.read_out(read, x, 0 if question.target is None else question.target)
    inside = fitted.inverses.chain.inside
    diagnostics = {
        "read": read,
        "top": fitted.top,
        "local": fitted.local,
        "pool": fitted.pool,
        "fitted_to": fitted.samples,
        "largest_layer_error": max(fitted.layer_errors.values(), default=0.0),
        "sum_law": "none: the scores are no shares of f(x)",
    }
    if inside is None:
        return Scores(elements=(signal.to(x),), diagnostics=diagnostics)
    if question.players is not None:
        raise OptionError(
            f"the inverses end at layer {inside!r}, whose positions are the players; leave players out"
        )
    if signal.dim() < 3:
        raise OptionError(f"layer {inside!r} has no positions; read fitted.{read}(x, c) itself")
    sums = signal.sum(1)
    shape = tuple(sums.shape[1:])
    return Scores(
        players=sums.flatten(1),
        names=tuple(f"{inside}[{','.join(map(str, at))}]" for at in itertools.product(*map(range, shape))),
        map=resized(sums[:, None], x, "linear"),
        diagnostics=diagnostics | {"layer": inside, "positions": list(shape)},
    )
