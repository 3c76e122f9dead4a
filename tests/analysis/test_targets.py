import numpy as np
import pytest
import torch

from taylorattr.analysis.targets import TargetSelector
from taylorattr.errors import ShapeError, TargetError

OUTPUT = torch.arange(24.0).reshape(4, 3, 2)
VECTOR = torch.arange(12.0).reshape(4, 3)
ROWS = torch.arange(4)


class WithLogits(dict):
    """Like a transformers ModelOutput."""

    @property
    def logits(self):
        return self["logits"]


@pytest.mark.parametrize(
    ("target", "output", "expected"),
    [
        (None, torch.arange(4.0), [0, 1, 2, 3]),
        (None, torch.arange(4.0).reshape(4, 1), [0, 1, 2, 3]),
        (None, torch.arange(4.0).reshape(4, 1, 1), [0, 1, 2, 3]),
        (1, VECTOR, [1, 4, 7, 10]),
        (-1, VECTOR, [2, 5, 8, 11]),
        ((2,), VECTOR, [2, 5, 8, 11]),
        ((2, 1), OUTPUT, [5, 11, 17, 23]),
        (torch.tensor(1), VECTOR, [1, 4, 7, 10]),
        (torch.tensor([2]), VECTOR, [2, 5, 8, 11]),
        (torch.tensor([0, 1, 2, 0]), VECTOR, [0, 4, 8, 9]),
        (np.array([0, 1, 2, 0]), VECTOR, [0, 4, 8, 9]),
        (np.int64(1), VECTOR, [1, 4, 7, 10]),
        ([0, 1, 2, 0], VECTOR, [0, 4, 8, 9]),
        ([(0, 1), (1, 0), (2, 1), (0, 0)], OUTPUT, [1, 8, 17, 18]),
        (lambda output: output[:, 0], VECTOR, [0, 3, 6, 9]),
        (lambda output: output["a"], {"a": torch.arange(4.0)}, [0, 1, 2, 3]),
        (1, WithLogits(logits=VECTOR), [1, 4, 7, 10]),
    ],
)
def test_forms(target, output, expected):
    assert TargetSelector(target, 4).select(output, ROWS).tolist() == expected


def test_rows_use_the_target_of_their_example():
    selector = TargetSelector([0, 1, 2, 0], 4)
    assert selector.select(VECTOR, torch.tensor([2, 2, 1, 3])).tolist() == [2, 5, 7, 9]


def test_a_row_squeezed_away_is_accepted():
    assert TargetSelector(None, 1).select(torch.tensor(3.0), torch.tensor([0])).tolist() == [3]


@pytest.mark.parametrize(
    ("target", "output", "message"),
    [
        (None, VECTOR, r"output has shape \(4, 3\).*target is None; pass target=0 … 2"),
        (None, OUTPUT, r"\(4, 3, 2\), that is 6 numbers.*target=\(0, 0\)"),
        (3, VECTOR, r"target 3 is out of range.*\(4, 3\).*0 to 2"),
        ([0, 1, 5, 0], VECTOR, r"target 5 is out of range"),
        (-4, VECTOR, r"target -4 is out of range"),
        ((1, 1), VECTOR, r"has 2 indices but one example's output has shape \(3,\)"),
        (1, {"a": VECTOR}, r"returned a dict with keys \['a'\], not a tensor; pass a callable target"),
        (1, (VECTOR,), "returned a tuple"),
        (0, VECTOR.to(torch.complex64), "output is complex"),
        (lambda output: output, VECTOR, r"callable target returned shape \(4, 3\) for a batch of 4"),
        (lambda output: 1.0, VECTOR, "callable target returned a float"),
    ],
)
def test_what_does_not_fit_the_output(target, output, message):
    with pytest.raises(TargetError, match=message):
        TargetSelector(target, 4).select(output, ROWS)


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ([0, 1], "list of 2 entries for 4 examples"),
        ([0, 1, (1,), (1, 2)], "mixes tuples"),
        (torch.tensor([0, 1]), r"tensor of shape \(2,\) for 4 examples"),
        (torch.tensor([0.0]), "must be integers"),
        (torch.tensor([True]), "must be integers"),
        (True, "is a bool"),
        ("cat", "is a str"),
        (1.5, "is a float"),
        ((1.5,), "not made of integers"),
        ((), "not made of integers"),
    ],
)
def test_what_has_no_known_form(target, message):
    with pytest.raises(TargetError, match=message):
        TargetSelector(target, 4)


@pytest.mark.parametrize("output", [torch.tensor(1.0), torch.ones(3), torch.ones(1, 4)])
def test_an_output_without_batch_dimension(output):
    with pytest.raises(ShapeError, match=r"for a batch of 4; expected a batch dimension of 4 first"):
        TargetSelector(None, 4).select(output, ROWS)
