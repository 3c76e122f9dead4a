"""Which elements of the input move together."""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
import torch
from torch import Tensor

from taylorattr.aliases import Tensors
from taylorattr.errors import PlayerError

Rest: TypeAlias = Literal["fixed", "baseline"] | None


@dataclass(frozen=True, eq=True, init=False)
class Players:
    """Groups of elements that move together, the variables of the analysis.

    An element is a flat index into one example, all input tensors flattened (C order) and concatenated in
    their order: with inputs (B, 3) and (B, 2, 2), element 4 is entry [0, 1] of the second tensor.

    Args:
        groups: Flat indices of each player's elements.
        names: One unique name per player; None: ``group0``, ``group1``, …
        rest: What unnamed elements do: None refuses them, ``"fixed"`` holds them at the input,
            ``"baseline"`` at the baseline.

    Raises:
        PlayerError: If there is no player, a player is empty, players overlap, an index is negative or not an
            integer, or the names are not unique or not as many as the players.
    """

    groups: tuple[tuple[int, ...], ...]
    names: tuple[str, ...]
    rest: Rest

    def __init__(
        self, groups: Iterable[Iterable[int]], names: Sequence[str] | None = None, *, rest: Rest = None
    ) -> None:
        listed = tuple(_indices(i, group) for i, group in enumerate(groups))
        if not listed:
            raise PlayerError("players are empty; at least one player is needed")
        labels = tuple(f"group{i}" for i in range(len(listed))) if names is None else tuple(map(str, names))
        if len(labels) != len(listed):
            raise PlayerError(
                f"{len(labels)} names for {len(listed)} players; expected as many names as players"
            )
        repeated = sorted({name for name in labels if labels.count(name) > 1}) if _repeats(labels) else []
        if repeated:
            raise PlayerError(f"player names must be unique; given more than once: {', '.join(repeated[:5])}")
        if rest not in (None, "fixed", "baseline"):
            raise PlayerError(f"rest={rest!r}; expected None, 'fixed' or 'baseline'")
        _refuse_overlap(listed, labels)
        object.__setattr__(self, "groups", listed)
        object.__setattr__(self, "names", labels)
        object.__setattr__(self, "rest", rest)

    def __len__(self) -> int:
        """Return the number of players n."""
        return len(self.groups)

    def __repr__(self) -> str:
        """Return the first names with their sizes."""
        shown = ", ".join(
            name if len(group) == 1 else f"{name}({len(group)})"
            for name, group in itertools.islice(zip(self.names, self.groups, strict=True), 6)
        )
        more = ", …" if len(self) > 6 else ""
        rest = f", rest={self.rest!r}" if self.rest else ""
        return f"Players({len(self)}: {shown}{more}{rest})"

    @classmethod
    def elements(cls, x: Tensors, names: Sequence[str] | None = None) -> Players:
        """Return one player per element of x (B, …) or of a tuple of such tensors."""
        shapes = example_shapes(x)
        groups = _singles(_total(shapes))
        if names is not None or not groups:
            return cls(groups, names)
        players = object.__new__(cls)  # nothing to check, and an image has 150,000 elements
        for field, value in (("groups", groups), ("names", _names(tuple(shapes))), ("rest", None)):
            object.__setattr__(players, field, value)
        return players

    @classmethod
    def grid(cls, x: Tensor, shape: tuple[int, int], names: Sequence[str] | None = None) -> Players:
        """Return R·C equal patches of the last two dimensions of x (B, …, H, W), channels together.

        Raises:
            PlayerError: If x has no two spatial dimensions, or H, W are not multiples of R, C.
        """
        height, width = _spatial(x)
        rows, columns = _pair(shape, "grid")
        if height % rows or width % columns:
            raise PlayerError(
                f"a grid of {rows}×{columns} does not divide {height}×{width} pixels evenly; "
                f"rows must divide {height} and columns {width}"
            )
        return cls._tiles(x, (height // rows, width // columns), names)

    @classmethod
    def patches(cls, x: Tensor, shape: tuple[int, int], names: Sequence[str] | None = None) -> Players:
        """Return patches of `shape` pixels of the last two dimensions of x (B, …, H, W), channels together.

        Patches at the lower and right border are smaller where the sizes do not divide.

        Raises:
            PlayerError: If x has no two spatial dimensions, or a patch is larger than they are.
        """
        height, width = _spatial(x)
        tall, wide = _pair(shape, "patches")
        if tall > height or wide > width:
            raise PlayerError(
                f"a patch of {tall}×{wide} is larger than the {height}×{width} pixels of x; choose at most "
                "that"
            )
        return cls._tiles(x, (tall, wide), names)

    @classmethod
    def _tiles(cls, x: Tensor, size: tuple[int, int], names: Sequence[str] | None) -> Players:
        height, width = _spatial(x)
        columns = math.ceil(width / size[1])
        rows = math.ceil(height / size[0])
        tile = (torch.arange(height) // size[0])[:, None] * columns + (torch.arange(width) // size[1])[
            None, :
        ]
        labels = [f"patch[{r},{c}]" for r in range(rows) for c in range(columns)] if names is None else names
        return cls.from_mask(tile.expand(tuple(x.shape[1:])), names=labels)

    @classmethod
    def tokens(cls, x: Tensor, names: Sequence[str] | None = None) -> Players:
        """Return one player per position of dimension 1 of x (B, T, …).

        Raises:
            PlayerError: If x has no dimension 1.
        """
        if not isinstance(x, Tensor) or x.ndim < 2:
            raise PlayerError(f"tokens need x of shape (B, T, d); given {_describe(x)}")
        length = x.shape[1]
        position = torch.arange(length).reshape(length, *([1] * (x.ndim - 2))).expand(tuple(x.shape[1:]))
        return cls.from_mask(position, names=[f"token{i}" for i in range(length)] if names is None else names)

    @classmethod
    def columns(cls, columns: Mapping[str, Sequence[int]], *, rest: Rest = None) -> Players:
        """Return one player per name, holding these columns of x (B, n)."""
        return cls(columns.values(), tuple(columns), rest=rest)

    @classmethod
    def from_mask(cls, mask: Tensors, names: Sequence[str] | None = None, *, rest: Rest = None) -> Players:
        """Return one player per number in an integer mask, in increasing order; −1 marks unnamed elements.

        Args:
            mask: Integer tensor of one example's shape (a leading 1 is allowed), like captum's
                ``feature_mask``; a tuple for several input tensors, where equal numbers are one player.
            names: One per player; None: ``group`` and its number.
            rest: What elements marked −1 do.

        Raises:
            PlayerError: If the mask is not made of integers ≥ −1.
        """
        parts = mask if isinstance(mask, tuple) else (mask,)
        for part in parts:
            if not isinstance(part, Tensor) or part.is_floating_point() or part.is_complex():
                raise PlayerError(f"a player mask must be an integer tensor; given {_describe(part)}")
        flat = torch.cat([part.detach().cpu().reshape(-1).to(torch.int64) for part in parts])
        if flat.numel() and int(flat.min()) < -1:
            raise PlayerError(
                f"a player mask holds {int(flat.min())}; expected numbers ≥ 0, or −1 for unnamed"
            )
        numbers, sizes = torch.unique(flat, return_counts=True)
        members = torch.split(torch.argsort(flat, stable=True), sizes.tolist())
        kept = [(k, m.tolist()) for k, m in zip(numbers.tolist(), members, strict=True) if k >= 0]
        labels = [f"group{k}" for k, _ in kept] if names is None else names
        return cls([m for _, m in kept], labels, rest=rest)

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-ready dictionary."""
        return {"groups": [list(g) for g in self.groups], "names": list(self.names), "rest": self.rest}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Players:
        """Return the players of `to_dict`."""
        return cls(data["groups"], data.get("names"), rest=data.get("rest"))


PlayersLike: TypeAlias = Players | Tensors | Sequence[Sequence[int]] | None
"""What `players=` accepts: None (every element), a mask tensor or tuple of them, index lists, Players."""


def resolve_players(players: PlayersLike, inputs: tuple[Tensor, ...]) -> Players:
    """Return Players that fit these inputs.

    Args:
        players: See `PlayersLike`.
        inputs: Tensors (B, …).

    Raises:
        PlayerError: If a mask's shape differs from one example's, an index lies outside the example, or
            elements are left out and `rest` does not say what they do.
    """
    shapes = example_shapes(inputs)
    if players is None:
        return Players.elements(inputs)
    masks = _masks_in(players)
    if masks is not None:
        _check_masks(masks, shapes)
        result = Players.from_mask(masks)
    elif isinstance(players, Players):
        result = players
    elif isinstance(players, Sequence) and not isinstance(players, str):
        result = Players(players)  # type: ignore[arg-type]
    else:
        raise PlayerError(
            f"players is a {type(players).__name__}; expected an integer mask of one example's shape, a "
            "list of index lists, or ta.Players"
        )
    _check_cover(result, shapes)
    return result


def _masks_in(players: PlayersLike) -> tuple[Tensor, ...] | None:
    if isinstance(players, Tensor):
        return (players,)
    if isinstance(players, tuple):
        masks = tuple(part for part in players if isinstance(part, Tensor))
        return masks if len(masks) == len(players) else None
    return None


def player_maps(players: Players, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """Return each input tensor's player of every element, −1 for the rest; shapes of one example, int64."""
    shapes = example_shapes(inputs)
    total = _total(shapes)
    if len(players) == total and players.groups is _singles(total):
        return _shaped(np.arange(total), shapes)
    named = sum(map(len, players.groups))
    elements = np.fromiter(itertools.chain.from_iterable(players.groups), np.int64, named)
    owners = np.arange(len(players))
    if named > len(players):
        owners = np.repeat(owners, np.fromiter(map(len, players.groups), np.int64, len(players)))
    owner = np.full(total, -1, np.int64)
    owner[elements] = owners
    return _shaped(owner, shapes)


def _shaped(owner: np.ndarray, shapes: list[tuple[int, ...]]) -> tuple[Tensor, ...]:
    """Split a player of every element into the input tensors."""
    parts = torch.split(torch.from_numpy(owner), [math.prod(s) for s in shapes])
    return tuple(part.reshape(shape) for part, shape in zip(parts, shapes, strict=True))


def example_shapes(x: Tensors) -> list[tuple[int, ...]]:
    """Return the shape of one example of each input tensor (B, …)."""
    parts = x if isinstance(x, tuple) else (x,)
    for part in parts:
        if not isinstance(part, Tensor) or part.ndim == 0:
            raise PlayerError(f"expected a tensor with a batch dimension; given {_describe(part)}")
    return [tuple(part.shape[1:]) for part in parts]


def element_names(shapes: list[tuple[int, ...]]) -> list[str]:
    """Return readable names of all elements: x0 … for vectors, x[1,2] for images, x0[1,2] for tuples."""
    names: list[str] = []
    for number, shape in enumerate(shapes):
        stem = "x" if len(shapes) == 1 else f"x{number}"
        if len(shape) == 1 and len(shapes) == 1:
            names += [f"x{i}" for i in range(shape[0])]
            continue
        places = [f"{stem}["] if shape else [stem]
        for size, end in zip(shape, [","] * (len(shape) - 1) + ["]"], strict=True):
            indices = [f"{i}{end}" for i in range(size)]
            places = [place + index for place in places for index in indices]
        names = names + places if names else places
    return names


@functools.lru_cache(maxsize=2)  # one analysis follows another on the same shapes
def _singles(total: int) -> tuple[tuple[int, ...], ...]:
    """Return one group per element: (0,), (1,) and so on."""
    return tuple(zip(range(total), strict=True))


@functools.lru_cache(maxsize=2)
def _names(shapes: tuple[tuple[int, ...], ...]) -> tuple[str, ...]:
    return tuple(element_names(list(shapes)))


def describe_elements(elements: Sequence[int], shapes: list[tuple[int, ...]]) -> str:
    """Return the first few elements by index and place."""
    names = element_names(shapes) if _total(shapes) <= 10**6 else None
    shown = [f"{e} ({names[e]})" if names else str(e) for e in elements[:5]]
    return ", ".join(shown) + (f", … ({len(elements)} in all)" if len(elements) > 5 else "")


def _total(shapes: list[tuple[int, ...]]) -> int:
    return sum(math.prod(shape) for shape in shapes)


def _indices(number: int, group: Iterable[int]) -> tuple[int, ...]:
    members = group.tolist() if isinstance(group, Tensor) else group
    if not isinstance(members, Iterable) or isinstance(members, str):
        raise PlayerError(f"player {number} is {members!r}; expected a list of element indices")
    try:
        indices = sorted(i.__index__() for i in members)
    except (AttributeError, TypeError):
        raise PlayerError(f"player {number} holds something that is not an integer index") from None
    if not indices:
        raise PlayerError(f"player {number} has no elements")
    if indices[0] < 0:
        raise PlayerError(f"player {number} holds the negative index {indices[0]}; elements count from 0")
    return tuple(indices)


def _repeats(labels: tuple[str, ...]) -> bool:
    return len(set(labels)) != len(labels)


def _refuse_overlap(groups: tuple[tuple[int, ...], ...], names: tuple[str, ...]) -> None:
    if len(set(itertools.chain.from_iterable(groups))) == sum(map(len, groups)):
        return
    owner: dict[int, str] = {}
    for name, group in zip(names, groups, strict=True):
        for element in group:
            if element in owner:
                first = owner[element]
                both = "twice" if first == name else f"and to {name!r}"
                raise PlayerError(
                    f"players overlap: element {element} belongs to {first!r} {both}; "
                    "every element belongs to one player"
                )
            owner[element] = name


def _check_masks(masks: tuple[Tensor, ...], shapes: list[tuple[int, ...]]) -> None:
    if len(masks) != len(shapes):
        raise PlayerError(f"{len(masks)} player masks for {len(shapes)} input tensors; expected one for each")
    for i, (mask, shape) in enumerate(zip(masks, shapes, strict=True)):
        if tuple(mask.shape) not in (shape, (1, *shape)):
            where = f" {i}" if len(shapes) > 1 else ""
            raise PlayerError(
                f"player mask{where} has shape {tuple(mask.shape)}; expected one example's shape {shape}, "
                "with or without a leading 1"
            )


def _check_cover(players: Players, shapes: list[tuple[int, ...]]) -> None:
    total = _total(shapes)
    used = set(itertools.chain.from_iterable(players.groups))
    highest = max(used)
    if highest >= total:
        name = next(n for n, g in zip(players.names, players.groups, strict=True) if highest in g)
        raise PlayerError(f"player {name!r} holds element {highest}, but one example has {total} elements")
    if players.rest is None and len(used) < total:
        left = sorted(set(range(total)) - used)
        raise PlayerError(
            f"players leave out element{'s' if len(left) > 1 else ''} {describe_elements(left, shapes)}; "
            "groups must partition the elements. Add them to a player, or pass ta.Players(…, "
            "rest='fixed') to hold them at the input, rest='baseline' to hold them at the baseline"
        )


def _spatial(x: Tensor) -> tuple[int, int]:
    if not isinstance(x, Tensor) or x.ndim < 3:
        raise PlayerError(f"patches need x of shape (B, …, H, W); given {_describe(x)}")
    return x.shape[-2], x.shape[-1]


def _pair(shape: tuple[int, int], what: str) -> tuple[int, int]:
    if len(tuple(shape)) != 2 or any(not isinstance(s, int) or s < 1 for s in shape):
        raise PlayerError(f"{what} shape {shape!r}; expected two positive integers (rows, columns)")
    return shape[0], shape[1]


def _describe(value: Any) -> str:
    if isinstance(value, Tensor):
        return f"a {value.dtype} tensor of shape {tuple(value.shape)}"
    return f"a {type(value).__name__}"
