"""The bound is held against effects computed in extended precision or exactly."""

import contextlib
from fractions import Fraction

import numpy as np
import pytest
import torch
from torch import nn

from taylorattr.effects import rounding
from taylorattr.effects.harsanyi import harsanyi
from taylorattr.errors import PrecisionWarning
from taylorattr.maths.mobius import mobius
from taylorattr.maths.subsets import Coalitions, popcounts
from taylorattr.toys import Polynomial, mlp

N = 9


def extended_values(network, x, n):
    """v(T) of a tanh network in 64-bit significands, by numpy."""
    bits = (np.arange(1 << n)[:, None] >> np.arange(n) & 1).astype(bool)
    h = np.where(bits, x.double().numpy().astype(np.longdouble), np.longdouble(0))
    for layer in network:
        if isinstance(layer, nn.Linear):
            weight, bias = (p.detach().numpy().astype(np.longdouble) for p in (layer.weight, layer.bias))
            h = h @ weight.T + bias
        else:
            h = np.tanh(h)
    return h[:, 0]


class Cancelling(nn.Module):
    """Adds a large number and takes it away again: outputs of order 1 with the rounding of order 10⁶."""

    def __init__(self, network):
        super().__init__()
        self.network = network

    def forward(self, x):
        return (1e6 * x[:, :1] + self.network(x)) - 1e6 * x[:, :1]


def worst_by_order(effects, exact):
    error = np.abs(effects.values[0].numpy().astype(np.longdouble) - exact)
    sizes = popcounts(effects.n)
    return [float(error[sizes == k].max()) for k in range(effects.n + 1)]


class InsideFloat32(nn.Module):
    """Hands out float64, computes in float32."""

    def __init__(self, network):
        super().__init__()
        self.network = network

    def forward(self, x):
        h = x
        for layer in self.network:
            h = layer(h) if isinstance(layer, nn.Linear) else layer(h.float()).to(x.dtype)
        return h


@pytest.mark.skipif(
    np.finfo(np.longdouble).eps > 2e-19, reason="numpy's longdouble is no wider than float64 here"
)
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("parameters", (torch.float32, torch.float64))
@pytest.mark.parametrize("kind", ("float64", "float32", "float32 inside", "offset", "cancelling"))
def test_the_bound_bounds_the_error_of_every_order(kind, parameters, seed):
    network = mlp((N, 32, 32, 1), "tanh", seed=seed, dtype=parameters)
    if kind == "offset":  # rounding is that of the large output, effects are small
        with torch.no_grad():
            network[-1].bias += 1e4
    x = torch.randn(1, N, generator=torch.Generator().manual_seed(seed))  # float32: exact in every precision
    wrappers = {"float32 inside": InsideFloat32, "cancelling": Cancelling}
    model = wrappers[kind](network) if kind in wrappers else network
    dtype = torch.float32 if kind == "float32" else torch.float64
    expectation = contextlib.nullcontext()
    if kind == "float32 inside":  # the output is no float32 number here: the capture of the model tells
        expectation = pytest.warns(PrecisionWarning, match="computes in torch.float32 inside")
    with expectation:
        effects = harsanyi(
            model.eval().to(dtype) if kind == "float32" else model.eval(), x.to(parameters), dtype=dtype
        )
    reference = network if kind == "float32" else mlp((N, 32, 32, 1), "tanh", seed=seed, dtype=parameters)
    if kind == "offset":
        with torch.no_grad():
            reference[-1].bias += 1e4
    exact = mobius(extended_values(reference, x, N))
    worst, bound = worst_by_order(effects, exact), effects.error_bound[0].tolist()
    assert all(error <= limit for error, limit in zip(worst, bound, strict=True)), (worst, bound)
    # of use only if it is not far above the truth: within a factor 10^4 of the worst error at every order
    assert all(limit <= 1e4 * max(worst) * 2**k for k, limit in enumerate(bound))


def test_the_bound_holds_for_a_polynomial_in_exact_arithmetic():
    generator = np.random.default_rng(3)
    terms = {tuple(map(int, generator.integers(0, 3, 6))): float(generator.normal()) for _ in range(12)}
    x = generator.normal(size=6)
    effects = harsanyi(Polynomial(terms), torch.tensor(x[None]))
    exact = Polynomial({k: Fraction(c) for k, c in terms.items()}).harsanyi([Fraction(v) for v in x])
    for position, coalition in enumerate(Coalitions(6)):
        if coalition:
            error = abs(Fraction(float(effects.values[0, position])) - exact.get(coalition, 0))
            assert error <= effects.error_bound[0, len(coalition)].item()


def test_orders_of_noise_are_flagged():
    effects = harsanyi(lambda x: torch.sin(3 * x).sum(1), torch.linspace(0.1, 1, 6)[None])
    assert effects.diagnostics["orders_below_rounding"] == [[2, 3, 4, 5, 6]]
    assert harsanyi(mlp((4, 8, 1)), torch.ones(1, 4)).diagnostics["orders_below_rounding"] == [[]]


def test_the_bound_doubles_with_every_order():
    bound = rounding.error_bound(1e-16, 0.0, torch.float64, 5)
    assert bound.tolist() == [1e-16 * 2**k for k in range(6)]
    with_transform = rounding.error_bound(0.0, 1.0, torch.float64, 3)
    assert with_transform[0] == 0 and with_transform[3] == pytest.approx(3 * 8 * 2**-53, rel=1e-12, abs=0)


def test_float32_outputs_are_recognised():
    numbers = torch.rand(20, dtype=torch.float64)
    assert rounding.hidden_precision(numbers) == 0
    assert rounding.hidden_precision(numbers.float().double()) == 2**-24
    assert rounding.hidden_precision((numbers * 100).round() / 4) == 0  # short numbers are exact anyway
    assert rounding.hidden_precision(numbers.float()) == 0  # an analysis in float32 knows


def test_a_sample_holds_both_ends_and_no_column_twice():
    for columns in (1, 2, 31, 32, 33, 1000, 1 << 40):
        found = rounding.sample(columns)
        assert found[0] == 0 and found[-1] == columns - 1 and len(found) == len(set(found)) <= 32


def test_the_difference_to_the_partner_is_scaled_by_the_unit_roundoffs():
    zero = torch.zeros(3, dtype=torch.float64)
    partner = torch.tensor([0.0, 0.5, -0.25])
    assert rounding.output_error(zero, zero, partner, torch.float64) == 8 * 0.5 * 2.0**-29
    assert rounding.output_error(zero, zero, partner, torch.float32) == 8 * 0.5  # float32 inside: as it is
    assert rounding.output_error(zero.float(), zero.float(), partner.double(), torch.float32) == 8 * 0.5


def test_without_a_partner_precision_the_bound_is_a_multiple_of_the_unit_roundoff():
    values = torch.tensor([1.0, -2.0], dtype=torch.float64)
    for partner in (None, torch.tensor([1.0, float("inf")])):
        assert rounding.output_error(values, values, partner, torch.float64) == 64 * 2**-53 * 2
    assert rounding.output_error(values, values, values.float(), torch.float16) == 64 * 2**-11 * 2
    # other kernels give other digits: the difference is taken as it is
    assert rounding.output_error(values, values + 1e-6, values.float(), torch.float64) >= 8e-6 * (1 - 1e-9)


@pytest.mark.parametrize(
    ("model", "below"), [(lambda x: 1e8 + x[:, 0] * x[:, 1], [1]), (lambda x: 1e8 + x[:, 0] + x[:, 1], [2])]
)
def test_every_order_below_rounding_is_named(model, below):
    """The first as well: x₀x₁ beside 10⁸ has no effect of one player that rounding does not hide."""
    effects = harsanyi(model, torch.ones(1, 2, dtype=torch.float64))
    assert effects.diagnostics["orders_below_rounding"] == [below]
