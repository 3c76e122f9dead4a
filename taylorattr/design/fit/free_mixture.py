"""What is free in a mixture of rules: their weights, eq. (71)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor

from taylorattr.allocation.rule import AllocationRule
from taylorattr.design.algebra.mix import mix
from taylorattr.design.build import attributor
from taylorattr.design.designed import DesignedRule, shared
from taylorattr.design.fit.examples import Examples, Source
from taylorattr.design.fit.freedom import Freedom, Search, fractions_of, freedom, on_grid
from taylorattr.errors import OptionError


@freedom("mix")
class MixtureWeights(Freedom):
    """c = softmax(θ) of rules that are each computed in their own way; what all of them keep it keeps.

    Args:
        n: Number of players.
        rules: Two or more rules of players, or their names.
    """

    search: Search = "gradient"

    def __init__(self, n: int, rules: Sequence[str | AllocationRule | DesignedRule] = ()) -> None:
        self.n = n
        self.parts = [attributor(rule) for rule in rules]
        names = [part.name for part in self.parts]
        if len(set(names)) < 2 or len(set(names)) < len(names):
            raise OptionError(f"a mixture is fitted of two different rules or more; given {names or 'none'}")
        frames = set.intersection(*(set(part.rule.frames) for part in self.parts))
        if not frames:
            by_rule = ", ".join(f"{part.name} ({part.rule.frame})" for part in self.parts)
            raise OptionError(
                f"a mixture needs one frame for all: {by_rule}; ta.design.transport(rule) moves one to the "
                "other"
            )
        self.count = len(names)

    @property
    def keeps(self) -> Mapping[str, str]:
        """What all parts keep."""
        statement = "a mixture of rules that keep it, eq. (71)"
        criteria = dict(shared(self.parts, "no_leak", statement))
        complete = shared(self.parts, "complete", statement + ", with weights adding up to 1")
        if complete:
            criteria |= complete | {"coverage": "follows from complete, eq. (11)"}
        return criteria

    @property
    def only_complete(self) -> str:
        """Nothing: mixtures of complete rules are all complete."""
        return ""

    def natural(self, theta: Tensor) -> Tensor:
        """Return c."""
        return theta.softmax(0)

    def rounded(self, natural: Tensor) -> Tensor:
        """Return c in steps of 10⁻⁶, adding up to 1 exactly."""
        return on_grid(natural, 1)

    def scores(self, natural: Tensor, examples: Examples) -> Tensor:
        """Return Σ_k c_k times the scores of rule k."""
        names = tuple(part.name for part in self.parts)
        return examples.facts(("parts", names), lambda: self._each(examples.source)) @ natural

    @property
    def compared(self) -> Mapping[str, Callable[[Examples], Tensor]]:
        """The parts."""
        alone = torch.eye(self.count, dtype=torch.float64)
        return {part.name: partial(self.scores, alone[k]) for k, part in enumerate(self.parts)}

    def parameters(self, natural: Tensor) -> dict[str, Any]:
        """Return the names of the rules and c."""
        return {"rules": [part.name for part in self.parts], "weights": natural.tolist()}

    @classmethod
    def rule(cls, parameters: Mapping[str, Any], name: str) -> DesignedRule:
        """Build the mixture."""
        return mix(parameters["rules"], fractions_of(parameters["weights"]), name)

    def _each(self, source: Source) -> Tensor:
        """Return the scores of every part, shape (R, B, n, parts)."""
        return torch.stack([source.attributed(part) for part in self.parts], -1)
