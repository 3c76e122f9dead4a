"""Settings: inside the domain, in order of size, one of those that differ by the order of the players."""

import itertools

import numpy as np
import pytest

import taylorattr as ta
from taylorattr.criteria.paper.algebra import treats_players_alike
from taylorattr.criteria.paper.cases import MOST_CONTEXTS, ORDER_OF_KAPPA_ALONE, cases

ALIKE = [name for name, rule in ta.RULES.items() if rule.needs and treats_players_alike(rule)]


def test_which_rules_treat_players_alike():
    """A semivalue reads p by size, windows and tables ξ by number; u, w, x belong to players."""
    assert set(ALIKE) >= {
        "lrp_epsilon",
        "lrp_alpha_beta",
        "deep_taylor/z_B",
        "smooth_grad",
        "occlusion_patch",
    }
    assert not set(ALIKE) & {"semivalue", "semivalue/weighted_shap", "taylor_poda", "occlusion_patch/windows"}


@pytest.mark.parametrize("name", ALIKE)
def test_renaming_the_players_renames_the_scores(name):
    rule = ta.RULES[name]
    case = [case for case in cases(rule) if case.n == 3][-1]
    ratios = rule.exact_ratios(case.kappas, case.context)
    for order in map(list, itertools.permutations(range(3))):
        context = {
            key: np.asarray(value, dtype=object)[order] if rule.needs[key].axes else value
            for key, value in case.context.items()
        }
        assert (rule.exact_ratios(case.kappas[:, order], context) == ratios[:, order]).all()


def test_settings_that_differ_by_the_order_of_players_appear_once():
    found = [tuple(case.context["u"]) for case in cases(ta.RULES["deeplift_reveal_cancel"])]
    assert len({tuple(sorted(u)) for u in found}) == len(found) == 4 + 10 + 20  # multisets of {1, −1, 2, −2}


@pytest.mark.parametrize("name", list(ta.RULES))
def test_settings_lie_in_the_domain_and_grow(name):
    rule = ta.RULES[name]
    found = cases(rule)
    assert all(rule.domain.excludes(rule.resolved(c.n, c.context)) is None for c in found)
    assert [(c.n, c.size) for c in found] == sorted((c.n, c.size) for c in found)
    for n in {c.n for c in found}:
        assert sum(c.n == n for c in found) <= MOST_CONTEXTS


def test_ratios_of_kappa_alone_are_looked_at_for_more_players():
    found = cases(ta.RULES["shapley"])
    assert {c.n: int(c.kappas.sum(1).max()) for c in found} == ORDER_OF_KAPPA_ALONE
    assert max(int((c.kappas > 0).sum(1).max()) for c in found) == 5  # a coalition of five


def test_two_channels_of_cells_are_looked_at():
    shapes = {np.asarray(c.context["c"]).shape for c in cases(ta.RULES["grad_cam/general"])}
    assert (2, 1) in shapes and (1, 3) in shapes
