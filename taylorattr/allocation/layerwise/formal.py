"""Formal allocation of a whole network: A_i(κ) = [t^κ] R_i(t), docs/theory.md eq. (45) to (47).

With Δ_i t_i in place of Δ_i, the scores R_i of Rescale, RevealCancel (by parts) and Deep SHAP are power
series in t: each unit's Δy/Δz = s_1 + s_2Δz + … is one, and every share of i starts with t_i. So at
any depth Σ_i A_i(κ) = I(κ), and A_i(κ) = 0 where κ_i = 0. The realised ratio A_i(κ)/I(κ) belongs to the
network, not to its function; where I(κ) = 0 by cancellation there is none.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
import torch
from torch import Tensor

from taylorattr.aliases import AnyTarget, Baselines, MultiIndex, Tensors
from taylorattr.allocation.layerwise.components import network
from taylorattr.allocation.layerwise.formal_rules import FormalWalk
from taylorattr.allocation.layerwise.power_series import SeriesAlgebra
from taylorattr.analysis.players import PlayersLike
from taylorattr.analysis.question import Question
from taylorattr.autodiff.captured import capture_at
from taylorattr.effects.result import Result
from taylorattr.errors import BudgetError, CaptureError, OptionError
from taylorattr.maths.multi_index import enumerate_up_to

FormalMethod: TypeAlias = Literal["deeplift_rescale", "deeplift_reveal_cancel", "deep_shap"]
"""Methods whose scores are power series; αβ is not analytic at t = 0, eq. (48)."""

MOST_FORMAL_TERMS = 5000
"""Most terms that are carried."""


@dataclass(frozen=True, eq=False, repr=False)
class FormalAllocation(Result):
    """Who gets how much of every Taylor effect, by the route the network takes.

    Attributes:
        method: Name of the method.
        names: Names of the n players.
        order: K.
        effects: I(κ) of every 1 ≤ |κ| ≤ K, shape (M,), in units of the output.
        shares: A_i(κ), shape (M, n), likewise.
        tolerance: Below this an effect is rounding.
    """

    method: str
    names: tuple[str, ...]
    order: int
    effects: Tensor
    shares: Tensor
    tolerance: float

    @property
    def multi_indices(self) -> np.ndarray:
        """κ of every row, shape (M, n)."""
        return enumerate_up_to(len(self.names), self.order)

    @property
    def ratios(self) -> Tensor:
        """A_i(κ)/I(κ), shape (M, n); NaN where I(κ) = 0 and no ratio exists, eq. (47)."""
        exists = (self.effects.abs() > self.tolerance)[:, None]
        safe = torch.where(exists, self.effects[:, None], 1.0)
        return torch.where(exists, self.shares / safe, torch.nan)

    @property
    def without_ratio(self) -> list[MultiIndex]:
        """Terms that cancel in the function and are shared all the same."""
        hidden = (self.effects.abs() <= self.tolerance) & (self.shares.abs().amax(1) > self.tolerance)
        return [tuple(int(k) for k in kappa) for kappa in self.multi_indices[hidden.numpy()]]

    @property
    def scores(self) -> Tensor:
        """Σ_κ A_i(κ): the method's scores up to order K, shape (n,)."""
        return self.shares.sum(0)

    def row(self, kappa: MultiIndex) -> int:
        """Return the row of a multi-index.

        Raises:
            OptionError: If it is not in the table.
        """
        rows = np.flatnonzero((self.multi_indices == np.asarray(kappa)).all(1))
        if not len(rows):
            raise OptionError(
                f"{kappa} is not in the table: terms of {len(self.names)} players up to order {self.order}"
            )
        return int(rows[0])

    def __repr__(self) -> str:
        """Show the largest effects with who gets them."""
        largest = self.shares.abs().amax(1).argsort(descending=True)[:8].tolist()
        lines = [f"FormalAllocation {self.method}, terms to order {self.order}, {len(self.names)} players"]
        for row in largest:
            powers = zip(self.names, self.multi_indices[row].tolist(), strict=True)
            term = "·".join(f"{name}^{k}" if k > 1 else name for name, k in powers if k)
            receivers = zip(self.names, self.shares[row].tolist(), self.ratios[row].tolist(), strict=True)
            shares = [
                f"{name} {share:+.4g}" + ("" if math.isnan(ratio) else f" ({ratio:.3g})")
                for name, share, ratio in receivers
                if abs(share) > self.tolerance
            ]
            lines.append(f"I({term}) = {float(self.effects[row]):.4g}: {', '.join(shares)}")
        hidden = self.without_ratio
        if hidden:
            lines.append(f"{len(hidden)} terms cancel in the function and have no ratio, eq. (47)")
        return "\n  ".join(lines)


def formal_allocation(
    method: FormalMethod,
    model: Callable[..., Any],
    inputs: Tensors,
    baselines: Baselines = None,
    *,
    target: AnyTarget = None,
    players: PlayersLike = None,
    additional_forward_args: Any = None,
    order: int = 4,
    components: Literal["linear_activation", "neuron"] = "linear_activation",
) -> FormalAllocation:
    """Return A_i(κ) of one example, exactly: truncated power series through the backward pass, in float64.

    Args:
        method: ``deeplift_rescale``, ``deeplift_reveal_cancel`` (by parts) or ``deep_shap`` (one reference).
        model: Module or callable made of affine maps and functions of one value.
        inputs: Tensor (1, …) or tuple of them.
        baselines: None (zeros), number, tensor (1, …).
        target: Captum's TargetType or a callable output -> (B,).
        players: Which elements move together; None: every element.
        additional_forward_args: What the model takes after the inputs.
        order: K ≥ 1.
        components: Of Deep SHAP: ``linear_activation`` (then it is Rescale) or ``neuron``.

    Returns:
        Effects and shares of every κ up to order K.

    Raises:
        OptionError: Another method, more than one example, an order below 1.
        BudgetError: If there are too many terms.
        CaptureError: If the model cannot be captured.
        MissingRuleError: An operation that is neither affine nor a function of one value.
    """  # noqa: DOC502 -- raised by what is called
    if method not in ("deeplift_rescale", "deeplift_reveal_cancel", "deep_shap"):
        raise OptionError(
            f"method {method!r} has no formal allocation: its shares are no power series of the inputs "
            "(eq. 48), or it has a ratio of its own; expected deeplift_rescale, deeplift_reveal_cancel or "
            "deep_shap"
        )
    if not isinstance(order, int) or order < 1:
        raise OptionError(f"order={order!r}; expected an integer ≥ 1")
    question = Question(
        model, inputs, baselines, target=target, players=players,
        additional_forward_args=additional_forward_args,
    )  # fmt: skip
    return formal_shares(method, question, order, components)


def formal_shares(
    method: FormalMethod, question: Question, order: int, components: Literal["linear_activation", "neuron"]
) -> FormalAllocation:
    """Return A_i(κ) of a question; see `formal_allocation`."""
    game = question.game
    if game.batch != 1:
        raise OptionError(f"{game.batch} examples given; formal_allocation takes one at a time")
    algebra = SeriesAlgebra(game.n, order)
    if algebra.terms > MOST_FORMAL_TERMS:
        raise BudgetError(
            f"{game.n} players to order {order} have {algebra.terms} terms, more than {MOST_FORMAL_TERMS}; "
            "group players with players=..., or lower order="
        )
    program = capture_at(game.scalar, game.baseline(0), 0)
    if isinstance(program, str):
        raise CaptureError(f"the model has no program at its baseline: {program}")
    operations = network(program, game.baseline(0))
    with torch.no_grad():
        walk = FormalWalk(operations, algebra, method, components == "neuron")
        result, shares = walk.run(game.baseline(0), game.directions(0))
    effects = result.reshape(-1)[1:]
    players_of = [_by_player(part, owner, game.n) for part, owner in zip(shares, game.maps, strict=True)]
    table = torch.stack(players_of).sum(0)
    return FormalAllocation(
        method=method,
        names=game.names,
        order=order,
        effects=effects.cpu(),
        shares=table[1:].cpu(),
        tolerance=1e-12 * max(float(table.abs().max()), float(effects.abs().max())),
    )


def _by_player(part: Tensor, owner: Tensor, n: int) -> Tensor:
    """Sum shares (terms, elements…) over each player's elements, (terms, n)."""
    flat, place = part.reshape(len(part), -1), owner.reshape(-1)
    total = flat.new_zeros(len(flat), n + 1)
    total.index_add_(1, torch.where(place < 0, n, place), flat)
    return total[:, :n]
