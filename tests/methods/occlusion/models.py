"""Models and sums over effects the occlusion tests share."""

import torch
from torch import nn


class Tokens(nn.Module):
    """Integer tokens (R, T) to one number, with products between neighbours."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(3)
        self.embedding = nn.Embedding(9, 4)
        self.head = nn.Linear(4, 1)

    def forward(self, tokens):
        e = self.embedding(tokens)
        return self.head((e[:, 1:] * e[:, :-1]).tanh().sum(1) + e.mean(1)).squeeze(1)


class TwoInputs(nn.Module):
    """Two inputs (R, 3) and (R, 2, 2) that interact."""

    def forward(self, x, y):
        return (x.prod(1) + (x[:, 0] * y[:, 1, 1]).sin() + y.flatten(1).exp().prod(1))[:, None]


TOKENS, TWO_INPUTS = Tokens().eval(), TwoInputs().eval()


def effect_sums(effects, weight):
    """Σ_S weight(i, S) J(S) for each example and player, from a full table of effects."""
    result = torch.zeros(effects.batch, effects.n, dtype=torch.float64)
    for position, coalition in enumerate(effects.coalitions):
        if coalition:
            for i in range(effects.n):
                result[:, i] += weight(i, set(coalition)) * effects.values[:, position].double()
    return result
