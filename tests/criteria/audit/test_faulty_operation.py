"""An audit of a third-party method names the operation at which its sum breaks."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

import taylorattr as ta


class Gated(nn.Module):
    """A ReLU module and a functional GELU."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.first, self.second, self.last = nn.Linear(4, 8), nn.Linear(8, 8), nn.Linear(8, 1)
        self.relu = nn.ReLU()

    def forward(self, x):
        return self.last(F.gelu(self.second(self.relu(self.first(x)))))


def inputs():
    return torch.randn(1, 4, generator=torch.Generator().manual_seed(1))


def gradient_times_difference(model, baselines, target):
    """The gradient at x in place of the secant: wrong at GELU, right at linear layers."""

    def scores(rows):
        found = rows.detach().requires_grad_()
        (gradient,) = torch.autograd.grad(model(found).sum(), found)
        return gradient * (rows - baselines)

    return scores


def gradient_at_gelu(model, baselines, target):
    """Rescale, and the gradient at x in its place where there is a GELU: right at other units."""
    if any(isinstance(module, nn.GELU) for module in model.modules()):
        return gradient_times_difference(model, baselines, target)
    return lambda rows: ta.attribute("deeplift_rescale", model, rows, baselines, target=target).scores


@pytest.mark.filterwarnings("ignore")
def test_a_gradient_in_place_of_a_secant_is_found_where_it_is():
    smooth = nn.Sequential(nn.Linear(4, 6), nn.GELU(), nn.Linear(6, 1)).eval()
    report = ta.audit(ta.binds(gradient_at_gelu), smooth, inputs(), target=0)
    assert report.complete.status == "fails"
    assert report.blame is not None and report.blame.operation == "1"
    assert "breaks at" in report.summary()


@pytest.mark.filterwarnings("ignore")
def test_what_is_wrong_at_every_nonlinear_operation_blames_none():
    smooth = nn.Sequential(nn.Linear(4, 6), nn.GELU(), nn.Linear(6, 1)).eval()
    report = ta.audit(ta.binds(gradient_times_difference), smooth, inputs(), target=0)
    assert report.complete.status == "fails"
    assert report.blame is not None and (report.blame.found, report.blame.operation) == ("itself", "")
    assert "no single operation" in report.summary()
    assert type(report).from_dict(report.to_dict()).blame.found == "itself"  # pyright: ignore


@pytest.mark.filterwarnings("ignore")
def test_a_recipe_that_takes_no_parts_is_not_asked_for_them():
    smooth = nn.Sequential(nn.Linear(4, 6), nn.GELU(), nn.Linear(6, 1)).eval()
    report = ta.audit(ta.binds(gradient_times_difference, parts=False), smooth, inputs(), target=0)
    assert report.complete.status == "fails" and report.blame is None


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("by_adapter", [True, False])
def test_captum_and_a_functional_activation(by_adapter):
    library = pytest.importorskip("captum.attr", reason="captum is not installed")
    pytest.importorskip("taylorattr.compat.adapters")

    def make(model, baselines, target):
        return lambda rows: library.DeepLift(model).attribute(rows, baselines, target=target)

    method = "captum:DeepLift" if by_adapter else ta.binds(make)
    report = ta.audit(method, Gated().eval(), inputs(), target=0)
    assert report.complete.status == "fails"
    assert report.blame is not None and report.blame.operation == "gelu"
    assert type(report).from_dict(report.to_dict()).blame.operation == "gelu"  # pyright: ignore
    assert ta.audit("deeplift_rescale", Gated().eval(), inputs(), target=0).complete.holds


@pytest.mark.filterwarnings("ignore")
def test_two_operations_that_are_right_alone_and_wrong_together_are_both_named():
    library = pytest.importorskip("captum.attr", reason="captum is not installed")
    torch.manual_seed(0)
    convolutions = [nn.Conv2d(c, 4, 3, padding=1) for c in (1, 4)]
    layers = (convolutions[0], nn.ReLU(), convolutions[1], nn.ReLU(), nn.MaxPool2d(2), nn.Flatten())
    model = nn.Sequential(*layers, nn.Linear(64, 1)).eval()
    x = torch.rand(1, 1, 8, 8, generator=torch.Generator().manual_seed(1))

    def make(model, baselines, target):
        return lambda rows: library.DeepLift(model).attribute(rows, baselines, target=target)

    report = ta.audit(ta.binds(make), model, x, target=0, players=ta.Players.grid(x, (2, 2)))
    assert (report.blame.operation, report.blame.kind, report.blame.first) == ("3", "ReLU", "4")
    assert (
        "each of the two is right by itself, and the method is wrong where they meet"
        in report.summary().replace("\n        ", " ")
    )


def broken(model, baselines, target):
    return lambda rows: rows * (1 // 0)


def test_a_method_that_refuses_everything_blames_no_operation():
    smooth = nn.Sequential(nn.Linear(4, 6), nn.GELU(), nn.Linear(6, 1)).eval()
    with pytest.raises(ta.errors.MethodError) as found:
        ta.audit(ta.binds(broken), smooth, inputs(), target=0)
    assert "ZeroDivisionError" in str(found.value) and "of the model" not in str(found.value)


def no_softplus(model, baselines, target):
    if any(isinstance(module, nn.Softplus) for module in model.modules()):
        raise TypeError("no rule for Softplus")
    return gradient_times_difference(model, baselines, target)


def test_nothing_is_said_to_follow_the_last_operation():
    ends = nn.Sequential(nn.Linear(4, 1), nn.Softplus()).eval()
    said = r"no rule for Softplus.*; of the model it refuses `1` \(Softplus\), the last operation$"
    with pytest.raises(ta.errors.MethodError, match=said):
        ta.audit(ta.binds(no_softplus), ends, inputs(), target=0)


@pytest.mark.parametrize("seed", [13, 94, 109])
def test_errors_that_cancel_in_one_row_hide_no_operation(seed):
    """In the row with the largest gap the later GELU happens to add up within 1e-3."""
    torch.manual_seed(seed)
    layers = nn.Linear(3, 4), nn.GELU(), nn.Linear(4, 3), nn.GELU(), nn.Linear(3, 1)
    model, x = nn.Sequential(*layers).eval(), torch.randn(1, 3)
    report = ta.audit(ta.binds(gradient_at_gelu), model, x, target=0)
    assert report.complete.status == "fails"
    assert report.blame is not None and report.blame.operation == "3"


def slightly_wrong(model, baselines, target):
    """Rescale, of which one input gets 0.2 % too much where the network holds a GELU."""

    def scores(rows):
        found = ta.attribute("deeplift_rescale", model, rows, baselines, target=target).scores
        wrong = any(isinstance(module, nn.GELU) for module in model.modules())
        first = torch.arange(found.shape[1]) == 0
        return found * (1 + 2e-3 * wrong * first)

    return scores


def test_what_the_verdict_calls_wrong_the_blame_does_too():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 6), nn.GELU(), nn.Linear(6, 1)).eval()
    report = ta.audit(ta.binds(slightly_wrong, exactness="closed"), model, inputs(), target=0)
    assert report.complete.status == "fails" and float(report.deficit) < 2e-3
    assert report.blame is not None and report.blame.operation == "1"
