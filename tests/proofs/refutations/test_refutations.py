"""Every refutation holds, and a method of which the claim is true is not refuted in the same cases."""

import importlib
import re
from itertools import islice
from pathlib import Path

import pytest
import sympy as sp

from proofs.catalogue import THEOREMS
from proofs.refutations import (
    deep_taylor_first_layer_leaks,
    deep_taylor_leaks,
    deep_taylor_with_a_bias,
    deep_taylor_without_positive_inputs,
    grad_cam_cancels,
    grad_cam_drops_effects,
    grad_cam_is_not_complete,
    grad_cam_leaks,
    grad_cam_loses_mixed_signs,
    grad_cam_rectified,
    gradient_x_input_cancels,
    gradient_x_input_drops_effects,
    gradient_x_input_is_not_complete,
    lime_leaks,
    lrp_alpha_beta_in_a_network,
    lrp_alpha_beta_leaks,
    lrp_alpha_beta_with_a_bias,
    lrp_alpha_beta_with_an_empty_group,
    lrp_epsilon_drops_effects,
    lrp_epsilon_is_not_complete,
    lrp_epsilon_with_a_bias,
    lrp_epsilon_without_net_input,
    networks,
    neurons,
    occlusion_1_drops_effects,
    occlusion_1_is_not_complete,
    occlusion_patch_drops_effects,
    occlusion_patch_is_not_complete,
    occlusion_patch_leaks,
    prediction_difference_drops_effects,
    prediction_difference_in_log_odds,
    prediction_difference_is_not_complete,
    quadrature_cancels,
    quadrature_drops_effects,
    quadrature_is_not_complete,
    references_in_one_frame,
    relevance_of_a_zero_output,
    reveal_cancel_in_a_network,
    scores,
    smooth_grad_cancels,
    smooth_grad_drops_effects,
    smooth_grad_is_not_complete,
    smooth_grad_without_a_ratio,
)
from proofs.refutations.catalogue import REFUTATIONS
from proofs.refutations.refutation import RefutationError, first_failure, refute

ROOT = Path(__file__).parents[3]
FILES = sorted(
    path.stem
    for path in (ROOT / "proofs/refutations").glob("*.py")
    if "\nREFUTATION = " in path.read_text(encoding="utf-8")
)
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


def rise(u, c, value):
    """The whole rise of an active ReLU to its first input."""
    return [value - max(c, 0), *[sp.Integer(0)] * (len(u) - 1)]


TRUE = [
    ("gradient_x_input_is_not_complete", gradient_x_input_is_not_complete.cases(IG), True),
    ("gradient_x_input_cancels", gradient_x_input_cancels.cases(IG), False),
    ("gradient_x_input_drops_effects", gradient_x_input_drops_effects.shared(IG), True),
    ("gradient_x_input_drops_effects", gradient_x_input_drops_effects.reached(IG), False),
    ("smooth_grad_is_not_complete", smooth_grad_is_not_complete.cases(IG), True),
    ("smooth_grad_cancels", smooth_grad_cancels.cases(SHAPLEY), False),
    ("smooth_grad_drops_effects", smooth_grad_drops_effects.shared(IG), True),
    ("smooth_grad_drops_effects", smooth_grad_drops_effects.reached(IG), False),
    ("smooth_grad_without_a_ratio", smooth_grad_without_a_ratio.cases(scores.gradient_x_input), True),
    ("quadrature_is_not_complete", quadrature_is_not_complete.at_the_baseline(GAUSS), True),
    ("quadrature_is_not_complete", quadrature_is_not_complete.at_the_input(IG), True),
    ("quadrature_cancels", quadrature_cancels.at_the_baseline(SHAPLEY), False),
    ("quadrature_cancels", quadrature_cancels.at_the_input(SHAPLEY), False),
    ("quadrature_drops_effects", quadrature_drops_effects.cases(IG), False),
    ("references_in_one_frame", references_in_one_frame.shared(IG, lambda tau: 0), True),
    ("references_in_one_frame", references_in_one_frame.reached(SHAPLEY, lambda tau: 0), False),
    ("grad_cam_is_not_complete", grad_cam_is_not_complete.cases(IG), True),
    ("grad_cam_cancels", grad_cam_cancels.cases(IG), False),
    ("grad_cam_leaks", grad_cam_leaks.cases(scores.gradient_x_input), True),
    ("grad_cam_loses_mixed_signs", grad_cam_loses_mixed_signs.cases(scores.gradient_x_input), False),
    ("grad_cam_rectified", grad_cam_rectified.shared(IG), True),
    ("grad_cam_rectified", grad_cam_rectified.reached(scores.grad_cam), False),
    ("grad_cam_rectified", grad_cam_rectified.odd(scores.grad_cam), True),
    ("occlusion_1_is_not_complete", occlusion_1_is_not_complete.cases(SHAPLEY), True),
    ("occlusion_1_drops_effects", occlusion_1_drops_effects.shared(SHAPLEY), True),
    ("occlusion_1_drops_effects", occlusion_1_drops_effects.reached(SHAPLEY), False),
    ("occlusion_patch_leaks", occlusion_patch_leaks.outside(scores.occlusion_1, "baseline"), True),
    ("occlusion_patch_leaks", occlusion_patch_leaks.outside(scores.occlusion_1, "input"), True),
    ("occlusion_patch_is_not_complete", occlusion_patch_is_not_complete.once(SHAPLEY, "baseline"), True),
    (
        "occlusion_patch_is_not_complete",
        occlusion_patch_is_not_complete.cases(scores.shared, scores.all_together, "input")(),
        True,
    ),
    ("occlusion_patch_drops_effects", occlusion_patch_drops_effects.cases(SHAPLEY), False),
    ("prediction_difference_is_not_complete", prediction_difference_is_not_complete.cases(SHAPLEY), True),
    ("prediction_difference_drops_effects", prediction_difference_drops_effects.shared(SHAPLEY), True),
    ("prediction_difference_drops_effects", prediction_difference_drops_effects.reached(SHAPLEY), False),
    ("prediction_difference_in_log_odds", prediction_difference_in_log_odds.doubled(inside_the_mean), True),
    ("prediction_difference_in_log_odds", prediction_difference_in_log_odds.halved(plain), True),
    ("lime_leaks", lime_leaks.cases(lime_leaks.uniform), True),
    ("lrp_epsilon_is_not_complete", lrp_epsilon_is_not_complete.cases(neurons.lrp_epsilon()), True),
    ("lrp_epsilon_with_a_bias", lrp_epsilon_with_a_bias.powers(biases=(0,)), True),
    ("lrp_epsilon_with_a_bias", lrp_epsilon_with_a_bias.rectified(biases=(0, 1, 2)), True),
    ("lrp_epsilon_with_a_bias", lrp_epsilon_with_a_bias.rectified(rise), True),
    ("lrp_epsilon_without_net_input", lrp_epsilon_without_net_input.cases(biases=(0,)), False),
    ("lrp_epsilon_drops_effects", lrp_epsilon_drops_effects.shared(lambda unit: IG), True),
    ("lrp_epsilon_drops_effects", lrp_epsilon_drops_effects.reached(lambda unit: IG), False),
    ("lrp_epsilon_drops_effects", lrp_epsilon_drops_effects.interactions(first_inputs_alone), False),
    ("lrp_alpha_beta_leaks", lrp_alpha_beta_leaks.cases(gradients), True),
    (
        "lrp_alpha_beta_with_an_empty_group",
        lrp_alpha_beta_with_an_empty_group.shared(neurons.lrp_alpha_beta(2), neurons.active_with_both),
        True,
    ),
    (
        "lrp_alpha_beta_with_an_empty_group",
        lrp_alpha_beta_with_an_empty_group.reached(gradients),
        False,
    ),
    ("relevance_of_a_zero_output", relevance_of_a_zero_output.cases(neurons.z_plus, (0,)), False),
    ("grad_cam_drops_effects", grad_cam_drops_effects.shared(IG), True),
    ("grad_cam_drops_effects", grad_cam_drops_effects.reached(IG), False),
    ("grad_cam_leaks", grad_cam_leaks.at_the_input(IG), True),
    (
        "lrp_alpha_beta_with_a_bias",
        lrp_alpha_beta_with_a_bias.cases(neurons.lrp_alpha_beta(2, with_bias=True), biases=(0,)),
        True,
    ),
    ("deep_taylor_leaks", deep_taylor_leaks.cases(gradients), True),
    (
        "deep_taylor_without_positive_inputs",
        deep_taylor_without_positive_inputs.shared(first_inputs_alone),
        True,
    ),
    (
        "deep_taylor_without_positive_inputs",
        deep_taylor_without_positive_inputs.reached(gradients),
        False,
    ),
    (
        "deep_taylor_without_positive_inputs",
        deep_taylor_without_positive_inputs.conserved(first_inputs_alone),
        True,
    ),
    ("deep_taylor_with_a_bias", deep_taylor_with_a_bias.cases(biases=(0,)), True),
    (
        "deep_taylor_first_layer_leaks",
        deep_taylor_first_layer_leaks.cases(deep_taylor_first_layer_leaks.contributions),
        True,
    ),
    ("lrp_alpha_beta_in_a_network", lrp_alpha_beta_in_a_network.cases(networks.rescale), True),
    (
        "lrp_alpha_beta_in_a_network",
        lrp_alpha_beta_in_a_network.cases(entries=((1, 2), (1, 2), (1, 2))),
        True,
    ),
    ("reveal_cancel_in_a_network", reveal_cancel_in_a_network.cases(networks.rescale), True),
    (
        "reveal_cancel_in_a_network",
        reveal_cancel_in_a_network.cases(entries=((1, 2, 3), (-1, -2, -3))),
        True,
    ),
]


@pytest.mark.parametrize("name", REFUTATIONS)
def test_the_refutation_holds(name):
    assert refute(REFUTATIONS[name].findings)


@pytest.mark.parametrize(("name", "cases", "equal"), [pytest.param(*row, id=row[0]) for row in TRUE])
def test_a_true_claim_is_not_refuted(name, cases, equal):
    refuted = [first_failure(f.cases(), equal=f.equal)[1] for f in REFUTATIONS[name].findings]
    looked = list(islice(cases, max(refuted) + BEYOND))
    assert len(looked) > 4
    with pytest.raises(RefutationError, match=f"holds in all {len(looked)} cases"):
        first_failure(looked, equal=equal)


def test_every_refutation_has_a_true_variant():
    assert {name for name, _, _ in TRUE} == set(REFUTATIONS)


def test_every_file_with_a_refutation_is_in_the_catalogue_under_its_own_name():
    assert sorted(REFUTATIONS) == FILES
    assert not set(REFUTATIONS) & set(THEOREMS)
    for name, refutation in REFUTATIONS.items():
        assert importlib.import_module(f"proofs.refutations.{name}").REFUTATION is refutation


def stated_equations():
    theory = (ROOT / "docs/theory.md").read_text(encoding="utf-8")
    return set(re.findall(r"^\*\*\((\d+[ab]?)\)\*\*", theory, re.M))


@pytest.mark.parametrize("name", REFUTATIONS)
def test_a_refutation_says_what_fails_where_and_what_it_rests_on(name):
    refutation = REFUTATIONS[name]
    docstring = importlib.import_module(f"proofs.refutations.{name}").__doc__
    for part in ("\nClaim: ", "\nWitness: ", "\nHypotheses: ", "\nSource: "):
        assert part in docstring
    assert all((refutation.statement, refutation.source, refutation.covers, refutation.lifts))
    sources = refutation.source + docstring[docstring.index("\nSource: ") :]
    cited = set(re.findall(r"\((\d{1,2}[ab]?)\)", sources))
    assert cited and cited <= stated_equations()
