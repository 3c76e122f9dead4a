"""Selections of a size that depends on values are refused by name, and computed by the slow engine."""

from __future__ import annotations

import warnings

import pytest
import torch

import taylorattr as ta
from taylorattr.autodiff.polynomial import builder
from taylorattr.autodiff.polynomial.engine import expand, supported
from taylorattr.errors import FallbackWarning, MissingRuleError
from taylorattr.program.capture import capture

X = torch.tensor([[0.7, -1.3, 0.4]], dtype=torch.float64)
ONCE = (torch.eye(3, dtype=torch.float64),)


def leaky(z):
    z = z * 1
    z[z < 0] *= 0.1
    return z.exp().sum(1)


def exponential(z):
    z = z * 1
    chosen = ~((z <= 0).flip(1).flip(1) | (z > 9))
    z[chosen] = z[chosen].exp()
    return z.square().sum(1)


def columns(z):
    return z[:, z[0] > 0].square().sum(1)


def counted(z):
    return z[0][(z[0] > 0).nonzero()[:, 0]].square().sum()[None]


def selected(z):
    return z.masked_select((z > 0).to(torch.uint8).to(torch.bool)).square().sum()[None]


@pytest.mark.parametrize(
    ("function", "names"),
    [
        (leaky, ["aten.index.Tensor"]),
        (exponential, ["aten.index.Tensor"]),
        (columns, ["aten.index.Tensor"]),
        (counted, ["aten.nonzero.default"]),
        (selected, ["aten.masked_select.default"]),
    ],
)
def test_they_are_listed_and_refused_by_name(function, names):
    program = capture(function, (X,))
    assert [str(node.op) for node in supported(program)] == names
    with pytest.raises(MissingRuleError, match=names[0] + r".*test_selection\.py:\d+.*depends on the inputs"):
        expand(program, (X,), ONCE, 2)


@pytest.mark.parametrize(
    "function",
    [
        lambda z: z[:, z[0].argsort()].sum(1),
        lambda z: z[torch.tensor([[True, False, True]])].square().sum()[None] + z[0, z[0].argmax()],
        lambda z: torch.where(z > 0, z, z * 0.1).sum(1),
        lambda z: z[:, (z[0] > 0).long()].square().sum(1),
    ],
)
def test_selections_of_a_fixed_size_are_walked(function):
    program = capture(function, (X,))
    assert supported(program) == []
    expand(program, (X,), ONCE, 2)


@pytest.mark.parametrize("function", [leaky, exponential, columns])
def test_their_effects_are_computed_all_the_same(function):
    base = torch.tensor([[0.6, -1.2, 0.3]], dtype=torch.float64)
    with pytest.warns(FallbackWarning, match=r"index\.Tensor"), warnings.catch_warnings():
        warnings.simplefilter("ignore", ta.errors.KinkWarning)
        warnings.simplefilter("ignore", DeprecationWarning)
        found = ta.decompose(function, X, base, order=2, with_tails=False)
    slope = {
        "leaky": [float(torch.tensor(0.6).exp()), 0.1 * float(torch.tensor(-0.12).exp())],
        "exponential": [2 * float(torch.tensor(1.2).exp()), -2.4],
        "columns": [1.2, 0.0],
    }[function.__name__]
    first = [0.1 * slope[0], -0.1 * slope[1]]
    assert found.values[0, :2].tolist() == pytest.approx(first, rel=1e-6)  # expected in float32


def test_what_torch_refuses_inside_a_rule_is_a_missing_rule(monkeypatch):
    def refuses(b, x):
        raise RuntimeError("vmap: not this one\nand more")

    program = capture(lambda z: z.tanh().sum(1), (X,))
    monkeypatch.setitem(builder.RULES, builder.overload("tanh"), refuses)
    with pytest.raises(MissingRuleError, match=r"aten\.tanh.*test_selection\.py:\d+: vmap: not this one$"):
        expand(program, (X,), ONCE, 2)
