"""The result: matrix, terms, sentences, the page, files."""

from fractions import Fraction

import pytest
import torch

import taylorattr as ta
from taylorattr.errors import OptionError
from taylorattr.toys import Polynomial
from tests.reformulation.networks import TanhNetwork, at, references, reformulated

NAMES = ("radius", "texture")
MODEL = Polynomial({(1, 0): 3, (2, 0): 1, (1, 1): 4, (2, 1): 3})
POINT = torch.tensor([[1.0, 2.0]], dtype=torch.float64)


def page_of(method="integrated_gradients", **options):
    players = ta.Players.elements(POINT, names=NAMES)
    return ta.reformulate(method, MODEL, POINT, players=players, order=3, **options)


def test_it_reads_like_the_paper():
    found = page_of()
    assert found.sentence("radius") == (
        "a_radius = ½·I(radius, texture) + ⅔·I(radius², texture) + 1·I(radius) + 1·I(radius²)"
    )
    assert found.sentence("radius", k=2) == ("a_radius = ½·I(radius, texture) + ⅔·I(radius², texture) + …")
    text = str(found)
    assert "½·8 + ⅔·6 + 1·3 + 1·1 = +12" in text
    assert "wᵢ(κ) = κᵢ/m" in text and "explained by" in text


def test_coalitions_and_frames_have_their_own_letters():
    assert page_of("shapley").sentence("texture") == "a_texture = ½·J(radius, texture)"
    # (3 + 2·1 + 4·2 + 2·3·2)·1, everything that changes with radius at x
    assert page_of("gradient_x_input", frame="input").sentence("radius") == "a_radius = 1·Iˣ(radius)"


def test_terms_are_exact_fractions():
    (first, second, *_) = page_of().terms("radius")
    assert (first.weight, first.value, first.part, first.key) == (Fraction(1, 2), 8.0, 4.0, (1, 1))
    assert (second.weight, second.value, second.part, second.key) == (Fraction(2, 3), 6.0, 4.0, (2, 1))
    assert page_of("shapley").terms("radius", k=1)[0].key == (0, 1)


def test_negative_ratios_carry_their_sign():
    model, x = Polynomial({(1, 0): 1, (0, 1): -1}), torch.tensor([[2.0, 1.0]]).double()
    found = ta.reformulate("gradient_x_input", model, x, torch.tensor([[3.0, 0.0]]), multiply_by="input")
    # x/Δ = 2/(−1)
    assert found.sentence(0) == "a_x0 = −2·I(x0)"


@pytest.mark.parametrize("name", [name for name in ta.METHODS if name != "grad_cam"])
def test_the_matrix_adds_up_and_files_keep_everything(name, tmp_path):
    found = reformulated(name, TanhNetwork(4), at())
    for suffix in (".json", ".npz"):
        again = ta.Reformulation.load(found.save(tmp_path / f"result{suffix}"))
        assert torch.equal(again.difference, found.difference)
        assert torch.equal(again.explained, found.explained)
        assert str(again) == str(found)
    if found.effects:
        torch.testing.assert_close(again.matrix(1), found.matrix(1), rtol=0, atol=0)
        torch.testing.assert_close(found.matrix(1).sum(0), found.allocated.player_scores[1])
    else:
        with pytest.raises(OptionError, match="has a ratio at each unit"):
            found.matrix()


def test_formal_shares_are_kept():
    found = reformulated("deeplift_rescale", TanhNetwork(4), at(batch=1))
    again = ta.Reformulation.from_dict(found.to_dict())
    assert again.formal is not None and found.formal is not None
    assert torch.equal(again.formal.shares, found.formal.shares)


def test_sums_over_references_are_means():
    found = reformulated("expected_gradients", TanhNetwork(4), at())
    assert found.sentence(0).startswith("a_x0 = 1·E I(x0)")
    assert len(found.effects) == len(references())
    parts = [found.terms(0, k=1, reference=r)[0].value for r in range(3)]
    assert found.terms(0, k=1)[0].value == pytest.approx(sum(parts) / 3)


def test_what_does_not_exist_is_named():
    found = page_of()
    for call, message in (
        (lambda: found.sentence("area"), "no receiver 'area'; they are radius, texture"),
        (lambda: found.terms(2), "receiver 2 does not exist; they are 0 … 1"),
        (lambda: found.matrix(1), "example 1 does not exist; they are 0 … 0"),
        (lambda: found.matrix(0, reference=1), "reference 1 does not exist"),
    ):
        with pytest.raises(OptionError, match=message):
            call()
