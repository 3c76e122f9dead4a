"""What a ratio reads besides κ: which quantities, in which shape, and what is said when one is missing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from torch import Tensor

from taylorattr.errors import OptionError, ShapeError

Context: TypeAlias = Mapping[str, Any]
"""Name of a quantity -> its value, or its values for every example (one dimension more)."""

REQUIRED: Any = object()
"""Default of a quantity that has none."""


@dataclass(frozen=True)
class Need:
    """A quantity that a rule reads.

    Attributes:
        meaning: What it is, with its unit.
        axes: Its dimensions: ``("n",)`` is one value per player, ``()`` a number. A size that depends on n is
            written ``n+1`` or ``2**n``; any other letter stands for a size that the context decides, the
            same in all quantities of a rule, and is itself a letter of the ratio.
        default: Value where the context has none; REQUIRED: it must be given.
    """

    meaning: str
    axes: tuple[str, ...] = ("n",)
    default: Any = REQUIRED


SIZES: Mapping[str, Callable[[int], int]] = {
    "n": lambda n: n,
    "n+1": lambda n: n + 1,
    "2**n": lambda n: 1 << n,
}
"""Sizes of dimensions that n decides."""


def plain(value: Any) -> np.ndarray:
    """Return a quantity as an array; exact numbers stay what they are."""
    if isinstance(value, Tensor):
        return value.detach().cpu().double().numpy()
    return np.asarray(value)


def resolve(
    rule: str, needs: Mapping[str, Need], context: Context | None, n: int, example: int | None = None
) -> dict[str, np.ndarray]:
    """Return every quantity a rule reads, checked.

    Args:
        rule: Name of the rule, for messages.
        needs: What it reads.
        context: What is given.
        n: Number of players.
        example: Which example, for quantities given for every example; None: there is only one.

    Returns:
        Name -> array with the dimensions the rule asks for, and letter -> size of a dimension.

    Raises:
        OptionError: A quantity is missing, or one is given that the rule does not read.
        ShapeError: A quantity has another shape.
    """
    # None stands for what is not there, as for an argument that is left out
    quantities = {name: value for name, value in (context or {}).items() if value is not None}
    unknown = [name for name in context or {} if name not in needs]
    if unknown:
        raise OptionError(
            f"{rule} does not read {unknown[0]!r}; its context: {', '.join(needs) or 'nothing'}"
        )
    missing = {
        name: need for name, need in needs.items() if name not in quantities and need.default is REQUIRED
    }
    if missing:
        raise OptionError(_missing(rule, missing))
    values: dict[str, np.ndarray] = {}
    sizes: dict[str, np.ndarray] = {}
    for name, need in needs.items():
        value = plain(quantities.get(name, need.default))
        if value.ndim == len(need.axes) + 1 and example is not None:
            if 1 < len(value) <= example or not len(value):
                raise ShapeError(
                    f"context {name!r} has {len(value)} examples; example {example} is asked for"
                )
            value = value[example if len(value) > 1 else 0]
        expected = tuple(SIZES[axis](n) if axis in SIZES else axis for axis in need.axes)
        fits = value.ndim == len(expected) and all(
            isinstance(axis, str) or size == axis for size, axis in zip(value.shape, expected, strict=True)
        )
        if not fits:
            raise ShapeError(
                f"{rule}: context {name!r} has shape {value.shape}; expected {_shape(expected)} for {n} "
                f"players: {need.meaning}"
            )
        for axis, size in zip(expected, value.shape, strict=True):
            # a letter stands for one size, that of the first quantity which has it
            if isinstance(axis, str) and int(sizes.setdefault(axis, np.asarray(size))) != size:
                raise ShapeError(
                    f"{rule}: context {name!r} has shape {value.shape}; expected {_shape(need.axes)}, and "
                    f"{axis} is {int(sizes[axis])} elsewhere in the context"
                )
        values[name] = value
    return values | sizes


def varies(needs: Mapping[str, Need], context: Context | None) -> bool:
    """Return whether a quantity is given with one value per example, for several examples."""
    quantities = {name: plain(value) for name, value in (context or {}).items() if value is not None}
    return any(
        name in needs and array.ndim == len(needs[name].axes) + 1 and len(array) > 1
        for name, array in quantities.items()
    )


def _shape(axes: Sequence[object]) -> str:
    """Return a shape as Python writes it, or that it is a number."""
    if not axes:
        return "a number"
    return f"shape ({', '.join(map(str, axes))}{',' if len(axes) == 1 else ''})"


def _missing(rule: str, needs: Mapping[str, Need]) -> str:
    """Return the message that names every missing quantity, its shape and its meaning."""
    listed = "; ".join(f"{name!r}, {_shape(need.axes)}: {need.meaning}" for name, need in needs.items())
    give = ", ".join(f"{name!r}: …" for name in needs)
    return (
        f"{rule} depends on {', '.join(map(repr, needs))}, which the context lacks; pass "
        f"context={{{give}}}. {listed}"
    )
