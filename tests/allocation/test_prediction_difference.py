from fractions import Fraction

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import taylorattr as ta
from taylorattr.errors import ShapeError
from taylorattr.toys import Polynomial
from tests.allocation.confirm import cases, confirm, off_by_one_percent, refuted, row, table
from tests.allocation.networks import PLAYERS, WIDTHS, TanhNetwork, bound, inside, relu_network


def direct(model, x, references):
    return ta.attribute("prediction_difference", model, x, references).player_scores


# one reference, or one that is x itself, is a case like any other here
@pytest.mark.filterwarnings("ignore::taylorattr.errors.TaylorAttrWarning")
@settings(deadline=None, max_examples=20)
@given(cases(), st.integers(1, 3))
def test_polynomials_with_effects_of_each_reference(case, count):
    polynomial, x, b = case
    references = [tuple(v + Fraction(shift, 2) for v in b) for shift in range(count)]
    effects = [table(polynomial, x, one, order=4) for one in references]
    rows = torch.cat([row(one) for one in references])
    confirm("prediction_difference", effects, direct(Polynomial(polynomial), row(x), rows))


@pytest.mark.parametrize("width", WIDTHS)
def test_smooth_networks_within_the_bound(width):
    network, x = TanhNetwork(width), inside()
    references = torch.stack([torch.full((PLAYERS,), s, dtype=torch.float64) for s in (-0.25, 0.25)])
    scores, errors = direct(network, x, references), []
    for order in (2, 4, 6):
        effects = [ta.decompose(network, x, b[None], order=order) for b in references]
        found = ta.allocate("prediction_difference", effects)
        errors.append(float((found.player_scores - scores).abs().max()))
        # |t| ≤ 3 leaves |b + tΔ| ≤ 4, so r is ⅓ in place of ¼
        assert errors[-1] <= bound(network, order, lambda m: (4 / 3) ** m)
    assert errors[-1] < 0.05 * errors[0]


def test_relu_network_exactly():
    generator = torch.Generator().manual_seed(0)
    network, x = relu_network(5), torch.randn(2, 5, generator=generator).double()
    references = torch.randn(3, 5, generator=generator).double()
    effects = [ta.harsanyi(network, x, b[None]) for b in references]
    found = confirm("prediction_difference", effects, direct(network, x, references))
    assert found.diagnostics["references"] == 3


def test_tables_of_different_examples_are_refused():
    network = relu_network(3)
    effects = [ta.harsanyi(network, torch.ones(batch, 3).double()) for batch in (1, 2)]
    with pytest.raises(ShapeError, match="differ in their examples, players or frame"):
        ta.allocate("prediction_difference", effects)


def test_a_wrong_entry_is_caught():
    f, x, references = {(1, 0): 3, (0, 2): 1, (1, 2): 3}, (1, 2), [(0, 0), (Fraction(1, 2), 1)]
    effects = [table(f, x, b) for b in references]
    scores = direct(Polynomial(f), row(x), torch.cat([row(b) for b in references]))
    assert not refuted("prediction_difference", effects, scores)
    assert refuted(off_by_one_percent("prediction_difference", (1, 2)), effects, scores)
