import itertools

import pytest
import torch
import torch.nn.functional as F

from taylorattr.methods.relevance.rules.windows import Windows

D = torch.float64
SHAPES = [
    {"kernel_size": k, "stride": s, "padding": p, "dilation": d, "ceil_mode": c}
    for k, s, p, d, c in itertools.product((2, 3), (1, 2, 3), (0, 1), (1, 2), (False, True))
]


def draw(*shape, seed=0):
    return torch.randn(*shape, dtype=D, generator=torch.Generator().manual_seed(seed))


def windows(x, y, shape, n):
    pairs = {k: (v,) * n for k, v in shape.items() if k != "ceil_mode"}
    return Windows(
        tuple(x.shape[-n:]), tuple(y.shape[-n:]), pairs["kernel_size"], pairs["stride"], pairs["padding"],
        pairs["dilation"],
    )  # fmt: skip


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_the_largest_candidate_is_the_pooled_value(shape):
    x = draw(2, 3, 9, 10)
    y = F.max_pool2d(x, **shape)
    assert torch.equal(windows(x, y, shape, 2).pick(x).amax(-1), y)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_all_to_the_largest_is_the_gradient_of_the_pool(shape):
    x = draw(2, 3, 9, 10).requires_grad_()
    y = F.max_pool2d(x, **shape)
    m, cut = draw(*y.shape, seed=1), windows(x, y, shape, 2)
    candidates = cut.pick(x.detach())
    weights = (candidates == candidates.amax(-1, keepdim=True)).to(D)
    (expected,) = torch.autograd.grad(y, x, m)
    torch.testing.assert_close(cut.share(weights, m), expected, rtol=0, atol=1e-14)
    torch.testing.assert_close(cut.back(weights * m[..., None]), expected, rtol=0, atol=1e-14)
    torch.testing.assert_close(cut.collect(weights, x.detach()), y.detach(), rtol=0, atol=1e-14)


def test_collecting_is_the_transpose_of_sharing_in_three_dimensions():
    """⟨m, C x⟩ = ⟨Cᵀ m, x⟩ for any weights; padding holds none."""
    shape = {"kernel_size": 3, "stride": 2, "padding": 1, "dilation": 1, "ceil_mode": True}
    x = draw(2, 5, 6, 7)
    y = F.max_pool3d(x, **shape)
    cut = windows(x, y, shape, 3)
    weights, m = draw(*y.shape, 27, seed=2), draw(*y.shape, seed=3)
    torch.testing.assert_close(
        (cut.collect(weights, x) * m).sum(), (cut.share(weights, m) * x).sum(), rtol=1e-12, atol=1e-12
    )
