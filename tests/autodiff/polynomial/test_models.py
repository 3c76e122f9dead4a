"""Small networks of every kind against nested differentiation of the decomposed replay."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from taylorattr.autodiff.polynomial.engine import expand, jets, supported
from taylorattr.autodiff.polynomial.nested import expand_nested
from taylorattr.program.capture import capture


class Residual(nn.Module):
    """Reused block, residual sums, LayerNorm, a gate."""

    def __init__(self) -> None:
        super().__init__()
        self.enter, self.leave = nn.Linear(4, 8), nn.Linear(8, 1)
        self.block = nn.Sequential(nn.LayerNorm(8), nn.Linear(8, 8), nn.SiLU(), nn.Linear(8, 8))

    def forward(self, x: Tensor) -> Tensor:
        h = self.enter(x)
        for _ in range(3):
            h = h + torch.sigmoid(h[:, :1]) * self.block(h)
        return self.leave(F.mish(h))


class Recurrent(nn.Module):
    """LSTM or GRU over five steps of width one."""

    def __init__(self, kind: type[nn.Module]) -> None:
        super().__init__()
        self.cell, self.leave = kind(1, 6, batch_first=True), nn.Linear(6, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.leave(self.cell(x.unsqueeze(-1))[0][:, -1])


class Encoder(nn.Module):
    """Transformer encoder over three tokens of width four."""

    def __init__(self, norm_first: bool) -> None:
        super().__init__()
        layer = nn.TransformerEncoderLayer(4, 2, 8, 0.0, "gelu", batch_first=True, norm_first=norm_first)
        self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.leave = nn.Linear(4, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.leave(torch.tanh(self.encoder(x).mean(1)))


def convolutional(activation: Callable[[], nn.Module], pool: nn.Module) -> nn.Module:
    """Two convolutions with batch and group norm."""
    return nn.Sequential(
        nn.Conv2d(1, 3, 3, padding=1), nn.BatchNorm2d(3), activation(), pool,
        nn.Conv2d(3, 4, 2, groups=1), nn.GroupNorm(2, 4), activation(), nn.Flatten(), nn.Linear(36, 1),
    )  # fmt: skip


MODELS: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...]]] = {
    "mlp": (
        lambda: nn.Sequential(nn.Linear(4, 8), nn.GELU(), nn.Linear(8, 8), nn.ELU(), nn.Linear(8, 1)),
        (4,),
    ),
    "residual": (Residual, (4,)),
    "cnn": (lambda: convolutional(nn.GELU, nn.AvgPool2d(2)), (1, 8, 8)),
    "cnn with kinks": (lambda: convolutional(nn.ReLU, nn.MaxPool2d(2)), (1, 8, 8)),
    "encoder": (lambda: Encoder(False), (3, 4)),
    "encoder, norm first": (lambda: Encoder(True), (3, 4)),
    "lstm": (lambda: Recurrent(nn.LSTM), (5,)),
    "gru": (lambda: Recurrent(nn.GRU), (5,)),
}


def players(shape: tuple[int, ...], n: int = 4) -> Tensor:
    """Directions of n players, contiguous runs of entries."""
    size = torch.Size(shape).numel()
    direction = torch.randn(size, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
    owner = torch.arange(size) * n // size
    return torch.stack([torch.where(owner == g, direction, 0.0) for g in range(n)]).view(n, *shape)


@pytest.mark.parametrize("name", MODELS)
def test_model_equals_nested_differentiation(name):
    make, shape = MODELS[name]
    torch.manual_seed(1)
    model = make().eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    x = torch.randn(1, *shape)
    program = capture(lambda x: model(x)[:, 0], (x,), module=model)
    base, directions = (x.double(),), (players(shape),)
    assert supported(program) == []
    expected = expand_nested(program, base, directions, 4 if name == "mlp" else 3)
    for engine in ("collapsed", "full"):
        for a, b in zip(
            expand(program, base, directions, len(expected) - 1, engine=engine), expected, strict=True
        ):
            assert (a - b).abs().max() <= 1e-10 * b.abs().max().clamp_min(1e-6)
    along = jets(program, base, (directions[0].sum(0, keepdim=True),), len(expected) - 1)[0]
    for d, b in enumerate(expected):
        assert float(along[d]) == pytest.approx(float(b.sum()), rel=1e-9, abs=1e-10 * float(b.abs().sum()))


def test_transformer_from_a_config():
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(0)
    config = transformers.BertConfig(
        vocab_size=10, hidden_size=8, num_hidden_layers=2, num_attention_heads=2, intermediate_size=16,
        max_position_embeddings=8, num_labels=2,
    )  # fmt: skip
    model = transformers.BertForSequenceClassification(config).eval()
    x = torch.randn(1, 4, 8)
    program = capture(lambda x: model(inputs_embeds=x).logits[:, 0], (x,), module=model)
    base, directions = (x.double(),), (players((4, 8)),)
    expected = expand_nested(program, base, directions, 3)
    for a, b in zip(expand(program, base, directions, 3), expected, strict=True):
        assert (a - b).abs().max() <= 1e-10 * b.abs().max()
