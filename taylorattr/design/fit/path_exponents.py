"""What is free in a power path, eq. (64): how late each player moves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from taylorattr.design.designed import DesignedRule
from taylorattr.design.families import power_path
from taylorattr.design.fit.examples import Examples
from taylorattr.design.fit.freedom import Freedom, Search, freedom, whole
from taylorattr.design.fit.grid import fractions_of, shortened
from taylorattr.design.ways.power import SMOOTH
from taylorattr.maths.path_rules import path_rule


@freedom("power_path")
class Exponents(Freedom):
    """p_i = e^{θ_i}, as a whole divided by the geometric mean, which leaves the path as it is.

    Every look at new exponents runs the model on new paths.

    Args:
        n: Number of players.
        n_steps: Nodes on the path while searching; the fitted rule chooses its own.
    """

    neutral = "integrated_gradients"
    approximate = True
    search: Search = "evolution"

    def __init__(self, n: int, n_steps: int = 16) -> None:
        self.n, self.count = n, n
        self.n_steps = whole("n_steps", n_steps, 1)

    def natural(self, theta: Tensor) -> Tensor:
        """Return p."""
        return (theta - theta.mean()).exp()

    def rounded(self, natural: Tensor) -> Tensor:
        """Return p to six digits."""
        return shortened(natural)

    def scores(self, natural: Tensor, examples: Examples) -> Tensor:
        """Return Σ_q ω_q p_i t_q^{p_i − 1} Δ_i ∂_i f(b + Δ∘t_q^p)."""

        def computed() -> Tensor:
            nodes, omegas = (torch.from_numpy(part) for part in path_rule("gauss_legendre", self.n_steps))
            p = natural * max(1.0, SMOOTH / float(natural.min()))
            t = nodes[:, None]
            speeds = omegas[:, None] * p * t ** (p - 1)
            return (examples.source.gradients(t**p) * speeds.T).sum(-1)

        return examples.facts(("power path", tuple(natural.tolist())), computed)

    def neutral_scores(self, examples: Examples) -> Tensor:
        """Return those of Integrated Gradients, by its own method."""
        return examples.facts("neutral", lambda: examples.source.attributed(self.neutral))

    def parameters(self, natural: Tensor) -> dict[str, Any]:
        """Return the exponents."""
        return {"exponents": natural.tolist()}

    @classmethod
    def rule(cls, parameters: Mapping[str, Any], name: str) -> DesignedRule:
        """Build the path rule."""
        return power_path(fractions_of(parameters["exponents"]), name)
