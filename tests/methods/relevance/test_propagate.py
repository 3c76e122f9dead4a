"""The walk itself: what it does with a ReLU's gate changes no score."""

import pytest
import torch
from torch import nn

from taylorattr.methods.relevance.balance import Ledger
from taylorattr.methods.relevance.lrp import Epsilon, lrp_rules
from taylorattr.methods.relevance.propagate import propagate
from taylorattr.methods.relevance.recording import record_at
from taylorattr.methods.relevance.rules.lrp_weights import AlphaBeta, Gamma


def network():
    """Convolutions, a BatchNorm, a residual sum and dense layers, each before a ReLU."""
    torch.manual_seed(3)
    net = nn.ModuleDict(
        {
            "first": nn.Conv2d(2, 4, 3, padding=1),
            "norm": nn.BatchNorm2d(4),
            "second": nn.Conv2d(4, 4, 3, padding=1),
            "dense": nn.Linear(4 * 25, 6),
            "last": nn.Linear(6, 1),
        }
    )
    return net.double().eval().requires_grad_(False)


def readout(net, shared):
    """f; with ``shared`` the second convolution's result is read behind the ReLU and in front of it."""

    def f(x):
        h = torch.relu(net["norm"](net["first"](x)))
        z = net["second"](h)
        h = torch.relu(z) + z if shared else torch.relu(z + h)
        return net["last"](torch.relu(net["dense"](h.flatten(1)))).squeeze(1)

    return f


RULES = {
    "epsilon": Epsilon(0.25),
    "zero": Epsilon(0.0),
    "alpha1": AlphaBeta(1.0),
    "alpha2": AlphaBeta(2.0),
    "no bias": AlphaBeta(1.0, bias="ignore"),
    "gamma": Gamma(0.25),
}


@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("name", RULES)
def test_a_gate_left_to_the_operation_before_it_changes_no_score(name, shared):
    x = torch.randn(3, 2, 5, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    recording = record_at(readout(network(), shared), (x,), None)
    rules = lrp_rules(eps=0.25, weights=RULES[name])
    (fused,) = propagate(recording, rules)
    (noted,) = propagate(recording, rules, ledger=Ledger())  # the balance counts every operation by itself
    assert float(noted.abs().max()) > 1e-3
    torch.testing.assert_close(fused, noted, rtol=1e-11, atol=1e-13)  # roundings of another order


def test_a_rule_of_the_users_for_the_relu_is_asked():
    x = torch.randn(2, 2, 5, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    recording = record_at(readout(network(), False), (x,), None)
    rules = lrp_rules().with_overrides({"relu": lambda site, m: 0 * m}, recording.program)
    assert not propagate(recording, rules)[0].any()
