"""Coalitions deleted together and one by one, against the effects of polynomials and tables."""

import pytest
import torch
from torch import nn

import taylorattr as ta
from taylorattr.errors import OptionError, PlayerError, ShapeError
from taylorattr.evaluation import InteractionDeletion, interaction_deletion

POLYNOMIAL = ta.toys.Polynomial(
    {(1, 0, 0, 0): 2, (0, 1, 1, 0): 3, (0, 0, 2, 1): -1, (1, 1, 0, 1): 5, (0, 0, 0, 1): 1}
)


def numbers(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


X = numbers(3, 4)


def by_hand(example, coalition):
    """joint, separate and Σ over effects that meet the coalition, from the polynomial itself."""
    x = X[example : example + 1]

    def without(players):
        z = x.clone()
        z[:, list(players)] = 0
        return float(POLYNOMIAL(z))

    joint = without(()) - without(coalition)
    separate = sum(without(()) - without((i,)) for i in coalition)
    effects = POLYNOMIAL.harsanyi(X[example].tolist())
    return joint, separate, sum(v for s, v in effects.items() if set(s) & set(coalition))


def test_numbers_are_those_of_the_model_and_full_effects_predict_them():
    effects = ta.harsanyi(POLYNOMIAL, X)
    found = interaction_deletion(POLYNOMIAL, X, effects, top=4)
    for example in range(3):
        for k, names in enumerate(found.coalitions(example)):
            coalition = tuple(effects.names.index(n) for n in names)
            joint, separate, predicted = by_hand(example, coalition)
            assert float(found.joint[example, k]) == pytest.approx(joint, abs=1e-12)
            assert float(found.separate[example, k]) == pytest.approx(separate, abs=1e-12)
            assert float(found.predicted[example, k]) == pytest.approx(predicted, abs=1e-10)
    # the three interactions come first; the identity of the docstring
    assert {frozenset(c) for c in found.coalitions(0)[:3]} == {
        frozenset(effects.names[i] for i in s) for s in ((1, 2), (2, 3), (0, 1, 3))
    }
    assert (found.measure("error") < 1e-10).all() and torch.allclose(
        found.measure("explained"), torch.ones(3).double()
    )


def test_the_excess_is_what_effects_of_two_members_or_more_make():
    effects = ta.harsanyi(POLYNOMIAL, X)
    found = interaction_deletion(POLYNOMIAL, X, effects, top=11)
    for example in range(3):
        own = POLYNOMIAL.harsanyi(X[example].tolist())
        for k, names in enumerate(found.coalitions(example)):
            s = {effects.names.index(n) for n in names}
            expected = -sum((len(s & set(t)) - 1) * v for t, v in own.items() if len(s & set(t)) >= 2)
            assert float(found.joint[example, k] - found.separate[example, k]) == pytest.approx(
                expected, abs=1e-10
            )


def test_a_table_needs_no_model():
    effects = ta.harsanyi(POLYNOMIAL, X)
    by_model = interaction_deletion(POLYNOMIAL, X, effects, top=4)
    by_table = interaction_deletion(None, None, effects, values=effects, top=4)
    for name in by_model.measures:
        assert torch.allclose(by_model.measure(name), by_table.measure(name), rtol=0, atol=1e-9)
    assert torch.equal(by_model.members, by_table.members)


def test_an_additive_model_has_no_excess_and_a_false_explanation_no_gain():
    weight = numbers(6, seed=3)
    x = numbers(4, 6)
    claims = {(i, j): 1.0 for i in range(6) for j in range(i)}
    found = interaction_deletion(lambda z: z @ weight, x, claims)
    assert (found.measure("excess") < 1e-12).all() and (found.measure("random") < 1e-12).all()
    # one pair interacts: right, wrong and no singles
    product = lambda z: z[:, 0] * z[:, 1] + z @ weight  # noqa: E731
    singles = {(i,): x[:, i] * weight[i] for i in range(6)}
    right = interaction_deletion(product, x, singles | {(0, 1): x[:, 0] * x[:, 1]})
    wrong = interaction_deletion(product, x, singles | {(2, 3): x[:, 0] * x[:, 1]})
    assert torch.allclose(right.measure("excess"), (x[:, 0] * x[:, 1]).abs())
    assert (right.measure("gain") >= 0).all() and right.mean("gain") > 0
    assert torch.allclose(right.measure("explained"), torch.ones(4).double())
    assert (wrong.measure("excess") < 1e-12).all() and wrong.mean("gain") <= 0
    assert ta.evaluation.difference(right, wrong, "excess").mean > 0


def test_random_coalitions_are_as_large_as_those_they_stand_beside():
    # v(S) = |S|²: joint − separate = |S| − |S|², whoever the members are
    sizes = torch.tensor([bin(mask).count("1") for mask in range(64)]).double()
    claims = {(0, 1): 3.0, (2, 3, 4): 2.0, (0, 2, 3, 5): 1.0}
    found = interaction_deletion(None, None, claims, values=(sizes**2)[None])
    assert torch.equal(found.joint - found.separate, torch.tensor([[-2.0, -6.0, -12.0]]).double())
    assert torch.equal(found.random_joint - found.random_separate, found.joint - found.separate)
    assert found.mean("gain") == 0


def test_truncated_effects_of_a_network_are_judged_with_players(tmp_path):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        net = nn.Sequential(nn.Linear(8, 16), nn.Tanh(), nn.Linear(16, 3)).double().eval()
    x = numbers(5, 8)
    players = ta.Players.columns({"a": [0, 1], "b": [2], "c": [3, 4, 5], "d": [6], "e": [7]})
    target = net(x).argmax(1)
    pairs = ta.harsanyi(net, x, target=target, players=players, max_order=2)
    found = interaction_deletion(net, x, pairs, players=players, top=3)
    assert torch.equal(found.target, target) and found.names == ("a", "b", "c", "d", "e")
    # pairs alone need not predict better than single deletions, but they are where the excess is
    assert (found.measure("error") > 0).all() and found.mean("gain") > 0
    assert {len(c) for e in range(5) for c in found.coalitions(e)} == {2}
    loaded = InteractionDeletion.load(found.save(tmp_path / "found.npz"))
    assert repr(loaded) == repr(found) and loaded.coalitions(2) == found.coalitions(2)
    again = interaction_deletion(net, x, pairs, players=players, top=3, internal_batch_size=2)
    assert torch.allclose(again.joint, found.joint)
    assert torch.equal(
        found.random_joint, interaction_deletion(net, x, pairs, players=players, top=3).random_joint
    )


def test_bad_input_is_named():
    effects = ta.harsanyi(POLYNOMIAL, X)
    with pytest.raises(OptionError, match="pass model and inputs, or values="):
        interaction_deletion(None, None, effects)
    with pytest.raises(OptionError, match="top=0"):
        interaction_deletion(POLYNOMIAL, X, effects, top=0)
    with pytest.raises(PlayerError, match="effects of 4 players and 3 example"):
        interaction_deletion(POLYNOMIAL, X[:2], effects)
    with pytest.raises(PlayerError, match="numbered 0 … 3"):
        interaction_deletion(POLYNOMIAL, X, {(0, 7): 1.0})
    with pytest.raises(ShapeError, match="no coalition has two members"):
        interaction_deletion(POLYNOMIAL, X, {(0,): 1.0})
    with pytest.raises(ShapeError, match="neither one number nor 3"):
        interaction_deletion(POLYNOMIAL, X, {(0, 1): [1.0, 2.0]})
    with pytest.raises(OptionError, match="in_frame"):
        interaction_deletion(POLYNOMIAL, X, effects.in_frame("input"))
    with pytest.raises(OptionError, match="effects are a str"):
        interaction_deletion(POLYNOMIAL, X, "shapley")
