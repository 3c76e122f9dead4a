"""What a verdict says beside its numbers."""

from types import SimpleNamespace

import pytest

from taylorattr.criteria.audit.judgement import _remedy


@pytest.mark.parametrize(
    ("stochastic", "eps", "in_float64", "drawn", "remedy"),
    [
        (True, 1e-16, True, 0, "use more repeats="),
        (False, 1e-7, False, 9, "rounding of the dtype hides it"),
        (False, 1e-16, True, 9, "more coalitions would decide"),
        (False, 1e-16, True, 0, "subtract an output's constant"),
    ],
)
def test_an_open_case_is_told_what_would_decide_it(stochastic, eps, in_float64, drawn, remedy):
    examination = SimpleNamespace(stochastic=stochastic, reach=SimpleNamespace(drawn=drawn))
    numbers = SimpleNamespace(repeats=8, eps=eps)
    assert remedy in _remedy(examination, SimpleNamespace(in_float64=in_float64), numbers)
