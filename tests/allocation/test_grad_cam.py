import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import taylorattr as ta
from taylorattr.allocation.grad_cam import cells
from taylorattr.errors import OptionError
from taylorattr.toys import Polynomial
from tests.allocation.confirm import confirm, off_by_one_percent, refuted
from tests.allocation.networks import WIDTHS, TanhNetwork, bound
from tests.strategies import polynomials

CHANNELS, POSITIONS = 2, 3
PLAYERS = CHANNELS * POSITIONS


class Head(torch.nn.Module):
    """Feature maps (B, K, Z) -> a polynomial of the pooled features, or of every cell."""

    def __init__(self, polynomial, pooled):
        super().__init__()
        self.maps = torch.nn.Identity()
        self.polynomial, self.pooled = Polynomial(polynomial), pooled
        self.eval()

    def forward(self, a):
        a = self.maps(a)
        return self.polynomial(a.mean(2) if self.pooled else a.flatten(1))


class Pool(torch.nn.Module):
    """Feature maps -> their means."""

    def forward(self, a):
        return a.mean(2)


def direct(head, a, relu=False):
    return ta.attribute("grad_cam", head, a, layer="maps", relu=relu, upsample=None).player_scores


def activations(draw):
    values = st.integers(-4, 4).filter(bool)
    drawn = draw(st.lists(values, min_size=PLAYERS, max_size=PLAYERS))
    return torch.tensor(drawn, dtype=torch.float64).reshape(1, CHANNELS, POSITIONS) / 2


@st.composite
def pooled_heads(draw):
    return Head(draw(polynomials(CHANNELS, CHANNELS, max_order=3)), pooled=True), activations(draw)


@st.composite
def general_heads(draw):
    sparse = draw(polynomials(3, 3, max_order=3, max_terms=3))
    places = draw(st.permutations(range(PLAYERS)))[:3]
    spread = {}
    for kappa, c in sparse.items():
        cells_of = [0] * PLAYERS
        for place, power in zip(places, kappa, strict=True):
            cells_of[place] = power
        spread[tuple(cells_of)] = c
    return Head(spread, pooled=False), activations(draw)


def effects_of(head, a):
    return ta.decompose(head, a, order=4)


# a polynomial without linear terms is flat at A = 0, where grad_cam's baseline lies
@pytest.mark.filterwarnings("ignore::taylorattr.errors.ZeroDifferenceWarning")
@settings(deadline=None, max_examples=15)
@given(pooled_heads())
def test_heads_of_pooled_features(case):
    head, a = case
    context, effects = {"c": cells(CHANNELS, POSITIONS)}, effects_of(*case)
    scores = direct(head, a)
    confirm("grad_cam", effects, scores, context)
    confirm("grad_cam/general", effects, scores, context | {"A": a})
    rectified = direct(head, a, relu=True)
    confirm("grad_cam/relu", effects, rectified, context | {"L": scores})


@pytest.mark.filterwarnings("ignore::taylorattr.errors.ZeroDifferenceWarning")
@settings(deadline=None, max_examples=15)
@given(general_heads())
def test_general_heads_leak(case):
    head, a = case
    context = {"c": cells(CHANNELS, POSITIONS), "A": a}
    confirm("grad_cam/general", effects_of(*case), direct(head, a), context)


def test_channel_and_position_of_players_in_any_order():
    # the same head with its cells renumbered
    head = Head({(1, 0): 1, (1, 1): 2, (0, 3): 1}, pooled=True)
    a = torch.arange(1.0, 1 + PLAYERS).double().reshape(1, CHANNELS, POSITIONS)
    order = torch.tensor([4, 0, 3, 1, 5, 2])
    players = [[int(cell)] for cell in order]
    numbers = torch.argsort(order).reshape(CHANNELS, POSITIONS)
    effects = ta.decompose(head, a, order=3, players=players)
    confirm("grad_cam", effects, direct(head, a), {"c": numbers.numpy()})


@pytest.mark.parametrize("width", WIDTHS)
def test_smooth_heads_within_the_bound(width):
    network = TanhNetwork(width)  # of three pooled features
    head = torch.nn.Sequential(torch.nn.Identity(), Pool(), network).eval()
    a = torch.linspace(-1, 1, 6).double().reshape(1, 3, 2)
    scores = ta.attribute("grad_cam", head, a, layer="0", relu=False, upsample=None).player_scores
    errors = []
    for order in (2, 4, 6):
        found = ta.allocate("grad_cam", ta.decompose(head, a, order=order), {"c": cells(3, 2)})
        errors.append(float((found.player_scores - scores).abs().max()))
        # |A_{k,p}| ≤ R leaves |F_k| ≤ R; the weight of a term is at most its order
        assert errors[-1] <= bound(network, order, lambda m: m, players=6)
    assert errors[-1] < 0.05 * errors[0]


def test_positions_receive_by_name():
    a = torch.ones(1, CHANNELS, POSITIONS).double()
    effects = ta.decompose(Head({(2, 1): 1}, pooled=True), a, order=3)
    found = ta.allocate("grad_cam", effects, {"c": cells(CHANNELS, POSITIONS)})
    assert found.names == ("position 0", "position 1", "position 2")
    # Σ_p L_p = Σ_κ |κ| I(κ), eq. (23)
    assert found.player_scores.sum() == pytest.approx(float(3 * effects.delta))


def with_zeros(a, zeros):
    """The cells with 0 at some places, and the same with 1 there."""
    a = a.clone()
    for place in zeros:
        a.flatten()[place] = 0
    return a, a + (a == 0)


@pytest.mark.filterwarnings("ignore::taylorattr.errors.ZeroDifferenceWarning")
@settings(deadline=None, max_examples=8)
@given(general_heads(), st.sets(st.integers(0, PLAYERS - 1), max_size=3))
def test_cells_at_zero_enter_by_their_coefficients(case, zeros):
    head, a = case
    a, moved = with_zeros(a, zeros)
    context = {"c": cells(CHANNELS, POSITIONS), "A": a}
    scores = direct(head, a)
    confirm("grad_cam/coefficients", effects_of(head, moved), scores, context)
    # with A = 0 nowhere it is the ratio of the general head
    context, kappas = context | {"A": moved[0]}, 2 * np.eye(PLAYERS, dtype=int)
    rules = [ta.RULES[name] for name in ("grad_cam/coefficients", "grad_cam/general")]
    assert (rules[0].ratios(kappas, context) == rules[1].ratios(kappas, context)).all()


@pytest.mark.filterwarnings("ignore::taylorattr.errors.ZeroDifferenceWarning")
@settings(deadline=None, max_examples=8)
@given(general_heads(), st.sets(st.integers(0, PLAYERS - 1), max_size=3))
def test_first_order_at_the_input_is_enough(case, zeros):
    head, a = case
    a, moved = with_zeros(a, zeros)
    effects = ta.decompose(head, a, a - moved, order=2, frame="input", with_tails=False)
    confirm("grad_cam/input", effects, direct(head, a), {"c": cells(CHANNELS, POSITIONS), "A": a})


def test_the_frame_of_the_input_needs_no_series():
    class Bent(torch.nn.Module):
        def forward(self, a):
            return (a.flatten(1) - 0.3).relu().prod(1)

    head = torch.nn.Sequential(torch.nn.Identity(), Bent()).eval()
    a = torch.linspace(0.5, 1, PLAYERS).double().reshape(1, CHANNELS, POSITIONS)
    scores = ta.attribute("grad_cam", head, a, layer="0", relu=False, upsample=None).player_scores
    effects = ta.decompose(head, a, order=1, frame="input", with_tails=False)
    context = {"c": cells(CHANNELS, POSITIONS), "A": a}
    confirm("grad_cam/input", effects, scores, context)
    assert refuted(off_by_one_percent("grad_cam/input", (0, 1, 0, 0, 0, 0)), effects, scores, context)


def test_a_cell_at_zero_is_refused_by_the_general_head():
    effects = ta.decompose(
        Head({(1, 1): 1}, pooled=True), torch.ones(1, CHANNELS, POSITIONS).double(), order=2
    )
    A = np.ones((CHANNELS, POSITIONS))
    A[1, 2] = 0
    with pytest.raises(OptionError, match=r"A_\{2,3\} = 0, where no finite ratio exists"):
        ta.allocate("grad_cam/general", effects, {"c": cells(CHANNELS, POSITIONS), "A": A})


def test_a_wrong_entry_is_caught():
    head = Head({(2, 1): 1, (1, 0): 2}, pooled=True)
    a = torch.arange(1.0, 1 + PLAYERS).double().reshape(1, CHANNELS, POSITIONS)
    context, effects = {"c": cells(CHANNELS, POSITIONS)}, ta.decompose(head, a, order=3)
    assert not refuted("grad_cam", effects, direct(head, a), context)
    wrong = off_by_one_percent("grad_cam", (1, 1, 0, 0, 1, 0))
    assert refuted(wrong, effects, direct(head, a), context)
