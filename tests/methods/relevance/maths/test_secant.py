import numpy as np
import pytest
import sympy
import torch

from taylorattr.methods.relevance.maths import secant
from taylorattr.methods.relevance.maths.norm_means import NormMean
from taylorattr.methods.relevance.maths.product_mean import product_weights
from taylorattr.methods.relevance.maths.softmax_mean import SoftmaxMean, logarithmic_mean

D = torch.float64


@pytest.mark.parametrize("step", [1.0, 1e-2, 1e-4, 1e-6, 1e-8, 1e-12, 0.0])
def test_smooth_secants_are_accurate_at_every_distance(step):
    z0 = torch.tensor([0.3], dtype=D)
    z1 = z0 + step
    got = secant.smooth(torch.tanh, z0, z1, z0.tanh(), z1.tanh()).item()
    with np.errstate(all="ignore"):
        a, b = sympy.Float(z0.item(), 60), sympy.Float(z1.item(), 60)
        exact = (sympy.tanh(b) - sympy.tanh(a)) / (b - a) if step else 1 - sympy.tanh(a) ** 2
    assert abs(got - float(exact)) < 4e-11  # eps^{2/3}: the quotient's rounding at the threshold


def test_kinked_secants_hold_across_a_kink_however_near():
    z0 = torch.tensor([-1e-9, -1e-9, 1e-9, 0.0], dtype=D)
    z1 = torch.tensor([3e-9, -2e-9, 2e-9, 0.0], dtype=D)
    got = secant.kinked(torch.relu, z0, z1, z0.relu(), z1.relu())
    torch.testing.assert_close(got, torch.tensor([0.75, 0, 1, 0], dtype=D))
    torch.testing.assert_close(secant.fraction_above(z0, z1), got)


@pytest.mark.parametrize("exponent", [2, 3, 0.5, -0.5, -1, -2])
def test_powers_in_closed_form(exponent):
    z0, z1 = torch.tensor([1.0, 0.5, 2.0], dtype=D), torch.tensor([2.0, 0.5, 3.0], dtype=D)
    got = secant.power(z0, z1, exponent)
    slope = exponent * z0 ** (exponent - 1)
    expected = torch.where(z0 == z1, slope, (z1**exponent - z0**exponent) / (z1 - z0))
    torch.testing.assert_close(got, expected)


def test_exponential_secant_has_no_cancellation():
    z0 = torch.zeros(3, dtype=D)
    z1 = torch.tensor([1e-12, 0.0, 2.0], dtype=D)
    expected = torch.tensor([1 + 5e-13, 1.0, (np.exp(2) - 1) / 2], dtype=D)
    torch.testing.assert_close(secant.exp(z0, z1), expected, rtol=1e-15, atol=0)


def test_logarithmic_mean_limits():
    p = torch.tensor([0.3, 0.3, 0.3, 0.0], dtype=D)
    q = torch.tensor([0.3, 0.3 * (1 + 1e-9), 1e-200, 0.2], dtype=D)
    got = logarithmic_mean(p.log(), q.log())
    far = 0.3 / (np.log(0.3) - np.log(1e-200))
    torch.testing.assert_close(
        got, torch.tensor([0.3, 0.3 * (1 + 5e-10), far, 0.0], dtype=D), rtol=1e-13, atol=0
    )


def softmax_matrix(z, z0):
    mean = SoftmaxMean.of(z.log_softmax(-1), z0.log_softmax(-1), -1)
    return mean, torch.stack([mean.pull(e) for e in torch.eye(len(z), dtype=D)])


def test_softmax_mean_is_complete_symmetric_and_tends_to_the_jacobian():
    z, z0 = torch.tensor([1.0, -2, 0.5, 3], dtype=D), torch.tensor([0.2, 1, -1, 0], dtype=D)
    mean, matrix = softmax_matrix(z, z0)
    torch.testing.assert_close(matrix @ (z - z0), z.softmax(-1) - z0.softmax(-1), rtol=1e-13, atol=1e-15)
    torch.testing.assert_close(matrix, matrix.T)
    assert matrix.sum(0).abs().max() < 1e-16 * 10 and torch.linalg.eigvalsh(matrix).min() > -1e-15
    g = torch.tensor([1.0, 2, 3, 4], dtype=D)
    torch.testing.assert_close(mean.pull_abs(g), matrix.abs() @ g)
    p = z.softmax(-1)
    torch.testing.assert_close(
        softmax_matrix(z, z + 1e-9)[1], torch.diag(p) - torch.outer(p, p), rtol=1e-7, atol=1e-9
    )


@pytest.mark.parametrize("centred", [True, False])
def test_norm_mean_is_complete_and_its_absolute_value_is_path_by_path(centred):
    generator = torch.Generator().manual_seed(0)
    x, x0, g = torch.randn(3, 5, dtype=D, generator=generator)
    mean = NormMean.of(x, x0, (0,), 1e-5, centred=centred)

    def norm(u):
        c = u - u.mean() if centred else u
        return c / (c.square().mean() + 1e-5).sqrt()

    eye = torch.eye(5, dtype=D)
    matrix = torch.stack([mean.pull(e) for e in eye])
    torch.testing.assert_close(matrix @ (x - x0), norm(x) - norm(x0), rtol=1e-12, atol=1e-14)
    centring = eye - 1 / 5 if centred else eye
    middle = mean.rate * eye - mean.kappa * torch.outer(mean.centre, mean.centre)
    torch.testing.assert_close(matrix, centring @ middle @ centring)
    torch.testing.assert_close(mean.pull_abs(g), centring.abs() @ middle.abs() @ centring.abs() @ g)


@pytest.mark.parametrize("k", [1, 2, 3, 6])
def test_products_are_complete(k):
    generator = torch.Generator().manual_seed(k)
    x, b = torch.randn(2, 4, k, dtype=D, generator=generator)
    total = (product_weights(x, b) * (x - b)).sum(-1)
    torch.testing.assert_close(total, x.prod(-1) - b.prod(-1), rtol=1e-12, atol=1e-14)
