"""Relevance has the size of what it shares out, or a warning says that it has not.

LRP through recurrent nets and RevealCancel through powers can grow without bound; and one function gets
scores of one size, however it is written.
"""

import math
import warnings
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import taylorattr as ta
from taylorattr.errors import PrecisionWarning

LARGEST = 100.0
"""Σ|scores| over what is shared out, up to which nothing needs to be said."""


class Recurrent(nn.Module):
    def __init__(self, kind: str, gain: float, layers: int) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.body = getattr(nn, kind)(6, 12, layers, batch_first=True)
        self.head = nn.Linear(12, 1)
        for parameter in self.body.parameters():
            parameter.data.mul_(gain)
        self.double().eval()

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.body(x)[0][:, -1])


def said(call: Callable[[], ta.Attribution]) -> tuple[ta.Attribution, bool]:
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        result = call()
    return result, any(issubclass(w.category, PrecisionWarning) for w in found)


def require_size(result: ta.Attribution, warned: bool, shared: Tensor) -> None:
    size = result.player_scores.abs().sum(1)
    blown = size > LARGEST * shared.abs().clamp_min(1e-12)
    off = (result.player_scores.sum(1) - shared).abs() > 0.01 * shared.abs().clamp_min(1e-12)
    if result.method.startswith(("lrp", "deep_taylor")):
        off = torch.zeros_like(off)  # biases and ε keep a part, which is another law
    assert warned or not bool((blown | off).any()), (
        f"Σ|scores| is {size.tolist()} of {shared.tolist()}, without a word"
    )


@pytest.mark.parametrize(
    "method", ["lrp_epsilon", "lrp_alpha_beta", "deep_taylor", "deeplift_rescale", "deeplift_reveal_cancel"]
)
@pytest.mark.parametrize("gain", [1.0, 3.0])
@pytest.mark.parametrize("kind", ["LSTM", "GRU", "RNN"])
def test_relevance_through_recurrent_nets_is_bounded_or_said(kind: str, gain: float, method: str) -> None:
    model = Recurrent(kind, gain, 2)
    x = torch.rand(1, 15, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    result, warned = said(lambda: ta.attribute(method, model, x, target=0, players=ta.Players.tokens(x)))
    shared = model(x)[:, 0].detach()
    require_size(
        result, warned, shared - model(x * 0)[:, 0].detach() if method.startswith("deeplift") else shared
    )


CUBES: dict[str, Callable[[Tensor], Tensor]] = {
    "h**3": lambda h: h**3,
    "h*h*h": lambda h: h * h * h,
    "h.pow(3)": lambda h: h.pow(3.0),
    "h.square()*h": lambda h: h.square() * h,
}


def new_gelu(cube: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    return lambda h: 0.5 * h * (1 + torch.tanh(math.sqrt(2 / math.pi) * (h + 0.044715 * cube(h))))


SPELLINGS: dict[str, dict[str, Callable[[Tensor], Tensor]]] = {
    "gelu": {
        "F.gelu, tanh": lambda h: F.gelu(h, approximate="tanh"),
        **{n: new_gelu(c) for n, c in CUBES.items()},
    },
    "cube": CUBES,
    "square": {
        "h*h": lambda h: h * h,
        "h**2": lambda h: h**2,
        "square": torch.square,
        "abs squared": lambda h: h.abs() ** 2,
    },
    "silu": {
        "F.silu": F.silu,
        "h*sigmoid(h)": lambda h: h * torch.sigmoid(h),
        "h/(1+e^-h)": lambda h: h / (1 + torch.exp(-h)),
    },
    "softplus": {
        "F.softplus": F.softplus,
        "log1p(exp)": lambda h: torch.log1p(torch.exp(h)),
        "logsumexp": lambda h: torch.logaddexp(h, torch.zeros_like(h)),
    },
    "relu": {
        "F.relu": F.relu,
        "clamp": lambda h: h.clamp(min=0),
        "maximum": lambda h: torch.maximum(h, torch.zeros_like(h)),
        "half of h+|h|": lambda h: (h + h.abs()) / 2,
        "mask": lambda h: h * (h > 0),
    },
    "tanh": {"tanh": torch.tanh, "2σ(2h)−1": lambda h: 2 * torch.sigmoid(2 * h) - 1},
    "root": {
        "sqrt": lambda h: (h * h + 1).sqrt(),
        "pow": lambda h: (h * h + 1) ** 0.5,
        "over rsqrt": lambda h: (h * h + 1) * torch.rsqrt(h * h + 1),
    },
    "norm": {
        "F.layer_norm": lambda h: F.layer_norm(h, h.shape[-1:]),
        "written out": lambda h: (
            (h - h.mean(-1, keepdim=True)) / (h.var(-1, keepdim=True, correction=0) + 1e-5).sqrt()
        ),
    },
    "softmax": {
        "softmax": lambda h: torch.softmax(h, -1),
        "written out": lambda h: torch.exp(h) / torch.exp(h).sum(-1, keepdim=True),
    },
}
"""Function -> its spellings, the operation of torch first."""


class Block(nn.Module):
    """Two residual blocks with LayerNorm around a function."""

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.norms = nn.ModuleList(nn.LayerNorm(8) for _ in range(2))
        self.up = nn.ModuleList(nn.Linear(8, 12) for _ in range(2))
        self.down = nn.ModuleList(nn.Linear(12, 8) for _ in range(2))
        self.head, self.function = nn.Linear(8, 1), function
        for parameter in self.parameters():
            if parameter.ndim > 1:
                parameter.data.mul_(2)
        self.double().eval()

    def forward(self, x: Tensor) -> Tensor:
        for norm, up, down in zip(self.norms, self.up, self.down, strict=True):
            x = x + down(self.function(up(norm(x))))
        return self.head(x)


METHODS: list[tuple[str, dict[str, Any]]] = [
    ("deeplift_rescale", {}),
    ("deeplift_reveal_cancel", {"bookkeeping": "variables"}),
    ("deeplift_reveal_cancel", {"bookkeeping": "parts"}),
    ("lrp_epsilon", {}),
]


@pytest.mark.parametrize("method", METHODS, ids=lambda m: f"{m[0]}{m[1] or ''}")
@pytest.mark.parametrize("function", SPELLINGS)
def test_spellings_of_a_function_get_scores_of_one_size(
    function: str, method: tuple[str, dict[str, Any]]
) -> None:
    name, options = method
    generator = torch.Generator().manual_seed(1)
    x, b = (torch.randn(1, 8, dtype=torch.float64, generator=generator) for _ in range(2))
    sizes = {}
    for spelling, written in SPELLINGS[function].items():
        start = None if name == "lrp_epsilon" else b
        result, warned = said(
            lambda w=written, s=start: ta.attribute(name, Block(w), x, s, target=0, **options)
        )
        if not warned:
            sizes[spelling] = float(result.player_scores.abs().sum())
    assert not sizes or max(sizes.values()) <= 20 * min(sizes.values()), f"Σ|scores| by spelling: {sizes}"


@pytest.mark.parametrize("bookkeeping", ["variables", "parts"])
@pytest.mark.parametrize("cube", CUBES)
def test_reveal_cancel_of_powers_is_bounded_or_said(cube: str, bookkeeping: str) -> None:
    for function in (new_gelu(CUBES[cube]), CUBES[cube]):
        x = torch.randn(1, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
        result, warned = said(
            lambda f=function, x=x: ta.attribute(
                "deeplift_reveal_cancel", Block(f), x, -x.flip(1), target=0, bookkeeping=bookkeeping
            )
        )
        require_size(result, warned, result.delta)


@pytest.mark.parametrize("bookkeeping", ["variables", "parts"])
def test_reveal_cancel_of_a_cube_needs_no_warning_and_has_one_size(bookkeeping: str) -> None:
    x, b = torch.randn(2, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(1)).split(1)
    sizes = []
    for cube in CUBES.values():
        result, _ = said(
            lambda c=cube: ta.attribute(
                "deeplift_reveal_cancel", Block(new_gelu(c)), x, b, target=0, bookkeeping=bookkeeping
            )
        )
        sizes.append(float(result.player_scores.abs().sum() / result.delta.abs()))
    assert max(sizes) <= 20 * min(sizes) and max(sizes) <= 1e3


# ------------------------------------------------------------------------------------- gates and signals


class Gated(nn.Module):
    """signal(x)·gate(y): two inputs, one of which only opens and closes."""

    def __init__(self, gate: Callable[[Tensor], Tensor], swapped: bool = False) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.signal, self.opener, self.head = nn.Linear(3, 4), nn.Linear(2, 4), nn.Linear(4, 1, bias=False)
        self.gate, self.swapped = gate, swapped
        self.double().eval()

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        signal, gate = torch.tanh(self.signal(x)), self.gate(self.opener(y))
        return self.head(gate * signal if self.swapped else signal * gate)


GATES: dict[str, Callable[[Tensor], Tensor]] = {
    "sigmoid": torch.sigmoid,
    "1 − sigmoid": lambda h: 1 - torch.sigmoid(h),
    "hardsigmoid": F.hardsigmoid,
    "a slice of a sigmoid": lambda h: torch.sigmoid(torch.cat([h, h], 1))[:, 4:],
    "scaled": lambda h: 0.5 * torch.sigmoid(h),
}


@pytest.mark.parametrize("swapped", [False, True])
@pytest.mark.parametrize("gate", GATES)
def test_the_signal_takes_all_and_the_gate_nothing(gate: str, swapped: bool) -> None:
    """Arras et al. (2017), arXiv 1706.07206, and (2019), arXiv 1909.12114: the default for gates."""
    model = Gated(GATES[gate], swapped)
    x, y = torch.randn(2, 3, dtype=torch.float64), torch.randn(2, 2, dtype=torch.float64)
    result, _ = said(lambda: ta.attribute("lrp_epsilon", model, (x, y), target=0, epsilon=0.0))
    signal, opened = result.scores
    assert float(opened.abs().max()) == 0.0
    bias = model.signal.bias
    alone = (model.signal(x) - bias) / model.signal(x)  # what the layer's bias leaves of each unit
    terms = torch.tanh(model.signal(x)) * model.gate(model.opener(y)) * model.head.weight
    assert torch.allclose(signal.sum(1), (terms * alone).sum(1), atol=1e-9)


def test_two_signals_share_their_product() -> None:
    result, _ = said(
        lambda: ta.attribute(
            "lrp_epsilon", lambda x: x[:, 0] * x[:, 1], torch.tensor([[2.0, 3.0]]), epsilon=0.0
        )
    )
    assert result.player_scores.tolist() == [[3.0, 3.0]]


def test_half_each_is_still_to_be_had() -> None:
    model = Gated(torch.sigmoid)
    x, y = torch.randn(2, 3, dtype=torch.float64), torch.randn(2, 2, dtype=torch.float64)
    result, _ = said(lambda: ta.attribute("lrp_epsilon", model, (x, y), target=0, products="half"))
    assert float(result.scores[1].abs().max()) > 0 and result.diagnostics["products"] == "half"
    with pytest.raises(ta.errors.OptionError, match="expected 'gate' or 'half'"):
        ta.attribute("deep_taylor", model, (x, y), target=0, products="third")


def test_a_gated_linear_unit_is_the_product_it_is_made_of() -> None:
    x = torch.randn(2, 6, dtype=torch.float64)
    one, two = (
        ta.attribute("lrp_epsilon", f, x, epsilon=0.0).player_scores
        for f in (
            lambda x: F.glu(x, 1).sum(1),
            lambda x: (x.chunk(2, 1)[0] * torch.sigmoid(x.chunk(2, 1)[1])).sum(1),
        )
    )
    assert torch.allclose(one, two, atol=1e-12) and float(one[:, 3:].abs().max()) == 0
