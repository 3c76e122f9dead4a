"""Which examples a rule is fitted on, and which are held out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from taylorattr.errors import OptionError, ShapeError

ENTRIES_OF_EXAMPLES = ("inputs", "baselines", "target", "truth", "additional_forward_args")
"""What examples of their own may bring."""

FEWEST_HELD_OUT = 2
"""Held-out examples at least: one has no spread."""


def split(batch: int, held_out: Any, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Return the numbers of the examples to fit on and of those held out.

    Args:
        batch: Number of examples.
        held_out: A share in (0, 1), drawn at random, or the numbers of the examples held out.
        generator: Of the draw.

    Raises:
        OptionError: A share or numbers out of range, or too few examples on either side.
    """
    if isinstance(held_out, float):
        if not 0 < held_out < 1:
            raise OptionError(
                f"held_out={held_out!r}; expected a share between 0 and 1, numbers of examples, or a "
                f"dictionary of examples of their own with {', '.join(ENTRIES_OF_EXAMPLES)}"
            )
        order = torch.randperm(batch, generator=generator)
        count = min(max(round(held_out * batch), FEWEST_HELD_OUT), batch)
        held = order[:count].sort().values
    else:
        held = _numbers(held_out, batch)
    taken = torch.zeros(batch, dtype=torch.bool)
    taken[held] = True
    train = (~taken).nonzero().reshape(-1)
    if len(held) < FEWEST_HELD_OUT or not len(train):
        raise OptionError(
            f"of {batch} example(s) {len(train)} are left to fit on and {len(held)} are held out; expected 1 "
            f"or more and {FEWEST_HELD_OUT} or more: pass more examples"
        )
    return train, held


def _numbers(held_out: Any, batch: int) -> Tensor:
    """Return the numbers of the examples held out, sorted.

    Raises:
        OptionError: If they are no numbers of examples, or one is named twice.
    """
    if isinstance(held_out, slice):
        held_out = range(*held_out.indices(batch))
    try:
        numbers = torch.as_tensor(list(held_out) if not isinstance(held_out, Tensor) else held_out)
    except (TypeError, ValueError):
        numbers = torch.empty(0)
    whole = numbers.ndim == 1 and len(numbers) and not numbers.is_floating_point()
    if not whole or numbers.dtype == torch.bool:
        raise OptionError(
            f"held_out is {type(held_out).__name__}; expected a share between 0 and 1, the numbers of the "
            "examples held out, or a dictionary of examples of their own with "
            f"{', '.join(ENTRIES_OF_EXAMPLES)}"
        )
    wrong = [number for number in numbers.tolist() if not 0 <= number < batch]
    if wrong or len(numbers.unique()) < len(numbers):
        what = f"example {wrong[0]} of {batch}" if wrong else "an example twice"
        raise OptionError(f"held_out names {what}; expected different numbers from 0 to {batch - 1}")
    return numbers.long().sort().values


def own_examples(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return held-out examples that are given as a dictionary, checked.

    Raises:
        OptionError: If an entry is unknown or the inputs are missing.
    """
    unknown = [name for name in given if name not in ENTRIES_OF_EXAMPLES]
    if unknown or "inputs" not in given:
        what = f"has an entry {unknown[0]!r}" if unknown else "has no 'inputs'"
        raise OptionError(
            f"held_out {what}; examples of their own are given by {', '.join(ENTRIES_OF_EXAMPLES)}"
        )
    return dict(given)


def rows_of(value: Any, rows: Tensor, batch: int) -> Any:
    """Return the entries of some examples of what is given per example; what is shared stays as it is.

    Tensors and lists whose length is the number of examples are per example; tuples are looked into.

    Args:
        value: Inputs, baselines, a target, or further arguments.
        rows: Numbers of the examples.
        batch: How many there are.
    """
    if isinstance(value, Tensor):
        per_example = value.ndim > 0 and len(value) == batch and batch > 1
        return value[rows.to(value.device)] if per_example else value
    if isinstance(value, list):
        return [value[row] for row in rows.tolist()] if len(value) == batch else value
    if isinstance(value, tuple):
        return tuple(rows_of(part, rows, batch) for part in value)
    return value


def truth_of(given: Any, batch: int) -> Tensor | None:
    """Return attributions to agree with as a tensor (B, n), float64.

    Raises:
        ShapeError: If there is not one row per example.
    """
    if given is None:
        return None
    truth = torch.as_tensor(given).detach().cpu().double()
    if truth.ndim != 2 or len(truth) != batch:
        raise ShapeError(f"truth has shape {tuple(truth.shape)}; expected ({batch}, n), a row per example")
    return truth


def require_players(truth: Tensor | None, n: int) -> None:
    """Raise ShapeError if attributions to agree with are not of n players."""
    if truth is not None and truth.shape[1] != n:
        raise ShapeError(f"truth has {truth.shape[1]} columns, and there are {n} players")
