"""What the audit can listen to, and what it says of what it cannot."""

import pytest
import torch

import taylorattr as ta
from tests.criteria.networks import smooth
from tests.methods.networks import points

X, B = points(2, 4, seed=1), points(1, 4, seed=2) / 3


def shapley(model, baselines, target, scale=1.0):
    return lambda rows: ta.attribute("shapley", model, rows, baselines, target=target).scores * scale


def test_a_recipe_is_bound_in_float64_whatever_the_model():
    model, seen = smooth(4, 1).float(), []

    def make(copy, baselines, target):
        seen.append((baselines.dtype, next(copy.parameters()).dtype, target))
        return shapley(copy, baselines, target)

    report = ta.audit(ta.binds(make), model, X.float(), B.float(), target=[0, 1])
    assert seen == [(torch.float64, torch.float64, 0), (torch.float64, torch.float64, 1)]
    assert report.noise["eps"] < 1e-15 and report.exit_status == 0
    assert next(model.parameters()).dtype == torch.float32


def test_settings_reach_the_recipe():
    recipe = ta.binds(shapley, scale=1.5)
    assert ta.audit(recipe, smooth(4, 1), X, B, target=0).complete.status == "fails"
    assert ta.audit(recipe, smooth(4, 1), X, B, target=0, scale=1.0).exit_status == 0


def test_a_recipe_over_references_is_audited_by_each():
    references = points(3, 4, seed=3)
    right = ta.audit(ta.binds(shapley, references=True), smooth(4, 1), X[:1], references, target=0)
    assert right.exit_status == 0 and any("3 references" in note for note in right.notes)

    def averaged(rows):
        found = [shapley(smooth(4, 1), r[None], 0)(rows) for r in references]
        return torch.stack(found).mean(0)

    told = ta.audit(averaged, smooth(4, 1), X[:1], references.mean(0, keepdim=True), target=0)
    assert [fault.kind for fault in told.misuse] and told.exit_status == 1


def test_scores_per_player_are_taken_as_such():
    players = ta.Players([[0, 1], [2, 3]])

    def scores(rows):
        return ta.attribute("shapley", smooth(4, 1), rows, target=0, players=players).player_scores

    assert ta.audit(scores, smooth(4, 1), X, target=0, players=players).exit_status == 0


def test_a_group_score_on_each_of_its_elements_is_told():
    players = ta.Players([[0, 1], [2, 3]])

    def scores(rows):
        return ta.attribute(
            "shapley", smooth(4, 1), rows, target=0, players=players, per_element=False
        ).scores

    report = ta.audit(scores, smooth(4, 1), X, target=0, players=players)
    assert [fault.kind for fault in report.misuse] == ["repeated"]


def test_leaks_between_elements_of_one_player_are_shown():
    players = ta.Players([[0, 1], [2, 3]])

    def scores(rows):
        right = ta.attribute("shapley", smooth(4, 1), rows, target=0, players=players).scores
        shift = rows[:, :1] * torch.tensor([0.0, 0.0, 1.0, -1.0], dtype=rows.dtype)
        return right + shift  # sums within players are as they were

    report = ta.audit(scores, smooth(4, 1), X, target=0, players=players)
    assert report.exit_status == 0 and report.element_leak is not None
    assert float(report.element_leak.max()) > 0.1 and "elements at their baseline" in repr(report)


def test_inputs_as_a_tuple():
    def model(a, b):
        return a[:, 0] * b[:, 0] + b[:, 1] ** 2

    pair = (points(1, 1, seed=1), points(1, 2, seed=2))

    def scores(rows):
        return ta.attribute("shapley", model, rows).scores

    report = ta.audit(scores, model, pair)
    assert report.exit_status == 0 and report.n == 3
    assert ta.audit("deeplift_rescale", model, pair).exit_status == 0


@pytest.mark.parametrize(
    ("method", "options", "error", "said"),
    [
        (3, {}, ta.errors.OptionError, "expected a name in ta.METHODS"),
        (lambda rows: rows, {"n_steps": 3}, ta.errors.OptionError, "takes no options"),
        ("shaply", {}, ta.errors.OptionError, "did you mean 'shapley'"),
        ("grad_cam", {}, ta.errors.OptionError, "audit it on the head"),
        (lambda rows: rows[:, :3], {}, ta.errors.ShapeError, "one score per player"),
        (lambda rows: rows / 0, {}, ta.errors.NonFiniteError, "divides by something that vanishes"),
        (lambda rows: "no", {}, ta.errors.ShapeError, "returned a str"),
        ("shapley", {"tol": 0}, ta.errors.OptionError, "tol"),
        ("shapley", {"repeats": 2}, ta.errors.OptionError, "repeats"),
        ("shapley", {"max_order": 0}, ta.errors.OptionError, "max_order"),
    ],
)
def test_wrong_calls(method, options, error, said):
    with pytest.raises(error, match=said):
        ta.audit(method, smooth(4, 1), X, target=0, **options)


def test_too_many_coalitions_are_refused():
    with pytest.raises(ta.errors.BudgetError, match="coalitions"):
        ta.audit("shapley", smooth(30, 1), points(1, 30), target=0, max_order=8)


def test_an_argument_that_all_examples_share_is_no_row_of_each():
    weights = torch.tensor([1.0, -2.0, 0.5, 3.0, 1.0], dtype=torch.float64)  # five numbers, two examples

    def model(x, per_example, shared):
        return (x @ shared[:4]) ** 2 * per_example[:, 0] + shared[4] * x[:, 0]

    extra = (torch.tensor([[2.0], [3.0]], dtype=torch.float64), weights)
    report = ta.audit("shapley", model, X, additional_forward_args=extra)
    assert report.exit_status == 0
    for example, factor in enumerate(extra[0][:, 0]):
        alone = ta.audit(
            "shapley", lambda x, factor=factor: model(x, factor.expand(len(x), 1), weights), X[[example]]
        )
        assert torch.allclose(report.effects[example], alone.effects[0], rtol=1e-12, atol=1e-12)
