"""ProbedRule: what a black-box attribution does with effects, read from its answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from torch import Tensor

from taylorattr.allocation.rule import RULES
from taylorattr.criteria.verdict import Criterion, Verdict
from taylorattr.effects.result import Result
from taylorattr.errors import OptionError
from taylorattr.maths.path_rules import nodes_in_words, rule_of_moments

FEWEST_MOMENTS = 3
"""Moments M_0 … M_2 that must be known: of two, several quadratures have the same."""

SAME_MOMENTS = 1e-6
"""Difference up to which they are those of a quadrature."""


@dataclass(frozen=True, eq=False, repr=False)
class ProbedRule(Result):
    """The allocation rule of a black box.

    Attributes:
        name: Known rule that it is, a name in ``ta.RULES``; empty where it is none of them.
        seen_on: Where that was seen: ``monomials``, ``units`` (z^m) or ``activations``.
        nearest: Known rule with the nearest ratios; equal to `name` where there is one.
        distance: Largest difference from it, of a ratio, or of a score relative to the largest of its unit.
        same_ratio: Other known rules that cannot be told from it by these probes.
        kind: U universal in κ, S support-level, G sign-pattern, X context-dependent, R no ratio in κ;
            ``none`` where the method is not additive.
        additive: Whether a(f + g) = a(f) + a(g); None where it was not looked at.
        verdicts: Coverage of terms and of effects, no leak, complete.
        multi_indices: Terms, shape (M, n).
        deltas: Δ of each setting, shape (T, n).
        baselines: b of each setting, shape (T, n).
        ratios: w_i(κ) in each setting, shape (T, M, n); no rows where the method took no monomials.
        standard_errors: Of the ratios; zeros where repeated calls agree.
        unit_ratios: w_i(κ) from units z^m with all u > 0 and with mixed signs, shape (P, M', n).
        unit_residual: What unit_ratios leave of the responses, relative; eq. (51). None: not looked at.
        activations: Activation -> rules that give its units' scores.
        misfits: Terms in which `nearest` differs: κ, player, what was read, what the rule says.
        closed_form: A formula for the ratio, where no known rule has it; else empty.
        degree_factor: m -> Q(m) where w_i = κ_i Q(m), eq. (19).
        mixture: Rule -> weight, where the ratio is a mixture of two known rules.
        noise: Largest |difference| + 2 standard errors from `nearest`, for a method that draws random
            numbers; 0 for others.
        calls: How often the black box was called.
        evidence: What was seen, in sentences.
    """

    name: str
    seen_on: str
    nearest: str
    distance: float
    same_ratio: tuple[str, ...]
    kind: str
    additive: bool | None
    verdicts: tuple[Verdict, ...]
    multi_indices: Tensor
    deltas: Tensor
    baselines: Tensor
    ratios: Tensor
    standard_errors: Tensor
    unit_ratios: Tensor
    unit_residual: float | None
    activations: dict[str, tuple[str, ...]]
    misfits: tuple[tuple[tuple[int, ...], int, float, float], ...]
    closed_form: str = ""
    degree_factor: dict[str, float] = field(default_factory=dict)
    mixture: dict[str, float] = field(default_factory=dict)
    noise: float = 0.0
    calls: int = 0
    evidence: tuple[str, ...] = ()

    @property
    def quadrature(self) -> str:
        """The nodes at which gradients are averaged, where Q(m) are the moments of few; else empty."""
        orders = sorted(map(int, self.degree_factor))
        if orders != list(range(1, len(orders) + 1)) or len(orders) < FEWEST_MOMENTS:
            return ""
        rule = rule_of_moments([self.degree_factor[str(m)] for m in orders], SAME_MOMENTS)
        return "" if rule is None else f"quadrature error: {nodes_in_words(*rule)}"

    def ratio(self, kappa: Sequence[int], setting: int = 0) -> np.ndarray:
        """Return w(κ) as it was read from monomials in one setting, shape (n,).

        Raises:
            OptionError: If κ was not probed.
        """
        wanted = [int(k) for k in kappa]
        for row, known in enumerate(self.multi_indices.tolist() if len(self.ratios) else []):
            if known == wanted:
                return self.ratios[setting, row].numpy()
        raise OptionError(f"κ = {tuple(wanted)} was not read; probe with order={max(1, sum(wanted))} or more")

    def verdict(self, criterion: Criterion, level: str | None = None) -> Verdict:
        """Return one verdict.

        Args:
            criterion: ``coverage``, ``no_leak`` or ``complete``.
            level: ``term``, ``effect`` or ``unit``; None: the first there is.

        Raises:
            OptionError: If there is no such verdict.
        """
        for verdict in self.verdicts:
            if verdict.criterion == criterion and level in (None, verdict.level):
                return verdict
        raise OptionError(
            f"no verdict on {criterion!r}{f' at {level} level' if level else ''}: {self.evidence}"
        )

    @property
    def coverage(self) -> Verdict:
        """C1."""
        return self.verdict("coverage")

    @property
    def no_leak(self) -> Verdict:
        """C2."""
        return self.verdict("no_leak")

    @property
    def complete(self) -> Verdict:
        """C3."""
        return self.verdict("complete")

    @property
    def sentence(self) -> str:
        """What the black box is, in a sentence."""
        formula = f" (wᵢ(κ) = {RULES[self.nearest].formula})" if self.nearest in RULES else ""
        if self.name and self.noise:
            return f"indistinguishable from {self.name} at ±{self.noise:.2g}{formula}"
        if self.name:
            return f"{self.name}{formula}, largest difference {self.distance:.1g}, seen on {self.seen_on}"
        if self.nearest:
            return f"no known rule; nearest {self.nearest}{formula}, largest difference {self.distance:.3g}"
        return "no known rule"

    def __repr__(self) -> str:
        """Show the name, the verdicts and the evidence."""
        lines = [f"ProbedRule: {self.sentence}", f"  kind {self.kind}, {self.calls} calls"]
        if self.same_ratio:
            lines.append(f"  the same on these probes: {', '.join(self.same_ratio)}")
        if self.closed_form:
            lines.append(f"  wᵢ(κ) = {self.closed_form}")
        if self.mixture:
            lines.append("  " + " + ".join(f"{w:.6g}·{rule}" for rule, w in self.mixture.items()))
        if self.degree_factor:
            factors = ", ".join(f"Q({m}) = {q:.6g}" for m, q in self.degree_factor.items())
            lines.append(f"  wᵢ(κ) = κᵢ·Q(m): {factors}")
        if self.quadrature:
            lines.append(f"  {self.quadrature}")
        lines += [
            f"  player {player + 1} of κ = {kappa}: {read:.6g}, {self.nearest} has {expected:.6g}"
            for kappa, player, read, expected in self.misfits[:8]
        ]
        if len(self.misfits) > 8:
            lines.append(f"  … and {len(self.misfits) - 8} more")
        lines += [f"  {verdict.mark} {verdict!r}" for verdict in self.verdicts]
        return "\n".join([*lines, *(f"  {line}" for line in self.evidence)])
