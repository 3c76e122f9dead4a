"""Single units σ(w·x + c) as models, for the rules whose κ counts the inputs of one unit."""

from dataclasses import dataclass

import torch
from torch import nn

import taylorattr as ta


class Polynomial(nn.Module):
    """σ(z) = Σ_k coefficients[k] z^{k+1}: σ(0) = 0, written with separate powers."""

    def __init__(self, *coefficients):
        super().__init__()
        self.coefficients = coefficients

    def forward(self, z):
        return sum(a * z ** (k + 1) for k, a in enumerate(self.coefficients))


class Power(nn.Module):
    """σ(z) = z^k, one operation."""

    def __init__(self, exponent):
        super().__init__()
        self.exponent = exponent

    def forward(self, z):
        return torch.pow(z, self.exponent)


class Unit(nn.Module):
    """σ(w·x + c), inputs (B, n) to (B,)."""

    def __init__(self, weights, bias, activation):
        super().__init__()
        self.linear = nn.Linear(len(weights), 1).double()
        self.linear.weight.data[0] = torch.as_tensor(weights)
        self.linear.bias.data[0] = bias
        self.activation = activation
        self.eval()

    def forward(self, x):
        return self.activation(self.linear(x))[:, 0]


@dataclass
class Case:
    """A unit at random points of mixed signs."""

    unit: Unit
    x: torch.Tensor
    b: torch.Tensor

    @property
    def w(self):
        return self.unit.linear.weight.data[0]

    @property
    def c(self):
        return float(self.unit.linear.bias)

    @property
    def u(self):
        return (self.w * (self.x - self.b)).numpy()

    def effects(self, order, frame="baseline"):
        return ta.decompose(self.unit, self.x, self.b, order=order, frame=frame)

    def scores(self, method, baselines=True, **options):
        given = (self.b,) if baselines else ()
        return ta.attribute(method, self.unit, self.x, *given, dtype=torch.float64, **options).player_scores


def case(activation, n=3, seed=0, bias=0.0, baseline=False, rows=3, reach=None):
    """A unit of both signs, baseline 0 or random; `reach` bounds Σ|u_i|, hence both groups."""
    generator = torch.Generator().manual_seed(seed)
    draw = lambda *shape: torch.randn(*shape, generator=generator, dtype=torch.float64)  # noqa: E731
    w, x = draw(n), draw(rows, n)
    w[0], w[1] = w[0].abs(), -w[1].abs()
    x[:, :2] = x[:, :2].abs()  # so that both groups have members
    b = draw(1, n) if baseline else torch.zeros(1, n, dtype=torch.float64)
    if reach is not None:
        w *= reach / float((w * (x - b)).abs().sum(1).max())
    return Case(Unit(w, bias, activation), x, b)


def assert_same(allocated, direct, tolerance=1e-10):
    """Scores agree relative to the largest; 1e-10 leaves four digits to cancellation in float64."""
    got = allocated.player_scores
    error = float((got - direct).abs().max() / direct.abs().max())
    assert error <= tolerance, f"allocation {got.tolist()}, method {direct.tolist()}: off by {error:.1e}"
