"""Held-out examples are never looked at, no gain is said to be none, and what cannot be fitted is not."""

import sys

import pytest
import torch

import taylorattr as ta
from taylorattr.design.fit import agreeing, deletion
from taylorattr.errors import NonFiniteError
from tests.design.fit.models import every_pair, inputs, smooth, squared_error

FEW = {"restarts": 1, "budget": 20}
EVERY = {
    "weighted_shapley": "weighted_shapley",
    "sharing": "sharing",
    "ordered": "ordered",
    "semivalue": "semivalue",
    "measure": "measure",
    "power_path": "power_path",
    "mix": ["integrated_gradients", "shapley"],
}


@pytest.mark.every(4)
@pytest.mark.parametrize("family", EVERY.values(), ids=EVERY)
def test_other_held_out_examples_give_the_same_fit(family):
    model, x, held = smooth(), inputs(10, 3), [1, 4, 7]
    other = x.clone()
    other[held] = inputs(3, 3, seed=9) - 1.0
    first, second = (
        ta.design.fit("deletion", family, model, data, held_out=held, name="f", **FEW) for data in (x, other)
    )
    assert first.parameters == second.parameters
    assert torch.equal(first.history, second.history)
    assert first.train_value == second.train_value and first.value != second.value


def test_the_model_meets_held_out_rows_only_after_the_fit():
    x, held = inputs(8, 3), [0, 5]
    plain, seen, after = smooth(), [], []

    def model(rows):
        seen.append(any(bool((rows == x[k]).all(1).any()) for k in held))
        return plain(rows)

    def watched(scores, examples):
        after.append(len(seen))
        return scores[:, 0]

    found = ta.design.fit(
        watched, "power_path", model, x, held_out=held, name="f", maximise=True, restarts=1, budget=8
    )
    looks = found.cost["evaluations of the objective"]
    assert not any(seen[: after[looks - 1]]) and any(seen)
    assert found.diagnostics["held_out"] == held and found.diagnostics["train"] == [1, 2, 3, 4, 6, 7]


def test_where_there_is_nothing_to_gain_the_interval_contains_zero():
    """Truth without any relation to the model: of 12 fits less than one interval of 95 % misses 0."""
    model, missed = every_pair(3), 0
    for seed in range(12):
        x = inputs(60, 3, seed=seed)
        truth = torch.randn(60, 3, generator=torch.Generator().manual_seed(100 + seed), dtype=torch.float64)
        found = ta.design.fit(
            agreeing("cosine"),
            "weighted_shapley",
            model,
            x,
            truth=truth,
            name="f",
            seed=seed,
            restarts=1,
            budget=8,
        )
        missed += not found.low <= 0 <= found.high
        said = found.sentence
        assert ("contains 0" in said) == (found.low <= 0 <= found.high), said
    assert missed <= 3  # more has probability 0.2 % at 5 %


@pytest.mark.parametrize(
    ("family", "only", "words"),
    [("semivalue", "shapley", "eq. 63"), ("measure", "integrated_gradients", "eq. 70")],
)
def test_the_only_complete_member_is_given_back_and_nothing_is_fitted(family, only, words):
    calls = []

    def model(rows):
        calls.append(len(rows))
        return rows.sum(1)

    found = ta.design.fit("deletion", family, model, inputs(6, 3), complete=True)
    assert not calls and not found.fitted
    assert found.rule.recognised.name == only and found.report.complete.holds
    assert (
        words in found.reason
        and "only complete" in found.reason
        and found.reason in repr(found).replace("\n    ", " ")
    )
    assert (found.gain, found.low, found.high) == (0, 0, 0)


def test_complete_families_are_fitted_though_complete_is_asked_for():
    found = ta.design.fit(
        "deletion", "weighted_shapley", every_pair(3), inputs(6, 3), complete=True, name="f", **FEW
    )
    assert found.fitted and found.report.complete.holds


@pytest.mark.slow
def test_never_worse_than_the_beginning_on_the_training_examples():
    for family in EVERY.values():
        for objective, sign in (("deletion", 1), ("recovery", -1)):
            found = ta.design.fit(objective, family, every_pair(3, seed=3), inputs(8, 3), name="f", **FEW)
            if not isinstance(family, list):  # a mixture begins with equal weights, not with its best part
                assert sign * (found.train_value - found.train_against) >= -1e-9, family


def test_one_number_for_all_examples_has_an_interval_too():
    model, x = every_pair(3), inputs(20, 3)

    def spread(scores, examples):
        return scores.std()

    def each(scores, examples):
        return scores[:, 0]

    found = ta.design.fit(spread, "weighted_shapley", model, x, name="f", maximise=False, **FEW)
    assert found.values.shape == () and found.low < found.high
    mean = lambda scores, examples: each(scores, examples).mean()  # noqa: E731
    a, b = (
        ta.design.fit(f, "weighted_shapley", model, x, name="f", maximise=True, differentiable=True, **FEW)
        for f in (each, mean)
    )
    assert a.parameters == b.parameters and a.gain == pytest.approx(b.gain, rel=1e-12)
    assert b.low == pytest.approx(a.low, rel=0.2) and b.high == pytest.approx(a.high, rel=0.2)


def test_baselines_are_compared():
    model, x = smooth(), inputs(8, 3)
    references = torch.stack([torch.zeros(3), torch.full((3,), 0.5), torch.tensor([1.0, 0.0, 0.5])]).double()
    shapes = []

    def watched(scores, examples):
        shapes.append(tuple(scores.shape))
        return ta.evaluation.baseline_variance(scores)

    named = ta.design.fit("baseline_variance", "sharing", model, x, references=references, name="f", **FEW)
    assert named.train_value < named.train_against and named.report.complete.holds
    own = ta.design.fit(
        watched, "sharing", model, x, references=references, name="f", maximise=False, differentiable=True,
        **FEW,
    )  # fmt: skip
    assert set(shapes) == {(3, 4, 3)} and own.parameters == named.parameters
    # the scores under each baseline are those of the rule itself
    each = [
        named.rule.attribute(model, x[named.diagnostics["held_out"]], row[None]).player_scores
        for row in references
    ]
    assert torch.allclose(ta.evaluation.baseline_variance(torch.stack(each)), named.values, atol=1e-12)


@pytest.mark.parametrize("differentiable", [True, False])
def test_an_objective_that_is_not_finite_names_example_and_parameters(differentiable):
    x = inputs(8, 3)
    x[3, 0] = 0.0

    def logarithm(scores, examples):
        return torch.where(examples.inputs[0][:, 0] == 0, torch.nan, scores[:, 0])

    with pytest.raises(
        NonFiniteError, match=r"'logarithm' is nan for example 3 at the parameters \(1, 1, 1\)"
    ):
        ta.design.fit(
            logarithm, "weighted_shapley", every_pair(3), x, held_out=[0, 1], name="f", maximise=True,
            differentiable=differentiable, **FEW,
        )  # fmt: skip
    infinite = lambda scores, examples: torch.tensor(float("inf"))  # noqa: E731
    with pytest.raises(NonFiniteError, match="is inf for 6 example"):
        ta.design.fit(infinite, "semivalue", every_pair(3), x, held_out=[0, 1], maximise=True)
    with pytest.raises(NonFiniteError, match="'agreement' is nan for example 2"):
        truth = torch.rand(8, 3)
        truth[2] = 0.5
        ta.design.fit("agreement", "semivalue", every_pair(3), x, truth=truth, held_out=[0, 1])


def test_curves_by_the_model_are_those_off_the_table(monkeypatch):
    model, x = every_pair(4), inputs(8, 4)
    settings = {"held_out": [0, 1, 2], "name": "f", "restarts": 1, "budget": 20, "shape": "beta", "nodes": 8}
    table = ta.design.fit("recovery", "measure", model, x, **settings)
    monkeypatch.setattr(sys.modules["taylorattr.design.fit.fitting"], "TABLE_PLAYERS", 2)
    run = ta.design.fit("recovery", "measure", model, x, **settings)
    assert run.diagnostics["curves"] != table.diagnostics["curves"]
    assert run.parameters == table.parameters
    assert torch.allclose(run.values, table.values, atol=1e-12)


def test_the_probability_of_the_class_can_be_followed():
    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Linear(3, 8), torch.nn.Tanh(), torch.nn.Linear(8, 4)).double().eval()
    x = inputs(10, 3)
    target = net(x).argmax(1)
    found = ta.design.fit(
        deletion(output="probability"), "ordered", net, x, target=target, held_out=[0, 1, 2], name="f"
    )
    scores = found.rule.attribute(net, x[:3], target=target[:3])
    by_model = ta.evaluation.player_curves(net, x[:3], scores, target=target[:3], output="probability")
    assert torch.allclose(found.values, by_model.measure("deletion"), atol=1e-12)


def test_spearman_is_searched_without_gradients():
    model, x = every_pair(3), inputs(8, 3)
    truth = ta.attribute("shapley", model, x).player_scores
    found = ta.design.fit(agreeing("spearman"), "weighted_shapley", model, x, truth=truth, name="f", **FEW)
    assert found.diagnostics["search"] == "evolution" and found.value == 1
    with_gradient = ta.design.fit(
        squared_error, "weighted_shapley", model, x, truth=truth, name="f", maximise=False,
        differentiable=True, **FEW,
    )  # fmt: skip
    assert with_gradient.diagnostics["search"] == "gradient"


def test_many_players_are_searched_without_expected_curves(monkeypatch):
    monkeypatch.setattr(sys.modules["taylorattr.design.fit.objective"], "SMOOTH_PLAYERS", 2)
    found = ta.design.fit("deletion", "sharing", every_pair(3, seed=3), inputs(8, 3), name="f", **FEW)
    assert found.diagnostics["search"] == "evolution" and found.train_value >= found.train_against
