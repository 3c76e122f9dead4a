"""Which elements of the input move together."""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

import numpy as np
import torch
from torch import Tensor

from taylorattr.aliases import Tensors
from taylorattr.analysis.player_masks import describe, integer_mask, masks_in, spread_masks
from taylorattr.errors import PlayerError

Rest: TypeAlias = Literal["fixed", "baseline"] | None


@dataclass(frozen=True, eq=True, init=False)
class Players:
    """Groups of elements that move together, the variables of the analysis.

    An element is a flat index into one example, all input tensors flattened (C order) and concatenated in
    their order: with inputs (B, 3) and (B, 2, 2), element 4 is entry [0, 1] of the second tensor.

    Args:
        groups: Flat indices of each player's elements.
        names: One name per player; None: ``group0``, ``group1``, … A name that comes again, as words of a
            sentence do, gets a number: ``the``, ``the·2``.
        rest: What unnamed elements do: None refuses them, ``"fixed"`` holds them at the input,
            ``"baseline"`` at the baseline.

    Raises:
        PlayerError: If there is no player, a player is empty, players overlap, an index is negative or not an
            integer, or there are not as many names as players.

    Attributes:
        mask: The masks these players were made of, one per input tensor, so that they can be spread over an
            example that has more dimensions; None for players made of indices.
    """

    groups: tuple[tuple[int, ...], ...]
    names: tuple[str, ...]
    rest: Rest
    mask: tuple[Tensor, ...] | None = field(default=None, compare=False, repr=False)

    def __init__(
        self, groups: Iterable[Iterable[int]], names: Sequence[str] | None = None, *, rest: Rest = None
    ) -> None:
        if not isinstance(groups, Iterable) or isinstance(groups, (str, bytes)):
            raise PlayerError(
                f"players are {describe(groups)}; expected one list of element indices per player: "
                "[[0, 1], [2]]"
            )
        if isinstance(groups, Mapping):
            raise PlayerError(
                "players are a dict; for names with index lists pass ta.Players.columns({'age': [0], …})"
            )
        listed = tuple(_indices(i, group) for i, group in enumerate(groups))
        if not listed:
            raise PlayerError(
                "players are empty; expected at least one player, a list of element indices: [[0, 1], [2]]"
            )
        if names is not None and not isinstance(names, Iterable):
            raise PlayerError(f"names are {describe(names)}; expected a list with one name per player")
        labels = tuple(f"group{i}" for i in range(len(listed))) if names is None else tuple(map(str, names))
        if len(labels) != len(listed):
            raise PlayerError(
                f"{len(labels)} names for {len(listed)} players; expected as many names as players"
            )
        labels = _told_apart(labels)
        if rest not in (None, "fixed", "baseline"):
            raise PlayerError(f"rest={rest!r}; expected None, 'fixed' or 'baseline'")
        _refuse_overlap(listed, labels)
        object.__setattr__(self, "groups", listed)
        object.__setattr__(self, "names", labels)
        object.__setattr__(self, "rest", rest)
        object.__setattr__(self, "mask", None)

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
        for name, value in (("groups", groups), ("names", _names(tuple(shapes))), ("rest", None)):
            object.__setattr__(players, name, value)
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
        """Return the tiles of a size, row by row, those at the lower and right border cut."""
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
            raise PlayerError(f"tokens need x of shape (B, T, d); given {describe(x)}")
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
            mask: Tensor or numpy array of integers, like captum's ``feature_mask``, of one example's shape or
                of one that spreads over it from the right as numpy's arrays do: for images (B, C, H, W) a
                segmentation (H, W) moves all channels together. For tokens (B, T, d) write a mask (T,) as
                ``mask[:, None]``, since (d,) groups features. A leading 1 is allowed; a tuple for several
                input tensors, where equal numbers are one player.
            names: One per player; None: ``group`` and its number.
            rest: What elements marked −1 do.

        Raises:
            PlayerError: If the mask is not made of integers ≥ −1.
        """
        parts = tuple(map(integer_mask, mask if isinstance(mask, tuple) else (mask,)))
        if not sum(part.numel() for part in parts):
            raise PlayerError(f"a player mask must have elements; given {describe(mask)}")
        flat = torch.cat([part.reshape(-1) for part in parts])
        numbers, sizes = torch.unique(flat, return_counts=True)
        members = torch.split(torch.argsort(flat, stable=True), sizes.tolist())
        kept = [(k, m.tolist()) for k, m in zip(numbers.tolist(), members, strict=True) if k >= 0]
        if not kept:
            raise PlayerError(
                "a player mask names nobody: all its elements are −1; give the elements of each player its "
                "number ≥ 0"
            )
        labels = [f"group{k}" for k, _ in kept] if names is None else names
        players = cls([m for _, m in kept], labels, rest=rest)
        object.__setattr__(players, "mask", parts)
        return players

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
    if players is None:
        return Players.elements(inputs)
    if isinstance(players, Players):
        result, masks = players, players.mask
        if masks is not None and [tuple(m.shape) for m in masks] != example_shapes(inputs):
            result = Players.from_mask(spread_masks(masks, inputs), names=players.names, rest=players.rest)
    elif (masks := masks_in(players)) is not None:
        result = Players.from_mask(spread_masks(masks, inputs))
    elif isinstance(players, Sequence) and not isinstance(players, (str, bytes)):
        result = Players(players)  # type: ignore[arg-type]
    else:
        raise PlayerError(
            f"players is {describe(players)}; expected an integer mask of one example's shape, a list of "
            "index lists such as [[0, 1], [2]], or ta.Players (ta.Players.columns takes a dict)"
        )
    _check_cover(result, example_shapes(inputs))
    return result


def player_maps(players: Players, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """Return each input tensor's player of every element, −1 for the rest; shapes of one example, int64."""
    shapes = example_shapes(inputs)
    total = _total(shapes)
    if len(players.groups) == total and players.groups is _singles(total):
        owner = np.arange(total)
    else:
        sizes = np.fromiter(map(len, players.groups), np.int64, len(players))
        members = itertools.chain.from_iterable(players.groups)
        owner = np.full(total, -1, np.int64)
        owner[np.fromiter(members, np.int64, sizes.sum())] = np.repeat(np.arange(len(players)), sizes)
    parts = torch.split(torch.from_numpy(owner), [math.prod(shape) for shape in shapes])
    return tuple(part.reshape(shape) for part, shape in zip(parts, shapes, strict=True))


def example_shapes(x: Tensors) -> list[tuple[int, ...]]:
    """Return the shape of one example of each input tensor (B, …)."""
    parts = x if isinstance(x, tuple) else (x,)
    for part in parts:
        if not isinstance(part, Tensor) or part.ndim == 0:
            raise PlayerError(f"expected a tensor with a batch dimension; given {describe(part)}")
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
        for size, end in zip(shape, [","] * (len(shape) - 1) + ["]"] * bool(shape), strict=True):
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
    """Return the number of elements of one example."""
    return sum(math.prod(shape) for shape in shapes)


def _indices(number: int, group: Iterable[int]) -> tuple[int, ...]:
    """Return a player's elements, sorted and checked."""
    members = group.tolist() if isinstance(group, (Tensor, np.ndarray)) else group
    if not isinstance(members, Iterable) or isinstance(members, str):
        raise PlayerError(
            f"player {number} is {members!r}; expected a list of element indices: [[0, 1], [2]]"
        )
    members = list(members)
    wrong = [
        i for i in members if not hasattr(i, "__index__") or isinstance(i, (Tensor, np.ndarray)) and i.ndim
    ]
    try:
        indices = sorted(i.__index__() for i in members) if not wrong else []
    except TypeError:
        wrong, indices = members, []
    if wrong:
        raise PlayerError(
            f"player {number} holds {wrong[0]!r}; expected integer indices of elements, counted from 0: "
            "[[0, 1], [2]]"
        )
    if not indices:
        raise PlayerError(
            f"player {number} has no elements; expected at least one element index in each player: leave it "
            "out"
        )
    if indices[0] < 0:
        raise PlayerError(
            f"player {number} holds the negative index {indices[0]}; expected indices counted from 0"
        )
    return tuple(indices)


def _told_apart(labels: tuple[str, ...]) -> tuple[str, ...]:
    """Return the names, with a number behind those that come again: the, the·2."""
    taken = set(labels)
    if len(taken) == len(labels):
        return labels
    first, unique = set(), []
    for label in labels:
        name, count = label, 1
        while name in first or (count > 1 and name in taken):  # "the·2" may itself be one of the names
            count += 1
            name = f"{label}·{count}"
        first.add(name)
        unique.append(name)
    return tuple(unique)


def _refuse_overlap(groups: tuple[tuple[int, ...], ...], names: tuple[str, ...]) -> None:
    """Refuse an element of two players, or twice of one; names the first."""
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


def _check_cover(players: Players, shapes: list[tuple[int, ...]]) -> None:
    """Refuse elements outside the example, and elements left out where `rest` does not say what they do."""
    total = _total(shapes)
    used = set(itertools.chain.from_iterable(players.groups))
    highest = max(used)
    if highest >= total:
        name = next(n for n, g in zip(players.names, players.groups, strict=True) if highest in g)
        raise PlayerError(f"player {name!r} holds element {highest}, but one example has {total} elements")
    if players.rest is None and len(used) < total:
        left = sorted(set(range(total)) - used)
        text = (
            f"players leave out element{'s' if len(left) > 1 else ''} {describe_elements(left, shapes)}; "
            "groups must partition the elements. "
        )
        # indices into (H, W) are those of the first channel: held still, the other channels would stay
        # behind without a word, which is never what an index of pixels means
        slices = [shapes[0][k:] for k in range(1, len(shapes[0])) if math.prod(shapes[0][k:]) == len(used)]
        if slices and highest == len(used) - 1:
            raise PlayerError(
                f"{text}They are indices into shape {slices[0]}, the first part of {shapes[0]}: to move all "
                f"parts together, pass an integer mask of shape {slices[0]}, which spreads over the rest"
            )
        raise PlayerError(
            f"{text}Add them to a player, or pass ta.Players(…, "
            "rest='fixed') to hold them at the input, ta.Players(…, rest='baseline') to hold them at the "
            "baseline"
        )


def _spatial(x: Tensor) -> tuple[int, int]:
    """Return height and width."""
    if not isinstance(x, Tensor) or x.ndim < 3:
        raise PlayerError(f"patches need x of shape (B, …, H, W); given {describe(x)}")
    return x.shape[-2], x.shape[-1]


def _pair(shape: tuple[int, int], what: str) -> tuple[int, int]:
    if (
        not isinstance(shape, (tuple, list))
        or len(shape) != 2
        or any(not isinstance(s, int) or s < 1 for s in shape)
    ):
        raise PlayerError(f"{what} shape {shape!r}; expected two positive integers (rows, columns)")
    return shape[0], shape[1]
