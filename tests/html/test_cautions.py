"""Where numbers cannot be trusted, the page says so; where they can, it is quiet."""

import dataclasses

import pytest
import torch

import taylorattr as ta
from taylorattr.html.cautions import cautions
from taylorattr.html.contents import contents_of
from tests.html.pages import results
from tests.plot.results import attribution, harsanyi, reformulation, taylor


def sentences(*results):
    return [(c.grave, c.sentence) for c in cautions(contents_of(results))]


def sound():
    effects = taylor(3, 2)
    return dataclasses.replace(
        effects, converged=torch.tensor([True]), f_input=effects.f_baseline + effects.values.sum(1),
        delta=effects.values.sum(1),
    )  # fmt: skip


def test_sound_results_are_quiet():
    assert sentences(sound(), harsanyi(3)) == []


def test_a_series_that_does_not_reach_the_input():
    effects = dataclasses.replace(sound(), converged=torch.tensor([False]), reasons=("a ray diverges",))
    assert sentences(effects) == [(True, "The series is not seen to reach the input: a ray diverges.")]


def test_a_kink_is_named():
    model = torch.nn.Sequential(torch.nn.Linear(2, 8), torch.nn.ReLU(), torch.nn.Linear(8, 1)).eval()
    with pytest.warns(ta.errors.KinkWarning):
        effects = ta.decompose(model, torch.tensor([[3.0, -2.0]]), order=2)
    grave = [sentence for is_grave, sentence in sentences(effects) if is_grave]
    assert any("kink" in sentence or "gate" in sentence for sentence in grave)


def test_a_remainder():
    effects = sound()
    off = dataclasses.replace(
        effects, delta=effects.delta * 2, f_input=effects.f_baseline + 2 * effects.delta
    )
    assert sentences(off) == [(False, "Orders above 2 hold 50.0 % of f(x) − f(b).")]


def test_a_truncated_table():
    whole = harsanyi(4)
    part = harsanyi(4, 2)
    short = dataclasses.replace(part, delta=whole.delta + 9, f_input=part.f_baseline + whole.delta + 9)
    assert [grave for grave, _ in sentences(short)] == [False]
    assert "The table lacks effects" in sentences(short)[0][1]


def test_orders_below_rounding():
    effects = harsanyi(3)
    bound = torch.tensor([[0.0, 0.0, 0.0, 100.0]], dtype=torch.float64)
    found = sentences(dataclasses.replace(effects, error_bound=bound))
    assert found == [(False, "Every effect of order 3 is no larger than what rounding may do to it.")]


def test_orders_below_rounding_are_each_named():
    bound = torch.tensor([[0.0, 0.0, 100.0, 0.0, 100.0]], dtype=torch.float64)
    found = sentences(dataclasses.replace(harsanyi(4), error_bound=bound))
    assert [words.split(" is ")[0] for _, words in found] == ["Every effect of orders 2 and 4"]


def test_effects_that_cancel():
    effects = harsanyi(2)
    values = torch.tensor([[0.0, 1.0, -1.0, 1e-6]], dtype=torch.float64)
    small = values.sum(1)
    flat = dataclasses.replace(effects, values=values, delta=small, f_baseline=small * 0, f_input=small)
    assert any("cancel" in sentence for _, sentence in sentences(flat))


def test_gaps_are_one_line_and_expected_ones_are_told_apart():
    whole = attribution(3)
    short = dataclasses.replace(whole, method="occlusion_1", f_input=whole.f_input + 1)
    found = sentences(whole, short)
    assert len(found) == 1
    assert found[0][1].startswith("These do not add up to f(x) − f(b): occlusion_1, gap +1")


def test_scores_that_sampling_does_not_tell_from_0():
    scores = dataclasses.replace(
        attribution(3), standard_errors=torch.full((1, 3), 100.0, dtype=torch.float64)
    )
    assert sentences(scores) == [(False, "3 scores of 3 lie within 2 standard errors of 0.")]


def test_a_difference_that_nothing_explains():
    effects = taylor(3, 2)
    result = reformulation("integrated_gradients", effects)
    assert not sentences(result)
    apart = dataclasses.replace(result, allocated=dataclasses.replace(
        result.direct, player_scores=result.direct.player_scores + 0.5))  # fmt: skip
    assert sentences(apart) == [(True, "A difference of 0.5 from the direct scores is not explained.")]


def test_a_failed_audit_and_a_wrong_use():
    report = results()["audit"]
    assert any(grave and "Completeness fails" in sentence for grave, sentence in sentences(report))
    good = ta.audit("shapley", lambda x: x[:, 0] * x[:, 1], torch.tensor([[1.0, 2.0]]))
    assert sentences(good) == []


def test_not_finite_numbers_are_grave():
    scores = attribution(3)
    bad = dataclasses.replace(scores, player_scores=scores.player_scores * float("nan"))
    assert (True, "Some scores are NaN or infinite.") in sentences(bad)


def test_examples_are_named_where_there_are_several():
    effects = taylor(3, 2, batch=3)
    found = cautions(contents_of([effects]))
    assert found[0].where == "examples 0, 1 and 2"
    assert cautions(contents_of([taylor(3, 2)]))[0].where == ""
