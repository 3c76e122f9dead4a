"""What the model takes after the inputs: by position or keyword, one entry per example or one for all."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from taylorattr.errors import OptionError, ShapeError


@dataclass(frozen=True, eq=False)
class Shared:
    """A tensor that all examples share, whatever its first size; made by `shared`."""

    value: Tensor


def shared(tensor: Tensor) -> Shared:
    """Mark an additional forward argument as one for all examples.

    A tensor whose first size is the batch size may hold one entry per example or be a constant that happens
    to be as long: edges (2, E) of two graphs, class weights (C,) of C examples. Where both readings run, it
    is taken per example; this says that it is not.

    Args:
        tensor: The argument.

    Returns:
        What ``additional_forward_args`` takes in its place.

    Raises:
        OptionError: If it is no tensor: everything else is shared anyway.

    Examples:
        >>> import torch, taylorattr as ta
        >>> weights = torch.tensor([[1.0], [10.0]])
        >>> x, model = torch.ones(2, 2), lambda z, w: (z @ w)[:, 0]
        >>> found = ta.attribute("gradient_x_input", model, x, additional_forward_args=ta.shared(weights))
        >>> found.player_scores.tolist()
        [[1.0, 10.0], [1.0, 10.0]]
    """
    if not isinstance(tensor, Tensor):
        raise OptionError(
            f"ta.shared takes a tensor; given a {type(tensor).__name__}, which all examples share without it"
        )
    return Shared(tensor)


@dataclass(frozen=True, eq=False)
class ForwardArguments:
    """The additional forward arguments of a model.

    Attributes:
        values: Inputs that are held, further positional ones, then those by keyword.
        keywords: Names of the last ones.
        per_example: Which are tensors with one entry per example.
        marked: Which are marked as shared.
        places: Where the held inputs stand among the inputs; they are the first values.
    """

    values: tuple[Any, ...]
    keywords: tuple[str, ...]
    per_example: tuple[bool, ...]
    marked: tuple[bool, ...]
    places: tuple[int, ...] = ()

    @classmethod
    def of(cls, given: Any, batch: int, held: Mapping[int, Tensor] | None = None) -> ForwardArguments:
        """Return them from what a user passes: None, one argument, a tuple of them or a dict of keywords.

        Args:
            given: What the user passes.
            batch: Number of examples B.
            held: Inputs (B, …) that the analysis holds fixed, by their place among the inputs.

        Raises:
            OptionError: If a keyword is no string.
        """
        keywords: tuple[str, ...] = ()
        if isinstance(given, dict):
            bad = next((name for name in given if not isinstance(name, str)), None)
            if bad is not None:
                raise OptionError(
                    f"additional_forward_args has the key {bad!r}; a dict holds keyword arguments of the "
                    "model, {'mask': tensor}. To pass a dict as one argument, put it in a tuple: (given,)"
                )
            keywords, parts = tuple(given), tuple(given.values())
        else:
            parts = given if isinstance(given, tuple) else () if given is None else (given,)
        marked = tuple(isinstance(part, Shared) for part in parts)
        values = tuple(part.value if isinstance(part, Shared) else part for part in parts)
        per_example = tuple(
            isinstance(value, Tensor) and value.ndim > 0 and value.shape[0] == batch and not mark
            for value, mark in zip(values, marked, strict=True)
        )
        held = held or {}
        flags = (True,) * len(held), (False,) * len(held)
        return cls(
            (*held.values(), *values), keywords, flags[0] + per_example, flags[1] + marked, tuple(held)
        )

    def copied(self, dtype: torch.dtype | None, device: torch.device) -> ForwardArguments:
        """Return them with every tensor copied, cast and moved; see `cast`."""
        values = (cast(v, dtype, device).clone() if isinstance(v, Tensor) else v for v in self.values)
        return replace(self, values=tuple(values))

    def given(self, examples: Tensor | None) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Return what the model takes beside the inputs that move, by position and by keyword.

        Args:
            examples: Whose arguments each row takes, (R,); None: every argument as it is.
        """
        values = self.values
        if examples is not None and values:
            pairs = zip(values, self.per_example, strict=True)
            values = tuple(value[examples.to(value.device)] if own else value for value, own in pairs)
        split = len(values) - len(self.keywords)
        return values[:split], dict(zip(self.keywords, values[split:], strict=True))

    def for_rows(self, own: Callable[[Tensor], Tensor], count: int) -> Any:
        """Return what a user would pass for other rows of the same examples; None where there is nothing.

        Args:
            own: An argument with one entry per example -> with one per row.
            count: Number of rows.
        """
        values: list[Any] = []
        held = len(self.places)
        for value, each in zip(self.values[held:], self.per_example[held:], strict=True):
            if each:
                values.append(own(value))
            elif isinstance(value, Tensor) and value.ndim and len(value) == count:
                values.append(Shared(value))  # a constant that happens to be as long as these rows are many
            else:
                values.append(value)
        if self.keywords:
            return dict(zip(self.keywords, values, strict=True))
        return tuple(values) or None

    def positional(self, xs: tuple[Tensor, ...], args: tuple[Any, ...]) -> tuple[Any, ...]:
        """Return all positional arguments of the model, the held inputs in their places.

        Args:
            xs: The inputs that move.
            args: What `given` returned by position.
        """
        inputs, count = [*xs], len(self.places)
        for place, value in zip(self.places, args[:count], strict=True):
            inputs.insert(place, value)
        return (*inputs, *args[count:])

    def readings(self) -> Iterator[ForwardArguments]:
        """Yield the ways to read tensors as long as the batch, those with fewest shared ones first."""
        open_ = [k for k, own in enumerate(self.per_example) if own and k >= len(self.places)]
        counts = range(len(open_) + 1) if len(open_) <= 4 else (0, len(open_))
        for count in counts:
            for chosen in itertools.combinations(open_, count):
                own = tuple(flag and k not in chosen for k, flag in enumerate(self.per_example))
                yield replace(self, per_example=own)

    def read(
        self, evaluate: Callable[[ForwardArguments, Tensor | None], Tensor], batch: int
    ) -> ForwardArguments:
        """Return the reading under which other rows have the outputs of the whole batch.

        The whole batch with all arguments as they are is right under every reading. Where none agrees, the
        first is kept, and whoever checks the rows says so.

        Args:
            evaluate: (arguments, examples or None for all with every argument as it is) -> f.
            batch: Number of examples B.

        Raises:
            ShapeError: If the model runs on the whole batch, but on other rows in no reading.
        """
        try:
            truth = evaluate(self, None)
        except Exception:  # whatever a user's forward may raise; the trial says it in words
            return self
        orders = [torch.tensor([batch - 1, 0]), torch.tensor([batch // 2])]
        ran = False
        for reading in self.readings():
            try:
                found = [evaluate(reading, order) for order in orders]
            except Exception:  # this reading does not fit the model
                continue
            ran = True
            size = 10 * torch.finfo(truth.dtype).eps ** 0.5 * max(1e-3, float(truth.abs().max()))
            if all(
                bool(((f - truth[o.to(truth.device)]).abs() <= size).all())
                for f, o in zip(found, orders, strict=True)
            ):
                return reading
        if ran:
            return self
        names = [
            f"additional_forward_args[{self.name(k)!r}] of shape {tuple(self.values[k].shape)}"
            for k, own in enumerate(self.per_example)
            if own and k >= len(self.places)
        ]
        raise ShapeError(
            f"{', '.join(names)} as long as the batch of {batch}: read as one entry per example and as one "
            "tensor for all, the model runs on the whole batch only. Pass ta.shared(tensor) where all "
            "examples share it, and let forward take any number of rows"
        )

    def name(self, k: int) -> int | str:
        """Return the position or the keyword of an argument."""
        split = len(self.values) - len(self.keywords)
        return k - len(self.places) if k < split else self.keywords[k - split]


def cast(tensor: Tensor, dtype: torch.dtype | None, device: torch.device) -> Tensor:
    """Return a tensor on a device, in a dtype unless it holds integers; None keeps its own."""
    floating = dtype is not None and tensor.is_floating_point()
    return tensor.detach().to(device=device, dtype=dtype if floating else tensor.dtype)
