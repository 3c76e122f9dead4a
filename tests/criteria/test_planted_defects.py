"""Defects planted in a correct method are caught, correct methods are not accused."""

import pytest
import torch

import taylorattr as ta
from tests.criteria.networks import patches
from tests.criteria.wrong_methods import RULES, WRAPPED, case, material, rescale


@pytest.mark.parametrize("name", WRAPPED)
@pytest.mark.parametrize("seed", [1, 6])
def test_wrapped_defects_are_caught_and_called_by_their_name(name, seed):
    make, kind = WRAPPED[name]
    model, x, b = case(seed)  # float32 at scale 1, float64 at scale 1e-8
    if not material(make, model, x, b) and kind != "not per-example":
        pytest.skip("on this network the defect changes no score by 2 %")
    report = ta.audit(make(model, b), model, x, b, target=0)
    assert report.exit_status == 1
    if kind:
        assert kind in [fault.kind for fault in report.misuse]


@pytest.mark.parametrize("name", RULES)
def test_wrong_rules_of_one_operation_are_caught_and_blamed(name):
    rules, operation = RULES[name]
    model, x, b, players = patches()
    report = ta.audit("deeplift_rescale", model, x, b, target=1, players=players, rules=rules)
    assert report.complete.status == "fails"
    assert report.blame is not None
    assert operation in report.blame.operation
    assert operation in repr(report)


def test_the_right_rules_are_not_blamed():
    model, x, b, players = patches()
    report = ta.audit("deeplift_rescale", model, x, b, target=1, players=players)
    assert report.exit_status == 0 and report.blame is None


@pytest.mark.parametrize("seed", range(6))
def test_correct_methods_are_never_accused_at_any_scale_and_dtype(seed):
    model, x, b = case(seed)
    for right in (rescale(model, 0, b), "deeplift_rescale", "integrated_gradients", "shapley"):
        report = ta.audit(right, model, x, b, target=0)
        assert [v.status for v in report.verdicts] == ["holds"] * 3
        assert not report.misuse


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_verdicts_and_statistics_do_not_change_with_the_scale(dtype):
    found = []
    for seed in (0, 1, 2):  # the scales 1e-8, 1, 1e8 of one network
        model, _, _ = case(0)
        model = model.double()
        with torch.no_grad():
            for parameter in (model.head.weight, model.head.bias):
                parameter.mul_(1e8 * (1e-8, 1.0, 1e8)[seed])
        _, x, b = case(0)
        model, x, b = model.to(dtype), x.to(dtype), b.to(dtype)
        report = ta.audit(lambda rows, m=model, s=b: rescale(m, 0, s)(rows) * 1.02, model, x, b, target=0)
        assert report.complete.status == "fails"
        found.append(float(report.deficit[0]))
    assert found == pytest.approx([0.02] * 3, rel=1e-3 if dtype == torch.float32 else 1e-9)


def three_outputs(seed, n):
    torch.manual_seed(seed)
    act = [torch.nn.ReLU, torch.nn.Tanh, torch.nn.GELU][seed % 3]
    sizes = ((n, 12), (12, 12), (12, 3))
    layers = [torch.nn.Linear(*size) for size in sizes]
    model = torch.nn.Sequential(layers[0], act(), layers[1], act(), layers[2]).eval()
    return model, torch.randn(1, n)


def gradient_of(model, rows, target):
    rows = rows.detach().requires_grad_()
    (gradient,) = torch.autograd.grad(model(rows)[:, target].sum(), rows)
    return gradient


@pytest.mark.parametrize("seed", [1005, 1013, 1035])
def test_absolute_values_are_not_called_another_output_that_they_are_near_to(seed):
    model, x = three_outputs(seed, 4 + (seed - 1000) % 3)
    target = (seed - 1000) % 3
    found = ta.audit(lambda rows: (gradient_of(model, rows, target) * rows).abs(), model, x, target=target)
    assert [fault.kind for fault in found.misuse] == ["absolute"]


@pytest.mark.parametrize("seed", [1052, 1079])
def test_saliency_is_not_called_another_output(seed):
    model, x = three_outputs(seed, 4 + (seed - 1000) % 3)
    target = (seed - 1000) % 3
    found = ta.audit(lambda rows: gradient_of(model, rows, target).abs(), model, x, target=target)
    assert [fault.kind for fault in found.misuse] == ["scores at baseline"]


def test_sums_that_are_only_nearly_a_multiple_are_given_no_factor():
    torch.manual_seed(23)
    first, second, last = torch.nn.Linear(3, 4), torch.nn.Linear(4, 3), torch.nn.Linear(3, 1)
    model = torch.nn.Sequential(first, torch.nn.GELU(), second, torch.nn.GELU(), last).eval()
    x = torch.randn(1, 3)
    found = ta.audit(lambda rows: gradient_of(model, rows, 0) * rows, model, x, target=0)
    assert found.complete.status == "fails" and not found.misuse
