"""Curves of a table are those of the model; their ends are f(x) and f(b)."""

import itertools

import numpy as np
import pytest
import torch

import taylorattr as ta
from taylorattr.errors import NonFiniteError, OptionError, ShapeError
from taylorattr.evaluation import (
    aup,
    coalition_infidelity,
    coalition_table,
    deletion_curve,
    player_curves,
    recovery_curve,
)


def table(batch=3, n=5, seed=0):
    return torch.from_numpy(np.random.default_rng(seed).normal(size=(batch, 1 << n)))


def slow_curves(v, scores):
    """Recovery and deletion of one example by sets."""
    n = len(scores)
    order = sorted(range(n), key=lambda i: -scores[i])
    mask = lambda members: sum(1 << i for i in members)  # noqa: E731
    recovery = [v[mask(order[:k])] for k in range(n + 1)]
    return recovery, [v[mask(set(range(n)) - set(order[:k]))] for k in range(n + 1)]


def test_every_candidate_and_example_against_sets():
    v = table()
    scores = np.random.default_rng(1).normal(size=(4, 2, 3, 5))
    recovery, deletion = recovery_curve(v, scores), deletion_curve(v, scores)
    assert recovery.shape == deletion.shape == (4, 2, 3, 6)
    for place in itertools.product(range(4), range(2), range(3)):
        slow = slow_curves(v[place[-1]].tolist(), scores[place].tolist())
        assert recovery[place].tolist() == slow[0] and deletion[place].tolist() == slow[1]


def test_ends_are_the_outputs_at_baseline_and_input():
    v = table()
    scores = torch.randn(7, 3, 5, generator=torch.Generator().manual_seed(0))
    recovery, deletion = recovery_curve(v, scores), deletion_curve(v, scores)
    assert (recovery[..., 0] == v[:, 0]).all() and (recovery[..., -1] == v[:, -1]).all()
    assert (deletion[..., 0] == v[:, -1]).all() and (deletion[..., -1] == v[:, 0]).all()


def test_deleting_the_most_relevant_is_recovering_the_least_relevant_backwards():
    v, scores = table(), torch.randn(3, 5, generator=torch.Generator().manual_seed(2)).round()
    distinct = torch.rand(3, 5, generator=torch.Generator().manual_seed(2))
    assert (deletion_curve(v, distinct) == recovery_curve(v, -distinct).flip(-1)).all()
    assert (recovery_curve(v, -scores) == recovery_curve(v, scores, least_first=True)).all()


@pytest.mark.parametrize("frame", ["baseline", "input"])
def test_effects_give_the_curves_that_the_model_gives(frame):
    model = torch.nn.Sequential(torch.nn.Linear(6, 8), torch.nn.ReLU(), torch.nn.Linear(8, 1))
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator))
    x = torch.randn(4, 6, generator=generator)
    effects = ta.harsanyi(model.double().eval(), x.double(), frame=frame)
    scores = torch.randn(4, 6, generator=generator, dtype=torch.float64)
    run = player_curves(model, x.double(), scores)
    # both in float64; sums of 64 effects of a table of size ~10
    assert torch.allclose(recovery_curve(effects, scores), run.recovery, rtol=0, atol=1e-11)
    assert torch.allclose(deletion_curve(effects, scores), run.deletion, rtol=0, atol=1e-11)
    assert torch.allclose(run.measure("aup"), aup(run.recovery)) and run.measures == (
        "aup", "mae", "mse", "recovery", "deletion",
    )  # fmt: skip


def test_infidelity_of_an_additive_game_is_zero_and_of_others_the_sum_over_coalitions():
    parts = torch.tensor([[1.0, -2.0, 4.0]]).double()
    additive = torch.tensor(
        [[5.0 + sum(parts[0, i] for i in range(3) if s >> i & 1) for s in range(8)]]
    ).double()
    assert coalition_infidelity(additive, parts) == 0
    v, scores = table(2, 3), torch.randn(5, 2, 3, generator=torch.Generator().manual_seed(0)).double()
    found = coalition_infidelity(v, scores)
    for c, b in itertools.product(range(5), range(2)):
        terms = [
            (sum(float(scores[c, b, i]) for i in range(3) if s >> i & 1) - float(v[b, 7] - v[b, 7 - s])) ** 2
            for s in range(8)
        ]
        assert float(found[c, b]) == pytest.approx(sum(terms) / 8)


def test_wrong_tables_and_scores():
    effects = ta.harsanyi(lambda x: x.prod(1), torch.ones(2, 4), max_order=2)
    with pytest.raises(OptionError, match="without max_order"):
        recovery_curve(effects, torch.ones(2, 4))
    with pytest.raises(ShapeError, match=r"power|2\*\*n"):
        coalition_table(torch.ones(2, 6))
    with pytest.raises(ShapeError, match=r"expects \(…, 2, 3\)"):
        recovery_curve(torch.ones(2, 8), torch.ones(2, 4))
    with pytest.raises(NonFiniteError, match="inf at index"):
        recovery_curve(torch.ones(1, 2), torch.tensor([[torch.inf]]))
