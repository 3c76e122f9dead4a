"""At which operation of a model does the sum of a third-party attribution break?

The method is asked about sub-networks that keep the model's own modules: from every place to the output
(suffix), from the inputs to every place (prefix), and single operations. Walking the first cut from the
output towards the inputs, the first broken suffix begins with the guilty operation; walking from the inputs,
the first broken prefix ends with it.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from taylorattr.aliases import AnyTarget, Baselines, Tensors
from taylorattr.analysis.inputs import baseline_tuple, input_tuple
from taylorattr.analysis.rng import preserved_rng
from taylorattr.criteria.blame.answer import answer, unbroken
from taylorattr.criteria.blame.graph import Operations, Piece
from taylorattr.criteria.blame.measure import Example, Question, scores_of
from taylorattr.criteria.blame.report import Blame, Cut, Law, Probe
from taylorattr.criteria.blame.search import Cuts, Fault, first_fault, last_fault
from taylorattr.criteria.blame.substitution import by_substitution
from taylorattr.errors import OptionError

EXAMPLES = 4
"""Examples that are looked at, each by itself, at most."""

ALONE = 24
"""Operations that are looked at by themselves, at most."""


def blame(
    make: Callable[..., Callable[[Any], Any]],
    model: nn.Module,
    inputs: Tensors,
    baselines: Baselines = None,
    *,
    target: AnyTarget = None,
    law: Law | None = None,
    tolerance: float = 1e-3,
) -> Blame:
    """Name the operation at which the scores of a method stop adding up.

    Sub-networks are cut out of a float64 copy of the model; their inputs are all values that are alive at
    the cut, their baselines the same values of the run on b. The sum of the scores of each is compared with
    its own change f(x) − f(b), or with f(x) for a method whose scores do not depend on the baseline; for
    those, biases of the copy are 0, since relevance that biases keep is no fault of an operation. Where the
    model cannot be traced, outputs of its modules are replaced instead, which is weaker evidence.

    Args:
        make: ``make(network, baselines, target)`` returns rows -> scores, in the structure of the inputs: a
            tensor, or tuples where a sub-network takes several values.
        model: The model, a module; only copies of it are run.
        inputs: Tensor (B, …) or tuple of them; the first 4 examples are looked at.
        baselines: As in ``ta.attribute``.
        target: What of the output is explained.
        law: What scores should add up to; None: ``output`` where they do not depend on the baseline.
        tolerance: Gap, relative to the larger of Σ|scores| and the sum due, from which a sum breaks.

    Returns:
        The operation, with the sums before and after it.

    Raises:
        OptionError: If the model is no module, or the tolerance no positive number.
        ShapeError: If inputs and baselines do not fit together.
    """
    if not isinstance(model, nn.Module):
        raise OptionError(
            f"blame takes a module apart; model is a {type(model).__name__}: wrap it in a Module"
        )
    if not tolerance > 0:
        raise OptionError(f"tolerance={tolerance}; expected a positive number")
    at_input = _doubled(input_tuple(inputs))
    at_baseline = _doubled(baseline_tuple(baselines, input_tuple(inputs)))
    rows = [
        (tuple(x[e : e + 1] for x in at_input), tuple(b[e : e + 1] for b in at_baseline))
        for e in range(min(EXAMPLES, len(at_input[0])))
    ]
    targets = [_target_of(target, e, len(at_input[0])) for e in range(len(rows))]
    with preserved_rng(), torch.inference_mode(False):
        copied = _copy(model)
        if law is None:
            law = _law(make, copied, rows[0], targets[0])
        if law == "output":
            _drop_biases(copied)
        question = Question(make, law, tolerance)
        whole = _whole(question, copied, rows, targets)
        if whole.status == "holds":
            return unbroken(whole, law)
        try:
            operations = Operations(copied, rows[0][0])
        except Exception as error:  # symbolic tracing fails in as many ways as there are models
            return by_substitution(question, copied, rows, targets, whole, f"{type(error).__name__}: {error}")
        examples = [
            Example(operations.values(x), operations.values(b), t)
            for (x, b), t in zip(rows, targets, strict=True)
        ]
        return _by_cutting(question, operations, examples, whole)


def _by_cutting(question: Question, operations: Operations, examples: list[Example], whole: Cut) -> Blame:
    def cuts(probe: Probe, piece: Callable[[int], Piece]) -> Cuts:
        def measure(k: int) -> Cut:
            found = piece(k)
            return question.cut(
                probe,
                operations.labels[k],
                found.network,
                found.leaves,
                examples,
                reads_out=found.reads_out,
            )

        return Cuts(measure, fault)

    fault: Fault = "refused" if whole.status == "refused" else "breaks"
    count = len(operations.nodes)
    suffixes, prefixes = cuts("suffix", operations.suffix), cuts("prefix", operations.prefix)
    isolated = cuts("isolated", operations.isolated)
    last = last_fault(suffixes, count)
    first = first_fault(prefixes, count, operations.parents)
    ends = [k for k in (first, last[0] if last else None) if k is not None]
    looked = range(min(ends), max(ends) + 1) if ends else range(count)
    alone = [k for k in list(looked)[:ALONE] if isolated[k].status == fault]
    return answer(
        question.law,
        operations.labels,
        operations.kinds,
        whole,
        (suffixes, prefixes, isolated),
        last,
        first,
        alone,
    )


def _whole(question: Question, model: nn.Module, rows: Any, targets: list[Any]) -> Cut:
    names = tuple(f"input {k}" for k in range(len(rows[0][0])))
    examples = [
        Example(dict(zip(names, x, strict=True)), dict(zip(names, b, strict=True)), t)
        for (x, b), t in zip(rows, targets, strict=True)
    ]
    return question.cut("whole", "model", copy.deepcopy(model), names, examples, reads_out=False)


def _law(make: Callable[..., Any], model: nn.Module, row: Any, target: Any) -> Law:
    """Return ``output`` where the scores do not depend on the baseline."""
    x, b = row
    moved = tuple(v + 0.11 if v.is_floating_point() else v for v in b)
    try:
        one, two = (scores_of(make, copy.deepcopy(model), x, start, target) for start in (b, moved))
    except Exception:  # refusals are reported by the cuts
        return "difference"
    return "output" if all(torch.equal(a, c) for a, c in zip(one, two, strict=True)) else "difference"


def _copy(model: nn.Module) -> nn.Module:
    """Return a float64 copy in eval behaviour that writes nothing in place."""
    copied = copy.deepcopy(model).double().eval().requires_grad_(False)
    for module in copied.modules():
        if getattr(module, "inplace", False) is True:
            setattr(module, "inplace", False)  # noqa: B010 - a module declares its attributes as tensors
    return copied


def _drop_biases(model: nn.Module) -> None:
    for module in model.modules():
        for name in ("bias", "running_mean", "in_proj_bias"):
            value = getattr(module, name, None)
            if isinstance(value, Tensor):
                with torch.no_grad():
                    value.zero_()


def _doubled(parts: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    return tuple(p.detach().double() if p.is_floating_point() else p.detach() for p in parts)


def _target_of(target: AnyTarget, example: int, count: int) -> Any:
    """Return one example's target."""
    if isinstance(target, Tensor) and target.ndim == 1 and len(target) == count:
        return target[example : example + 1]
    if isinstance(target, list) and len(target) == count:
        return target[example : example + 1]
    return target
