"""What was recorded is run again where the model gives the same, and only there."""

import pytest
import torch
from torch import nn

from taylorattr.analysis.question import Question
from taylorattr.methods.method import attributed
from taylorattr.methods.relevance import recording as recordings
from taylorattr.methods.relevance.recording import record_at
from taylorattr.methods.relevance.replay import Replay
from tests.methods.relevance.networks import NETWORKS, OPERATIONS, D, around, draw, readout, seeded

ROUNDING = 1e-13  # of kernels that round differently in another batch


def values_apart(program, other):
    """The largest difference of a value, relative to the largest entry of its tensor."""
    mine, theirs = program.values, other.values
    assert mine.keys() == theirs.keys()
    finite = [
        torch.where(torch.isfinite(end[i]), end[i], 0.0).double() for i in mine for end in (mine, theirs)
    ]
    pairs = zip(finite[::2], finite[1::2], strict=True)
    return max(float((a - b).abs().max() / (b.abs().max() + 1e-30)) for a, b in pairs if a.numel())


@pytest.mark.parametrize("name", NETWORKS)
def test_a_replay_has_every_value_of_a_recording(name):
    model, x, b = NETWORKS[name]
    model = readout(model)
    recording = record_at(model, x, None)
    there = tuple(start.expand_as(end) + 0.1 * end for start, end in zip(b, x, strict=True))
    found = recording.again.replay.at(there, lambda: model(*there))
    assert found is not None
    assert values_apart(found, record_at(model, there, None).program) == 0


@pytest.mark.parametrize("name", OPERATIONS)
def test_so_has_one_at_another_number_of_rows_or_none_is_used(name):
    model, there = around(name), (draw(5, 4, seed=2),)
    found = record_at(model, (draw(3, 4),), None).again.replay.at(there, lambda: model(*there))
    expected = record_at(model, there, None).program
    assert found is None or values_apart(found, expected) < ROUNDING


def test_a_replay_is_believed_only_where_the_model_gives_the_same():
    """What torch cannot see: the operations are those of another function."""
    factor = [2.0]

    def model(x):
        return (x * factor[0]).sum(1)

    x = draw(3, 4)
    recording = record_at(model, (x,), None)
    assert recording.again.replay.at((x + 1,), lambda: model(x + 1)) is not None
    factor[0] = 3.0
    assert recording.again.replay.at((x + 1,), lambda: model(x + 1)) is None
    again = recording.again((x + 1,))  # so it is recorded anew
    torch.testing.assert_close(again.values[again.output.index], 3.0 * (x + 1).sum(1))


def test_nothing_is_replayed_that_branches_or_reads_a_number():
    x = draw(3, 4)

    def branching(x):
        return x.sum(1) if bool(x.sum() > 0) else -x.sum(1)

    for model in (branching, lambda x: x.sum(1) * float(x.abs().max())):
        program = recordings.record(model, (x,), keep_values=True)
        replay = Replay(program, program, 3)
        assert not replay.possible and replay.at((x,), lambda: pytest.fail("run")) is None


def mlp():
    return seeded(lambda: nn.Sequential(nn.Linear(4, 7), nn.ReLU(), nn.Linear(7, 3)))


METHODS = {
    "lrp_epsilon": {},
    "lrp_alpha_beta": {"alpha": 2.0},
    "deep_taylor": {},
    "deeplift_rescale": {},
    "deeplift_reveal_cancel": {},
    "deep_shap": {},
}


@pytest.mark.filterwarnings("ignore")  # of scores that cancel, and of one reference
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("target", [1, [0, 2, 1, 1, 0]], ids=["one", "each"])
def test_the_same_copies_asked_again_give_what_new_ones_do(monkeypatch, method, target):
    x, other, b = draw(5, 4), draw(5, 4, seed=1), draw(5, 4, seed=2)[:1]
    starts = None if "lrp" in method or method == "deep_taylor" else b
    options = {"target": target, "dtype": D}
    first = Question(mlp(), x, starts, **options)
    attributed(method, first, METHODS[method])
    expected = attributed(method, Question(mlp(), other, starts, **options), METHODS[method])
    monkeypatch.setattr(recordings, "record", lambda *_, **__: pytest.fail("recorded anew"))
    found = attributed(method, first.with_inputs(other, starts), METHODS[method])
    assert torch.equal(found.player_scores, expected.player_scores) and torch.equal(found.gap, expected.gap)


def test_rows_that_depend_on_each_other_show_when_asked_again():
    """Rows that are equal do not feel the mean over the batch; the next ones do."""
    model = lambda x: (x - x.mean(0)).sum(1) + x.prod(1)  # noqa: E731
    first = Question(model, torch.ones(4, 3, dtype=D), 0.5)
    attributed("deeplift_rescale", first, {})
    with pytest.raises(ValueError, match="depends on the other rows"):
        attributed("deeplift_rescale", first.with_inputs(draw(4, 3), 0.5), {})


def test_a_baseline_asked_about_again_is_not_run_again_and_another_is():
    runs, x = [], draw(5, 4)
    model = mlp()

    def counted(rows):
        runs.append(len(rows))
        return model(rows)[:, 0]

    recording = record_at(counted, (x,), None)
    runs.clear()
    for baseline, expected in ((x[:1] + 1, 1), (x[:1] + 1, 1), (x[:2], 2), (x[:1] + 1, 3)):
        start = recording.again((baseline.clone(),))
        torch.testing.assert_close(start.values[start.output.index], model(baseline)[:, 0])
        assert len(runs) == expected
