import warnings

import pytest
import torch
from torch import nn

from taylorattr.analysis.players import Players
from taylorattr.analysis.question import Question
from taylorattr.autodiff import hessian as hessian_module
from taylorattr.autodiff.curvature import Curvature
from taylorattr.autodiff.hessian import curvature_rows, hessian
from taylorattr.errors import BudgetError, FallbackWarning, KinkWarning, NonFiniteError, OptionError

from .networks import cnn, mlp, points
from .test_hvp import Attention, quadratic

CLOSE = {"rtol": 1e-11, "atol": 1e-14}  # float64 rounding of two passes through a small network


@pytest.mark.parametrize("size", [None, 1, 3])
def test_quadratic_form_in_closed_form(size):
    matrix, f = quadratic(5)
    result = hessian(f, points(2, 5).double(), internal_batch_size=size)
    torch.testing.assert_close(result, matrix.expand(2, 5, 5), rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize("name", ["mlp", "cnn", "attention"])
def test_equals_nested_autograd(name):
    make, x = {
        "mlp": (mlp, points(2, 4)),
        "cnn": (cnn, points(2, 1, 6, 6)),
        "attention": (lambda: Attention().eval(), points(2, 3, 8)),
    }[name]
    double, n = make().double(), x[0].numel()
    ours = hessian(make(), x, target=0)
    for e in range(2):
        with torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH):
            expected = torch.autograd.functional.hessian(lambda z: double(z[None])[0, 0], x[e].double())
        torch.testing.assert_close(ours[e], expected.reshape(n, n), **CLOSE)


def test_forward_over_reverse_gives_the_same_rows():
    x = points(1, 1, 6, 6)
    scalar, point = Question(cnn(), x, target=0).point
    curvature = Curvature(scalar, point, torch.tensor([0]))
    units = torch.eye(36, dtype=torch.float64).reshape(36, 1, 1, 6, 6)
    (reverse,), (forward,) = curvature.reverse((units,)), curvature.forward((units,))
    assert not curvature.forward_fails
    torch.testing.assert_close(forward, reverse, **CLOSE)


@pytest.mark.parametrize("chunk", [1, 5, 7])
def test_trying_both_ways_changes_nothing(chunk, monkeypatch):
    monkeypatch.setattr(hessian_module, "_worth_a_trial", lambda *args: True)
    matrix, f = quadratic(17)
    scalar, point = Question(f, points(1, 17).double()).point
    units = torch.eye(17, dtype=torch.float64)[:, None]
    rows = curvature_rows(
        Curvature(scalar, point, torch.tensor([0])), lambda part: (units[part],), 17, chunk, try_forward=True
    )
    result = torch.cat([block[0][:, 0] for _, block in rows])
    torch.testing.assert_close(result, matrix, rtol=1e-13, atol=1e-13)


def test_tuple_inputs_are_concatenated():
    def f(a, b):
        return (a.sum(1) ** 2) * b.flatten(1).prod(1)

    a, b = points(1, 2).double(), points(1, 1, 2).double()
    expected = torch.autograd.functional.hessian(
        lambda z: f(z[None, :2], z[None, None, 2:])[0], torch.cat([a[0], b[0, 0]])
    )
    torch.testing.assert_close(hessian(f, (a, b))[0], expected, rtol=1e-13, atol=1e-13)


def test_players_give_second_derivatives_along_their_directions():
    x, baselines = points(2, 4), points(1, 4, seed=2)
    players = Players([[0, 2], [3]], ["a", "b"], rest="fixed")
    ours = hessian(mlp(), x, baselines, target=0, players=players)
    elements = hessian(mlp(), x, target=0)
    delta = x.double() - baselines.double()
    for e in range(2):
        directions = torch.zeros(2, 4, dtype=torch.float64)
        directions[0, [0, 2]], directions[1, 3] = delta[e, [0, 2]], delta[e, 3]
        torch.testing.assert_close(ours[e], directions @ elements[e] @ directions.T, **CLOSE)


def test_patches_of_an_image():
    x = points(1, 1, 6, 6)
    assert hessian(cnn(), x, target=0, players=Players.grid(x, (2, 3))).shape == (1, 6, 6)


def test_operations_without_a_rule_are_differentiated_twice():
    x = 1 + points(1, 3).double().abs()
    trigamma = torch.special.polygamma(1, x[0])

    def f(z):
        return torch.special.digamma(z).prod(1)

    digamma = torch.special.digamma(x[0])
    product = digamma.prod()
    expected = product * torch.outer(trigamma / digamma, trigamma / digamma)
    expected.diagonal().copy_(product / digamma * torch.special.polygamma(2, x[0]))
    torch.testing.assert_close(hessian(f, x)[0], expected, rtol=1e-11, atol=0)  # quotients of rounded values


def test_detach_does_not_hide_what_the_function_does():
    x = points(1, 3).double()
    hidden = hessian(lambda z: (z * z.detach() * z).sum(1), x)
    torch.testing.assert_close(hidden[0], torch.diag(6 * x[0]), rtol=1e-13, atol=1e-14)


def test_examples_share_a_program_unless_they_take_other_branches(monkeypatch):
    captured = []
    original = hessian_module.capture_at
    monkeypatch.setattr(
        hessian_module, "capture_at", lambda *args: captured.append(args[2]) or original(*args)
    )
    hessian(mlp(), points(3, 4), target=0)
    assert captured == [0]

    def branching(x):
        return torch.stack([(row**2).sum() if float(row[0].detach()) > 0 else (row**3).sum() for row in x])

    x = torch.tensor([[1.0, 2.0], [-1.0, 2.0]]).double()
    result = hessian(branching, x)
    expected = torch.stack([2 * torch.eye(2).double(), torch.diag(6 * x[1])])
    torch.testing.assert_close(result, expected, rtol=1e-13, atol=0)


def test_group_norm_is_right():
    """Torch's batched double backward of GroupNorm is silently wrong; the answer must not be."""
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv1d(1, 4, 2), nn.GroupNorm(2, 4), nn.Tanh(), nn.Flatten(), nn.Linear(8, 1))
    x = points(1, 1, 3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FallbackWarning)
        ours = hessian(net.eval(), x)
    double = net.double()
    z = x.double().requires_grad_()
    (gradient,) = torch.autograd.grad(double(z).sum(), z, create_graph=True)
    expected = [torch.autograd.grad(g, z, retain_graph=True)[0].reshape(3) for g in gradient.reshape(3)]
    torch.testing.assert_close(ours[0], torch.stack(expected), **CLOSE)


def test_piecewise_linear_models_are_said():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 1)).eval()
    with pytest.warns(KinkWarning, match=r"1 operations with kinks.*relu.*are zero: .*ta.harsanyi"):
        assert not hessian(net, points(1, 3)).any()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert not hessian(nn.Linear(3, 1).eval(), points(1, 3)).any()


def test_kinks_are_said_where_the_hessian_is_not_zero():
    with pytest.warns(KinkWarning, match=r"Hessians miss what happens at them; ta.harsanyi"):
        assert hessian(lambda z: (z.relu() ** 2).sum(1), points(1, 3)).any()


def test_singular_points_are_said():
    x = points(2, 3).double()
    with pytest.raises(NonFiniteError, match=r"Hessian of example 0 .* 9 of 9 entries.*index \[0, 0\].*norm"):
        hessian(lambda z: (z - x[:1]).norm(dim=1), x)
    x[1, 2] = 0
    with pytest.raises(
        NonFiniteError, match=r"of example 1 .*aten.sqrt.*test_hessian.*no finite derivatives"
    ):
        hessian(lambda z: z.abs().add(0).sqrt().sum(1), x)
    with pytest.raises(NonFiniteError, match=r"aten.sqrt.*no finite derivatives"):  # not walked
        hessian(lambda z: z.sqrt().sum(1) + torch.special.digamma(1 + z**2).sum(1), x.abs())


def test_budget_and_options():
    with pytest.raises(
        BudgetError, match=r"2 Hessians of 4 variables need 512 bytes.*players=… *, pass fewer|ta.hvp"
    ):
        hessian(mlp(), points(2, 4), target=0, memory_limit=100)
    with pytest.raises(OptionError, match="baselines do not enter a Hessian over elements"):
        hessian(mlp(), points(2, 4), 0.0, target=0)
    with pytest.raises(OptionError, match="internal_batch_size=-1"):
        hessian(mlp(), points(2, 4), target=0, internal_batch_size=-1)


def test_little_memory_takes_fewer_rows_at_a_time():
    scalar, point = Question(mlp(hidden=1000), points(1, 4), target=0).point
    plenty, _ = hessian_module.pass_size(scalar, 10**12)
    little, _ = hessian_module.pass_size(scalar, 10**6)
    assert plenty == 256 and 1 <= little < 32
