"""Scores of images as pictures inside the page."""

import base64
import io
import re

import numpy as np
import pytest
import torch
from PIL import Image

import taylorattr as ta
from taylorattr.html.scores import grey_picture, image_plane, signed_picture
from tests.plot.results import attribution

WHITE = 253
"""A colour map of 256 entries has none in its very middle."""


def pixels(uri):
    head, data = uri.split(",")
    assert head == "data:image/png;base64"
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(data))).convert("RGB")).astype(int)


def test_a_pixel_is_red_or_blue_by_sign_and_dark_by_size():
    plane = np.zeros((4, 5))
    plane[0, 0], plane[1, 2], plane[3, 4] = 2.0, -2.0, 1.0
    shown = pixels(signed_picture(plane))
    assert shown.shape == (4, 5, 3)
    assert shown[0, 0] == pytest.approx([0xC0, 0x39, 0x2B], abs=1)
    assert shown[1, 2] == pytest.approx([0x2C, 0x6F, 0xBB], abs=1)
    assert (shown[2] >= WHITE).all()
    assert shown[3, 4].sum() > shown[0, 0].sum() and shown[3, 4, 0] > shown[3, 4, 2]


def test_an_input_is_grey_and_zero_everywhere_is_white():
    shown = pixels(grey_picture(np.array([[0.0, 1.0], [0.5, 0.0]])))
    assert shown[0, 0].tolist() == [255] * 3 and shown[0, 1].tolist() == [0] * 3
    assert (pixels(signed_picture(np.zeros((4, 4)))) >= WHITE).all()


@pytest.mark.parametrize("shape", [(1, 4, 4), (1, 1, 4, 6), (2, 3, 5, 5)])
def test_image_shapes_are_images_with_channels_added(shape):
    values = torch.randn(shape, dtype=torch.float64)
    found = image_plane(values, 0)
    assert found == pytest.approx((values[0].sum(0) if len(shape) == 4 else values[0]).numpy())


@pytest.mark.parametrize(
    "values", [None, torch.zeros(1, 9), torch.zeros(1, 3, 3), torch.zeros(1, 7, 8, 8), (1, 2)]
)
def test_other_shapes_are_none(values):
    assert image_plane(values, 0) is None


def test_the_section_is_there_for_images_only(tmp_path):
    scores = attribution(16, shape=(1, 4, 4))
    text = ta.report(tmp_path / "p.html", scores, inputs=torch.rand(1, 1, 4, 4)).read_text(encoding="utf-8")
    assert len(re.findall(r'<img src="data:image/png', text)) == 2
    plain = ta.report(tmp_path / "q.html", attribution(16)).read_text(encoding="utf-8")
    assert "<img" not in plain and '<section id="images"' not in plain


def test_a_sentence_of_embedded_tokens_is_no_image(tmp_path):
    x = torch.rand(1, 6, 8, generator=torch.Generator().manual_seed(0))
    scores = ta.attribute("shapley", lambda t: t.sum(2).prod(1), x, players=ta.Players.tokens(x))
    assert "Scores on the image" not in ta.report(tmp_path / "p.html", scores).read_text(encoding="utf-8")
    whole = ta.attribute("gradient_x_input", lambda t: (t**2).sum((1, 2)), x)
    assert "Scores on the image" in ta.report(tmp_path / "q.html", whole).read_text(encoding="utf-8")
