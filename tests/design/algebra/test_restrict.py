"""A restricted rule hands out what the rule does of the kept effects, and nothing of the others."""

import itertools

import numpy as np
import pytest
import torch

import taylorattr as ta
from taylorattr import toys
from taylorattr.errors import OptionError

design = ta.design
NETWORK = toys.mlp((4, 8, 1), "tanh", dtype=torch.float64)
X = torch.tensor([[0.3, -0.4, 0.2, 0.5], [0.1, 0.5, -0.3, -0.2]], dtype=torch.float64)
EFFECTS = ta.harsanyi(NETWORK, X)
KAPPAS = np.array([k for k in itertools.product(range(3), repeat=4) if any(k)])


def kept_shares(coalitions):
    """Σ_{S∋i} J(S)/|S| over some coalitions, by definition."""
    scores = torch.zeros_like(X)
    for coalition in coalitions:
        for player in coalition:
            scores[:, player] += EFFECTS[coalition] / len(coalition)
    return scores


@pytest.mark.parametrize(
    ("limits", "kept"),
    [
        ({"order": 2}, lambda kappa: sum(kappa) <= 2),
        ({"size": 2}, lambda kappa: np.count_nonzero(kappa) <= 2),
        ({"supports": [[0], (3, 1)]}, lambda kappa: tuple(np.flatnonzero(kappa)) in ((0,), (1, 3))),
    ],
)
@pytest.mark.parametrize("name", ["integrated_gradients", "occlusion_1"])
def test_ratios_are_the_rules_or_zero(name, limits, kept):
    rule, base = design.restrict(name, **limits, name="kept").rule, ta.RULES[name]
    expected = [
        row if kept(kappa) else 0 * row for kappa, row in zip(KAPPAS, base.exact_ratios(KAPPAS), strict=True)
    ]
    assert (rule.exact_ratios(KAPPAS) == np.array(expected)).all()
    assert np.array_equal(rule.ratios(KAPPAS), np.array(expected).astype(float))


@pytest.mark.parametrize("supports", [[(0,), (1, 3)], [(0, 1, 2, 3)], [(2,), (0, 1, 2)]])
def test_listed_effects_of_a_network_are_shared_as_the_rule_does(supports):
    found = design.restrict("shapley", supports=supports, name="listed")(NETWORK, X)
    assert torch.allclose(found.player_scores, kept_shares(supports), rtol=0, atol=1e-14)


def test_gradients_of_listed_effects_come_from_the_measured_allocation():
    rule = design.restrict("integrated_gradients", supports=[(0,), (1, 3)], name="listed")
    measured = rule(NETWORK, X, tol=1e-10)
    assert measured.diagnostics["way"] == "measured"
    by_terms = rule(NETWORK, X, way="terms", order=9).player_scores
    assert torch.allclose(measured.player_scores, by_terms, rtol=0, atol=1e-6)
    pair = EFFECTS[(1, 3)]
    assert torch.allclose(measured.player_scores[:, [1, 3]].sum(1), pair, rtol=0, atol=1e-9)
    assert torch.allclose(measured.player_scores[:, 0], EFFECTS[(0,)], rtol=0, atol=1e-9)


def test_a_part_of_a_rule_that_leaks_nothing_leaks_nothing_and_covers_less():
    rule = design.restrict("shapley", size=1, name="alone")
    assert rule.report.no_leak.holds and rule.report.coverage.status == "fails"
    assert rule.report.complete.status == "fails"


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        ({}, "one of order= .* size= .* and supports="),
        ({"order": 2, "size": 1}, "one of order="),
        ({"size": 0}, "a limit of 0"),
        ({"order": True}, "a limit of True"),
        ({"supports": []}, "at least one player"),
        ({"supports": [()]}, "at least one player"),
        ({"supports": [(-1,)]}, "numbered from 0"),
        ({"supports": [1, 2]}, "give coalitions of players by number"),
    ],
)
def test_limits_that_are_none_are_refused(limits, message):
    with pytest.raises(OptionError, match=message):
        design.restrict("shapley", **limits)
