"""Pictures beside the comparison: drawn from what was measured, and again only from other numbers."""

from types import SimpleNamespace

import pytest
import torch
from PIL import Image

import taylorattr as ta
from benchmarks import method_pictures
from benchmarks.attributions import ENTRIES
from taylorattr import evaluation
from tests import digits


@pytest.fixture(scope="module")
def cells():
    """Cascade and audit of two quick methods, and the two systems by name alone."""
    net, (train, held_out) = digits.mlp(), digits.split()
    x = held_out.images[:6]
    players = ta.Players.grid(x[:1], (2, 2))
    found = {}
    for name in ("gradient", "gradient_x_input"):
        factory = lambda model, name=name: ENTRIES[name].make(model, train.images)  # noqa: E731
        found[name] = {"cascade": evaluation.parameter_randomisation(net, x, factory, name=name)}
    found["gradient_x_input"]["audit"] = ta.audit(
        ta.METHODS["gradient_x_input"].name, net, x[:1], target=0, players=players
    )
    return found | {"prune_grad": {}, "mip_in": {}}


def test_pictures_are_drawn_once(cells, tmp_path, capsys):
    net, (train, held_out) = digits.mlp(), digits.split()

    def draw(x):
        capsys.readouterr()
        pictures = method_pictures.draw(tmp_path, "mlp", net, x, train.images, cells)
        return pictures, capsys.readouterr().err.count("drawing: ")

    pictures, count = draw(held_out.images)
    assert [p.name for p in pictures] == [
        f"mlp-{kind}.png" for kind in ("maps", "cascades", "prune_grad", "mip_in")
    ]
    assert count == 4 and all(min(Image.open(p).size) > 150 for p in pictures)
    before = [p.read_bytes() for p in pictures]
    assert draw(held_out.images) == (pictures, 0)
    assert [p.read_bytes() for p in pictures] == before
    assert draw(held_out.images.flip(3))[1] == 4


def test_what_was_measured_without_maps_is_left_out(cells, tmp_path, capsys):
    net, (train, held_out) = digits.mlp(), digits.split()
    old = {"gradient": {"cascade": SimpleNamespace(maps=None)}}
    assert method_pictures.draw(tmp_path, "mlp", net, held_out.images, train.images, old) == []
    assert "the cascade of gradient holds no maps" in capsys.readouterr().err


def test_a_verdict_is_words(cells):
    report = cells["gradient_x_input"]["audit"]
    words = method_pictures.verdict(report)
    assert words.startswith(f"coverage {report.coverage.mark}, no leak {report.no_leak.mark}, complete ")
    assert (
        report.use in words
        and report.exit_status == 1
        and f"{{{', '.join(report.worst[0][0].players)}}}" in words
    )
    assert method_pictures.verdict(None) == "not audited, as no method over a reference set is"


def test_extensions_have_maps_of_the_images():
    net, (train, held_out) = digits.mlp(), digits.split()
    x = held_out.images[:2]
    maps = method_pictures.extensions(net, x, train.images)
    assert list(maps) == ["ig_multi", "ig_patch", "ig_patch_multi"]
    for name, scores in maps.items():
        assert scores.shape == x.shape
        blocks = scores.reshape(2, 1, 4, 2, 4, 2)
        assert ("patch" in name) == torch.allclose(
            blocks, blocks.mean((3, 5), keepdim=True).expand_as(blocks)
        )


def test_digests_tell_numbers_apart(tmp_path):
    drawn = []

    def picture():
        drawn.append(1)
        return ta.plot.maps({"a": torch.eye(4)[None]})

    for numbers in (torch.eye(2), torch.eye(2).double(), (torch.eye(2), "a"), ("ab", "c"), ("a", "bc")):
        method_pictures.drawn_once(tmp_path / "one.png", numbers, picture)
        method_pictures.drawn_once(tmp_path / "one.png", numbers, picture)
    assert len(drawn) == 5
