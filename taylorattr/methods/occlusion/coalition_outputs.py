"""v(T) of the same coalitions for every example, in batches that may hold several examples."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Self, TypeAlias

import torch
from torch import Tensor
from tqdm.auto import tqdm

from taylorattr import memory
from taylorattr.analysis.game import Game, blocks
from taylorattr.analysis.masking import CoalitionValues, coalition_bits

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
        fold: Whether players may be folded into the first affine layer: pays where there are many more
            coalitions than players.
        total: Number of outputs, for the progress bar.
        show_progress: Whether to show one.

    Attributes:
        rows: Rows per model call.
    """

    def __init__(
        self, game: Game, *, fold: bool = False, total: int | None = None, show_progress: bool = False
    ) -> None:
        self.game, self._fold = game, fold
        memory.keep_freed_blocks()
        plain = CoalitionValues(self.game, 0, fold=False)
        self.rows = plain.rows
        self._evaluators: dict[int, CoalitionValues] = {} if fold else {0: plain}
        self._bar = tqdm(total=total, unit="out", disable=not show_progress)

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
        batch = self.game.batch
        together = self.rows // max(count, 1)
        if together >= 2 and batch > 1:
            table = coalition_bits(members(0, count).to(self.game.device), self.game.n)
            for part in blocks(batch, together):
                yield part, self._several(table, part)
            return
        for example in range(batch):
            yield slice(example, example + 1), self._one(members, count, example)[None]

    def table(self, members: Members, count: int) -> Tensor:
        """Return the outputs of all examples, shape (B, count), float64 on the CPU."""
        return torch.cat([values for _, values in self(members, count)])

    def _one(self, members: Members, count: int, example: int) -> Tensor:
        evaluate = self._evaluator(example)
        values = torch.empty(count, dtype=torch.float64)
        fitting = _MEMBERSHIP_BYTES // (self.rows * self.game.n)
        size = self.rows * min(max(fitting, 1), _CALLS_PER_BLOCK)
        for part in blocks(count, size):
            values[part] = evaluate(members(part.start, part.stop), self._bar.update).double().cpu()
        return values

    def _evaluator(self, example: int) -> CoalitionValues:
        found = self._evaluators.get(example)
        if found is None:
            found = CoalitionValues(self.game, example, internal_batch_size=self.rows, fold=self._fold)
            if self._fold:
                self._evaluators.clear()  # a fold holds tables: one example's at a time
            self._evaluators[example] = found
        return found

    def _several(self, table: Tensor, part: slice) -> Tensor:
        game = self.game
        points = []
        for x, b, owner in zip(game.inputs, game.baselines, game.maps, strict=True):
            held = table.index_select(1, owner.clamp_min(0).reshape(-1)).reshape(1, len(table), *owner.shape)
            points.append(torch.where(held, x[part, None], b[part, None]).flatten(0, 1))
        examples = torch.arange(part.start, part.stop).repeat_interleave(len(table))
        with torch.no_grad():
            values = game.scalar.values(tuple(points), examples).reshape(-1, len(table))
        finite = torch.isfinite(values).all(1)
        if not bool(finite.all()):
            bad = part.start + int((~finite).nonzero()[0])
            CoalitionValues(game, bad, fold=False)(table)  # raises, naming the players
        self._bar.update(values.numel())
        return values.double().cpu()


def unchanged(game: Game) -> Tensor:
    """Return which players are the same at input and baseline, shape (B, n), bool, on the CPU."""
    changed = torch.zeros(game.batch, game.n, dtype=torch.int64, device=game.device)
    for x, b, owner in zip(game.inputs, game.baselines, game.maps, strict=True):
        flat = owner.reshape(-1)
        named = flat >= 0
        differs = (x != b).reshape(game.batch, -1)[:, named]
        changed.index_add_(1, flat[named], differs.to(torch.int64))
    return (changed == 0).cpu()
