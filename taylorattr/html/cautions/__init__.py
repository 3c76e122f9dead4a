"""Where the numbers of a result cannot be trusted, in sentences."""

from __future__ import annotations

from taylorattr.html.cautions.audits import of_audit
from taylorattr.html.cautions.caution import Caution
from taylorattr.html.cautions.effects import of_effects
from taylorattr.html.cautions.reformulations import of_reformulation
from taylorattr.html.cautions.scores import of_attribution, of_gaps
from taylorattr.html.given import Given

__all__ = ["Caution", "cautions"]


def cautions(given: Given) -> list[Caution]:
    """Return everything a reader must know before trusting the numbers, the gravest first."""
    found = [
        *(caution for source in given.sources for caution in of_effects(source)),
        *(caution for attribution in given.scores for caution in of_attribution(attribution)),
        *of_gaps(given.scores),
        *(caution for result in given.reformulations for caution in of_reformulation(result)),
        *(caution for report in given.audits for caution in of_audit(report)),
    ]
    distinct = list(dict.fromkeys(found))
    return sorted(distinct, key=lambda caution: not caution.grave)
