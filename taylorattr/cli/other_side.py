"""``--compare`` and its companions: what the other side of a comparison does differently."""

from __future__ import annotations

import argparse
import dataclasses
from typing import Any

import torch

from taylorattr.analysis.scalar import ScalarModel
from taylorattr.cli import arguments as shared
from taylorattr.cli.data import Data
from taylorattr.errors import OptionError, TargetError


@dataclasses.dataclass(frozen=True)
class OtherSide:
    """The second question of a comparison.

    Attributes:
        question: What is asked on the other side.
        paired: Whether both sides have the same rows, so that example i belongs to example i.
        labels: What the sides are called, by what differs between them.
    """

    question: shared.Question
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


def is_asked(arguments: argparse.Namespace) -> bool:
    """Return whether there is another side."""
    parts = (arguments.compare, arguments.compare_model, arguments.compare_weights, arguments.compare_target)
    return any(part is not None for part in parts)


def other_side(arguments: argparse.Namespace, asked: shared.Question) -> OtherSide:
    """Read the other side.

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
    inputs = asked.inputs if isinstance(asked.inputs, tuple) else (asked.inputs,)
    if arguments.compare is not None:
        moved = asked.data.rows(arguments.compare, option="--compare").tensors
        inputs = tuple(t.to(inputs[0].device) for t in moved)
    model = asked.model
    if arguments.compare_model is not None or arguments.compare_weights is not None:
        spec = arguments.compare_model or arguments.model
        weights = arguments.compare_weights
        model = shared.fitting_model(spec, weights, inputs, arguments.data, prefix="--compare-")
    keywords = dict(asked.keywords)
    if arguments.compare_target is not None:
        keywords["target"] = _target(arguments.compare_target)
    question = dataclasses.replace(
        asked,
        model=model,
        inputs=inputs if isinstance(asked.inputs, tuple) else inputs[0],
        keywords=keywords,
    )
    for side, label in zip((asked, question), labels, strict=True):
        _require_target(side, label)
    return OtherSide(question, _paired(arguments, len(asked.data)), labels)


def _require_target(side: shared.Question, label: str) -> None:
    """Run a side on one row, before the other side is computed for nothing."""
    one = {"target": side.keywords["target"], "dtype": side.keywords["dtype"]}
    try:
        ScalarModel(side.model, side.inputs, **one, integers_allowed=True)
    except TargetError as error:
        raise OptionError(f"the side of {label}: {error}") from error


def _target(spec: str) -> Any:
    if spec == "none":
        return None
    try:
        return shared.target(spec)
    except OptionError:
        raise OptionError(f"--compare-target {spec!r} is not of the form 3 or 0,2, or none") from None


def _labels(arguments: argparse.Namespace) -> tuple[str, str]:
    """Return what differs, as each side has it; what nothing differs in is all there is."""
    model = arguments.compare_model or arguments.model
    weights = arguments.compare_weights or (None if arguments.compare_model else arguments.weights)
    target = arguments.target if arguments.compare_target is None else arguments.compare_target
    pairs = [
        (f"rows {arguments.rows}", f"rows {arguments.compare or arguments.rows}"),
        (arguments.model, model),
        (arguments.weights or "its own weights", weights or "its own weights"),
        (f"target {arguments.target or 'none'}", f"target {target or 'none'}"),
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
    numbers = Data((torch.arange(count),))
    first = numbers.rows(arguments.rows).tensors[0].tolist()
    second = numbers.rows(arguments.compare, option="--compare").tensors[0].tolist()
    shared_rows = sorted({*first} & {*second})
    if first != second and shared_rows:
        raise OptionError(
            f"--rows {arguments.rows} and --compare {arguments.compare} share rows, such as "
            f"{shared_rows[0]}; give rows that are on one side only"
        )
    return first == second
