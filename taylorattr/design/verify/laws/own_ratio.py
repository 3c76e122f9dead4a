"""A probe reads off the attributor's answers the ratio that the rule was made with."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from torch import Tensor, nn

from taylorattr.aliases import MultiIndex
from taylorattr.criteria.probe.probe import probe
from taylorattr.design.verify.law import Broken, Kept, NotApplicable, Outcome, law
from taylorattr.design.verify.subject import Subject
from taylorattr.maths.frames import other_frame_ratio

MOST = 5
"""Players up to which all monomials are asked about."""

FEW = 2
"""Players that are enough where the rule takes any number."""

READ = 1e-6
"""Difference of a ratio that is rounding or fine quadrature."""


@law("probe", "ta.probe reads the rule's own ratio off its attributor, monomial by monomial")
def own_ratio(subject: Subject) -> Outcome:
    """Probe the attributor as a black box."""
    if subject.obstacle or not subject.to_players:
        return NotApplicable(subject.obstacle or "coalitions receive, not players")
    if subject.n > MOST:
        return NotApplicable(f"{subject.n} players have too many monomials")
    order = min(3, subject.order)

    def black_box(f: nn.Module, x: Tensor, b: Tensor) -> Tensor:
        return subject.attribute(f, x, b, order=subject.order).player_scores[0]

    found = probe(black_box, FEW if subject.free else subject.n, order, seed=subject.seed)
    wrong = []
    for row, kappa in enumerate(map(tuple, found.multi_indices.tolist())):
        expected = np.array([float(w) for w in _seen_from_baseline(subject, kappa)])
        off = np.abs(found.ratios[:, row].numpy() - expected).max()
        if off > READ * max(1.0, np.abs(expected).max()):
            wrong.append((sum(kappa), kappa, found.ratios[0, row].tolist(), expected.tolist()))
    if not len(found.ratios):
        return Broken("the attributor took no monomials: " + "; ".join(found.evidence))
    if wrong:
        _, kappa, read, expected = min(wrong)
        return Broken(
            f"the probe reads {np.round(read, 6).tolist()} and the ratio is {expected}", f"κ = {kappa}"
        )
    return Kept(f"{len(found.multi_indices)} monomials in {len(found.ratios)} settings")


def _seen_from_baseline(subject: Subject, kappa: MultiIndex) -> list[Fraction]:
    def ratio(term: MultiIndex) -> np.ndarray:
        return np.array(subject.ratio(term), dtype=object)

    return list(ratio(kappa) if subject.frame == "baseline" else other_frame_ratio(ratio)(kappa))
