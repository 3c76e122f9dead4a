"""Agreement and variance over baselines against their formulas, a peer, and their invariances."""

import numpy as np
import pytest
import torch
from scipy import stats

from taylorattr.errors import OptionError, ShapeError
from taylorattr.evaluation import agreement, baseline_variance


def pairs(seed=0):
    generator = np.random.default_rng(seed)
    return generator.normal(size=(6, 9)).round(1), generator.integers(0, 3, size=(6, 9)).astype(float)


def test_correlations_are_scipys():
    scores, truth = pairs()
    s, t = torch.from_numpy(scores), torch.from_numpy(truth)
    for kind, peer in (("pearson", stats.pearsonr), ("spearman", stats.spearmanr)):
        expected = [peer(a, b).statistic for a, b in zip(scores, truth, strict=True)]
        assert np.allclose(agreement(s, t, kind).numpy(), expected, atol=1e-12)
        assert torch.allclose(agreement(3 * s + 1, t, kind), agreement(s, t, kind))
    cosine = (scores * truth).sum(1) / np.linalg.norm(scores, axis=1) / np.linalg.norm(truth, axis=1)
    assert np.allclose(agreement(s, t, "cosine").numpy(), cosine, atol=1e-12)
    assert torch.allclose(agreement(s.expand(4, 6, 9), t)[3], agreement(s, t))


def test_gradients_and_what_is_not_defined():
    scores, truth = (torch.from_numpy(part) for part in pairs(1))
    scores.requires_grad_()
    for kind in ("pearson", "cosine"):
        assert torch.autograd.gradcheck(lambda s, k=kind: agreement(s, truth, k), (scores,))
    flat = torch.full((1, 5), 0.1).double()  # its mean is not exactly 0.1
    assert torch.isnan(agreement(flat, torch.arange(5)[None])).all()
    assert torch.isnan(agreement(flat, torch.arange(5)[None], "spearman")).all()
    assert torch.isnan(agreement(torch.zeros(1, 5), torch.arange(5)[None], "cosine")).all()


def test_variance_is_a_share_of_the_size():
    generator = torch.Generator().manual_seed(0)
    scores = torch.randn(5, 3, 4, generator=generator, dtype=torch.float64)  # 5 baselines, 3 examples
    expected = [
        scores[:, b].numpy().var(0).sum() / (scores[:, b].numpy() ** 2).mean(0).sum() for b in range(3)
    ]
    assert np.allclose(baseline_variance(scores).numpy(), expected)
    assert torch.allclose(baseline_variance(7 * scores), baseline_variance(scores))
    assert (baseline_variance(scores[:1].expand(4, 3, 4)) < 1e-30).all()
    assert torch.allclose(baseline_variance(torch.cat([scores, -scores])), torch.ones(3).double())
    assert (baseline_variance(torch.zeros(2, 3, 4)) == 0).all()
    assert torch.autograd.gradcheck(baseline_variance, (scores.requires_grad_(),))


def test_wrong_arguments():
    with pytest.raises(ShapeError, match="same n"):
        agreement(torch.ones(2, 3), torch.ones(2, 4))
    with pytest.raises(OptionError, match="'spearman'"):
        agreement(torch.ones(3), torch.ones(3), "kendall")
    with pytest.raises(ShapeError, match="R ≥ 2"):
        baseline_variance(torch.ones(1, 3, 4))
