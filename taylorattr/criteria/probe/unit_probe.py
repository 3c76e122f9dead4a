"""Name a rule by its answers on single units: z^m with every known rule, activations in closed form."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from taylorattr.allocation.rule import RULES, AllocationRule
from taylorattr.criteria.probe.activation_units import (
    ACTIVATIONS,
    FORMULAS,
    KINKED,
    activation_units,
    distance,
    formula_of,
    read,
)
from taylorattr.criteria.probe.monomials import AttributeFn
from taylorattr.criteria.probe.naming import evaluable, given_for
from taylorattr.criteria.probe.units import EXTRA, JUDGED, Responses

COARSE_AT_KINK, FINE_AT_KINK, COARSE = 0.05, 2.5e-3, 1e-3
"""Differences that a quadrature may leave: coarse at kinks, fine at kinks, and elsewhere.

N nodes are off by at most half a step times the jump of the slope: 1/(2N) for a ReLU, 2e-3 for 256 nodes.
"""

FALLBACK = "gradient_x_input"
"""What libraries do with a layer that they have no rule for."""

LONGEST = 100
"""Letters of an error that are shown."""


@dataclass(frozen=True)
class UnitMatch:
    """A known rule beside responses of units.

    Attributes:
        name: Name in RULES.
        distance: Largest difference, relative to the largest score of a group of units.
    """

    name: str
    distance: float


def said(error: Exception) -> str:
    """Return what a black box raised, in a few words."""
    text = f"{type(error).__name__}: {error}".split("\n")[0]
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


def alpha_of(answers: Sequence[Responses]) -> float | None:
    """Return α where the inputs with u > 0 together get α σ(z) in units of mixed signs; else None."""
    found = []
    for group in answers:
        if group.order <= JUDGED and (group.u > 0).any() and (group.u < 0).any():
            value = group.u.sum(1) ** group.order
            found += list((group.mean * (group.u > 0)).sum(1) / value)
    if not found or np.ptp(found) > 1e-4 * abs(np.mean(found)):
        return None
    return float(np.round(np.median(found), 6))


def epsilon_of(answers: Sequence[Responses]) -> float | None:
    """Return ε where Σ scores = σ(z) z/(z + ε sgn z), eq. (29), in identity units; else None."""
    for group in answers:
        if group.order == 1:
            z, total = group.u.sum(1), group.mean.sum(1)
            if (total == 0).any():
                return None
            found = z**2 / total - z
            found = found * np.sign(z)
            median = float(np.median(found))
            return median if median >= 0 and np.ptp(found) <= 1e-6 + 1e-3 * median else None
    return None


def unit_matches(answers: Sequence[Responses], own: Mapping[str, Mapping[str, Any]]) -> list[UnitMatch]:
    """Return every known rule beside responses of units z^m up to order 3, the nearest first.

    Looked at are the units beyond those that would determine a ratio of κ. α and ε are read from the
    responses; bounds of a box have to be given.

    Args:
        answers: Responses.
        own: Rule -> name of a quantity -> value, given by the user.
    """
    alpha, epsilon = alpha_of(answers), epsilon_of(answers)
    read_off: dict[str, Any] = {"c": 0.0}
    if alpha is not None:
        read_off |= {"alpha": alpha, "beta": alpha - 1}
    if epsilon is not None:
        read_off |= {"epsilon": epsilon}
    judged = [group for group in answers if group.order <= JUDGED]
    found = []
    for name, rule in RULES.items():
        given = read_off | dict(own.get(name, {})) | dict(own.get(rule.method, {}))
        known = dict.fromkeys("uwx", 0) | {"Delta": 0} | given
        if rule.scope not in ("players", "unit") or not evaluable(rule, known):
            continue
        if all(given_for(rule, group.kappas, known) for group in judged):
            found.append(UnitMatch(name, max(_gap(rule, group, given) for group in judged)))
    rank = {name: place for place, name in enumerate(RULES)}

    def key(match: UnitMatch) -> tuple[Any, ...]:
        rule = RULES[match.name]
        return (round(match.distance, 7), rule.scope != "unit", len(rule.needs), rule.extra, rank[match.name])

    return sorted(found, key=key)


def _gap(rule: AllocationRule, group: Responses, given: Mapping[str, Any]) -> float:
    kappas, rows = group.kappas, range(len(group.u) - EXTRA, len(group.u))
    reads_unit = any(name in ("u", "w", "x", "Delta") for name in rule.needs)
    fixed = None if reads_unit else rule.ratios(kappas, {k: v for k, v in given.items() if k in rule.needs})
    worst = 0.0
    for row in rows:
        u, x = group.u[row], group.x[row]
        context = {"u": u, "w": u / x, "x": x, "Delta": x, **given}
        table = (
            rule.ratios(kappas, {k: v for k, v in context.items() if k in rule.needs})
            if fixed is None
            else fixed
        )
        worst = max(worst, float(np.abs(group.effects[row] @ table - group.mean[row]).max()))
    scale = float(np.abs(group.mean[list(rows)]).max())
    return worst / scale if scale else worst


@dataclass(frozen=True)
class ActivationReadings:
    """What a black box gave the units of each activation.

    Attributes:
        distances: Activation -> rule -> largest relative difference.
        gaps: Activation -> largest |Σ scores − (σ(z) − σ(c))|, relative to the largest score.
        refused: Activation -> what the method said.
        noise: Activation -> largest relative standard error.
    """

    distances: dict[str, dict[str, float]]
    gaps: dict[str, float]
    refused: dict[str, str]
    noise: dict[str, float]

    def tolerance(self, activation: str, floor: float) -> float:
        """Return the difference that is noise."""
        return floor + 8 * self.noise[activation]

    def rules(self, floor: float) -> dict[str, tuple[str, ...]]:
        """Return activation -> rules that give its scores."""
        return {
            name: tuple(rule for rule, far in table.items() if far <= self.tolerance(name, floor))
            for name, table in self.distances.items()
        }

    def leading(self, floor: float) -> str:
        """Return the rule of most activations among those that are not left to the plain gradient.

        Libraries fall back to the gradient for layers they do not know. Empty where no rule has half of them.
        """
        rules = self.rules(floor)
        known = {name: found for name, found in rules.items() if FALLBACK not in found}
        if not known:
            return FALLBACK if rules else ""
        votes: dict[str, int] = {}
        for rule in (rule for found in rules.values() for rule in found if rule != FALLBACK):
            votes[rule] = votes.get(rule, 0) + 1
        name = max(votes, key=lambda rule: votes[rule], default="")
        own = sum(name in found for found in known.values())
        return name if 2 * own >= len(known) else ""

    def explained_by(self, rule: str, floor: float, *, coarse: bool) -> bool:
        """Whether a rule gives the scores of every activation, coarsely where it may be a quadrature."""
        # a quadrature that is coarse at one kink is so at others; a single activation that is off is a defect
        kinked = [name for name in self.distances if name in KINKED]
        off = [name for name in kinked if self.distances[name].get(rule, np.inf) > FINE_AT_KINK]
        at_kink = COARSE_AT_KINK if 2 * len(off) >= len(kinked) else FINE_AT_KINK

        def room(name: str) -> float:
            rough = (at_kink if name in KINKED else COARSE) if coarse else 0.0
            return max(rough, self.tolerance(name, floor))

        return all(table.get(rule, np.inf) <= room(name) for name, table in self.distances.items())


def read_activations(
    attribute: AttributeFn,
    n: int,
    random: np.random.Generator,
    *,
    repeats: int,
    also: Sequence[str] = (),
    names: Sequence[str] = tuple(ACTIVATIONS),
) -> ActivationReadings:
    """Return what a black box gives units of each activation beside what known rules give.

    Args:
        attribute: The black box.
        n: Inputs of a unit.
        random: Draws weights and inputs.
        repeats: Calls per unit.
        also: Further rules of RULES to compare with, where their scores of a unit are known.
        names: Activations.
    """
    formulas = dict(FORMULAS)
    for rule in also:
        formula = formula_of(rule)
        if formula is not None:
            formulas[rule] = formula
    distances: dict[str, dict[str, float]] = {}
    gaps: dict[str, float] = {}
    refused: dict[str, str] = {}
    noise: dict[str, float] = {}
    for name in names:
        units = activation_units(name, n, random)
        try:
            drawn = [read(attribute, unit, repeats) for unit in units]
        except Exception as error:  # whatever a library raises on a module that it does not know
            refused[name] = said(error)
            continue
        mean = [d.mean(0) for d in drawn]
        distances[name] = {
            rule: max(distance(unit, a, formula(unit)) for a, unit in zip(mean, units, strict=True))
            for rule, formula in formulas.items()
        }
        sizes = [
            max(float(np.abs(a).max()), 0.01 * float(np.abs(unit.u).max()))
            for a, unit in zip(mean, units, strict=True)
        ]
        gaps[name] = max(
            abs(float(a.sum()) - unit.sigma(unit.z) + unit.sigma(unit.c)) / size
            for a, unit, size in zip(mean, units, sizes, strict=True)
        )
        noise[name] = (
            max(float(d.std(0, ddof=1).max()) / size for d, size in zip(drawn, sizes, strict=True))
            / repeats**0.5
            if repeats > 1
            else 0.0
        )
    return ActivationReadings(distances, gaps, refused, noise)
