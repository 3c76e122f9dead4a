import random

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from taylorattr.errors import CaptureError
from taylorattr.program import capture, record, replay, verify
from taylorattr.program.capture import displaced

X = torch.tensor([[0.5, -1.0, 2.0, 0.25]])


def item(x):
    return (x * x.sum().item()).sum(1)


def python_float(x):
    return (x * float(x[0, 0])).sum(1)


def numpy_array(x):
    return (x * float(x.numpy()[0, 0])).sum(1)


def numpy_function(x):
    return (x + torch.from_numpy(np.tanh(np.asarray(x)))).sum(1)


def listed(x):
    return (x * x.tolist()[0][1]).sum(1)


ESCAPES = {
    item: "_local_scalar_dense.* reads a number",
    python_float: "_local_scalar_dense.* reads a number",
    numpy_array: "Tensor.numpy reads a number",
    numpy_function: "Tensor.__array__ reads a number",
    listed: "Tensor.tolist reads a number",
}


@pytest.mark.parametrize("function", ESCAPES, ids=lambda f: f.__name__)
def test_values_that_escape_are_found_and_named(function):
    line = function.__code__.co_firstlineno + 1
    with pytest.raises(CaptureError, match=rf"point 2.*{ESCAPES[function]}.*test_verify.py:{line}"):
        capture(function, (X,))


def dropout(x):
    return F.dropout(x, 0.5, training=True).sum(1)


def noise(x):
    return (x + torch.randn_like(x)).sum(1)


@pytest.mark.parametrize("function", [dropout, noise], ids=lambda f: f.__name__)
def test_random_operations_are_found_and_named(function):
    line = function.__code__.co_firstlineno + 1
    with pytest.raises(CaptureError, match=rf"draws random numbers in module '' at .*test_verify.py:{line}"):
        capture(function, (X,))


@pytest.mark.parametrize("draw", [random.random, np.random.rand], ids=["random", "numpy"])
def test_randomness_outside_torch_is_found(draw):
    with pytest.raises(CaptureError, match="randomness outside torch"):
        capture(lambda x: (x + draw()).sum(1), (X,))


def test_randomness_without_effect_is_no_fault():
    program = capture(lambda x: F.dropout(x, 0.0, training=True).sum(1), (X,))
    assert replay(program, (X.double(),)).item() == 1.75


def test_verification_leaves_the_random_state():
    before = torch.get_rng_state(), random.getstate(), np.random.get_state()[1].tolist()
    verify(record(lambda x: x.sum(1), (X,)), lambda x: x.sum(1), [(X,), displaced((X,))])
    assert torch.equal(before[0], torch.get_rng_state())
    assert before[1:] == (random.getstate(), np.random.get_state()[1].tolist())


def test_a_program_of_another_function_is_refused_at_once():
    program = record(lambda x: x.exp().sum(1), (X,))
    with pytest.raises(CaptureError, match="at the captured point"):
        verify(program, lambda x: x.cos().sum(1), [(X,)])


def test_a_frozen_number_with_a_small_share_is_found():
    """A part in 10⁴ of the output, in float32."""
    with pytest.raises(CaptureError, match="point 2"):
        capture(lambda x: (x + 1e-4 * x.sum().item()).sum(1), (X,))


def test_equal_infinities_and_nans_are_no_difference():
    program = record(lambda x: torch.log(x).sum(1), (X,))
    verify(program, lambda x: torch.log(x).sum(1), [(X,), (X * 0,)])
