"""v(T) of the same coalitions for every example: examples × coalitions are the rows of one matrix."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from types import TracebackType
from typing import Self, TypeAlias

import torch
from torch import Tensor
from tqdm.auto import tqdm

from taylorattr import memory
from taylorattr.analysis.game import Game, blocks
from taylorattr.analysis.masking import CoalitionValues, coalition_bits
from taylorattr.analysis.scalar import ScalarModel
from taylorattr.analysis.shared_rows import columns_at

Members: TypeAlias = Callable[[int, int], Tensor]
"""start, stop -> those coalitions, bitmasks (R,) int64 or a bool table (R, n)."""

_MEMBERSHIP_BYTES = 64 * 2**20
"""Bytes of the table that says who is in each coalition of a block, one a player."""

_CALLS_PER_BLOCK = 16
"""Model calls whose coalitions are worked out together at most."""


class CoalitionOutputs:
    """The model's outputs on coalitions shared by all examples; a context that shows progress.

    Many coalitions are evaluated example by example; few of them for several examples in one model call.

    Args:
        game: The game.
        fold: Whether players may be folded into the first affine layer where an example has calls of its
            own: pays where there are many more coalitions than players.
        total: Number of outputs, for the progress bar.
        initial: How many of them are known already.
        show_progress: Whether to show one.

    Attributes:
        rows: Rows per model call.
    """

    def __init__(
        self,
        game: Game,
        *,
        fold: bool = False,
        total: int | None = None,
        initial: int = 0,
        show_progress: bool = False,
    ) -> None:
        self.game, self._fold = game, fold
        memory.keep_freed_blocks()
        plain = CoalitionValues(self.game, 0, fold=False, shared=True)
        self.rows = plain.rows
        self._evaluators: dict[int, CoalitionValues] = {} if fold else {0: plain}
        self._bar = tqdm(total=total, initial=initial, unit="out", disable=not show_progress)

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the progress bar."""
        self._bar.close()

    def __call__(self, members: Members, count: int) -> Iterator[tuple[slice, Tensor]]:
        """Yield slices of the examples with their outputs (E, count), float64 on the CPU.

        Args:
            members: The coalitions, made in blocks.
            count: How many there are.

        Yields:
            Each slice of the examples once, in order.

        Raises:
            NonFiniteError: If an output is NaN or infinite; names the coalition.
        """
        whole: Tensor | None = None
        for examples, part, values in self.pieces(members, count, range(self.game.batch)):
            if part.stop - part.start == count:
                yield slice(examples[0], examples[-1] + 1), values.double()
                continue
            if whole is None or part.start == 0:
                whole = torch.empty(len(examples), count, dtype=torch.float64)
            whole[:, part] = values
            if part.stop == count:
                yield slice(examples[0], examples[-1] + 1), whole

    def pieces(
        self, members: Members, count: int, examples: Sequence[int]
    ) -> Iterator[tuple[Sequence[int], slice, Tensor]]:
        """Yield a part of the table (examples, coalitions) with its outputs, as soon as they are evaluated.

        Args:
            members: The coalitions, made in blocks.
            count: How many there are.
            examples: Whose outputs are wanted; all that share a row of the inputs, or none.

        Yields:
            Examples, a slice of the coalitions, and outputs (E, C) in the dtype of the analysis on the CPU:
            several examples with all coalitions, or those of one row of the inputs with some, in order.

        Raises:
            NonFiniteError: If an output is NaN or infinite; names the coalition.
        """
        shared = self.game.scalar.columns  # examples that share a row come with the first of them
        if not count:  # of one player no coalition lies between none and all
            yield examples, slice(0, 0), self.game.f_input.new_empty(len(examples), 0).cpu()
            return
        firsts = examples[::shared]
        together = self.rows // count
        if together >= 2 and len(firsts) > 1:
            bits = coalition_bits(members(0, count).to(self.game.device), self.game.n)
            held = [bits.index_select(1, owner.clamp_min(0).reshape(-1)) for owner in self.game.maps]
            for part in blocks(len(firsts), together):
                some = slice(shared * part.start, shared * part.stop)
                yield examples[some], slice(0, count), self._several(bits, held, firsts[part])
            return
        fitting = _MEMBERSHIP_BYTES // (self.rows * self.game.n)
        size = self.rows * min(max(fitting, 1), _CALLS_PER_BLOCK)
        for place, example in enumerate(firsts):
            evaluate = self._evaluator(example)
            for part in blocks(count, size):
                values = evaluate(members(part.start, part.stop), self._bar.update)
                yield examples[shared * place :][:shared], part, values.T.cpu()

    def table(self, members: Members, count: int) -> Tensor:
        """Return the outputs of all examples, shape (B, count), float64 on the CPU."""
        return torch.cat([values for _, values in self(members, count)])

    def _evaluator(self, example: int) -> CoalitionValues:
        found = self._evaluators.get(example)
        if found is None:
            found = CoalitionValues(
                self.game, example, internal_batch_size=self.rows, fold=self._fold, shared=True
            )
            if self._fold:
                self._evaluators.clear()  # a fold holds tables: one example's at a time
            self._evaluators[example] = found
        return found

    def _several(self, bits: Tensor, held: list[Tensor], examples: Sequence[int]) -> Tensor:
        """Return the outputs of all coalitions for several rows of the inputs, in one model call.

        Args:
            bits: The coalitions.
            held: For each input tensor which of its elements stand at the input, (C, elements).
            examples: The first of the examples of each row.

        Returns:
            Shape (E·K, C): K examples share a row.
        """
        game = self.game
        place = torch.tensor(examples)
        points = []
        for x, b, chosen in zip(game.inputs, game.baselines, held, strict=True):
            ends = (end[place.to(end.device), None] for end in (x, b))
            points.append(torch.where(chosen.reshape(1, len(bits), *x.shape[1:]), *ends).flatten(0, 1))
        with torch.no_grad():
            values = columns_at(game.scalar, tuple(points), place.repeat_interleave(len(bits)))
        values = values.reshape(len(examples), len(bits), -1).transpose(1, 2).flatten(0, 1)
        finite = torch.isfinite(values).all(1)
        if not bool(finite.all()):
            first, column = divmod(int((~finite).nonzero()[0]), game.scalar.columns)
            bad = examples[first] + column
            CoalitionValues(game, bad, fold=False)(bits)  # raises, naming the players
        self._bar.update(values.numel())
        return values.cpu()


def sampled_outputs(game: Game, scalar: ScalarModel, masks: Tensor, size: int | None = None) -> Tensor:
    """Return v of a few coalitions for every example, by plain forwards.

    Args:
        game: The game.
        scalar: Its model, or a twin in another precision.
        masks: The coalitions, as for `CoalitionValues`.
        size: Rows per model call, if that is fewer than a call takes.

    Returns:
        Shape (B, C), in the dtype of that model, on the CPU.
    """
    bits = coalition_bits(masks.to(game.device), game.n)
    held = [bits.index_select(1, owner.clamp_min(0).reshape(-1)) for owner in game.maps]
    count, shared = len(bits), scalar.columns
    total = game.batch // shared * count
    most = CoalitionValues(game, 0, fold=False).rows
    values = []
    with torch.no_grad():
        for part in blocks(total, most if size is None else min(size, most)):
            place = torch.arange(part.start, part.stop, device=game.device)
            example, coalition = place // count * shared, place % count
            points = []
            for x, b, chosen in zip(game.inputs, game.baselines, held, strict=True):
                here = chosen[coalition].reshape(len(place), *x.shape[1:])
                point = torch.where(here, x[example], b[example])
                points.append(point.to(scalar.dtype) if point.is_floating_point() else point)
            values.append(columns_at(scalar, tuple(points), example.cpu()).cpu())
    return torch.cat(values).reshape(-1, count, shared).transpose(1, 2).reshape(game.batch, count)


def unchanged(game: Game) -> Tensor:
    """Return which players are the same at input and baseline, shape (B, n), bool, on the CPU."""
    changed = torch.zeros(game.batch, game.n, dtype=torch.int64, device=game.device)
    for x, b, owner in zip(game.inputs, game.baselines, game.maps, strict=True):
        flat = owner.reshape(-1)
        named = flat >= 0
        differs = (x != b).reshape(game.batch, -1)[:, named]
        changed.index_add_(1, flat[named], differs.to(torch.int64))
    return (changed == 0).cpu()
