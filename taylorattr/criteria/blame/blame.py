"""At which operation of a model does the sum of a third-party attribution break?

The method is asked about sub-networks that keep the model's own modules: from every operation to the output
(suffix), from the inputs to every operation (prefix), and single operations. Walking the first cut from the
output towards the inputs, the first broken suffix begins with the guilty operation; walking from the inputs,
the first broken prefix ends with it. Where both name the same one, and it is wrong alone, there is no doubt.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from taylorattr.aliases import AnyTarget, Baselines, Tensors
from taylorattr.analysis.inputs import baseline_tuple, input_tuple
from taylorattr.criteria.blame.blamed_operation import Blame, Cut, Law, Probe
from taylorattr.criteria.blame.cuts import Cuts, Example, Fault, SumCheck, first_fault, last_fault, scores_of
from taylorattr.criteria.blame.subnetworks import Operations, SubNetwork
from taylorattr.criteria.blame.substitution import by_substitution
from taylorattr.errors import OptionError
from taylorattr.program.isolate import preserved_rng

MOST_EXAMPLES = 4
"""Examples that are looked at, each by itself, at most: in a single one errors may cancel behind an
operation."""

MOST_ISOLATED = 24
"""Operations that are looked at by themselves, at most."""

BASELINE_STEP = 0.11
"""By how much the baseline is moved to see whether scores depend on it: no round number, so no special
one."""


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
        for e in range(min(MOST_EXAMPLES, len(at_input[0])))
    ]
    targets = [_target_of(target, e, len(at_input[0])) for e in range(len(rows))]
    with preserved_rng(), torch.inference_mode(False):
        copied = _copy(model)
        if law is None:
            law = _law(make, copied, rows[0], targets[0])
        if law == "output":
            _drop_biases(copied)
        check = SumCheck(make, law, tolerance)
        whole = _whole_model(check, copied, rows, targets)
        if whole.status == "holds":
            return unbroken(whole, law)
        try:
            operations = Operations(copied, rows[0][0])
        except Exception as error:  # symbolic tracing fails in as many ways as there are models
            return by_substitution(check, copied, rows, targets, whole, f"{type(error).__name__}: {error}")
        examples = [
            Example(operations.values(x), operations.values(b), t)
            for (x, b), t in zip(rows, targets, strict=True)
        ]
        return _by_cutting(check, operations, examples, whole)


def _by_cutting(check: SumCheck, operations: Operations, examples: list[Example], whole: Cut) -> Blame:
    """Return the answer for a model that could be traced: suffixes, prefixes, then what lies between them."""

    def cuts(probe: Probe, piece: Callable[[int], SubNetwork]) -> Cuts:
        """Return one sort of sub-networks, none of them measured yet."""

        def measure(k: int) -> Cut:
            part = piece(k)
            label = operations.labels[k]
            return check.cut(probe, label, part.network, part.leaves, examples, reads_out=part.reads_out)

        return Cuts(measure, fault)

    fault: Fault = "refused" if whole.status == "refused" else "breaks"
    count = len(operations.nodes)
    suffixes, prefixes = cuts("suffix", operations.suffix), cuts("prefix", operations.prefix)
    isolated = cuts("isolated", operations.isolated)
    last = last_fault(suffixes, count)
    first = first_fault(prefixes, count, operations.parents)
    # errors may stand between the last and the first fault; elsewhere every sum holds
    ends = [k for k in (first, last[0] if last else None) if k is not None]
    suspects = range(min(ends), max(ends) + 1) if ends else range(count)
    alone = [k for k in suspects[:MOST_ISOLATED] if isolated[k].status == fault]
    return answer(
        check.law,
        operations.labels,
        operations.kinds,
        whole,
        (suffixes, prefixes, isolated),
        last,
        first,
        alone,
    )


def _whole_model(check: SumCheck, model: nn.Module, rows: Any, targets: list[Any]) -> Cut:
    """Return the sum on the model itself."""
    names = tuple(f"input {k}" for k in range(len(rows[0][0])))
    examples = [
        Example(dict(zip(names, x, strict=True)), dict(zip(names, b, strict=True)), t)
        for (x, b), t in zip(rows, targets, strict=True)
    ]
    return check.cut("whole", "model", copy.deepcopy(model), names, examples, reads_out=False)


def _law(make: Callable[..., Any], model: nn.Module, row: Any, target: Any) -> Law:
    """Return ``output`` where the scores do not depend on the baseline."""
    x, b = row
    moved = tuple(v + BASELINE_STEP if v.is_floating_point() else v for v in b)
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
    """Set what modules add to 0: also the mean of a batch normalisation, which is a bias in other words."""
    for module in model.modules():
        for name in ("bias", "running_mean", "in_proj_bias"):
            value = getattr(module, name, None)
            if isinstance(value, Tensor):
                with torch.no_grad():
                    value.zero_()


def _doubled(parts: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """Return float64 tensors where they are floating-point: rounding of float32 would blame long sums."""
    return tuple(p.detach().double() if p.is_floating_point() else p.detach() for p in parts)


def _target_of(target: AnyTarget, example: int, count: int) -> Any:
    """Return one example's target."""
    if isinstance(target, Tensor) and target.ndim == 1 and len(target) == count:
        return target[example : example + 1]
    if isinstance(target, list) and len(target) == count:
        return target[example : example + 1]
    return target


def answer(
    law: Law,
    labels: list[str],
    kinds: list[str],
    whole: Cut,
    cuts: tuple[Cuts, Cuts, Cuts],
    last: tuple[int, int] | None,
    first: int | None,
    alone: list[int],
) -> Blame:
    """Return what suffixes, prefixes and single operations say together.

    Args:
        law: What the scores were compared with.
        labels: Names of the operations.
        kinds: What they are, in a word; empty where the name says it.
        whole: The whole model.
        cuts: Suffixes, prefixes and single operations.
        last: Operation that the suffixes name, and the next one from which the sum holds.
        first: Operation that the prefixes name.
        alone: Operations that are wrong by themselves.
    """
    suffixes, prefixes, isolated = cuts
    measured = [cut for group in cuts for cut in group.measured.values()]
    if all(cut.status == "refused" for cut in measured):  # what takes nothing singles nothing out
        last, first, alone = None, None, []
    # suffixes are the strongest evidence: they end in the model's own output and not in a random read-out
    guilty = last[0] if last else first if first is not None else alone[0] if alone else None
    refused = sorted(k for k, cut in isolated.measured.items() if cut.status == "refused")
    before, after = None, None
    if last is not None:
        after = suffixes[last[0]]
        before = suffixes[last[1]] if last[1] < len(labels) else None
    elif first is not None:
        after = prefixes[first]
    elif alone:
        after = isolated[alone[0]]
    none_taken = guilty is None and all(cut.status == "refused" for cut in suffixes.measured.values())
    if whole.status == "refused" or none_taken:
        found = "refused"
    elif guilty is None:
        found = "nothing"
    else:
        found = "context" if isolated[guilty].status == "holds" else "found"
    return Blame(
        found=found,
        operation="" if guilty is None else labels[guilty],
        last=labels[last[0]] if last else "",
        first="" if first is None else labels[first],
        alone=tuple(labels[k] for k in alone),
        refused=tuple(labels[k] for k in refused),
        law=law,
        before=before,
        after=after,
        cuts=(whole, *(cut for group in cuts for _, cut in sorted(group.measured.items()))),
        kind="" if guilty is None else kinds[guilty],
        statement=_sentence(
            _quoted(labels, kinds), found, guilty, last, first, alone, (before, after, whole)
        ),
    )


def _quoted(labels: list[str], kinds: list[str]) -> list[str]:
    """Return the operations as a sentence names them: `layer2.0.relu` (ReLU)."""
    return [
        f"`{label}` ({kind})" if kind else f"`{label}`" for label, kind in zip(labels, kinds, strict=True)
    ]


def _sentence(
    labels: list[str],
    found: str,
    guilty: int | None,
    last: tuple[int, int] | None,
    first: int | None,
    alone: list[int],
    sums: tuple[Cut | None, Cut | None, Cut],
) -> str:
    """Return the answer in a sentence.

    Args:
        labels: Names of the operations, quoted.
        found: As in `Blame`.
        guilty: The operation to look at.
        last: As in `answer`.
        first: As in `answer`.
        alone: As in `answer`.
        sums: Just behind the operation, with it, and of the whole model.
    """
    before, after, whole = sums
    if guilty is None:
        if whole.status == "refused":
            return f"the method takes neither the model nor any part of it: {whole.message}"
        why = "the method took none of the sub-networks" if found == "refused" else "no sub-network shows it"
        return f"the sum is {whole.total:.6g} where {whole.due:.6g} is due, but {why}"
    name = labels[guilty]
    if found == "refused":
        refuses = f"takes what follows {name} and refuses it with {name}" if before else f"refuses {name}"
        words = [f"the method does not take the model; it {refuses}: {whole.message}"]
    else:
        words = [f"the sum breaks at {name}"]
        if after is not None:
            behind = f"{before.total:.6g} of {before.due:.6g} due just behind it, " if before else ""
            words.append(f": {behind}{after.total:.6g} of {after.due:.6g} due with it")
        if last is not None and last[1] > last[0] + 1:
            between = ", ".join(labels[last[0] + 1 : last[1]])
            words.append(f"; {between} behind it were refused and may be at fault instead")
        together = found == "context" and first not in (None, guilty, *alone)
        if together and first is not None:
            words.append(
                f"; the first fault on the way from the inputs is {labels[first]}: each of the two is right "
                "by itself, and the method is wrong where they meet"
            )
            return "".join(words)
        if found == "context":
            words.append(
                "; by itself it is right, so it is its place among the others that the method misses"
            )
    if first is not None and last is not None and first != last[0]:
        words.append(f"; the first fault on the way from the inputs is {labels[first]}")
    return "".join(words)


def unbroken(whole: Cut, law: Law) -> Blame:
    """Return the answer where the scores of the whole model add up.

    Under the law ``output`` they do so on a copy without biases.
    """
    sums = f"the scores add up to {whole.total:.6g} and {whole.due:.6g} is due"
    statement = (
        f"no operation is to blame: without the biases of the model {sums}. A rule that shares out f(x) and "
        "lets biases keep their part is off by them, and by f(b), where the sums should be f(x) − f(b)"
        if law == "output"
        else f"nothing to blame: {sums}"
    )
    return Blame(
        found="nothing",
        operation="",
        last="",
        first="",
        alone=(),
        refused=(),
        law=law,
        before=None,
        after=None,
        cuts=(whole,),
        statement=statement,
    )
