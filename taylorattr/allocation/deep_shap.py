"""Deep SHAP on one component: an interaction of s inputs is shared equally, 1/s; averaged over references.

The component decides: a whole neuron gives 1/s, a linear map followed by a one-input activation gives κ_i/m,
which is Rescale. A maximum as a component is shared by sorted increments, which are 1/s of its coalition
effects. Lundberg & Lee (2017), §4.2; docs/theory.md eq. (43).
"""

from __future__ import annotations

from taylorattr.allocation.deeplift_rescale import DEPTH
from taylorattr.allocation.rule import RULES, AllocationRule, Domain
from taylorattr.allocation.symbols import Indicator, i, kappa, m, s

DEEP_SHAP = RULES.add(
    AllocationRule(
        name="deep_shap",
        symbolic=Indicator(kappa[i] > 0) / s,
        kind="S",
        frame="both",
        granularity="support",
        domain=Domain("one component, a neuron of any σ or a maximum"),
        source="eq. (43), T3; Lundberg & Lee (2017)",
        proof="deep_shap",
        scope="unit",
        per_reference=True,
        depth=(
            "one hidden layer of neurons with a linear readout: Shapley of the whole network, eq. (44). "
            "Deeper: formal shares A_i(κ), eq. (45) to (47)"
        ),
    )
)

LINEAR_ACTIVATION = RULES.add(
    AllocationRule(
        name="deep_shap/linear_activation",
        symbolic=kappa[i] / m,
        kind="U",
        frame="both",
        granularity="term",
        domain=Domain("one unit of an analytic σ, its sum and its activation two components", series=True),
        source="eq. (43)",
        proof="deep_shap",
        scope="unit",
        per_reference=True,
        depth=DEPTH,
    )
)
