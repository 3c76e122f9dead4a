"""A question makes its copies, checks and values once and shares them with what is derived of it."""

import dataclasses
import inspect
import warnings

import pytest
import torch
from torch import nn

import taylorattr as ta
from taylorattr.analysis import private_model
from taylorattr.analysis.question import Question
from taylorattr.analysis.shared_parameters import SHARED, shares_parameters
from taylorattr.errors import OptionError, TrainingModeWarning
from tests.autodiff.networks import mlp, points

X = points(3, 4)
PUBLIC = [name for name in ta.__all__ if inspect.isfunction(getattr(ta, name))]


@pytest.fixture
def copies(monkeypatch):
    """How often a model was copied."""
    made = []

    def counted(*arguments, **options):
        made.append(options)
        return copy_model(*arguments, **options)

    copy_model = private_model.copy_model
    monkeypatch.setattr(private_model, "copy_model", counted)
    return made


def test_the_game_is_made_once(copies):
    question = Question(mlp(), X, target=0)
    assert question.game is question.game and question.point is question.point
    assert len(copies) == 1


def test_questions_of_the_same_model_share_its_copies_and_give_what_new_ones_give(copies):
    net = mlp()
    question = Question(net, X, target=[0, 1, 2])
    _ = question.game
    derived = question.with_inputs(X[:2] + 1, 0.5, target=[0, 1])
    assert len(copies) == 1
    other = question.against(X + 1)
    for asked, fresh in (
        (derived, Question(net, X[:2] + 1, 0.5, target=[0, 1])),
        (other, Question(net, X, X + 1, target=[0, 1, 2])),
    ):
        assert torch.equal(asked.game.f_input, fresh.game.f_input)
        assert torch.equal(asked.game.f_baseline, fresh.game.f_baseline)
        assert asked.private is question.private
    assert len(copies) == 3  # those of the two fresh questions


def test_a_question_is_frozen_and_keeps_its_values_when_the_user_writes_to_the_tensors():
    x = X.clone()
    question = Question(mlp(), x, target=0)
    before = question.game.inputs[0].clone()
    x += 1
    assert torch.equal(question.game.inputs[0], before)
    with pytest.raises(dataclasses.FrozenInstanceError):
        question.seed = 3


def test_warnings_name_the_line_of_the_user():
    net = nn.Sequential(nn.Linear(4, 1), nn.Dropout()).train()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        ta.attribute("gradient_x_input", net, X)
    (found,) = [w for w in caught if w.category is TrainingModeWarning]
    assert found.filename == __file__


def test_a_method_without_references_has_no_reference_set():
    with pytest.raises(OptionError, match="references=True"):
        _ = Question(mlp(), X, target=0).reference_set


@pytest.mark.parametrize("name", PUBLIC)
def test_help_describes_each_shared_parameter_in_full(name):
    documentation = inspect.getdoc(getattr(ta, name)) or ""
    assert "As in `Question`" not in documentation
    text = " ".join(documentation.split())
    taken = inspect.signature(getattr(ta, name)).parameters
    # the target of a report is one of many results'; the inputs of a data set are names of its fields
    if "model" in taken and "inputs" in taken and name not in ("report", "map_dataset"):
        for shared in ("model", "target", "additional_forward_args"):
            assert f"{shared}: {SHARED[shared]}" in text, (name, shared)


def test_a_mark_becomes_the_description_and_what_follows_stays():
    @shares_parameters
    def asked(target, order):
        """Ask.

        Args:
            target: As in `Question`. One
                for all.
            order: Its order.
        """

    text = " ".join((asked.__doc__ or "").split())
    assert f"target: {SHARED['target']} One for all. order: Its order." in text
    assert max(map(len, (asked.__doc__ or "").splitlines())) <= 110
