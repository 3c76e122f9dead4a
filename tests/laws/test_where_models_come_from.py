"""Models as they come: compiled, frozen, with hooks, closures, modes, reached in more than one way.

An analysis runs a private copy of the model, whatever holds it, under whatever mode the user is in.
"""

import functools
import warnings
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import taylorattr as ta
from taylorattr.errors import OptionError, TaylorAttrError

torch.manual_seed(0)
NET = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2)).double().eval()
X = torch.tensor([[0.5, -1.0, 0.7], [1.2, 0.3, -0.4]], dtype=torch.float64)

CALLS: dict[str, Callable[[Any], Tensor]] = {
    "hessian": lambda f: ta.hessian(f, X, target=0),
    "hessian of players": lambda f: ta.hessian(f, X, target=0, players=[[0, 1], [2]]),
    "hvp": lambda f: ta.hvp(f, X, torch.ones_like(X), target=0),
    "integrated_hessians": lambda f: ta.integrated_hessians(f, X, target=0).values,
    "decompose": lambda f: ta.decompose(f, X, target=0, order=2).values,
    "harsanyi": lambda f: ta.harsanyi(f, X, target=0).values,
    **{
        name: lambda f, name=name: ta.attribute(name, f, X, target=0).player_scores
        for name in (
            "gradient_x_input",
            "integrated_gradients",
            "smooth_grad",
            "lrp_epsilon",
            "deeplift_rescale",
            "shapley",
        )
    },
}


def quiet(call: Callable[[], Any]) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return call()


@pytest.mark.parametrize("mode", [torch.inference_mode, torch.no_grad])
@pytest.mark.parametrize("call", CALLS)
def test_a_mode_of_the_caller_changes_nothing(call: str, mode: Any) -> None:
    expected = quiet(lambda: CALLS[call](NET))
    with mode():
        found = quiet(lambda: CALLS[call](NET))
    assert torch.allclose(found, expected)


def inside_inference_mode(z: Tensor) -> Tensor:
    with torch.inference_mode():
        return NET(z)


SOURCES: dict[str, Callable[[], Any]] = {
    "scripted": lambda: torch.jit.script(NET),
    "traced": lambda: torch.jit.trace(NET, X),
    "frozen": lambda: torch.jit.freeze(torch.jit.script(NET)),
    "frozen and optimised": lambda: torch.jit.optimize_for_inference(torch.jit.script(NET)),
    "runs in inference mode": lambda: inside_inference_mode,
    "runs without gradients": lambda: torch.no_grad()(NET.forward),
    "a bound method": lambda: NET.forward,
    "a partial": lambda: functools.partial(lambda z, net: net(z), net=NET),
    "an object": lambda: type(
        "Holder", (), {"__init__": lambda s: setattr(s, "net", NET), "__call__": lambda s, z: s.net(z)}
    )(),
}


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("source", SOURCES)
def test_a_model_from_anywhere_is_answered_or_refused_in_words(source: str, call: str) -> None:
    try:
        found = quiet(lambda: CALLS[call](SOURCES[source]()))
    except TaylorAttrError:
        assert source not in ("scripted", "traced", "a bound method", "a partial", "an object")
        return
    assert torch.allclose(found, quiet(lambda: CALLS[call](NET)), rtol=1e-4, atol=1e-6)


# ------------------------------------------------------------------------ one module, reached in two ways

LAYER = NET[0]


def hidden(model: nn.Module, layer: nn.Module, z: Tensor) -> Tensor:
    """A unit of a layer, by a hook that is set and removed."""
    kept: list[Tensor] = []
    handle = layer.register_forward_hook(lambda m, i, o: kept.append(o))
    model(z)
    handle.remove()
    return kept[0][:, 1]


def of_globals(z: Tensor) -> Tensor:
    return hidden(NET, LAYER, z)


def of_defaults(z: Tensor, model: nn.Module = NET, layer: nn.Module = LAYER) -> Tensor:
    return hidden(model, layer, z)


def of_closure(layer: nn.Module, model: nn.Module) -> Callable[[Tensor], Tensor]:
    return lambda z: hidden(model, layer, z)


class Holder:
    def __init__(self, layer: nn.Module, model: nn.Module) -> None:
        self.layer, self.model = layer, model

    def __call__(self, z: Tensor) -> Tensor:
        return hidden(self.model, self.layer, z)


def stored() -> Callable[[Tensor], Tensor]:
    """A hook that was set before, and a store that both read."""
    net = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2)).double().eval()
    net.load_state_dict(NET.state_dict())
    store: dict[str, Tensor] = {}
    net[0].register_forward_hook(lambda m, i, o: store.__setitem__("h", o))
    net(X[:1])

    def of_store(z: Tensor) -> Tensor:
        net(z)
        return store["h"][:, 1]

    return of_store


TWICE: dict[str, Callable[[], Callable[[Tensor], Tensor]]] = {
    "globals": lambda: of_globals,
    "defaults": lambda: of_defaults,
    "closure": lambda: of_closure(LAYER, NET),
    "object, the layer first": lambda: Holder(LAYER, NET),
    "partial": lambda: functools.partial(hidden, NET, LAYER),
    "lists": lambda: (lambda both: lambda z: hidden(both[1], both[0], z))([LAYER, NET]),
    "a hook set before": stored,
}


@pytest.mark.parametrize("method", ["gradient_x_input", "shapley", "integrated_gradients"])
@pytest.mark.parametrize("holder", TWICE)
def test_a_layer_and_its_model_are_copied_together(holder: str, method: str) -> None:
    expected = quiet(lambda: ta.attribute(method, lambda z: LAYER(z)[:, 1], X).player_scores)
    found = quiet(lambda: ta.attribute(method, TWICE[holder](), X).player_scores)
    assert torch.allclose(found, expected)


# ------------------------------------------------------------------------------------- what is said


def test_the_evidence_of_asymmetry_shows_two_cases() -> None:
    tree = [0, 0, 1, 2, 2, 2]

    def by_branch(S: tuple[int, ...]) -> list[float]:
        return [1 / len({tree[j] for j in S}) / sum(tree[j] == tree[i] for j in S) for i in S]

    with pytest.raises(OptionError) as caught:
        ta.design.rule("by_branch", by_branch)
    first, second = str(caught.value).split(": ", 1)[1].split(";")[0].split(" and ")
    assert first.strip() != second.strip()
