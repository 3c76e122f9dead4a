"""Cautions about scores: gaps, standard errors, how they were computed."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from taylorattr.attribution import Attribution
from taylorattr.html.cautions.caution import Caution, by_sentence
from taylorattr.html.cautions.computation import of_diagnostics
from taylorattr.html.numbers import amount, count, percent

GAP = 1e-3
"""Gap relative to Σ|scores| that needs no word."""

ADVICE = "The criteria on paper say which methods should have a gap."

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


def of_gaps(attributions: Sequence[Attribution]) -> list[Caution]:
    """Return one caution that lists all scores which do not add up to f(x) − f(b)."""
    said = [_gap(attribution) for attribution in attributions]
    listed = "; ".join(dict.fromkeys(words for words in said if words))
    if not listed:
        return []
    return [Caution("scores with a gap", f"These do not add up to f(x) − f(b): {listed}.", ADVICE)]


def _gap(attribution: Attribution) -> str:
    """Return the gap of the example where it is most of the scores, "" where there is none."""
    shares = attribution.relative_gap.nan_to_num(nan=0.0, posinf=float("inf"))
    if not len(shares) or float(shares.max()) <= GAP:
        return ""
    worst = int(shares.argmax())
    of = f"{percent(float(shares[worst]))} of Σ|scores|"
    if float(shares[worst]) == float("inf"):
        of = "all scores are 0"
    where = f" in example {worst}" if attribution.batch > 1 else ""
    words = f"{attribution.method}, gap {amount(float(attribution.gap[worst]))}{where} ({of}"
    if attribution.zero_baseline:
        words += f"; {amount(float(attribution.conservation[worst]))} from f(x)"
    return f"{words})"
