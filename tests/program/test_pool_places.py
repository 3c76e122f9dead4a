"""Candidates of max-pooling windows: the maximum over them is the pooling."""

import pytest
import torch
from torch.nn import functional as F

from taylorattr.program.pool_places import pool_places

GEOMETRIES = [(2, 2, 0, 1), (3, 2, 0, 1), (3, 1, 1, 1), (3, 2, 1, 2), ((2, 3), (1, 2), (1, 1), (2, 1))]


def check(x, places, expected):
    candidates = x.reshape(-1, x[0, 0].numel())[:, places]
    torch.testing.assert_close(candidates.amax(2).reshape(expected.shape), expected, rtol=0, atol=0)


@pytest.mark.parametrize("ceil", [False, True])
@pytest.mark.parametrize("kernel, stride, padding, dilation", GEOMETRIES)
def test_sliding_windows(kernel, stride, padding, dilation, ceil):
    x = torch.randn(2, 3, 9, 8, generator=torch.Generator().manual_seed(0)) - 5  # padding must not win
    expected = F.max_pool2d(x, kernel, stride, padding, dilation, ceil)
    pair = [list(v) if isinstance(v, tuple) else [v, v] for v in (kernel, stride, padding, dilation)]
    arguments = dict(zip(("kernel_size", "stride", "padding", "dilation"), pair, strict=True))
    check(x, pool_places("max_pool2d_with_indices", arguments, (9, 8), expected.shape[-2:]), expected)


@pytest.mark.parametrize("out", [(1, 1), (3, 4), (4, 5), (9, 8)])
def test_adaptive_windows(out):
    x = torch.randn(2, 3, 9, 8, generator=torch.Generator().manual_seed(0))
    check(x, pool_places("adaptive_max_pool2d", {}, (9, 8), out), F.adaptive_max_pool2d(x, out))


def test_the_first_of_equal_candidates_stays_first():
    places = pool_places("adaptive_max_pool2d", {}, (5, 5), (3, 3))
    for window in places.tolist():
        unique = list(dict.fromkeys(window))
        assert unique == sorted(unique)
