"""The verdicts that theory expects of each method on a network, docs/theory.md eq. (52b)."""

import json
import warnings

import pytest
import torch

import taylorattr as ta
from taylorattr.criteria.audit.audit import audit
from tests.criteria.networks import patches, smooth, trained_mlp
from tests.methods.networks import points

COMPLETE = ["integrated_gradients", "shapley", "deeplift_rescale", "deeplift_reveal_cancel"]


@pytest.fixture(autouse=True)
def quiet():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ta.errors.TaylorAttrWarning)
        yield


@pytest.fixture(params=["mlp", "patches"])
def network(request):
    """A trained tanh network with single inputs as players, and a CNN with patches."""
    if request.param == "mlp":
        x, b = points(1, 4, seed=8), 0.3 * points(1, 4, seed=9)
        return {"model": trained_mlp(), "inputs": x, "baselines": b, "target": 0}
    model, x, b, players = patches()
    return {"model": model, "inputs": x, "baselines": b, "target": 1, "players": players}


@pytest.mark.parametrize("name", COMPLETE)
def test_methods_that_keep_all_three(network, name):
    report = audit(name, **network)
    assert [v.status for v in report.verdicts] == ["holds"] * 3
    assert (report.no_leak.holds, report.exit_status) == (True, 0)
    assert float(report.gap_by_order.sum()) == pytest.approx(float(report.gap[0]), abs=1e-12)


@pytest.mark.parametrize("name", ["deep_shap", "expected_gradients"])
def test_reference_methods_are_complete_per_reference(network, name):
    references = torch.cat([network.pop("baselines"), network["inputs"].flip(-1) / 3])
    options = {"mode": "full"} if name == "expected_gradients" else {}
    report = audit(name, baselines=references, **network, **options)
    assert report.complete.status in ("holds", "holds_to") and report.no_leak.holds and report.coverage.holds
    assert any("2 references" in note for note in report.notes)


def test_sampled_expected_gradients_is_not_accused():
    x, references = points(1, 4, seed=8), points(2, 4, seed=9) / 3
    report = audit("expected_gradients", trained_mlp(), x, references, target=0, n_samples=50)
    assert report.complete.status in ("holds_to", "undecided")
    assert report.noise["repeats"] >= 8 and report.noise["deficit_bounds"][0] <= 0.01


def test_occlusion_counts_an_effect_of_order_k_k_times(network):
    report = audit("occlusion_1", **network)
    assert report.complete.status == "fails" and report.no_leak.holds and report.coverage.holds
    assert "of it by others" not in repr(report)  # which is said of what leaks
    orders = torch.arange(1, report.n + 1, dtype=torch.float64)
    # slopes are ratios of sums of products; higher orders are smaller, and rounding larger beside them
    assert report.slope[0].tolist() == pytest.approx(orders.tolist(), rel=1e-6)
    assert "counted k times" in report.complete.statement


@pytest.mark.parametrize("name", ["gradient_x_input", "smooth_grad"])
def test_gradients_are_not_complete(network, name):
    report = audit(name, **network)
    assert report.complete.status == "fails" and report.no_leak.holds


def test_prediction_difference_is_not_complete(network):
    references = torch.cat([network.pop("baselines"), network["inputs"].flip(-1) / 3])
    report = audit("prediction_difference", baselines=references, **network)
    assert report.complete.status == "fails" and report.no_leak.holds
    assert float(report.slope[0, 1]) == pytest.approx(2, rel=1e-6)


def test_occlusion_by_windows_leaks_between_the_players_of_a_window():
    x = points(1, 4, seed=8)
    report = audit("occlusion_patch", trained_mlp(), x, target=0, windows=[[0, 1], [2, 3]])
    assert report.no_leak.status == "fails" and float(report.leak[0]) > 0.1
    assert report.complete.status == "fails"


@pytest.mark.parametrize("name", ["lrp_epsilon", "lrp_alpha_beta", "deep_taylor"])
def test_relevance_rules_lose_to_biases_and_do_not_leak_here(network, name):
    network.pop("baselines")
    report = audit(name, **network)
    assert report.complete.status == "fails" and report.no_leak.holds
    f_at_0 = any("every sum is off by f(0)" in note for note in report.notes)
    assert f_at_0 or report.blame is not None
    if name != "deep_taylor":  # it ignores biases and passes everything on
        assert report.blame is not None and "bias" in report.blame.shares
    assert any("cannot leak here" in note for note in report.notes)


def test_lrp_without_bias_and_epsilon_is_complete():
    model = smooth(4, 2)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim == 1:
                parameter.zero_()
    report = audit("lrp_epsilon", model, points(1, 4, seed=3), target=0, epsilon=0.0)
    assert report.exit_status == 0 and report.blame is None


def test_support_level_ratios_are_read_off():
    report = audit("shapley", trained_mlp(), points(1, 4, seed=8), target=0)
    ratios = report.ratios()
    for c, S in enumerate(report.coalitions):
        if S:
            expected = torch.tensor([1 / len(S) if i in S else 0.0 for i in range(4)], dtype=torch.float64)
            # an effect of 1e-4 beside values of 1 keeps 12 digits
            assert torch.allclose(ratios[:, c], expected, atol=1e-9)


def test_coarse_quadrature_is_told_from_a_defect():
    model, x, b, players = patches()
    coarse = audit("integrated_gradients", model, x, b, target=1, players=players, n_steps=4)
    assert coarse.complete.status == "fails"
    assert coarse.refinement is not None and coarse.refinement.cause == "numerical"

    def wrong(model, baseline, target, n_steps):
        def scores(rows):
            found = ta.attribute(
                "integrated_gradients", model, rows, baseline, target=target, n_steps=n_steps
            )
            return found.scores * 1.1

        return scores

    defect = audit(
        ta.binds(wrong, nodes="n_steps", n_steps=64), trained_mlp(), points(1, 4, seed=8), target=0
    )
    assert defect.refinement is not None and defect.refinement.cause == "structural"


def test_more_players_than_can_be_enumerated():
    model, x = smooth(20, 3), points(1, 20, seed=4)
    right = audit("deeplift_rescale", model, x, target=0, samples=64, supports=10)
    assert right.exit_status == 0 and right.max_order == 2 and "64 coalitions" in right.complete.condition
    assert right.allocation.shape == (1, 20, 211)
    assert right.sampled["order 3"]["deficit"][2] < 1e-9
    wrong = audit("occlusion_1", model, x, target=0, samples=64, supports=10)
    assert wrong.complete.status == "fails"
    low, high = wrong.sampled["order 3"]["deficit"][1:]
    assert low <= 2 + 1e-6 and high >= 2 - 1e-6  # each counted three times: off by twice its size


def test_low_orders_are_those_of_the_full_table():
    model, x = trained_mlp(), points(1, 4, seed=8)
    full = audit("deeplift_rescale", model, x, target=0)
    low = audit("deeplift_rescale", model, x, target=0, max_order=2, samples=0)
    for c, S in enumerate(low.coalitions):
        assert torch.allclose(
            low.allocation[:, :, c], full.allocation[:, :, full.coalitions.index(S)], atol=1e-12
        )


def test_a_defect_of_high_order_is_seen_by_drawn_coalitions_only():
    model, x = smooth(6, 5), points(1, 6, seed=6)

    def wrong(rows):
        found = ta.attribute("shapley", model, rows, target=0).scores
        return torch.where((rows != 0).sum(1, keepdim=True) == 4, found * 1.2, found)

    assert audit(wrong, model, x, target=0, max_order=2, samples=0).exit_status == 0
    assert audit(wrong, model, x, target=0, max_order=2, samples=64).complete.status == "fails"


def test_a_function_that_does_not_move_is_not_judged():
    x = points(1, 4, seed=8)
    report = audit(lambda rows: rows * 0, lambda rows: rows[:, 0] * 0 + 1.0, x)
    assert {v.status for v in report.verdicts} == {"undecided"} and report.exit_status == 3


def test_an_output_constant_that_drowns_float32_is_never_called_holds():
    model, x = smooth(4, 7).float(), points(1, 4, seed=8).float()

    def shifted(rows):
        return model(rows)[:, 0] + 1e4

    def scores(rows):
        return ta.attribute("deeplift_rescale", shifted, rows).scores

    report = audit(scores, shifted, x)
    assert report.complete.status == "undecided" and "float64" in report.complete.statement
    assert report.complete.statement.startswith("measured ")  # nothing was drawn: no interval
    exact = audit("deeplift_rescale", shifted, x)  # bound in float64: decided
    assert exact.complete.status in ("holds", "holds_to")


def test_pair_asymmetry_of_a_minimum():
    def minimum(rows):
        return rows[:, 0] - torch.relu(rows[:, 0] - rows[:, 1])

    x = torch.tensor([[10.0, 6.0]], dtype=torch.float64)
    for name, expected in {"integrated_gradients": 1.0, "deeplift_rescale": 1.0, "shapley": 0.0}.items():
        report = audit(name, minimum, x, beside="integrated_gradients")
        assert report.asymmetry[0].pair == pytest.approx(expected, abs=1e-9)
        assert report.asymmetry[0].beside == pytest.approx(1.0, abs=1e-9)
        assert report.asymmetry[0].wholly == pytest.approx(expected)


def test_several_examples_with_their_own_targets_and_arguments():
    def model(x, shift):
        return torch.stack([(x[:, 0] + shift) * x[:, 1], x[:, 0] ** 2 + x[:, 1]], dim=1)

    x, shift = points(3, 2, seed=1), points(3, seed=2)
    report = audit("shapley", model, x, target=[0, 1, 0], additional_forward_args=(shift,))
    exact = ta.harsanyi(model, x, target=[0, 1, 0], additional_forward_args=(shift,))
    assert torch.allclose(report.effects[:, 1:], exact.values[:, 1:], atol=1e-12)
    assert report.exit_status == 0 and len(report.each) == 3


def test_the_report_reads_back_and_prints_a_page(tmp_path):
    report = audit("lrp_epsilon", trained_mlp(), points(2, 4, seed=8), target=0)
    for name in ("report.json", "report.npz"):
        report.save(tmp_path / name)
        assert repr(ta.AuditReport.load(tmp_path / name)) == repr(report)
    assert repr(ta.AuditReport.from_dict(json.loads(report.to_json()))) == repr(report)
    page = repr(report)
    assert "✗ complete" in page and "is each effect handed out exactly once?" in page and "blame" in page
    assert max(map(len, page.splitlines())) <= 110


def test_the_model_and_the_global_generator_are_left_alone():
    model, x = trained_mlp(), points(1, 4, seed=8)
    before, state = {k: v.clone() for k, v in model.state_dict().items()}, torch.get_rng_state()
    audit("smooth_grad", model, x, target=0)
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(before[k], v) for k, v in model.state_dict().items())


def test_an_effect_that_nobody_gets_is_uncovered_and_named():
    x = torch.tensor([[1.0, 2.0, -1.0]], dtype=torch.float64)

    def model(rows):
        return rows[:, 0] + rows[:, 1] * rows[:, 2]

    def first_only(rows):
        return torch.cat([rows[:, :1], torch.zeros_like(rows[:, 1:])], dim=1)

    report = audit(first_only, model, x)
    assert report.coverage.status == "fails" and report.coverage.witness == "{x1, x2}"
    assert float(report.uncovered[0]) == pytest.approx(2 / 3)
