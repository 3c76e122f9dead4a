"""Hessians, in chunks of rows with bounded memory."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor

from taylorattr.aliases import AnyTarget, Baselines, Output, Outputs, Tensors
from taylorattr.analysis.game import Game, blocks
from taylorattr.analysis.model_errors import analysis_door
from taylorattr.analysis.players import PlayersLike
from taylorattr.analysis.question import Question
from taylorattr.analysis.scalar import ScalarModel
from taylorattr.analysis.several_outputs import about_outputs
from taylorattr.analysis.shared_parameters import shares_parameters
from taylorattr.autodiff.captured import capture_at, holds_at
from taylorattr.autodiff.curvature import Curvature, Rows
from taylorattr.autodiff.second_order import hessian_sum, selected_hessians
from taylorattr.autodiff.unseen import require_finite_derivatives, say_kinks
from taylorattr.errors import BudgetError, OptionError, require_number, require_whole_number
from taylorattr.memory import available, in_words
from taylorattr.program.program import Program

_CHUNKS = (32, 256)
_CACHE_BYTES = 16 * 2**20
_WORTH_LOADING = 2.0  # seconds of work left that pay the first use of torch.func


@shares_parameters
@analysis_door
def hessian(
    model: Callable[..., Any],
    inputs: Tensors,
    baselines: Baselines = None,
    *,
    target: AnyTarget = None,
    players: PlayersLike = None,
    additional_forward_args: Any = None,
    dtype: torch.dtype | None = torch.float64,
    internal_batch_size: int | None = None,
    memory_limit: int | None = None,
    outputs: Outputs | None = None,
) -> Tensor:
    """Return the Hessian of f at each input.

    Without players: ∂²f/∂x_i∂x_j, i and j running over the elements of all input tensors, flattened and
    concatenated. With players: ∂²f̃/∂t_g∂t_h = Δ_gᵀ ∇²f(x) Δ_h of f̃(t) = f(b + Σ_g t_g Δ_g) at t = 1.

    Args:
        model: As in `Question`.
        inputs: As in `Question`.
        baselines: b, used with players only: None (zeros), number, tensor or tuple.
        target: As in `Question`.
        players: Integer mask(s), index lists or ``ta.Players``; None: derivatives by elements, in units of x.
        additional_forward_args: As in `Question`.
        dtype: As in `Question`.
        internal_batch_size: Rows of the Hessian per pass; None: all of up to 256 variables, else 32 to 256,
            fewer where memory is short.
        memory_limit: Bytes a pass may take; None: half of what the machine has free.
        outputs: Several outputs, by number or by tuples of indices, or ``all``; then without target. The
            answer is a mapping from each to its Hessian.

    Returns:
        Shape (B, n, n), symmetric up to rounding, in the analysis dtype, in units of [f]/[x]², or of [f] with
        players.

    Raises:
        BudgetError: If the result itself exceeds the memory.
        NonFiniteError: If an entry is NaN or infinite; names the operation that is singular at the input.
        OptionError: If baselines are given without players, or internal_batch_size is below 1.

    Warns:
        KinkWarning: The model has kinks, at which second derivatives see nothing.

    Further errors are those of `Question.game`. By the Taylor walk on the captured model (`second_order`), in
    which ``detach`` and custom backward passes count as the operations they are; where the model cannot be
    captured or an operation has no rule, by double backward passes. Attention works on CPU.
    """
    require_whole_number("internal_batch_size", internal_batch_size, optional=True)
    require_number("memory_limit", memory_limit, optional=True)
    if players is None and baselines is not None:
        raise OptionError(
            "baselines do not enter a Hessian over elements; pass players=… for derivatives along Δ = x − b"
        )
    # rows per pass are not rows per model call, so the question does not know of internal_batch_size
    question = Question(
        model,
        inputs,
        baselines,
        target=target,
        additional_forward_args=additional_forward_args,
        players=players,
        dtype=dtype,
    )
    named: tuple[Output, ...] = ()
    if outputs is not None:
        question, named = about_outputs(question, outputs)
    limit = available() if memory_limit is None else memory_limit
    if players is None:
        scalar, x = question.point
        n = sum(part[0].numel() for part in x)
        _require_memory(scalar.batch, n, scalar.dtype, limit)
        jobs = [(tuple(p[e : e + 1] for p in x), unit_rows(x), _flat_sum) for e in range(scalar.batch)]
    else:
        game = question.game
        scalar, n = game.scalar, game.n
        _require_memory(scalar.batch, n, scalar.dtype, limit)
        jobs = [(game.input(e), player_rows(game, e), player_sum(game, e)) for e in range(scalar.batch)]
    result = torch.empty(scalar.batch, n, n, dtype=scalar.dtype, device=scalar.device)
    one = result.new_ones(1)
    program: Program | str = ""
    programs = []
    with torch.inference_mode(False):
        for example, (point, directions, collect) in enumerate(jobs):
            program = _program(program, scalar, point, example)
            programs.append(program)
            if isinstance(program, Program):
                hessian_sum(
                    program,
                    point,
                    one,
                    n,
                    directions,
                    collect,
                    memory_limit=limit,
                    rows=internal_batch_size,
                    out=result[example],
                )
                if not bool(torch.isfinite(result[example].sum())):
                    again = selected_hessians(program, point, n, directions, limit)
                    result[example] = result[example] if again is None else again[0][0]
            else:
                chunk, convolves = pass_size(scalar, limit)
                curvature = Curvature(scalar, point, torch.tensor([example]))
                for part, block in curvature_rows(
                    curvature, directions, n, internal_batch_size or chunk, try_forward=convolves
                ):
                    result[example, part] = collect(block)[:, 0]
        at = [point for point, _, _ in jobs]
        say_kinks("Hessians", programs, scalar, at, result)
        require_finite_derivatives("the Hessian", programs, scalar, at, result)
    if outputs is None:
        return result
    each: Any = MappingProxyType({output: result[k :: len(named)] for k, output in enumerate(named)})
    return each


def _program(known: Program | str, scalar: ScalarModel, point: Rows, example: int) -> Program | str:
    """Return a program right around a point: the known one where it fits, else the model captured there."""
    if isinstance(known, Program):
        with torch.no_grad():
            value = scalar.values(point, torch.tensor([example]))[0]
        if holds_at(known, scalar, point, value):
            return known
    return capture_at(scalar, point, example)


Directions = Callable[[slice], Rows]
"""Players in a slice -> their directions, tensors (C, 1, …)."""


def curvature_rows(
    curvature: Curvature, directions: Directions, n: int, chunk: int, *, try_forward: bool = False
) -> Iterator[tuple[slice, Rows]]:
    """Yield H v for n directions, in chunks.

    Reverse over reverse won in every network measured but convolutional ones; there the second chunk is done
    by forward over reverse, and the faster of the two goes on.

    Args:
        curvature: The points.
        directions: Gives the directions of a chunk.
        n: Number of directions.
        chunk: Directions per pass.
        try_forward: Whether forward over reverse may win.

    Yields:
        The slice of directions and H v, tensors (C, R, …).
    """
    apply = curvature.reverse
    spent: list[float] = []
    for number, part in enumerate(blocks(n, chunk)):
        if number == 1 and try_forward and _worth_a_trial(spent[0], n - chunk, chunk):
            apply = curvature.forward
        elif number == 2 and (curvature.forward_fails or spent[1] > spent[0]):
            apply = curvature.reverse
        vectors = directions(part)
        start = time.perf_counter()
        block = apply(vectors)
        spent.append(time.perf_counter() - start)
        yield part, block


def _worth_a_trial(spent: float, remaining: int, chunk: int) -> bool:
    """Return whether forward over reverse may pay: enough is left, and torch.func loaded or soon repaid."""
    loaded = "torch._dynamo" in sys.modules
    return remaining > 2 * chunk and (loaded or spent * remaining / chunk > _WORTH_LOADING)


def player_rows(game: Game, example: int) -> Directions:
    """Return the directions Δ_g of a slice of players, tensors (C, 1, …)."""

    def rows(part: slice) -> Rows:
        players = torch.arange(part.start, part.stop, device=game.device)
        result = []
        for x, b, owner in zip(game.inputs, game.baselines, game.maps, strict=True):
            chosen = owner[None] == players.reshape(-1, *([1] * owner.ndim))
            result.append((chosen * (x[example] - b[example]))[:, None])
        return tuple(result)

    return rows


def player_sum(game: Game, example: int) -> Callable[[Rows], Tensor]:
    """Return the contraction of tensors (C, R, …) with each player's Δ, shape (C, R, n)."""

    def collect(rows: Rows) -> Tensor:
        total = rows[0].new_zeros(*rows[0].shape[:2], game.n + 1)  # the last column: unnamed elements
        for row, x, b, owner in zip(rows, game.inputs, game.baselines, game.maps, strict=True):
            weighted = (row * (x[example] - b[example])).flatten(2) if owner.ndim else row[..., None]
            place = torch.where(owner < 0, game.n, owner).reshape(-1)
            total.index_add_(2, place, weighted)
        return total[..., : game.n]

    return collect


def unit_rows(x: Rows) -> Directions:
    """Return the unit vectors of the elements of one example, all inputs side by side, tensors (C, 1, …)."""
    sizes = [part[0].numel() for part in x]

    def rows(part: slice) -> Rows:
        count = part.stop - part.start
        units = torch.zeros(count, sum(sizes), dtype=x[0].dtype, device=x[0].device)
        units[torch.arange(count), torch.arange(part.start, part.stop)] = 1
        split = torch.split(units, sizes, dim=1)
        return tuple(u.reshape(count, 1, *p.shape[1:]) for u, p in zip(split, x, strict=True))

    return rows


def _flat_sum(rows: Rows) -> Tensor:
    flat = [row.flatten(2) if row.ndim > 2 else row[..., None] for row in rows]
    return flat[0] if len(flat) == 1 else torch.cat(flat, dim=2)


def pass_size(scalar: ScalarModel, limit: int) -> tuple[int, bool]:
    """Return how many Hessian rows to do per pass, and whether the model has convolutions.

    The intermediate tensors of the rows stay near the cache, and in memory with those of both backward
    passes.
    """
    fitting = limit // max(4 * scalar.total, 1)
    cached = min(max(_CACHE_BYTES // max(scalar.total, 1), _CHUNKS[0]), _CHUNKS[1])
    return max(1, int(min(cached, fitting))), any("conv" in name for name in scalar.operations)


def _require_memory(batch: int, n: int, dtype: torch.dtype, limit: int) -> None:
    needed = 2 * batch * n * n * torch.finfo(dtype).bits // 8
    if needed > limit:
        raise BudgetError(
            f"{batch} Hessian{'s' if batch > 1 else ''} of {n} variables need {in_words(needed)} "
            f"(limit {in_words(limit)}); group elements with players=…, pass fewer examples, or use "
            "ta.hvp"
        )
