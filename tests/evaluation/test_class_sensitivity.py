"""Distances of two maps against their definition, and the maps at its ends."""

import numpy as np
import pytest
import torch

import taylorattr as ta
from taylorattr.errors import OptionError, ShapeError, TargetError
from taylorattr.evaluation import ClassSensitivity, class_sensitivity, difference


def numbers(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


WEIGHT = numbers(6, 4, seed=9)
X = numbers(20, 6)


def model(x):
    return x @ WEIGHT


def slopes(x, target):
    return WEIGHT.T[target]


def test_distances_are_their_definition_for_two_different_classes():
    found = class_sensitivity(model, X, slopes)
    a, b = found.classes.T
    assert (a != b).all() and set(found.classes.flatten().tolist()) == {0, 1, 2, 3}
    one, two = (WEIGHT.T[c].numpy() for c in (a, b))
    raw = np.linalg.norm(one - two, axis=1)
    unit = [
        np.linalg.norm(p / np.linalg.norm(p) - q / np.linalg.norm(q)) for p, q in zip(one, two, strict=True)
    ]
    assert np.allclose(found.raw.numpy(), raw) and np.allclose(found.distance.numpy(), unit)


def test_maps_at_the_ends():
    flat = class_sensitivity(model, X, lambda x, c: x)
    assert (flat.distance == 0).all() and (flat.raw == 0).all()
    sign = lambda x, c: x * torch.where(c == found.classes[:, 0], 3.0, -1.0)[:, None]  # noqa: E731
    found = flat
    assert torch.allclose(
        class_sensitivity(model, X, sign).distance, torch.full((20,), 2.0, dtype=torch.float64)
    )
    axes = class_sensitivity(model, X, lambda x, c: torch.eye(6)[c])
    assert torch.allclose(axes.distance, torch.full((20,), 2.0**0.5, dtype=torch.float64))
    wide = class_sensitivity(lambda x: x @ numbers(600, 3), numbers(5, 600), lambda x, c: x)
    # random directions of 600 dimensions: the cosine has a standard deviation of 1/√600
    assert ((wide.random - 2**0.5).abs() < 4 / 600**0.5).all()


def test_maps_of_zeros_are_at_distance_0_and_counted():
    found = class_sensitivity(model, X, lambda x, c: slopes(x, c) * (torch.arange(20) > 2)[:, None])
    assert (
        found.diagnostics["zero"] == 6 and (found.distance[:3] == 0).all() and (found.distance[3:] > 0).all()
    )
    assert "6 maps of zeros" in repr(found)
    half = class_sensitivity(model, X, lambda x, c: slopes(x, c) * (c == 0)[:, None])
    assert half.diagnostics["zero"] > 0 and (half.distance == 0).all() and (half.raw > 0).any()


def test_all_methods_meet_the_same_seeded_classes(tmp_path):
    one = class_sensitivity(model, X, slopes)
    two = class_sensitivity(model, X, lambda x, c: ta.attribute("gradient_x_input", model, x, target=c))
    assert torch.equal(one.classes, two.classes) and two.method == "gradient_x_input"
    assert difference(one, two, "distance").values.shape == (20,)
    other = class_sensitivity(model, X, slopes, seed=1)
    assert not torch.equal(other.classes, one.classes)
    with pytest.raises(OptionError, match="differ in classes"):
        difference(one, other, "distance")
    fixed = class_sensitivity(model, X, slopes, classes=torch.tensor([[0, 2]]).expand(20, 2))
    assert torch.allclose(fixed.raw, (WEIGHT[:, 0] - WEIGHT[:, 2]).norm().expand(20))
    assert repr(ClassSensitivity.load(one.save(tmp_path / "found.npz"))) == repr(one)


def test_bad_input_is_named():
    with pytest.raises(OptionError, match="two maps of each input"):
        class_sensitivity(model, X, X)
    with pytest.raises(TargetError, match="K ≥ 2"):
        class_sensitivity(lambda x: x.sum(1), X, slopes)
    with pytest.raises(ShapeError, match=r"expected integers \(20, 2\)"):
        class_sensitivity(model, X, slopes, classes=torch.zeros(20, dtype=torch.int64))
    with pytest.raises(OptionError, match="same class twice"):
        class_sensitivity(model, X, slopes, classes=torch.zeros(20, 2, dtype=torch.int64))
