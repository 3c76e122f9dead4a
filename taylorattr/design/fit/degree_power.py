"""What is free in sharing by a power of the degree: the power, on a table of Taylor effects."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from taylorattr.design.designed import DesignedRule
from taylorattr.design.families import degree_tilted
from taylorattr.design.fit.examples import Examples, Source
from taylorattr.design.fit.freedom import Freedom, Search, freedom, whole
from taylorattr.design.fit.grid import fractions_of, shortened
from taylorattr.effects.taylor import decompose
from taylorattr.maths.multi_index import enumerate_up_to


@freedom("degree_tilted")
class Power(Freedom):
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
        found = []
        for game in source.games:
            effects = decompose(
                source.model,
                game.inputs,
                game.baselines,
                target=source.target,
                order=self.order,
                players=game.players,
                additional_forward_args=source.extra,
                with_tails=False,
                internal_batch_size=source.internal_batch_size,
            )
            found.append(effects.values.double().cpu())
        source.spent("Taylor tables", source.batch * len(found))
        return torch.stack(found)
