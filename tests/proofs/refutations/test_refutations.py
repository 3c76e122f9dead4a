"""Every refutation holds, and a method of which the claim is true is not refuted in the same cases."""

import re
from functools import partial
from itertools import islice
from pathlib import Path

import pytest
import sympy as sp

from proofs.catalogue import THEOREMS
from proofs.refutations import (
    deep_taylor_first_layer_leaks,
    lime_leaks,
    networks,
    prediction_difference_in_log_odds,
    scores,
)
from proofs.refutations.catalogue import ALL, REFUTATIONS
from proofs.refutations.neurons import (
    active,
    active_with_both,
    active_with_positive,
    lrp_epsilon,
    neurons,
)
from proofs.refutations.refutation import RefutationError, first_failure, refute

ROOT = Path(__file__).parents[3]
BEYOND = 20
"""Cases that a true claim is looked at in, after the place where the false one fails."""

IG, SHAPLEY = scores.integrated_gradients, scores.shapley
GAUSS = scores.quadrature(
    [sp.Rational(1, 2) - sp.sqrt(3) / 6, sp.Rational(1, 2) + sp.sqrt(3) / 6], [sp.Rational(1, 2)] * 2
)


def first_inputs_alone(u, c, value):
    """All to the first input: complete where σ(c) = 0, and it leaks."""
    return [value, *[sp.Integer(0)] * (len(u) - 1)]


def gradients(u, c, value):
    """u_i, the scores of σ(z) = z for LRP-0, Rescale and Integrated Gradients."""
    return [sp.Integer(a) for a in u]


def inside_the_mean(value, references):
    """The mean of log-odds in place of the log-odds of the mean: homogeneous in logit f."""
    means = [prediction_difference_in_log_odds.odds(p) for p in references]
    return prediction_difference_in_log_odds.odds(value) / sp.Mul(*means) ** sp.Rational(1, len(means))


def plain(value, references):
    """exp of f(x) − E f: homogeneous in f."""
    return sp.exp(value - sp.Add(*references) / len(references))


def whole_rise(u, c, value):
    """The whole rise of an active ReLU to its first input."""
    return [value - max(c, 0), *[sp.Integer(0)] * (len(u) - 1)]


def only(*conditions, **choice):
    """Units for which a claim is true."""
    return {"units": partial(neurons, *conditions, **choice)}


TRUE = [
    ("gradient_x_input_is_not_complete", 0, {"method": IG}),
    ("gradient_x_input_cancels", 0, {"method": IG}),
    ("gradient_x_input_drops_effects", 0, {"method": IG}),
    ("gradient_x_input_drops_effects", 1, {"method": IG}),
    ("smooth_grad_is_not_complete", 0, {"method": IG}),
    ("smooth_grad_cancels", 0, {"method": SHAPLEY}),
    ("smooth_grad_drops_effects", 0, {"method": IG}),
    ("smooth_grad_drops_effects", 1, {"method": IG}),
    ("smooth_grad_without_a_ratio", 0, {"method": scores.gradient_x_input}),
    ("quadrature_is_not_complete", 0, {"method": GAUSS}),
    ("quadrature_is_not_complete", 1, {"method": IG}),
    ("quadrature_cancels", 0, {"method": SHAPLEY}),
    ("quadrature_cancels", 1, {"method": SHAPLEY}),
    ("quadrature_drops_effects", 0, {"method": IG}),
    ("references_in_one_frame", 0, {"method": SHAPLEY, "spread": lambda tau: 0}),
    ("references_in_one_frame", 1, {"method": IG, "spread": lambda tau: 0}),
    ("grad_cam_is_not_complete", 0, {"method": IG}),
    ("grad_cam_cancels", 0, {"method": IG}),
    ("grad_cam_drops_effects", 0, {"method": IG}),
    ("grad_cam_drops_effects", 1, {"method": IG}),
    ("grad_cam_leaks", 0, {"method": scores.gradient_x_input}),
    ("grad_cam_leaks", 1, {"method": IG}),
    ("grad_cam_loses_mixed_signs", 0, {"method": scores.gradient_x_input}),
    ("grad_cam_rectified", 0, {"method": scores.grad_cam}),
    ("grad_cam_rectified", 1, {"method": IG}),
    ("grad_cam_rectified", 2, {"method": scores.grad_cam}),
    ("occlusion_1_is_not_complete", 0, {"method": SHAPLEY}),
    ("occlusion_1_drops_effects", 0, {"method": SHAPLEY}),
    ("occlusion_1_drops_effects", 1, {"method": SHAPLEY}),
    ("occlusion_patch_leaks", 0, {"method": scores.occlusion_1}),
    ("occlusion_patch_leaks", 1, {"method": scores.occlusion_1}),
    ("occlusion_patch_is_not_complete", 0, {"method": SHAPLEY}),
    # one window of all players whose drop they share hands out everything once
    (
        "occlusion_patch_is_not_complete",
        5,
        {"method": scores.occlusion_of_windows(scores.all_together, scores.shared)},
    ),
    ("occlusion_patch_drops_effects", 0, {"method": SHAPLEY}),
    ("prediction_difference_is_not_complete", 0, {"method": SHAPLEY}),
    ("prediction_difference_drops_effects", 0, {"method": SHAPLEY}),
    ("prediction_difference_drops_effects", 1, {"method": SHAPLEY}),
    ("prediction_difference_in_log_odds", 0, {"difference": inside_the_mean}),
    ("prediction_difference_in_log_odds", 1, {"difference": plain}),
    ("lime_leaks", 0, {"kernel": lime_leaks.uniform}),
    ("lrp_epsilon_is_not_complete", 0, {"method": lrp_epsilon()}),
    ("lrp_epsilon_with_a_bias", 0, only(active, biases=(0,))),
    ("lrp_epsilon_with_a_bias", 1, only(active, biases=(0, 1, 2), orders=1)),
    ("lrp_epsilon_with_a_bias", 1, {"method": whole_rise}),
    ("lrp_epsilon_without_net_input", 0, only(active, centred=True)),
    ("lrp_epsilon_drops_effects", 0, {"method": lambda unit: IG}),
    ("lrp_epsilon_drops_effects", 1, {"method": lambda unit: IG}),
    ("lrp_epsilon_drops_effects", 2, {"method": first_inputs_alone}),
    ("lrp_alpha_beta_leaks", 0, {"method": gradients}),
    ("lrp_alpha_beta_with_an_empty_group", 0, only(active_with_both)),
    ("lrp_alpha_beta_with_an_empty_group", 1, {"method": gradients}),
    ("lrp_alpha_beta_with_a_bias", 0, only(active_with_both)),
    ("deep_taylor_leaks", 0, {"method": gradients}),
    ("deep_taylor_without_positive_inputs", 0, {"method": first_inputs_alone}),
    ("deep_taylor_without_positive_inputs", 1, {"method": gradients}),
    ("deep_taylor_without_positive_inputs", 2, {"method": first_inputs_alone}),
    ("deep_taylor_with_a_bias", 0, only(active_with_positive)),
    ("deep_taylor_first_layer_leaks", 0, {"method": deep_taylor_first_layer_leaks.contributions}),
    ("relevance_of_a_zero_output", 1, {"constants": (0,)}),
    ("lrp_alpha_beta_in_a_network", 0, {"method": networks.rescale}),
    ("lrp_alpha_beta_in_a_network", 0, {"entries": ((1, 2), (1, 2), (1, 2))}),
    ("reveal_cancel_in_a_network", 0, {"method": networks.rescale}),
    ("reveal_cancel_in_a_network", 0, {"entries": ((1, 2, 3), (-1, -2, -3))}),
]
"""Refutation, number of its finding, and what makes its claim true in the same cases."""


@pytest.mark.parametrize("name", REFUTATIONS)
def test_the_refutation_holds(name):
    assert refute(REFUTATIONS[name].findings)


@pytest.mark.every(4)
@pytest.mark.parametrize(("name", "number", "choice"), [pytest.param(*row, id=row[0]) for row in TRUE])
def test_a_true_claim_is_not_refuted(name, number, choice):
    findings = REFUTATIONS[name].findings
    before = max(first_failure(finding.cases(), equal=finding.equal)[1] for finding in findings)
    looked = list(islice(findings[number].cases(**choice), before + BEYOND))
    assert len(looked) > 4
    with pytest.raises(RefutationError, match=f"holds in all {len(looked)} cases"):
        first_failure(looked, equal=findings[number].equal)


def test_every_refutation_has_a_true_variant():
    assert {name for name, _, _ in TRUE} == set(REFUTATIONS)


def test_there_are_forty_with_names_of_their_own():
    assert len(ALL) == len(REFUTATIONS) == 40
    assert not set(REFUTATIONS) & set(THEOREMS)


def stated_equations():
    theory = (ROOT / "docs/theory.md").read_text(encoding="utf-8")
    return set(re.findall(r"^\*\*\((\d+[ab]?)\)\*\*", theory, re.M))


@pytest.mark.parametrize("name", REFUTATIONS)
def test_a_refutation_says_what_fails_where_and_what_it_rests_on(name):
    entry = REFUTATIONS[name]
    assert all((entry.title, entry.claim, entry.hypotheses, entry.statement, entry.covers, entry.lifts))
    cited = set(re.findall(r"\((\d{1,2}[ab]?)\)", entry.source))
    assert cited and cited <= stated_equations()
