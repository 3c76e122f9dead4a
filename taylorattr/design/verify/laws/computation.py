"""What a computation may not depend on: the batch, the dtype, the state of generators; and what it leaves."""

from __future__ import annotations

import random

import numpy as np
import torch
from torch import nn

from taylorattr.design.verify.law import Broken, Kept, NotApplicable, Outcome, law
from taylorattr.design.verify.laws.networks import network
from taylorattr.design.verify.subject import Subject, allowed

SINGLE = 5e-4
"""Of Σ|scores|: what single precision and its coarser default tolerance may do."""


@law("batch", "scores of a batch are those of its examples one by one")
def batch(subject: Subject) -> Outcome:
    """Ask about three examples together and apart."""
    if subject.obstacle:
        return NotApplicable(subject.obstacle)
    model, x, b = network(subject, "tanh", 0)
    rows = torch.cat([x, -0.5 * x, 0.25 * x.flip(1)])
    together = subject.attribute(model, rows, b)
    for example, row in enumerate(rows):
        alone = subject.attribute(model, row[None], b)
        off = (together.player_scores[example] - alone.player_scores[0]).abs().max()
        if float(off) > float(allowed(together)[example].max() + allowed(alone).max()):
            return Broken(f"in a batch of 3 the scores of example {example} differ by {float(off):.2g}")
    return Kept("3 examples")


@law("precision", "float32 gives the scores of float64, as far as it reaches")
def precision(subject: Subject) -> Outcome:
    """Ask in both dtypes."""
    if subject.obstacle:
        return NotApplicable(subject.obstacle)
    model, x, b = network(subject, "tanh", 1)
    double = subject.attribute(model, x, b)
    single = subject.attribute(model.float(), x.float(), b.float())
    off = (double.player_scores - single.player_scores).abs().max()
    size = double.player_scores.abs().sum() + double.f_input.abs().sum()
    if float(off) > SINGLE * float(size) + float(allowed(double).max() + allowed(single).max()):
        return Broken(f"float32 and float64 differ by {float(off):.2g} of {float(size):.2g}")
    return Kept("a network")


@law("model_untouched", "the model is left as it was found")
def model_untouched(subject: Subject) -> Outcome:
    """Compare parameters, buffers, gradients, hooks and modes before and after."""
    if subject.obstacle:
        return NotApplicable(subject.obstacle)
    model, x, b = network(subject, "tanh", 2)
    model.train()
    x.requires_grad_(True)
    before = _state(model)
    subject.attribute(model, x, b)
    changed = [name for name, value in _state(model).items() if before[name] != value]
    if changed or x.grad is not None:
        return Broken(f"an attribution changed {', '.join(changed) or 'the gradient of the input'}")
    return Kept("parameters, gradients, hooks, modes")


def _state(model: nn.Module) -> dict[str, object]:
    found: dict[str, object] = {}
    for name, value in (*model.named_parameters(), *model.named_buffers()):
        found[name] = (value.tolist(), value.dtype, value.requires_grad, value.grad is None)
    for name, part in model.named_modules():
        hooks = len(part._forward_hooks) + len(part._forward_pre_hooks) + len(part._backward_hooks)
        found[f"module {name}"] = (part.training, hooks, type(part))
    return found


@law("seed", "equal seeds give equal scores, and the global generators stay where they were")
def seed(subject: Subject) -> Outcome:
    """Ask twice, in every way, and look at the generators of Python, numpy and torch."""
    if subject.obstacle:
        return NotApplicable(subject.obstacle)
    model, x, b = network(subject, "tanh", 3)
    names = {way.name for way in subject.designed.ways} & {"samples"}
    for way in ("auto", *names):
        before = _generators()
        try:
            first, second = (subject.attribute(model, x, b, way=way, seed=7) for _ in range(2))
        except ValueError:  # a way that cannot be taken here
            continue
        if _generators() != before:
            return Broken(f"way {way!r} moves a global random generator")
        if not torch.equal(first.player_scores, second.player_scores):
            return Broken(f"way {way!r} gives other scores when asked again with the same seed")
    return Kept("asked twice")


def _generators() -> tuple[object, ...]:
    return random.getstate(), tuple(map(str, np.random.get_state())), torch.get_rng_state().tolist()
