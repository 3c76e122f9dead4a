"""What stands in for removed elements."""

import numpy as np
import pytest
import torch
from scipy import ndimage

from taylorattr.errors import DtypeError, OptionError, ShapeError
from taylorattr.evaluation.fills import blurred, replacements

IMAGES = torch.rand(4, 3, 6, 5, generator=torch.Generator().manual_seed(0)).double()
TABLE = torch.arange(12.0).reshape(4, 3) ** 2


def one(fill, x=IMAGES, **options):
    ((found,),) = replacements(fill, (x,), **options)
    return found


def test_mean_is_of_each_channel_over_examples_and_positions():
    means = IMAGES.mean((0, 2, 3))
    assert torch.allclose(one("mean"), means[None, :, None, None].expand(IMAGES.shape))
    assert torch.allclose(one("mean", TABLE), TABLE.mean(0).expand(4, 3))
    assert torch.allclose(one("mean", TABLE, reference=TABLE[:1] + 1)[2], TABLE[0] + 1)
    tokens = IMAGES[:, 0]
    assert torch.allclose(one("mean", tokens, channel_dim=-1)[1, 4], tokens.mean((0, 1)))
    with pytest.raises(OptionError, match="the example itself; pass reference="):
        one("mean", TABLE[:1])


def test_given_fills_are_baselines():
    assert (one("zero") == 0).all() and (one(0.5) == 0.5).all() and one(IMAGES[:1]).shape == IMAGES.shape
    assert (one(7, torch.ones(2, 3, dtype=torch.int64)) == 7).all()


def test_uniform_draws_are_seeded_fresh_and_in_the_range_of_their_channel():
    draws = [d for (d,) in replacements("uniform", (IMAGES,), repeats=3, seed=1)]
    again = [d for (d,) in replacements("uniform", (IMAGES,), repeats=3, seed=1)]
    assert len(draws) == 3 and all((a == b).all() for a, b in zip(draws, again, strict=True))
    assert (draws[0] != draws[1]).all()
    low, high = IMAGES.amin((0, 2, 3)), IMAGES.amax((0, 2, 3))
    stacked = torch.stack(draws)
    assert (stacked >= low[:, None, None]).all() and (stacked <= high[:, None, None]).all()
    wide = torch.stack([d for (d,) in replacements("uniform", (IMAGES,), repeats=9, fill_range=(-2.0, 4.0))])
    # mean 1 of 3,240 draws with standard deviation 6/√12: 4 standard errors
    assert abs(float(wide.mean()) - 1) < 4 * 3**0.5 / wide.numel() ** 0.5 and float(wide.min()) < -1.9


def test_blur_keeps_constants_and_is_scipys_away_from_the_border():
    assert torch.allclose(blurred(torch.full((1, 1, 5, 7), 0.3)), torch.tensor(0.3))
    image = np.random.default_rng(0).normal(size=(40, 44))
    mine = blurred(torch.from_numpy(image)[None, None], 1.5)[0, 0].numpy()
    peer = ndimage.gaussian_filter(image, 1.5, truncate=8)
    assert np.allclose(mine[12:-12, 12:-12], peer[12:-12, 12:-12], atol=1e-10)
    assert (one("blur", torch.ones(2, 4, 4)) - 1).abs().max() < 1e-6


def test_wrong_fills():
    with pytest.raises(OptionError, match="mean, zero, uniform, blur"):
        one("noise")
    with pytest.raises(DtypeError, match="fill=pad_id"):
        one("mean", torch.ones(2, 3, dtype=torch.int64))
    with pytest.raises(ShapeError, match="needs images"):
        one("blur", TABLE)
    with pytest.raises(OptionError, match="low < high"):
        one("uniform", fill_range=(1, 1))
    with pytest.raises(OptionError, match="channel_dim=4"):
        one("mean", channel_dim=4)
    with pytest.raises(ShapeError, match="expected the same"):
        one("mean", reference=TABLE)
    with pytest.raises(OptionError, match="repeats=0"):
        one("uniform", repeats=0)
