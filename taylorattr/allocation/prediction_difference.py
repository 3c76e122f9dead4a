"""Prediction Difference: Occlusion-1 for every reference, then the mean.

a_i = f(x) − E f(x with player i replaced): Robnik-Šikonja & Kononenko (2008), Zintgraf et al. (2017);
docs/theory.md eq. (26). The form in log-odds is not an allocation.
"""

from __future__ import annotations

from taylorattr.allocation.rule import RULES, AllocationRule, Domain
from taylorattr.allocation.symbols import Indicator, i, kappa

PREDICTION_DIFFERENCE = RULES.add(
    AllocationRule(
        name="prediction_difference",
        symbolic=Indicator(kappa[i] > 0),
        kind="S",
        frame="baseline",
        granularity="support",
        domain=Domain("every function, where the output itself is averaged (not its log-odds)"),
        source="eq. (26); Robnik-Šikonja & Kononenko (2008), Zintgraf et al. (2017)",
        proof="prediction_difference",
        per_reference=True,
    )
)
