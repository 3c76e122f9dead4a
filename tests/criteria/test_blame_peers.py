"""Faults of another library's rules are found on sub-networks that keep its hooks alive."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from taylorattr.criteria.blame.blame import blame
from tests.methods.networks import points, seeded

captum = pytest.importorskip("captum.attr")
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")


def deep_lift(network, baselines, target):
    return lambda rows: captum.DeepLift(network).attribute(rows, baselines, target=target)


def lrp(network, baselines, target):
    return lambda rows: captum.LRP(network).attribute(rows, target=target)


class Mlp(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b, self.c = nn.Linear(4, 6), nn.Linear(6, 6), nn.Linear(6, 2)
        self.act = nn.Tanh()


class FunctionalGelu(Mlp):
    def forward(self, x):
        return self.c(self.act(self.b(F.gelu(self.a(x)))))


class Reused(Mlp):
    def forward(self, x):
        return self.c(self.act(self.b(self.act(self.a(x)))))


class Healthy(Mlp):
    def __init__(self):
        super().__init__()
        self.first = nn.ReLU()

    def forward(self, x):
        return self.c(self.act(self.b(self.first(self.a(x)))))


class Residual(Mlp):
    def __init__(self):
        super().__init__()
        self.first = nn.ReLU()

    def forward(self, x):
        h = self.first(self.a(x))
        return self.c(h + self.act(self.b(h)))


class Untraceable(FunctionalGelu):
    def forward(self, x):
        return super().forward(x * 2 if float(x.sum()) > 1e9 else x)


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.q, self.k, self.v = (nn.Linear(3, 4) for _ in range(3))
        self.soft, self.head = nn.Softmax(-1), nn.Linear(4, 2)

    def forward(self, x):
        weights = self.soft(self.q(x) @ self.k(x).transpose(-2, -1))
        return self.head((weights @ self.v(x)).mean(1))


class Pooled(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.relu, self.pool = nn.Conv2d(1, 3, 3, padding=1), nn.ReLU(), nn.MaxPool2d(3, 2)
        self.head, self.act = nn.Conv2d(3, 2, 3), nn.Tanh()

    def forward(self, x):
        return self.act(self.head(self.pool(self.relu(self.conv(x))))).flatten(1)


def asked(make, network, *shape):
    model = seeded(network, seed=2)
    start = points(1, *shape, seed=7) if make is deep_lift else None
    return blame(make, model, points(3, *shape, seed=8), start, target=1)


@pytest.mark.parametrize(
    ("make", "network", "shape", "last", "first", "alone"),
    [
        (deep_lift, FunctionalGelu(), (4,), "gelu", "gelu", ("gelu",)),
        (
            deep_lift, Attention(), (5, 3), "matmul (use 2)", "matmul", ("matmul", "soft", "matmul (use 2)"),
        ),
        (deep_lift, Pooled(), (1, 7, 7), "pool", "pool", ("pool",)),
        (lrp, Residual(), (4,), "add", "add", ("add",)),
    ],
    ids=["functional GELU", "attention", "overlapping pool", "residual sum"],
)  # fmt: skip
def test_the_fault_is_named(make, network, shape, last, first, alone):
    found = asked(make, network, *shape)
    assert (found.found, found.last, found.first) == ("found", last, first)
    assert found.alone == alone
    assert found.law == ("difference" if make is deep_lift else "output")
    assert found.after.status == "breaks"
    assert found.before.total == pytest.approx(found.before.due, rel=1e-5)


def test_a_refusal_is_told_apart_from_a_wrong_sum():
    # one module used twice: DeepLift says so itself; the suffixes name the first use, the prefixes the second
    found = asked(deep_lift, Reused(), 4)
    assert (found.found, found.last, found.first, found.alone) == ("refused", "act", "act (use 2)", ())
    assert "does not contain some of the input/output attributes" in found.statement


@pytest.mark.parametrize("make", [deep_lift, lrp])
def test_a_healthy_model_gives_no_blame(make):
    found = asked(make, Healthy(), 4)
    assert found.found == "nothing" and not found


def test_a_model_that_cannot_be_traced_is_taken_apart_between_its_modules():
    found = asked(deep_lift, Untraceable(), 4)
    assert found.found == "found" and found.weak
    assert "between `a` and the output of `b`" in found.statement
    assert "faults between two branches can be missed" in repr(found)


def test_the_users_model_keeps_no_hook():
    model = seeded(FunctionalGelu(), seed=2)
    blame(deep_lift, model, points(2, 4), points(1, 4, seed=3), target=0)
    assert not any(m._forward_hooks or m._forward_pre_hooks or m._backward_hooks for m in model.modules())
    assert not any(isinstance(p.grad, torch.Tensor) for p in model.parameters())
