"""Shares inside boxes against counts, and pasted images whose boxes are known."""

import numpy as np
import pytest
import torch
from torch import nn

import taylorattr as ta
from taylorattr.errors import OptionError, ShapeError
from taylorattr.evaluation import Localisation, difference, localisation, pasted_images
from taylorattr.evaluation.localisation import box_masks


def numbers(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def network():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return nn.Sequential(nn.Flatten(), nn.Linear(2 * 6 * 8, 4)).double().eval()


BOXES = [(1, 2, 4, 5), (0, 0, 2, 3), (3, 5, 6, 8)]


def test_shares_are_those_of_a_count():
    net, x, maps = network(), numbers(3, 2, 6, 8), numbers(3, 2, 6, 8, seed=1)
    for rank in ("abs", "signed"):
        found = localisation(net, x, maps, BOXES, rank=rank)
        for i, (top, left, bottom, right) in enumerate(BOXES):
            m = maps[i].sum(0)
            inside = np.zeros((6, 8), bool)
            inside[top:bottom, left:right] = True
            keys = (m.abs() if rank == "abs" else m).numpy().ravel()
            first = np.argsort(-keys)[: inside.sum()]
            assert float(found.top[i]) == pytest.approx(inside.ravel()[first].mean(), abs=1e-15)
            assert float(found.mass[i]) == pytest.approx(float(m.abs().numpy()[inside].sum() / m.abs().sum()))
            assert float(found.pointing[i]) == inside.ravel()[first[0]]
            assert float(found.chance[i]) == pytest.approx(inside.mean())


def test_a_map_of_the_box_is_perfect_one_beside_it_is_not_and_random_ones_are_at_chance():
    net, x = network(), numbers(3, 2, 6, 8)
    inside = box_masks(BOXES, 3, (6, 8))
    best = localisation(net, x, inside.double(), BOXES, random_repeats=400)
    assert (best.top == 1).all() and (best.mass == 1).all() and (best.pointing == 1).all()
    worst = localisation(net, x, (~inside).double(), BOXES, random_repeats=1)
    assert (worst.top == 0).all() and (worst.mass == 0).all() and (worst.pointing == 0).all()
    # a mean over 400 hypergeometric shares, each with a standard deviation below ½/√6
    assert ((best.random - best.chance).abs() < 4 * 0.21 / 20).all()


def test_boxes_in_every_form_mark_the_same_pixels():
    expected = box_masks(BOXES, 3, (6, 8))
    assert expected[0].nonzero().tolist() == [[r, c] for r in (1, 2, 3) for c in (2, 3, 4)]
    for form in (
        torch.tensor(BOXES),
        np.array(BOXES),
        [[b] for b in BOXES],
        [torch.tensor([b]) for b in BOXES],
        expected,
    ):
        assert torch.equal(box_masks(form, 3, (6, 8)), expected)
    two = box_masks([[(0, 0, 1, 1), (0, 0, 2, 1)]], 1, (6, 8))
    assert two.sum() == 2


def test_images_that_boxes_cover_are_skipped_and_maps_of_zeros_have_no_mass():
    net, x, maps = network(), numbers(3, 2, 6, 8), numbers(3, 2, 6, 8, seed=1)
    boxes = [(0, 0, 4, 4), (0, 0, 4, 5), (0, 0, 1, 1)]  # 16, 20 and 1 of 48 pixels
    maps[2] = 0
    found = localisation(net, x, maps, boxes)
    assert found.chance.isnan().tolist() == [True, True, False] and found.diagnostics["skipped"] == 2
    assert found.undefined("top") == 2 and found.mean("top") == float(found.top[2])
    assert found.mass.isnan().all() and "2 skipped" in repr(found) and "undefined for 3" in repr(found)
    assert not localisation(net, x, maps, boxes, most_covered=1).top.isnan().any()


def test_methods_attributions_and_files(tmp_path):
    net, x = network(), numbers(3, 2, 6, 8)
    target = net(x).argmax(1)
    result = ta.attribute("gradient_x_input", net, x, target=target)
    method = lambda rows, c: ta.attribute("gradient_x_input", net, rows, target=c)  # noqa: E731
    one, two = localisation(net, x, method, BOXES), localisation(net, x, result, BOXES)
    assert torch.equal(one.mass, two.mass) and one.method == two.method == "gradient_x_input"
    assert torch.equal(one.target, target)
    loaded = Localisation.load(one.save(tmp_path / "found.json"))
    assert repr(loaded) == repr(one)
    other = localisation(net, x, numbers(3, 6, 8), BOXES)
    assert difference(one, other, "mass").values.shape == (3,)
    with pytest.raises(OptionError, match="differ in boxes"):
        difference(one, localisation(net, x, method, [(0, 0, 1, 1)] * 3), "mass")


def test_bad_input_is_named():
    net, x, maps = network(), numbers(3, 2, 6, 8), numbers(3, 6, 8)
    for box in ((0, 0, 7, 2), (-1, 0, 2, 2), (2, 2, 2, 3), (0, 5, 3, 9)):
        with pytest.raises(OptionError, match="of image 1 is empty or outside its 6×8 pixels"):
            localisation(net, x, maps, [BOXES[0], box, BOXES[2]])
    with pytest.raises(OptionError, match="expected \\(top, left, bottom, right\\)"):
        localisation(net, x, maps, [(0, 0, 1)] * 3)
    with pytest.raises(OptionError, match="whole numbers"):
        localisation(net, x, maps, [(0, 0, 1.5, 2)] * 3)
    with pytest.raises(ShapeError, match="boxes: 2 for 3 images"):
        localisation(net, x, maps, BOXES[:2])
    with pytest.raises(ShapeError, match="boxes are a mask"):
        localisation(net, x, maps, torch.ones(3, 8, 6, dtype=torch.bool))
    with pytest.raises(OptionError, match="marks no pixel"):
        localisation(net, x, maps, torch.zeros(3, 6, 8, dtype=torch.bool))
    with pytest.raises(ShapeError, match="expected that of the inputs"):
        localisation(net, x, maps[:, :3, :4], BOXES)
    with pytest.raises(ShapeError, match="one tensor"):
        localisation(net, (x,), maps, BOXES)
    with pytest.raises(ShapeError, match="needs images"):
        localisation(net, x.flatten(1), maps, BOXES)
    with pytest.raises(OptionError, match="most_covered=0"):
        localisation(net, x, maps, BOXES, most_covered=0)


def test_pasted_images_are_in_their_boxes_and_fragments_outside():
    images = torch.arange(1.0, 1 + 5 * 2 * 4 * 3).reshape(5, 2, 4, 3)
    fields, boxes = pasted_images(images, side=12, distractors=3, fragment=2, placements=40, seed=3)
    assert fields.shape == (200, 2, 12, 12) and boxes.shape == (200, 4)
    inside = box_masks(boxes, 200, (12, 12))
    for row in range(200):
        top, left, bottom, right = boxes[row].tolist()
        assert torch.equal(fields[row, :, top:bottom, left:right], images[row // 40])
        outside = fields[row][:, ~inside[row]]
        own = set(images[row // 40].flatten().tolist())
        left_over = set(outside.flatten().tolist()) - {0.0}
        assert left_over and not left_over & own and (outside[0] != 0).sum() <= 12
    # every place is reached: 9·10 of them, 200 draws
    assert len({(t, left) for t, left, _, _ in boxes.tolist()}) > 60
    again, _ = pasted_images(images, side=12, distractors=3, fragment=2, placements=40, seed=3)
    other, _ = pasted_images(images, side=12, distractors=3, fragment=2, placements=40, seed=4)
    assert torch.equal(again, fields) and not torch.equal(other, fields)
    alone, _ = pasted_images(images[:1], side=4, distractors=0)
    assert alone.sum() == images[0].sum()


def test_pasting_refuses_what_has_no_place():
    images = torch.ones(2, 1, 4, 4)
    with pytest.raises(OptionError, match="at least as large"):
        pasted_images(images, side=3)
    with pytest.raises(OptionError, match="no place for fragments"):
        pasted_images(images, side=5, fragment=3)
    with pytest.raises(OptionError, match="come from other images"):
        pasted_images(images[:1])
    with pytest.raises(ShapeError, match="expected a tensor"):
        pasted_images(images[0])
    with pytest.raises(OptionError, match="placements=0"):
        pasted_images(images, placements=0)
