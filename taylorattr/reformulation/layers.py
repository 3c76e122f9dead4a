"""Back-propagation methods unit by unit, eq. (28), and the formal shares of the whole network, eq. (45)."""

from __future__ import annotations

from typing import Any

import torch

from taylorattr.allocation.formal import formal_allocation
from taylorattr.allocation.layerwise import OPTIONS, layerwise
from taylorattr.attribution import Attribution
from taylorattr.errors import CaptureError, MissingRuleError
from taylorattr.reformulation.gradient_methods import SAMPLING
from taylorattr.reformulation.request import Answer, Request

FORMAL = ("deeplift_rescale", "deeplift_reveal_cancel", "deep_shap")
"""Methods whose shares are power series of the inputs."""

FORMAL_PLAYERS = 6
"""Most players for which the formal shares of the whole network are computed beside the layers."""

UNITS = 4096
"""Units of the last place of Σ|scores| by which the chained layers and the method may differ."""


def through_layers(request: Request) -> Answer:
    """Return the chained allocations of all units, their tails, and where it is small the formal shares."""
    relevance = request.method not in FORMAL
    options = {name: value for name, value in request.options.items() if name in OPTIONS[request.method]}
    shared = {name: value for name, value in request.shared.items() if name != "internal_batch_size"}
    baselines = None if relevance else request.baselines
    found = layerwise(
        request.method, request.model, request.inputs, baselines, order=request.order, **shared, **options
    )
    direct = request.direct
    allocated = Attribution(
        player_scores=found.total,
        scores=None,
        method=request.method,
        frame=direct.frame,
        names=direct.names,
        f_input=direct.f_input,
        f_baseline=direct.f_baseline,
        zero_baseline=direct.zero_baseline,
        diagnostics={"order": request.order, "tail_share": found.tail_share.tolist()},
    )
    size = torch.finfo(torch.float64).eps * UNITS * direct.player_scores.abs().sum(1, keepdim=True)
    remarks = [
        f"the effects are those of each unit in its own inputs, up to order {request.order}; what the terms "
        "beyond give is known exactly and contained in the layer-by-layer scores"
    ]
    errors = {"rounding": size.expand_as(direct.player_scores)}
    if direct.standard_errors is not None:
        errors["sampling"] = SAMPLING * direct.standard_errors
    formal = None
    one = direct.batch == 1 and len(request.baselines[0]) == 1
    if not relevance and one and direct.n <= FORMAL_PLAYERS:
        formal, said = _formal(request, shared)
        remarks += said
    return Answer(allocated, context=(), errors=errors, remarks=tuple(remarks), layers=found, formal=formal)


def _formal(request: Request, shared: dict[str, Any]) -> tuple[Any, list[str]]:
    """Return A_i(κ) of the whole network with what to say about it, eq. (45) to (47)."""
    chosen = {"components": request.options["components"]} if "components" in request.options else {}
    try:
        formal = formal_allocation(
            request.method,  # pyright: ignore[reportArgumentType]
            request.model, request.inputs, request.baselines, order=request.order, **shared, **chosen,
        )  # fmt: skip
    except (MissingRuleError, CaptureError) as error:
        return None, [f"no formal shares of the whole network: {error}"]
    said = [
        "the realised ratios A_i(κ)/I(κ) belong to this network, not to its function: another network that "
        "computes the same may have others, eq. (46)"
    ]
    hidden = formal.without_ratio
    if hidden:
        said.append(
            f"{len(hidden)} terms cancel in the function and are shared all the same: no ratio exists, eq. "
            f"(47): {', '.join(map(str, hidden[:4]))}"
        )
    return formal, said
