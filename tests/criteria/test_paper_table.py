"""Computed verdicts against the master table of docs/theory.md §4, row by row, both frames, and §12."""

import pytest

import taylorattr as ta

YES, NO, IF = "holds", "fails", "conditional"
COVERS_TERMS = (YES, NO)
COVERS = (YES, YES)
LOSES = (NO, NO)
COVERS_IF = (IF, IF)

# rule, frame, C1 of terms and of effects (✓ᵗ: of terms only), C2, C3
ROWS = [
    ("gradient_x_input", "baseline", COVERS_TERMS, YES, NO),
    ("gradient_x_input/input", "input", LOSES, YES, NO),
    ("smooth_grad", "baseline", COVERS_TERMS, YES, NO),
    ("smooth_grad/input", "input", LOSES, YES, NO),  # eq. (16): C1 fails
    ("integrated_gradients", "baseline", COVERS, YES, YES),
    ("integrated_gradients", "input", COVERS, YES, YES),
    ("expected_gradients", "baseline", COVERS_IF, YES, IF),  # per reference, eq. (22): C2 still holds
    ("expected_gradients", "input", COVERS_IF, YES, IF),
    ("grad_cam", "baseline", COVERS_TERMS, YES, NO),
    ("grad_cam/general", "baseline", (IF, NO), NO, NO),  # ✓ᵗ if A > 0
    ("grad_cam/relu", "baseline", LOSES, YES, NO),
    ("occlusion_1", "baseline", COVERS, YES, NO),
    ("occlusion_1/input", "input", LOSES, YES, NO),
    ("occlusion_patch", "baseline", COVERS, NO, NO),
    ("occlusion_patch/shared", "baseline", COVERS, NO, NO),
    ("prediction_difference", "baseline", COVERS_IF, YES, NO),  # per reference
    ("shapley", "baseline", COVERS, YES, YES),
    ("shapley", "input", COVERS, YES, YES),
    ("lrp_epsilon", "baseline", (IF, NO), IF, NO),  # at U = 0 the ratio U/d is 0
    ("lrp_epsilon/relu", "input", LOSES, IF, NO),
    ("lrp_epsilon/bias_free", "baseline", COVERS_IF, IF, IF),
    ("lrp_alpha_beta", "baseline", COVERS_IF, NO, IF),
    ("deep_taylor", "baseline", COVERS_IF, NO, IF),
    ("deep_taylor/w2", "baseline", COVERS_IF, NO, IF),
    ("deep_taylor/z_B", "baseline", COVERS_IF, NO, IF),
    ("deeplift_rescale", "baseline", COVERS_IF, IF, IF),
    ("deeplift_rescale", "input", COVERS_IF, IF, IF),
    ("deeplift_reveal_cancel", "baseline", COVERS_IF, IF, IF),
    ("deeplift_reveal_cancel", "input", COVERS_IF, IF, IF),
    ("deep_shap", "baseline", COVERS_IF, IF, IF),
    ("deep_shap", "input", COVERS_IF, IF, IF),
    ("deep_shap/linear_activation", "baseline", COVERS_IF, IF, IF),
]  # fmt: skip

SIX = [
    "integrated_gradients",
    "expected_gradients",
    "shapley",
    "deeplift_rescale",
    "deeplift_reveal_cancel",
    "deep_shap",
]

UNIT, REFERENCE = "each unit is taken alone", "each reference is taken alone"


@pytest.mark.parametrize(("rule", "frame", "coverage", "no_leak", "complete"), ROWS)
def test_a_row_comes_out_as_in_the_theory(every, rule, frame, coverage, no_leak, complete):
    found = [verdict.status for verdict in every[rule].of_frame(frame)]
    assert found == [*coverage, no_leak, complete]


def test_every_first_row_is_in_the_table():
    assert {name for name, *_ in ROWS} >= set(ta.METHODS)


@pytest.mark.parametrize(
    ("rule", "criterion", "level", "condition"),
    [
        ("lrp_epsilon", "coverage", "term", f"U ≠ 0 and z ≠ 0 and {UNIT}"),
        ("lrp_epsilon", "coverage", "effect", "U ≠ 0 and z ≠ 0 and c = 0 and σ(0) = 0"),
        ("lrp_epsilon", "complete", "term", "U ≠ 0 and z ≠ 0 and c = 0 and ε = 0"),
        ("lrp_alpha_beta", "coverage", "term", f"some u_i > 0 and {UNIT}"),
        ("lrp_alpha_beta", "coverage", "effect", f"some u_i > 0 and {UNIT} and I(0) = 0"),
        ("lrp_alpha_beta", "no_leak", "term", "every u_i > 0"),
        ("lrp_alpha_beta", "complete", "term", f"some u_i > 0 and some u_i < 0 and {UNIT}"),
        ("lrp_alpha_beta/bias", "complete", "term", "some u_i > 0 and some u_i < 0 and c = 0"),
        ("deep_taylor", "complete", "term", f"some u_i > 0 and {UNIT}"),
        ("deep_taylor/bias", "complete", "term", "some u_i > 0 and c = 0"),
        ("grad_cam/general", "coverage", "term", "every cell is positive"),
        ("grad_cam/relu", "coverage", "term", "every L_p is positive"),
        ("occlusion_patch", "no_leak", "term", "each patch holds one player"),
        ("expected_gradients", "complete", "term", REFERENCE),
        ("deep_shap", "complete", "term", f"{UNIT} and {REFERENCE}"),
        ("semivalue", "complete", "term", "p is Shapley's"),
        ("measure", "complete", "term", "μ is uniform"),
        ("measure/beta", "complete", "term", "a = b = 1, where μ is uniform"),
    ],
)
def test_the_condition_is_found(every, rule, criterion, level, condition):
    assert every[rule].verdict(criterion, level=level).condition == condition


@pytest.mark.parametrize("rule", SIX)
def test_the_six_of_the_literature_keep_all_three(every, rule):
    verdicts = every[rule].verdicts
    assert verdicts and all(v.status in (YES, IF) for v in verdicts)
    assert all(set(v.condition.split(" and ")) <= {"", UNIT, REFERENCE} for v in verdicts)


def test_no_other_first_row_keeps_all_three(every):
    """αβ and Deep Taylor are complete under a condition, but leak."""
    for rule in set(ta.METHODS) - set(SIX):
        assert any(v.status == NO for v in every[rule].verdicts), rule


def test_two_of_the_six_hold_without_reservation(every):
    free = [rule for rule in SIX if all(v.holds for v in every[rule].verdicts)]
    assert free == ["integrated_gradients", "shapley"]
    assert not every["integrated_gradients"].reservations and not every["shapley"].reservations


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ("expected_gradients", "in one fixed frame the shares of a mean are others, eq. (22)"),
        ("deeplift_rescale", "eq. (45)"),
        ("deeplift_reveal_cancel", "eq. (45)"),
        ("deep_shap", "eq. (45)"),
        ("lrp_epsilon", "the constant I(0)"),
        ("lrp_alpha_beta", "not even formal shares"),
        ("grad_cam/relu", "no allocation"),
    ],
)
def test_reservations_stand_beside_it(every, rule, words):
    assert any(words in sentence for sentence in every[rule].reservations)


def test_a_mean_over_references_in_one_frame(every):
    """Eq. (22) with τ = 1: the weight of y² is 1 − 1/x², so at x = 1 the effect reaches nobody."""
    for criterion in ("coverage", "complete"):
        assert "y² at x = 1 with references ±1 gets weight 0" in (
            every["expected_gradients"].verdict(criterion).witness
        )


def test_families_that_keep_all_three_by_construction(every):
    for rule in ("power_path", "taylor_poda", "integrated_hessians"):  # eq. (64), (68), (65)
        assert all(v.holds for v in every[rule].verdicts), rule
    for rule in ("k_sii", "stii", "fsii"):  # eq. (62): efficient
        assert every[rule].complete.holds, rule
    for rule in ("sii", "banzhaf_interaction", "semivalue/banzhaf"):
        assert every[rule].complete.status == NO, rule
    assert every["lime"].no_leak.status == NO  # eq. (67)
