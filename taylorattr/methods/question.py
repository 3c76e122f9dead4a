"""What an attribution method is asked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from taylorattr.aliases import AnyTarget
from taylorattr.analysis.game import Game, blocks
from taylorattr.analysis.players import PlayersLike
from taylorattr.errors import OptionError


@dataclass
class Question:
    """What a method is asked.

    Attributes:
        game: Model, inputs, baselines, players, bound and checked. For methods with a reference set its
            baselines are only a stand-in (the mean reference); `references` holds the set.
        model: The user's model, for looking up layers by identity; never run, never changed.
        target: As the user gave it.
        additional_forward_args: As the user gave them.
        references: Reference set, tensors (R, …) in the dtype and on the device of the game, for methods
            that read one; else None. `reference_rows` gives them with the unnamed elements in place.
        players: As the user gave them; resolved they are the game's.
        seed: Seed of everything drawn at random; use `generator`.
        show_progress: Whether to show a progress bar.
        internal_batch_size: Rows per model call the user asked for; None: chosen from memory.
    """

    game: Game
    model: Callable[..., Any]
    target: AnyTarget = None
    additional_forward_args: Any = None
    references: tuple[Tensor, ...] | None = None
    players: PlayersLike = None
    seed: int = 0
    show_progress: bool = False
    internal_batch_size: int | None = None

    def generator(self) -> torch.Generator:
        """Return a CPU generator of this question's seed; the global one is never touched."""
        return torch.Generator().manual_seed(self.seed)

    def reference_rows(self, example: int) -> tuple[Tensor, ...]:
        """Return the references for one example, tensors (R, …); unnamed elements as in its input.

        Raises:
            OptionError: If the method was not registered with ``references=True``.
        """
        if self.references is None:
            raise OptionError("this method has no reference set; register it with references=True")
        rows = []
        for reference, owner, x in zip(self.references, self.game.maps, self.game.inputs, strict=True):
            rows.append(torch.where(owner >= 0, reference, x[example]))
        return tuple(rows)

    def reference_values(self) -> Tensor:
        """Return f of every reference, shape (B, R), each example with its own target and arguments."""
        game = self.game
        unnamed = any(bool((owner < 0).any()) for owner in game.maps)
        shared = not unnamed and not game.scalar.varies
        found = []
        with torch.no_grad():
            for example in range(1 if shared else game.batch):
                rows = self.reference_rows(example)
                size = game.internal_batch_size or 256
                found.append(
                    torch.cat(
                        [
                            game.scalar.values(
                                tuple(r[part] for r in rows), torch.full((part.stop - part.start,), example)
                            )
                            for part in blocks(len(rows[0]), size)
                        ]
                    )
                )
        return torch.stack(found).expand(game.batch, -1)
