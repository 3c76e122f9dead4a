import pytest
import torch

from taylorattr.autodiff.derivative_check import Derivatives, derivatives_follow

EPS = torch.finfo(torch.float64).eps


def derived(f, first=1.0, second=1.0):
    """Derivatives of f (R, n) -> (R,) by autograd, each off by a factor."""

    def derive(points, v):
        (x,) = (p.detach().requires_grad_() for p in points)
        with torch.enable_grad():
            values = f(x)
            (g,) = torch.autograd.grad(values.sum(), x, create_graph=True)
            (h,) = torch.autograd.grad(g, x, v, materialize_grads=True)
        return Derivatives(values.detach(), (first * g.detach(),), (second * h,))

    return derive


@pytest.mark.parametrize("scale", [1e-4, 1.0, 1e4])
def test_true_derivatives_follow_and_wrong_ones_do_not(scale):
    x = scale * torch.rand(3, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))

    def f(z):
        return (z / scale).exp().prod(1).sin() + (z / scale).log().sum(1)

    assert derivatives_follow(derived(f), (x,), EPS)
    assert not derivatives_follow(derived(f, first=0.0, second=0.0), (x,), EPS)
    assert not derivatives_follow(derived(f, second=1.01), (x,), EPS)


def test_one_wrong_row_is_enough():
    x = torch.tensor([[-1.0, 2.0], [1.0, 2.0]]).double()

    def half_detached(z):
        return torch.where(z[:, 0] > 0, (z * z.detach()).sum(1), (z**2).sum(1))

    assert derivatives_follow(derived(half_detached), (x[:1],), EPS)
    assert not derivatives_follow(derived(half_detached), (x,), EPS)


def test_kinks_at_the_point_and_borders_spoil_nothing():
    x = torch.zeros(1, 3, dtype=torch.float64)
    for f in (lambda z: (z.relu() * z).sum(1), lambda z: z.abs().sum(1), lambda z: z.sqrt().sum(1)):
        assert derivatives_follow(derived(f), (x,), EPS)
