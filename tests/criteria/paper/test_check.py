"""`ta.check` on rules of one's own, on planted defects, and on wrong calls."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
import sympy as sp

import taylorattr as ta
from taylorattr.allocation.context import Need
from taylorattr.allocation.rule import Domain
from taylorattr.allocation.symbols import Indicator, i, indexed, j, kappa, m, s, total
from taylorattr.criteria.paper.cases import cases
from taylorattr.errors import OptionError
from taylorattr.maths.semivalues import weights_of

t = sp.Symbol("t", real=True)


def rule(symbolic, **others):
    given = {
        "name": "own", "symbolic": symbolic, "kind": "X", "frame": "baseline", "granularity": "term",
        "domain": Domain("every function"), "source": "this test", "proof": "",
    }  # fmt: skip
    return ta.AllocationRule(**given | others)


def statuses(report, frame=None):
    return [v.status for v in report.of_frame(frame or report.frames[0])]


def test_a_rule_of_ones_own_is_proved_by_algebra():
    report = ta.check(rule(kappa[i] ** 2 / total(kappa[j] ** 2)))
    assert statuses(report) == ["holds"] * 4
    assert "algebra" in report.complete.statement and "factor" in report.no_leak.statement


def test_a_rule_of_ones_own_is_refuted_by_enumeration():
    report = ta.check(rule(kappa[i] / (m + 1)))
    assert statuses(report) == ["holds", "fails", "holds", "fails"]
    assert report.complete.witness == "x₁: weights (1/2), in total 1/2"


def test_without_a_theorem_the_statement_says_how_far_it_was_looked():
    share = sp.Piecewise((kappa[i] / m, m < 3), (Indicator(kappa[i] > 0) / s, True))
    report = ta.check(rule(share))
    assert statuses(report) == ["holds"] * 4
    assert report.complete.statement == "every term of order ≤ 5 of ≤ 5 players, exactly"


def test_a_number_it_reads_is_tried_and_its_failure_shown():
    mixed = t * kappa[i] / m + (1 - t) * kappa[i]
    report = ta.check(rule(mixed, needs={"t": Need("share of the first", ())}))
    assert statuses(report)[2:] == ["holds", "fails"]
    assert report.complete.witness == "x₁² at t = −1: weights (3), in total 3"


def test_own_cases_replace_the_values_tried():
    mixed = rule(t * kappa[i] / m + (1 - t) * kappa[i], needs={"t": Need("share of the first", ())})
    assert ta.check(mixed, own_cases={"t": lambda n: [1]}).complete.holds
    at_half = ta.check(mixed, own_cases={"t": lambda n: [Fraction(1, 2)]})
    assert at_half.complete.witness == "x₁² at t = 1/2: weights (3/2), in total 3/2"


def test_a_default_of_ones_own_is_kept():
    """A rule that is not filed is looked at with the quantities it fixes."""
    fixed = ta.RULES["lrp_alpha_beta"].fixed("a1b0", alpha=1, beta=0)
    assert {int(case.resolved["alpha"]) for case in cases(fixed)} == {1}
    assert ta.check(fixed).complete.condition.startswith("some u_i > 0 and each unit")


def test_a_table_decides_the_number_of_players():
    n = 4
    shapley = [Fraction(1, n * int(sp.binomial(n - 1, k))) for k in range(n)]
    report = ta.check(ta.RULES["semivalue"].fixed("own", p=shapley))
    assert statuses(report) == ["holds"] * 4 and "of 4 players" in report.complete.statement
    assert ta.check(ta.RULES["semivalue"].fixed("own", p=[0, 0, 0, 1])).complete.witness.startswith("x₁x₂")


def test_dimensions_of_ones_own_get_small_tables():
    """Σ_q V_qi is no share of anything, whatever V."""
    V, Q = indexed("V"), sp.Symbol("Q", integer=True, positive=True)
    q = sp.Symbol("q", integer=True)
    summed = sp.Sum(V[q, i], (q, 1, Q)) * Indicator(kappa[i] > 0)
    report = ta.check(rule(summed, needs={"V": Need("weights", ("Q", "n"))}))
    assert report.no_leak.holds and report.complete.status == "fails"


def test_settings_outside_the_domain_are_left_out():
    only = Domain("t = 1", excludes=lambda found: None if found["t"] == 1 else "t is not 1")
    narrow = rule(t * kappa[i] / m, needs={"t": Need("t", ())}, domain=only)
    assert ta.check(narrow).complete.holds
    nowhere = replace(narrow, domain=Domain("nowhere", excludes=lambda found: "never"))
    with pytest.raises(OptionError, match=r"own: no setting that was tried can be used \(nowhere: never\)"):
        ta.check(nowhere)
    with pytest.raises(OptionError, match=r"'t' has shape \(2,\)"):
        ta.check(narrow, own_cases={"t": lambda n: [[1, 2]]})


@pytest.mark.parametrize("name", ["integrated_gradients", "shapley", "deeplift_reveal_cancel", "power_path"])
@pytest.mark.parametrize(("order", "size"), [(1, 1), (2, 1), (2, 2), (3, 2), (3, 3), (4, 2), (4, 3)])
def test_one_ratio_off_is_caught_with_the_smallest_witness(name, order, size):
    """1 % more for terms of one order and one size of support."""
    there = Indicator(sp.And(sp.Eq(m, order), sp.Eq(s, size)))
    kept = ta.RULES[name]
    planted = replace(kept, name="planted", symbolic=kept.symbolic * (1 + there / 100))
    report = ta.check(planted)
    assert report.complete.status == "fails" and report.complete.condition == ""
    term = report.complete.witness.split(" at ")[0].split(" of a unit")[0].split(":")[0]
    assert term == {1: "x₁", 2: "x₁x₂", 3: "x₁x₂x₃"}[size] if order == size else term in (
        {(2, 1): ["x₁²"], (3, 2): ["x₁²x₂"], (4, 2): ["x₁³x₂"], (4, 3): ["x₁²x₂x₃"]}[order, size]
    )  # fmt: skip
    assert report.complete.witness.endswith("in total 101/100") and report.no_leak.status != "fails"


@pytest.mark.parametrize("name", ["integrated_gradients", "shapley", "occlusion_1", "gradient_x_input"])
def test_a_leak_on_one_support_is_caught(name):
    there = Indicator(sp.And(sp.Eq(kappa[i], 0), sp.Eq(m, 3), sp.Eq(s, 2)))
    kept = ta.RULES[name]
    report = ta.check(replace(kept, name="planted", symbolic=kept.symbolic + there / 50))
    assert report.no_leak.status == "fails" and "x₁²x₂: weights" in report.no_leak.witness
    assert "1/50)" in report.no_leak.witness  # to the third player


@pytest.mark.parametrize("name", ["integrated_gradients", "shapley", "occlusion_1"])
def test_a_dropped_order_is_caught(name):
    kept = ta.RULES[name]
    report = ta.check(replace(kept, name="planted", symbolic=kept.symbolic * Indicator(sp.Ne(m, 4))))
    assert report.verdict("coverage").witness.startswith("x₁⁴: weights (0), in total 0")
    assert report.coverage.witness.startswith("x₁⁴: an effect of 1")


def test_the_same_verdicts_whatever_the_scale_of_the_numbers():
    """Exact arithmetic has no tolerance: a share that is off by 1e-12 is off."""
    off = sp.Rational(1, 10**12)
    assert ta.check(rule(kappa[i] / m * (1 + off))).complete.status == "fails"


def test_wrong_calls():
    with pytest.raises(OptionError, match="did you mean 'shapley'"):
        ta.check("shapely")
    with pytest.raises(OptionError, match="own_cases has 'v', which own does not read; it reads: nothing"):
        ta.check(rule(kappa[i] / m), own_cases={"v": lambda n: [1]})
    with pytest.raises(OptionError, match="check takes a name, a rule, several of these"):
        ta.check(3)  # pyright: ignore
    with pytest.raises(OptionError, match="own_cases goes with one rule"):
        ta.check(["shapley"], own_cases={"t": lambda n: [1]})  # pyright: ignore


def test_several_names_and_rules():
    table = ta.check(["shapley", rule(kappa[i] / m)])
    assert [r.rule for r in table.reports] == ["shapley", "own"]
    assert table["own"].complete.holds


def test_floats_are_the_fractions_they_are():
    fixed = ta.RULES["lrp_epsilon"].fixed("own", epsilon=np.float64(0.5), c=0.0)
    assert "u = (1): weights (2/3), in total 2/3" in ta.check(fixed).complete.witness


def test_a_rule_for_many_players_takes_lower_orders():
    """C(n + k, k) terms: order 2 of 12 players, and beyond it coalitions of every size."""
    n = 12
    shapley = [Fraction(1, n * int(sp.binomial(n - 1, k))) for k in range(n)]
    report = ta.check(ta.RULES["semivalue"].fixed("own", p=shapley))
    assert report.complete.statement.startswith(
        "every term of order ≤ 2 and two coalitions of every size of 12 players"
    )


@pytest.mark.parametrize("n", [8, 12])
def test_a_share_that_is_wrong_for_large_coalitions_alone_is_found(n):
    shares = [Fraction(1, s) for s in range(1, n + 1)]
    shares[n - 2] = Fraction(1, 2)
    report = ta.check(ta.RULES["semivalue"].fixed("own", p=weights_of(shares)))
    assert report.complete.status == "fails"
    assert f"in total {Fraction(n - 1, 2)}" in report.complete.witness
