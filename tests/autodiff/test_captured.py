import pytest
import torch

from taylorattr.analysis.question import Question
from taylorattr.autodiff.captured import capture_at, holds_at

from .networks import mlp, points


def test_why_a_model_is_not_walked():
    def branch(x):
        return torch.stack([(row**2).sum() if float(row[0]) > 0 else row.prod() for row in x])

    def no_rule(x):
        return torch.special.digamma(x + 3).sum(1)

    def escapes(x):
        return torch.from_numpy(x.detach().numpy() ** 2).sum(1) + x.sum(1)

    for f, reason in (
        (branch, "takes another branch"),
        (no_rule, "digamma.*no Taylor rule"),
        (escapes, "differ"),
    ):
        game = Question(f, torch.tensor([[1.0, 2.0]]).double(), -1.0).game
        found = capture_at(game.scalar, game.baseline(0), 0, game.input(0))
        assert isinstance(found, str)
        with pytest.raises(AssertionError, match=reason):
            raise AssertionError(found)


def test_a_program_is_shared_where_it_gives_the_models_values():
    game = Question(mlp(), points(2, 4), target=1).game
    program = capture_at(game.scalar, game.baseline(0), 0, game.input(0))
    assert holds_at(program, game.scalar, game.input(1), game.f_input[1])
    assert not holds_at(program, game.scalar, game.input(1), game.f_input[1] + 1e-6)
    differing = Question(mlp(), points(2, 4), target=[0, 1]).game
    program = capture_at(differing.scalar, differing.baseline(0), 0)
    assert not holds_at(program, differing.scalar, differing.input(0), differing.f_input[0])
