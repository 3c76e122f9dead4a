"""How rules are computed on networks: which way, at what cost, how far off, with all kinds of inputs."""

import itertools
import warnings
from fractions import Fraction

import numpy as np
import pytest
import torch
from torch import nn

import taylorattr as ta
from taylorattr.errors import (
    BudgetError,
    DivergenceWarning,
    DtypeError,
    KinkWarning,
    OptionError,
    PrecisionWarning,
)
from taylorattr.toys import Polynomial, mlp
from tests.allocation.networks import relu_network

F = Fraction
SHARES = "Indicator(kappa[i] > 0)/s**2"
SQUARES = "kappa[i]**2/total(kappa[j]**2)"


def network(widths=(3, 6, 1), activation="tanh", seed=0, dtype=torch.float64):
    return nn.Sequential(mlp(widths, activation, seed=seed, dtype=dtype), nn.Flatten(0)).eval()


def rule(ratio=SHARES, **options):
    return ta.design.rule("test_way", ratio, **options)


def draws(*shape, seed=0, dtype=torch.float64):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def coalition_scores(model, x, weight):
    """Σ_S w(S) J(S) of one example by the definition of J, eq. (3)."""
    n = x.shape[1]
    sets = [c for size in range(n + 1) for c in itertools.combinations(range(n), size)]
    rows = torch.stack([torch.where(torch.tensor([k in c for k in range(n)]), x[0], 0) for c in sets])
    with torch.no_grad():
        v = dict(zip(sets, model(rows).double().reshape(-1).tolist(), strict=True))
    scores = np.zeros(n)
    for c in sets[1:]:
        effect = sum((-1) ** (len(c) - len(d)) * v[d] for d in sets if set(d) <= set(c))
        scores[list(c)] += weight(len(c)) * effect
    return scores


def test_the_cheapest_way_is_taken_and_said():
    cases = [
        (ta.design.rule("test_way", "kappa[i]/m"), 3, "method"),
        (ta.design.measure("beta:2,1", name="test_way"), 3, "path"),
        (rule(), 3, "coalitions"),
        (rule(), 20, "samples"),
        (ta.design.ordered(list(range(20)), name="test_way"), 20, "samples"),
        (rule(SQUARES), 3, "terms"),
        (ta.design.mix(["shapley", "integrated_gradients"], [F(1, 2), F(1, 2)], name="test_way"), 3, "parts"),
    ]
    for made, n, way in cases:
        model = network((n, 4, 1))
        found = made(model, 0.2 * draws(1, n), **({"samples": 20} if way == "samples" else {}))
        assert found.diagnostics["way"] == way, made
        assert found.diagnostics["computed_by"]


def test_a_way_that_cannot_be_taken_says_why():
    few = rule(
        lambda S, prior: [F(prior[k], sum(prior[q] for q in S)) for k in S], attributes={"prior": [1] * 24}
    )
    x = draws(1, 24)
    with pytest.raises(BudgetError, match="coalitions.*max_evaluations"):
        few(network((24, 2, 1)), x, max_evaluations=1000, way="coalitions")
    with pytest.raises(OptionError, match="no way 'path'; it has: auto, coalitions"):
        rule()(network(), draws(1, 3), way="path")
    with pytest.raises(OptionError, match="samples=1; expected an integer ≥ 2"):
        rule()(network(), draws(1, 3), way="samples", samples=1)


def test_coalitions_are_exact_on_a_relu_network():
    model, x = relu_network(5), draws(2, 5)
    found = rule()(model, x)
    for example in range(2):
        expected = coalition_scores(model, x[example : example + 1], lambda s: 1 / s**2)
        np.testing.assert_allclose(found.player_scores[example], expected, atol=1e-12)


def test_weights_that_cancel_are_formed_from_effects():
    pairs = ta.design.semivalue(shares=[0, 1, 0, 0, 0], name="test_pairs")
    model, x = relu_network(5), draws(1, 5)
    found = pairs(model, x)
    assert found.diagnostics["summed_as"] == "effects"
    np.testing.assert_allclose(
        found.player_scores[0], coalition_scores(model, x, lambda s: float(s == 2)), atol=1e-12
    )


def test_standard_errors_cover_the_truth_as_often_as_they_say():
    model, x = network((6, 8, 1), "relu", seed=4), 2 * draws(1, 6)
    for made in (rule(), ta.design.owen([1, 1, 2, 2, 3, 3], name="test_owen")):
        exact = made(model, x, way="coalitions").player_scores
        inside, total, sums = 0, 0, torch.zeros(6, dtype=torch.float64)
        for seed in range(60):
            found = made(model, x, way="samples", samples=60, seed=seed)
            off = (found.player_scores - exact).abs()[0]
            inside += int((off <= 1.96 * found.standard_errors[0] + 1e-12).sum())
            total += 6
            sums += found.player_scores[0] / 60
        # 95 % nominal with 60 orders (30 pairs); players of one order are not independent
        assert inside / total > 0.88, made
        spread = made(model, x, way="samples", samples=3600, seed=99).standard_errors[0]
        assert ((sums - exact[0]).abs() <= 5 * spread + 1e-12).all()


def test_sampling_stops_at_its_tolerance_or_says_that_it_did_not():
    model, x = network((6, 8, 1), "relu", seed=4), 2 * draws(1, 6)
    found = rule()(model, x, way="samples", tol=0.02)
    error = found.diagnostics["error"]
    assert error["relative"] <= 0.02 and found.diagnostics["orders"] > 30
    with pytest.warns(PrecisionWarning, match="above tol=1e-06, after 40 orders"):
        rule()(model, x, way="samples", samples=40, tol=1e-6)


@pytest.mark.parametrize("scale", [0.2, 0.5, 0.8])
def test_the_error_that_a_taylor_table_states_is_honest(scale):
    model, x = network(seed=2), scale * draws(1, 3, seed=1)
    made = rule(SQUARES)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PrecisionWarning)
        coarse, fine = made(model, x, order=4), made(model, x, order=12)
    (stated,), size = coarse.diagnostics["error"]["relative"], float(coarse.player_scores.abs().sum())
    off = float((coarse.player_scores - fine.player_scores).abs().sum())
    assert off <= 3 * stated * size + 1e-12  # an estimate, not a bound


def test_a_table_beyond_the_radius_is_not_trusted():
    model, x = network(seed=2), 6 * draws(1, 3, seed=1)
    with pytest.warns(PrecisionWarning, match="not enough"), pytest.warns(DivergenceWarning):
        found = rule(SQUARES)(model, x)
    assert found.diagnostics["trusted"] == [False]


def test_a_term_level_rule_on_a_relu_network_warns():
    model, x = relu_network(3), draws(1, 3)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = rule(SQUARES)(model, x)
    kinds = {each.category for each in caught}
    assert KinkWarning in kinds or PrecisionWarning in kinds
    assert found.diagnostics["trusted"] == [False]


def test_measured_shares_are_integrated_gradients_of_f_s():
    """Restricted to pairs at most, IG is Σ_{|S| ≤ 2} IG_i[f_S], eq. (20), on a ReLU network too."""
    model, x = network((3, 5, 1), "relu", seed=6), 2 * draws(1, 3, seed=3)
    made = ta.design.restrict("integrated_gradients", size=2, name="test_pairs")
    found = made(model, x, n_steps=128, way="measured")
    expected = np.zeros(3)
    nodes, weights = np.polynomial.legendre.leggauss(2000)
    t = torch.from_numpy((nodes + 1) / 2)[:, None]
    for size in (1, 2):
        for c in itertools.combinations(range(3), size):
            for part in itertools.chain.from_iterable(
                itertools.combinations(c, k) for k in range(1, size + 1)
            ):
                inside = torch.tensor([k in part for k in range(3)])
                end = torch.where(inside, x[0], 0.0)
                path = (t * end).requires_grad_(True)
                (gradient,) = torch.autograd.grad(model(path).sum(), path)
                scores = (torch.from_numpy(weights / 2)[:, None] * gradient).sum(0) * end
                expected += (-1) ** (len(c) - len(part)) * scores.numpy()
    np.testing.assert_allclose(found.player_scores[0], expected, atol=5e-3 * np.abs(expected).sum())


def test_one_player():
    model = network((1, 3, 1))
    x = 0.2 * draws(1, 1)
    delta = (model(x) - model(torch.zeros_like(x))).item()
    for made in (
        rule(),
        rule(SQUARES),
        ta.design.power_path([2], name="test_one"),
        ta.design.ordered([1], name="test_one"),
    ):
        assert float(made(model, x).player_scores) == pytest.approx(delta, rel=1e-4), made
    assert float(rule()(model, x, way="samples", samples=4).player_scores) == pytest.approx(delta, rel=1e-12)


def test_no_difference_no_scores():
    x = draws(1, 3)
    for made in (rule(), rule(SQUARES), ta.design.measure("beta:2,1", name="test_flat")):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = made(network(), x, x)
        assert float(found.player_scores.abs().max()) <= 1e-15  # a batch may round otherwise than a row


def test_weights_of_exactly_zero():
    for ratio in ("0", lambda S: [0] * len(S), lambda kappa: [0] * len(kappa)):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            assert rule(ratio)(network(), draws(1, 3)).player_scores.tolist() == [[0, 0, 0]]


class Table(nn.Module):
    """A model of whole numbers: counts through an embedding."""

    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(5, 2, dtype=torch.float64)
        nn.init.normal_(self.embedding.weight, generator=torch.Generator().manual_seed(0))

    def forward(self, tokens):
        return torch.relu(self.embedding(tokens).prod(2).cumsum(1)).sum(1)


def test_whole_numbers_are_inputs_of_support_level_rules_only():
    model, tokens, pad = Table().eval(), torch.tensor([[1, 4, 2]]), torch.tensor([[0, 0, 0]])
    found = rule()(model, tokens, pad)
    expected = coalition_scores(model, tokens, lambda s: 1 / s**2)
    np.testing.assert_allclose(found.player_scores[0], expected, atol=1e-12)
    sampled = rule()(model, tokens, pad, way="samples", samples=2000)
    assert ((sampled.player_scores - found.player_scores).abs() <= 5 * sampled.standard_errors + 1e-12).all()
    with pytest.raises((BudgetError, DtypeError), match="integer|int64"):
        rule(SQUARES)(model, tokens, pad)


def test_single_precision():
    model, x = network(dtype=torch.float32), draws(2, 3).float()
    for made in (rule(), rule(SQUARES), ta.design.measure("beta:2,1", name="test_single")):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", PrecisionWarning)
            single, double = made(model, x), made(model, x, dtype=torch.float64)
        assert single.scores.dtype == torch.float32
        size = float(double.player_scores.abs().sum())
        assert float((single.player_scores - double.player_scores).abs().max()) < 2e-4 * size


def test_targets_and_batches():
    model = mlp((3, 6, 4), "tanh", dtype=torch.float64)
    x, target = 0.3 * draws(3, 3), [2, 0, 3]
    for made in (rule(), rule(SQUARES), ta.design.power_path([1, 2, 3], name="test_many")):
        together = made(model, x, target=target)
        for example in range(3):
            alone = made(lambda y, e=example: model(y)[:, target[e]], x[example : example + 1])
            torch.testing.assert_close(
                together.player_scores[example], alone.player_scores[0], rtol=1e-6, atol=1e-9
            )


class Pair(nn.Module):
    def forward(self, image, column, shift=0.0):
        return (image.flatten(1).sum(1) + shift) * column[:, 0] + column[:, 1] ** 2


def test_tuples_of_inputs_and_further_arguments():
    image, column = draws(2, 2, 2), draws(2, 2, seed=1)
    players = ta.Players([[0, 1, 2, 3], [4], [5]], names=["image", "factor", "square"])
    shift = torch.tensor([0.5, -2.0], dtype=torch.float64)
    for made, pair in (
        (rule(), 1 / 4),
        (rule(SQUARES), 1 / 2),
        (ta.design.repair("gradient_x_input", name="test_pair"), 1 / 2),
    ):
        found = made(Pair().eval(), (image, column), players=players, additional_forward_args=shift)
        total = image.flatten(1).sum(1)
        interaction = total * column[:, 0]
        expected = torch.stack(
            [pair * interaction, shift * column[:, 0] + pair * interaction, column[:, 1] ** 2], 1
        )
        torch.testing.assert_close(found.player_scores, expected, rtol=1e-9, atol=1e-12)
        assert isinstance(found.scores, tuple) and found.scores[0].shape == image.shape


def test_unnamed_elements_rest_where_they_are_told():
    model, x = Polynomial({(1, 1, 1): 6, (1, 0, 0): 1}), torch.tensor([[1.0, 2.0, 3.0]], dtype=torch.float64)
    for rest, expected in (("fixed", [[1 + 6 * 6 / 4, 6 * 6 / 4]]), ("baseline", [[1, 0]])):
        players = ta.Players([[0], [1]], names=["a", "b"], rest=rest)
        assert rule()(model, x, players=players).player_scores.tolist() == expected
    measured = ta.design.repair("gradient_x_input", name="test_rest")
    found = measured(model, x, players=ta.Players([[0], [1]], names=["a", "b"], rest="fixed"), way="measured")
    np.testing.assert_allclose(found.player_scores, [[1 + 18, 18]], atol=1e-12)


def test_references_are_averaged_over():
    model, x, references = network(), draws(1, 3), draws(4, 3, seed=5)
    found = rule()(model, x, references=references)
    each = torch.stack([rule()(model, x, references[k : k + 1]).player_scores for k in range(4)])
    torch.testing.assert_close(found.player_scores, each.mean(0), rtol=1e-12, atol=1e-14)


def test_a_measure_costs_what_integrated_gradients_costs():
    calls = 0

    def counted(y):
        nonlocal calls
        calls += len(y)
        return torch.tanh(y.sum(1)) * y[:, 0]

    x = draws(1, 3)
    calls = 0
    ta.attribute("integrated_gradients", counted, x, n_steps=16)
    plain, calls = calls, 0
    ta.design.measure("beta:2,1", name="test_cost")(counted, x, n_steps=16)
    assert calls <= plain + 4


def test_the_error_of_a_straight_path_is_honest():
    model = network((2, 12, 1), "tanh", seed=5)
    x = 8 * draws(1, 2, seed=2)
    made = ta.design.measure("beta:2,3", name="test_honest")
    exact = made(model, x, n_steps=128)
    for count in (2, 3, 4, 6, 8, 12):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", PrecisionWarning)
            found = made(model, x, n_steps=count)
        (stated,) = found.diagnostics["error"]["relative"]
        off = float((found.player_scores - exact.player_scores).abs().sum())
        assert off <= 10 * stated * float(found.player_scores.abs().sum()) + 1e-9, count


def test_a_straight_path_that_is_not_resolved_warns():
    def steep(y):
        return torch.sigmoid(400 * (y.sum(1) - 0.37))

    with pytest.warns(PrecisionWarning, match="not resolved"):
        ta.design.measure("beta:2,1", name="test_steep")(
            steep, torch.ones(1, 2, dtype=torch.float64), n_steps=8
        )


def test_linear_first_layers_change_no_score():
    class Wide(nn.Module):
        def __init__(self):
            super().__init__()
            self.first = nn.Linear(40, 4, dtype=torch.float64)
            nn.init.normal_(self.first.weight, std=0.2, generator=torch.Generator().manual_seed(0))
            nn.init.zeros_(self.first.bias)

        def forward(self, y):
            return torch.tanh(self.first(y)).prod(1)

    model, x = Wide().eval(), draws(2, 40)
    made = ta.design.measure("beta:2,1", name="test_wide")
    fast = made(model, x)
    plain = made(lambda y: model(y), x)
    torch.testing.assert_close(fast.player_scores, plain.player_scores, rtol=1e-5, atol=1e-9)


@pytest.mark.parametrize("count", [48, 96, 200])
def test_many_nodes_on_a_smooth_model_are_known_to_be_enough(count):
    model, x = network(seed=1), draws(1, 3)
    made = ta.design.measure("beta:2,1", name="test_many")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = made(model, x, n_steps=count)
    (stated,) = found.diagnostics["error"]["relative"]
    assert stated < 1e-9 and found.diagnostics["n_steps"] == [count]


def test_the_error_of_many_nodes_is_that_of_half_of_them():
    def kinked(y):
        return torch.relu(y.sum(1) - 0.73)

    made = ta.design.measure("beta:2,1", name="test_kinked")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PrecisionWarning)
        found = made(kinked, torch.ones(1, 2, dtype=torch.float64), n_steps=100)
    (stated,) = found.diagnostics["error"]["relative"]
    # Σ ∂f on 2α > 0.73 with density 2α: 2·(1 − 0.365²)
    off = abs(float(found.player_scores.sum()) - 2 * (1 - 0.365**2)) / float(found.player_scores.sum())
    assert off <= 10 * stated
