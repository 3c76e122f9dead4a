"""``--compare`` and its companions: what the other side of a comparison does differently."""

from __future__ import annotations

import argparse
import dataclasses
from typing import Any

import torch

from taylorattr.analysis.question import Question
from taylorattr.analysis.scalar import ScalarModel
from taylorattr.cli.arguments import Request, single, target
from taylorattr.cli.data import Data
from taylorattr.cli.model_files import load_fitting
from taylorattr.errors import OptionError, TargetError


@dataclasses.dataclass(frozen=True)
class OtherSide:
    """The second side of a comparison.

    Attributes:
        request: What is asked there.
        paired: Whether both sides have the same rows, so that example i belongs to example i.
        labels: What the sides are called, by what differs between them.
    """

    request: Request
    paired: bool
    labels: tuple[str, str]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that make another side; what is not given is as on the first side."""
    group = parser.add_argument_group(
        "comparison", "what the other side does differently, one or several of these; all else is the same"
    )
    group.add_argument("--compare", metavar="A:B", help="other rows of --data")
    group.add_argument("--compare-model", metavar="M", help="another model, named like --model")
    group.add_argument(
        "--compare-weights",
        metavar="FILE",
        help="other weights (of --compare-model if given, else of --model): before and after training",
    )
    group.add_argument(
        "--compare-target", metavar="T", help="another output entry, such as 3 or 0,2; none for the only one"
    )


def is_compared(arguments: argparse.Namespace) -> bool:
    """Return whether there is another side."""
    parts = (arguments.compare, arguments.compare_model, arguments.compare_weights, arguments.compare_target)
    return any(part is not None for part in parts)


def other_side(arguments: argparse.Namespace, first: Request) -> OtherSide:
    """Read the other side.

    Args:
        arguments: Of the command line.
        first: What is asked on the first side.

    Returns:
        What is asked there, and how the sides belong together.

    Raises:
        OptionError: If it cannot be read, is the first side again, or shares some but not all of its rows.
    """
    labels = _labels(arguments)
    if labels[0] == labels[1]:
        raise OptionError(
            f"both sides are the same ({labels[0]}); give other rows, another model, weights or target"
        )
    question = first.question
    inputs = question.inputs if isinstance(question.inputs, tuple) else (question.inputs,)
    if arguments.compare is not None:
        rows = first.data.rows(arguments.compare, option="--compare").tensors
        inputs = tuple(t.to(inputs[0].device) for t in rows)
    model = question.model
    if arguments.compare_model is not None or arguments.compare_weights is not None:
        spec, weights = arguments.compare_model or arguments.model, arguments.compare_weights
        model = load_fitting(spec, weights, inputs, arguments.data, prefix="--compare-")
    output = question.target if arguments.compare_target is None else _target(arguments.compare_target)
    # private=None: the copies that the first question keeps are of its own model
    second = dataclasses.replace(question, model=model, inputs=single(inputs), target=output, private=None)
    for side, label in zip((question, second), labels, strict=True):
        _require_target(side, label)
    request = dataclasses.replace(first, question=second)
    return OtherSide(request, _paired(arguments, len(first.data)), labels)


def _require_target(question: Question, label: str) -> None:
    """Run a side on one row, before the other side is computed for nothing.

    Raises:
        OptionError: If its target does not fit the output.
    """
    try:
        ScalarModel(
            question.model,
            question.inputs,
            target=question.target,
            dtype=question.dtype,
            integers_allowed=True,
        )
    except TargetError as error:
        raise OptionError(f"the side of {label}: {error}") from error


def _target(spec: str) -> Any:
    """Return the target that ``--compare-target`` names.

    Raises:
        OptionError: If it cannot be read.
    """
    if spec == "none":
        return None
    try:
        return target(spec)
    except OptionError:
        raise OptionError(f"--compare-target {spec!r} is not of the form 3 or 0,2, or none") from None


def _labels(arguments: argparse.Namespace) -> tuple[str, str]:
    """Return what differs, as each side has it; where nothing differs, the rows of both."""
    model = arguments.compare_model or arguments.model
    # another model does not take over the first one's weights
    weights = arguments.compare_weights or (None if arguments.compare_model else arguments.weights)
    output = arguments.target if arguments.compare_target is None else arguments.compare_target
    pairs = [
        (f"rows {arguments.rows}", f"rows {arguments.compare or arguments.rows}"),
        (arguments.model, model),
        (arguments.weights or "its own weights", weights or "its own weights"),
        (f"target {arguments.target or 'none'}", f"target {output or 'none'}"),
    ]
    differing = [pair for pair in pairs if pair[0] != pair[1]] or pairs[:1]
    first, second = zip(*differing, strict=True)
    return ", ".join(first), ", ".join(second)


def _paired(arguments: argparse.Namespace, count: int) -> bool:
    """Return whether both sides have the same rows.

    Raises:
        OptionError: If they share some rows, which a test between sets of rows cannot have.
    """
    if arguments.compare is None:
        return True
    # the same reading of A:B as for the data, on the numbers of the rows
    numbers = Data((torch.arange(count),))
    first = numbers.rows(arguments.rows).tensors[0].tolist()
    second = numbers.rows(arguments.compare, option="--compare").tensors[0].tolist()
    in_both = sorted({*first} & {*second})
    if first != second and in_both:
        raise OptionError(
            f"--rows {arguments.rows} and --compare {arguments.compare} share rows, such as "
            f"{in_both[0]}; give rows that are on one side only"
        )
    return first == second
