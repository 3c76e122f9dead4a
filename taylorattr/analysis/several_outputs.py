"""A question about several outputs: each example is asked about each of them, the model runs once for all."""

from __future__ import annotations

import math
import numbers
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import torch

from taylorattr import memory
from taylorattr.aliases import Output, Outputs
from taylorattr.analysis.forward_arguments import cast
from taylorattr.analysis.question import Question, first_number
from taylorattr.analysis.targets import tensor_output
from taylorattr.errors import BudgetError, OptionError, TargetError, hearing
from taylorattr.program.isolate import preserved_rng

COPIES = 4
"""Tensors like the inputs that are held for every output: the rows, the baselines, and both as asked for."""


def about_outputs(
    question: Question, outputs: Outputs, *, a_set: bool = False
) -> tuple[Question, tuple[Output, ...]]:
    """Return the same question about several outputs, as examples of one question, and which those are.

    Example b·K + k of it is example b, asked about the k-th output.

    Args:
        question: What is asked, without a target.
        outputs: Numbers of the outputs, or tuples of indices where those of an example have several
            dimensions; ``all`` for every one of K numbers.
        a_set: Whether the baselines are a reference set, which all examples share.

    Raises:
        OptionError: If there is a target as well, or outputs are given twice or in another form.
        TargetError: If the model has one output for each example, or not these.
        BudgetError: If the rows of all outputs do not fit into memory.
    """
    named = named_outputs(question, outputs)
    rows, count = question.rows, len(named)
    needed = COPIES * count * sum(x.numel() * max(x.element_size(), 8) for x in rows)
    free = memory.available(needed)
    if needed > free:
        raise BudgetError(
            f"{count} outputs of {len(rows[0])} example(s) take rows of {memory.in_words(needed)}, and "
            f"{memory.in_words(free)} may be used here: ask about fewer outputs, or fewer examples, at a time"
        )
    index = torch.arange(len(rows[0])).repeat_interleave(count)
    target: Any = [*named] * len(rows[0])
    return replace(question.taking(index, a_set=a_set), target=target, columns=count), named


def named_outputs(question: Question, outputs: Outputs) -> tuple[Output, ...]:
    """Return the outputs one by one, after a look at what the model returns for one example.

    Raises:
        OptionError: As `about_outputs`.
        TargetError: As `about_outputs`.
    """
    if question.target is not None:
        raise OptionError(
            "target and outputs are both given; target= asks about one output, outputs= about several"
        )
    form = "expected 'all', or a list of whole numbers (or of tuples of them, one for each dimension)"
    given = f"outputs={outputs!r:.80}"
    if outputs != "all" if isinstance(outputs, str) else not isinstance(outputs, Iterable):
        raise OptionError(f"{given}; {form}")
    shape = _shape(question)
    if math.prod(shape) == 1:
        raise TargetError(f"the model has one output for each example, and {given}; leave outputs out")
    if isinstance(outputs, str):
        if len(shape) > 1:
            raise TargetError(
                f"outputs='all' of a model whose output for one example has shape {shape}: list those that "
                "are meant, as tuples of indices"
            )
        return tuple(range(shape[0]))
    named: list[Output] = []
    places = set[tuple[int, ...]]()
    for output in outputs:
        single = output if isinstance(output, tuple) else (output,)
        whole = [int(i) for i in single if isinstance(i, numbers.Integral) and not isinstance(i, bool)]
        if len(whole) < len(single) or not whole:
            raise OptionError(f"outputs holds {output!r:.60}; {form}")
        if len(whole) != len(shape) or not all(-s <= i < s for i, s in zip(whole, shape, strict=True)):
            raise TargetError(
                f"outputs holds {output!r}, and the model's output for one example has shape {shape}; its "
                f"indices run from 0 to {' and '.join(str(s - 1) for s in shape)}"
            )
        places.add(tuple(i % s for i, s in zip(whole, shape, strict=True)))
        named.append(tuple(whole) if isinstance(output, tuple) else whole[0])
    if len(places) < len(named) or not named:
        raise OptionError(f"{given} {'names an output twice' if named else 'is empty'}; {form}")
    return tuple(named)


def _shape(question: Question) -> Sequence[int]:
    """Return the shape of the model's output for one example, without sizes of 1 at its end."""
    with torch.inference_mode(False), torch.no_grad(), preserved_rng():
        asked = replace(question, target=first_number)
        with hearing():  # the question that is asked in the end says the same
            scalar, _ = asked.tried(asked.rows, asked.rows, later=False, both=False)
        row = tuple(cast(x[:1], scalar.dtype, scalar.device).clone() for x in asked.rows)
        shape = tuple(tensor_output(scalar.output(row, torch.zeros(1, dtype=torch.int64))).shape[1:])
    while len(shape) > 1 and shape[-1] == 1:
        shape = shape[:-1]
    return shape
