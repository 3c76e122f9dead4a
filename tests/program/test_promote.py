import copy

import pytest
import torch
from torch import nn

from taylorattr.errors import CaptureError
from taylorattr.program import decompose_norms, promote, record, replay
from taylorattr.program.isolate import unfused
from tests.program.zoo import ZOO, scalar

# models that have no float64 copy: a float32 attribute, a cast in forward, a weight that is no parameter
UNPROMOTABLE = {"plain_attribute", "weight_norm"}


def promoted(name):
    model, inputs = ZOO[name]()
    return model, inputs, promote(record(lambda *xs: scalar(model(*xs)), inputs, module=model), torch.float64)


@pytest.mark.parametrize("name", sorted(ZOO.keys() - UNPROMOTABLE))
def test_promoted_program_equals_a_float64_copy_of_the_model(name):
    model, inputs, program = promoted(name)
    wide = tuple(x.double() for x in inputs)
    double = copy.deepcopy(model).double()
    with torch.no_grad(), unfused():
        expected = scalar(double(*(x.clone() for x in wide)))
    for candidate in (program, decompose_norms(program)):
        # a few hundred roundings of the terms, which are of order one
        torch.testing.assert_close(replay(candidate, wide), expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", sorted(ZOO))
def test_promoted_program_is_float64_throughout(name):
    _, inputs, program = promoted(name)
    tensors = [*program.constants.values(), replay(program, tuple(x.double() for x in inputs))]
    assert {t.dtype for t in tensors if t.is_floating_point()} <= {torch.float64}


@pytest.mark.parametrize("name", sorted(UNPROMOTABLE))
def test_promotion_agrees_with_the_recording_to_its_own_precision(name):
    model, inputs, program = promoted(name)
    with torch.no_grad():
        # float32 roundings of a few operations
        torch.testing.assert_close(
            replay(program, tuple(x.double() for x in inputs)).float(),
            scalar(model(*inputs)),
            rtol=1e-5,
            atol=1e-5,
        )


def test_folded_constants_are_computed_in_the_wide_dtype():
    weight = torch.tensor([0.1, 0.2])
    program = record(lambda x: (x * (weight.exp() / 3).sin()).sum(1), (torch.ones(1, 2),))
    wide = promote(program, torch.float64)
    x = torch.tensor([[1.0, -2.0]], dtype=torch.float64)
    assert torch.equal(replay(wide, (x,)), (x * (weight.double().exp() / 3).sin()).sum(1))


def test_factories_forget_the_default_dtype():
    def forward(x):
        return (x * torch.linspace(0, 1, 4) + torch.full((4,), 0.1) + torch.arange(4.0) / 3).sum(1)

    wide = promote(record(forward, (torch.ones(1, 4),)), torch.float64)
    x = torch.ones(1, 4, dtype=torch.float64)
    steps = torch.linspace(0, 1, 4, dtype=torch.float64)
    expected = (x * steps + 0.1 + torch.arange(4, dtype=torch.float64) / 3).sum(1)
    # one sum of four terms: a rounding or two
    torch.testing.assert_close(replay(wide, (x,)), expected, rtol=1e-15, atol=0)


def test_integers_and_masks_keep_their_dtype():
    index, mask = torch.tensor([2, 0]), torch.tensor([True, False])
    program = record(lambda x: torch.where(mask, x[:, index], 0.0).sum(1), (torch.ones(1, 3),))
    kept = {t.dtype for t in promote(program, torch.float64).constants.values()}
    assert kept == {torch.int64, torch.bool, torch.float64}


def test_casts_disappear_in_value():
    program = record(lambda x: (x.to(torch.bfloat16) * 3).float().sum(1), (torch.ones(1, 2),))
    x = torch.tensor([[1 / 3, 0.1]], dtype=torch.float64)
    assert torch.equal(replay(promote(program, torch.float64), (x,)), (x * 3).sum(1))


def test_casts_of_masks_stay():
    program = promote(record(lambda x: ((x > 0).float() * x).sum(1), (torch.ones(1, 2),)), torch.float64)
    x = torch.tensor([[-1.0, 0.1]], dtype=torch.float64)
    assert replay(program, (x,)).item() == 0.1


def test_autocast_is_removed():
    layer = nn.Linear(4, 4)

    def forward(x):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            return layer(x).tanh().float().sum(1)

    x = torch.linspace(-1, 1, 4)[None]
    program = record(forward, (x,))
    with torch.no_grad():
        assert torch.equal(replay(program, (x,)), forward(x))
        wide = x.double()
        expected = (wide @ layer.weight.double().T + layer.bias.double()).tanh().sum(1)
        # the same five products summed in another order
        torch.testing.assert_close(
            replay(promote(program, torch.float64), (wide,)), expected, rtol=1e-14, atol=1e-15
        )


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_models(dtype):
    layer = nn.Sequential(nn.Linear(3, 3), nn.LayerNorm(3)).to(dtype)
    x = torch.tensor([[0.5, 0.25, -1.0]], dtype=dtype)
    program = record(lambda x: layer(x).sum(1), (x,), module=layer)
    with torch.no_grad(), unfused():
        assert torch.equal(replay(program, (x,)), layer(x).sum(1))
    wide = promote(program, torch.float64)
    with torch.no_grad():
        expected = copy.deepcopy(layer).double()(x.double()).sum(1)
        # a sum that cancels: the LayerNorm's outputs are of order one
        torch.testing.assert_close(replay(wide, (x.double(),)), expected, rtol=0, atol=1e-14)


def test_a_narrower_dtype_works_too():
    program = promote(
        record(lambda x: x.exp().sum(1), (torch.ones(1, 2, dtype=torch.float64),)), torch.float32
    )
    assert replay(program, (torch.ones(1, 2),)).dtype == torch.float32


def test_reading_bits_is_refused():
    program = record(lambda x: x.view(torch.int32).float().sum(1), (torch.ones(1, 2),))
    with pytest.raises(CaptureError, match=r"reads the bits.*test_promote.py"):
        promote(program, torch.float64)


def test_the_recording_is_not_changed():
    model, inputs = ZOO["norms"]()
    program = record(lambda *xs: scalar(model(*xs)), inputs, module=model)
    before = replay(program, inputs)
    constants = {i: t.dtype for i, t in program.constants.items()}
    promote(program, torch.float64)
    assert {i: t.dtype for i, t in program.constants.items()} == constants
    assert torch.equal(replay(program, inputs), before)
