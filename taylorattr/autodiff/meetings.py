"""Which players can meet at all: pairs whose every interaction is zero, proved from the captured program.

For every entry u of every value the players that it depends on are followed, and beside them one set of pairs
that *may meet*. By induction over the operations, Δ_i Δ_j u ≡ 0 for every entry u and every other pair:

- a linear operation, whose coefficients are constants, has mixed differences that are sums of its operands';
- φ(u) of one entry: if it depends on i and on j, they meet; if not, the mixed difference is zero;
- u·w: a player of u meets the players of w. Two players of u alone do not meet here, Δ_i Δ_j (u w) =
  (Δ_i Δ_j u) w;
- anything else (winners of a maximum, comparisons, indices): all players of all its operands meet.

J(S) = Δ_S v(∅) then is zero for every S that holds such a pair, as are all Taylor effects of both.

Whether a linear operation carries a player on is read off the operation itself: applied to random numbers
where the player is, it gives exactly 0 where no weight leads, and by chance nowhere else.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from taylorattr.analysis.game import Game
from taylorattr.autodiff.polynomial.builder import Plan
from taylorattr.autodiff.polynomial.engine import lowered
from taylorattr.autodiff.polynomial.ring import Block
from taylorattr.autodiff.polynomial.steps import Elementwise, Linear, Matmul, Multiply, Step
from taylorattr.errors import NonFiniteError, TaylorAttrError
from taylorattr.program.program import Program

ENTRIES = 1 << 26
"""Players × entries of the widest value above which a program is not followed: half a GiB of numbers."""

DRAWS = (3, 1)
"""Draws of random numbers per linear operation in float32, and in float64, where weights that do not vanish
give a sum of exactly 0 once in 2^52."""

_COLUMNS = 1 << 14
"""Entries whose players are compared at a time."""


@dataclass(frozen=True)
class Meetings:
    """Which players of an example may meet.

    Attributes:
        may_meet: Symmetric bool table (n, n), diagonal True; False is a proof.
        reason: Why nothing could be told, "" where the program was followed.
    """

    may_meet: Tensor
    reason: str = ""

    @property
    def proved(self) -> int:
        """Number of pairs that are proved never to meet."""
        return int((~self.may_meet).sum()) // 2


def meetings(game: Game, example: int, program: Program | str) -> Meetings:
    """Return which players of an example may meet; see the module.

    Args:
        game: The game.
        example: Which example; where its input equals its baseline, players depend on nothing.
        program: Its program, right from b to x, or why there is none (`captured.programs_between`).

    Returns:
        The pairs. All may meet where the model cannot be captured, takes branches on values or reads them
        into Python, holds an operation without a rule, or is too large to follow; ``reason`` says which.
    """
    everything = torch.ones(game.n, game.n, dtype=torch.bool)
    if not isinstance(program, Program):
        return Meetings(everything, program)
    if program.notes:
        note = program.notes[0]
        return Meetings(everything, f"the program holds for some points only ({note.kind}, {note.where})")
    with torch.inference_mode(False), torch.no_grad():
        try:
            plan = lowered(program, game.baseline(example))
            if game.n * plan.widest > ENTRIES:
                return Meetings(
                    everything, f"{game.n} players × {plan.widest:,} entries are too many to follow"
                )
            return Meetings(_followed(plan, _owners(game, example), game.dtype).cpu())
        except (TaylorAttrError, RuntimeError) as error:
            return Meetings(everything, str(error).splitlines()[0])


def _owners(game: Game, example: int) -> list[Tensor]:
    """Return which player moves which element of the inputs, bool blocks (n, 1, *shape)."""
    players = torch.arange(game.n, device=game.device)
    blocks = []
    for x, b, owner in zip(game.inputs, game.baselines, game.maps, strict=True):
        moves = (owner[None] == players.reshape(-1, *[1] * owner.ndim)) & (x[example] != b[example])
        blocks.append(moves[:, None])
    return blocks


def _followed(plan: Plan, owners: list[Tensor], dtype: torch.dtype) -> Tensor:
    """Return the pairs that may meet in a plan."""
    n = len(owners[0])
    generator = torch.Generator().manual_seed(0)
    # blocks of the walks are (players, examples, *value), and a program's inputs are (1, …) themselves
    env: dict[int, Tensor] = {
        slot: block.reshape(n, 1, *shape)
        for slot, block, shape in zip(plan.inputs, owners, plan.input_shapes, strict=True)
    }
    meet = torch.eye(n, dtype=torch.bool, device=owners[0].device)
    active = torch.stack([block.flatten(1).any(1) for block in owners]).any(0)
    most = meet | (active[:, None] & active[None, :])
    for step, finished in zip(plan.steps, plan.last_use, strict=True):
        env[step.out] = _step(step, [env[i] for i in step.inputs], meet, generator, dtype)
        if torch.equal(meet, most):
            break  # nothing is left to be proved
        for index in finished:
            del env[index]
    return meet


def _step(
    step: Step, operands: list[Tensor], meet: Tensor, generator: torch.Generator, dtype: torch.dtype
) -> Tensor:
    """Return the players of each entry of a result, a bool block (n, 1, *shape); add the pairs that meet."""
    n = len(meet)
    if isinstance(step, Linear) and step.context is None:
        return _carried(step, operands, generator, dtype)
    if isinstance(step, Elementwise):
        _add(meet, operands[0], operands[0])
        return operands[0]
    if isinstance(step, Multiply):
        left, right = (block.expand(n, 1, *step.shape) for block in operands)
        _add(meet, left, right)
        return left | right
    if isinstance(step, Matmul):
        left, right = operands
        _add(meet, left.any(-2), right.any(-1))  # over the dimension that is summed
        return (left.any(-1, keepdim=True) | right.any(-2, keepdim=True)).expand(n, 1, *step.shape)
    players = torch.stack([block.reshape(n, -1).any(1) for block in operands]).any(0)
    meet |= players[:, None] & players[None, :]
    return players.reshape(n, 1, *[1] * len(step.shape)).expand(n, 1, *step.shape)


def _carried(step: Linear, operands: list[Tensor], generator: torch.Generator, dtype: torch.dtype) -> Tensor:
    """Return where a linear operation leads each player."""
    led = torch.zeros((), dtype=torch.bool, device=operands[0].device)
    for _ in range(DRAWS[dtype == torch.float64]):
        blocks: list[Block] = []
        for block in operands:
            # from 1 to 2: no product with a weight of normal size comes near 0
            numbers = 1 + torch.rand(block.shape, dtype=torch.float64, generator=generator)
            blocks.append(torch.where(block, numbers.to(block.device, dtype), 0.0))
        image = step.push(blocks, None)
        if not bool(torch.isfinite(image.sum())):
            raise NonFiniteError(f"{step.label} has weights that are not finite")
        led = led | (image != 0)
    return led.expand(len(operands[0]), 1, *step.shape)


def _add(meet: Tensor, left: Tensor, right: Tensor) -> None:
    """Add the pairs of a player of an entry of the one and a player of the same entry of the other."""
    n = len(meet)
    left, right = left.reshape(n, -1), right.reshape(n, -1)
    for start in range(0, left.shape[1], _COLUMNS):
        a, b = (side[:, start : start + _COLUMNS].float() for side in (left, right))
        shared = a.any(0) & b.any(0)
        together = (a[:, shared] @ b[:, shared].T) > 0
        meet |= together | together.T
