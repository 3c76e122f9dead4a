"""Similarities of maps against their definitions, written out in loops, and against scikit-image."""

import math

import numpy as np
import pytest
import torch
from scipy import stats

from taylorattr.errors import OptionError, ShapeError
from taylorattr.evaluation import map_similarity
from taylorattr.evaluation.map_similarity import SIMILARITIES, oriented_gradients

EXACT = 1e-10
"""Sums of at most a few thousand float64 numbers of size 1."""


def maps(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def ssim_of_windows(a, b, side):
    """Wang's index of every window, sample variances, averaged."""
    a, b = a / np.abs(a).max(), b / np.abs(b).max()
    found = []
    for r in range(a.shape[0] - side + 1):
        for c in range(a.shape[1] - side + 1):
            p, q = (m[r : r + side, c : c + side].ravel() for m in (a, b))
            cov = np.cov(p, q)
            up = (2 * p.mean() * q.mean() + 0.02**2) * (2 * cov[0, 1] + 0.06**2)
            down = (p.mean() ** 2 + q.mean() ** 2 + 0.02**2) * (cov[0, 0] + cov[1, 1] + 0.06**2)
            found.append(up / down)
    return np.mean(found)


def hog_of_pixels(image):
    """Dalal and Triggs' descriptor, pixel by pixel."""
    rows, columns = image.shape[0] // 16, image.shape[1] // 16
    cells = np.zeros((rows, columns, 9))
    for r in range(rows * 16):
        for c in range(columns * 16):
            down = image[r + 1, c] - image[r - 1, c] if 0 < r < image.shape[0] - 1 else 0.0
            right = image[r, c + 1] - image[r, c - 1] if 0 < c < image.shape[1] - 1 else 0.0
            angle = math.degrees(math.atan2(down, right)) % 180
            cells[r // 16, c // 16, int(angle // 20) % 9] += math.hypot(down, right) / 256
    a, b = min(3, rows), min(3, columns)
    blocks = []
    for r in range(rows - a + 1):
        for c in range(columns - b + 1):
            v = cells[r : r + a, c : c + b].ravel()
            v = np.minimum(v / math.sqrt((v**2).sum() + 1e-10), 0.2)
            blocks.append(v / math.sqrt((v**2).sum() + 1e-10))
    return np.concatenate(blocks)


def test_ranks_are_scipys_with_and_without_sign():
    a, b = maps(4, 5, 6).round(decimals=0), maps(4, 5, 6, seed=1)
    for i in range(4):
        signed = stats.spearmanr(a[i].flatten(), b[i].flatten()).statistic
        absolute = stats.spearmanr(a[i].flatten().abs(), b[i].flatten().abs()).statistic
        assert float(map_similarity(a, b)[i]) == pytest.approx(signed, abs=EXACT)
        assert float(map_similarity(a, b, "absolute")[i]) == pytest.approx(absolute, abs=EXACT)


@pytest.mark.parametrize(("shape", "side"), [((8, 8), 3), ((10, 30), 3), ((11, 14), 5), ((32, 20), 5)])
def test_ssim_is_its_definition(shape, side):
    a, b = maps(2, *shape), maps(2, *shape) + 0.5 * maps(2, *shape, seed=1)
    expected = [ssim_of_windows(a[i].numpy(), b[i].numpy(), side) for i in range(2)]
    assert np.allclose(map_similarity(a, b, "ssim").numpy(), expected, rtol=0, atol=EXACT)


@pytest.mark.parametrize("shape", [(32, 32), (35, 47), (50, 64)])
def test_oriented_gradients_are_their_definition(shape):
    a, b = maps(2, *shape), maps(2, *shape, seed=1)
    expected = np.stack([hog_of_pixels(image.numpy()) for image in a])
    assert np.allclose(oriented_gradients(a).numpy(), expected, rtol=0, atol=EXACT)
    other = oriented_gradients(b).numpy()
    # constants added to the norms make descriptors depend on scale, by less than they differ here
    pearson = [np.corrcoef(expected[i], other[i])[0, 1] for i in range(2)]
    assert np.allclose(map_similarity(a, b, "hog").numpy(), pearson, rtol=0, atol=1e-6)


def test_scikit_image_agrees():
    pytest.importorskip("skimage", reason="scikit-image is not installed")
    from skimage.feature import hog
    from skimage.metrics import structural_similarity

    a, b = maps(1, 48, 70)[0], maps(1, 48, 70, seed=1)[0]
    a, b = a / a.abs().max(), b / b.abs().max()
    peer = structural_similarity(a.numpy(), b.numpy(), win_size=5, data_range=2.0)
    assert float(map_similarity(a[None], b[None], "ssim")) == pytest.approx(peer, abs=EXACT)
    assert np.allclose(oriented_gradients(a[None])[0].numpy(), hog(a.numpy(), pixels_per_cell=(16, 16)))


@pytest.mark.parametrize("kind", SIMILARITIES)
def test_a_map_is_like_itself_at_any_scale_and_constant_maps_are_like_nothing(kind):
    a, b = maps(3, 32, 32), maps(3, 32, 32, seed=1)
    assert torch.allclose(map_similarity(a, 7 * a, kind), torch.ones(3, dtype=torch.float64))
    assert torch.allclose(map_similarity(a, b, kind), map_similarity(b, a, kind))
    assert (map_similarity(a, b, kind).abs() < 0.9).all()
    b[1] = 2.0
    assert map_similarity(a, b, kind).isnan().tolist() == [False, True, False]
    assert (map_similarity(a, torch.zeros_like(a), kind)).isnan().all()


def test_a_changed_sign_is_seen_by_all_but_magnitudes():
    a = maps(3, 32, 32)
    assert (map_similarity(a, -a) == -1).all() and (map_similarity(a, -a, "absolute") == 1).all()
    # both factors of the index change their sign where a window's mean is far from 0
    assert (map_similarity(a, -a, "ssim") < 0.9).all()
    # a direction in half a turn has no sign either
    assert torch.allclose(map_similarity(a, -a, "hog"), torch.ones(3, dtype=torch.float64), atol=1e-6)


def test_images_smaller_than_the_window_are_refused():
    with pytest.raises(ShapeError, match="hog needs images of at least 32×32 pixels; these have 40×31"):
        map_similarity(maps(1, 40, 31), maps(1, 40, 31), "hog")
    with pytest.raises(ShapeError, match="ssim needs images of at least 3×3 pixels; these have 2×9"):
        map_similarity(maps(1, 2, 9), maps(1, 2, 9), "ssim")
    with pytest.raises(ShapeError, match=r"ssim compares images \(B, H, W\)"):
        map_similarity(maps(4, 9), maps(4, 9), "ssim")
    with pytest.raises(ShapeError, match="expected the same"):
        map_similarity(maps(4, 9), maps(4, 8))
    with pytest.raises(OptionError, match="'cosine'; it is one of spearman"):
        map_similarity(maps(4, 9), maps(4, 9), "cosine")
