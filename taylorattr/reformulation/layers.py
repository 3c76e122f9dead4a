"""Back-propagation methods unit by unit, eq. (28), and the formal shares of the whole network, eq. (45)."""

from __future__ import annotations

from typing import Any

import torch

from taylorattr.allocation.layerwise.chain import WITH_RATIOS, chained
from taylorattr.allocation.layerwise.formal import FormalAllocation, formal_shares
from taylorattr.analysis.question import Question
from taylorattr.attribution import Attribution
from taylorattr.errors import BudgetError, CaptureError, MissingRuleError, OptionError
from taylorattr.reformulation.answer import ERRORS_ALLOWED, Answer, MethodRequest

FORMAL_PLAYERS = 6
"""Most players for which the formal shares of the whole network are computed beside the layers."""

SILENT = ("balance", "orders", "tol", "max_rule")
"""Options of the methods that change no ratio: reports, sampling; maxima have a ratio of their own."""

UNITS = 4096
"""Units of the last place of Σ|scores| by which the chained layers and the method may differ."""


def through_layers(request: MethodRequest) -> Answer:
    """Return the chained allocations of all units, their tails, and where it is small the formal shares.

    Raises:
        OptionError: An option of the method that the ratios of the units do not know, or several references
            for a method with one baseline.
    """
    if len(request.starts) > 1 and not request.entry.references:
        raise OptionError(
            f"{request.entry.name} is chained from one baseline at a time: pass each reference as baselines, "
            "or use deep_shap, which is Rescale averaged over references"
        )
    questions = [request.against(start) for start in request.starts]
    layers = chained(request.entry.name, questions, request.order, _options(request))
    direct = request.direct
    allocated = Attribution(
        player_scores=layers.total,
        scores=None,
        method=request.entry.name,
        frame=direct.frame,
        names=direct.names,
        f_input=direct.f_input,
        f_baseline=direct.f_baseline,
        zero_baseline=direct.zero_baseline,
        diagnostics={"order": request.order, "tail_share": layers.tail_share.tolist()},
    )
    size = torch.finfo(torch.float64).eps * UNITS * direct.player_scores.abs().sum(1, keepdim=True)
    remarks = [
        f"effects are those of each unit in its own inputs, up to order {request.order}; what the terms "
        f"beyond give is known exactly and included, {float(layers.tail_share.max()):.1e} of the scores"
    ]
    errors = {"rounding": size.expand_as(direct.player_scores)}
    if direct.standard_errors is not None:
        errors["sampling"] = ERRORS_ALLOWED * direct.standard_errors
        remarks.append(f"the method samples orders: {ERRORS_ALLOWED:g} of its standard errors are allowed")
    formal, why = _formal(request, questions)
    return Answer(allocated, errors=errors, remarks=(*remarks, *why), layers=layers, formal=formal)


def _options(request: MethodRequest) -> dict[str, Any]:
    """Return the options as the chained ratios take them.

    Raises:
        OptionError: If an option without ratios is not at its default.
    """
    known, defaults = WITH_RATIOS[request.entry.name], request.entry.options
    for name, value in request.options.items():
        if name in known or name in SILENT or value is defaults[name] or value == defaults[name]:
            continue
        raise OptionError(
            f"{request.entry.name} with {name}={value!r} has no ratios of units here; options with ratios: "
            f"{', '.join(known) or 'none'}. The method itself is ta.attribute"
        )
    return {name: request.options[name] for name in known}


def _formal(request: MethodRequest, questions: list[Question]) -> tuple[FormalAllocation | None, list[str]]:
    """Return A_i(κ) of the whole network with what to say about it, eq. (45) to (47)."""
    direct = request.direct
    if request.entry.zero_baseline:  # its shares are quotients of activations, no power series of the inputs
        return None, [
            "no formal shares of the whole network: this method's shares are no power series of the inputs, "
            "eq. (48)"
        ]
    if direct.n > FORMAL_PLAYERS or direct.batch > 1 or len(questions) > 1:
        return None, [
            "formal shares A_i(κ) of the whole network, eq. (45), come with one example, one baseline and at "
            f"most {FORMAL_PLAYERS} players"
        ]
    if request.options.get("bookkeeping", "parts") != "parts":
        return None, ["formal shares of the whole network are known for bookkeeping='parts' only"]
    try:
        components = request.options.get("components", "linear_activation")
        formal = formal_shares(request.entry.name, questions[0], request.order, components)  # pyright: ignore[reportArgumentType]
    except (MissingRuleError, CaptureError, BudgetError) as error:
        return None, [f"no formal shares of the whole network: {error}"]
    remarks = [
        "the realised ratios A_i(κ)/I(κ) belong to this network, not to its function: another network that "
        "computes the same may have others, eq. (46)"
    ]
    hidden = formal.without_ratio
    if hidden:
        remarks.append(
            f"{len(hidden)} terms cancel in the function and are shared all the same: no ratio exists, eq. "
            f"(47): {', '.join(map(str, hidden[:4]))}"
        )
    return formal, remarks
