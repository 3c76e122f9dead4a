"""Why criteria fail and where they hold, in as few sentences as say it."""

from __future__ import annotations

from collections.abc import Sequence

from taylorattr.criteria.verdict import Criterion, Verdict

NAMES: dict[tuple[Criterion, str], str] = {
    ("coverage", "term"): "C1 terms",
    ("coverage", "effect"): "C1 effects",
    ("no_leak", "term"): "C2",
    ("complete", "term"): "C3",
}
"""Criterion and level -> its column."""


def remarks(verdicts: Sequence[Verdict]) -> list[str]:
    """Return a sentence for each failure, and one for each condition.

    An effect that is one term needs no witness beside that of the term.

    Args:
        verdicts: Those of one frame.
    """
    lost = any(v.status == "fails" and (v.criterion, v.level) == ("coverage", "term") for v in verdicts)
    failures = [
        f"{NAMES[v.criterion, v.level]}: {v.witness}"
        + (f" (kept where {v.condition})" if v.condition else "")
        for v in verdicts
        if v.status == "fails" and not (lost and v.level == "effect")
    ]
    conditions: dict[str, list[str]] = {}
    for verdict in verdicts:
        if verdict.status == "conditional":
            conditions.setdefault(verdict.condition, []).append(NAMES[verdict.criterion, verdict.level])
    kept = [f"{', '.join(names)} where {condition}" for condition, names in conditions.items()]
    return [*failures, *kept]
