import sys
import warnings

import pytest
import torch
from torch import nn

from taylorattr.autodiff.hessian import hessian
from taylorattr.autodiff.hvp import hvp
from taylorattr.errors import (
    DtypeError,
    FallbackWarning,
    KinkWarning,
    NonFiniteError,
    OptionError,
    ShapeError,
)

from .networks import cnn, mlp, points

hvp_module = sys.modules[hvp.__module__]


def quadratic(n):
    matrix = points(n, n, seed=5).double()
    matrix = matrix + matrix.T
    return matrix, lambda x: 0.5 * torch.einsum("ri,ij,rj->r", x, matrix, x)


def test_quadratic_form_in_closed_form():
    matrix, f = quadratic(5)
    x, v = points(3, 5).double(), points(3, 5, seed=2).double()
    torch.testing.assert_close(hvp(f, x, v), v @ matrix, rtol=1e-13, atol=1e-13)  # five products each


@pytest.mark.parametrize("size", [None, 1, 2])
def test_equals_nested_autograd(size):
    net, x, v = mlp(), points(3, 4), points(3, 4, seed=2)
    double = mlp().double()
    for target in (1, [0, 1, 2]):
        ours = hvp(net, x, v, target=target, internal_batch_size=size)
        for e in range(3):
            k = target if isinstance(target, int) else target[e]
            _, expected = torch.autograd.functional.hvp(
                lambda z, k=k: double(z[None])[0, k], x[e].double(), v[e].double()
            )
            torch.testing.assert_close(ours[e], expected, rtol=1e-12, atol=1e-14)


def test_one_vector_for_all_and_tuples():
    def f(a, b):
        return (a**2).sum(1) * b.flatten(1).sum(1)

    a, b = points(2, 3).double(), points(2, 2, 2).double()
    va, vb = points(1, 3, seed=2).double(), points(1, 2, 2, seed=3).double()
    ha, hb = hvp(f, (a, b), (va, vb))
    torch.testing.assert_close(ha, 2 * va * b.sum((1, 2))[:, None] + 2 * a * vb.sum(), rtol=1e-13, atol=1e-13)
    torch.testing.assert_close(
        hb, (2 * (a * va).sum(1))[:, None, None].expand(2, 2, 2), rtol=1e-13, atol=1e-13
    )


def test_convolutions_and_dtype():
    x = points(2, 1, 6, 6)
    assert hvp(cnn(), x, x, target=0).shape == x.shape
    assert hvp(mlp(), points(2, 4), points(2, 4), target=0, dtype=torch.float32).dtype is torch.float32


class Attention(nn.Module):
    """Fused attention, layer norm and the encoder's fast path: none has a second derivative of its own."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.encoder = nn.TransformerEncoder(
            nn.TransformerEncoderLayer(8, 2, 16, activation="gelu", batch_first=True), 1
        )
        self.head = nn.Linear(8, 1)

    def forward(self, x):
        attended = nn.functional.scaled_dot_product_attention(x, x, x)
        return self.head(self.encoder(attended).sum(1))


def test_attention_on_the_cpu_against_finite_differences():
    net = Attention().eval()
    x, v = points(1, 3, 8).double(), points(1, 3, 8, seed=2).double()
    ours = hvp(net, x, v)
    double = Attention().eval().double()

    def gradient(point):
        point = point.clone().requires_grad_()
        return torch.autograd.grad(double(point).sum(), point)[0]

    step = 1e-5  # error: step² times the fourth derivative, and 1e-16/step of rounding
    expected = (gradient(x + step * v) - gradient(x - step * v)) / (2 * step)
    torch.testing.assert_close(ours, expected, rtol=0, atol=1e-7 * float(expected.abs().max()) + 1e-9)


def test_recurrent_layers():
    torch.manual_seed(0)
    lstm = nn.LSTM(3, 4, batch_first=True).eval()
    x, v = points(2, 5, 3).double(), points(2, 5, 3, seed=2).double()
    ours = hvp(lambda z: lstm(z)[0].sum((1, 2)), x, v)
    double = nn.LSTM(3, 4, batch_first=True).double()
    double.load_state_dict(lstm.state_dict())
    expected = torch.autograd.functional.hvp(lambda z: double(z)[0].sum(), x, v)[1]
    torch.testing.assert_close(ours, expected, rtol=1e-12, atol=1e-14)


class Escapes(torch.autograd.Function):
    """x³ whose backward cannot be differentiated."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x**3

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, gradient):
        return 3 * ctx.saved_tensors[0] ** 2 * gradient


def detached(x):
    with torch.no_grad():
        return (x**3).sum(1)


class Untrue(torch.autograd.Function):
    """sin x whose backward pass is that of x."""

    @staticmethod
    def forward(ctx, x):
        return x.sin()

    @staticmethod
    def backward(ctx, gradient):
        return gradient * 0 + gradient


def untrue(x):
    return Untrue.apply(x).sum(1)


def no_rule(x):
    return torch.special.digamma(3 + x**2).sum(1)


@pytest.mark.parametrize("also", [None, no_rule])
@pytest.mark.parametrize(
    ("model", "second"),
    [
        (lambda x: Escapes.apply(x).sum(1), lambda x: 6 * x),
        (detached, lambda x: 6 * x),
        (untrue, lambda x: -x.sin()),
    ],
)
def test_the_operations_are_differentiated_where_the_model_is_not(model, second, also):
    """By the walk, or where an operation has no rule by backward passes through the program."""
    x, v = points(2, 3).double(), points(2, 3, seed=2).double()
    if also is None:
        ours, expected = hvp(model, x, v), second(x) * v
    else:
        expected = second(x) * v + hvp(also, x, v)
        with pytest.warns(FallbackWarning, match="second derivatives of the model fail"):
            ours = hvp(lambda z: model(z) + also(z), x, v)
    torch.testing.assert_close(ours, expected, rtol=1e-12, atol=1e-14)  # rounding of a few operations


@pytest.mark.parametrize("model", [untrue, no_rule, detached, lambda x: x.prod(1).sin()])
def test_is_the_hessian_times_the_vector(model):
    x, v = points(2, 3).double(), points(2, 3, seed=2).double()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FallbackWarning)
        expected = torch.einsum("eij,ej->ei", hessian(model, x), v)
        torch.testing.assert_close(hvp(model, x, v), expected, rtol=1e-12, atol=1e-14)


def test_a_program_serves_the_examples_it_is_right_for(monkeypatch):
    captured = []
    original = hvp_module.capture_at
    monkeypatch.setattr(hvp_module, "capture_at", lambda *args: captured.append(args[2]) or original(*args))
    x = points(6, 4)
    for size in (None, 1, 4):
        hvp(mlp(), x, x, target=[0, 1, 2, 0, 1, 2], internal_batch_size=size)
    assert captured == [0, 1, 2] * 3
    captured.clear()

    def branching(z):
        return torch.stack([(row**2).sum() if float(row[0].detach()) > 0 else (row**3).sum() for row in z])

    x = torch.tensor([[1.0, 2.0], [-1.0, 2.0], [3.0, 1.0]]).double()
    expected = torch.stack([2 * x[0], 6 * x[1] ** 2, 2 * x[2]])
    torch.testing.assert_close(hvp(branching, x, x), expected, rtol=1e-13, atol=0)

    assert captured == [0, 1, 2]
    scales = torch.tensor([1.0, 2.0, 3.0]).double()
    result = hvp(lambda z, c: c * (z**2).sum(1), x, x, additional_forward_args=scales)
    torch.testing.assert_close(result, 2 * scales[:, None] * x, rtol=1e-13, atol=0)


def test_kinks_and_singular_points_are_said():
    x = points(2, 3).double()
    with pytest.warns(KinkWarning, match=r"1 operations with kinks.*relu.*products miss.*ta.harsanyi"):
        assert hvp(lambda z: (z.relu() ** 2).sum(1), x, x).any()
    with pytest.warns(KinkWarning, match="are zero"):
        assert not hvp(lambda z: z.relu().sum(1), x, x).any()
    with pytest.warns(KinkWarning, match="relu"):  # cannot be walked
        hvp(lambda z: no_rule(z.relu()), x, x)
    with pytest.raises(NonFiniteError, match=r"of example 1 .* 3 of 3 entries.*vector_norm.*no finite deriv"):
        hvp(lambda z: (z - x[1]).norm(dim=1), x, x)
    with pytest.raises(NonFiniteError, match="aten.sqrt"):
        hvp(lambda z: z.sqrt().sum(1), 0 * x, x)


def test_linear_models_have_none():
    assert not hvp(nn.Linear(3, 1).eval(), points(2, 3), points(2, 3)).any()


def test_inside_no_grad_and_inference_mode():
    matrix, f = quadratic(3)
    v = points(1, 3)
    for mode in (torch.no_grad, torch.inference_mode):
        with mode():
            result = hvp(f, points(1, 3), v)
        torch.testing.assert_close(result, v.double() @ matrix, rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize(
    ("vectors", "error", "message"),
    [
        (torch.ones(3), ShapeError, r"vectors have shape \(3,\); expected \(2, 3\) or \(1, 3\)"),
        (torch.ones(5, 3), ShapeError, "vectors have shape"),
        ((torch.ones(2, 3),) * 2, ShapeError, "2 vectors for 1 input tensors"),
        (torch.full((2, 3), float("nan")), NonFiniteError, "vectors holds nan"),
    ],
)
def test_vectors_that_do_not_fit(vectors, error, message):
    with pytest.raises(error, match=message):
        hvp(lambda x: x.sum(1), points(2, 3), vectors)


def test_other_errors():
    with pytest.raises(OptionError, match="internal_batch_size=0"):
        hvp(lambda x: x.sum(1), points(2, 3), points(2, 3), internal_batch_size=0)
    with pytest.raises(DtypeError, match="embeddings"):
        hvp(lambda x: x.sum(1), torch.ones(2, 3).long(), points(2, 3))
