"""Each way gives the effects themselves where they are known, and says what it did not look at."""

import itertools
from math import comb

import numpy as np
import pytest
import torch
from torch import nn

import taylorattr as ta
from taylorattr.analysis.question import Question
from taylorattr.autodiff.captured import programs_between
from taylorattr.autodiff.meetings import Meetings
from taylorattr.many_players.asked import verified
from taylorattr.many_players.counted_values import CountedValues
from taylorattr.many_players.measured import largest_share
from taylorattr.many_players.proposals import gradients_at_players
from taylorattr.toys import Polynomial

pytestmark = pytest.mark.filterwarnings("ignore::taylorattr.errors.KinkWarning")


class Planted(nn.Module):
    """Σ w_i x_i + Σ c_ij x_i x_j over a few pairs, and a network on all players beside it."""

    def __init__(self, n, pairs, network=None, seed=0):
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        self.register_buffer("w", torch.randn(n, generator=generator))
        self.register_buffer("pairs", torch.tensor(pairs))
        self.register_buffer("c", 1 + torch.rand(len(pairs), generator=generator))
        self.network = network
        self.eval()

    def forward(self, x):
        products = (x[:, self.pairs[:, 0]] * x[:, self.pairs[:, 1]] * self.c).sum(1)
        return x @ self.w + products + (0 if self.network is None else self.network(x)[:, 0])

    def keys(self):
        return {tuple(sorted(p)) for p in self.pairs.tolist()}


def network(n, width, act, seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(n, width), act(), nn.Linear(width, 1)).eval()


def drawn_pairs(n, count, seed=0):
    generator = np.random.default_rng(seed)
    return [generator.choice(n, 2, replace=False).tolist() for _ in range(count)]


def signs(batch, n, seed=1):
    return 1 - 2.0 * torch.randint(0, 2, (batch, n), generator=torch.Generator().manual_seed(seed))


def assert_values_are_effects(found, effects):
    """Every entry that was measured is the effect, up to both rounding bounds."""
    for example in range(found.batch):
        for entry in found.select(example)._top_of(0, 10**9, None):
            allowed = entry.error + float(effects.error_bound[example, len(entry.key)])
            assert abs(entry.value - float(effects.effect(entry.key)[example])) <= allowed


@pytest.fixture(scope="module")
def kinked():
    model, x = network(30, 20, nn.ReLU), signs(2, 30)
    return model, x, ta.harsanyi(model, x, max_order=3)


def test_what_fits_the_budget_is_measured_in_full(kinked):
    model, x, effects = kinked
    found = ta.interactions(model, x, budget=466)
    assert found.way == ("exact",) * 2 and found.evaluations == (466,) * 2 and all(found.complete)
    assert torch.equal(found.values, effects.values[:, 1:466])
    assert found["x3", "x1"].tolist() == effects["x1", "x3"].tolist()


@pytest.mark.parametrize("way", ["corners", "sketch", "screened"])
@pytest.mark.parametrize("order", [2, 3])
def test_proposed_pairs_are_measured_and_the_rest_is_judged(kinked, way, order):
    model, x, effects = kinked
    found = ta.interactions(model, x, budget=420, way=way, order=order)
    assert_values_are_effects(found, effects)
    assert found.way == (way,) * 2 and not any(found.complete)
    each = {"corners": 3, "sketch": 6, "screened": 0}[way]
    spent = [n + each * p for n, p in zip(found.evaluations, found.products, strict=True)]
    assert spent == [facts["spent"] for facts in found.confidence] and max(spent) <= 420
    assert (found.products[0] > 0) == (way != "screened")
    for example, facts in enumerate(found.confidence):
        seen = {s for s in found.select(example).coalitions if len(s) == 2}
        assert facts["not_looked_at"] == 30 * 29 // 2 - len(seen) and facts["held_out"] <= 52
        largest = np.sort(np.abs([e.value for e in found._top_of(example, 10**9, 2)]))[::-1]
        others = [
            float(effects.effect(s)[example]) for s in itertools.combinations(range(30), 2) if s not in seen
        ]
        share = np.mean(np.abs(others) > largest[min(99, len(largest) - 1)])
        assert share <= facts["share_larger_at_most"] + 0.05
        assert (order == 3) == any(len(s) == 3 for s in found.coalitions)


def test_larger_coalitions_are_proposed_by_pairs(kinked):
    model, x, effects = kinked
    found = ta.interactions(model, x, budget=700, order=3, top=20)
    triples, values = found.of_size(3)
    assert len(triples) and triples.shape[1] == 3
    assert_values_are_effects(found, effects)
    seen = [set(s) for s in found.coalitions if len(s) == 2]
    assert all({i, j} in seen for t in triples.tolist() for i, j in itertools.combinations(t, 2))


def test_pairs_that_cannot_meet_are_zero_and_the_rest_is_measured():
    model, x = Planted(400, drawn_pairs(400, 15)), signs(1, 400)
    found = ta.interactions(model, x, budget=1000)
    assert found.way == ("exact",) and all(found.complete) and found.evaluations[0] < 600
    assert {s for s in found.coalitions if len(s) == 2} == model.keys()
    assert {s: float(found[s][0]) for s in model.keys()} == pytest.approx(
        {
            tuple(sorted(p)): float(c * x[0, p[0]] * x[0, p[1]])
            for p, c in zip(model.pairs.tolist(), model.c, strict=True)
        }
    )
    apart = next(s for s in itertools.combinations(range(400), 2) if s not in model.keys())
    assert found[apart].tolist() == [0.0] and found.known_as(apart) == ["proved zero"]
    assert found.gap.abs().max() < 1e-9


def test_a_proof_that_measurements_contradict_is_dropped():
    game = Question(lambda x: x.sum(1) + x[:, :2].prod(1), torch.ones(1, 5)).game
    apart = ~torch.eye(5, dtype=torch.bool)
    right, wrong = torch.ones(5, 5, dtype=torch.bool), torch.ones(5, 5, dtype=torch.bool)
    right[2, 3] = right[3, 2] = False
    wrong[0, 1] = wrong[1, 0] = False
    for table, kept in ((right, 1), (wrong, 0), (~apart, 0)):
        checked = verified(Meetings(table), CountedValues(game, 0), np.random.default_rng(0))
        assert checked.proved == kept and bool(checked.reason) == (kept == 0)


def test_a_sparse_game_is_recovered_from_outputs_alone():
    pairs = drawn_pairs(256, 10, seed=3)
    model, x = Planted(256, pairs), signs(2, 256)

    def without_a_program(rows):
        return torch.from_numpy(
            model(torch.from_numpy(rows.detach().numpy()).to(torch.float32)).double().numpy()
        )

    found = ta.interactions(without_a_program, x, budget=5000)
    assert found.way == ("sparse",) * 2 and all(found.complete)
    assert {s for s in found.coalitions if len(s) == 2} == model.keys()
    assert max(found.evaluations) < 1000
    assert all(c["risk"] <= 1e-3 and c["checks"] == 108 for c in found.confidence)
    assert found.known_as((0, 1, 2)) == ["not looked at"] * 2
    apart = next(s for s in itertools.combinations(range(256), 2) if s not in model.keys())
    assert found.known_as(apart) == ["zero"] * 2


def test_a_dense_game_is_not_said_to_be_sparse():
    found = ta.interactions(network(40, 20, nn.GELU), signs(1, 40), way="sparse", budget=900)
    assert not any(found.complete) and "given up" in found.confidence[0]["sentence"]
    assert "risk" not in found.confidence[0]


def test_planted_pairs_are_recalled_among_hundreds_of_players():
    """20 pairs of 300 players beside a network that lets all others interact a little; oracle: all pairs."""
    n = 300
    model, x = Planted(n, drawn_pairs(n, 20), network(n, 24, nn.GELU)), signs(1, n)
    effects = ta.harsanyi(model, x, max_order=2)
    exact = sorted(itertools.combinations(range(n), 2), key=lambda s: -abs(float(effects[s][0])))[:60]
    assert set(exact[:20]) == model.keys()
    for asked, way in (("auto", "corners"), ("sketch", "sketch")):
        found = ta.interactions(model, x, budget=2500, top=60, way=asked)
        assert found.way == (way,) and found.confidence[0]["spent"] <= 1600
        assert {entry.key for entry in found.top(60, order=2)[0]} == set(exact)
        facts = found.confidence[0]
        assert facts["held_out_larger"] == 0 and facts["agreement"] > 0.9 and facts["expected_larger"] < 1
    assert facts["form"] == "low rank" and facts["unexplained"] < 1e-12
    poor = ta.interactions(model, x, budget=1190, top=60)  # too few products for the network beside the pairs
    assert poor.way == ("sketch",) and poor.confidence[0]["agreement"] < 0.9
    assert {entry.key for entry in poor.top(20, order=2)[0]} == model.keys()


def test_a_ranking_that_is_not_good_is_not_trusted():
    """Gates that open by two players together only are in no gradient: the whole budget is measured."""
    n = 120
    model, x = network(n, 64, nn.ReLU), signs(1, n)
    found = ta.interactions(model, x, budget=3000, top=50)
    facts = found.confidence[0]
    assert found.way == ("corners",) and facts["agreement"] < 0.9 and facts["spent"] > 2900
    effects = ta.harsanyi(model, x, max_order=2)
    exact = sorted(itertools.combinations(range(n), 2), key=lambda s: -abs(float(effects[s][0])))[:50]
    assert len({entry.key for entry in found.top(50, order=2)[0]} & set(exact)) >= 45


def test_gradients_beside_single_players():
    """f = x₀x₁² + 5x₂: ∂₀f at e₁ is Δ₀x₁², ∂₁f at e₀ is 0, and a pair gets their mean."""
    game = Question(Polynomial({(1, 2, 0): 1, (0, 0, 1): 5}), torch.tensor([[3.0, 2.0, 1.0]])).game
    matrix = gradients_at_players(game, 0, next(iter(programs_between(game))))
    assert matrix.tolist() == [[0, 6, 0], [6, 0, 0], [0, 0, 0]]


def test_an_example_does_not_depend_on_its_batch():
    model, x = Planted(60, drawn_pairs(60, 5), network(60, 8, nn.GELU)), signs(3, 60)
    whole = ta.interactions(model, x, budget=500)
    for example in range(3):
        alone = ta.interactions(model, x[example : example + 1], budget=500)
        one = whole.select(example)
        assert alone.coalitions == one.coalitions and alone.evaluations == one.evaluations
        torch.testing.assert_close(alone.values, one.values, rtol=0, atol=1e-12)


@pytest.mark.parametrize("index", ["SV", "k-SII", "STII", "FSII"])
def test_an_index_is_exact_where_it_can_be(index):
    model, x = network(9, 8, nn.GELU), signs(2, 9)
    exact = ta.harsanyi(model, x).index(index, None if index == "SV" else 2)
    found = ta.interactions(model, x, index=index)
    assert found.index == index and found.way == ("exact",) * 2
    torch.testing.assert_close(found.values, exact.values[:, 1:])
    sampled = ta.interactions(model, x, index=index, way="sampled", budget=200)
    assert max(sampled.evaluations) <= 200
    missed = (sampled.values - exact.values[:, 1:]).abs()
    assert bool((missed <= 5 * sampled.errors + 1e-9).all())


def test_an_index_of_a_sparse_game_is_that_of_its_effects():
    model, x = Planted(80, drawn_pairs(80, 6)), signs(1, 80)
    found = ta.interactions(model, x, index="SV", budget=2000)
    assert found.way == ("sparse",)
    effects = ta.harsanyi(model, x, max_order=2).index("SV", of_truncated=True)
    values = torch.stack([found[i] for i in range(80)], dim=1)
    torch.testing.assert_close(values, effects.values[:, 1:])


def test_second_derivatives_under_their_own_names():
    model, x = network(12, 8, nn.GELU), signs(2, 12)
    hessian = ta.interactions(model, x, way="hessian")
    taylor = ta.decompose(model, x, order=2).interactions
    assert hessian.index == "Taylor" and set(hessian.known_as((0, 1))) == {"derivative"}
    torch.testing.assert_close(hessian[0, 1], taylor[0, 1])
    shares = ta.interactions(model, x, way="integrated_hessians")
    gamma = ta.integrated_hessians(model, x)
    torch.testing.assert_close(shares[3, 5], gamma.values[:, 3, 5] + gamma.values[:, 5, 3])
    assert shares.gap.abs().max() < 1e-6


def test_integers_have_no_derivatives_and_are_screened():
    table = torch.randn(7, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    tokens = torch.randint(1, 7, (1, 40), generator=torch.Generator().manual_seed(1))
    found = ta.interactions(lambda t: torch.relu(table[t].sum(1)), tokens, 0 * tokens, budget=600)
    assert found.way == ("screened",)
    assert "integers" in found.confidence[0]["passed_over"]["sketch"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"way": "best"}, "way='best'; expected one of auto, exact"),
        ({"index": "Shapely"}, "index='Shapely'; expected Moebius or one of"),
        ({"order": 0}, "order=0"),
        ({"budget": 0}, "budget=0"),
        ({"risk": 1.5}, "expected a probability below 1"),
        ({"way": "sampled"}, "name one with index='k-SII'"),
        ({"way": "hessian", "order": 3}, "leave index and order"),
        ({"way": "sketch", "index": "SV"}, "way='sketch' gives J"),
        ({"way": "exact", "index": "SV", "budget": 100}, "more than budget=100"),
    ],
)
def test_options_that_do_not_fit_are_refused(options, message):
    with pytest.raises(ta.errors.OptionError, match=message):
        ta.interactions(network(30, 4, nn.GELU), signs(1, 30), **options)


@pytest.mark.parametrize("way", ["auto", "exact", "sparse", "sketch", "screened", "sampled"])
def test_a_budget_too_small_is_refused_with_reasons(way):
    index = "SV" if way == "sampled" else "Moebius"
    with pytest.raises(ta.errors.BudgetError, match="fits budget=20: .*group players"):
        ta.interactions(network(30, 4, nn.GELU), signs(1, 30), way=way, index=index, budget=20)


def test_bounds_of_shares():
    """Clopper-Pearson: 5 % of the draws of such a share show so few."""
    assert largest_share(0, 58) == pytest.approx(1 - 0.05 ** (1 / 58))
    assert largest_share(3, 3) == 1.0
    p = largest_share(2, 40)
    assert sum(comb(40, k) * p**k * (1 - p) ** (40 - k) for k in range(3)) == pytest.approx(0.05)
