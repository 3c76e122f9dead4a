"""What monomials showed of a black box, and the rule they make it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from taylorattr.allocation.rule import RULES
from taylorattr.criteria.probe import measured_ratios
from taylorattr.criteria.probe.closed_form import closed_form, degree_factor, mixture
from taylorattr.criteria.probe.kinds import classify
from taylorattr.criteria.probe.monomial_probe import Reading
from taylorattr.criteria.probe.monomials import Setting
from taylorattr.criteria.probe.naming import Match, known_quantities, noise_scale, table_in
from taylorattr.criteria.probe.probed_rule import ProbedRule


@dataclass(frozen=True)
class Seen:
    """Ratios read off monomials beside every known rule.

    Attributes:
        settings: Inputs and baselines.
        reading: The table; None where the method took no monomials.
        slack: Differences that are noise, shape (3, M, n).
        known: Known rules, the nearest first.
        additive: Whether a(f + g) = a(f) + a(g); None where it was not looked at.
    """

    settings: tuple[Setting, ...]
    reading: Reading | None = None
    slack: np.ndarray | None = None
    known: tuple[Match, ...] = ()
    additive: bool | None = None

    @property
    def noisy(self) -> bool:
        """Whether equal calls differ."""
        return self.reading is not None and bool(self.reading.errors.any())

    @property
    def name(self) -> str:
        """Known rule that the table is; empty where it is none or the method is not additive."""
        return self.known[0].name if self.additive and self.known and self.known[0].equal else ""

    def tensors(self) -> dict[str, Any]:
        """Return the table and where it was read, as a result keeps them."""
        n = len(self.settings[0].delta)
        none = np.zeros((0, 0, n))
        reading = self.reading
        return {
            "multi_indices": torch.from_numpy(np.zeros((0, n), int) if reading is None else reading.kappas),
            "deltas": torch.from_numpy(np.stack([s.delta for s in self.settings])),
            "baselines": torch.from_numpy(np.stack([s.baseline for s in self.settings])),
            "ratios": torch.from_numpy(none if reading is None else reading.ratios),
            "standard_errors": torch.from_numpy(none if reading is None else reading.errors),
        }

    def misfits(
        self, own: Mapping[str, Mapping[str, Any]], offsets: np.ndarray
    ) -> tuple[tuple[tuple[int, ...], int, float, float], ...]:
        """Return terms in which the nearest rule differs: κ, player, what was read, what the rule says."""
        assert self.reading is not None and self.slack is not None
        rule = RULES[self.known[0].name]
        found: dict[tuple[tuple[int, ...], int], tuple[float, float]] = {}
        for t, setting in enumerate(self.settings):
            read = self.reading.ratios[t]
            sigma = noise_scale(read, self.reading.kappas, setting)
            known = known_quantities(rule.name, setting, sigma, own)
            expected = table_in(rule, self.reading.kappas, setting, known, offsets)
            for row, player in np.argwhere(np.abs(read - expected) > self.slack[t]):
                kappa = tuple(int(k) for k in self.reading.kappas[row])
                found.setdefault(
                    (kappa, int(player)), (float(read[row, player]), float(expected[row, player]))
                )
        return tuple((kappa, player, *values) for (kappa, player), values in found.items())

    def rule(
        self, own: Mapping[str, Mapping[str, Any]], offsets: np.ndarray, random: np.random.Generator
    ) -> tuple[ProbedRule, list[str]]:
        """Return the rule that the table is, with what shows it.

        Args:
            own: Rule -> name of a quantity -> value, given by the user.
            offsets: References less b, shape (R, n).
            random: Decides which ratios are held back from a fit.
        """
        reading, slack, best = self.reading, self.slack, self.known[0]
        assert reading is not None and slack is not None
        kind, why = classify(reading.ratios, slack, reading.kappas, self.settings)
        if self.noisy and self.name:
            kind, why = RULES[self.name].kind, f"that of {self.name}, from which the readings do not differ"
        evidence = [f"kind {kind}: {why}"]
        formula, factor, mixed = None, None, None
        mean, room = reading.ratios.mean(0), slack.max(0)
        if kind in ("U", "S"):
            factor = degree_factor(mean, room, reading.kappas)
            if not best.equal:
                mixed = mixture(mean, room, reading.kappas, random)
                formula = None if self.noisy else closed_form(mean, room, reading.kappas, random)
        if formula is not None:
            evidence.append(
                f"closed form fitted with error {formula.error:.1g}; {formula.held_back} ratios held back "
                f"agree to {formula.held_back_error:.1g}"
            )
        if mixed is not None:
            evidence.append(f"mixture of two known rules, largest difference {mixed[1]:.1g}")
        spread = (best.differences + 2 * reading.errors.max(0)).max() if self.noisy else 0.0
        n = len(self.settings[0].delta)
        probed = ProbedRule(
            name=self.name,
            seen_on="monomials",
            nearest=best.name,
            distance=best.distance,
            same_ratio=tuple(m.name for m in self.known[1:] if m.equal) if self.name else (),
            kind=kind if self.additive else "none",
            additive=self.additive,
            verdicts=measured_ratios.verdicts(reading.ratios, slack, reading.kappas, noisy=self.noisy),
            **self.tensors(),
            unit_ratios=torch.zeros(0, 0, n, dtype=torch.float64),
            unit_residual=None,
            activations={},
            misfits=() if best.equal else self.misfits(own, offsets),
            closed_form=formula.text if formula else "",
            degree_factor={str(m): q for m, q in factor.items()} if factor else {},
            mixture=mixed[0] if mixed else {},
            noise=float(spread),
        )
        return probed, evidence
