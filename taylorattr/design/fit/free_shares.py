"""What is free in the sharing of effects: weights of players or sizes, free shares, an order, a power."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from math import comb
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from taylorattr.design.designed import DesignedRule
from taylorattr.design.families import degree_tilted, ordered, semivalue, sharing, weighted_shapley
from taylorattr.design.fit.examples import Examples, Source, members_of
from taylorattr.design.fit.freedom import (
    SHARE_PARTS,
    Freedom,
    Search,
    counted_shares,
    fractions_of,
    freedom,
    on_grid,
    shortened,
    whole,
)
from taylorattr.effects.taylor import decompose
from taylorattr.errors import OptionError
from taylorattr.maths.multi_index import enumerate_up_to
from taylorattr.maths.subsets import popcounts


class CoalitionShares(Freedom):
    """Rules Σ_S w_{i,S} J(S) with Σ_{i∈S} w_{i,S} = 1, at θ = 0 Shapley's equal shares.

    Args:
        n: Number of players.
    """

    neutral = "shapley"
    coalitions = True
    search: Search = "gradient"

    def __init__(self, n: int) -> None:
        self.n, self.count = n, n
        self.members = members_of(n)

    def effects(self, examples: Examples) -> Tensor:
        """Return J(S), shape (R, B, 2^n)."""
        return examples.facts("effects", examples.source.effects)


@freedom("weighted_shapley")
class PlayerWeights(CoalitionShares):
    """λ_i = e^{θ_i}, as a whole divided by its geometric mean, which changes no share."""

    def natural(self, theta: Tensor) -> Tensor:
        """Return λ."""
        return (theta - theta.mean()).exp()

    def rounded(self, natural: Tensor) -> Tensor:
        """Return λ to six digits."""
        return shortened(natural)

    def scores(self, natural: Tensor, examples: Examples) -> Tensor:
        """Return λ_i Σ_{S∋i} J(S)/Σ_{j∈S} λ_j."""
        weight = self.members @ natural
        each = self.effects(examples)[..., 1:] / weight[1:]
        return natural * (each @ self.members[1:])

    def parameters(self, natural: Tensor) -> dict[str, Any]:
        """Return the weights."""
        return {"weights": natural.tolist()}

    @classmethod
    def rule(cls, parameters: Mapping[str, Any], name: str) -> DesignedRule:
        """Build the weighted Shapley value."""
        return weighted_shapley(fractions_of(parameters["weights"]), name)


@freedom("sharing")
class FreeShares(CoalitionShares):
    """ξ_{i,S} = e^{θ}/Σ_{members} e^{θ}, eq. (68): TaylorPODA with shares that are looked for.

    Args:
        n: Number of players.
        by: ``sizes``: a number for each player and size of coalition, (L−1)·n in all: weighted Shapley with
            weights that depend on the size. ``coalitions``: one for each member of each coalition.
        largest: L, the size up to which shares are free; larger coalitions share equally. None: all sizes,
            for ``coalitions`` 3.
    """

    def __init__(
        self, n: int, by: Literal["sizes", "coalitions"] = "sizes", largest: int | None = None
    ) -> None:
        super().__init__(n)
        if by not in ("sizes", "coalitions"):
            raise OptionError(f"by={by!r}; shares are free by 'sizes' or by 'coalitions'")
        if n < 2:
            raise OptionError("one player shares with nobody: there is nothing to fit")
        usual = n if by == "sizes" else min(3, n)
        self.by, self.largest = by, usual if largest is None else whole("largest", largest, 2, n)
        self.sizes = self.members.sum(1).long()
        if by == "sizes":
            self.count = (self.largest - 1) * n
        else:
            free = (self.sizes >= 2) & (self.sizes <= self.largest)
            self.cells = (self.members * free[:, None]).nonzero(as_tuple=True)
            self.count = len(self.cells[0])

    def natural(self, theta: Tensor) -> Tensor:
        """Return ξ, shape (2^n, n); that of ∅ is 0."""
        if self.by == "sizes":
            free = theta.reshape(self.largest - 1, self.n)
            rows = torch.cat([free.new_zeros(1, self.n), free])  # the first row: equal shares
            row_of_size = torch.where((self.sizes < 2) | (self.sizes > self.largest), 0, self.sizes - 1)
            logits = rows[row_of_size]
        else:
            logits = torch.zeros_like(self.members).index_put(self.cells, theta)
        size = logits.exp() * self.members
        return size / size.sum(1, keepdim=True).clamp_min(torch.finfo(size.dtype).tiny)

    def rounded(self, natural: Tensor) -> Tensor:
        """Return ξ in steps of 1/720720, each coalition's adding up to 1 exactly."""
        return torch.from_numpy(counted_shares(natural, self.members) / SHARE_PARTS)

    def scores(self, natural: Tensor, examples: Examples) -> Tensor:
        """Return Σ_{S∋i} ξ_{i,S} J(S)."""
        return self.effects(examples) @ natural

    def parameters(self, natural: Tensor) -> dict[str, Any]:
        """Return ξ of every coalition in bitmask order, as numbers of 1/720720."""
        counts = (natural * SHARE_PARTS).round().long()
        return {"players": self.n, "parts": SHARE_PARTS, "xi": counts.tolist()}

    @classmethod
    def rule(cls, parameters: Mapping[str, Any], name: str) -> DesignedRule:
        """Build the rule of these shares."""
        parts = parameters["parts"]
        table = [[Fraction(count, parts) for count in row] for row in parameters["xi"]]
        return sharing(np.array(table, dtype=object), name)


@freedom("ordered")
class Stages(CoalitionShares):
    """A stage of each player, 0, 1, …; the members of the latest stage of a coalition share it equally."""

    search: Search = "moves"

    def natural(self, theta: Tensor) -> Tensor:
        """Return the stages as 0, 1, 2, … in their order."""
        return torch.from_numpy(np.unique(theta.numpy(), return_inverse=True)[1].astype(np.float64))

    def rounded(self, natural: Tensor) -> Tensor:
        """Return the stages."""
        return natural

    def scores(self, natural: Tensor, examples: Examples) -> Tensor:
        """Return Σ_S J(S)/#(members of the latest stage) over the S in which i is one of them."""
        stages = torch.where(self.members > 0, natural, -1.0)
        last = ((stages == stages.amax(1, keepdim=True)) & (self.members > 0)).double()
        return self.effects(examples) @ (last / last.sum(1, keepdim=True).clamp_min(1))

    def parameters(self, natural: Tensor) -> dict[str, Any]:
        """Return the stages."""
        return {"stages": [int(stage) for stage in natural.tolist()]}

    @classmethod
    def rule(cls, parameters: Mapping[str, Any], name: str) -> DesignedRule:
        """Build the ordered rule."""
        return ordered(parameters["stages"], name)


@freedom("semivalue")
class SizeWeights(Freedom):
    """ω = n·softmax(θ): weights ≥ 0 with mean 1, so independent effects stay whole; ω = 1 is Shapley.

    Args:
        n: Number of players.
    """

    neutral = "shapley"
    coalitions = True
    search: Search = "gradient"

    def __init__(self, n: int) -> None:
        self.n, self.count = n, n

    def natural(self, theta: Tensor) -> Tensor:
        """Return ω_1 … ω_n."""
        return self.n * theta.softmax(0)

    def rounded(self, natural: Tensor) -> Tensor:
        """Return ω in steps of 10⁻⁶, with mean 1 exactly."""
        return on_grid(natural, self.n)

    def scores(self, natural: Tensor, examples: Examples) -> Tensor:
        """Return 1/n Σ_t ω_{t+1} times the mean marginal contribution to t players."""
        facts = examples.facts("marginals", lambda: mean_marginals(examples.source.table()))
        return facts @ natural / self.n

    def parameters(self, natural: Tensor) -> dict[str, Any]:
        """Return ω."""
        return {"omega": natural.tolist()}

    @classmethod
    def rule(cls, parameters: Mapping[str, Any], name: str) -> DesignedRule:
        """Build the semivalue."""
        return semivalue(omega=fractions_of(parameters["omega"]), name=name)


def mean_marginals(table: Tensor) -> Tensor:
    """Return the mean of v(T∪i) − v(T) over the T of each size without i.

    Args:
        table: v in bitmask order, shape (…, 2^n).

    Returns:
        Shape (…, n, n): player i, size t = 0 … n−1.
    """
    n = table.shape[-1].bit_length() - 1
    sizes = torch.from_numpy(popcounts(n - 1).astype(np.int64))
    number = torch.tensor([comb(n - 1, t) for t in range(n)], dtype=table.dtype)
    means = []
    for i in range(n):
        # in bitmask order the middle axis is player i's bit: halves without and with i
        halves = table.reshape(*table.shape[:-1], -1, 2, 1 << i)
        gains = (halves[..., 1, :] - halves[..., 0, :]).flatten(-2)
        sums = gains.new_zeros(*gains.shape[:-1], n).index_add(-1, sizes, gains)
        means.append(sums / number)
    return torch.stack(means, -2)


@freedom("degree_tilted")
class DegreePower(Freedom):
    """p = e^θ of κ_i^p/Σκ_j^p; 1 is Integrated Gradients, small is near Shapley.

    The effects are those of a Taylor series, which a network with kinks does not have: `ta.decompose` warns
    there.

    Args:
        n: Number of players.
        order: Largest |κ|.
    """

    neutral = "integrated_gradients"
    search: Search = "gradient"

    def __init__(self, n: int, order: int = 4) -> None:
        self.n, self.count, self.order = n, 1, whole("order", order, 2)
        self.options = {"order": self.order}
        self.kappas = torch.from_numpy(enumerate_up_to(n, order).astype("float64"))

    def natural(self, theta: Tensor) -> Tensor:
        """Return p."""
        return theta.exp()

    def rounded(self, natural: Tensor) -> Tensor:
        """Return p to six digits."""
        return shortened(natural)

    def scores(self, natural: Tensor, examples: Examples) -> Tensor:
        """Return Σ_κ κ_i^p/Σ_j κ_j^p I(κ) over the terms up to the order."""
        inside = self.kappas > 0
        size = torch.where(inside, self.kappas.clamp_min(1) ** natural, 0.0)
        shares = size / size.sum(1, keepdim=True)
        return examples.facts(("terms", self.order), lambda: self._terms(examples.source)) @ shares

    def neutral_scores(self, examples: Examples) -> Tensor:
        """Return those of Integrated Gradients, by its own method."""
        return examples.facts("neutral", lambda: examples.source.attributed(self.neutral))

    def parameters(self, natural: Tensor) -> dict[str, Any]:
        """Return p."""
        return {"p": float(natural[0])}

    @classmethod
    def rule(cls, parameters: Mapping[str, Any], name: str) -> DesignedRule:
        """Build the rule."""
        return degree_tilted(fractions_of([parameters["p"]])[0], name)

    def _terms(self, source: Source) -> Tensor:
        """Return I(κ) of all terms up to the order, shape (R, B, M)."""
        tables = []
        for game in source.games:
            effects = decompose(
                source.question.model,
                game.inputs,
                game.baselines,
                target=source.question.target,
                order=self.order,
                players=game.players,
                additional_forward_args=source.question.additional_forward_args,
                with_tails=False,
                internal_batch_size=source.question.internal_batch_size,
            )
            tables.append(effects.values.double().cpu())
        source.spent("Taylor tables", source.batch * len(tables))
        return torch.stack(tables)
