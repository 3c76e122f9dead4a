"""The game of a model by coalition, and shapiq's methods on it."""

import numpy as np
import pytest
import torch

import taylorattr as ta
from taylorattr.toys import Polynomial, three_effects

MODEL = Polynomial({(1, 0, 0, 0, 0): 3, (1, 1, 0, 0, 0): 2, (0, 1, 1, 0, 0): -5, (0, 0, 0, 2, 1): 1})
X = torch.tensor([[1.0, 1.0, 1.0, 2.0, 1.0]])


def test_values_by_coalition_each_evaluated_once():
    game = ta.coalition_game(three_effects(), torch.tensor([[1.0, 2.0], [2.0, 1.0]]))
    rows = [[0, 0], [1, 0], [1, 1]]
    assert game.values(rows).tolist() == [0, 3, 19] and game.values(rows, 1).tolist() == [0, 6, 13]
    assert game.values(rows[1]).tolist() == [3] and game.evaluations() == 3
    with pytest.raises(ta.errors.ShapeError, match=r"expected \(R, 2\)"):
        game.values([[1, 0, 0]])
    with pytest.raises(ta.errors.OptionError, match="example=2"):
        game.values(rows, 2)


def test_shapiqs_exact_computer_on_the_game():
    shapiq = pytest.importorskip("shapiq")
    game = ta.coalition_game(MODEL, X).to_shapiq_game()
    values = shapiq.ExactComputer(game=game, n_players=5)("k-SII", order=2)
    ours = ta.harsanyi(MODEL, X).index("k-SII", 2)
    assert game.n_players == 5
    for coalition in ours.coalitions[1:]:
        assert values[coalition] == pytest.approx(float(ours[coalition][0]), abs=1e-9)


def test_an_approximator_of_shapiqs_is_a_way():
    pytest.importorskip("shapiq")
    found = ta.interactions(MODEL, X, way="shapiq:KernelSHAP", index="SV", order=1, budget=32)
    exact = ta.harsanyi(MODEL, X).index("SV")
    assert found.way == ("shapiq:KernelSHAP",) and set(found.known_as(0)) == {"estimated"}
    ours = np.array([float(found[i][0]) for i in range(5)])
    np.testing.assert_allclose(ours, exact.values[0, 1:].numpy(), atol=1e-6)  # all 2⁵ values fit the budget


@pytest.mark.parametrize(
    ("way", "index", "message"),
    [
        ("shapiq:Guess", "SV", "shapiq has no approximator 'Guess'; it has .*ProxySPEX"),
        ("shapiq:KernelSHAP", "STII", "shapiq's KernelSHAP does not take index='STII'"),
    ],
)
def test_what_shapiq_does_not_have_is_refused(way, index, message):
    pytest.importorskip("shapiq")
    with pytest.raises(ta.errors.OptionError, match=message):
        ta.interactions(MODEL, X, way=way, index=index)
