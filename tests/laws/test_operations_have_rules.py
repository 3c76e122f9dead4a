"""Linear and bilinear operations of torch have rules, for relevance and for the Taylor walk.

A network of linear operations is a sum of its inputs times its gradient, whatever the operation is called:
LRP without ε, the Rescale rule at the zero baseline, first-order effects and gradient times input are one
number per input.
"""

import warnings
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import taylorattr as ta

WIDTH = 24
GENERATOR = torch.Generator().manual_seed(0)
w = torch.randn(13, dtype=torch.float64, generator=GENERATOR)
table = torch.randn(24, 3, dtype=torch.float64, generator=GENERATOR)
grid = F.affine_grid(
    torch.tensor([[[1.0, 0.2, 0.1], [-0.1, 0.9, 0.0]]], dtype=torch.float64),
    (1, 1, 4, 6),
    align_corners=False,
)
index = torch.tensor([0, 2, 1, 2, 0, 1, 3, 3, 1, 0, 2, 2, 1, 3, 0, 1, 2, 3, 0, 0, 1, 2, 3, 1])


def packed(h: Tensor) -> Tensor:
    """A packed sequence, and back."""
    rows = h.view(-1, 6, 4)
    lengths = torch.tensor([5] * len(rows))
    inside = nn.utils.rnn.pack_padded_sequence(rows, lengths, batch_first=True, enforce_sorted=False)
    return nn.utils.rnn.pad_packed_sequence(inside, batch_first=True, total_length=6)[0]


def filled(h: Tensor) -> Tensor:
    """Uninitialised memory that is filled afterwards."""
    out = torch.empty(len(h), 26, dtype=h.dtype)
    out[:, 1:-1] = h
    out[:, 0], out[:, -1] = h[:, -1], h[:, 0]
    return out


def filled_by_out(h: Tensor) -> Tensor:
    out = torch.empty_like(h)
    for k in range(len(h)):
        out[k] = h[k].flip(0)
    return out


def scan(h: Tensor) -> Tensor:
    """The linear recurrence of a state space model with fixed coefficients."""
    state, states = torch.zeros_like(h[:, :1]), []
    for k in range(h.shape[1]):
        state = 0.5 * state + h[:, k : k + 1]
        states.append(state)
    return torch.cat(states, 1)


LINEAR: dict[str, Callable[[Tensor], Tensor]] = {
    "circular padding, 1-d": lambda h: F.pad(h.view(-1, 1, 24), (1, 1), mode="circular"),
    "circular padding, 2-d": lambda h: F.pad(h.view(-1, 1, 4, 6), (1, 1, 2, 1), mode="circular"),
    "circular padding, 3-d": lambda h: F.pad(h.view(-1, 1, 2, 3, 4), (1, 1, 1, 1, 1, 1), mode="circular"),
    "empty, filled later": filled,
    "empty_like, filled row by row": filled_by_out,
    "new_empty": lambda h: h.new_empty(len(h), 24).copy_(h) * 2,
    "packed sequence": packed,
    "rfft, filter, irfft": lambda h: torch.fft.irfft(torch.fft.rfft(h) * w, n=24),
    "real part of fft": lambda h: torch.fft.fft(h).real,
    "imaginary part of rfft": lambda h: torch.fft.rfft(h).imag,
    "fft2": lambda h: torch.fft.fft2(h.view(-1, 4, 6)).real,
    "rfft2 and back": lambda h: torch.fft.irfft2(torch.fft.rfft2(h.view(-1, 4, 6)), s=(4, 6)),
    "fftshift": lambda h: torch.fft.fftshift(h, 1),
    "complex rotation": lambda h: torch.view_as_real(
        torch.view_as_complex(h.view(-1, 12, 2))
        * torch.polar(torch.ones(12), torch.arange(12.0)).to(torch.complex128)
    ),
    "real and imaginary part": lambda h: torch.complex(h[:, :12], h[:, 12:]).conj().imag,
    "stft": lambda h: torch.view_as_real(
        torch.stft(h, 8, 4, window=torch.ones(8).to(h), return_complex=True)
    ),
    "grid_sample, bilinear": lambda h: F.grid_sample(
        h.view(-1, 1, 4, 6), grid.expand(len(h), -1, -1, -1), align_corners=False
    ),
    "grid_sample, nearest": lambda h: F.grid_sample(
        h.view(-1, 1, 4, 6), grid.expand(len(h), -1, -1, -1), mode="nearest", align_corners=False
    ),
    "grid_sample, border": lambda h: F.grid_sample(
        h.view(-1, 1, 4, 6), 1.5 * grid.expand(len(h), -1, -1, -1), padding_mode="border", align_corners=True
    ),
    "embedding_bag weights": lambda h: F.embedding_bag(
        torch.arange(24).repeat(len(h), 1), table, per_sample_weights=h, mode="sum"
    ),
    "scatter_reduce, sum": lambda h: (
        torch.zeros(len(h), 4).to(h).scatter_reduce(1, index.expand(len(h), -1), h, "sum")
    ),
    "scatter_reduce, mean": lambda h: (
        torch.zeros(len(h), 4)
        .to(h)
        .scatter_reduce(1, index.expand(len(h), -1), h, "mean", include_self=False)
    ),
    "scatter_add": lambda h: torch.zeros(len(h), 4).to(h).scatter_add(1, index.expand(len(h), -1), h),
    "index_reduce, mean": lambda h: (
        torch.zeros(len(h), 4).to(h).index_reduce(1, index, h, "mean", include_self=False)
    ),
    "index_add": lambda h: torch.zeros(len(h), 4).to(h).index_add(1, index, h),
    "segment_reduce, sum": lambda h: torch.stack(
        [torch.segment_reduce(a, "sum", lengths=torch.tensor([6, 10, 8])) for a in h]
    ),
    "segment_reduce, mean": lambda h: torch.stack(
        [torch.segment_reduce(a, "mean", lengths=torch.tensor([6, 10, 8])) for a in h]
    ),
    "block_diag": lambda h: torch.stack([torch.block_diag(a.view(4, 6), a.view(6, 4)) for a in h]),
    "ldexp": lambda h: torch.ldexp(h, torch.tensor(2)),
    "nansum": lambda h: h.view(-1, 4, 6).nansum(2),
    "nanmean": lambda h: h.view(-1, 4, 6).nanmean(2),
    "kron with a constant": lambda h: torch.stack([torch.kron(a.view(4, 6), table[:2, :2]) for a in h]),
    "cumulative sums": lambda h: h.cumsum(1),
    "trapezoid": lambda h: torch.trapezoid(h, dim=1)[:, None],
    "diff": lambda h: h.diff(dim=1),
    "unfold and fold": lambda h: F.fold(F.unfold(h.view(-1, 1, 4, 6), 2), (4, 6), 2),
    "transposed convolution": lambda h: F.conv_transpose2d(
        h.view(-1, 1, 4, 6), table[:4].reshape(1, 3, 2, 2), stride=2
    ),
    "bicubic": lambda h: F.interpolate(h.view(-1, 1, 4, 6), scale_factor=2, mode="bicubic"),
    "area": lambda h: F.interpolate(h.view(-1, 1, 4, 6), size=(2, 3), mode="area"),
    "antialiased": lambda h: F.interpolate(h.view(-1, 1, 4, 6), size=(3, 3), mode="bilinear", antialias=True),
    "tensordot": lambda h: torch.tensordot(h.view(-1, 4, 6), table[:6], dims=([2], [0])),
    "sparse matrix": lambda h: torch.sparse.mm(torch.eye(24).to(h).to_sparse(), h.T).T,
    "a linear scan": scan,
    "lerp with a constant": lambda h: torch.lerp(h, torch.zeros_like(h), 0.3),
    "addcmul with a constant": lambda h: torch.addcmul(torch.zeros_like(h), h, table.T.reshape(-1)[:24]),
    "cross with a constant": lambda h: torch.linalg.cross(h.view(-1, 8, 3), table[:8].expand(len(h), -1, -1)),
    "masked scatter": lambda h: (
        torch.zeros(len(h), 24).to(h).masked_scatter(torch.ones(len(h), 24).bool(), h)
    ),
    "put": lambda h: (
        torch.zeros(len(h), 24).to(h).index_put((torch.arange(len(h))[:, None], torch.arange(24)), h)
    ),
    "atleast and movedim": lambda h: torch.atleast_3d(h).movedim(1, 2),
    "solve with a constant matrix": lambda h: (
        torch.linalg.solve(torch.eye(24).to(h) * 2 + table[0, 0], h.T).T
    ),
    "negated view": lambda h: torch.complex(h, h).conj().imag.resolve_neg(),
}
"""Functions (B, 24) -> (B, …), linear in their argument."""


class Linear(nn.Module):
    """A layer without bias, a linear operation, and a sum with weights."""

    def __init__(self, operation: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layer, self.operation = nn.Linear(5, WIDTH, bias=False), operation
        self.double().eval()

    def forward(self, x: Tensor) -> Tensor:
        h = self.operation(self.layer(x)).reshape(len(x), -1)
        return h @ torch.linspace(-1, 2, h.shape[1], dtype=h.dtype)[:, None]


X = torch.randn(2, 5, dtype=torch.float64, generator=GENERATOR)

CALLS: dict[str, Callable[[nn.Module], Tensor]] = {
    "deeplift_rescale": lambda m: ta.attribute("deeplift_rescale", m, X, target=0).player_scores,
    "deeplift_reveal_cancel": lambda m: ta.attribute("deeplift_reveal_cancel", m, X, target=0).player_scores,
    "lrp_epsilon": lambda m: ta.attribute("lrp_epsilon", m, X, target=0, epsilon=0.0).player_scores,
    "decompose": lambda m: ta.decompose(m, X, target=0, order=1).values,
    "integrated_gradients": lambda m: ta.attribute("integrated_gradients", m, X, target=0).player_scores,
}


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("operation", LINEAR)
def test_a_linear_operation_is_its_transpose(operation: str, call: str) -> None:
    model = Linear(LINEAR[operation])
    z = X.clone().requires_grad_()
    expected = torch.autograd.grad(model(z).sum(), z)[0] * X
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = CALLS[call](model)
    assert torch.allclose(found, expected, atol=1e-9)


def selective_scan(h: Tensor) -> Tensor:
    """Mamba's recurrence: coefficients that depend on the input."""
    a, b = torch.sigmoid(h[:, :12]), h[:, 12:]
    state, states = torch.zeros_like(b[:, :1]), []
    for k in range(12):
        state = a[:, k : k + 1] * state + b[:, k : k + 1]
        states.append(state)
    return torch.cat(states, 1)


def sparsemax(h: Tensor) -> Tensor:
    z = h.sort(1, descending=True).values
    k = torch.arange(1, h.shape[1] + 1).to(h)
    inside = 1 + k * z > z.cumsum(1)
    count = inside.sum(1, keepdim=True)
    tau = (z.cumsum(1).gather(1, count - 1) - 1) / count
    return (h - tau).clamp_min(0)


NONLINEAR: dict[str, Callable[[Tensor], Tensor]] = {
    "convolution of two values": lambda h: torch.stack(
        [F.conv1d(a[None, None, :16], a[None, None, 16:19])[0] for a in h]
    ),
    "grouped correlation": lambda h: F.conv2d(
        h[:, :16].reshape(1, -1, 4, 4), h[:, 16:20].reshape(-1, 1, 2, 2), groups=len(h)
    ).transpose(0, 1),
    "cross-entropy rows": lambda h: F.cross_entropy(
        h.view(-1, 4, 6), torch.zeros(len(h), 6).long(), reduction="none"
    ),
    "cross-entropy of a vector": lambda h: F.cross_entropy(h, torch.zeros(len(h)).long(), reduction="none"),
    "nll": lambda h: F.nll_loss(torch.log_softmax(h, 1), torch.ones(len(h)).long(), reduction="none"),
    "binary cross-entropy": lambda h: F.binary_cross_entropy_with_logits(
        h, torch.zeros_like(h), reduction="none"
    ),
    "cdist to constants": lambda h: torch.cdist(h.view(-1, 8, 3), table[:5].expand(len(h), -1, -1)),
    "cdist of two values": lambda h: torch.cdist(h[:, :12].view(-1, 4, 3), h[:, 12:].view(-1, 4, 3)),
    "sparsemax": sparsemax,
    "selective scan": selective_scan,
    "scatter_reduce, amax": lambda h: (
        torch.zeros(len(h), 4)
        .to(h)
        .scatter_reduce(1, index.expand(len(h), -1), h, "amax", include_self=False)
    ),
    "scatter_reduce, prod": lambda h: (
        torch.ones(len(h), 4).to(h).scatter_reduce(1, index.expand(len(h), -1), h, "prod")
    ),
    "cummax": lambda h: h.cummax(1).values,
    "logcumsumexp": lambda h: h.logcumsumexp(1),
    "cumprod": lambda h: (1 + 0.1 * h).cumprod(1),
    "modulus of fft": lambda h: torch.fft.rfft(h).abs(),
    "power spectrum": lambda h: torch.view_as_real(torch.fft.rfft(h)).square().sum(2),
    "grid_sample, moving grid": lambda h: F.grid_sample(
        h.view(-1, 1, 4, 6), torch.tanh(h).view(-1, 3, 4, 2), align_corners=False
    ),
    "bilinear layer": lambda h: F.bilinear(
        h[:, :12], h[:, 12:], table.T.reshape(-1)[:72].reshape(-1)[:72].repeat(4).reshape(2, 12, 12)
    ),
    "einsum of three": lambda h: torch.einsum("bi,bi,bi->b", h, h, h.flip(1))[:, None],
    "local response norm": lambda h: F.local_response_norm(h.view(-1, 4, 6), 2),
    "pairwise distance": lambda h: F.pairwise_distance(h[:, :12], h[:, 12:])[:, None],
    "cosine": lambda h: F.cosine_similarity(h[:, :12], h[:, 12:])[:, None],
    "packed LSTM": lambda h: nn.utils.rnn.pad_packed_sequence(
        _LSTM(
            nn.utils.rnn.pack_padded_sequence(h.view(-1, 6, 4), torch.tensor([6] * len(h)), batch_first=True)
        )[0],
        batch_first=True,
    )[0],
    "circular convolution": lambda h: _CIRCULAR(h.view(-1, 1, 4, 6)),
}
"""Bilinear and other functions (B, 24) -> (B, …)."""

_LSTM = nn.LSTM(4, 3, batch_first=True).double()
_CIRCULAR = nn.Conv2d(1, 2, 3, padding=1, padding_mode="circular").double()


WITHOUT_DIFFERENCE_RULE = {"sparsemax"}
"""A quotient by a number of entries that differs between the ends is a switch, which no rule divides."""


@pytest.mark.parametrize("operation", sorted(WITHOUT_DIFFERENCE_RULE))
def test_what_has_no_difference_rule_is_refused_by_name(operation: str) -> None:
    torch.manual_seed(0)
    b = torch.randn(1, 5, dtype=torch.float64)
    with pytest.raises(ta.errors.MissingRuleError, match="mask or index differs"):
        ta.attribute("deeplift_rescale", Linear(NONLINEAR[operation]), X, b, target=0)


@pytest.mark.parametrize("operation", [name for name in NONLINEAR if name not in WITHOUT_DIFFERENCE_RULE])
def test_the_rescale_rule_is_complete(operation: str) -> None:
    torch.manual_seed(0)
    b = torch.randn(1, 5, dtype=torch.float64)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = ta.attribute("deeplift_rescale", Linear(NONLINEAR[operation]), X, b, target=0)
    assert float(found.relative_gap.max()) < 1e-9


@pytest.mark.parametrize("operation", NONLINEAR)
def test_lrp_and_the_taylor_walk_take_it(operation: str) -> None:
    model: Any = Linear(NONLINEAR[operation])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert bool(torch.isfinite(ta.attribute("lrp_epsilon", model, X, target=0).player_scores).all())
        effects = ta.decompose(model, X, X * 0.9, target=0, order=1)
    z = (X * 0.9).requires_grad_()
    slope = torch.autograd.grad(model(z).sum(), z)[0] * X * 0.1
    assert torch.allclose(effects.values, slope, atol=1e-8)
