"""Reformulation: a computed attribution beside Σ w·I, their difference, and what explains it."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from taylorattr.allocation.allocate import blocks
from taylorattr.allocation.layerwise.formal import FormalAllocation
from taylorattr.allocation.layerwise.result import Layerwise
from taylorattr.allocation.rule import RULES, AllocationRule
from taylorattr.attribution import Attribution
from taylorattr.effects.effects import HarsanyiEffects, TaylorEffects
from taylorattr.effects.result import Result
from taylorattr.errors import OptionError
from taylorattr.reformulation import page
from taylorattr.reformulation.term import Term, terms_of


@dataclass(frozen=True, eq=False, repr=False)
class Reformulation(Result):
    """What a method gave, and the same from effects and ratios.

    Attributes:
        method: Name of the method.
        rule: Name of the rule in ``ta.RULES``; empty where the ratio holds layer by layer only.
        direct: The method's own scores.
        allocated: Σ_κ w_i(κ) I(κ); for back-propagation methods the chained layers.
        effects: The effects shared out, one table per reference; empty for back-propagation methods.
        context: What the rule read besides κ, by name; one entry per reference.
        errors: What may separate the two, by name (truncation, quadrature, sampling, rounding), each (B, R),
            in units of the output; NaN where nothing is known to bound it.
        remarks: What the errors rest on, and what no number was found for.
        layers: The layer-by-layer allocation of a back-propagation method, else None.
        formal: A_i(κ) of the whole network for a back-propagation method on few players, eq. (45); else None.
    """

    method: str
    rule: str
    direct: Attribution
    allocated: Attribution
    effects: tuple[TaylorEffects | HarsanyiEffects, ...] = ()
    context: tuple[dict[str, Any], ...] = ()
    errors: dict[str, Tensor] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()
    layers: Layerwise | None = None
    formal: FormalAllocation | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the receivers."""
        return self.direct.names

    @property
    def difference(self) -> Tensor:
        """Direct − allocated, shape (B, R)."""
        return self.direct.player_scores - self.allocated.player_scores

    @property
    def allowed(self) -> Tensor:
        """Sum of all errors, shape (B, R); NaN where one of them is not bounded."""
        return sum(self.errors.values(), torch.zeros_like(self.difference))

    @property
    def explained(self) -> Tensor:
        """Whether |difference| ≤ allowed, shape (B, R); False where nothing is known to bound it."""
        return self.difference.abs() <= self.allowed

    @property
    def wide(self) -> Tensor:
        """Whether allowed, rounding aside, exceeds Σ|direct scores|: true, and explains nothing, (B, R)."""
        rounding = self.errors.get("rounding", torch.zeros_like(self.difference))
        return self.allowed - rounding > self.direct.player_scores.abs().sum(1, keepdim=True)

    @property
    def relative_difference(self) -> Tensor:
        """Largest |difference| over Σ|direct scores|, shape (B,); 0 where both vanish."""
        size = self.difference.abs().amax(1)
        return torch.where(size == 0, size, size / self.direct.player_scores.abs().sum(1))

    def matrix(self, example: int = 0, reference: int | None = None) -> Tensor:
        """Return w_i(κ) I(κ): what each effect gave each receiver, shape (M, R), float64.

        Rows are the columns of ``effects[0]`` (without ∅ for coalitions); a column's sum is the receiver's
        allocated score (for Grad-CAM before its ReLU).

        Args:
            example: Which example.
            reference: Which table of effects; None: the mean over all, as the method takes it.

        Raises:
            OptionError: For a back-propagation method: its effects belong to units, see ``layers``; or no
                such example or reference.
        """
        rule = self.allocation_rule
        self._check("example", example, self.direct.batch)
        if reference is not None:
            self._check("reference", reference, len(self.effects))
        chosen = range(len(self.effects)) if reference is None else (reference,)
        tables = [self._matrices(rule, example, r) for r in chosen]
        return tables[0] if len(tables) == 1 else torch.stack(tables).mean(0)

    @property
    def allocation_rule(self) -> AllocationRule:
        """The ratio of the whole function.

        Raises:
            OptionError: If the method has ratios at its units only.
        """
        if not self.effects:
            raise OptionError(
                f"{self.method} has a ratio at each unit, not one for the whole network; read .layers, and "
                ".formal for the shares of the network's own terms"
            )
        return RULES[self.rule]

    def terms(
        self, receiver: str | int, example: int = 0, k: int = 8, reference: int | None = None
    ) -> list[Term]:
        """Return the k largest parts of one receiver's score.

        Args:
            receiver: Name or number.
            example: Which example.
            k: How many.
            reference: Which table of effects; None: the mean over all.

        Raises:
            OptionError: If there is no such receiver, example or reference, or the ratio holds layer by layer
                only.
        """
        place = self.place(receiver)
        parts = self.matrix(example, reference)[:, place]
        chosen = slice(None) if reference is None else slice(reference, reference + 1)
        tables, contexts = self.effects[chosen], self.context[chosen]
        return terms_of(self.allocation_rule, tables, contexts, parts, place, example, k)

    def sentence(
        self, receiver: str | int, example: int = 0, k: int = 6, reference: int | None = None
    ) -> str:
        """Return a receiver's score as the weighted sum it is: a_u = 1·I(u) + ½·I(u, v) + …."""
        return page.sentence(self, self.place(receiver), example, k, reference)

    def place(self, receiver: str | int) -> int:
        """Return the number of a receiver.

        Raises:
            OptionError: If there is no such receiver.
        """
        if isinstance(receiver, int):
            self._check("receiver", receiver, len(self.names))
            return receiver
        if receiver not in self.names:
            some = ", ".join(self.names[:12]) + (", …" if len(self.names) > 12 else "")
            raise OptionError(f"no receiver {receiver!r}; they are {some}")
        return self.names.index(receiver)

    def summary(self, k: int = 5, examples: int = 2, terms: int = 6) -> str:
        """Return a text: the formula, the sums the k largest scores are, the difference and its reasons."""
        return page.summary(self, k, examples, terms)

    def __repr__(self) -> str:
        """Show the sums that the scores are."""
        return self.summary()

    @cached_property
    def _found(self) -> dict[tuple[int, int], Tensor]:
        return {}

    def _matrices(self, rule: AllocationRule, example: int, reference: int) -> Tensor:
        if (example, reference) not in self._found:
            effects = self.effects[reference]
            values = effects.values[example].double().numpy()
            parts = [
                values[columns][:, None] * rule.ratios(kappas, self.context[reference], example=example)
                for columns, kappas in blocks(effects, len(self.names))
            ]
            self._found.clear()  # the last one asked for is enough for a page
            self._found[example, reference] = torch.from_numpy(np.concatenate(parts))
        return self._found[example, reference]

    def _check(self, what: str, number: int, count: int) -> None:
        if not 0 <= number < count:
            raise OptionError(f"{what} {number} does not exist; they are 0 … {count - 1}")
