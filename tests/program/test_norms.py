import pytest
import torch
from torch import nn
from torch.func import grad, jacfwd, jvp

from taylorattr.errors import CaptureError
from taylorattr.program import capture, decompose_norms, record, replay

LAYERS = {
    "layer": (nn.LayerNorm(6), (1, 4, 6)),
    "layer over two": (nn.LayerNorm((4, 6)), (1, 4, 6)),
    "layer without weights": (nn.LayerNorm(6, elementwise_affine=False), (1, 4, 6)),
    "group": (nn.GroupNorm(2, 4), (1, 4, 3, 2)),
    "instance": (nn.InstanceNorm1d(4, affine=True), (1, 4, 6)),
    "batch": (nn.BatchNorm2d(4).eval(), (1, 4, 3, 2)),
    "rms": (nn.RMSNorm(6), (1, 4, 6)),
}


def along(layer, shape):
    """(program of a smooth function around the layer, s ↦ its value on a line)."""
    generator = torch.Generator().manual_seed(0)
    x, v, w = torch.randn(3, *shape, generator=generator, dtype=torch.float64)
    layer = layer.double()
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.copy_(torch.rand(parameter.shape, generator=generator, dtype=torch.float64) + 0.5)
        if isinstance(layer, nn.BatchNorm2d):
            layer.running_mean.uniform_(-1, 1, generator=generator)
            layer.running_var.uniform_(0.5, 2, generator=generator)
    program = capture(lambda x: (torch.tanh(layer(x)) * w).sum().reshape(1), (x,), module=layer)
    return program, lambda s: replay(program, (x + s * v,)).sum()


def forward(f):
    return lambda s: jvp(f, (s,), (torch.ones_like(s),))[1]


NESTINGS = {"forward": (forward,) * 3, "reverse": (grad,) * 3, "mixed": (grad, jacfwd, jacfwd)}


@pytest.mark.parametrize("nesting", NESTINGS)
@pytest.mark.parametrize("name", LAYERS)
def test_derivatives_to_order_three_by_the_remainder_of_the_series(name, nesting):
    """f(s) − Σ_{k≤3} f⁽ᵏ⁾(0)/k! sᵏ falls like s⁴; a wrong third derivative leaves s³, a ratio of 8."""
    _, f = along(*LAYERS[name])
    zero = torch.zeros((), dtype=torch.float64)
    derivatives, g = [f(zero)], f
    for d in NESTINGS[nesting]:
        g = d(g)
        derivatives.append(g(zero))
    f0, f1, f2, f3 = (float(d) for d in derivatives)

    def remainder(s):
        return abs(float(f(zero + s)) - (f0 + f1 * s + f2 * s**2 / 2 + f3 * s**3 / 6))

    # halving s divides by 16 (1 + O(s)); a step small enough for that, large enough against rounding
    assert 14 < remainder(4e-3) / remainder(2e-3) < 18


@pytest.mark.parametrize("name", LAYERS)
def test_no_fused_operation_is_left(name):
    program, _ = along(*LAYERS[name])
    assert not any("norm" in str(node.op) for node in program.nodes)


def test_places_are_kept():
    program, _ = along(*LAYERS["layer"])
    assert all("test_norms.py" in node.where for node in program.nodes)


def test_batch_statistics_with_computed_running_statistics():
    """The running variance may itself depend on the input."""

    def forward(x):
        mean, variance = x.mean((0, 2)), x.var((0, 2)) + 1
        return nn.functional.batch_norm(x, mean, variance).exp().sum((1, 2))

    x = torch.linspace(-1, 2, 12, dtype=torch.float64).reshape(1, 3, 4)
    program = record(forward, (x,))
    # a sum of twelve positive terms: some roundings
    torch.testing.assert_close(replay(decompose_norms(program), (x,)), forward(x), rtol=1e-13, atol=0)


def test_a_layer_whose_statistics_are_used_is_refused():
    def forward(x):
        out, mean, rstd = torch.native_layer_norm(x, [3], None, None, 1e-5)
        return (out * mean).sum(1)

    program = record(forward, (torch.tensor([[1.0, 2.0, 4.0]]),))
    with pytest.raises(CaptureError, match=r"native_layer_norm.*test_norms.py.*mean or scale is used"):
        decompose_norms(program)


def test_nothing_to_decompose_gives_the_same_program():
    program = record(lambda x: x.exp().sum(1), (torch.ones(1, 2),))
    assert decompose_norms(program) is program
