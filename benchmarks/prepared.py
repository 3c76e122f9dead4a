"""One call about one example: of the model itself, and of a prepared one, above what has to be computed."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

import taylorattr as ta
from benchmarks import networks
from benchmarks.contest import AboveFloor, Case, Contest

FLOOR = (
    "the same computation by hand, or the bare forwards; the peer column is the call about the model itself"
)


def gradient(network: nn.Module, x: Tensor) -> Tensor:
    """Return ∇f of the rows."""
    rows = x.detach().requires_grad_()
    return torch.autograd.grad(network(rows).sum(), rows)[0]


def contest(
    ask: Callable[..., Any], floor: Callable[[nn.Module, Tensor], Any], dtype: torch.dtype = torch.float32
) -> Contest:
    """Return the contest of a call about a prepared model with the call about the model itself."""
    network, x = networks.mlp((16, 256, 256)).to(dtype), networks.seeded(1, 16).to(dtype)
    prepared = ta.prepare(network, like=x)
    return Contest(
        ours=partial(ask, prepared, x),
        floor=partial(floor, network, x),
        peers={"first call": partial(ask, network, x)},
    )


def _attribute(method: str) -> Callable[..., Any]:
    return lambda model, x: ta.attribute(method, model, x)


def _several_gradients(network: nn.Module, x: Tensor) -> Tensor:
    return gradient(network, x.expand(16, -1))


def _forwards(network: nn.Module, x: Tensor) -> Tensor:
    with torch.no_grad():
        return network(x.double().expand(256, -1))


def _jets(network: nn.Module, x: Tensor) -> Tensor:
    with torch.no_grad():
        return network(x.expand(153, -1))  # C(18, 2) coefficients up to order 2 carry those of order 3


GOAL = (AboveFloor(2),)
COALITIONS = [[i, i + 8] for i in range(8)]


def _case(item: str, ask: Callable[..., Any], floor: Callable[..., Any], dtype: torch.dtype) -> Case:
    return Case(item, partial(contest, ask, floor, dtype), GOAL, quick=True, floor=FLOOR)


CASES = (
    _case("gradient × input", _attribute("gradient_x_input"), gradient, torch.float32),
    _case("LRP-ε", _attribute("lrp_epsilon"), gradient, torch.float32),
    _case("Rescale", _attribute("deeplift_rescale"), gradient, torch.float32),
    _case("Integrated Gradients", _attribute("integrated_gradients"), _several_gradients, torch.float32),
    _case("decompose, K=3, n=16", partial(ta.decompose, order=3), _jets, torch.float64),
    _case("harsanyi, 8 players", partial(ta.harsanyi, players=COALITIONS), _forwards, torch.float64),
)
