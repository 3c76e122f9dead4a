"""Where the best parameters are known, they are found."""

import itertools

import numpy as np
import pytest
import torch

import taylorattr as ta
from taylorattr.design.fit import agreeing, deletion
from taylorattr.evaluation import aopc, deletion_curve
from taylorattr.maths.mobius import zeta
from tests.design.fit.models import Multilinear, every_pair, inputs, smooth, squared_error

OWN = {"maximise": False, "differentiable": True}


def test_weights_of_players_in_closed_form():
    """x₀x₁ is worth c: player 0 gets cλ₀/(λ₀+λ₁), which is ¾c at λ₀ = 3λ₁ and nowhere else."""
    x = inputs(8, 2)

    def three_quarters(scores, examples):
        return (scores[:, 0] - 0.75 * examples.delta).square()

    model = Multilinear({(0, 1): 4.0})
    found = ta.design.fit(three_quarters, "weighted_shapley", model, x, restarts=1, name="w", **OWN)
    first, second = found.parameters["weights"]
    assert first / second == pytest.approx(3.0, rel=1e-5)  # parameters are kept to six digits
    assert found.value == pytest.approx(0, abs=1e-9) and found.low > 0


@pytest.mark.parametrize("target", [(0.3, 0.7), (0.9, 0.1)])
def test_mixture_weights_are_recovered(target):
    model, x = smooth(), inputs(12, 3)
    names = ["integrated_gradients", "shapley"]
    truth = sum(c * ta.attribute(name, model, x).player_scores for c, name in zip(target, names, strict=True))
    found = ta.design.fit(squared_error, names, model, x, truth=truth, restarts=1, name="m", **OWN)
    assert found.parameters["weights"] == pytest.approx(target, abs=1e-3)
    assert found.report.complete.holds


def test_agreement_with_banzhaf_recovers_banzhaf():
    n, model, x = 4, every_pair(4), inputs(16, 4)
    banzhaf = ta.design.semivalue([1 / 8] * 4, name="banzhaf_4").attribute(model, x).player_scores
    found = ta.design.fit(agreeing("cosine"), "semivalue", model, x, truth=banzhaf, restarts=2, name="s")
    assert found.value == pytest.approx(1, abs=1e-6)
    # orders above 3 do not occur, so ω is known up to what all effects of order ≤ 3 read of it
    shares = [found.rule.rule.ratio([1] * s + [0] * (n - s))[0] for s in (1, 2, 3)]
    assert [float(s) for s in shares] == pytest.approx([1, 1 / 2, 1 / 4], abs=2e-3)
    assert shares[0] == 1


def test_agreement_with_gradient_x_input_is_the_gradient_at_the_input():
    model, x = smooth(), inputs(12, 3)
    truth = ta.attribute("gradient_x_input", model, x).player_scores
    found = ta.design.fit(
        squared_error, "measure", model, x, truth=truth, nodes=[0.0, 0.25, 0.5, 0.75, 1.0], name="d", **OWN
    )
    assert found.parameters["masses"][-1] > 0.999
    assert torch.allclose(found.rule.attribute(model, x).player_scores, truth, rtol=1e-3)


def test_a_beta_distribution_is_recovered():
    model, x = smooth(), inputs(12, 3)
    truth = ta.design.measure("beta:3,1", name="three").attribute(model, x, tol=1e-9).player_scores
    found = ta.design.fit(
        squared_error, "measure", model, x, truth=truth, shape="beta", nodes=16, restarts=1, budget=400,
        name="b", maximise=False,
    )  # fmt: skip
    assert found.diagnostics["search"] == "evolution"
    assert found.parameters["a"] == pytest.approx(3, rel=0.02)
    assert found.parameters["b"] == pytest.approx(1, rel=0.02)


def test_exponents_of_a_path_are_recovered():
    model, x = smooth(), inputs(6, 3)
    truth = ta.design.power_path([1, 2, 4], name="given").attribute(model, x, tol=1e-9).player_scores
    found = ta.design.fit(
        squared_error, "power_path", model, x, truth=truth, restarts=1, budget=250, name="p", maximise=False
    )
    p = np.array(found.parameters["exponents"])
    assert p / p[0] == pytest.approx([1, 2, 4], rel=0.02)


def test_the_power_of_the_degree_is_recovered():
    model = Multilinear({(0,): 1.0, (0, 0, 1): 2.0, (1, 1, 1, 2): -1.0, (0, 2): 0.5})
    x = inputs(8, 3)
    truth = ta.design.degree_tilted(2, name="square").attribute(model, x, order=4).player_scores
    found = ta.design.fit(squared_error, "degree_tilted", model, x, truth=truth, restarts=1, name="t", **OWN)
    assert found.parameters["p"] == pytest.approx(2, rel=1e-4)


def test_an_order_of_players_is_recovered():
    model, x = every_pair(4), inputs(10, 4)
    truth = ta.design.ordered([2, 0, 1, 0], name="given").attribute(model, x).player_scores
    found = ta.design.fit(squared_error, "ordered", model, x, truth=truth, name="o", maximise=False)
    assert found.parameters["stages"] == [2, 0, 1, 0]
    assert found.value < 1e-20


def test_free_shares_reach_the_best_of_all_shares():
    """Three players, every pair's and the triple's shares on a grid: no shares delete better."""
    model, x = every_pair(3, seed=5), inputs(6, 3) * torch.tensor([1.0, -1.0, 1.0])
    train = list(range(4))
    effects = ta.harsanyi(model, x[train]).values
    table = torch.from_numpy(zeta(effects.numpy()))
    steps = np.linspace(0, 1, 13)
    pairs = np.stack([steps, 1 - steps], 1)
    triples = np.array([t for t in itertools.product(steps, repeat=3) if abs(sum(t) - 1) < 1e-9])
    best = -np.inf
    for a, b, c in itertools.product(pairs, pairs, pairs):
        xi = np.zeros((len(triples), 8, 3))
        xi[:, 1, 0] = xi[:, 2, 1] = xi[:, 4, 2] = 1
        xi[:, 3, [0, 1]], xi[:, 5, [0, 2]], xi[:, 6, [1, 2]] = a, b, c
        xi[:, 7] = triples
        scores = torch.einsum("bs,ksi->kbi", effects, torch.from_numpy(xi))
        best = max(best, float(aopc(deletion_curve(table, scores)).mean(-1).max()))
    found = ta.design.fit(
        deletion(), "sharing", model, x, by="coalitions", largest=3, held_out=[4, 5], name="f", budget=100
    )
    assert found.train_against < best  # equal shares are not the best: there is something to find
    assert found.train_value >= best - 1e-9
