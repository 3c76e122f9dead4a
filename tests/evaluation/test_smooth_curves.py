"""Expectations over random orders: exact, smooth, and the ranking's own curve in the limit."""

import itertools
import math

import numpy as np
import pytest
import torch

from taylorattr.errors import OptionError
from taylorattr.evaluation import (
    aopc,
    aup,
    deletion_curve,
    expected_aup,
    expected_deletion,
    expected_deletion_aopc,
    expected_recovery,
    ranking,
    recovery_curve,
    soft_memberships,
    soft_ranks,
)
from taylorattr.maths.mobius import mobius


def game(batch=2, n=4, seed=0):
    generator = np.random.default_rng(seed)
    v = torch.from_numpy(generator.normal(size=(batch, 1 << n)))
    return v, torch.from_numpy(generator.normal(size=(3, batch, n)))


@pytest.mark.parametrize("temperature", [0.3, 2.0])
def test_the_expectation_is_the_sum_over_all_orders(temperature):
    v, scores = game()
    found, lost = expected_recovery(v, scores, temperature), expected_deletion(v, scores, temperature)
    risk = expected_aup(v, scores, temperature, 2, rank="signed")
    for c, b in itertools.product(range(3), range(2)):
        s = scores[c, b].numpy()
        weight = np.exp(s / (temperature * np.sqrt(np.mean(s**2))))
        recovery, deletion, errors = np.zeros(5), np.zeros(5), 0.0
        for order in itertools.permutations(range(4)):
            left, chance = weight.sum(), 1.0
            for i in order:
                chance, left = chance * weight[i] / left, left - weight[i]
            masks = np.cumsum([0, *(1 << i for i in order)])
            recovery += chance * v[b].numpy()[masks]
            deletion += chance * v[b].numpy()[15 - masks]
            errors += chance * ((v[b].numpy()[masks[1:]] - float(v[b, 15])) ** 2).sum()
        # 24 orders in float64; left loses digits where one weight rules
        assert np.allclose(found[c, b].numpy(), recovery, atol=1e-10)
        assert np.allclose(lost[c, b].numpy(), deletion, atol=1e-10)
        assert math.isclose(float(risk[c, b]), errors, rel_tol=1e-9)


def test_it_tends_to_the_curve_of_the_ranking():
    v, scores = game(3, 6, seed=1)
    gaps = scores.sort(-1).values.diff(dim=-1).amin(-1) / scores.square().mean(-1).sqrt()
    hard, last = recovery_curve(v, scores), torch.inf
    for temperature in (0.3, 0.03, 0.003):
        off = (expected_recovery(v, scores, temperature) - hard).abs().amax(-1)
        assert float(off.max()) < last
        last = float(off.max())
    # a wrong order has odds below e^(−gap/τ) per pair
    size = float(v.abs().max())
    tiny = 0.02 * float(gaps.min())
    assert torch.allclose(
        expected_recovery(v, scores, tiny), hard, rtol=0, atol=100 * size * math.exp(-50) + 1e-12
    )
    assert torch.allclose(expected_deletion(v, scores, tiny), deletion_curve(v, scores), rtol=0, atol=1e-12)
    absolute = aup(recovery_curve(v, scores, rank="abs"))
    near = scores.abs().sort(-1).values.diff(dim=-1).amin(-1) / scores.square().mean(-1).sqrt()
    assert torch.allclose(expected_aup(v, scores, 0.02 * float(near.min())), absolute, rtol=1e-12)
    area = aopc(deletion_curve(v, scores))
    assert torch.allclose(expected_deletion_aopc(v, scores, tiny), area, rtol=0, atol=1e-12)


def test_scale_changes_nothing_and_infinite_temperature_forgets_the_scores():
    v, scores = game()
    once = expected_recovery(v, scores, 0.7)
    assert torch.allclose(expected_recovery(v, 1e3 * scores, 0.7), once, rtol=0, atol=1e-12)
    n, sizes = 4, np.array([int(s).bit_count() for s in range(16)])
    means = np.stack([v.numpy()[:, sizes == k].mean(1) for k in range(n + 1)], -1)
    assert np.allclose(expected_recovery(v, scores, 1e9).numpy(), means, atol=1e-7)
    assert torch.isfinite(expected_recovery(v, torch.zeros(2, 4).double(), 0.1)).all()


def test_gradients_are_those_of_finite_differences_and_climb():
    v, scores = game(1, 4)
    given = scores[0].requires_grad_()
    assert torch.autograd.gradcheck(lambda s: expected_recovery(v, s, 0.5), (given,))
    assert torch.autograd.gradcheck(lambda s: expected_aup(v, s, 0.5, 2), (given,))
    cold = torch.autograd.grad(expected_aup(v, given, 1e-3).sum(), given)[0]
    assert torch.isfinite(cold).all()
    s = torch.zeros(1, 4).double().add_(0.01 * torch.arange(4)).requires_grad_()
    optimiser = torch.optim.Adam([s], lr=0.1)
    parts = torch.tensor([3.0, -1.0, 2.0, 0.5]).double()
    additive = torch.stack(
        [sum((parts[i] for i in range(4) if m >> i & 1), parts.new_zeros(())) for m in range(16)]
    )[None]
    for _ in range(150):
        optimiser.zero_grad()
        (-expected_deletion_aopc(additive, s, 0.3)).sum().backward()
        optimiser.step()
    assert (ranking(s.detach()) == ranking(parts)).all()  # the best order of an additive game


def test_soft_ranks_tend_to_ranks_and_memberships_to_sets():
    scores = torch.tensor([[0.3, -1.0, 2.0, 0.5], [1.0, 2.0, 3.0, 4.0]]).double().requires_grad_()
    assert torch.allclose(soft_ranks(scores, 0.7).sum(-1), torch.tensor(6.0).double())
    assert torch.allclose(soft_ranks(scores, 1e-3), torch.tensor([[2.0, 3, 0, 1], [3, 2, 1, 0]]).double())
    m = soft_memberships(scores, 1e-3)
    assert torch.allclose(m[0, 2], torch.tensor([0.0, 0, 1, 1]).double()) and (m[:, 4] > 1 - 1e-9).all()
    assert torch.autograd.gradcheck(lambda s: soft_memberships(s, 0.6), (scores,))
    # as points of the multilinear extension: the hard recovery curve
    v, _ = game(1, 4)
    effects = torch.from_numpy(mobius(v.numpy()))[0]
    inside = torch.tensor([[bool(s >> i & 1) for i in range(4)] for s in range(16)])
    curve = (torch.where(inside, m[0, :, None, :], 1.0).prod(-1) * effects).sum(-1)
    assert torch.allclose(curve, recovery_curve(v, scores[:1].detach())[0], rtol=0, atol=1e-9)


def test_wrong_arguments():
    v, scores = game()
    with pytest.raises(OptionError, match="positive"):
        expected_recovery(v, scores, 0)
    with pytest.raises(OptionError, match="positive"):
        soft_ranks(scores, -1.0)
    with pytest.raises(OptionError, match="squared"):
        expected_aup(v, scores, 1.0, 0)
