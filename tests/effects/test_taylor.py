"""Laws of ``decompose``: exact on polynomials, linear, equivariant, honest about what it cannot know."""

import math
import warnings

import numpy as np
import pytest
import sympy
import torch
from torch import nn

import taylorattr as ta
from taylorattr.errors import (
    BudgetError,
    DivergenceWarning,
    DtypeError,
    FallbackWarning,
    KinkWarning,
    OptionError,
    ZeroDifferenceWarning,
)
from taylorattr.toys import Polynomial, Ridge, mlp

CUBIC = Polynomial({(1, 0, 0): 3, (2, 0, 0): -1, (1, 1, 0): 2, (0, 1, 2): 5, (1, 1, 1): -4, (0, 0, 0): 7})
X = torch.tensor([[1.5, -2.0, 0.5]], dtype=torch.float64)
B = torch.tensor([[0.5, 1.0, -1.0]], dtype=torch.float64)


def exact(polynomial, x, b, order, frame="baseline"):
    symbols = sympy.symbols(f"x:{polynomial.n}")
    expr = sum(
        c * math.prod(s**k for s, k in zip(symbols, kappa, strict=True))
        for kappa, c in polynomial.terms.items()
    )
    return ta.symbolic_effects(expr, symbols, x[0].tolist(), b[0].tolist(), frame=frame).to_taylor_effects(
        order
    )


def smooth(n=4, seed=0):
    return mlp((n, 8, 8, 1), "gelu", seed=seed, dtype=torch.float64)


@pytest.mark.parametrize("frame", ["baseline", "input"])
def test_polynomials_are_taken_apart_exactly(frame):
    found = ta.decompose(CUBIC, X, B, order=3, frame=frame)
    assert torch.allclose(found.values, exact(CUBIC, X, B, 3, frame).values, rtol=1e-12, atol=1e-12)
    assert float(found.remainder[0]) == pytest.approx(0.0, abs=1e-12)
    assert bool(found.converged[0])


@pytest.mark.parametrize("frame", ["baseline", "input"])
def test_supports_agree_between_taylor_and_mobius_on_polynomials(frame):
    found = ta.decompose(CUBIC, X, B, order=3, frame=frame).interactions
    table = ta.harsanyi(CUBIC, X, B, frame=frame)
    for coalition, value in zip(found.coalitions, found.values[0], strict=True):
        assert float(value) == pytest.approx(float(table.effect(coalition)[0]), abs=1e-12)


def test_frames_are_related_by_equation_7():
    at_b = ta.decompose(CUBIC, X, B, order=3)
    at_x = ta.decompose(CUBIC, X, B, order=3, frame="input")
    for kappa, value in zip(at_x.multi_indices, at_x.values[0], strict=True):
        above = [
            math.prod(math.comb(int(u), int(k)) for u, k in zip(mu, kappa, strict=True)) * float(v)
            for mu, v in zip(at_b.multi_indices, at_b.values[0], strict=True)
            if (mu >= kappa).all()
        ]
        assert float(value) == pytest.approx((-1) ** (int(kappa.sum()) + 1) * sum(above), abs=1e-11)


def test_a_ridge_has_its_closed_form():
    """I(κ) = σ^(m)(c)/κ! · Π (w_i Δ_i)^κ_i for σ(w·x + c)."""
    model = Ridge([0.3, -0.2, 0.4], 0.1, "exp")
    found = ta.decompose(model, X, B, order=5)
    for kappa, value in zip(found.multi_indices, found.values[0], strict=True):
        expected = model.effect(tuple(int(k) for k in kappa), X[0].tolist(), B[0].tolist())
        assert float(value) == pytest.approx(expected, rel=1e-10, abs=1e-14)


def test_linear_in_the_function():
    f, g = smooth(seed=1), smooth(seed=2)
    x = torch.randn(1, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) / 2
    both = ta.decompose(lambda z: 2 * f(z) - 3 * g(z), x, order=3, diagnose=False)
    apart = (
        2 * ta.decompose(f, x, order=3, diagnose=False).values
        - 3 * ta.decompose(g, x, order=3, diagnose=False).values
    )
    assert torch.allclose(both.values, apart, rtol=0, atol=1e-12 * float(apart.abs().max()))


def test_permuting_players_permutes_effects():
    x = torch.tensor([[0.3, -0.5, 0.2, 0.4]], dtype=torch.float64)
    order = [2, 0, 3, 1]
    plain = ta.decompose(smooth(), x, order=3, diagnose=False)
    moved = ta.decompose(smooth(), x, order=3, players=[[i] for i in order], diagnose=False)
    for kappa, value in zip(moved.multi_indices, moved.values[0], strict=True):
        original = {order[g]: int(k) for g, k in enumerate(kappa) if k}
        assert float(value) == pytest.approx(float(plain.effect(original)[0]), rel=1e-11, abs=1e-14)


def test_grouping_players_composes_the_function_with_the_groups():
    x = torch.tensor([[0.3, -0.5, 0.2, 0.4]], dtype=torch.float64)
    b = torch.tensor([[0.1, 0.1, -0.2, 0.0]], dtype=torch.float64)
    groups = [[0, 2], [1], [3]]
    f = smooth()

    def of_t(t):
        point = b.expand(len(t), -1).clone()
        for g, members in enumerate(groups):
            point = point + t[:, g : g + 1] * torch.where(
                torch.tensor([i in members for i in range(4)]), x - b, 0.0
            )
        return f(point)

    grouped = ta.decompose(f, x, b, order=4, players=groups, diagnose=False)
    composed = ta.decompose(of_t, torch.ones(1, 3, dtype=torch.float64), order=4, diagnose=False)
    assert torch.allclose(grouped.values, composed.values, rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize("frame", ["baseline", "input"])
def test_a_batch_is_a_loop(frame):
    x = torch.randn(5, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(3)) / 2
    b = torch.randn(5, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(4)) / 4
    together = ta.decompose(smooth(), x, b, order=3, frame=frame)
    for e in range(5):
        alone = ta.decompose(smooth(), x[e : e + 1], b[e : e + 1], order=3, frame=frame)
        assert torch.allclose(together.values[e], alone.values[0], rtol=1e-10, atol=1e-14)
        assert bool(together.converged[e]) == bool(alone.converged[0])


def test_a_target_per_example_is_a_function_per_example():
    net = nn.Sequential(nn.Linear(3, 5), nn.Tanh(), nn.Linear(5, 4)).double()
    x = torch.randn(3, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(5)) / 3
    together = ta.decompose(net, x, target=[2, 0, 3], order=2, diagnose=False)
    for e, target in enumerate([2, 0, 3]):
        alone = ta.decompose(net, x[e : e + 1], target=target, order=2, diagnose=False)
        assert torch.allclose(together.values[e], alone.values[0], rtol=1e-11, atol=1e-14)


def test_players_across_two_inputs():
    def model(a, b):
        return (a.sum(1) * b.sum(1)).tanh()

    a, b = torch.tensor([[0.1, 0.2]], dtype=torch.float64), torch.tensor([[0.3]], dtype=torch.float64)
    whole = ta.decompose(model, (a, b), order=4, players=[[0, 2], [1]], diagnose=False)
    t = sympy.symbols("t0 t1")
    u = (sympy.Rational(1, 10) * t[0] + sympy.Rational(1, 5) * t[1]) * sympy.Rational(3, 10) * t[0]
    series = ta.symbolic_effects(sympy.tanh(u), t, (1, 1), order=4).to_taylor_effects()
    assert torch.allclose(whole.values, series.values, rtol=0, atol=1e-12)


def test_float32_is_as_good_as_float32():
    """Relative to the largest entry of an order: 1e-5 is a hundred roundings of float32."""
    net = mlp((4, 8, 8, 1), "tanh", seed=0)
    x = torch.tensor([[0.3, -0.5, 0.2, 0.4]])
    wide = ta.decompose(net, x, order=3, diagnose=False)
    narrow = ta.decompose(net, x, order=3, dtype=torch.float32, diagnose=False)
    assert narrow.values.dtype == torch.float32
    for m in (1, 2, 3):
        gap = (wide.order_values(m) - narrow.order_values(m)).abs().max()
        assert gap <= 1e-5 * wide.order_values(m).abs().max()


def test_order_sums_are_those_of_the_jet_along_the_whole_difference():
    x = torch.tensor([[0.3, -0.5, 0.2, 0.4]], dtype=torch.float64)
    table = ta.decompose(smooth(), x, order=5, diagnose=False)
    jet = ta.decompose(smooth(), x, order=5, players=[[0, 1, 2, 3]], diagnose=False)
    assert torch.allclose(table.by_order, jet.values, rtol=1e-9, atol=0)


def test_a_relu_network_never_returns_silent_zeros():
    net = nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 1)).double()
    x = torch.randn(1, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    with pytest.warns(KinkWarning, match=r"orders? ≥ 2 miss .*ta\.harsanyi computes exact"):
        found = ta.decompose(net, x, order=2)
    assert (found.order_values(2) == 0).all()
    assert not bool(found.converged[0])
    assert "kinks" in found.reasons[0]


def test_a_kink_touched_by_one_player_alone_is_seen():
    """relu(t1 − t2 − ½): no gate switches from (0,0) to (1,1), but one does for player 1 alone."""
    with pytest.warns(KinkWarning):
        found = ta.decompose(
            lambda t: torch.relu(t[:, 0] - t[:, 1] - 0.5) + t[:, 0], torch.ones(1, 2), order=2
        )
    assert not bool(found.converged[0])


def test_series_that_stops_short_is_said():
    """tanh(3t) has its pole at iπ/6: the series at 0 ends at |t| = 0.52."""
    with pytest.warns(DivergenceWarning, match="is not seen to reach the other end"):
        found = ta.decompose(lambda t: torch.tanh(3 * t[:, 0]) + t[:, 1], torch.ones(1, 2), order=5)
    assert not bool(found.converged[0])
    assert "radius of convergence is 0.5" in found.reasons[0]


def test_divergence_that_the_diagonal_hides_is_found():
    with pytest.warns(DivergenceWarning):
        found = ta.decompose(lambda t: 1 / (1 + 25 * (t[:, 0] - t[:, 1]) ** 2), torch.ones(1, 2), order=4)
    assert not bool(found.converged[0])


def test_a_convergent_series_is_called_so():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = ta.decompose(lambda t: torch.tanh(t.sum(1) / 2), torch.ones(1, 2), order=5)
    assert bool(found.converged[0])
    assert float(found.remainder[0]) == pytest.approx(math.tanh(1) - (1 - 1 / 3 + 2 / 15), rel=1e-12)


def test_a_value_read_into_python_is_not_trusted():
    """The branch is right at the baseline and wrong at the input."""

    def model(x):
        return x.sum(1) if x.sum() < 1 else (x**2).sum(1)

    found = ta.decompose(model, torch.full((1, 2), 3.0), order=2)
    assert not bool(found.converged[0])
    assert "branches on values" in found.reasons[0]


def test_a_branch_of_another_example_is_not_shared():
    """The second example takes the other branch, which has the same values at both ends."""

    def model(x):
        return torch.stack([r[0] + r[1] * (1 - r[1]) if r[0] > 5 else r[0] for r in x])

    x = torch.tensor([[1.0, 1.0], [11.0, 1.0]])
    found = ta.decompose(model, x, torch.tensor([[0.0, 0.0], [10.0, 0.0]]), order=2, diagnose=False)
    assert found.values.tolist() == [[1.0, 0.0, 0.0, 0.0, 0.0], [1.0, 1.0, 0.0, 0.0, -1.0]]


def test_an_operation_without_a_rule_is_named_and_computed_all_the_same():
    def model(x):
        return torch.lgamma(x.sum(1) + 2.0)

    with pytest.warns(FallbackWarning, match="lgamma"):
        found = ta.decompose(model, torch.tensor([[0.1, 0.2]], dtype=torch.float64), order=2)
    gamma1, gamma2 = float(sympy.polygamma(0, 2)), float(sympy.polygamma(1, 2))
    expected = [0.1 * gamma1, 0.2 * gamma1, 0.01 * gamma2 / 2, 0.02 * gamma2, 0.04 * gamma2 / 2]
    assert found.values[0].tolist() == pytest.approx(expected, rel=1e-9)
    assert not bool(found.converged[0])


def test_a_convolution_of_two_values_in_groups_needs_no_fallback():
    """A grouped convolution whose weights depend on the input."""

    def one(row):
        kernel, image = row[:4].reshape(2, 1, 1, 2), row[4:].reshape(1, 2, 1, 3)
        return torch.nn.functional.conv2d(image, kernel, groups=2).sum()

    def model(x):
        return torch.stack([one(row) for row in x])

    x = torch.arange(1.0, 11.0, dtype=torch.float64)[None] / 10
    with warnings.catch_warnings():
        warnings.simplefilter("error", FallbackWarning)
        found = ta.decompose(model, x, order=2, with_tails=False)
    k, i = x[0, :4].reshape(2, 2), x[0, 4:].reshape(2, 3)
    expected = sum(float(k[c] @ i[c, s : s + 2]) for c in (0, 1) for s in (0, 1))
    assert float(found.values.sum()) == pytest.approx(expected, rel=1e-12)
    assert (found.order_values(1) == 0).all()


def test_shapes_that_depend_on_values_are_computed_example_by_example():
    def model(z):
        z = z.clone()
        z[z < 0] *= 0.1
        return (z**2).sum(1)

    x = torch.tensor([[0.5, -1.0], [-0.5, 2.0]], dtype=torch.float64)
    b = torch.tensor([[1.0, -2.0], [-1.0, 1.0]], dtype=torch.float64)
    with pytest.warns(FallbackWarning, match="has no Taylor rule"):
        found = ta.decompose(model, x, b, order=2, diagnose=False, with_tails=False)
    assert torch.allclose(found.remainder, torch.zeros(2, dtype=torch.float64), atol=1e-12)


def test_input_equal_to_baseline_has_no_effects_and_says_so():
    with pytest.warns(ZeroDifferenceWarning):
        found = ta.decompose(smooth(), torch.ones(1, 4, dtype=torch.float64), 1.0, order=2)
    assert (found.values == 0).all()
    assert float(found.delta[0]) == 0.0


def test_a_model_that_casts_to_float32_is_taken_apart_in_float64():
    """The captured program is promoted where a float64 copy of the model fails: the sums close to 1e-12."""

    class Casts(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = nn.Linear(3, 3)

        def forward(self, x):
            return self.linear(x.float() / 4).tanh().sum(1)

    torch.manual_seed(0)
    with pytest.warns(ta.errors.PrecisionWarning):
        found = ta.decompose(Casts().eval(), torch.tensor([[0.5, 0.2, -0.3]]), order=12)
    assert bool(found.converged[0])
    assert float(found.remainder.abs()[0]) < 1e-12
    assert float(found.tails.total[0]) == pytest.approx(float(found.remainder[0]), abs=1e-13)


def test_derivatives_that_are_not_finite_are_refused_with_the_operation():
    with pytest.raises(ta.errors.NonFiniteError, match=r"order 1 of example 0 .*aten.sqrt.*test_taylor"):
        ta.decompose(lambda x: x.sqrt().sum(1), torch.rand(1, 2), order=2)


def test_a_guard_selects_its_branch_at_every_order():
    """sin(x)/x behind ``where`` and a clamped norm: the branch not taken is infinite at 0."""

    def guarded(z):
        safe = torch.where(z[:, 0] == 0, torch.ones_like(z[:, 0]), z[:, 0].sin() / z[:, 0])
        return safe + (z / z.norm(dim=1, keepdim=True).clamp_min(0.5)).sum(1)

    found = ta.decompose(guarded, torch.tensor([[0.1, 0.2]]), order=3, diagnose=False)
    # 1 + 2(x + y): the clamp is flat around the baseline
    assert found.values[0, :2].tolist() == pytest.approx([0.2, 0.4], rel=1e-6)
    assert not found.values[0, 2:].any()


def test_one_player():
    found = ta.decompose(lambda x: (x**2).sum(1), torch.tensor([[2.0, 1.0]]), order=2, players=[[0, 1]])
    assert found.values.tolist() == [[0.0, 5.0]]


def test_the_model_is_left_as_it_was():
    net = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Dropout(0.5), nn.Tanh(), nn.Linear(4, 1))
    before = {k: v.clone() for k, v in net.state_dict().items()}
    state = torch.get_rng_state()
    with pytest.warns(ta.errors.TrainingModeWarning):
        ta.decompose(net, torch.randn(2, 3, generator=torch.Generator().manual_seed(1)), order=2)
    assert net.training
    assert all(torch.equal(before[k], v) for k, v in net.state_dict().items())
    assert all(p.grad is None and p.requires_grad for p in net.parameters())
    assert torch.equal(state, torch.get_rng_state())


def test_results_are_saved_and_read_back(tmp_path):
    found = ta.decompose(smooth(), torch.full((2, 4), 0.3, dtype=torch.float64), order=2)
    for name in ("effects.npz", "effects.json"):
        again = ta.TaylorEffects.load(found.save(tmp_path / name))
        assert torch.equal(again.values, found.values)
        assert again.reasons == found.reasons
        assert torch.equal(again.tails.values, found.tails.values)


def test_tails_are_left_out_for_many_players():
    found = ta.decompose(smooth(12), torch.full((1, 12), 0.1, dtype=torch.float64), order=1)
    assert found.tails is None


@pytest.mark.parametrize("order", [0, -1, 1.5, "2", True])
def test_an_order_that_is_none(order):
    with pytest.raises(OptionError, match="expected a whole number, at least 1"):
        ta.decompose(smooth(), torch.ones(1, 4, dtype=torch.float64), order=order)


def test_bad_input():
    with pytest.raises(OptionError, match="frame='x'"):
        ta.decompose(smooth(), torch.ones(1, 4, dtype=torch.float64), frame="x")
    with pytest.raises(
        BudgetError, match=r"Taylor effects of 3072 players up to order 4 .* lower order=.*players="
    ):
        ta.decompose(lambda x: x.flatten(1).sum(1), torch.ones(1, 3, 32, 32), order=4)
    with pytest.raises(DtypeError, match="embedding"):
        ta.decompose(lambda x: x.float().sum(1), torch.ones(1, 4, dtype=torch.int64), 0)


def test_a_seed_chooses_the_rays():
    x = torch.full((1, 9), 0.1, dtype=torch.float64)
    rays = [
        [
            tuple(ray["players"])
            for ray in ta.decompose(smooth(9), x, order=1, seed=s).diagnostics["examples"][0]["rays"]
        ]
        for s in (0, 0, 1)
    ]
    assert rays[0] == rays[1] != rays[2]
    assert np.array_equal(rays[0][0], range(9))


def test_the_default_order_sees_the_example_of_the_readme():
    """3x₀ + x₁² + 3x₀x₁², whose last term has order three, and nothing of order four is computed."""
    effects = ta.decompose(Polynomial({(1, 0): 3.0, (0, 2): 1.0, (1, 2): 3.0}), torch.tensor([[1.0, 2.0]]))
    assert effects.order == 3 and effects.remainder.abs().max() < 1e-12
    assert effects.order_values(3).sum() == pytest.approx(12)
