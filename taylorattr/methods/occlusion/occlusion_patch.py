"""Occlusion-patch: what the output loses when a window of players goes to the baseline."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import torch
from torch import Tensor

from taylorattr.analysis.coalition_outputs import CoalitionOutputs, unchanged
from taylorattr.analysis.game import Game, blocks
from taylorattr.analysis.players import Players, player_maps
from taylorattr.analysis.question import Question
from taylorattr.effects.coalition_table import player_position
from taylorattr.errors import OptionError
from taylorattr.maths.windows import SlidingWindows, full_shape, window_scores
from taylorattr.methods.method import Scores, method

OVERLAPS = ("average", "shared")


@method("occlusion_patch", family="occlusion", integers=True)
def occlusion_patch(
    question: Question,
    *,
    window: WindowShape = None,
    stride: WindowShape = None,
    windows: Players | Sequence[Sequence[int | str]] | None = None,
    overlap: str = "average",
) -> Scores:
    """f(x) − f(x with a window at the baseline), given to the players in the window.

    a_i = Σ_{W∋i} c_{W,i} (v(N) − v(N∖W)), eq. (25). ``average``: c = 1/number of windows that contain i, so
    every player in a window is given all of it; ``shared``: c = 1/|W|, so a window's value is divided
    among its players. A player is given effects of its neighbours (it need not be part of an effect
    to get a share), docs/theory.md §4, row 7.

    Args:
        question: What is asked; as many outputs per example as there are windows.
        window: Shape of a window that slides over each input: an integer for the last two dimensions (the
            last, for vectors), or one size for each of the last dimensions; dimensions before those, as
            the channels of an image, are held whole. For several inputs a tuple with one shape each.
            None: a quarter of each side; with ``players=``, each player alone.
        stride: Step in each dimension, in the forms of ``window``, at most the window; None: the
            window itself, so that windows do not overlap. Windows are cut at the border.
        windows: Instead of a sliding shape, the windows themselves: ``ta.Players`` whose groups are windows
            of elements, or lists of players by name or number; they may overlap, differ in size
            and be in any place.
        overlap: ``average`` or ``shared``.

    Returns:
        Scores of the players.

    Raises:
        OptionError: If a window is larger than the input, leaves gaps, cuts through a player, or
            ``overlap`` is unknown.
        NonFiniteError: If an output is NaN or infinite.

    Source: Zeiler, Fergus (2014).
    """
    if overlap not in OVERLAPS:
        raise OptionError(f"overlap={overlap!r}; expected 'average' or 'shared', eq. (25)")
    game = question.game
    found, diagnostics = player_windows(game, window, stride, windows)

    def outside(start: int, stop: int) -> Tensor:
        return ~found.members(start, stop)

    with CoalitionOutputs(
        question.game, total=game.batch * len(found), show_progress=question.show_progress
    ) as outputs:
        without = outputs.table(outside, len(found))
    losses = game.f_input.double().cpu()[:, None] - without
    still = unchanged(game)
    cover = found.cover.numpy() if overlap == "average" else None
    scores = torch.zeros(game.batch, game.n, dtype=torch.float64)
    for part in found.blocks():
        held = found.members(part.start, part.stop)
        moved = (~still).double() @ held.T.double() > 0  # where nothing changes nothing is lost
        part_losses = torch.where(moved, losses[:, part], 0.0)
        sizes = found.sizes[part].clamp_min(1).numpy()
        scores += torch.from_numpy(window_scores(held.numpy(), part_losses.numpy(), cover, sizes))
    return Scores(players=scores, diagnostics=diagnostics | {"overlap": overlap})


WindowShape: TypeAlias = int | Sequence[int] | tuple[Any, ...] | None
"""One input: an integer or one per trailing dimension; several inputs: a tuple with one of these for each."""

_COVERED_BYTES = 16 * 2**20
"""Bytes of the table that says which elements each window of a block covers, one an element."""


@dataclass
class PlayerWindows:
    """A list of windows, each a set of players.

    Args:
        game: The game whose players they hold.
        sliding: One family of windows per input tensor; None where the windows are listed.
        listed: Shape (W, n), bool; used where there are no sliding windows.
    """

    game: Game
    sliding: tuple[SlidingWindows, ...] | None = None
    listed: Tensor | None = None

    def __post_init__(self) -> None:
        """Count the windows' players, and refuse windows that cut through a player."""
        self._elementwise = self.game.n == sum(owner.numel() for owner in self.game.maps)
        counts = [torch.bincount(o.reshape(-1) + 1, minlength=self.game.n + 1) for o in self.game.maps]
        self._elements = torch.stack(counts).sum(0)[1:].cpu()
        self.sizes = torch.empty(len(self), dtype=torch.int64)
        self.cover = torch.zeros(self.game.n, dtype=torch.int64)
        for part in self.blocks():
            held = self.members(part.start, part.stop)
            self.sizes[part] = held.sum(1)
            self.cover += held.sum(0)

    def __len__(self) -> int:
        """Return the number of windows."""
        if self.sliding is not None:
            return sum(map(len, self.sliding))
        return 0 if self.listed is None else len(self.listed)

    def blocks(self) -> list[slice]:
        """Return slices of the windows whose tables of members stay small."""
        total = sum(owner.numel() for owner in self.game.maps)
        return list(blocks(len(self), max(1, _COVERED_BYTES // total)))

    def members(self, start: int, stop: int) -> Tensor:
        """Return which players windows start … stop hold, shape (stop − start, n), bool.

        Raises:
            OptionError: If a window holds a part of a player.
        """
        if self.sliding is None:
            assert self.listed is not None
            return self.listed[start:stop]
        parts, first = [], 0
        for number, windows in enumerate(self.sliding):
            low, high = max(start, first), min(stop, first + len(windows))
            if low < high:
                held = torch.from_numpy(windows.members(low - first, high - first)).reshape(high - low, -1)
                parts.append(self._players_in(held, number))
            first += len(windows)
        return torch.cat(parts)

    def _players_in(self, held: Tensor, number: int) -> Tensor:
        owner = self.game.maps[number].reshape(-1).cpu()
        if self._elementwise:
            result = torch.zeros(len(held), self.game.n, dtype=torch.bool)
            result[:, owner] = held
            return result
        named = owner >= 0
        inside = torch.zeros(len(held), self.game.n, dtype=torch.int64)
        inside.index_add_(1, owner[named], held[:, named].to(torch.int64))
        partial = (inside > 0) & (inside < self._elements)
        if bool(partial.any()):
            window, player = partial.nonzero()[0].tolist()
            raise OptionError(
                f"a window holds {int(inside[window, player])} of the {int(self._elements[player])} elements "
                f"of player {self.game.names[player]!r}; a player is occluded whole: choose windows made of "
                "whole players, or leave players out"
            )
        return inside > 0


def player_windows(
    game: Game, window: WindowShape, stride: WindowShape, windows: Any
) -> tuple[PlayerWindows, dict[str, Any]]:
    """Return the windows a user asks for, and what to say about them.

    Args:
        game: The game.
        window: Shape of sliding windows; None: a quarter of each side where every element is a player,
            else each player alone.
        stride: Their step; None: the window, so that they do not overlap.
        windows: Windows listed one by one instead: `Players`, whose groups are windows of elements, or
            sequences of players by name or number.

    Returns:
        The windows and their diagnostics.

    Raises:
        OptionError: If sizes do not fit the inputs, a window cuts through a player, or both a shape and a
            list are given.
    """
    if windows is not None:
        if window is not None or stride is not None:
            raise OptionError("window= or stride= slide a shape, windows= lists windows; give one of the two")
        found = PlayerWindows(game, listed=_listed(game, windows))
        left = [game.names[i] for i in (found.cover == 0).nonzero().reshape(-1).tolist()]
        diagnostics: dict[str, Any] = {"windows": len(found)}
        return found, diagnostics | ({"in_no_window": left} if left else {})
    whole = game.n == sum(owner.numel() for owner in game.maps)
    if window is None and stride is None and not whole:
        listed = torch.eye(game.n, dtype=torch.bool)
        return PlayerWindows(game, listed=listed), {"windows": game.n, "window": "one player"}
    shapes = [tuple(owner.shape) for owner in game.maps]
    sliding = []
    windows_of, strides_of = _per_input(window, shapes, "window"), _per_input(stride, shapes, "stride")
    for shape, size, step in zip(shapes, windows_of, strides_of, strict=True):
        if size is None:
            size = tuple(-(-s // 4) for s in (shape[-2:] if len(shape) > 2 else shape))
        held = full_shape(size, shape, "window")
        moved = held if step is None else full_shape(step, shape, "stride")
        sliding.append(SlidingWindows(shape, held, moved))
    found = PlayerWindows(game, sliding=tuple(sliding))
    said = {"window": [list(s.window) for s in sliding], "stride": [list(s.stride) for s in sliding]}
    return found, {"windows": len(found)} | said


def _per_input(given: WindowShape, shapes: list[tuple[int, ...]], what: str) -> list[Any]:
    if len(shapes) == 1:
        single = isinstance(given, Sequence) and len(given) == 1 and isinstance(given[0], Sequence)
        return [given[0] if single else given]  # pyright: ignore[reportOptionalSubscript, reportIndexIssue]
    if given is None or isinstance(given, int):
        return [given] * len(shapes)
    if len(given) != len(shapes):
        raise OptionError(
            f"{what}={given!r} for {len(shapes)} input tensors; expected one integer for all, or a tuple "
            "with one shape per tensor"
        )
    return list(given)


def _listed(game: Game, windows: Any) -> Tensor:
    if isinstance(windows, Players):
        return _of_elements(game, windows)
    rows = [[player_position(p, game.names) for p in window] for window in windows]
    if not rows or not all(rows):
        raise OptionError("windows= needs at least one window, each with at least one player")
    table = torch.zeros(len(rows), game.n, dtype=torch.bool)
    for row, members in zip(table, rows, strict=True):
        row[members] = True
    return table


def _of_elements(game: Game, windows: Players) -> Tensor:
    total = sum(owner.numel() for owner in game.maps)
    if max(max(group) for group in windows.groups) >= total:
        raise OptionError(f"windows= names elements beyond the {total} of one example")
    window_of = torch.cat([m.reshape(-1) for m in player_maps(windows, game.inputs)]).numpy()
    owner = torch.cat([m.reshape(-1) for m in game.maps]).cpu().numpy()
    table = np.zeros((len(windows), game.n), dtype=np.int64)
    both = (window_of >= 0) & (owner >= 0)
    np.add.at(table, (window_of[both], owner[both]), 1)
    sizes = np.bincount(owner[owner >= 0], minlength=game.n)
    cut = np.argwhere((table > 0) & (table < sizes))
    if len(cut):
        raise OptionError(
            f"window {windows.names[cut[0][0]]!r} holds a part of player {game.names[cut[0][1]]!r}; a player "
            "is occluded whole: choose windows made of whole players"
        )
    return torch.from_numpy(table > 0)
