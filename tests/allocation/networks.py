"""One-hidden-layer networks inside their radius of convergence, and a bound of what an order leaves out."""

import math

import torch

import taylorattr as ta
from taylorattr.toys import mlp

WIDTHS = (4, 16, 64)
ORDERS = (2, 4, 6)
PLAYERS = 3
RADIUS = 4.0
"""Polyradius R in units of Δ: the bound falls as R^{−K}."""


class TanhNetwork(torch.nn.Module):
    """Σ_h v_h tanh(c_h + u_h·x) with Σ_j |u_{hj}| R + |c_h| = 1.4 < π/2 for every unit, at |x_j| ≤ 1."""

    def __init__(self, width, seed=0):
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        u = torch.randn(width, PLAYERS, generator=generator, dtype=torch.float64)
        c = 0.3 * torch.rand(width, generator=generator, dtype=torch.float64)
        self.u = torch.nn.Parameter(u / u.abs().sum(1, keepdim=True) * ((1.4 - c) / RADIUS)[:, None])
        self.c = torch.nn.Parameter(c)
        self.v = torch.nn.Parameter(torch.randn(width, generator=generator, dtype=torch.float64) / width)
        self.eval()

    def forward(self, x):
        return torch.tanh(x @ self.u.T + self.c) @ self.v

    def largest(self):
        """M ≥ |f| on the polydisc |t_j| ≤ R: |tanh z| ≤ tan |z|, the same coefficients without signs."""
        reach = self.c.abs() + RADIUS * self.u.abs().sum(1)
        return float((self.v.abs() * torch.tan(reach)).sum().detach())


def bound(network, order, weight=lambda m: 1.0, players=PLAYERS):
    """Σ_{m>K} weight(m) M C(n+m−1, m) r^m, eq. (61), r = 1/R; summed until terms no longer count."""
    r = 1 / RADIUS
    return network.largest() * sum(
        weight(m) * math.comb(players + m - 1, m) * r**m for m in range(order + 1, order + 200)
    )


def inside(seed=1):
    """x with |x_j| ≤ 1; the baseline is 0."""
    return 2 * torch.rand(2, PLAYERS, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) - 1


def shrinks(rule, network, x, direct, context=None, weight=lambda m: 1.0, frame="baseline"):
    """The allocation approaches the method as the order grows and stays within the bound."""
    errors = []
    for order in ORDERS:
        effects = ta.decompose(network, x, order=order, frame=frame)
        allocated = ta.allocate(rule, effects, context)
        errors.append(float((allocated.player_scores - torch.as_tensor(direct)).abs().max()))
        # 1e-12: rounding of the effects themselves
        assert errors[-1] <= bound(network, order, weight) + 1e-12
    assert errors[-1] < 0.05 * errors[0], errors
    return errors


def relu_network(n, width=8, seed=0):
    return mlp((n, width, width, 1), "relu", seed=seed, dtype=torch.float64)
