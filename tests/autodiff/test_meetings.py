"""Pairs that are said never to meet have no effect together; structures that keep pairs apart are seen."""

import itertools

import numpy as np
import pytest
import torch
from torch import nn

from taylorattr.analysis.question import Question
from taylorattr.autodiff.captured import programs_between
from taylorattr.autodiff.meetings import meetings
from taylorattr.effects.harsanyi import harsanyi

torch.manual_seed(0)
pytestmark = pytest.mark.filterwarnings("ignore::taylorattr.errors.TrainingModeWarning")


def may_meet(model, x, baselines=None, **options):
    game = Question(model, x, baselines, **options).game
    found = meetings(game, 0, next(iter(programs_between(game))))
    return found


class Branches(nn.Module):
    """Two networks on columns of their own, a product, a linear rest."""

    def __init__(self, act=nn.Tanh):
        super().__init__()
        self.a = nn.Sequential(nn.Linear(2, 4), act(), nn.Linear(4, 1))
        self.b = nn.Sequential(nn.Linear(2, 4), act(), nn.Linear(4, 1))

    def forward(self, x):
        return self.a(x[:, :2])[:, 0] + self.b(x[:, 2:4])[:, 0] + x[:, 4] * x[:, 5] + 3 * x[:, 6]


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.q = nn.Linear(3, 3)

    def forward(self, x):
        a = torch.softmax(self.q(x) @ x.transpose(1, 2), -1)
        return (a @ x).sum((1, 2))


class Pooled(nn.Module):
    def forward(self, x):
        return nn.functional.max_pool1d(x[:, None], 2)[:, 0] @ torch.arange(1.0, 4.0, dtype=x.dtype)


class Branching(nn.Module):
    def forward(self, x):
        return x[:, 0] * x[:, 1] if bool(x.sum() > 100) else x.sum(1)


CONVOLUTION = nn.Sequential(nn.Conv1d(1, 2, 3), nn.GELU(), nn.Flatten(), nn.Linear(12, 1))
MODELS = {
    "branches": (Branches(), torch.randn(1, 7)),
    "branches with kinks": (Branches(nn.ReLU), torch.randn(1, 7)),
    "convolution": (CONVOLUTION, torch.randn(1, 1, 8)),
    "attention": (Attention(), torch.randn(1, 3, 3)),
    "max-pooling": (Pooled(), torch.randn(1, 6)),
    "square": (lambda x: x[:, :2].sum(1) ** 2 + x[:, 2:].prod(1), torch.randn(1, 5)),
}


@pytest.mark.parametrize("name", MODELS)
def test_pairs_kept_apart_have_no_effect_in_any_coalition(name):
    """The oracle: Harsanyi effects of all coalitions, by 2^n forwards."""
    model, x = MODELS[name]
    found = may_meet(model, x).may_meet
    assert torch.equal(found, found.T) and bool(found.diagonal().all())
    effects = harsanyi(model, x)
    for coalition, value in zip(effects.coalitions, effects.values[0].tolist(), strict=True):
        if any(not found[i, j] for i, j in itertools.combinations(coalition, 2)):
            assert abs(value) <= float(effects.error_bound[0, len(coalition)])


def pairs(found):
    return {tuple(p) for p in torch.triu(found.may_meet, 1).nonzero().tolist()}


def test_structures_are_seen():
    assert pairs(may_meet(*MODELS["branches"])) == {(0, 1), (2, 3), (4, 5)}
    near = {(i, j) for i, j in itertools.combinations(range(8), 2) if j - i < 3}
    assert pairs(may_meet(*MODELS["convolution"])) == near


def test_factors_of_a_product_of_matrices_meet_over_what_is_summed():
    x = torch.ones(1, 4)
    inner = may_meet(lambda t: torch.bmm(t[:, None, :2], t[:, 2:, None]).sum((1, 2)), x)
    outer = may_meet(lambda t: torch.bmm(t[:, :2, None], t[:, None, 2:]).sum((1, 2)), x)
    assert pairs(inner) == {(0, 2), (1, 3)}
    assert pairs(outer) == {(0, 2), (0, 3), (1, 2), (1, 3)}


def test_a_weight_of_zero_carries_nobody_and_a_tiny_one_does():
    model = nn.Sequential(nn.Linear(3, 1), nn.Tanh()).double()
    with torch.no_grad():
        model[0].weight.copy_(torch.tensor([[1.0, 0.0, 1e-200]], dtype=torch.float64))
    assert pairs(may_meet(model, torch.ones(1, 3))) == {(0, 2)}


def test_a_player_at_its_baseline_meets_nobody():
    x = torch.ones(1, 3)
    assert pairs(may_meet(lambda t: t.prod(1), x, torch.tensor([[0.0, 0.0, 1.0]]))) == {(0, 1)}


def test_players_of_several_elements_meet_by_any_of_them():
    x = torch.randn(1, 7)
    found = may_meet(Branches(), x, players=[[0, 4], [1], [2, 5], [3], [6]])
    assert pairs(found) == {(0, 1), (0, 2), (2, 3)}


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_either_precision(dtype):
    assert pairs(may_meet(*MODELS["branches"], dtype=dtype)) == {(0, 1), (2, 3), (4, 5)}


def test_where_nothing_can_be_told_everybody_may_meet():
    branching = may_meet(Branching(), torch.randn(1, 4))
    assert branching.proved == 0 and branching.reason

    def through_numpy(x):
        return torch.from_numpy(np.sin(x.detach().numpy())).sum(1)

    assert may_meet(through_numpy, torch.randn(1, 3)).proved == 0
