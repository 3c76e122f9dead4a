"""Each method has its own scale, symmetric around 0; notes and names stand with their strip."""

import numpy as np
import pytest
import torch

from taylorattr.errors import NonFiniteError, OptionError, ShapeError
from taylorattr.plot import maps
from tests.plot import results


def numbers(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def drawn(ax):
    return [np.asarray(image.get_array()) for image in ax.images]


def test_a_method_has_one_scale_for_all_its_images():
    x, methods = numbers(3, 2, 5, 4), {"small": 0.01 * numbers(3, 2, 5, 4), "large": 100 * numbers(3, 5, 4)}
    _, ax = maps(methods, x, example=(2, 0))
    small, large = methods["small"].sum(1)[[2, 0]], methods["large"][[2, 0]]
    expected = [*x.sum(1)[[2, 0]], *small, *large]
    for image, picture in zip(drawn(ax), expected, strict=True):
        assert image == pytest.approx(picture.numpy(), rel=1e-6)
    for method, images in ((small, ax.images[2:4]), (large, ax.images[4:])):
        limit = float(method.abs().max())
        assert [image.get_clim() for image in images] == [pytest.approx((-limit, limit))] * 2
    words = [text.get_text() for text in ax.texts]
    assert {"input", "small", "large"} <= set(words)
    assert f"±{float(large.abs().max()):.3g}" in words


def test_a_note_is_wrapped_below_its_strip():
    figure, ax = maps({"one": numbers(1, 4, 4), "two": numbers(1, 4, 4)}, notes={"two": results.LONG})
    texts = {text.get_text(): text for text in ax.texts}
    lines = [text for text in ax.texts if text.get_text() and text.get_text() in results.LONG]
    assert " ".join(line.get_text() for line in lines) == results.LONG and len(lines) > 1
    # the axes count from the upper left
    assert all(line.get_position()[1] > texts["two"].get_position()[1] for line in lines)
    assert {line.get_position()[0] for line in lines} == {texts["two"].get_position()[0]}


def test_methods_beyond_k_are_counted_and_repeated_ones_numbered():
    several = [results.attribution(16, shape=(4, 4), seed=seed) for seed in range(5)]
    _, ax = maps(several, k=3)
    words = [text.get_text() for text in ax.texts]
    assert len(ax.images) == 3
    assert "2 more methods not drawn" in " ".join(words)
    assert "integrated_gradients #3" in words


def test_rows_of_numbers_become_a_block():
    table = numbers(1, 6)
    _, ax = maps({"table": table})
    assert drawn(ax)[0] == pytest.approx(table.reshape(2, 3).numpy())
    _, ax = maps({"prime": numbers(1, 5)})
    assert drawn(ax)[0].shape == (1, 5)
    _, ax = maps({"prime": numbers(1, 13)})
    image = np.ma.filled(ax.images[0].get_array(), np.nan)
    assert image.shape == (4, 4) and np.isnan(image.ravel()[13:]).all()


def test_bad_input_is_named():
    x = numbers(2, 1, 4, 4)
    with pytest.raises(OptionError, match="at least one"):
        maps([])
    with pytest.raises(OptionError, match="as a list"):
        maps(results.attribution(4))
    with pytest.raises(OptionError, match="given by name"):
        maps([numbers(1, 4, 4)])
    with pytest.raises(OptionError, match="no method 'c'"):
        maps({"a": x}, notes={"c": "d"})
    with pytest.raises(OptionError, match="names no example"):
        maps({"a": x}, example=())
    with pytest.raises(ShapeError, match="the map has"):
        maps({"a": x[:1]}, x)
    with pytest.raises(NonFiniteError):
        maps({"a": x * float("nan")}, x)
    with pytest.raises(OptionError, match="k=0"):
        maps({"a": x}, k=0)
