"""Reformulation: a computed attribution beside Σ w·I, their difference, and what explains it."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from taylorattr.allocation.allocate import blocks
from taylorattr.allocation.formal import FormalAllocation
from taylorattr.allocation.layerwise_result import Layerwise
from taylorattr.allocation.rule import RULES, AllocationRule
from taylorattr.attribution import Attribution
from taylorattr.effects.effects import HarsanyiEffects, TaylorEffects
from taylorattr.effects.result import Result
from taylorattr.errors import OptionError


class Term(NamedTuple):
    """One effect's part in one receiver's score.

    Attributes:
        weight: w_i(κ): exact where the rule's context is rational.
        effect: Name of the effect, as radius² × texture.
        value: I(κ), in units of the output.
        part: weight · value.
        key: κ, or the coalition.
    """

    weight: Fraction | float
    effect: str
    value: float
    part: float
    key: tuple[int, ...]


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
            in units of the output.
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

    @cached_property
    def difference(self) -> Tensor:
        """Direct − allocated, shape (B, R)."""
        return self.direct.player_scores - self.allocated.player_scores

    @cached_property
    def allowed(self) -> Tensor:
        """Sum of all errors, shape (B, R)."""
        return sum(self.errors.values(), torch.zeros_like(self.difference))

    @cached_property
    def explained(self) -> Tensor:
        """Whether |difference| ≤ allowed, shape (B, R)."""
        return self.difference.abs() <= self.allowed

    @property
    def relative_difference(self) -> Tensor:
        """Largest |difference| over Σ|direct scores|, shape (B,); 0 where both vanish."""
        size = self.difference.abs().amax(1)
        return torch.where(size == 0, size, size / self.direct.player_scores.abs().sum(1))

    def matrix(self, example: int = 0, reference: int = 0) -> Tensor:
        """Return w_i(κ) I(κ): what each effect gave each receiver, shape (M, R), float64.

        Rows are the columns of ``effects[reference]`` (without ∅ for coalitions); a column's sum is the
        receiver's allocated score, less its share of the constant term where the rule hands that out.

        Raises:
            OptionError: For a back-propagation method: its effects belong to units, see ``layers``.
        """
        rule, effects = self._table(reference)
        values = effects.values[example].double().numpy()
        parts = [
            values[columns][:, None] * rule.ratios(kappas, self.context[reference], example=example)
            for columns, kappas in blocks(effects, len(self.names))
        ]
        return torch.from_numpy(np.concatenate(parts))

    def terms(self, receiver: str | int, example: int = 0, k: int = 8, reference: int = 0) -> list[Term]:
        """Return the k largest parts of one receiver's score.

        Raises:
            OptionError: If there is no such receiver, or the ratio holds layer by layer only.
        """
        if isinstance(receiver, str) and receiver not in self.names:
            raise OptionError(f"no receiver {receiver!r}; they are {', '.join(self.names)}")
        place = self.names.index(receiver) if isinstance(receiver, str) else receiver
        rule, effects = self._table(reference)
        parts = self.matrix(example, reference)[:, place]
        taylor = isinstance(effects, TaylorEffects)
        found = torch.topk(parts.abs(), min(k, int((parts != 0).sum()))).indices.tolist()
        rows = []
        for row in found:
            column = row if taylor else row + 1
            key = (
                tuple(int(p) for p in effects.multi_indices[column])
                if isinstance(effects, TaylorEffects)
                else effects.coalitions[column]
            )
            kappa = key if taylor else tuple(int(p in key) for p in range(effects.n))
            weight = self._weight(rule, kappa, example, reference, place)
            name = effects.label(column)
            rows.append(Term(weight, name, float(effects.values[example, column]), float(parts[row]), key))
        return rows

    def _weight(
        self, rule: AllocationRule, kappa: tuple[int, ...], example: int, reference: int, place: int
    ) -> Fraction | float:
        """Return the ratio, as a fraction where nothing but κ decides it."""
        if not rule.needs:
            return rule.ratio(kappa)[place]
        table = rule.ratios(np.array([kappa]), self.context[reference], example=example)
        return float(table[0, place])

    def _table(self, reference: int) -> tuple[AllocationRule, TaylorEffects | HarsanyiEffects]:
        if not self.effects:
            raise OptionError(
                f"{self.method} has a ratio at each unit, not one for the whole network; read .layers"
            )
        return RULES[self.rule], self.effects[reference]

    def sentence(self, receiver: str | int, example: int = 0, k: int = 6, reference: int = 0) -> str:
        """Return a receiver's score as the weighted sum it is: a = 1·I(u) + ½·I(u, v) + …."""
        place = receiver if isinstance(receiver, int) else self.names.index(receiver)
        found = self.terms(receiver, example, k, reference)
        if not found:
            return f"a_{self.names[place]} = 0"
        shown = " + ".join(f"{fraction(t.weight)}·I({', '.join(t.effect.split(' × '))})" for t in found)
        total = int((self.matrix(example, reference)[:, place] != 0).sum())
        return f"a_{self.names[place]} = {shown}" + (" + …" if total > len(found) else "")

    def summary(self, k: int = 5, examples: int = 2) -> str:
        """Return a text: the formula, the sums the largest scores are, the difference and its reasons."""
        lines = [f"Reformulation of {self.method}"]
        if self.rule:
            rule = RULES[self.rule]
            lines.append(f"  wᵢ(κ) = {rule.formula}   ({rule.name}, {rule.source})")
        for e in range(min(self.direct.batch, examples)):
            lines.append(f"  example {e}:")
            order = self.direct.player_scores[e].abs().argsort(descending=True)[:k].tolist()
            for place in order:
                score, other = self.direct.player_scores[e, place], self.allocated.player_scores[e, place]
                if self.effects:
                    lines.append(f"    {self.sentence(place, e)}")
                lines.append(
                    f"      {self.names[place]}: method {float(score):+.6g}, "
                    f"{'allocation' if self.effects else 'layer by layer'} {float(other):+.6g}, "
                    f"difference {float(self.difference[e, place]):+.2g}"
                    + (f" (explained up to {float(self.allowed[e, place]):.2g})" if self.errors else "")
                )
        if self.direct.batch > examples:
            lines.append(f"  … and {self.direct.batch - examples} more examples")
        lines += [f"  {remark}" for remark in self.remarks]
        if self.layers is not None:
            lines.append(str(self.layers))
        return "\n".join(lines)

    def __repr__(self) -> str:
        """Show the sums that the scores are."""
        return self.summary()


FRACTIONS = {Fraction(1, 2): "½", Fraction(1, 3): "⅓", Fraction(2, 3): "⅔", Fraction(1, 4): "¼",
             Fraction(3, 4): "¾", Fraction(1, 5): "⅕", Fraction(2, 5): "⅖", Fraction(3, 5): "⅗",
             Fraction(4, 5): "⅘", Fraction(1, 6): "⅙", Fraction(5, 6): "⅚"}  # fmt: skip


def fraction(weight: Fraction | float) -> str:
    """Return a ratio as a reader writes it: 1, ½, 3/7, 0.8125."""
    if isinstance(weight, Fraction):
        return FRACTIONS.get(weight, str(weight))
    return f"{weight:.4g}"
