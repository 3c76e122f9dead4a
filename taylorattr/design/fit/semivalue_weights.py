"""What is free in a semivalue: how much marginal contributions to each number of players count, eq. (63)."""

from __future__ import annotations

from collections.abc import Mapping
from math import comb
from typing import Any

import numpy as np
import torch
from torch import Tensor

from taylorattr.design.designed import DesignedRule
from taylorattr.design.families import semivalue
from taylorattr.design.fit.examples import Examples
from taylorattr.design.fit.freedom import Freedom, Search, freedom
from taylorattr.design.fit.grid import fractions_of, on_grid
from taylorattr.maths.subsets import popcounts


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
    found = []
    for i in range(n):
        halves = table.reshape(*table.shape[:-1], -1, 2, 1 << i)
        gains = (halves[..., 1, :] - halves[..., 0, :]).flatten(-2)
        sums = gains.new_zeros(*gains.shape[:-1], n).index_add(-1, sizes, gains)
        found.append(sums / number)
    return torch.stack(found, -2)
