"""Examples with a model: what scores and objectives read of them, computed once and counted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from taylorattr import memory
from taylorattr.aliases import Baselines
from taylorattr.analysis.coalition_outputs import CoalitionOutputs
from taylorattr.analysis.game import Game, blocks, sum_over_players
from taylorattr.analysis.inputs import require_floating
from taylorattr.analysis.question import Question
from taylorattr.autodiff.gradient import gradient_rows, value_and_gradient
from taylorattr.design.build import attributor
from taylorattr.design.designed import DesignedRule
from taylorattr.effects.harsanyi import MAX_EVALUATIONS
from taylorattr.errors import BudgetError
from taylorattr.evaluation.followed_output import Followed, Output, follow, nested_outputs
from taylorattr.maths.mobius import mobius
from taylorattr.methods import METHODS
from taylorattr.methods.method import attribute
from taylorattr.methods.scores import float64

TABLE_PLAYERS = 12
"""Up to so many players curves are read off the table of all coalitions even where the rule needs none."""


@dataclass(eq=False)
class Source:
    """A model with examples, of which everything is computed at most once.

    Attributes:
        question: The model, the examples and what is asked of them; its baselines are not read.
        starts: Baselines: one set, or R of them where scores are compared over baselines.
        truth: Attributions (B, n) to agree with.
        where: Numbers of the examples in the user's data.
        several: Whether scores carry the baselines in front, (R, B, n).
        max_evaluations: Most model outputs of a table.
        tabled: Whether curves are read off the table of coalitions.
        cost: What has been computed, by name.
    """

    question: Question
    starts: Sequence[Baselines]
    truth: Tensor | None = None
    where: Sequence[int] = ()
    several: bool = False
    max_evaluations: int | None = MAX_EVALUATIONS
    tabled: bool = True
    cost: dict[str, int] = field(init=False, default_factory=dict)
    _memory: dict[Any, Any] = field(init=False, repr=False, default_factory=dict)

    def __post_init__(self) -> None:
        """Ask the model against every set of baselines, on the same private copies."""
        self.games: tuple[Game, ...] = tuple(
            self.question.against(start, len(self.starts)).game for start in self.starts
        )

    @property
    def n(self) -> int:
        """Number of players."""
        return self.games[0].n

    @property
    def batch(self) -> int:
        """Number of examples."""
        return self.games[0].batch

    def spent(self, what: str, count: int) -> None:
        """Add to the cost."""
        self.cost[what] = self.cost.get(what, 0) + count

    def once(self, key: Any, compute: Callable[[], Any]) -> Any:
        """Return what was computed before under a key, else compute it."""
        if key not in self._memory:
            self._memory[key] = compute()
        return self._memory[key]

    def table(self, output: Output = "logit") -> Tensor:
        """Return v(T) of all coalitions, shape (R, B, 2^n), float64.

        Args:
            output: ``logit``: the number that the scores explain; ``probability``: softmax of its class.

        Raises:
            BudgetError: If it is too large.
        """

        def computed() -> Tensor:
            self.require_affordable()
            tables = []
            for followed in self._followed(output):
                with CoalitionOutputs(followed.game, fold=output == "logit") as outputs:
                    tables.append(outputs.table(torch.arange, 1 << self.n))
            self.spent("model outputs", self.batch * len(tables) << self.n)
            return torch.stack(tables)

        return self.once(("table", output), computed)

    def effects(self) -> Tensor:
        """Return J(S) of all coalitions, shape (R, B, 2^n), eq. (3)."""
        return self.once("effects", lambda: torch.from_numpy(mobius(self.table().numpy())))

    def gradients(self, places: Tensor) -> Tensor:
        """Return Δ_i ∂_i f(b + t∘Δ) at places t (Q, n), shape (R, B, n, Q), float64."""
        for game in self.games:
            require_floating(game.inputs)
        self.spent("gradients", self.batch * len(self.games) * len(places))
        return torch.stack([node_gradients(game, places) for game in self.games])

    def attributed(self, rule: str | DesignedRule, **options: Any) -> Tensor:
        """Return the scores of a rule or method as it is computed by itself, shape (R, B, n)."""
        method = attributor(rule) if isinstance(rule, str) and rule not in METHODS else rule
        name = rule if isinstance(rule, str) else rule.name

        def computed() -> Tensor:
            self.spent(f"attributions by {name}", self.batch * len(self.starts))
            arguments = self._arguments()
            each = [attribute(method, baselines=start, **arguments, **options) for start in self.starts]
            return torch.stack([answer.player_scores for answer in each])

        return self.once(("attributed", name), computed)

    def nested(self, order: Tensor, output: Output, start: int, *, bring_back: bool) -> Tensor:
        """Return outputs with the first k players of an order replaced or brought back, (B, n+1).

        Args:
            order: Shape (B, n).
            output: As in `table`.
            start: Number of the baselines among `starts`.
            bring_back: Whether they are brought back.
        """
        self.spent("model outputs", self.batch * (self.n + 1))
        counts = torch.arange(self.n + 1)
        return nested_outputs(self._followed(output)[start], order, counts, bring_back=bring_back)

    def _arguments(self) -> dict[str, Any]:
        """Return the question as the arguments of a public function, but for the baselines."""
        return {
            "model": self.question.model,
            "inputs": self.question.inputs,
            "target": self.question.target,
            "players": self.question.players,
            "additional_forward_args": self.question.additional_forward_args,
            "dtype": self.question.dtype,
            "internal_batch_size": self.question.internal_batch_size,
        }

    def _followed(self, output: Output) -> list[Followed]:
        """Return the models of which an output is followed, one for each set of baselines."""

        def computed() -> list[Followed]:
            if output == "logit":
                return [Followed(game, self.question.target, {}) for game in self.games]
            return [follow(fill=start, output=output, **self._arguments()) for start in self.starts]

        return self.once(("followed", output), computed)

    def require_affordable(self) -> None:
        """Refuse a table of coalitions that is too large.

        Raises:
            BudgetError: If it takes more outputs or memory than allowed.
        """
        columns, rows = 1 << self.n, self.batch * len(self.games)
        remedy = (
            "group the inputs with players=, pass fewer examples, or fit a family that needs no coalitions "
            "(measure, power_path, a mixture)"
        )
        if self.max_evaluations is not None and rows * columns > self.max_evaluations:
            raise BudgetError(
                f"all coalitions of {self.n} players are {columns:,} model outputs for each of {rows} "
                f"example(s), more than max_evaluations={self.max_evaluations:,}: {remedy}"
            )
        needed = 3 * 8 * rows * columns  # outputs, effects, and what is made of them, in float64
        free = memory.available(needed)
        if needed > free:
            raise BudgetError(
                f"all coalitions of {self.n} players of {rows} example(s) take {memory.in_words(needed)}, "
                f"and {memory.in_words(free)} may be used: {remedy}"
            )


class Examples:
    """Some or all examples of a source, as an objective sees them.

    Args:
        source: Where they come from.
        rows: Which of them; None: all.
    """

    def __init__(self, source: Source, rows: Tensor | None = None) -> None:
        self.source, self.rows = source, rows

    def take(self, rows: Tensor) -> Examples:
        """Return some of these examples, by their place among them; a place may be named several times."""
        return Examples(self.source, rows if self.rows is None else self.rows[rows])

    def __len__(self) -> int:
        """Return the number of examples B."""
        return self.source.batch if self.rows is None else len(self.rows)

    @property
    def n(self) -> int:
        """Number of players."""
        return self.source.n

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the players."""
        return self.source.games[0].names

    @property
    def where(self) -> list[int]:
        """Numbers of the examples in the user's data."""
        known = list(self.source.where) or list(range(self.source.batch))
        return known if self.rows is None else [known[row] for row in self.rows.tolist()]

    @property
    def inputs(self) -> tuple[Tensor, ...]:
        """Their inputs, tensors (B, …)."""
        return tuple(part if self.rows is None else part[self.rows] for part in self.source.question.rows)

    @property
    def truth(self) -> Tensor | None:
        """Attributions to agree with, (B, n)."""
        return None if self.source.truth is None else self._picked(self.source.truth, 0)

    @property
    def table(self) -> Tensor:
        """v(T) of all coalitions in bitmask order, (B, 2^n), float64; with R baselines (R, B, 2^n)."""
        return self.fold(self.tables())

    @property
    def delta(self) -> Tensor:
        """f(x) − f(b), (B,), float64; with R baselines (R, B)."""
        return self.fold(self._picked(torch.stack([g.delta.double().cpu() for g in self.source.games])))

    def tables(self, output: Output = "logit") -> Tensor:
        """Return `Source.table` of these examples, shape (R, B, 2^n)."""
        return self._picked(self.source.table(output))

    def facts(self, key: Any, compute: Callable[[], Tensor]) -> Tensor:
        """Return what is computed once for the whole source, of these examples; shape (R, B, …)."""
        return self._picked(self.source.once(key, compute))

    def fold(self, values: Tensor) -> Tensor:
        """Return (R, B, …) as it is where scores are compared over baselines, else (B, …)."""
        return values if self.source.several else values[0]

    def _picked(self, values: Tensor, dim: int = 1) -> Tensor:
        return values if self.rows is None else values.index_select(dim, self.rows)


def members_of(n: int) -> Tensor:
    """Return which players are in each coalition, shape (2^n, n), float64, bitmask order."""
    return torch.from_numpy(((np.arange(1 << n)[:, None] >> np.arange(n)) & 1).astype(np.float64))


def node_gradients(game: Game, places: Tensor) -> Tensor:
    """Return Δ_i ∂_i f(b + t∘Δ) of every example at every place.

    Args:
        game: The game.
        places: t of each player, shape (Q, n); in [0, 1].

    Returns:
        Shape (B, n, Q), float64 on the CPU.
    """
    count = len(places)
    gradients_of = torch.empty(game.batch * count, game.n, dtype=torch.float64)
    places = places.to(game.device)
    for part in blocks(len(gradients_of), gradient_rows(game)):
        index = torch.arange(part.start, part.stop, device=game.device)
        example, place = index // count, places[index % count]
        points = []
        for x, b, owner in zip(game.inputs, game.baselines, game.maps, strict=True):
            weight = place[:, owner.clamp_min(0).reshape(-1)].reshape(len(index), *owner.shape)
            points.append(torch.lerp(b[example], x[example], weight.to(x.dtype)))
        gradients = value_and_gradient(game.scalar, tuple(points), example.cpu())[1]
        ends = zip(gradients, game.inputs, game.baselines, strict=True)
        moved = tuple(g * (x[example] - b[example]) for g, x, b in ends)
        gradients_of[part] = float64(sum_over_players(game, moved))
    return gradients_of.reshape(game.batch, count, game.n).swapaxes(1, 2)
