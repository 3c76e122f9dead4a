"""Polynomials and tiny networks whose effects are known by construction."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from taylorattr.aliases import Coalition, MultiIndex
from taylorattr.errors import OptionError, ShapeError
from taylorattr.maths.multi_index import factorial
from taylorattr.maths.polynomials import by_support, taylor_effects

ACTIVATIONS: dict[str, type[nn.Module]] = {  # by the names that `mlp` takes
    "gelu": nn.GELU,
    "tanh": nn.Tanh,
    "softplus": nn.Softplus,
    "silu": nn.SiLU,
    "sigmoid": nn.Sigmoid,
    "relu": nn.ReLU,
}


class Polynomial(nn.Module):
    """Σ c_κ x^κ as a model (B, n) -> (B,), with its exact effects.

    Args:
        terms: κ -> coefficient; int and Fraction coefficients keep the effects exact.

    Raises:
        ShapeError: If there is no term or the multi-indices differ in length.
    """

    def __init__(self, terms: Mapping[MultiIndex, Any]) -> None:
        super().__init__()
        if len({len(kappa) for kappa in terms}) != 1:
            raise ShapeError("a polynomial needs terms, with one exponent per variable in each")
        self.terms = dict(terms)
        self.n = len(next(iter(terms)))
        self.eval()

    def forward(self, x: Tensor) -> Tensor:
        """Return the value for each row of x, shape (B, n) -> (B,)."""
        total = torch.zeros_like(x[:, 0])
        for kappa, coefficient in self.terms.items():
            term = torch.full_like(x[:, 0], float(coefficient))
            # products, not x**power: a power has a rule of its own in every engine, and this is their oracle
            for i, power in enumerate(kappa):
                for _ in range(power):
                    term = term * x[:, i]
            total = total + term
        return total

    def effects(self, x: Sequence[Any], baseline: Sequence[Any] | None = None) -> dict[MultiIndex, Any]:
        """Return I(κ) for every κ with a non-zero effect, eq. (1), in the arithmetic of the arguments."""
        return taylor_effects(self.terms, x, [0] * self.n if baseline is None else baseline)

    def harsanyi(self, x: Sequence[Any], baseline: Sequence[Any] | None = None) -> dict[Coalition, Any]:
        """Return J(S) for every S with a Taylor effect, in the arithmetic of the arguments."""
        return by_support(self.effects(x, baseline))


def three_effects() -> Polynomial:
    """Return 3x₀ + x₁² + 3x₀x₁²: at (1, 2) from 0 the effects are 3 | 4 | 12."""
    return Polynomial({(1, 0): 3, (0, 2): 1, (1, 2): 3})


class Ridge(nn.Module):
    """σ(c + w·x) with σ = exp or sin, a model (B, n) -> (B,) with the closed form of eq. (5).

    Args:
        weights: w.
        bias: c.
        function: ``exp`` or ``sin``.

    Raises:
        OptionError: If the function is neither.
    """

    def __init__(self, weights: Sequence[float], bias: float = 0.0, function: str = "exp") -> None:
        super().__init__()
        if function not in ("exp", "sin"):
            raise OptionError(f"function={function!r}; a ridge of known effects is 'exp' or 'sin'")
        self.function = function
        self.register_buffer("weights", torch.tensor(weights, dtype=torch.float64))
        self.bias = bias
        self.eval()

    def forward(self, x: Tensor) -> Tensor:
        """Return σ(c + w·x) for each row."""
        z = x @ self.get_buffer("weights").to(x.dtype) + self.bias
        return z.exp() if self.function == "exp" else z.sin()

    def effect(self, kappa: MultiIndex, x: Sequence[float], baseline: Sequence[float] | None = None) -> float:
        """Return I(κ) = σ^{(m)}(c + w·b) u^κ/κ! with u = w∘Δ, m = |κ|."""
        w = self.get_buffer("weights").tolist()
        b = [0.0] * len(w) if baseline is None else baseline
        z = self.bias + sum(p * q for p, q in zip(w, b, strict=True))
        m = sum(kappa)
        # the m-th derivative of sin is sin shifted by m quarter turns
        derivative = math.exp(z) if self.function == "exp" else math.sin(z + m * math.pi / 2)
        u = [p * (q - r) for p, q, r in zip(w, x, b, strict=True)]
        return derivative * math.prod(v**k for v, k in zip(u, kappa, strict=True)) / factorial(kappa)


class AllPresent(nn.Module):
    """ReLU(Σx − (n−1)): at x = 1 from 0 it is AND, so J(N) = 1 is its only effect in frame b."""

    def __init__(self) -> None:
        super().__init__()
        self.eval()

    def forward(self, x: Tensor) -> Tensor:
        """Return the value for each row, shape (B, n) -> (B,)."""
        return torch.relu(x.sum(1) - (x.shape[1] - 1))

    def harsanyi(self, n: int) -> dict[Coalition, int]:
        """Return the non-zero J(S) at x = 1, b = 0."""
        return {tuple(range(n)): 1}


class AnyPresent(nn.Module):
    """1 − ReLU(1 − Σx): at x = 1 from 0 it is OR: J(S) = (−1)^{|S|+1}, and J^x(N) = 1 alone in frame x."""

    def __init__(self) -> None:
        super().__init__()
        self.eval()

    def forward(self, x: Tensor) -> Tensor:
        """Return the value for each row, shape (B, n) -> (B,)."""
        return 1 - torch.relu(1 - x.sum(1))

    def harsanyi(self, n: int) -> dict[Coalition, int]:
        """Return the non-zero J(S) at x = 1, b = 0."""
        sizes = range(1, n + 1)
        return {c: (-1) ** (s + 1) for s in sizes for c in itertools.combinations(range(n), s)}


def mlp(
    widths: Sequence[int], activation: str = "gelu", *, seed: int = 0, dtype: torch.dtype = torch.float32
) -> nn.Sequential:
    """Return a fully connected network with seeded weights; the global random state is left alone.

    Args:
        widths: Sizes of the layers, input and output included: (16, 256, 256, 1).
        activation: ``gelu``, ``tanh``, ``softplus``, ``silu``, ``sigmoid`` or ``relu``, between layers.
        seed: Seed of the weights, uniform in ±1/√(fan-in) as torch's default.
        dtype: Of the parameters.

    Returns:
        The network in eval mode.

    Raises:
        OptionError: If the activation is unknown.
    """
    if activation not in ACTIVATIONS:
        raise OptionError(f"activation={activation!r}; known: {', '.join(ACTIVATIONS)}")
    generator = torch.Generator().manual_seed(seed)
    layers: list[nn.Module] = []
    for fan_in, fan_out in itertools.pairwise(widths):
        # without torch's own initialisation, which draws from the global generator
        linear = nn.utils.skip_init(nn.Linear, fan_in, fan_out, dtype=dtype)
        with torch.no_grad():
            for parameter in linear.parameters():
                parameter.uniform_(-1 / math.sqrt(fan_in), 1 / math.sqrt(fan_in), generator=generator)
        layers += [linear, ACTIVATIONS[activation]()]
    return nn.Sequential(*layers[:-1]).eval()
