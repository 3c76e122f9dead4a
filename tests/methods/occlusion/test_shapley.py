import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import taylorattr as ta
from taylorattr import memory
from taylorattr.errors import BudgetError, OptionError, PrecisionWarning
from taylorattr.methods import attribute
from taylorattr.toys import Polynomial, three_effects
from tests.autodiff.networks import cnn, mlp
from tests.autodiff.networks import points as normal
from tests.methods.occlusion.models import TOKENS, TWO_INPUTS, effect_sums
from tests.strategies import points, polynomials

ESTIMATORS = ("permutation", "kernel")


def by_orders(model, x, b):
    """The definition for one example x, b of shape (n,): means over all n! orders."""
    n, total = len(x), torch.zeros(len(x), dtype=torch.float64)
    for order in itertools.permutations(range(n)):
        point = b.clone()
        before = model(point[None])[0]
        for player in order:
            point[player] = x[player]
            after = model(point[None])[0]
            total[player] += after - before
            before = after
    return total / math.factorial(n)


def wavy(x):
    """Interactions of every order among six players."""
    return (x.sum(1) * 0.7).sin() + x[:, 0] * x[:, 1] * x[:, 2] + (x[:, 3] * x[:, 4:].sum(1)).tanh()


def test_the_hand_worked_example():
    found = attribute("shapley", three_effects(), torch.tensor([[1.0, 2.0]]).double())
    assert found.player_scores.tolist() == [[9, 10]] and found.gap.tolist() == [0]
    assert found.standard_errors is None and found.diagnostics["algorithm"] == "exact"


@pytest.mark.filterwarnings("ignore::taylorattr.errors.ZeroDifferenceWarning")  # effects may cancel
@settings(max_examples=25)
@given(st.data(), polynomials(max_variables=4))
def test_exact_values_are_shared_effects_of_polynomials(data, p):
    n = len(next(iter(p)))
    x, b = data.draw(points(n, denominator=2)), data.draw(points(n, denominator=2))
    b = [c if c != a else c + 1 for a, c in zip(x, b, strict=True)]
    exact = [
        float(sum((j / len(s) for s, j in Polynomial(p).harsanyi(x, b).items() if i in s), 0))
        for i in range(n)
    ]
    rows = [torch.tensor([[float(v) for v in row]]).double() for row in (x, b)]
    found = attribute("shapley", Polynomial(p), *rows)
    size = max(1.0, max(map(abs, exact)), float(found.f_input.abs()), float(found.f_baseline.abs()))
    # outputs are exact dyadics up to 6·5·4⁴; sixteen of them are weighted and added
    assert np.abs(found.player_scores[0].numpy() - exact).max() < 1e-12 * max(size, 7680)


def test_brute_force_over_all_orders():
    x, b = normal(1, 6).double(), normal(1, 6, seed=2).double()
    found = attribute("shapley", wavy, x, b)
    assert (
        found.player_scores[0] - by_orders(wavy, x[0], b[0])
    ).abs().max() < 1e-13  # 720 orders, 1e-16 each


@pytest.mark.parametrize("players", [None, [[0, 3], [1], [2, 4]]])
def test_row_9_on_a_network(players):
    model, x, b = mlp(5).double(), normal(3, 5).double(), normal(1, 5, seed=2).double()
    found = attribute("shapley", model, x, b, target=[0, 1, 2], players=players)
    effects = ta.harsanyi(model, x, b, target=[0, 1, 2], players=players)
    shared = effect_sums(effects, lambda i, s: (i in s) / len(s))
    assert (found.player_scores - shared).abs().max() < 1e-13
    assert (found.player_scores - effects.index("SV").values[:, 1:]).abs().max() < 1e-13


def test_more_coalitions_than_rows_go_example_by_example():
    model, x = mlp(11).double(), normal(2, 11).double()
    found = attribute("shapley", model, x, target=0)
    values = ta.harsanyi(model, x, target=0).index("SV").values[:, 1:]
    assert (found.player_scores - values).abs().max() < 1e-12  # effects of 11 players are rounded more


def test_tuples_tokens_and_float32():
    x = (normal(2, 3).double(), normal(2, 2, 2, seed=4).double())
    found = attribute("shapley", TWO_INPUTS, x, target=0)
    shared = effect_sums(ta.harsanyi(TWO_INPUTS, x, target=0), lambda i, s: (i in s) / len(s))
    assert (found.player_scores - shared).abs().max() < 1e-12
    tokens, pad = torch.tensor([[1, 2, 3, 4], [5, 6, 7, 8]]), torch.zeros(1, 4, dtype=torch.int64)
    exact = attribute("shapley", TOKENS, tokens, pad, dtype=torch.float64)
    shared = effect_sums(ta.harsanyi(TOKENS, tokens, pad), lambda i, s: (i in s) / len(s))
    assert (exact.player_scores - shared).abs().max() < 1e-13
    single = attribute("shapley", TOKENS, tokens, pad)
    assert single.diagnostics["dtype"] == "float32"
    assert (single.player_scores - exact.player_scores).abs().max() < 1e-5  # a few roundings of 6e-8
    assert (single.gap.abs() < 1e-12).all()


@pytest.mark.parametrize("algorithm", ESTIMATORS)
def test_estimates_lie_within_their_errors_and_add_up(algorithm):
    x, b = normal(3, 6).double(), normal(1, 6, seed=2).double()
    exact = attribute("shapley", wavy, x, b)
    for samples in (60, 1000):
        found = attribute("shapley", wavy, x, b, algorithm=algorithm, samples=samples, seed=1)
        z = (found.player_scores - exact.player_scores) / found.standard_errors
        assert z.abs().max() < 8 and (found.standard_errors > 0).all()
        assert (found.gap.abs() < 1e-12).all()
        assert found.diagnostics["algorithm"] == algorithm


@pytest.mark.parametrize("algorithm", ESTIMATORS)
def test_standard_errors_are_calibrated(algorithm):
    x, b = normal(1, 6).double(), normal(1, 6, seed=2).double()
    exact = attribute("shapley", wavy, x, b).player_scores
    squares, claimed = [], []
    for seed in range(150):
        found = attribute("shapley", wavy, x, b, algorithm=algorithm, samples=80, seed=seed)
        squares.append((found.player_scores - exact) ** 2)
        claimed.append(found.standard_errors**2)
    ratio = torch.stack(squares).mean() / torch.stack(claimed).mean()
    # over 1000 seeds: 1.005 for orders, 0.85 for the kernel (HC3 is conservative by some 2(n−1)/K = 25 %);
    # 150 seeds scatter by about 12 %
    assert 0.5 < float(ratio) < 1.5


def test_reversed_orders_help_where_effects_are_of_second_order():
    x = normal(1, 8).double()
    model = lambda rows: rows.sum(1) ** 2  # noqa: E731
    found = attribute("shapley", model, x, algorithm="permutation", samples=4)
    exact = attribute("shapley", model, x)
    assert (found.player_scores - exact.player_scores).abs().max() < 1e-13  # a pair shares pairs evenly
    assert found.standard_errors.max() < 1e-13


@pytest.mark.parametrize("algorithm", ESTIMATORS)
def test_tolerance_stops_early_and_says_when_it_cannot(algorithm):
    x = normal(2, 6).double()
    loose = attribute("shapley", wavy, x, algorithm=algorithm, tol=0.05)
    tight = attribute("shapley", wavy, x, algorithm=algorithm, tol=0.01)
    for found, tol in ((loose, 0.05), (tight, 0.01)):
        relative = found.standard_errors.max(1).values / found.player_scores.abs().sum(1)
        assert relative.max() <= tol and found.diagnostics["reached"]
    count = "outputs_per_example"
    assert loose.diagnostics[count] <= tight.diagnostics[count]
    with pytest.warns(PrecisionWarning, match="above tol"):
        short = attribute("shapley", wavy, x, algorithm=algorithm, tol=1e-6, samples=64)
    assert not short.diagnostics["reached"]


def test_automatic_choice_is_exact_where_affordable():
    x = normal(1, 6).double()
    choice = lambda model, x, **o: attribute("shapley", model, x, **o).diagnostics["algorithm"]  # noqa: E731
    assert choice(wavy, x) == "exact" and choice(wavy, x, max_evaluations=63) == "permutation"
    assert choice(cnn(), normal(1, 1, 6, 6), target=0, samples=2) == "permutation"
    assert choice(lambda r: r.sum(1), torch.ones(1, 1), algorithm="kernel") == "exact"  # one order only


@pytest.mark.parametrize("algorithm", ESTIMATORS)
def test_the_seed_decides_and_global_generators_do_not_move(algorithm):
    x = normal(1, 6).double()
    before = torch.get_rng_state(), np.random.get_state(legacy=False)["state"]["key"].copy()
    a, b, c = (attribute("shapley", wavy, x, algorithm=algorithm, samples=40, seed=s) for s in (1, 1, 2))
    assert torch.equal(a.player_scores, b.player_scores) and not torch.equal(a.player_scores, c.player_scores)
    assert torch.equal(before[0], torch.get_rng_state())
    assert (before[1] == np.random.get_state(legacy=False)["state"]["key"]).all()


@pytest.mark.parametrize("algorithm", ("exact", *ESTIMATORS))
def test_players_that_do_not_change_get_exactly_nothing(algorithm):
    x = normal(2, 6).double()
    x[0, 2] = 0
    found = attribute("shapley", wavy, x, algorithm=algorithm)
    assert found.player_scores[0, 2] == 0 and found.player_scores[1, 2] != 0


def test_images_with_many_players_stay_within_bounds():
    found = attribute("shapley", cnn(), normal(2, 1, 6, 6), target=0, samples=6, dtype=torch.float64)
    assert found.diagnostics["orders"] == 6 and found.diagnostics["outputs_per_example"] == 6 * 35
    assert (found.gap.abs() < 1e-12).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"algorithm": "exactly"}, "expected one of"),
        ({"samples": 0}, "positive integer"),
        ({"samples": 2.5}, "expected an integer"),
        ({"tol": -1.0}, "positive number"),
        ({"algorithm": "exact", "samples": 5}, "draws no samples"),
    ],
)
def test_options_out_of_range_are_refused(options, message):
    with pytest.raises(OptionError, match=message):
        attribute("shapley", wavy, normal(1, 6).double(), **options)


def test_tables_beyond_limits_are_refused_before_the_model_runs(monkeypatch):
    x = torch.ones(1, 30)
    with pytest.raises(BudgetError, match="max_evaluations"):
        attribute("shapley", lambda r: r.sum(1), x[:, :24], algorithm="exact")
    monkeypatch.setattr(memory, "available", lambda needed: 2**30)
    with pytest.raises(BudgetError, match="algorithm='permutation'"):
        attribute("shapley", lambda r: r.sum(1), x, algorithm="exact", max_evaluations=None)
    with pytest.raises(BudgetError, match="system of 5000"):
        attribute("shapley", lambda r: r.sum(1), torch.ones(1, 5000), algorithm="kernel")


def test_captum_agrees_to_its_precision():
    captum = pytest.importorskip("captum.attr")
    model, x, b = mlp(5).double(), normal(2, 5).double(), normal(1, 5, seed=2).double()
    theirs = captum.ShapleyValues(model).attribute(x, b, target=1)
    ours = attribute("shapley", model, x, b, target=1)
    assert (ours.scores - theirs.detach()).abs().max() < 1e-6  # captum accumulates in float32


def test_shap_agrees():
    shap = pytest.importorskip("shap")
    model, x, b = mlp(5, 1).double(), normal(2, 5).double(), normal(1, 5, seed=2).double()

    def function(rows):
        with torch.no_grad():
            return model(torch.from_numpy(np.asarray(rows, dtype=np.float64))).numpy()[:, 0]

    # of five players it solves for all 32 coalitions; its ExactExplainer compiles for seconds to the same end
    theirs = shap.KernelExplainer(function, b.numpy()).shap_values(x.numpy(), silent=True)
    ours = attribute("shapley", model, x, b, target=0)
    assert np.abs(ours.player_scores.numpy() - theirs).max() < 1e-12
