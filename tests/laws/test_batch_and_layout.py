"""An example's scores depend on the example alone: not on its batch, the memory layout, or how torch spells a
layer.

torch runs one ``nn.Linear`` as ``addmm`` or as ``mm`` and ``add``, by the strides of its input; recurrent
layers and attention meet both, by the size of the batch. A layer is the same layer in each of them.
"""

import warnings
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import taylorattr as ta

EXAMPLES = 3


class Net(nn.Module):
    """A body, then one number per row."""

    def __init__(self, body: Callable[..., Tensor], *layers: nn.Module, width: int) -> None:
        super().__init__()
        self.body, self.layers, self.head = body, nn.ModuleList(layers), nn.Linear(width, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.body(x, *self.layers).flatten(1))


def made(body: Callable[..., Tensor], *layers: nn.Module, width: int) -> nn.Module:
    """A network in float64 whose biases are not 0, as they are in trained ones."""
    net = Net(body, *layers, width=width).double().eval()
    for parameter in net.parameters():
        if parameter.ndim == 1:
            nn.init.normal_(parameter)
    return net


def convnext(x: Tensor, conv: nn.Module, norm: nn.Module, up: nn.Module, down: nn.Module) -> Tensor:
    return down(F.gelu(up(norm(conv(x).permute(0, 2, 3, 1))))).permute(0, 3, 1, 2)


def relu_of(x: Tensor, layer: nn.Module) -> Tensor:
    return layer(x).relu()


def sequence(x: Tensor, layer: nn.Module) -> Tensor:
    return layer(x)[0]


def attended(x: Tensor, layer: nn.Module) -> Tensor:
    return layer(x, x, x, need_weights=False)[0].relu()


def cells(x: Tensor, cell: nn.Module) -> Tensor:
    return cell(x[:, 2], cell(x[:, 1], cell(x[:, 0])))[0]


NETS: dict[str, tuple[tuple[int, ...], Callable[[], nn.Module]]] = {
    "linear, 2-d": ((4,), lambda: made(relu_of, nn.Linear(4, 5), width=5)),
    "linear, 3-d": ((3, 4), lambda: made(relu_of, nn.Linear(4, 5), width=15)),
    "linear, 3-d transposed": ((4, 3), lambda: made(lambda x, f: f(x.mT).relu(), nn.Linear(4, 5), width=15)),
    "linear, time first": (
        (3, 4),
        lambda: made(lambda x, f: f(x.transpose(0, 1)).relu().transpose(0, 1), nn.Linear(4, 5), width=15),
    ),
    "linear, 4-d": (
        (4, 2, 3),
        lambda: made(lambda x, f: f(x.permute(0, 2, 3, 1)).relu(), nn.Linear(4, 5), width=30),
    ),
    "convolution, batch norm, pool": (
        (2, 5, 5),
        lambda: made(
            lambda x, c, n: F.max_pool2d(n(c(x)).relu(), 2), nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3), width=3
        ),
    ),
    "convnext block": (
        (2, 3, 3),
        lambda: made(
            convnext,
            nn.Conv2d(2, 3, 3, padding=1),
            nn.LayerNorm(3),
            nn.Linear(3, 4),
            nn.Linear(4, 2),
            width=18,
        ),
    ),
    "patches": (
        (2, 4, 4),
        lambda: made(lambda x, f: f(F.unfold(x, 2, stride=2).mT).relu(), nn.Linear(8, 3), width=12),
    ),
    "attention": ((3, 4), lambda: made(attended, nn.MultiheadAttention(4, 2, batch_first=True), width=12)),
    "attention, time first": (
        (3, 4),
        lambda: made(
            lambda x, a: attended(x.transpose(0, 1), a).transpose(0, 1), nn.MultiheadAttention(4, 2), width=12
        ),
    ),
    "encoder layer": (
        (3, 4),
        lambda: made(lambda x, f: f(x), nn.TransformerEncoderLayer(4, 2, 6, batch_first=True), width=12),
    ),
    "lstm": ((3, 4), lambda: made(sequence, nn.LSTM(4, 3, batch_first=True), width=9)),
    "gru, two layers, both ways": (
        (2, 3),
        lambda: made(sequence, nn.GRU(3, 2, 2, batch_first=True, bidirectional=True), width=8),
    ),
    "rnn": ((3, 4), lambda: made(sequence, nn.RNN(4, 3, batch_first=True), width=9)),
    "lstm cell": ((3, 4), lambda: made(cells, nn.LSTMCell(4, 3), width=3)),
    "group norm": ((4, 3), lambda: made(relu_of, nn.GroupNorm(2, 4), width=12)),
}
"""Name -> shape of one example, network."""

METHODS: list[tuple[str, dict[str, Any]]] = [
    ("deep_taylor", {}),
    ("deep_taylor", {"first": "w2"}),
    ("deep_taylor", {"first": "z_B"}),
    ("deep_taylor", {"bias": "denominator"}),
    ("lrp_alpha_beta", {}),
    ("lrp_alpha_beta", {"bias": "ignore", "merge": True}),
    ("lrp_epsilon", {}),
    ("lrp_epsilon", {"epsilon": 0.1, "merge": True}),
    ("lrp_epsilon", {"composite": "EpsilonGammaBox"}),
    ("deeplift_rescale", {}),
    ("deeplift_reveal_cancel", {}),
    ("integrated_gradients", {"n_steps": 4}),
]


def scores(name: str, model: nn.Module, x: Tensor, **options: Any) -> Tensor:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ta.attribute(name, model, x, target=0, **options).player_scores


def require_equal(found: Tensor, expected: Tensor, what: str) -> None:
    """Compare scores row by row, relative to Σ|scores| of the row."""
    off = (found - expected).abs().sum(1)
    worst = float((off / expected.abs().sum(1).clamp_min(1e-12)).max())
    assert worst <= 1e-9, f"{what}: scores differ by {worst:.2g} of Σ|scores|"


def named(method: tuple[str, dict[str, Any]]) -> str:
    return f"{method[0]}{method[1] or ''}"


@pytest.mark.every(3)
@pytest.mark.parametrize("method", METHODS, ids=named)
@pytest.mark.parametrize("net", NETS)
def test_a_batch_is_its_examples_one_by_one(net: str, method: tuple[str, dict[str, Any]]) -> None:
    name, options = method
    shape, build = NETS[net]
    torch.manual_seed(0)
    model, x = build(), torch.randn(EXAMPLES, *shape, dtype=torch.float64)
    alone = torch.cat([scores(name, model, x[i : i + 1], **options) for i in range(EXAMPLES)])
    require_equal(scores(name, model, x, **options), alone, f"a batch of {EXAMPLES}")
    require_equal(scores(name, model, x[1:], **options), alone[1:], "a batch of 2")


@pytest.mark.parametrize(
    "method", [m for m in METHODS if m[0] in ("lrp_alpha_beta", "deeplift_rescale")], ids=named
)
def test_scores_do_not_depend_on_the_layout_of_the_input(method: tuple[str, dict[str, Any]]) -> None:
    name, options = method
    shape, build = NETS["convnext block"]
    torch.manual_seed(0)
    model, x = build(), torch.randn(EXAMPLES, *shape, dtype=torch.float64)
    expected = scores(name, model, x, **options)
    layouts = {
        "channels last": x.to(memory_format=torch.channels_last),
        "transposed in memory": x.mT.contiguous().mT,
        "every second entry": torch.stack([x, x], -1)[..., 0],
        "expanded": torch.cat([x, x])[:EXAMPLES],
    }
    for what, given in layouts.items():
        require_equal(scores(name, model, given, **options), expected, what)


SPELLINGS: dict[str, Callable[[Tensor, Tensor, Tensor], Tensor]] = {
    "F.linear, not contiguous": lambda x, w, b: F.linear(x.mT.contiguous().mT, w, b),
    "x @ w.T + b": lambda x, w, b: x @ w.T + b,
    "b + x @ w.T": lambda x, w, b: b + x @ w.T,
    "x @ w.T − (−b)": lambda x, w, b: x @ w.T - (-b),
    "F.linear without bias, then + b": lambda x, w, b: F.linear(x, w) + b,
    "einsum + b": lambda x, w, b: torch.einsum("btd,od->bto", x, w) + b,
    "bias in two parts": lambda x, w, b: F.linear(x, w, b / 2) + b / 2,
    "bmm + b": lambda x, w, b: torch.bmm(x, w.T.expand(len(x), -1, -1)) + b,
    "baddbmm": lambda x, w, b: torch.baddbmm(b, x, w.T.expand(len(x), -1, -1)),
    "flattened addmm": lambda x, w, b: torch.addmm(b, x.reshape(-1, x.shape[-1]), w.T).unflatten(
        0, x.shape[:2]
    ),
    "convolution of width 1": lambda x, w, b: F.conv1d(x.mT, w[:, :, None], b).mT,
    "convolution, then + b": lambda x, w, b: (F.conv1d(x.mT, w[:, :, None]) + b[:, None]).mT,
    "transposed product": lambda x, w, b: (w @ x.mT + b[:, None]).mT,
}
"""The layer x ↦ x·wᵀ + b on (B, T, d), as people and torch write it."""


class Spelled(nn.Module):
    """Two layers and a sum, the first layer written in one of the ways."""

    def __init__(self, spelling: Callable[[Tensor, Tensor, Tensor], Tensor] = F.linear) -> None:
        super().__init__()
        self.first, self.second, self.spelling = nn.Linear(4, 5), nn.Linear(15, 1), spelling

    def forward(self, x: Tensor) -> Tensor:
        return self.second(self.spelling(x, self.first.weight, self.first.bias).relu().flatten(1))


@pytest.mark.parametrize("method", METHODS, ids=named)
@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_layer_is_the_same_layer_in_every_spelling(
    spelling: str, method: tuple[str, dict[str, Any]]
) -> None:
    name, options = method
    if "z_B" in options.values() or "EpsilonGammaBox" in options.values():
        options = {**options, "low": -9.0, "high": 9.0}  # its own box is another law
    torch.manual_seed(0)
    plain = Spelled().double().eval()
    other = Spelled(SPELLINGS[spelling]).double().eval()
    nn.init.normal_(plain.first.bias)
    other.load_state_dict(plain.state_dict())
    x = torch.randn(2, 3, 4, dtype=torch.float64)
    require_equal(scores(name, other, x, **options), scores(name, plain, x, **options), spelling)


def experts(x: Tensor, w: Tensor, b: Tensor, *, whole: bool) -> Tensor:
    """One layer per position: (B, T, d) by (T, d, o)."""
    rows = x.transpose(0, 1)
    return (torch.baddbmm(b[:, None], rows, w) if whole else torch.bmm(rows, w) + b[:, None]).transpose(0, 1)


@pytest.mark.parametrize("method", METHODS[:8], ids=named)
def test_a_layer_for_each_position_has_its_biases(method: tuple[str, dict[str, Any]]) -> None:
    name, options = method
    torch.manual_seed(0)
    w, b = torch.randn(3, 4, 5, dtype=torch.float64), torch.randn(3, 5, dtype=torch.float64)
    x = torch.randn(2, 3, 4, dtype=torch.float64)
    one, two = (
        scores(name, lambda x, k=k: experts(x, w, b, whole=k).relu().flatten(1), x, **options)
        for k in (True, False)
    )
    require_equal(two, one, "bmm and add")


@pytest.mark.parametrize("method", METHODS[:8], ids=named)
@pytest.mark.parametrize("position", [True, False])
def test_what_is_no_bias_does_not_become_one_in_a_small_batch(
    position: bool, method: tuple[str, dict[str, Any]]
) -> None:
    """A number per position, or per example, is added to a layer; with one of them it looks like a bias."""
    name, options = method

    class Shifted(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            torch.manual_seed(0)
            self.first, self.second = nn.Linear(4, 5).double(), nn.Linear(15, 1).double()
            self.places = nn.Parameter(torch.randn(3, 5, dtype=torch.float64))

        def forward(self, x: Tensor, shift: Tensor) -> Tensor:
            h = self.first(x) + (self.places if position else shift)
            return self.second(h.relu().flatten(1))

    model = Shifted().eval()
    x, shift = torch.randn(2, 3, 4, dtype=torch.float64), torch.randn(2, 1, 5, dtype=torch.float64)
    alone = [
        scores(name, model, x[i : i + 1], additional_forward_args=(shift[i : i + 1],), **options)
        for i in (0, 1)
    ]
    both = scores(name, model, x, additional_forward_args=(shift,), **options)
    require_equal(both, torch.cat(alone), "a batch of 2")
