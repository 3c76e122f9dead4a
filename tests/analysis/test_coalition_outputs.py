import pytest
import torch

from taylorattr.analysis.coalition_outputs import CoalitionOutputs, unchanged
from taylorattr.analysis.masking import coalition_values
from taylorattr.analysis.question import Question
from taylorattr.errors import NonFiniteError
from tests.autodiff.networks import mlp
from tests.autodiff.networks import points as normal


def game_of(model, x, b=None, rows=None, **options):
    return Question(model, x, b, internal_batch_size=rows, **options).game


@pytest.mark.parametrize("fold", [False, True])
@pytest.mark.parametrize("rows", [None, 3, 64])
@pytest.mark.parametrize("players", [None, [[0, 2], [1], [3]]])
def test_outputs_are_those_of_each_example(fold, rows, players):
    game = game_of(mlp(4), normal(5, 4), normal(1, 4, seed=2), rows, target=[0, 1, 2, 0, 1], players=players)
    n = game.n
    with CoalitionOutputs(game, fold=fold) as outputs:
        table = outputs.table(lambda start, stop: torch.arange(start, stop), 2**n)
    for example in range(5):
        expected = coalition_values(game, torch.arange(2**n), example)
        assert (table[example] - expected).abs().max() < 1e-14  # sums in another order


def test_slices_cover_the_examples_once():
    game = game_of(mlp(4), normal(5, 4), rows=32, target=0)
    with CoalitionOutputs(game) as outputs:
        parts = [part for part, _ in outputs(lambda start, stop: torch.arange(start, stop), 16)]
    assert [e for part in parts for e in range(part.start, part.stop)] == list(range(5))


@pytest.mark.parametrize("examples", [1, 4])
def test_a_bad_output_is_named_with_its_example(examples):
    def model(x):
        bad = (x[:, 0] == 0) & (x[:, 1] == 2) & (x[:, 2] == 0)
        return torch.where(bad, torch.full_like(x[:, 0], torch.nan), x.sum(1))

    x = torch.ones(examples, 3)
    x[-1, 1] = 2
    game = game_of(model, x)
    with pytest.raises(NonFiniteError, match=rf"example {examples - 1} with the players \{{x1\}}"):
        with CoalitionOutputs(game) as outputs:
            outputs.table(lambda start, stop: torch.arange(start, stop), 8)


def test_players_are_unchanged_when_all_their_elements_are():
    x = torch.tensor([[0.0, 1, 0, 0], [0, 0, 2, 0]])
    game = Question(lambda x: x.sum(1), x, players=[[0, 1], [2], [3]]).game
    assert unchanged(game).tolist() == [[False, True, True], [True, False, True]]
