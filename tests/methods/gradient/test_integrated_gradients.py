"""Integrated Gradients: every term κ_i/|κ| times, whatever the way."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

import taylorattr as ta
from taylorattr import toys
from taylorattr.errors import OptionError, PrecisionWarning
from taylorattr.maths.path_rules import path_rule
from tests.methods.networks import Pooled, Residual, points, seeded

CUBIC = {(1, 0, 0): 2, (0, 2, 0): -1, (1, 1, 0): 3, (1, 2, 0): 1, (1, 1, 1): -2, (0, 0, 5): 1}
RULES = ("gauss_legendre", "left", "right", "midpoint", "trapezoid")


def float64(numbers):
    return torch.tensor(numbers, dtype=torch.float64)


def by_terms(effects, n, weight):
    """Σ_κ w_i(κ) I(κ)."""
    return [sum(weight(kappa, i) * float(value) for kappa, value in effects.items()) for i in range(n)]


@given(st.lists(st.integers(-8, 8), min_size=6, max_size=6))
def test_each_term_is_shared_by_degree_eq_18(numbers):
    x, b = [v / 4 for v in numbers[:3]], [v / 4 + 0.1 for v in numbers[3:]]
    model = toys.Polynomial(CUBIC)
    result = ta.attribute("integrated_gradients", model, float64([x]), float64([b]), n_steps=3)
    expected = by_terms(model.effects(x, b), 3, lambda kappa, i: kappa[i] / sum(kappa))
    torch.testing.assert_close(result.player_scores[0], float64(expected), rtol=0, atol=1e-11)


@pytest.mark.parametrize("rule", RULES)
def test_a_quadrature_realises_its_own_ratio_eq_19(rule):
    x, b = [1.5, -0.5, 0.75], [0.25, 0.5, -1.0]
    model = toys.Polynomial(CUBIC)
    nodes, weights = path_rule(rule, 2)
    with pytest.warns(PrecisionWarning):
        result = ta.attribute(
            "integrated_gradients",
            model,
            float64([x]),
            float64([b]),
            n_steps=2,
            rule=rule,
        )
    expected = by_terms(
        model.effects(x, b), 3, lambda kappa, i: kappa[i] * float(weights @ nodes ** (sum(kappa) - 1))
    )
    torch.testing.assert_close(result.player_scores[0], float64(expected), rtol=0, atol=1e-12)


def test_on_a_smooth_network_it_is_the_share_of_the_taylor_effects():
    model, x = toys.mlp((4, 8, 1), "tanh", dtype=torch.float64), 0.5 * points(2, 4)
    effects = ta.decompose(model, x, target=0, order=9)
    kappa = torch.from_numpy(effects.multi_indices).double()
    ratios = kappa / kappa.sum(1, keepdim=True)
    result = ta.attribute("integrated_gradients", model, x, target=0, n_steps=12)
    # what is left out beyond order 9 bounds the difference
    tolerance = 10 * float(effects.by_order[:, -1].abs().max())
    assert tolerance < 1e-4
    torch.testing.assert_close(result.player_scores, effects.values @ ratios, rtol=0, atol=tolerance)


def test_effect_level_shares_add_up_to_harsanyi_effects_on_a_relu_network_eq_20():
    model, x = toys.mlp((3, 16, 1), "relu", dtype=torch.float64), points(1, 3)
    harsanyi = ta.harsanyi(model, x, target=0)
    total = {}
    for present in harsanyi.coalitions:  # IG of f_S, by inclusion and exclusion over masked inputs
        mask = torch.zeros(3, dtype=torch.float64)
        mask[list(present)] = 1
        total[present] = (
            ta.attribute("integrated_gradients", lambda z, m=mask: model(z * m), x, target=0, mode="exact")
            if present
            else None
        )
    for size_two in ((0, 1), (0, 2), (1, 2)):
        parts = total[size_two].player_scores - sum(total[(i,)].player_scores for i in size_two)
        position = list(harsanyi.coalitions).index(size_two)
        assert abs(float(parts.sum()) - float(harsanyi.values[0, position])) < 1e-13
        outside = ({0, 1, 2} - set(size_two)).pop()
        assert float(parts[0, outside]) == 0


@pytest.mark.parametrize(
    "model, shape",
    [
        (toys.mlp((5, 32, 32, 3), "relu", dtype=torch.float64), (3, 5)),
        (seeded(Residual()), (1, 1, 6, 6)),
        (seeded(Pooled()), (1, 1, 7, 7)),
        (
            seeded(
                nn.Sequential(
                    nn.Linear(4, 9), nn.Hardtanh(-0.5, 0.7), nn.Linear(9, 9), nn.PReLU(), nn.Linear(9, 3)
                )
            ),
            (3, 4),
        ),
    ],
    ids=["mlp", "residual", "overlapping pools", "clamps"],
)
def test_exact_pieces_against_a_hundred_thousand_steps(model, shape):
    x, b = points(*shape), points(*shape, seed=2)
    targets = [0, 2, 1][: len(x)]
    exact = ta.attribute("integrated_gradients", model, x, b, target=targets, mode="exact")
    assert float(exact.relative_gap.max()) < 1e-13
    fine = torch.zeros_like(exact.player_scores)
    for e, target in enumerate(targets):  # midpoints, in blocks, by autograd alone
        total = torch.zeros(shape[1:], dtype=torch.float64)
        for block in ((torch.arange(100_000).double() + 0.5) / 100_000).split(20_000):
            at = torch.lerp(b[e], x[e], block.reshape(-1, *([1] * (len(shape) - 1)))).requires_grad_()
            total += torch.autograd.grad(model(at)[:, target].sum(), at)[0].sum(0)
        fine[e] = ((x[e] - b[e]) * total / 100_000).reshape(-1)
    size = exact.player_scores.abs().sum(1, keepdim=True)
    # midpoints err by at most one jump of the slope per step: a few 1e-5 of the scores for ~100 kinks
    torch.testing.assert_close(exact.player_scores / size, fine / size, rtol=0, atol=3e-5)


def test_pieces_are_found_for_a_batch_as_for_each_alone():
    model, x = toys.mlp((5, 32, 32, 1), "relu", dtype=torch.float64), points(20, 5)
    together = ta.attribute("integrated_gradients", model, x, target=0)
    assert together.diagnostics["mode"] == "exact"
    alone = torch.cat(
        [ta.attribute("integrated_gradients", model, row[None], target=0).player_scores for row in x]
    )
    torch.testing.assert_close(together.player_scores, alone, rtol=0, atol=1e-14)


def test_a_tolerance_stops_on_the_completeness_error_of_each_example():
    model, x = (
        toys.mlp((6, 32, 32, 1), "gelu", dtype=torch.float64),
        points(6, 6) * torch.tensor([[0.1], [1], [2], [4], [8], [16]]),
    )
    result = ta.attribute("integrated_gradients", model, x, target=0, tol=1e-9, n_steps=512)
    steps = result.diagnostics["n_steps"]
    assert steps[0] < steps[-1]
    assert float(result.relative_gap.max()) <= 1e-9
    assert all(change is None or change < 1e-3 for change in result.diagnostics["last_change"])


def test_an_unmet_tolerance_is_said():
    model, x = seeded(Pooled()), points(1, 1, 7, 7)
    with pytest.warns(PrecisionWarning, match="miss f\\(x\\) − f\\(b\\)"):
        result = ta.attribute("integrated_gradients", model, x, target=0, tol=1e-12, n_steps=16)
    assert float(result.relative_gap) > 1e-12


def test_exact_is_refused_by_name_where_it_does_not_fit():
    model = toys.mlp((4, 8, 1), "gelu", dtype=torch.float64)
    with pytest.raises(OptionError, match="no kinks|not affine"):
        ta.attribute("integrated_gradients", model, points(1, 4), target=0, mode="exact")


@pytest.mark.filterwarnings("ignore:integrated_gradients:taylorattr.errors.PrecisionWarning")
@pytest.mark.parametrize(
    "model, shape",
    [
        (toys.mlp((12, 16, 16, 2), "gelu", dtype=torch.float64), (5, 12)),
        (seeded(Pooled()), (5, 1, 7, 7)),
        (nn.Sequential(nn.Flatten(), toys.mlp((12, 16, 2), "silu", dtype=torch.float64)).eval(), (5, 3, 4)),
        (
            nn.Sequential(
                toys.mlp((12, 16), dtype=torch.float64),
                nn.ReLU(inplace=True),
                toys.mlp((16, 2), dtype=torch.float64),
            ).eval(),
            (5, 12),
        ),
    ],
    ids=["mlp", "cnn", "flattened", "in-place"],
)
def test_nodes_past_the_first_layer_change_nothing(model, shape):
    x, b = points(*shape), points(*shape, seed=3)
    settings = {"target": [0, 1, 1, 0, 1], "n_steps": 7}
    fast = ta.attribute("integrated_gradients", model, x, b, **settings)
    slow = ta.attribute("integrated_gradients", model, x, b, linear_first=False, **settings)
    assert fast.diagnostics["linear_first"] and not slow.diagnostics["linear_first"]
    torch.testing.assert_close(fast.scores, slow.scores, rtol=1e-11, atol=1e-13)


def test_a_model_that_reads_its_input_twice_is_not_folded():
    layer = toys.mlp((4, 4), dtype=torch.float64)
    result = ta.attribute("integrated_gradients", lambda x: (layer(x) * x).sum(1), points(3, 4), n_steps=4)
    assert not result.diagnostics["linear_first"]
    assert float(result.relative_gap.max()) < 1e-13  # quadratic: exact with two nodes


def test_why_the_exact_mode_was_not_taken_is_said():
    smooth = toys.mlp((4, 8, 1), "gelu", dtype=torch.float64)
    result = ta.attribute("integrated_gradients", smooth, points(1, 4), target=0)
    assert result.diagnostics["mode"] == "quadrature"
    assert result.diagnostics["not_exact_because"].startswith("gelu")
    cubed = ta.attribute("integrated_gradients", lambda x: (x**3).sum(1), points(1, 4))
    assert cubed.diagnostics["not_exact_because"] and float(cubed.gap.abs()) < 1e-13


def test_too_many_pieces_leave_nodes_with_their_error_and_say_so(monkeypatch):
    monkeypatch.setattr("taylorattr.methods.gradient.integrated_gradients.PIECES", 20)
    model, x = seeded(Pooled()), points(2, 1, 7, 7)
    result = ta.attribute("integrated_gradients", model, x, target=0)
    assert result.diagnostics["mode"] == "quadrature"
    assert result.diagnostics["not_exact_because"] == "more than 20 pieces per example"
    measured = result.diagnostics["completeness_error"]
    assert measured == pytest.approx(result.relative_gap.tolist()) and max(measured) > 1e-6
    asked = ta.attribute("integrated_gradients", model, x, target=0, mode="exact")
    assert asked.diagnostics["mode"] == "exact" and float(asked.relative_gap.max()) < 1e-13


def test_rows_per_call_change_nothing():
    model, x = toys.mlp((6, 16, 1), "gelu", dtype=torch.float64), points(5, 6)
    whole = ta.attribute("integrated_gradients", model, x, target=0, n_steps=9)
    pieces = ta.attribute("integrated_gradients", model, x, target=0, n_steps=9, internal_batch_size=4)
    torch.testing.assert_close(whole.scores, pieces.scores, rtol=1e-12, atol=1e-15)


def test_references_average_over_baselines():
    model, x, refs = toys.mlp((6, 16, 1), "gelu", dtype=torch.float64), points(2, 6), points(3, 6, seed=5)
    result = ta.attribute("integrated_gradients", model, x, references=refs, target=0, n_steps=9)
    each = [ta.attribute("integrated_gradients", model, x, r[None], target=0, n_steps=9) for r in refs]
    torch.testing.assert_close(
        result.player_scores, torch.stack([r.player_scores for r in each]).mean(0), rtol=1e-13, atol=1e-15
    )
    torch.testing.assert_close(result.f_baseline, torch.stack([r.f_baseline for r in each]).mean(0))
    assert float(result.gap.abs().max()) < 1e-9


def test_captum_parity():
    captum = pytest.importorskip("captum.attr")
    model, x, b = toys.mlp((6, 16, 3), "gelu", dtype=torch.float64), points(4, 6), points(1, 6, seed=4)
    theirs = captum.IntegratedGradients(model).attribute(x, b, target=1, n_steps=20)
    ours = ta.attribute("integrated_gradients", model, x, b, target=1, n_steps=20)
    # they hold their nodes in float32
    torch.testing.assert_close(ours.scores, theirs, rtol=0, atol=1e-7 * float(theirs.abs().max()))


@pytest.mark.parametrize(
    "wrong, message",
    [
        ({"n_steps": 0}, "count=0; expected a positive integer"),
        ({"tol": -1.0}, "positive"),
        ({"rule": "simpson"}, "gauss_legendre"),
        ({"mode": "fast"}, "expected 'auto'"),
        ({"mode": "exact", "n_steps": 4}, "leave n_steps"),
        ({"multiply_by": "x"}, "expected 'delta'"),
        ({"steps": 4}, "no option 'steps'; its options: n_steps=None"),
    ],
)
def test_wrong_options_say_what_to_do(wrong, message):
    with pytest.raises(OptionError, match=message):
        ta.attribute("integrated_gradients", toys.three_effects(), torch.ones(1, 2), **wrong)
