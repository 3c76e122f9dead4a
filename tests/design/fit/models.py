"""Small models whose effects are known: Σ_S c_S Π_{i∈S} x_i, and a smooth network."""

import torch


class Multilinear(torch.nn.Module):
    """f(x) = Σ_S c_S Π_{i∈S} x_i, so that J(S) = c_S Π_{i∈S} x_i at baseline 0."""

    def __init__(self, coefficients):
        super().__init__()
        self.coefficients = coefficients
        self.eval()

    def forward(self, x):
        return sum(c * x[:, list(s)].prod(1) for s, c in self.coefficients.items())


def every_pair(n, seed=0):
    """A multilinear model with all first and second order terms and one of order 3."""
    generator = torch.Generator().manual_seed(seed)
    coalitions = [(i,) for i in range(n)] + [(i, j) for i in range(n) for j in range(i)] + [(0, 1, 2)]
    values = torch.randn(len(coalitions), generator=generator).tolist()
    return Multilinear(dict(zip(coalitions, values, strict=True)))


def smooth(n=3, seed=0):
    """A small network of softplus units, a function on tensors."""
    generator = torch.Generator().manual_seed(seed)
    inner = torch.randn(n, 6, generator=generator, dtype=torch.float64)
    outer = torch.randn(6, generator=generator, dtype=torch.float64)
    return lambda x: torch.nn.functional.softplus(x.double() @ inner) @ outer


def inputs(batch, n, seed=1):
    """Uniform in [½, 1½], float64."""
    generator = torch.Generator().manual_seed(seed)
    return 0.5 + torch.rand(batch, n, generator=generator, dtype=torch.float64)


def squared_error(scores, examples):
    """Σ_i (score − truth)² of each example: an objective with a gradient."""
    return (scores - examples.truth).square().sum(-1)
