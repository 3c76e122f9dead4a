"""A ReLU network: exact effects.

The Taylor series of a piecewise linear network is that of one linear piece: its effects of order ≥ 2 are
zero, although the network interacts. `decompose` says so; `harsanyi` needs no derivatives and finds them.
"""

# %%
import warnings

import torch
from torch import nn

import taylorattr as ta

# %%
# First by hand: relu(x₀ + x₁ − 1) at (1, 1) is 1, and 0 as soon as an input is missing: all interaction.

both = ta.harsanyi(lambda x: torch.relu(x.sum(1) - 1), torch.ones(1, 2))
assert [both[0].item(), both[1].item(), both[0, 1].item()] == [0.0, 0.0, 1.0]

# %%
# Then trained: the first two of five inputs count by exclusive or, the others add up.

names = ("a", "b", "plus", "minus", "nothing")
inputs = torch.randint(0, 2, (512, 5), generator=torch.Generator().manual_seed(0)).float()
wanted = (inputs[:, 0] != inputs[:, 1]).float() + 0.5 * inputs[:, 2] - 0.25 * inputs[:, 3]

torch.manual_seed(0)
network = nn.Sequential(nn.Linear(5, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 1))
optimiser = torch.optim.Adam(network.parameters(), lr=0.01)
for _ in range(300):
    optimiser.zero_grad()
    loss = (network(inputs).squeeze(1) - wanted).square().mean()
    loss.backward()
    optimiser.step()
network.eval()
print(f"mean squared error {(network(inputs).squeeze(1) - wanted).square().mean().item():.1e}")

# %%
# The series at the baseline: a warning, no verdict of convergence, and nothing of second order.

x = torch.ones(1, 5)
players = ta.Players.elements(x, names=names)
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    taylor = ta.decompose(network, x, order=2, players=players)
kinks = [warning for warning in caught if issubclass(warning.category, ta.errors.KinkWarning)]
print(kinks[0].message)
assert not taylor.converged.item()
assert taylor.order_values(2).abs().max() == 0.0

# %%
# The exact effects. Exclusive or at (1, 1) is 1 + 1 − 2: either input switches it on, both switch it off.

exact = ta.harsanyi(network, x, players=players)
print(exact)

truth = {("a",): 1.0, ("b",): 1.0, ("a", "b"): -2.0, ("plus",): 0.5, ("minus",): -0.25, ("nothing",): 0.0}
for coalition, value in truth.items():
    assert abs(exact[coalition].item() - value) < 0.1, coalition  # what the training left over
assert exact.top(1)[0][0].key == (0, 1)
assert torch.allclose(exact.values[:, 1:].sum(1), exact.delta, rtol=0, atol=1e-12)  # 31 numbers near 1
