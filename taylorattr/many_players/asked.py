"""What is asked of a game of many players, and what a way answers for one example."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from taylorattr.analysis.game import Game
from taylorattr.autodiff.captured import programs_between
from taylorattr.autodiff.meetings import Meetings, meetings
from taylorattr.many_players.counted_values import CountedValues
from taylorattr.many_players.interaction_list import Entries
from taylorattr.maths.subsets import count_up_to
from taylorattr.program.program import Program

HELD_OUT_PAIRS = 128
"""Pairs that were not proposed and are measured all the same, to judge the proposal; at most an eighth of the
budget goes into them."""

VERIFIED_PROOFS = 16
"""Pairs proved never to meet that are measured before the proof is used."""


@dataclass
class WayAnswer:
    """What one example's way gives.

    Attributes:
        entries: What was looked at.
        way: Its name.
        evaluations: Model outputs computed.
        products: Derivative products.
        complete: Whether everything up to the order that is not listed is zero.
        confidence: Numbers and a sentence.
        passed_over: Way -> why it was not taken.
    """

    entries: Entries
    way: str
    evaluations: int = 0
    products: int = 0
    complete: bool = False
    confidence: dict[str, Any] = field(default_factory=dict)
    passed_over: dict[str, str] = field(default_factory=dict)


@dataclass
class Asked:
    """What was asked of a game, with what is established once for all ways."""

    game: Game
    order: int
    budget: int
    way: str
    index: str
    top: int
    risk: float
    seed: int
    show_progress: bool = False
    _meetings: dict[int, Meetings] = field(default_factory=dict)

    @property
    def exact_count(self) -> int:
        """Outputs that every coalition takes: 2^n for an index, all |S| ≤ order for J."""
        n = self.game.n
        return count_up_to(n, self.order) if self.index == "Moebius" else 1 << n

    @property
    def exact_fits(self) -> bool:
        """Whether the exact way needs no look at the program."""
        return self.way in ("auto", "exact") and self.exact_count <= self.budget

    @property
    def judges(self) -> int:
        """Pairs that are held out."""
        return min(HELD_OUT_PAIRS, max(1, self.budget // 8))

    @cached_property
    def programs(self) -> list[Program | str]:
        """Each example's program, or why there is none."""
        if not all(x.is_floating_point() for x in self.game.inputs):
            return ["the inputs are integers: a model is captured along floating ones"] * self.game.batch
        with torch.inference_mode(False):
            return list(programs_between(self.game))

    def meet(self, example: int, v: CountedValues) -> Meetings:
        """Return which players of an example may meet, after measuring some pairs that are said not to."""
        if example not in self._meetings:
            found = meetings(self.game, example, self.programs[example])
            self._meetings[example] = verified(found, v, self.generator())
        return self._meetings[example]

    def may_meet(self) -> Tensor | None:
        """Return the table of all examples, None where nothing was proved of any."""
        if not any(found.proved for found in self._meetings.values()):
            return None
        unknown = torch.ones(self.game.n, self.game.n, dtype=torch.bool)
        return torch.stack([
            self._meetings[e].may_meet if e in self._meetings else unknown for e in range(self.game.batch)
        ])  # fmt: skip

    def generator(self) -> np.random.Generator:
        """Return a source of random numbers, the same for every example whatever else is in the batch."""
        return np.random.default_rng(self.seed)


class PassedError(Exception):
    """Why a way cannot answer."""


def verified(found: Meetings, v: CountedValues, generator: np.random.Generator) -> Meetings:
    """Return what was proved, after measuring mixed differences of some of the pairs beside random others.

    A proof holds for the program; whether the program is the model everywhere shows in what is measured.
    """
    if not found.proved:
        return found
    first, second = np.nonzero(np.triu(~found.may_meet.numpy(), 1))
    drawn = generator.integers(0, len(first), size=min(VERIFIED_PROOFS, len(first)))
    rows = np.repeat(generator.random((len(drawn), v.n)) < 0.5, 4, axis=0).reshape(len(drawn), 4, v.n)
    for pair, block in zip(drawn, rows, strict=True):
        block[:, first[pair]] = [False, True, False, True]
        block[:, second[pair]] = [False, False, True, True]
    values = v(rows.reshape(-1, v.n)).reshape(-1, 4)
    differences = values[:, 3] - values[:, 2] - values[:, 1] + values[:, 0]
    if (np.abs(differences) <= 16 * v.rounding).all():
        return found
    return replace(
        found,
        may_meet=torch.ones_like(found.may_meet),
        reason="pairs that its program keeps apart were measured together, and interact",
    )
