"""``ta.integrated_hessians``: a pairwise share of every effect, complete by construction."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property, partial
from math import isfinite
from typing import Any, ClassVar

import torch
from torch import Tensor

from taylorattr.aliases import AnyTarget, Baselines, Outputs, Tensors
from taylorattr.analysis.game import Game
from taylorattr.analysis.model_errors import analysis_door
from taylorattr.analysis.players import PlayersLike
from taylorattr.analysis.question import Question
from taylorattr.analysis.shared_parameters import shares_parameters
from taylorattr.autodiff.captured import programs_between
from taylorattr.autodiff.integrated_hessians import integrated_hessian
from taylorattr.autodiff.unseen import say_steps
from taylorattr.effects.by_output import answered
from taylorattr.effects.examples import in_rows
from taylorattr.effects.references import FURTHER_TABLES
from taylorattr.effects.result import Result
from taylorattr.errors import BudgetError, OptionError, PrecisionWarning, ShapeError, require_number, warn
from taylorattr.maths.quadrature import MAX_NODES
from taylorattr.memory import available, in_words
from taylorattr.program.program import Program

LADDER = (5, 8, 13, 21, 34, 55)
"""Numbers of nodes tried in turn until the sum over all pairs meets f(x) − f(b)."""


@dataclass(frozen=True, eq=False, repr=False)
class IntegratedHessians(Result):
    """Γ_ij = Σ_κ (κ_i κ_j / |κ|²) I(κ), eq. (65): rows sum to integrated gradients, all to f(x) − f(b).

    Attributes:
        values: Γ, shape (B, n, n), symmetric up to rounding. The diagonal holds parts of pure interactions.
        integrated_gradients: What the row sums should be, shape (B, n), by a quadrature of its own.
        delta: f(x) − f(b), shape (B,).
        names: Names of the n players.
        nodes: Hessians taken along the path of each example, B numbers.
        diagnostics: What a reader must know about the computation; JSON-able.
    """

    example_axes: ClassVar = in_rows("values integrated_gradients delta nodes")

    values: Tensor
    integrated_gradients: Tensor
    delta: Tensor
    names: tuple[str, ...]
    nodes: tuple[int, ...]
    diagnostics: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check that the parts fit together."""
        n, batch = len(self.names), len(self.nodes)
        shapes = tuple(tuple(t.shape) for t in (self.values, self.integrated_gradients, self.delta))
        if shapes != ((batch, n, n), (batch, n), (batch,)):
            raise ShapeError(
                f"values, integrated_gradients and delta have shapes {shapes}; expected (B, n, n), (B, "
                "n), (B,)"
            )

    @cached_property
    def gap(self) -> Tensor:
        """Completeness gap f(x) − f(b) − Σ_ij Γ_ij, shape (B,)."""
        return self.delta - self.values.sum((1, 2))

    @cached_property
    def row_gap(self) -> Tensor:
        """Integrated gradients minus row sums, shape (B, n)."""
        return self.integrated_gradients - self.values.sum(2)

    def top(self, k: int = 10, example: int = 0) -> list[tuple[tuple[str, str], float]]:
        """Return the k pairs i ≤ j of largest |share|: ((name_i, name_j), Γ_ii or Γ_ij + Γ_ji).

        Raises:
            OptionError: If there is no such example.
        """
        if not 0 <= example < len(self.nodes):
            raise OptionError(f"example={example}; the result has examples 0 … {len(self.nodes) - 1}")
        matrix = self.values[example]
        pairs = torch.triu(matrix + matrix.T) - torch.diag(matrix.diagonal())
        n = len(self.names)
        order = pairs.abs().reshape(-1).argsort(descending=True, stable=True)[: min(k, n * (n + 1) // 2)]
        places = [divmod(flat, n) for flat in order.tolist()]
        return [((self.names[i], self.names[j]), float(pairs[i, j])) for i, j in places]

    def __repr__(self) -> str:
        lines = [f"IntegratedHessians: {len(self.nodes)} example(s), {len(self.names)} players"]
        for example in range(min(len(self.nodes), 3)):
            lines.append(
                f"  example {example}: delta {float(self.delta[example]):+.6g}, gap "
                f"{float(self.gap[example]):+.2g}, {self.nodes[example]} nodes"
            )
            for (one, other), share in self.top(5, example):
                lines.append(f"    {share:+.6g}  {one if one == other else f'{one} × {other}'}")
        if len(self.nodes) > 3:
            lines.append(f"  … {len(self.nodes) - 3} more")
        return "\n".join(lines)


@shares_parameters
@analysis_door
def integrated_hessians(
    model: Callable[..., Any],
    inputs: Tensors,
    baselines: Baselines = None,
    *,
    target: AnyTarget = None,
    players: PlayersLike = None,
    additional_forward_args: Any = None,
    dtype: torch.dtype | None = torch.float64,
    n_nodes: int | None = None,
    tolerance: float = 1e-6,
    internal_batch_size: int | None = None,
    memory_limit: int | None = None,
    references: Tensors | None = None,
    outputs: Outputs | None = None,
) -> IntegratedHessians:
    """Share f(x) − f(b) among pairs of players by integrating Hessians from b to x.

    Γ_ij = ∫₀¹ (−s ln s) H̃_ij(s) ds + [i = j] ∫₀¹ (−ln s) g̃_i(s) ds, g̃ and H̃ the gradient and Hessian of
    f̃(t) = f(b + Σ_g t_g Δ_g) at t = s·1; q Gauss nodes for the weight −s·ln s need q Hessians.

    Args:
        model: As in `Question`.
        inputs: As in `Question`.
        baselines: As in `Question`.
        target: As in `Question`.
        players: As in `Question`.
        additional_forward_args: As in `Question`.
        dtype: As in `Question`.
        n_nodes: Number of nodes q; None: 5, 8, … 55, until the tolerance is met.
        tolerance: Accepted completeness and row gaps relative to Σ_ij |Γ_ij|.
        internal_batch_size: Points × Hessian rows per pass; None: chosen from memory.
        memory_limit: Bytes a pass and the result may take; None: half of what the machine has free.
        references: Reference set (R, …) over which the shares are averaged, eq. (21); then without baselines.
        outputs: As in `Question`.

    Returns:
        Γ with its completeness gaps, float64 on the CPU, in units of the model output. ``diagnostics`` holds
        for each example the ``engine``: ``taylor walk``, or ``double backward`` and why. With references,
        ``nodes`` counts those of all, and `taylorattr.effects.references.over_references` says of means.

    Raises:
        OptionError: If n_nodes or tolerance is out of range.
        BudgetError: If B·n² entries exceed the memory.
        NonFiniteError: If a derivative on the way is NaN or infinite; names the operation.

    Further errors are those of `Question.game`.

    Warns:
        PrecisionWarning: The gaps exceed the tolerance. With kinks (ReLU) they never close: Hessians do not
            see kinks.

    Source: eq. (65); Janizek, Sturmfels & Lee (2021).
    """
    if n_nodes is not None and (not isinstance(n_nodes, int) or not 1 <= n_nodes <= MAX_NODES // 2):
        raise OptionError(f"n_nodes={n_nodes!r}; expected 1 … {MAX_NODES // 2}, or None")
    require_number("tolerance", tolerance)
    question = Question(
        model,
        inputs,
        baselines,
        target=target,
        players=players,
        additional_forward_args=additional_forward_args,
        dtype=dtype,
        internal_batch_size=internal_batch_size,
        averages=True,
    )
    ladder = LADDER if n_nodes is None else (n_nodes,)
    shares = partial(_integrated, ladder=ladder, tolerance=tolerance, memory_limit=memory_limit)
    return answered(question, shares, references, outputs)


def _integrated(
    question: Question, ladder: tuple[int, ...], tolerance: float, memory_limit: int | None
) -> IntegratedHessians:
    """Return Γ against one baseline per example; see `integrated_hessians`."""
    game = question.game
    limit = available() if memory_limit is None else memory_limit
    tables = game.batch * (1 + FURTHER_TABLES * (question.one_of > 1)) + 2
    needed = 8 * tables * game.n**2
    if needed > limit:
        raise BudgetError(
            f"integrated Hessians of {game.batch} examples and {game.n} players need {in_words(needed)} "
            f"(limit {in_words(limit)}); group elements with players=…, or pass fewer examples"
        )
    with torch.inference_mode(False):
        programs = list(programs_between(game))
        shares = [
            _until(game, example, program if isinstance(program, Program) else None, ladder, tolerance, limit)
            for example, program in enumerate(programs)
        ]
    engines = ["taylor walk" if isinstance(p, Program) else f"double backward: {p}" for p in programs]
    result = IntegratedHessians(
        values=torch.stack([matrix for matrix, _, _ in shares]).double().cpu(),
        integrated_gradients=torch.stack([gradients for _, gradients, _ in shares]).double().cpu(),
        delta=game.delta.double().cpu(),
        names=game.names,
        nodes=tuple(nodes for _, _, nodes in shares),
        diagnostics={**game.diagnostics, "engine": engines},
    )
    _say_gaps(result, tolerance)
    say_steps("integrated Hessians", game.scalar, [game.input(e) for e in range(game.batch)], result.values)
    return result


def _until(
    game: Game, example: int, program: Program | None, ladder: tuple[int, ...], tolerance: float, limit: int
) -> tuple[Tensor, Tensor, int]:
    """Return Γ, integrated gradients and the number of nodes at which the gaps close, else the last."""
    rungs = iter(ladder)
    while True:
        nodes = next(rungs)
        matrix, gradients = integrated_hessian(
            game,
            example,
            nodes,
            memory_limit=limit,
            internal_batch_size=game.internal_batch_size,
            program=program,
        )
        size = float(matrix.abs().sum())
        gap = abs(float(game.delta[example] - matrix.sum()))
        row_gap = float((gradients - matrix.sum(1)).abs().max())
        closed = max(gap, row_gap) <= tolerance * size
        if closed or not isfinite(size) or nodes == ladder[-1]:
            return matrix, gradients, nodes


def _say_gaps(result: IntegratedHessians, tolerance: float) -> None:
    size = result.values.abs().sum((1, 2))
    worst = torch.maximum(result.gap.abs(), result.row_gap.abs().amax(1))
    open_ones = (worst > tolerance * size).nonzero().reshape(-1).tolist()
    if open_ones:
        example = max(open_ones, key=lambda e: float(worst[e]))
        warn(
            f"integrated Hessians of example {example} miss f(x) − f(b) = {float(result.delta[example]):.4g} "
            f"by {float(result.gap[example]):.2g}, a row by up to "
            f"{float(result.row_gap[example].abs().max()):.2g} ({result.nodes[example]} nodes). Pass a "
            "larger n_nodes; where the model has kinks (ReLU), which Hessians do not see, use ta.harsanyi",
            PrecisionWarning,
        )
