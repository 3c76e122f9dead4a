"""The rule that a black box shows on monomials: its kind, its verdicts, its name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import torch

from taylorattr.allocation.rule import RULES, Kind
from taylorattr.criteria.paper.counterexamples import monomial
from taylorattr.criteria.probe.closed_form import closed_form, degree_factor, mixture
from taylorattr.criteria.probe.known_rules import RuleMatch, known_quantities, noise_scale, table_in
from taylorattr.criteria.probe.monomials import ProbePoint, RatioTable
from taylorattr.criteria.probe.probed_rule import ProbedRule
from taylorattr.criteria.three_criteria import cancelling, incomplete, leaks, uncovered
from taylorattr.criteria.verdict import Criterion, Status, Verdict

LARGEST_RATIO_DENOMINATOR = 720
"""Fractions up to this denominator are recognised in measured ratios: 6!, which those of common rules
divide."""

SMALLEST_NOISY_SHARE = 0.05
"""Share below which a term counts as given to nobody, where noise hides smaller ones."""


@dataclass(frozen=True)
class MonomialAnswer:
    """Ratios read off monomials beside every known rule.

    Attributes:
        points: Inputs and baselines.
        table: The ratios; None where the method took no monomials.
        slack: Differences that are noise, shape (3, M, n).
        known: Known rules, the nearest first.
        additive: Whether a(f + g) = a(f) + a(g); None where it was not looked at.
    """

    points: tuple[ProbePoint, ...]
    table: RatioTable | None = None
    slack: np.ndarray | None = None
    known: tuple[RuleMatch, ...] = ()
    additive: bool | None = None

    @property
    def noisy(self) -> bool:
        """Whether equal calls differ."""
        return self.table is not None and bool(self.table.errors.any())

    @property
    def name(self) -> str:
        """Known rule that the table is; empty where it is none or the method is not additive."""
        return self.known[0].name if self.additive and self.known and self.known[0].equal else ""

    def tensors(self) -> dict[str, Any]:
        """Return the table and where it was read, as a result keeps them."""
        n = len(self.points[0].delta)
        none = np.zeros((0, 0, n))
        table = self.table
        return {
            "multi_indices": torch.from_numpy(np.zeros((0, n), int) if table is None else table.kappas),
            "deltas": torch.from_numpy(np.stack([s.delta for s in self.points])),
            "baselines": torch.from_numpy(np.stack([s.baseline for s in self.points])),
            "ratios": torch.from_numpy(none if table is None else table.ratios),
            "standard_errors": torch.from_numpy(none if table is None else table.errors),
        }

    def misfits(
        self, own: Mapping[str, Mapping[str, Any]], offsets: np.ndarray
    ) -> tuple[tuple[tuple[int, ...], int, float, float], ...]:
        """Return terms in which the nearest rule differs: κ, player, what was read, what the rule says."""
        assert self.table is not None and self.slack is not None
        rule = RULES[self.known[0].name]
        differing: dict[tuple[tuple[int, ...], int], tuple[float, float]] = {}
        for t, point in enumerate(self.points):
            read = self.table.ratios[t]
            sigma = noise_scale(read, self.table.kappas, point)
            known = known_quantities(rule.name, point, sigma, own)
            expected = table_in(rule, self.table.kappas, point, known, offsets)
            for row, player in np.argwhere(np.abs(read - expected) > self.slack[t]):
                kappa = tuple(int(k) for k in self.table.kappas[row])
                differing.setdefault(
                    (kappa, int(player)), (float(read[row, player]), float(expected[row, player]))
                )
        return tuple((kappa, player, *values) for (kappa, player), values in differing.items())

    def rule(
        self, own: Mapping[str, Mapping[str, Any]], offsets: np.ndarray, random: np.random.Generator
    ) -> tuple[ProbedRule, list[str]]:
        """Return the rule that the table is, with what shows it.

        Args:
            own: Rule -> name of a quantity -> value, given by the user.
            offsets: References less b, shape (R, n).
            random: Decides which ratios are held back from a fit.
        """
        table, slack, best = self.table, self.slack, self.known[0]
        assert table is not None and slack is not None
        kind, why = classify(table.ratios, slack, table.kappas, self.points)
        if self.noisy and self.name:
            kind, why = RULES[self.name].kind, f"that of {self.name}, from which the readings do not differ"
        evidence = [f"kind {kind}: {why}"]
        formula, factor, mixed = None, None, None
        mean, room = table.ratios.mean(0), slack.max(0)
        if kind in ("U", "S"):
            factor = degree_factor(mean, room, table.kappas)
            if not best.equal:
                mixed = mixture(mean, room, table.kappas, random)
                formula = None if self.noisy else closed_form(mean, room, table.kappas, random)
        if formula is not None:
            evidence.append(
                f"closed form fitted with error {formula.error:.1g}; {formula.held_back} ratios held back "
                f"agree to {formula.held_back_error:.1g}"
            )
        if mixed is not None:
            evidence.append(f"mixture of two known rules, largest difference {mixed[1]:.1g}")
        spread = (best.differences + 2 * table.errors.max(0)).max() if self.noisy else 0.0
        n = len(self.points[0].delta)
        probed = ProbedRule(
            name=self.name,
            seen_on="monomials",
            nearest=best.name,
            distance=best.distance,
            same_ratio=tuple(m.name for m in self.known[1:] if m.equal) if self.name else (),
            kind=kind if self.additive else "none",
            additive=self.additive,
            verdicts=verdicts(table.ratios, slack, table.kappas, noisy=self.noisy),
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


def classify(
    ratios: np.ndarray, tolerance: np.ndarray, kappas: np.ndarray, settings: tuple[ProbePoint, ...]
) -> tuple[Kind, str]:
    """Return U, S, G or X for ratios read in three settings, and what shows it.

    Args:
        ratios: Shape (3, M, n); settings 0 and 1 have Δ of the same signs, setting 2 other signs.
        tolerance: Differences that are noise, shape (3, M, n).
        kappas: Shape (M, n).
        settings: Where they were read.
    """
    same = _moved(ratios, tolerance, 0, 1)
    turned = _moved(ratios, tolerance, 0, 2)
    if same is not None:
        return "X", _two_readings(ratios, kappas, settings, *same, 1, "with Δ of the same signs")
    if turned is not None:
        return "G", _two_readings(ratios, kappas, settings, *turned, 2, "and equal for Δ of the same signs")
    within = _within_supports(ratios.mean(0), tolerance.max(0), kappas)
    if within is not None:
        row, other, player = within
        return "U", (
            f"the same for every Δ; terms of one support differ: player {player + 1} gets "
            f"{ratios[0, row, player]:.6g} of {monomial(kappas[row])} and "
            f"{ratios[0, other, player]:.6g} of {monomial(kappas[other])}"
        )
    if kappas.sum(1).max() < 2:
        return "U", "the same for every Δ; terms of order 1 do not tell supports from exponents"
    return "S", "the same for every Δ and for all terms of one support"


def _moved(ratios: np.ndarray, tolerance: np.ndarray, a: int, b: int) -> tuple[int, int] | None:
    """Return row and player whose ratio differs most between two points, None where noise explains it."""
    beyond = np.abs(ratios[a] - ratios[b]) - (tolerance[a] + tolerance[b])
    row, player = np.unravel_index(int(beyond.argmax()), beyond.shape)
    return (int(row), int(player)) if beyond[row, player] > 0 else None


def _within_supports(
    ratios: np.ndarray, tolerance: np.ndarray, kappas: np.ndarray
) -> tuple[int, int, int] | None:
    """Return two rows of one support and a player whose ratios differ between them; None where none do."""
    masks = (kappas > 0) @ (1 << np.arange(kappas.shape[1]))
    for row, mask in enumerate(masks):
        first = int(np.flatnonzero(masks == mask)[0])
        beyond = np.abs(ratios[row] - ratios[first]) - tolerance[row] - tolerance[first]
        if beyond.max() > 0:
            return first, row, int(beyond.argmax())
    return None


def _two_readings(
    ratios: np.ndarray,
    kappas: np.ndarray,
    settings: tuple[ProbePoint, ...],
    row: int,
    player: int,
    other: int,
    remark: str,
) -> str:
    """Return a sentence with the ratio of a player at the first point and at another."""
    one, two = (
        f"{ratios[t, row, player]:.6g} at Δ = ({', '.join(f'{v:.3g}' for v in settings[t].delta)})"
        for t in (0, other)
    )
    return f"player {player + 1} gets {one} and {two} of {monomial(kappas[row])}, {remark}"


def verdicts(
    ratios: np.ndarray, tolerance: np.ndarray, kappas: np.ndarray, *, noisy: bool, level: str = "term"
) -> tuple[Verdict, ...]:
    """Return coverage of terms and of effects, no leak, complete, for ratios read in some settings.

    Args:
        ratios: Shape (T, M, n).
        tolerance: Differences that are noise, shape (T, M, n).
        kappas: Shape (M, n).
        noisy: Whether the tolerance is sampling noise; then nothing holds better than to it.
        level: ``term`` or ``unit``.
    """
    flat, slack = ratios.reshape(-1, ratios.shape[-1]), tolerance.reshape(-1, ratios.shape[-1])
    rows = np.tile(kappas, (len(ratios), 1))
    inside = rows > 0
    # the criteria are equalities: what noise alone could show is set to 0, or to 1, before they are asked for
    cleaned = np.where(np.abs(flat) > slack, flat, 0.0)
    total, room = flat.sum(1), np.sqrt(np.square(slack).sum(1))
    snapped = np.where(np.abs(total - 1) <= room, 1.0, total)
    outside = np.where(inside, 0.0, np.abs(flat))
    common: dict[str, Any] = {"frame": "baseline", "level": level}

    def verdict(
        criterion: Criterion, broken: np.ndarray, statistic: np.ndarray, limit: np.ndarray
    ) -> Verdict:
        """Return the verdict on one criterion, given for each row whether, and by how much, it is broken."""
        worst = int((statistic - limit).argmax()) if broken.any() else int(statistic.argmax())
        status: Status = "fails" if broken.any() else "holds_to" if noisy else "holds"
        first = _first(broken, rows) if broken.any() else worst
        witness = ""
        if broken.any():
            weights = ", ".join(f"{w:.6g}" for w in flat[first])
            witness = f"{monomial(rows[first])}: weights ({weights}), in total {total[first]:.6g}"
        figures = {"statistic": float(statistic[worst]), "tolerance": float(limit[worst])}
        return Verdict(status, criterion, witness=witness, **figures, **common)

    complete = verdict("complete", incomplete(snapped[:, None]), np.abs(total - 1), room)
    no_leak = verdict("no_leak", leaks(cleaned, inside), outside.max(1), slack.max(1))
    bare = uncovered(cleaned)
    unsure = bare & ((np.abs(flat) + slack).max(1) >= SMALLEST_NOISY_SHARE)
    covered: Status = "holds" if not bare.any() else "undecided" if (bare == unsure).all() else "fails"
    bare &= ~unsure
    witness = f"nobody gets anything of {monomial(rows[_first(bare, rows)])}" if bare.any() else ""
    parts = [Verdict(covered, "coverage", witness=witness, **common)]
    if level == "term":
        parts.append(_effects_covered(ratios, tolerance, kappas, complete, common))
    return (*parts, no_leak, complete)


def _first(broken: np.ndarray, rows: np.ndarray) -> int:
    """Return the broken row with the smallest order and support."""
    sizes = [(int(rows[k].sum()), int((rows[k] > 0).sum()), int(k)) for k in np.flatnonzero(broken)]
    return min(sizes)[2]


def _effects_covered(
    ratios: np.ndarray, tolerance: np.ndarray, kappas: np.ndarray, complete: Verdict, common: dict[str, Any]
) -> Verdict:
    """Whether some terms of one support add up to 1 while nobody gets anything, eq. (12)."""
    common = {**common, "level": "effect"}
    if complete.status != "fails":
        return Verdict(complete.status, "coverage", statement="follows from complete, eq. (11)", **common)
    for table, slack in zip(ratios, tolerance, strict=True):
        for support in np.unique(kappas > 0, axis=0):
            rows = np.flatnonzero(((kappas > 0) == support).all(axis=1))
            effects = _cancelling(table[rows], slack[rows])
            if effects:
                terms = " + ".join(f"{value:.6g}·{monomial(kappas[rows[r]])}" for r, value in effects.items())
                witness = f"{terms.replace('+ -', '− ')}: an effect of 1 of which nobody gets anything"
                return Verdict("fails", "coverage", witness=witness, **common)
    return Verdict("holds", "coverage", statement="no terms of one support cancel", **common)


def _cancelling(table: np.ndarray, slack: np.ndarray) -> dict[int, float]:
    """Return row -> effect, adding up to 1, of which nobody gets more than noise; empty where there are none.

    Ratios that are fractions with small denominators are taken as these, which gives the shortest sum.
    """
    near = np.array(
        [[Fraction(float(v)).limit_denominator(LARGEST_RATIO_DENOMINATOR) for v in row] for row in table]
    )
    if (np.abs(near.astype(float) - table) <= slack).all():
        return {row: float(value) for row, value in (cancelling(near) or {}).items()}
    system = np.concatenate([table, np.ones((len(table), 1))], axis=1).T
    wanted = np.append(np.zeros(table.shape[1]), 1.0)
    effects = np.linalg.lstsq(system, wanted, rcond=1e-9)[0]
    left = np.abs(system @ effects - wanted).max()
    cancel = left <= slack.max() * max(1.0, float(np.abs(effects).sum()))
    return {row: float(value) for row, value in enumerate(effects) if abs(value) > 1e-9} if cancel else {}
