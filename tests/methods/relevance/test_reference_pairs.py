"""All pairs of an example and a reference in one walk: what a loop over the references gives."""

import warnings

import pytest
import torch
from torch import nn

import taylorattr as ta
from taylorattr.analysis.question import Question
from taylorattr.methods.method import attribute
from taylorattr.methods.relevance import recording as recordings
from taylorattr.methods.relevance.recording import record_rows
from taylorattr.methods.relevance.reference_pairs import recorded_pairs
from taylorattr.methods.relevance.replay import Replay
from tests.methods.relevance.networks import NETWORKS, D, draw, readout, seeded

ROUNDING = 1e-12  # the order of the sum over the references is another one


def one_by_one(model, x, references, **options):
    """Rescale against each reference by itself, with Deep SHAP's rule for maxima."""
    options["max_rule"] = "shapley"
    return attribute("deeplift_rescale", model, x, references=references, **options).player_scores


def close(a, b):
    return float((a - b).abs().max()) <= ROUNDING * float(b.abs().max())


def around(parts, count):
    return tuple(part + 0.5 * draw(count, *part.shape[1:], seed=7) for part in parts)


@pytest.mark.filterwarnings("ignore")  # of scores that cancel
@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("count", [3, 4])  # 3: as many references as examples
def test_pairs_equal_a_loop_over_references(name, count):
    model, x, b = NETWORKS[name]
    model = readout(model)
    references = around(b, count)
    expected = one_by_one(model, x, references)
    assert close(attribute("deep_shap", model, x, references).player_scores, expected)


def mlp():
    return seeded(lambda: nn.Sequential(nn.Linear(4, 7), nn.ReLU(), nn.Linear(7, 3)))


@pytest.mark.parametrize(
    "options",
    [
        {"target": [0, 2, 1, 1, 0]},
        {"target": 1, "internal_batch_size": 2},
        {"target": 1, "internal_batch_size": 7},
        {"target": 1, "players": ta.Players([[0, 2], [1]], rest="fixed")},
    ],
    ids=["targets", "examples apart", "some references at once", "an element of nobody"],
)
def test_whatever_is_one_for_each_example(options):
    x, references = draw(5, 4), draw(6, 4, seed=3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = one_by_one(mlp(), x, references, **options)
        found = attribute("deep_shap", mlp(), x, references, **options)
    assert close(found.player_scores, expected)


def test_one_example_and_arguments_of_each():
    model = seeded(lambda: nn.Linear(4, 3))

    def scaled(x, scale):
        return (model(x).tanh() * scale).sum(1)

    references = draw(6, 4, seed=3)
    for batch in (1, 5):
        x, scale = draw(batch, 4), draw(batch, 1, seed=4)
        expected = one_by_one(scaled, x, references, additional_forward_args=scale)
        found = attribute("deep_shap", scaled, x, references, additional_forward_args=scale)
        assert close(found.player_scores, expected)


def asked(model, x, references, **options):
    return Question(model, x, 0.0, references=(references,), input_later=True, baseline_later=True, **options)


def ways_taken(monkeypatch, model, x, references, **options):
    """How each run of the pairs of a question came about, and its rows."""
    question, taken = asked(model, x, references, **options), []
    record, replay = recordings.record_written_out, Replay.at

    def recorded(function, inputs, **more):
        taken.append(("recorded", len(inputs[0])))
        return record(function, inputs, **more)

    def replayed(self, rows, expected, **how):
        found = replay(self, rows, expected, **how)
        taken.extend([("replayed", len(rows[0]))] if found is not None else [])
        return found

    monkeypatch.setattr(recordings, "record_written_out", recorded)
    monkeypatch.setattr(Replay, "at", replayed)
    at_x = record_rows(question.game, slice(0, len(x)), reference=False)
    list(recorded_pairs(question, at_x, 0))
    return taken


def test_references_that_all_share_are_run_once(monkeypatch):
    x, references = draw(5, 4), draw(6, 4, seed=3)
    assert ways_taken(monkeypatch, mlp(), x, references, target=0) == [("replayed", 6)]
    equal = ways_taken(monkeypatch, mlp(), draw(6, 4), references, target=0)
    assert equal == [("replayed", 7)]  # one more tells references and examples apart
    each = ways_taken(monkeypatch, mlp(), x, references, target=[0, 1, 2, 0, 1])
    assert each == [("recorded", 30), ("recorded", 30)]


def test_views_that_hold_the_number_of_rows_take_another(monkeypatch):
    model = seeded(lambda: nn.Sequential(nn.Flatten(), nn.Linear(4, 3), nn.Tanh()))
    x, references = draw(5, 2, 2), draw(6, 2, 2, seed=3)
    assert ways_taken(monkeypatch, model, x, references, target=0) == [("replayed", 6)]


def test_a_model_with_examples_merged_into_another_dimension_is_run_at_all_pairs(monkeypatch):
    model = seeded(lambda: nn.Linear(4, 1))

    def merged(x):
        halves = x.reshape(len(x) * 2, 2).tanh()  # an example's two halves as rows
        return model(halves.reshape(len(x), 4)).sum(1)

    taken = ways_taken(monkeypatch, merged, draw(5, 4), draw(6, 4, seed=3))
    assert taken == [("replayed", 6), ("recorded", 30), ("recorded", 30)]


def test_a_model_that_branches_takes_the_branch_of_each_reference(monkeypatch):
    """All rows above 0 take one branch, the others another: together they would take one of the two."""

    def branching(x):
        return (x**2).sum(1) if bool((x > 0).all()) else x.tanh().sum(1)

    x = draw(5, 4).abs()
    assert ways_taken(monkeypatch, branching, x, draw(3, 4).abs()) == [("recorded", 1)] * 3
    with pytest.raises(ta.errors.CaptureError, match="another branch on the baseline"):
        attribute("deep_shap", branching, x, torch.cat([draw(2, 4).abs(), -draw(1, 4).abs()]))


def test_diagnostics_number_the_examples():
    """Σ|scores| of the second example alone is far larger than the output."""
    model = nn.Linear(2, 1, bias=False).to(D).eval()
    with torch.no_grad():
        model.weight.copy_(torch.tensor([[1e6, -1e6]]))
    x = torch.tensor([[1.0, 0.0], [1.0, 1.0 - 1e-9], [0.0, 1.0]], dtype=D)
    references = torch.zeros(4, 2, dtype=D)
    with pytest.warns(ta.errors.PrecisionWarning, match="of example 1 is 2e"):
        found = attribute("deep_shap", model, x, references, balance=True)
    assert found.diagnostics["larger_than_output"] == [1]
    assert [len(each) for each in found.diagnostics["balance"]] == [4, 4, 4]
