"""DeepLIFT Rescale on one unit σ(z): κ_i/m, the ratio of Integrated Gradients.

C_i = u_i Δy/Δz is Euler's identity term by term: Shrikumar et al. (2017), arXiv 1704.02685, §3.5.1;
docs/theory.md eq. (39), (40).
"""

from __future__ import annotations

from taylorattr.allocation.rule import RULES, AllocationRule, Domain
from taylorattr.allocation.symbols import i, kappa, m

DEPTH = (
    "one hidden layer with a linear readout: the same ratio for the whole network, eq. (44). Deeper: formal "
    "shares A_i(κ) with Σ_i A_i(κ) = I(κ), realised by the network and no property of its function, "
    "eq. (45) to (47)"
)

DEEPLIFT_RESCALE = RULES.add(
    AllocationRule(
        name="deeplift_rescale",
        symbolic=kappa[i] / m,
        kind="U",
        frame="both",
        granularity="term",
        domain=Domain("one unit of an analytic σ; of any other σ it is integrated gradients", series=True),
        source="eq. (39), T5; Shrikumar et al. (2017)",
        proof="deeplift_rescale",
        scope="unit",
        depth=DEPTH,
    )
)
