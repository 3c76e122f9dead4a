"""Completeness and minimality against what is known of them."""

import pytest
import torch
from torch import nn

import taylorattr as ta
from taylorattr.errors import ShapeError
from tests.methods.extra.mip_in.networks import images, seeded

pytestmark = pytest.mark.filterwarnings("ignore::taylorattr.errors.ConvergenceWarning")


def linear(outputs: int, inputs: int = 6) -> nn.Module:
    model = seeded(lambda: nn.Linear(inputs, outputs))
    with torch.no_grad():
        model.bias.zero_()
        model.weight.normal_(generator=torch.Generator().manual_seed(1))
    return model


def rows(count: int, seed: int) -> torch.Tensor:
    """Inputs of mean 0 in six dimensions, each as large as the others."""
    return torch.randn(count, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def test_an_invertible_model_has_a_complete_source_signal_and_nothing_is_left_over():
    mip = ta.MIPIN(linear(6), top="logits", ridge=1e-10).fit(rows(300, 0))
    report = mip.report(rows(200, 1))
    assert report.complete
    assert report.agreement == 1
    for r2 in (report.top_from_source, report.top_from_input, report.source_from_top, report.input_from_top):
        assert r2 == pytest.approx(1, abs=1e-6)
    assert report.source_probability == pytest.approx(report.input_probability)


def test_a_global_inverse_is_a_function_of_the_output_and_keeps_its_share_of_the_input():
    mip = ta.MIPIN(linear(3), top="logits", ridge=1e-10).fit(rows(4000, 0))
    report = mip.report(rows(3000, 1), fit_rows=rows(4000, 2))
    assert report.source_from_top == pytest.approx(1, abs=1e-6)
    # three of six directions of equal variance; four sampling errors of a share from 3000 × 6 numbers
    assert report.input_from_top == pytest.approx(0.5, abs=0.03)
    assert report.top_from_input == pytest.approx(1, abs=1e-6)
    # what is left over has logits of 1e-10, the ridge's; their order is the input's
    assert report.distractor_agreement > 0.5
    assert report.distractor_probability == pytest.approx(1 / 3, abs=1e-6)
    assert "with logits near 0" in repr(report)
    # the model reads s as x: s is x projected along what it ignores
    assert report.agreement > 0.99
    # what it ignores is independent of its class; the probe guesses one of three
    assert report.probe_accuracy == pytest.approx(1 / 3, abs=0.08)


def test_a_distractor_that_tells_the_class_is_found_by_the_probe():
    """Three copies of the class beside the numbers that the model reads; it ignores the copies."""
    data = rows(600, 0)
    data[:, 3:] = nn.functional.one_hot(data[:, :3].argmax(1), 3) * 2.0
    model = nn.Linear(6, 3, bias=False).double().eval()
    with torch.no_grad():
        model.weight.copy_(torch.eye(3, 6))
    # the inverse of a strong ridge returns next to nothing: all is left to the distractor
    mip = ta.MIPIN(model, top="logits", ridge=1e6).fit(data)
    report = mip.report(data)
    assert report.probe_accuracy > 0.95
    assert "still tells the class to a probe" in repr(report)
    assert not report.minimal
    assert "minimal: fail" in repr(report)


def test_the_numbers_as_they_stand_in_the_definitions():
    model = seeded(lambda: nn.Sequential(nn.Flatten(), nn.Linear(99, 9), nn.ReLU(), nn.Linear(9, 4)))
    mip = ta.MIPIN(model).fit(images(150))
    x = images(80, seed=1)
    report = mip.report(x)
    with torch.no_grad():
        s, d = mip.source_signal(x), mip.distractor(x)
        c = model(x).argmax(1)
        assert report.agreement == float((model(s).argmax(1) == c).double().mean())
        assert report.distractor_agreement == float((model(d).argmax(1) == c).double().mean())
        expected = model(s).softmax(1)[torch.arange(80), c].mean()
    assert report.source_probability == pytest.approx(float(expected))
    assert report.majority == float(c.bincount().max()) / 80
    assert (report.samples, report.classes) == (80, 4)


def test_a_feature_map_is_judged_by_the_layers_above():
    model = seeded(lambda: nn.Sequential(nn.Flatten(), nn.Linear(99, 9), nn.ReLU(), nn.Linear(9, 4)))
    x = images(80, seed=1)
    report = ta.MIPIN(model, layer="2", top="logits").fit(images(150)).report(x)
    hidden = model[:3](x)
    below = ta.MIPIN(model[3], top="logits").fit(model[:3](images(150)).detach())
    with torch.no_grad():
        s = below.source_signal(hidden) * (hidden != 0)  # the map is masked where it is 0, an input never
        expected = float((model[3](s).argmax(1) == model(x).argmax(1)).double().mean())
    assert report.agreement == expected


def test_it_is_saved_and_read_as_every_result(tmp_path):
    report = ta.MIPIN(linear(3), top="logits").fit(rows(50, 0)).report(rows(20, 1))
    report.save(tmp_path / "r.json")
    assert ta.Result.load(tmp_path / "r.json") == report or repr(ta.Result.load(tmp_path / "r.json")) == repr(
        report
    )


def test_too_few_examples_for_the_folds_are_refused():
    mip = ta.MIPIN(linear(3), top="logits").fit(rows(50, 0))
    with pytest.raises(ShapeError, match="9 examples for 5 folds"):
        mip.report(rows(9, 1))
    assert mip.report(rows(9, 1), fit_rows=rows(40, 2)).held_out == "fitted to 40 others"
