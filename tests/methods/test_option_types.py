from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import taylorattr as ta
from taylorattr.errors import OptionError
from taylorattr.methods.option_types import check, expected, fits, keyword_types


@pytest.mark.parametrize(
    "annotation, good, bad",
    [
        (int, (3, np.int64(3)), (True, 3.0, "3", None)),
        (float, (3, 0.5, np.float32(1)), (True, float("nan"), "3", None)),
        (bool, (True, False), (1, "yes", None)),
        (float | None, (None, 1.0), ("none", [1.0])),
        (
            Literal["left", "right"] | None,
            ("left", "anything", None),
            (1, True),
        ),  # members: checked later
        (Sequence[int], ([1, 2], (1,)), ("12", [1.5], 3)),
        (tuple[int, ...], ((1, 2), ()), ([1], (1.5,))),
        (Mapping[str, int], ({"a": 1},), ([("a", 1)], "a")),
        (str | nn.Module, ("a", nn.ReLU()), (0, None)),
        (Tensor, (torch.ones(1),), ([1.0],)),
        (Any, (1, None, "x"), ()),
    ],
    ids=str,
)
def test_values_and_annotations(annotation, good, bad):
    assert all(fits(value, annotation) for value in good)
    assert not any(fits(value, annotation) for value in bad)


def test_what_is_expected_is_said_in_words():
    assert expected(float | None) == "a number or None"
    assert expected(Literal["left", "right"]) == "'left' or 'right'"
    with pytest.raises(OptionError, match="m: tol='x'; expected a number or None"):
        check("m", "tol", "x", float | None)


@pytest.mark.parametrize("name", list(ta.METHODS))
def test_every_default_fits_its_annotation(name):
    method = ta.METHODS[name]
    assert keyword_types(method.function).keys() == method.options.keys()
    for option, default in method.options.items():
        assert fits(default, method.option_types[option]), option
