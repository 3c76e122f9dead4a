"""Complex values written in their parts: no complex value is left, and the function is the same."""

import pytest
import torch
from torch import nn

import taylorattr as ta
from taylorattr.errors import MissingRuleError
from taylorattr.program.record import record
from taylorattr.program.walk import replay
from taylorattr.program.written_out import in_reals, record_written_out


def normal(*shape, dtype=torch.float64):
    return torch.randn(*shape, dtype=dtype, generator=torch.Generator().manual_seed(len(shape)))


W = normal(4, 4, dtype=torch.complex128)
MODES = normal(2, 3, 2, dtype=torch.complex128)


def as_real(function):
    return lambda x: torch.view_as_real(function(torch.complex(x, x.flip(-1) * 0.3 + 1)))


def spectral_layer(x):
    """The layer of a Fourier neural operator: low modes mixed by weights, the others dropped."""
    z = torch.fft.rfft(x.view(-1, 2, 6))
    out = torch.zeros(len(x) // 3, 3, 4, dtype=torch.complex128)
    out[:, :, :2] = torch.einsum("bim,iom->bom", z[:, :, :2], MODES)
    return torch.fft.irfft(out, n=6)


FUNCTIONS = {
    "fft": lambda x: torch.fft.fft(x).real,
    "ifft": lambda x: torch.fft.ifft(x).imag,
    "fft, norms": lambda x: torch.fft.ifft(torch.fft.fft(x, norm="ortho") * W[0], norm="forward").real,
    "fft, padded": lambda x: torch.view_as_real(torch.fft.fft(x, n=7)),
    "fft2": lambda x: torch.view_as_real(torch.fft.fft2(x)),
    "rfft2 and back": lambda x: torch.fft.irfft2(torch.fft.rfft2(x) * W[:3, :3].sum(), s=(3, 4)),
    "rfft and back, odd": lambda x: torch.fft.irfft(torch.fft.rfft(x[:, :3]), n=3),
    "hfft": lambda x: torch.fft.hfft(torch.fft.fft(x)),
    "ihfft": lambda x: torch.view_as_real(torch.fft.ihfft(x, norm="ortho").resolve_conj()),
    "fft along the first": lambda x: torch.view_as_real(torch.fft.fft(x, dim=0)),
    "stft": lambda x: torch.stft(
        x.reshape(1, -1), 4, 2, window=torch.ones(4).to(x), return_complex=True
    ).abs(),
    "spectral layer": spectral_layer,
    "sums and moves": as_real(
        lambda z: torch.cat([z.T, z[:1].T + 2, z.mean(0)[:, None] - z.sum(), -z[0:1].mT], 1)
    ),
    "parts of a split": as_real(lambda z: torch.stack([a * b for a, b in [z.chunk(2, 1)]])),
    "where": as_real(lambda z: torch.where(torch.arange(4) > 1, z, 2 - 1j)),
    "masked_fill": as_real(lambda z: z.masked_fill(torch.arange(4) > 1, 3.0)),
    "matrix": as_real(lambda z: z @ W),
    "two values": as_real(lambda z: z @ z.mH),
    "vector": as_real(lambda z: z @ W[0]),
    "outer": as_real(lambda z: torch.einsum("bi,bj->bij", z, z.conj())),
    "numbers": as_real(lambda z: z * 1j + (2 + 1j) * z - 3 + 1j / z + z / 2),
    "quotient": as_real(lambda z: W[:3] / z + z / W[:3]),
    "powers": as_real(lambda z: z**2 + z.square() * z.reciprocal() + z**3),
    "exp": as_real(lambda z: torch.exp(1j * z)),
    "conjugates": as_real(lambda z: z.conj() * z + z.conj().resolve_conj()),
    "casts": lambda x: torch.view_as_real(x.to(torch.complex128) * W[0] + x),
    "polar": lambda x: torch.view_as_real(torch.polar(x.abs(), x)),
    "abs and angle": lambda x: torch.fft.fft(x).abs() + torch.fft.fft(x + 1).angle(),
    "phase": lambda x: torch.fft.irfft(torch.polar(torch.ones(3, 3).to(x), torch.fft.rfft(x).angle()), n=4),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_it_is_the_same_function_in_reals(name):
    function, x = FUNCTIONS[name], normal(3, 4)
    program = record_written_out(function, (x,))
    assert not any(value.is_complex() for value in program.values.values())
    assert torch.allclose(program.values[program.output.index], function(x), atol=1e-12)
    for point in (x, 0.3 - x.flip(1)):
        assert torch.allclose(replay(program, (point,)), function(point), atol=1e-12)


def test_a_real_program_is_returned_as_it_is():
    program = record(lambda x: x.tanh().sum(1), (normal(3, 4),), keep_values=True)
    assert in_reals(program) is program


@pytest.mark.parametrize(
    "function",
    [lambda x: torch.fft.fft(x).tanh().real, lambda x: torch.fft.rfft(torch.cat([x] * 2000, 1)).real],
    ids=["a function of complex values", "a long transform"],
)
def test_what_is_not_known_in_parts_is_refused_by_name(function):
    with pytest.raises(MissingRuleError, match=r"no relevance rule at aten\.\w+.* \(module"):
        record_written_out(function, (normal(3, 4),))


class Mixer(nn.Module):
    """A layer, a filter in the frequencies with learned complex weights, and a nonlinear readout."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.layer, self.out = nn.Linear(5, 8), nn.Linear(8, 2)
        self.filter = nn.Parameter(torch.randn(5, dtype=torch.cfloat))

    def forward(self, x):
        return self.out(torch.fft.irfft(torch.fft.rfft(self.layer(x)) * self.filter, n=8).relu())


@pytest.mark.parametrize("method", ["deeplift_rescale", "deeplift_reveal_cancel", "deep_shap"])
def test_difference_rules_are_complete_through_a_filter(method):
    model = Mixer().eval()
    found = ta.attribute(method, model, torch.randn(3, 5), torch.randn(3, 5), target=0)
    assert float(found.relative_gap.max()) < 1e-4


@pytest.mark.parametrize("method", ["lrp_epsilon", "lrp_alpha_beta", "deep_taylor"])
def test_lrp_passes_a_filter(method):
    found = ta.attribute(method, Mixer().eval(), torch.randn(3, 5), target=0)
    assert bool(found.player_scores.isfinite().all())
