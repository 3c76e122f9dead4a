import itertools

import pytest

import taylorattr as ta
from tests.allocation.confirm import off_by_one_percent
from tests.allocation.extra.games import close, difference, others, relu_game, subsets

N = 5
PAIRS = list(itertools.combinations(range(N), 2))


@pytest.fixture(scope="module")
def game():
    return relu_game(N)


def test_second_differences_on_a_relu_network(game):
    effects, value = game
    close(ta.allocate("archipelago/at_baseline", effects), [difference(value, pair, ()) for pair in PAIRS])
    at_input = [difference(value, pair, tuple(others(N, pair))) for pair in PAIRS]
    close(ta.allocate("archipelago/at_input", effects), at_input)


@pytest.mark.parametrize("order", [1, 3, N])
def test_the_total_of_a_set_on_a_relu_network(game, order):
    effects, value = game
    found = ta.allocate("archipelago/attribute", effects, {"k": order})
    sets = [chosen for chosen in subsets(range(N)) if 1 <= len(chosen) <= order]
    close(found, [value(chosen) - value(()) for chosen in sets])
    assert found.names == tuple(" × ".join(effects.names[j] for j in chosen) for chosen in sets)


def test_a_wrong_entry_is_caught(game):
    effects, value = game
    wrong = off_by_one_percent("archipelago/at_input", (1,) * N)
    with pytest.raises(AssertionError):
        at_input = [difference(value, pair, tuple(others(N, pair))) for pair in PAIRS]
        close(ta.allocate(wrong, effects), at_input)
