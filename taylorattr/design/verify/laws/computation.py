"""What a computation may not depend on and leaves as it was; results and rules survive a file."""

from __future__ import annotations

import random
import tempfile
from pathlib import Path

import numpy as np
import torch
from torch import nn

from taylorattr.attribution import Attribution
from taylorattr.design.build import file
from taylorattr.design.files import load, save
from taylorattr.design.verify.law import Broken, Kept, NotApplicable, Outcome, law
from taylorattr.design.verify.problems import network
from taylorattr.design.verify.subject import Subject, allowed
from taylorattr.errors import FormatError, OptionError
from taylorattr.maths.multi_index import enumerate_up_to

ALLOWED_IN_SINGLE_PRECISION = 5e-4
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
    if float(off) > ALLOWED_IN_SINGLE_PRECISION * float(size) + float(
        allowed(double).max() + allowed(single).max()
    ):
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
    """Return everything of a model that an attribution may not change, by name."""
    state: dict[str, object] = {}
    for name, value in (*model.named_parameters(), *model.named_buffers()):
        state[name] = (value.tolist(), value.dtype, value.requires_grad, value.grad is None)
    for name, part in model.named_modules():
        hooks = len(part._forward_hooks) + len(part._forward_pre_hooks) + len(part._backward_hooks)
        state[f"module {name}"] = (getattr(part, "training", None), hooks, type(part))
    return state


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
    """Return the states of the global random generators."""
    return random.getstate(), tuple(map(str, np.random.get_state())), torch.get_rng_state().tolist()


@law("results_saved", "a saved attribution is read back to the last bit")
def results_saved(subject: Subject) -> Outcome:
    """Write scores in both formats and read them."""
    if subject.obstacle:
        return NotApplicable(subject.obstacle)
    answer = subject.attribute(*network(subject, "tanh", 0))
    with tempfile.TemporaryDirectory() as folder:
        for name in ("scores.npz", "scores.json"):
            back = Attribution.load(answer.save(Path(folder) / name))
            if (
                not torch.equal(back.player_scores, answer.player_scores)
                or back.to_dict() != answer.to_dict()
            ):
                return Broken(f"what {name} holds differs from what was written")
    return Kept(".npz and .json")


@law("rule_saved", "a saved rule is made again with the same ratios")
def rule_saved(subject: Subject) -> Outcome:
    """Write the rule, read it, and compare ratios and verdicts; the rule keeps its place in the registry."""
    designed = subject.designed
    kappas = enumerate_up_to(subject.n, subject.order if subject.n <= 5 else 2).astype(int)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rule.json"
        try:
            save(designed, path)
        except FormatError as error:
            return NotApplicable(str(error))
        try:
            back = load(path)
        finally:
            _in_its_place(subject)
    first, second = (each.rule.exact_ratios(kappas, subject.context or None) for each in (designed, back))
    if (first != second).any():
        row = int(np.flatnonzero((first != second).any(axis=1))[0])
        return Broken("the rule that is read has other ratios", f"κ = {tuple(kappas[row].tolist())}")
    marks = [[v.status for v in each.report.verdicts] for each in (designed, back)]
    return (
        Kept(f"{len(kappas)} ratios")
        if marks[0] == marks[1]
        else Broken("the rule that is read has other verdicts")
    )


def _in_its_place(subject: Subject) -> None:
    """Put the rule back under its name, which the one that was read has taken."""
    try:
        file(subject.designed)
    except OptionError:  # a built-in rule is filed for good
        return
