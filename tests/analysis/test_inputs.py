import math

import pytest
import torch

from taylorattr.analysis.inputs import baseline_tuple, input_tuple, require_floating
from taylorattr.errors import DtypeError, NonFiniteError, ShapeError

X = torch.ones(2, 3)
IDS = torch.ones(2, 3, dtype=torch.long)


def with_entry(value, *place):
    x = torch.ones(2, 3)
    x[place] = value
    return x


@pytest.mark.parametrize(
    ("baselines", "expected"),
    [
        (None, torch.zeros(2, 3)),
        (0.5, torch.full((2, 3), 0.5)),
        (2, torch.full((2, 3), 2.0)),
        (torch.arange(3.0)[None], torch.arange(3.0).expand(2, 3)),
        (torch.arange(6.0).reshape(2, 3), torch.arange(6.0).reshape(2, 3)),
        ((1,), torch.ones(2, 3)),
        (torch.arange(3)[None], torch.arange(3.0).expand(2, 3)),
    ],
)
def test_baseline_forms(baselines, expected):
    (result,) = baseline_tuple(baselines, (X,))
    assert torch.equal(result, expected) and result.dtype is X.dtype


def test_baselines_of_a_tuple():
    pair = (X, torch.ones(2, 2, 2))
    first, second = baseline_tuple((None, torch.full((1, 2, 2), 3.0)), pair)
    assert torch.equal(first, torch.zeros(2, 3)) and torch.equal(second, torch.full((2, 2, 2), 3.0))
    assert [b.shape for b in baseline_tuple(0.5, pair)] == [x.shape for x in pair]


def test_integer_baselines_keep_the_inputs_dtype():
    (result,) = baseline_tuple(7, (IDS,))
    assert result.dtype is torch.long and bool((result == 7).all())


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: input_tuple(()), ShapeError, "empty tuple"),
        (lambda: input_tuple([[1.0]]), ShapeError, "inputs is a list; expected a torch tensor"),
        (lambda: input_tuple((X, 3)), ShapeError, r"inputs\[1\] is a int"),
        (lambda: input_tuple(torch.tensor(1.0)), ShapeError, "no batch dimension"),
        (lambda: input_tuple((X, torch.ones(3, 1))), ShapeError, r"different batch sizes \[2, 3\]"),
        (lambda: input_tuple(torch.ones(0, 3)), ShapeError, r"\(0, 3\) are an empty batch"),
        (lambda: input_tuple(torch.ones(2, 0)), ShapeError, "no elements"),
        (lambda: input_tuple(X.to(torch.complex64)), DtypeError, "complex64"),
        (
            lambda: input_tuple(with_entry(math.nan, 1, 2)),
            NonFiniteError,
            r"inputs holds nan in example 1 at index \[2\] \(1 such entries",
        ),
        (lambda: input_tuple((X, with_entry(-math.inf, 0, 1))), NonFiniteError, r"inputs\[1\] holds -inf"),
        (lambda: require_floating((X, IDS)), DtypeError, r"inputs\[1\] is torch.int64.*embeddings.*harsanyi"),
        (lambda: baseline_tuple((0, 0), (X,)), ShapeError, "2 baselines for 1 input tensors"),
        (lambda: baseline_tuple(X, (X, X)), ShapeError, "one tensor for 2 input tensors"),
        (lambda: baseline_tuple(torch.ones(5, 3), (X,)), ShapeError, "repeat each example R times"),
        (lambda: baseline_tuple("zeros", (X,)), ShapeError, "baselines is a str"),
        (lambda: baseline_tuple(math.nan, (X,)), NonFiniteError, "baselines holds nan in example 0"),
        (lambda: baseline_tuple(None, (IDS,)), DtypeError, r"None.*torch.full\(\(2, 3\), pad_id\)"),
        (lambda: baseline_tuple(0.5, (IDS,)), DtypeError, "is 0.5 for inputs of torch.int64"),
        (lambda: baseline_tuple(X, (IDS,)), DtypeError, "is torch.float32 for inputs of torch.int64"),
        (lambda: baseline_tuple(X.to(torch.complex64), (X,)), DtypeError, "expected real"),
    ],
)
def test_errors_say_what_and_where(call, error, message):
    with pytest.raises(error, match=message):
        call()


@pytest.mark.parametrize(
    ("rows", "expected"), [(1, r"expected \(1, 4\)$"), (2, r"expected \(1, 4\) or \(2, 4\)$")]
)
def test_the_expected_shape_is_said_once(rows, expected):
    with pytest.raises(ShapeError, match=expected):
        baseline_tuple(torch.zeros(1, 3), (torch.ones(rows, 4),))


def test_baselines_spread_over_dimensions_they_leave_out():
    image = torch.zeros(2, 3, 4, 4)
    means = torch.tensor([0.1, 0.2, 0.3])
    for baseline in (means[:, None, None], means[None, :, None, None], means[:, None, None].numpy()):
        (spread,) = baseline_tuple(baseline, (image,))
        assert torch.equal(spread, means[None, :, None, None].expand_as(image))
    (row,) = baseline_tuple(torch.ones(3), (X,))
    assert torch.equal(row, torch.ones_like(X))
