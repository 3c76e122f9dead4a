"""The balance: shares worked out on their own, so that a fault shows; examples apart in two walks."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from taylorattr.errors import PrecisionWarning
from taylorattr.methods.method import attribute
from taylorattr.methods.relevance import linear_map
from taylorattr.methods.relevance import propagate as module
from taylorattr.methods.relevance.lrp import lrp_rules
from taylorattr.methods.relevance.propagate import balance_of, balances, growth_of, propagate
from taylorattr.methods.relevance.recording import record_at
from taylorattr.methods.relevance.rules.lrp_weights import AlphaBeta, Gamma
from tests.methods.relevance.networks import (
    NETWORKS,
    POOLS,
    D,
    Written,
    convolutional,
    draw,
    readout,
    seeded,
    transformer,
)

RULES = {"epsilon": None, "alpha beta": AlphaBeta(2.0), "z plus": AlphaBeta(1.0), "gamma": Gamma(0.25)}


def planted(site, m, part="all", *, original=linear_map.pull):
    found = original(site, m, part)
    return [1.01 * g if site.name == "convolution" else g for g in found]


@pytest.mark.parametrize("weights", RULES)
def test_a_fault_in_a_linear_rule_is_a_remainder_and_no_bias(monkeypatch, weights):
    """Multipliers of convolutions 1 % too large: the balance names them, biases and all."""
    net, x = convolutional(*POOLS["k3 s2 padded ceil"]), draw(2, 2, 13, 13)
    recording = record_at(readout(net), (x,), net)
    table = lrp_rules(eps=1e-3, weights=RULES[weights])

    def worst(ledger):
        entry = ledger.worst()
        return entry.op, abs(entry.remainder) / max(abs(e.incoming) for e in ledger.entries)

    assert worst(balance_of(recording, table, 0))[1] <= 1e-13
    monkeypatch.setattr(linear_map, "pull", planted)
    op, size = worst(balance_of(recording, table, 0))
    assert op == "aten.convolution.default" and size > 1e-4


def test_the_bias_share_is_the_response_to_inputs_of_zero():
    layer = seeded(lambda: nn.Linear(3, 2))
    result = attribute("lrp_epsilon", layer, draw(2, 3), target=1, epsilon=0.0, balance=True)
    for shares in result.diagnostics["shares"]:
        assert shares == {"bias": pytest.approx(float(layer.bias[1]), rel=1e-14)}


@pytest.mark.parametrize("name", [n for n in NETWORKS if n != "two inputs"])
def test_the_balance_of_a_batch_is_that_of_each_example(name):
    model, (x,), _ = NETWORKS[name]
    recording = record_at(readout(model), (x,), model if isinstance(model, nn.Module) else None)
    table = lrp_rules(eps=1e-3)
    for e, ledger in enumerate(balances(recording, table)):
        for mine, alone in zip(ledger.entries, balance_of(recording, table, e).entries, strict=True):
            assert mine.op == alone.op and mine.rule == alone.rule
            assert mine.incoming == pytest.approx(alone.incoming, rel=1e-10, abs=1e-12)
            assert mine.shares.get("bias", 0) == pytest.approx(
                alone.shares.get("bias", 0), rel=1e-10, abs=1e-12
            )


def walks_taken(monkeypatch, recording):
    count = 0
    original = module.propagate

    def counted(*args, **kwargs):
        nonlocal count
        count += 1
        return original(*args, **kwargs)

    monkeypatch.setattr(module, "propagate", counted)
    balances(recording, lrp_rules())
    return count


POSITIONS_FIRST = (lambda x: (x.transpose(0, 1) @ draw(4, 4)).relu().transpose(0, 1)), (draw(3, 3, 4),), ()
"""Three positions and three examples: the first dimension holds the examples or not, of one size."""

REVERSED = (lambda x: (x.flip(0) @ draw(4, 4)).relu().flip(0)), (draw(3, 4),), ()
"""A row of what lies between belongs to another example."""

BEYOND_ROWS = {"positions first": POSITIONS_FIRST, "reversed": REVERSED}


@pytest.mark.parametrize("name", [*(n for n in NETWORKS if n != "two inputs"), *BEYOND_ROWS])
def test_growth_in_a_batch_is_that_of_the_example_recorded_alone(name):
    model, (x,), _ = (NETWORKS | BEYOND_ROWS)[name]
    module_, table = model if isinstance(model, nn.Module) else None, lrp_rules(eps=1e-3)
    together = record_at(readout(model), (x,), module_)
    scores = propagate(together, table)
    for e in range(len(x)):
        alone = record_at(readout(model), (x[e : e + 1],), module_)
        mine = growth_of(together, table, e, scores)
        other = growth_of(alone, table, 0, propagate(alone, table))
        assert mine.op == other.op and mine.module == other.module
        assert (mine.incoming, mine.outgoing) == pytest.approx((other.incoming, other.outgoing), rel=1e-9)


def test_two_walks_serve_every_example(monkeypatch):
    net = transformer()
    assert walks_taken(monkeypatch, record_at(readout(net), (draw(6, 5, 8),), net)) == 2


def test_examples_in_another_dimension_are_found(monkeypatch):
    """Shapes tell nothing, only the second walk does."""
    model, point, _ = POSITIONS_FIRST
    assert walks_taken(monkeypatch, record_at(readout(model), point, None)) == 2


def test_examples_that_no_dimension_holds_get_a_walk_each(monkeypatch):
    order = torch.randperm(12, generator=torch.Generator().manual_seed(0))
    model = lambda x: x.flatten()[order].relu()[order.argsort()].reshape(x.shape)  # noqa: E731
    assert walks_taken(monkeypatch, record_at(readout(model), (draw(3, 4),), None)) == 2 + 3


def unit(w):
    layer = nn.Linear(1, 1).to(D)
    layer.weight.data.fill_(w), layer.bias.data.fill_(1.0)
    return nn.Sequential(layer, nn.ReLU()).eval()


def test_relevance_that_nobody_takes_is_warned_about_with_counts():
    """relu(1 − x) at ½, docs/theory.md eq. (38): P = 0 < σ(z)."""
    x = torch.tensor([[0.5], [0.25], [2.0]], dtype=D)
    with pytest.warns(PrecisionWarning, match="2 units without a contribution.*100% of") as seen:
        result = attribute("deep_taylor", unit(-1.0), x)
    assert any("2 of 3 examples lose all relevance" in str(w.message) for w in seen)
    assert result.diagnostics["nothing_shared"] == [0, 1]
    assert result.diagnostics["empty_groups"]["units"] == 2
    assert result.diagnostics["empty_groups"]["relevance"] == pytest.approx(1.25)


def test_a_positive_layer_has_no_negative_group():
    """Eq. (34): α = 2 on relu(x1 + x2) gives 2f."""
    x = torch.ones(1, 2, dtype=D)
    with pytest.warns(PrecisionWarning, match="lrp_alpha_beta found 1 units"):
        attribute("lrp_alpha_beta", lambda x: (x @ torch.ones(2, 1, dtype=D)).relu()[:, 0], x)


def test_relevance_passed_through_a_rearrangement_is_in_the_balance():
    """z^B gives relevances; a padded constant in front of the first layer takes its part by name."""
    conv = seeded(lambda: nn.Conv2d(1, 2, 3))
    model = Written(lambda m, x: m.conv(F.pad(x, (1, 1, 1, 1), value=0.5)).abs(), conv=conv).eval()
    x = draw(2, 1, 3, 3).sigmoid()
    result = attribute(
        "deep_taylor", readout(model), x, first="z_B", low=-0.5, high=1.5, balance=True, bias="ignore"
    )
    for e, ledger in enumerate(result.diagnostics["balance"]):
        size = max(abs(entry["incoming"]) for entry in ledger)
        assert all(abs(entry["remainder"]) <= 1e-12 * size for entry in ledger)
        passed = [entry for entry in ledger if entry["rule"] == "relevance passed on"]
        assert passed and passed[-1]["shares"]["constant"] != 0
        shares = sum(result.diagnostics["shares"][e].values())
        assert abs(float(result.conservation[e]) - shares) <= 1e-12 * size
