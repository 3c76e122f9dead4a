"""Cautions about scores: gaps, standard errors, how they were computed."""

from __future__ import annotations

import torch

from taylorattr.attribution import Attribution
from taylorattr.html.cautions.caution import Caution, by_sentence
from taylorattr.html.cautions.computation import of_diagnostics
from taylorattr.html.numbers import amount, count, percent

GAP = 1e-3
"""Gap relative to Σ|scores| that needs no word."""

ADVICE = "Its criteria on paper say whether the method should have a gap."

DOUBT = 2.0
"""Standard errors below which a score's sign is not known."""


def of_attribution(attribution: Attribution) -> list[Caution]:
    """Return the cautions of one attribution."""
    about = attribution.method
    scores = attribution.player_scores
    bad = [e for e in range(attribution.batch) if not bool(torch.isfinite(scores[e]).all())]
    found = by_sentence(
        about,
        [(e, "Some scores are NaN or infinite.") for e in bad],
        attribution.batch,
        "Look for the input or the operation they come from.",
        grave=True,
    )
    gaps = [e for e in range(attribution.batch) if e not in bad and float(attribution.relative_gap[e]) > GAP]
    if gaps:
        several = tuple(gaps) if attribution.batch > 1 else ()
        found.append(Caution(about, _gap(attribution, gaps), ADVICE, False, several))
    if attribution.standard_errors is not None:
        unsure = (scores.abs() < DOUBT * attribution.standard_errors).sum(1).tolist()
        doubtful = [
            (e, f"{count(many, 'score')} of {attribution.n} lie within {DOUBT:.0f} standard errors of 0.")
            for e, many in enumerate(unsure)
            if many
        ]
        found += by_sentence(
            about, doubtful, attribution.batch, "Draw more samples before reading their signs."
        )
    return [*found, *of_diagnostics(about, attribution.diagnostics)]


def _gap(attribution: Attribution, examples: list[int]) -> str:
    """Say how far the scores are from f(x) − f(b) in the example where that is most of them."""
    worst = max(examples, key=lambda e: float(attribution.relative_gap[e]))
    gap, share = float(attribution.gap[worst]), float(attribution.relative_gap[worst])
    most = "up to " if len(examples) > 1 else ""
    words = f"the gap is {amount(gap)}, {most}{percent(share)} of Σ|scores|"
    if attribution.zero_baseline:
        kept = amount(float(attribution.conservation[worst]))
        return f"Scores do not add up to f(x) − f(0): {words}; from f(x) they are {kept} away."
    return f"Scores do not add up to f(x) − f(b): {words}."
