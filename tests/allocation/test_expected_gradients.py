from fractions import Fraction

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import taylorattr as ta
from taylorattr.toys import Polynomial
from tests.allocation.confirm import cases, confirm, off_by_one_percent, refuted, row, table
from tests.allocation.networks import PLAYERS, WIDTHS, TanhNetwork, bound, inside


def direct(polynomial, x, references):
    model, rows = Polynomial(polynomial), torch.cat([row(b) for b in references])
    found = ta.attribute("expected_gradients", model, row(x), rows, mode="full", n_steps=16)
    return found.player_scores


# one reference, or one that is x itself, is a case like any other here
@pytest.mark.filterwarnings("ignore::taylorattr.errors.TaylorAttrWarning")
@settings(deadline=None, max_examples=20)
@given(cases(), st.integers(1, 3))
def test_polynomials_with_effects_of_each_reference(case, count):
    polynomial, x, b = case
    references = [tuple(v + Fraction(shift, 2) for v in b) for shift in range(count)]
    effects = [table(polynomial, x, one, order=4) for one in references]
    confirm("expected_gradients", effects, direct(polynomial, x, references))
    seen_from_x = [table(polynomial, x, one, "input", order=4) for one in references]
    confirm("expected_gradients", seen_from_x, direct(polynomial, x, references))


@pytest.mark.parametrize("width", WIDTHS)
def test_smooth_networks_within_the_bound(width):
    network, x = TanhNetwork(width), inside()
    # |b| ≤ ¼ and |Δ| ≤ 5/4, so |t| ≤ 3 leaves |b + tΔ| ≤ 4 and r is ⅓ in place of ¼
    references = torch.stack([torch.full((PLAYERS,), s, dtype=torch.float64) for s in (-0.25, 0.0, 0.25)])
    scores = ta.attribute("expected_gradients", network, x, references, mode="full", n_steps=32).player_scores
    errors = []
    for order in (2, 4, 6):
        effects = [ta.decompose(network, x, b[None], order=order) for b in references]
        found = ta.allocate("expected_gradients", effects)
        errors.append(float((found.player_scores - scores).abs().max()))
        assert errors[-1] <= bound(network, order, lambda m: (4 / 3) ** m)
    assert errors[-1] < 0.05 * errors[0]


def test_in_one_frame_for_all_references_the_shares_are_others():
    # eq. (22): f = (x₁ − b̄)², b = b̄ ± τ, b̄ = 0, τ = 1, x = 2: 1 − τ²/Δ² = ¾ of the one effect 4
    f, x = {(2,): 1}, (2,)
    effects = [table(f, x, (b,)) for b in (-1, 1)]
    assert ta.allocate("expected_gradients", effects).player_scores.item() == pytest.approx(3)
    assert ta.allocate("integrated_gradients", table(f, x, (0,))).player_scores.item() == 4


def test_a_wrong_entry_is_caught():
    f, x, references = {(1, 0): 3, (0, 2): 1, (1, 2): 3}, (1, 2), [(0, 0), (Fraction(1, 2), 1)]
    effects = [table(f, x, b) for b in references]
    scores = direct(f, x, references)
    assert not refuted("expected_gradients", effects, scores)
    assert refuted(off_by_one_percent("expected_gradients", (1, 2)), effects, scores)
