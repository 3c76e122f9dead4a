"""verify: sound rules pass, and every planted defect is found, by its law and in a small case."""

import dataclasses
from fractions import Fraction

import numpy as np
import pytest
import torch

import taylorattr as ta
from taylorattr.criteria.paper.criteria_report import CriteriaReport
from taylorattr.design.verify import LAWS, LawResult, Verification
from taylorattr.design.verify.problems import smallest_term
from taylorattr.design.ways.coalition_table import EveryCoalition
from taylorattr.design.ways.sampled_orders import SampledOrders
from taylorattr.errors import OptionError, VerificationError
from taylorattr.methods.scores import Scores

F = Fraction
verify = ta.design.verify


def xi():
    table = np.zeros((8, 3))
    for mask in range(1, 8):
        members = [k for k in range(3) if mask >> k & 1]
        table[mask, members] = 1 / len(members)
    table[3] = [0.75, 0.25, 0]
    return table


SOUND = {
    "formula": lambda: ta.design.rule("test_sound", "kappa[i]**2/total(kappa[j]**2)"),
    "table": lambda: ta.design.rule("test_sound", {(0,): [1], (1,): [1], (0, 1): [0.25, 0.75]}, kind="S"),
    "paths": lambda: ta.design.power_path({"a": 1, "b": 2, "c": 0.5}, name="test_sound"),
    "ordered": lambda: ta.design.ordered({"a": 0, "b": 1, "c": 1}, name="test_sound"),
    "twin": lambda: ta.design.or_twin("occlusion_1", name="test_sound"),
    "mixture": lambda: ta.design.mix(
        ["shapley", "integrated_gradients"], [F(1, 3), F(2, 3)], name="test_sound"
    ),
    "interaction": lambda: ta.design.interaction("fsii", 2, name="test_sound"),
    "built in": lambda: "gradient_x_input/input",
}


QUICK = ("table",)
"""Run by `make test`; the others have more ways, and take about ten seconds each."""


@pytest.mark.parametrize(
    "case", [pytest.param(case, marks=() if case in QUICK else pytest.mark.slow) for case in SOUND]
)
def test_sound_rules_keep_every_law(case):
    report = verify(SOUND[case]())
    assert report.holds and len(report.laws) == len(LAWS) == 20
    assert all(each.found for each in report.laws)  # where it was looked at, or why it does not apply


def broken_way(change):
    """A rule whose one way gives scores that are changed."""

    class Wrong(EveryCoalition):
        def scores(self, question, budget, context):
            found = super().scores(question, budget, context)
            return Scores(players=change(found.players, question), diagnostics=found.diagnostics)

    rule = ta.design.rule("test_broken", "Indicator(kappa[i] > 0)/s**2")
    return dataclasses.replace(rule, ways=(Wrong(rule.rule),))


def alternating(scores, question):
    """The first player's score taken for the last one's."""
    return scores.roll(1, dims=1)


DEFECTS = {
    "twice as much": (lambda s, q: 2 * s, {"attributor", "networks", "probe", "ways"}),
    "other players": (alternating, {"attributor", "networks", "probe", "ways", "dummy", "renaming"}),
    "something for everybody": (lambda s, q: s + 0.5, {"attributor", "dummy", "scale", "additivity"}),
    "the output beside it": (lambda s, q: s + q.game.f_baseline[:, None], {"shift", "attributor"}),
    "squares": (lambda s, q: s * s.abs().sum(1, keepdim=True), {"scale", "additivity", "attributor"}),
    "the batch's mean": (lambda s, q: s - s.mean(0) * (len(s) > 1), {"batch"}),
    "single precision": (lambda s, q: s * (1 + 1e-7), {"attributor", "ways"}),
    "a random part": (lambda s, q: s + 1e-3 * torch.rand_like(s), {"seed", "attributor"}),
    "a mode": (
        lambda s, q: (q.model.eval() if hasattr(q.model, "eval") else None, s)[1],
        {"model_untouched"},
    ),
    "the smallest player": (lambda s, q: s * (s.abs() > s.abs().min()), {"attributor", "additivity"}),
}


@pytest.mark.every(3)
@pytest.mark.parametrize("case", DEFECTS)
def test_planted_defects_are_found(case):
    change, laws = DEFECTS[case]
    report = verify(broken_way(change), laws=sorted(laws), raises=False)
    found = {each.law for each in report.broken}
    assert laws <= found, (laws - found, report)
    if "attributor" in laws:
        assert report["attributor"].case.startswith("f = ")


def test_failures_are_shown_in_the_smallest_case():
    wrong = broken_way(lambda s, q: torch.where(s.abs().sum(1, keepdim=True) > 0, 2 * s, s))
    with pytest.raises(VerificationError) as raised:
        verify(wrong, laws=["verdicts", "attributor"])
    assert isinstance(raised.value, AssertionError)
    text = str(raised.value)
    assert "✗ attributor" in text and "smallest case: f = x0 at x = (1) from b = (0)" in text
    assert "gives (2), and Σ w·I is (1)" in text


@pytest.mark.slow
def test_a_defect_of_interactions_alone_is_shown_in_a_pair():
    class Wrong(EveryCoalition):
        def scores(self, question, budget, context):
            found = super().scores(question, budget, context)
            alone = EveryCoalition(ta.design.restrict("shapley", size=1, name="test_alone").rule, largest=1)
            independent = alone.scores(question, budget, context).players
            return Scores(
                players=independent + 1.5 * (found.players - independent), diagnostics=found.diagnostics
            )

    rule = ta.design.rule("test_broken", lambda S: [1 / len(S)] * len(S))
    report = verify(dataclasses.replace(rule, ways=(Wrong(rule.rule),)), laws=["attributor"], raises=False)
    assert report["attributor"].case == "f = x0·x1 at x = (1, 1) from b = (0, 0)"


def test_biased_samples_and_wrong_standard_errors_are_found():
    rule = ta.design.weighted_shapley([1, 2, 5], name="test_samples")
    (sampled,) = [way for way in rule.ways if way.name == "samples"]

    def other_orders(generator, n, count, context):
        return sampled.draw(generator, n, count, {"weight": [5, 2, 1]})

    biased = dataclasses.replace(rule, ways=(*rule.ways[:1], SampledOrders(rule.rule, other_orders)))
    assert [each.law for each in verify(biased, laws=["ways", "samples"], raises=False).broken] == ["samples"]

    class Sure(SampledOrders):
        def scores(self, question, budget, context):
            found = super().scores(question, budget, context)
            return dataclasses.replace(found, standard_errors=0.01 * found.standard_errors)

    sure = dataclasses.replace(rule, ways=(*rule.ways[:1], Sure(rule.rule, sampled.draw)))
    assert [each.law for each in verify(sure, laws=["ways", "samples"], raises=False).broken] == ["samples"]


def told(rule, **changes):
    """The rule with verdicts that say something else."""
    verdicts = tuple(
        dataclasses.replace(v, **changes.get(f"{v.criterion}_{v.level}", {})) for v in rule.report.verdicts
    )
    return dataclasses.replace(rule, report=dataclasses.replace(rule.report, verdicts=verdicts))


@pytest.mark.parametrize(
    ("ratio", "criterion"),
    [
        ("kappa[i]", "complete_term"),
        ("1/n", "no_leak_term"),
        ("kappa[i]*Indicator(m <= 1)", "coverage_term"),
        ("kappa[i]", "coverage_effect"),
    ],
)
def test_false_verdicts_are_found_both_ways(ratio, criterion):
    rule = ta.design.rule("test_told", ratio)
    assert isinstance(rule.report, CriteriaReport)
    flattered = told(rule, **{criterion: {"status": "holds"}})
    name = criterion.partition("_")[0]
    assert "is said to hold" in verify(flattered, laws=["verdicts"], raises=False)["verdicts"].found
    sound = ta.design.rule("test_sound", "kappa[i]/m")
    slandered = told(sound, **{criterion: {"status": "fails"}})
    found = verify(slandered, laws=["verdicts"], raises=False)["verdicts"]
    assert found.status == "broken" and name in found.found and "is said to fail" in found.found


def test_promises_that_break_at_large_terms_are_found_with_the_smallest():
    def late(kappa):
        shares = [F(k, sum(kappa)) for k in kappa]
        return shares if sum(kappa) < 9 else [2 * share for share in shares]

    rule = told(ta.design.rule("test_late", late), complete_term={"status": "holds"})
    found = verify(rule, laws=["guarantees"], raises=False)["guarantees"]
    assert found.status == "broken" and found.case == "κ = (9,): weights (2)"


@pytest.mark.slow
def test_a_ratio_that_raises_breaks_the_law_it_raises_in():
    def late(kappa):
        if sum(kappa) > 8:
            raise ValueError("too steep")
        return [F(k, sum(kappa)) for k in kappa]

    try:
        rule = ta.design.rule("test_raises", late)
    except OptionError:
        return  # asked for deep terms when it was defined
    found = verify(rule, raises=False)
    assert found.holds or "too steep" in found.broken[0].found


def test_reports_are_results():
    report = verify("shapley", laws=["verdicts", "allocation", "samples"])
    assert isinstance(report, Verification) and all(isinstance(each, LawResult) for each in report.laws)
    assert Verification.from_dict(report.to_dict()).to_dict() == report.to_dict()
    assert "laws: 3 kept" in repr(report) or "2 kept, 1 not applicable" in repr(report)
    assert report["verdicts"].statement == LAWS["verdicts"].statement
    with pytest.raises(KeyError, match="'probe' was not looked at"):
        report["probe"]
    with pytest.raises(dataclasses.FrozenInstanceError):
        report.rule = "other"


def test_laws_that_are_not_there():
    with pytest.raises(OptionError, match="no law is called 'fairness'; known: verdicts"):
        verify("shapley", laws=["fairness"])
    with pytest.raises(OptionError, match="about the inputs of one unit"):
        verify("lrp_epsilon")


def test_it_is_seeded_and_leaves_generators_and_registries_alone():
    rule = ta.design.semivalue(omega=[2, 1, 0], name="test_seeded")
    state, own = torch.get_rng_state(), np.random.get_state()
    names = list(ta.RULES)
    laws = ["samples", "attributor", "guarantees", "rule_saved"]
    first = verify(rule, seed=3, laws=laws)
    assert torch.equal(torch.get_rng_state(), state)
    assert all(np.array_equal(a, b) for a, b in zip(own, np.random.get_state(), strict=True))
    assert list(ta.RULES) == names and ta.design.DESIGNS["test_seeded"] is rule
    assert verify(rule, seed=3, laws=laws).to_dict() == first.to_dict()


@pytest.mark.slow
def test_many_players_are_sampled_and_what_cannot_be_looked_at_is_said():
    rule = ta.design.ordered(list(range(20)), name="test_many")
    report = verify(rule)
    assert report["attributor"].status == "kept" and report["samples"].status == "kept"
    assert "20 players" in report["networks"].found


@pytest.mark.slow
def test_a_rule_for_two_players_does_not_stand_in_the_way_of_probes_of_three():
    ta.design.rule("test_two", {(0,): [1], (1,): [1], (0, 1): [F(1, 4), F(3, 4)]}, kind="S")
    ta.design.power_path([1, 2, 3, 4], name="test_four")
    ta.design.rule("test_low", {(1,): [1]})

    def integrated(f, x, b):
        return ta.attribute("integrated_gradients", f, x, b).player_scores[0]

    assert ta.probe(integrated, 3, 2).name == "integrated_gradients"
    twin = ta.design.or_twin("occlusion_1", name="test_twin")
    assert ta.probe(lambda f, x, b: twin(f, x, b).player_scores[0], 2, 2).ratios.shape == (3, 5, 2)


def test_small_terms():
    assert smallest_term((3, 2, 0), lambda kappa: sum(kappa) >= 3, free=True) == (3,)
    assert smallest_term((3, 2, 0), lambda kappa: kappa[1] >= 1, free=False) == (0, 1, 0)
