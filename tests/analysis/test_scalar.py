import copy
import re
import threading
import warnings

import pytest
import torch
from torch import nn

from taylorattr.analysis.scalar import ScalarModel
from taylorattr.effects.harsanyi import harsanyi
from taylorattr.errors import (
    DtypeError,
    FallbackWarning,
    ModelError,
    NonFiniteError,
    PrecisionWarning,
    TargetError,
    TrainingModeWarning,
)
from tests.autodiff.networks import mlp, points

ALL = torch.arange(3)
X = points(3, 4)


def in_float64(net):
    return copy.deepcopy(net).double()


def test_values_are_the_models_in_float64():
    net = mlp()
    scalar = ScalarModel(net, X, target=[0, 1, 2])
    expected = in_float64(net)(X.double())[ALL, ALL]
    assert torch.equal(scalar.values((X.double(),), ALL), expected)
    assert (scalar.dtype, scalar.native) == (torch.float64, torch.float32)


def test_rows_follow_their_example():
    net = mlp()
    extra = torch.tensor([1.0, 10.0, 100.0])
    scalar = ScalarModel(lambda x, s: net(x) * s[:, None], X, target=[0, 1, 2], additional_forward_args=extra)
    examples = torch.tensor([2, 0, 2, 1, 1])
    together = scalar.values((X.double()[examples],), examples)
    apart = torch.cat([scalar.values((X.double()[e : e + 1],), torch.tensor([e])) for e in examples.tolist()])
    torch.testing.assert_close(together, apart, rtol=1e-14, atol=0)  # other kernels round the last bits


def test_extra_arguments_are_passed_sliced_or_whole():
    seen = []

    def model(x, per_example, shared, text, nothing):
        seen.append((per_example.shape, shared.shape, shared.dtype, text, nothing))
        return (x * per_example).sum(1) + shared.sum()

    extra = (torch.ones(3, 4), torch.ones(7), "text", None)
    ScalarModel(model, X, additional_forward_args=extra).values((X.double()[:2],), torch.tensor([0, 1]))
    assert seen[-1] == ((2, 4), (7,), torch.float64, "text", None)


def test_a_single_argument_need_not_be_a_tuple():
    scalar = ScalarModel(lambda x, shift: x.sum(1) + shift, X, additional_forward_args=2.0)
    assert torch.equal(scalar.values((X.double(),), ALL), X.double().sum(1) + 2)


@pytest.mark.parametrize("given", [torch.float32, torch.bfloat16])
def test_the_native_call_is_the_users_model_on_one_row(given):
    net = mlp().to(given)
    scalar = ScalarModel(net, X.to(given), target=1)
    row = X[2:3].to(given)
    function, module = scalar.native_call(2)
    assert torch.equal(function(row), net(row)[:, 1])
    assert scalar.native is given and isinstance(module, nn.Module)
    assert module is not net


def test_a_callable_without_modules_has_no_native_module():
    assert ScalarModel(lambda x: x.sum(1), X).native_call(0)[1] is None


class CastsInside(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = mlp(outputs=1)

    def forward(self, x):
        return self.net(x.float())


def test_a_model_that_cannot_be_promoted_keeps_its_dtype_and_says_so():
    net = CastsInside().eval()
    with pytest.warns(PrecisionWarning, match=r"does not run in torch.float64: running it so fails.*float32"):
        scalar = ScalarModel(net, X)
    assert scalar.dtype is torch.float32 and scalar.diagnostics["promoted"] is False
    assert torch.equal(scalar.values((X,), ALL), net(X)[:, 0])


def test_a_model_that_returns_float32_keeps_its_dtype():
    with pytest.warns(PrecisionWarning, match="its output is torch.float32"):
        assert ScalarModel(lambda x: x.sum(1).float(), X).dtype is torch.float32


def test_rounding_inside_is_noticed():
    with pytest.warns(PrecisionWarning, match=r"computes in torch.float32 inside \(operation 'float'\)"):
        scalar = ScalarModel(lambda x: x.float().sum(1).double(), X)
    assert scalar.dtype is torch.float64 and scalar.diagnostics["lowest_dtype"] == "torch.float32"


def test_no_warning_without_a_reason():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ScalarModel(mlp(), X, target=0)
        ScalarModel(mlp(), X, target=0, dtype=None)
        ScalarModel(mlp(), X, target=0, dtype=torch.float32)


def test_training_mode_is_said():
    net = nn.Sequential(nn.Linear(4, 1), nn.Dropout(0.5))
    with pytest.warns(TrainingModeWarning, match=r"model.eval\(\)") as caught:
        scalar = ScalarModel(net, X)
    assert caught[0].filename == __file__, "the warning points at the user's line"
    assert torch.equal(scalar.values((X.double(),), ALL), in_float64(net[0])(X.double())[:, 0])
    assert net.training and net[1].training


def test_a_device_without_float64_is_left_for_the_cpu(monkeypatch):
    zeros = torch.zeros

    def refusing(*size, dtype=None, device=None, **options):
        if dtype is torch.float64:
            raise TypeError("no float64 here")
        return zeros(*size, dtype=dtype, device=device, **options)

    monkeypatch.setattr(torch, "zeros", refusing)
    with pytest.warns(FallbackWarning, match="has no torch.float64; the analysis runs on a CPU copy"):
        scalar = ScalarModel(mlp(), X, target=0)
    assert scalar.device.type == "cpu" and scalar.diagnostics["moved"] == "cpu"


def test_logits_of_an_output_object_are_taken_and_recorded():
    class Output(dict):
        logits = property(lambda self: self["logits"])

    net = mlp()
    scalar = ScalarModel(lambda x: Output(logits=net(x)), X, target=1)
    assert scalar.diagnostics["output"] == "logits"
    assert torch.equal(scalar.values((X.double(),), ALL), in_float64(net)(X.double())[:, 1])


def test_integer_outputs_need_permission():
    with pytest.raises(DtypeError, match=r"analysed output is torch.int64.*logits"):
        ScalarModel(lambda x: x.argmax(1), X)
    scalar = ScalarModel(lambda x: x.argmax(1), X, integers_allowed=True)
    assert scalar.values((X.double(),), ALL).dtype is torch.float64


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_parameters_must_be_finite(value):
    net = mlp()
    net[2].bias.data[1] = value
    with pytest.raises(NonFiniteError, match=r"'2.bias' holds NaN or infinity \(1 of 3 entries\)"):
        ScalarModel(net, X, target=0)


def test_buffers_may_hold_minus_infinity_but_not_nan():
    net = mlp()
    net.register_buffer("mask", torch.tensor([0.0, float("-inf")]))
    ScalarModel(net, X, target=0)
    net.mask[0] = float("nan")
    with pytest.raises(NonFiniteError, match="buffer 'mask' holds NaN"):
        ScalarModel(net, X, target=0)


def test_the_users_own_error_passes_through_to_the_door_which_says_where_it_came_from():
    def broken(x):
        raise ZeroDivisionError("mine")

    with pytest.raises(ZeroDivisionError, match="mine"):
        ScalarModel(broken, X)
    shape = re.escape(f"(1, {X.shape[1]}) float32")
    with pytest.raises(
        ModelError,
        match=rf"raised ZeroDivisionError: mine, at test_scalar.py:\d+.*called with inputs.*{shape}",
    ) as said:
        harsanyi(broken, X)
    assert isinstance(said.value.__cause__, ZeroDivisionError)


def test_a_bad_target_is_reported_once_without_falling_back():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(TargetError, match="out of range"):
            ScalarModel(mlp(), X, target=9)


def test_two_threads_share_a_model():
    net = nn.Sequential(mlp(), nn.Dropout()).eval()
    expected = in_float64(net)(X.double())[:, 1]
    results = [None] * 8

    def work(i):
        scalar = ScalarModel(net, X, target=1)
        results[i] = torch.stack([scalar.values((X.double(),), ALL) for _ in range(5)])

    threads = [threading.Thread(target=work, args=(i,)) for i in range(len(results))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(torch.equal(r, expected.expand(5, 3)) for r in results)


def test_one_copy_serves_where_the_analysis_has_the_models_dtype():
    same = ScalarModel(mlp().double(), points(2, 4).double(), target=0)
    assert same.native_call(0)[1] is same.modules[0]
    promoted = ScalarModel(mlp(), points(2, 4), target=0)
    assert promoted.native_call(0)[1] is not promoted.modules[0]


def test_the_same_model_in_another_precision():
    x = points(2, 4).double()
    scalar = ScalarModel(mlp().double(), x, target=1)
    twin = scalar.in_precision(torch.float32, (x,))
    examples = torch.arange(2)
    values = twin.values((x.float(),), examples)
    assert values.dtype == torch.float32 and scalar.dtype == torch.float64
    exact = scalar.values((x,), examples)
    assert 0 < (values - exact).abs().max() < 1e-5  # float32 rounding of a small network
    only_double = ScalarModel(lambda z: z @ torch.ones(4).double(), x)
    assert only_double.in_precision(torch.float32, (x,)) is None
