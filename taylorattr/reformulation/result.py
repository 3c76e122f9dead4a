"""Reformulation: a computed attribution beside Σ w·I, their difference, and what explains it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from typing import Any, ClassVar, NamedTuple

import numpy as np
import torch
from torch import Tensor

from taylorattr.allocation.allocate import blocks
from taylorattr.allocation.layerwise.formal import FormalAllocation
from taylorattr.allocation.layerwise.result import Layerwise
from taylorattr.allocation.rule import RULES, AllocationRule
from taylorattr.attribution import Attribution
from taylorattr.effects.coalition_table import HarsanyiEffects
from taylorattr.effects.examples import in_rows
from taylorattr.effects.result import Result
from taylorattr.effects.taylor_effects import TaylorEffects
from taylorattr.errors import OptionError

FRACTIONS = {Fraction(1, 2): "½", Fraction(1, 3): "⅓", Fraction(2, 3): "⅔", Fraction(1, 4): "¼",
             Fraction(3, 4): "¾", Fraction(1, 5): "⅕", Fraction(2, 5): "⅖", Fraction(3, 5): "⅗",
             Fraction(4, 5): "⅘", Fraction(1, 6): "⅙", Fraction(5, 6): "⅚"}  # fmt: skip


class ScoreTerm(NamedTuple):
    """One effect's part in one receiver's score.

    Attributes:
        weight: w_i(κ): a ``Fraction`` where nothing but κ decides it.
        effect: Name of the effect, as radius² × texture.
        value: I(κ), in units of the output; the mean over several references.
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
            in units of the output; NaN where nothing is known to bound it.
        remarks: What the errors rest on, and what no number was found for.
        layers: The layer-by-layer allocation of a back-propagation method, else None.
        formal: A_i(κ) of the whole network for a back-propagation method on few players, eq. (45); else None.
    """

    example_axes: ClassVar = in_rows("direct allocated effects errors layers")

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

    def _selected(self, index: list[int]) -> dict[str, Any]:
        """Return what the rule read of these examples."""
        context = tuple(
            {name: v[index] if self._read_by_example(name, v) else v for name, v in read.items()}
            for read in self.context
        )
        return {"context": context}

    @classmethod
    def _concatenated(cls, parts: Sequence[Reformulation], counts: Sequence[int]) -> dict[str, Any]:
        """Return what the rule read of all; the formal shares of single examples are theirs alone."""
        context = []
        for reads in zip(*(part.context for part in parts), strict=True):
            context.append(
                {
                    name: torch.cat([read[name] for read in reads])
                    if parts[0]._read_by_example(name, first)
                    else first
                    for name, first in reads[0].items()
                }
            )
        formal = parts[0].formal if len(parts) == 1 else None
        remarks = tuple(dict.fromkeys(remark for part in parts for remark in part.remarks))
        return {"context": tuple(context), "formal": formal, "remarks": remarks}

    def _read_by_example(self, name: str, value: Any) -> bool:
        """Return whether a quantity of the context has a row for every example."""
        need = self.allocation_rule.needs.get(name)
        return (
            need is not None
            and isinstance(value, Tensor)
            and (value.ndim > len(need.axes) and len(value) == self.direct.batch)
        )

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
    ) -> list[ScoreTerm]:
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
        return _largest_terms(self.allocation_rule, tables, contexts, parts, place, example, k)

    def sentence(
        self, receiver: str | int, example: int = 0, k: int = 6, reference: int | None = None
    ) -> str:
        """Return a receiver's score as the weighted sum it is: a_u = 1·I(u) + ½·I(u, v) + …."""
        return _sentence(self, self.place(receiver), example, k, reference)

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
        return _summary(self, k, examples, terms)

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


def _largest_terms(
    rule: AllocationRule,
    tables: Sequence[TaylorEffects | HarsanyiEffects],
    contexts: Sequence[Mapping[str, Any]],
    parts: Tensor,
    place: int,
    example: int,
    k: int,
) -> list[ScoreTerm]:
    """Return the k largest parts of one receiver's score, as terms.

    Args:
        rule: The ratio.
        tables: Effects, one table per reference.
        contexts: What the ratio reads besides κ, one per table.
        parts: The receiver's column of the matrix, the mean over the tables.
        place: The receiver.
        example: Which example.
        k: How many.
    """
    table = tables[0]
    rows = []
    for row in torch.topk(parts.abs(), min(k, int((parts != 0).sum()))).indices.tolist():
        if isinstance(table, TaylorEffects):
            column, key = row, tuple(int(p) for p in table.multi_indices[row])
            kappa = key
        else:
            column, key = row + 1, table.coalitions[row + 1]
            kappa = tuple(int(p in key) for p in range(table.n))
        value = sum(float(t.values[example, column]) for t in tables) / len(tables)
        weight = _ratio_of(rule, kappa, contexts, example, place, float(parts[row]), value)
        rows.append(ScoreTerm(weight, table.label(column), value, float(parts[row]), key))
    return rows


def _ratio_of(
    rule: AllocationRule,
    kappa: tuple[int, ...],
    contexts: Sequence[Mapping[str, Any]],
    example: int,
    place: int,
    part: float,
    value: float,
) -> Fraction | float:
    """Return the ratio; over several references with contexts of their own the one their means have."""
    if not rule.needs:
        return rule.ratio(kappa)[place]
    if len(contexts) > 1 and value != 0:
        return part / value
    return float(rule.ratios(np.array([kappa]), contexts[0], example=example)[0, place])


def _fraction(weight: Fraction | float) -> str:
    """Return a ratio as a reader writes it: 1, ½, 3/7, 0.8125; without its sign."""
    size = abs(weight)
    return FRACTIONS.get(size, str(size)) if isinstance(size, Fraction) else f"{size:.4g}"


def _letter(result: Reformulation) -> str:
    """Return what an effect is called: I, of coalitions J, in frame x Iˣ, over references E I."""
    effects = result.effects[0]
    name = "I" if isinstance(effects, TaylorEffects) else "J"
    frame = "ˣ" if effects.frame == "input" else ""
    return ("E " if len(result.effects) > 1 else "") + name + frame


def _sentence(result: Reformulation, place: int, example: int, k: int, reference: int | None = None) -> str:
    """Return a score as the weighted sum of effects that it is."""
    terms = result.terms(place, example, k, reference)
    head = f"a_{result.names[place]}"
    if not terms:
        return f"{head} = 0"
    name = _letter(result)
    summed = _sum([(t.weight < 0, f"{_fraction(t.weight)}·{name}({_players(t.effect)})") for t in terms])
    more = int((result.matrix(example, reference)[:, place] != 0).sum()) > len(terms)
    return f"{head} = {summed}" + (" + …" if more else "")


def _numbers(result: Reformulation, place: int, example: int, k: int, reference: int | None = None) -> str:
    """Return the same sum with the effects' values in place of their names."""
    terms = result.terms(place, example, k, reference)
    column = result.matrix(example, reference)[:, place]
    parts = [(t.weight < 0, f"{_fraction(t.weight)}·{_signed(t.value)}") for t in terms]
    rest = int((column != 0).sum()) - len(terms)
    if rest > 0:
        left = float(column.sum()) - sum(t.part for t in terms)
        parts.append((left < 0, f"{abs(left):.4g} of {rest} more"))
    return f"{_sum(parts)} = {float(column.sum()):+.6g}"


def _summary(result: Reformulation, k: int, examples: int, terms: int) -> str:
    """Return the page: formula, sums, differences and their reasons, layers and formal shares."""
    direct = result.direct
    lines = [f"Reformulation of {result.method}"]
    if result.rule:
        rule = result.allocation_rule
        lines += [
            f"  wᵢ(κ) = {rule.formula}",
            f"  {rule.name}, frame {result.effects[0].frame}; {rule.source}",
        ]
    if len(result.effects) > 1:
        lines.append(f"  E is the mean over {len(result.effects)} references, each effect in its own frame")
    for e in range(min(direct.batch, examples)):
        lines.append(
            f"  example {e}: f(x) = {float(direct.f_input[e]):.6g}, "
            f"f(b) = {float(direct.f_baseline[e]):.6g}; {_verdict(result, e)}"
        )
        for place in direct.player_scores[e].abs().argsort(descending=True)[:k].tolist():
            lines += [f"    {line}" for line in _receiver(result, place, e, terms)]
        if len(result.names) > k:
            lines.append(f"    … and {len(result.names) - k} more receivers")
    if direct.batch > examples:
        lines.append(f"  … and {direct.batch - examples} more examples")
    if result.layers is not None:
        lines += ["", str(result.layers)]
    if result.formal is not None:
        lines += ["", str(result.formal)]
    if result.remarks:
        lines += ["", *(f"  note: {remark}" for remark in result.remarks)]
    return "\n".join(lines)


def _receiver(result: Reformulation, place: int, e: int, terms: int) -> list[str]:
    """Return the lines of one score."""
    direct, other = (a.player_scores[e, place] for a in (result.direct, result.allocated))
    name = result.names[place]
    end = f"{result.method} {float(direct):+.6g}, difference {float(direct - other):+.1e}"
    if not result.effects:
        return [f"a_{name} = {float(other):+.6g} through the layers; {end}"]
    indent = " " * (len(name) + 2)
    lines = [_sentence(result, place, e, terms), f"{indent} = {_numbers(result, place, e, terms)}"]
    if not torch.isclose(other, result.matrix(e)[:, place].sum()):
        lines.append(f"{indent} → {float(other):+.6g} behind the gate")
    return [*lines, f"{indent}   {end}"]


def _verdict(result: Reformulation, e: int) -> str:
    """Say how far the two lie apart, and what allows it."""
    size = float(result.difference[e].abs().max())
    parts = {name: float(error[e].max()) for name, error in result.errors.items()}
    allowed = ", ".join(f"{name} ≤ {value:.1e}" for name, value in parts.items() if value == value)
    open_ = [name for name, value in parts.items() if value != value]
    verdict = "explained" if bool(result.explained[e].all()) else "NOT EXPLAINED"
    if verdict == "explained" and bool(result.wide[e].any()):
        verdict = "within a bound wider than all scores together, which explains nothing:"
        return f"largest difference {size:.1e}, {verdict} {allowed}"
    if open_:
        allowed += f", {', '.join(open_)} not bounded"
    return f"largest difference {size:.1e}, {verdict} by {allowed}"


def _sum(parts: list[tuple[bool, str]]) -> str:
    """Join terms with the signs of their ratios: a + b − c."""
    text = ""
    for negative, part in parts:
        text += (f" {'−' if negative else '+'} " if text else "−" if negative else "") + part
    return text


def _signed(value: float) -> str:
    return f"({value:.4g})" if value < 0 else f"{value:.4g}"


def _players(effect: str) -> str:
    return ", ".join(effect.split(" × "))
