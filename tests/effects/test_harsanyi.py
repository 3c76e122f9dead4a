import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from taylorattr import memory
from taylorattr.analysis.players import Players
from taylorattr.effects.harsanyi import harsanyi
from taylorattr.errors import (
    BudgetError,
    DtypeError,
    NondeterministicModelError,
    NonFiniteError,
    OptionError,
    PlayerError,
    TargetError,
    ZeroDifferenceWarning,
)
from taylorattr.maths.subsets import Coalitions
from taylorattr.toys import AllPresent, AnyPresent, Polynomial, mlp, three_effects
from tests.strategies import points, polynomials


def rows(*values):
    return torch.tensor(values, dtype=torch.float64)


def close(a, b, *effects):
    """Whether two tables differ by no more than the rounding bounds of the effects they come from."""
    allowed = sum(e.error_bound[:, e.coalitions.sizes.astype(np.int64)] for e in effects)
    return bool(((a - b).abs() <= allowed).all())


def by_definition(model, x, b, coalition):
    """J(S) = Σ_{T⊆S} (−1)^{|S|−|T|} f(x_T) for one example, x and b of shape (n,)."""
    total = 0.0
    for size in range(len(coalition) + 1):
        for present in itertools.combinations(coalition, size):
            point = b.clone()
            point[list(present)] = x[list(present)]
            total += (-1) ** (len(coalition) - size) * model(point[None]).reshape(()).item()
    return total


def test_the_hand_worked_example():
    effects = harsanyi(three_effects(), rows([1, 2]))
    assert effects.values.tolist() == [[0, 3, 4, 12]]
    assert effects.delta.tolist() == [19] and effects.names == ("x0", "x1") and effects.frame == "baseline"


@settings(max_examples=30)
@given(st.data(), polynomials(max_variables=4))
def test_polynomials_in_both_frames(data, p):
    n = len(next(iter(p)))
    x, b = data.draw(points(n, denominator=2)), data.draw(points(n, denominator=2))
    toy = Polynomial(p)
    given_rows = rows([float(v) for v in x]), rows([float(v) for v in b])
    with pytest.warns(ZeroDifferenceWarning) if x == b else _nothing():
        effects = harsanyi(toy, *given_rows)
        mirrored = harsanyi(toy, *given_rows, frame="input")
    exact = toy.harsanyi(x, b)
    expected = rows([float(exact.get(c, 0)) for c in Coalitions(n)])
    expected[:, 0] = effects.f_baseline
    assert torch.equal(effects.values, expected)  # few-bit dyadic rationals: every sum is exact
    assert torch.equal(mirrored.values, effects.in_frame("input").values)
    assert torch.equal(effects.total, effects.delta) and torch.equal(mirrored.total, effects.delta)


class _nothing:
    def __enter__(self):
        return self

    def __exit__(self, *exception):
        return None


@pytest.mark.parametrize("n", (1, 3, 5))
def test_gates_are_and_in_one_frame_and_or_in_the_other(n):
    ones = torch.ones(1, n)
    everyone = tuple(range(n))
    for toy, frame in ((AllPresent(), "baseline"), (AnyPresent(), "input")):
        effects = harsanyi(toy, ones, frame=frame)
        assert [c for i, c in enumerate(effects.coalitions) if c and effects.values[0, i] != 0] == [everyone]
        assert effects[everyone].item() == 1


@pytest.mark.parametrize("activation", ("relu", "gelu"))
@pytest.mark.parametrize("frame", ("baseline", "input"))
def test_networks_equal_the_definition(activation, frame):
    network = mlp((6, 16, 16, 1), activation, seed=3)
    x, b = torch.randn(2, 2, 6, generator=torch.Generator().manual_seed(0))
    effects = harsanyi(network, x, b, frame=frame)
    model = mlp((6, 16, 16, 1), activation, seed=3).double()
    for example in range(2):
        start, end = b[example].double(), x[example].double()
        if frame == "input":
            start, end = end, start
        for position, coalition in enumerate(effects.coalitions):
            expected = by_definition(model, end, start, coalition)
            expected = -expected if frame == "input" and coalition else expected
            # the definition rounds like the table does: both within the bound
            limit = 2 * effects.error_bound[example, len(coalition)].item()
            assert abs(effects.values[example, position].item() - expected) <= limit
    assert (effects.total - effects.delta).abs().max() <= effects.error_bound[:, -1].max()


@pytest.mark.parametrize("frame", ("baseline", "input"))
@pytest.mark.parametrize("max_order", (1, 2, 4))
def test_truncated_is_the_full_table_restricted(frame, max_order):
    network = mlp((7, 16, 1), "relu", seed=1)
    x = torch.randn(3, 7, generator=torch.Generator().manual_seed(1))
    full = harsanyi(network, x, frame=frame)
    truncated = harsanyi(network, x, frame=frame, max_order=max_order)
    assert truncated.max_order == max_order and truncated.error_bound.shape == (3, max_order + 1)
    restricted = full.values[:, truncated.masks]
    assert close(truncated.values, restricted, truncated, truncated)
    assert truncated.diagnostics["evaluated"] == 3 * len(truncated.coalitions)


def test_a_max_order_of_n_or_more_is_the_full_table():
    effects = harsanyi(three_effects(), rows([1, 2]), max_order=5)
    assert effects.full and effects.values.tolist() == [[0, 3, 4, 12]]


def test_a_batch_is_its_examples():
    network = nn.Sequential(mlp((5, 8, 3)), nn.Softmax(1)).eval()
    generator = torch.Generator().manual_seed(2)
    x, b = torch.randn(2, 4, 5, generator=generator)
    target = [0, 2, 1, 1]
    effects = harsanyi(network, x, b, target=target)
    for e in range(4):
        alone = harsanyi(network, x[e : e + 1], b[e : e + 1], target=target[e])
        assert close(effects.values[e : e + 1], alone.values, alone, alone)


def test_linearity_in_the_function():
    f, g = mlp((5, 8, 1), seed=1), mlp((5, 8, 1), "tanh", seed=2)
    x = torch.randn(2, 5, generator=torch.Generator().manual_seed(3))
    both = harsanyi(lambda t: 2 * f(t) - 3 * g(t), x)
    first, second = harsanyi(f, x), harsanyi(g, x)
    assert close(
        both.values, 2 * first.values - 3 * second.values, both, first, first, second, second, second
    )


def test_permuted_players_permute_effects():
    network = mlp((5, 8, 1), seed=4)
    x = torch.randn(1, 5, generator=torch.Generator().manual_seed(4))
    order = [3, 0, 4, 1, 2]
    plain, moved = harsanyi(network, x), harsanyi(network, x, players=[[i] for i in order])
    expected = torch.stack([plain.effect([order[i] for i in c]) for c in moved.coalitions], dim=1)
    assert close(moved.values, expected, plain, moved)


def test_grouped_players_are_the_game_of_the_groups():
    network = mlp((6, 8, 1), seed=5)
    x = torch.randn(1, 6, generator=torch.Generator().manual_seed(5))
    groups = [[0, 3], [1, 2, 5], [4]]
    effects = harsanyi(network, x, players=Players(groups, names=["a", "b", "c"]))
    delta = (
        torch.stack([torch.zeros(6, dtype=torch.float64).index_fill(0, torch.tensor(g), 1) for g in groups])
        * x
    )
    lifted = harsanyi(lambda t: network((t.to(delta.dtype) @ delta).to(t.dtype)), torch.ones(1, 3))
    assert effects.names == ("a", "b", "c") and close(effects.values, lifted.values, effects, lifted)


@pytest.mark.parametrize("frame", ("baseline", "input"))
def test_more_players_than_a_mask_holds(frame):
    n = 80
    x = torch.linspace(-1, 1, n, dtype=torch.float64)[None]
    effects = harsanyi(lambda t: t.sum(1) ** 2, x, max_order=2, frame=frame)
    # (Σ x)²: J(i) = x_i², J(i, j) = 2 x_i x_j; J^x(i) = x_i² + 2 x_i (Σ − x_i), J^x(i, j) = −2 x_i x_j
    sign = 1 if frame == "baseline" else -1
    for i, j in ((0, 1), (3, 79), (70, 71)):
        assert effects[i, j].item() == pytest.approx(sign * 2 * float(x[0, i] * x[0, j]), abs=1e-12)
    single = float(x[0, 7] ** 2 + (0 if frame == "baseline" else 2 * x[0, 7] * (x.sum() - x[0, 7])))
    assert effects["x7"].item() == pytest.approx(single, abs=1e-12)
    with pytest.raises(BudgetError, match=r"the effects of 80 players are 2\*\*80 numbers"):
        harsanyi(lambda t: t.sum(1), x)


class Tokens(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(
            10, 3, _weight=torch.randn(10, 3, generator=torch.Generator().manual_seed(6))
        )
        self.eval()

    def forward(self, ids):
        return torch.tanh(self.embedding(ids).sum(1)).prod(1)


def test_integer_tokens_with_an_explicit_baseline():
    ids, pad = torch.tensor([[1, 5, 9, 3]]), torch.zeros(1, 4, dtype=torch.int64)
    model = Tokens()
    effects = harsanyi(model, ids, pad)
    double = Tokens().double()
    for position, coalition in enumerate(effects.coalitions):
        expected = by_definition(double, ids[0], pad[0], coalition)
        assert (
            abs(effects.values[0, position].item() - expected) <= 2 * effects.error_bound[0, len(coalition)]
        )
    with pytest.raises(DtypeError, match="explicit integer baseline"):
        harsanyi(model, ids)


def test_class_indices_as_output():
    effects = harsanyi(lambda t: (t.sum(1) > 1.5).long(), torch.ones(1, 2))
    assert effects.values.tolist() == [[0, 0, 0, 1]]


def test_tuple_inputs_and_names():
    effects = harsanyi(lambda a, b: a[:, 0] * b.sum(1), (torch.ones(1, 1), torch.ones(1, 2)))
    assert effects[0, 1].item() == effects[0, 2].item() == 1 and effects.by_order.tolist() == [[0, 2, 0]]


@pytest.mark.parametrize("dtype", (torch.float32, torch.float64, None))
def test_the_dtype_of_the_analysis(dtype):
    effects = harsanyi(mlp((4, 8, 1)), torch.ones(1, 4), dtype=dtype)
    assert effects.values.dtype == (dtype or torch.float32)
    assert effects.error_bound[0, 0] < (1e-14 if dtype == torch.float64 else 1e-5)


def test_one_player_and_equal_points():
    assert harsanyi(lambda t: t[:, 0] ** 2, rows([3])).values.tolist() == [[0, 9]]
    with pytest.warns(ZeroDifferenceWarning, match="every effect there is zero"):
        effects = harsanyi(lambda t: t.sum(1) + 1, torch.zeros(1, 3))
    assert effects.values.tolist() == [[1, 0, 0, 0, 0, 0, 0, 0]] and effects.top() == [[]]


def test_progress_is_shown_when_asked(capsys):
    harsanyi(three_effects(), rows([1, 2]))
    assert capsys.readouterr().err == ""
    harsanyi(three_effects(), rows([1, 2]), show_progress=True)
    assert "4/4" in capsys.readouterr().err


def test_the_model_and_the_generators_are_left_alone():
    network = mlp((4, 8, 1))
    before = {k: v.clone() for k, v in network.state_dict().items()}
    state = torch.get_rng_state()
    harsanyi(network, torch.ones(1, 4))
    assert torch.equal(torch.get_rng_state(), state) and not network.training
    assert all(
        torch.equal(v, before[k]) and v.dtype == before[k].dtype for k, v in network.state_dict().items()
    )
    assert all(p.requires_grad for p in network.parameters())


def test_the_budget_is_estimated_before_anything_is_evaluated(monkeypatch):
    x = torch.ones(1, 20)
    for options in ({}, {"max_order": 4}):
        with pytest.raises(
            BudgetError, match=r"players=\.\.\., .*max_order=.*decompose.*max_evaluations=None"
        ):
            harsanyi(lambda t: t.sum(1), x, max_evaluations=1000, **options)
    with pytest.raises(
        BudgetError, match=r"2\*\*40 numbers .* 9,216 GiB, .* may be used here: group variables"
    ):
        harsanyi(lambda t: t.sum(1), torch.ones(1, 40), max_evaluations=None)
    with pytest.raises(BudgetError, match="players"):
        harsanyi(lambda t: t.sum(1), torch.ones(1, 4000))
    monkeypatch.setattr(memory, "available", lambda needed: 1000)
    with pytest.raises(BudgetError, match="9.0 KiB, and 1,000 bytes may be used"):
        harsanyi(lambda t: t.sum(1), torch.ones(1, 10))


@pytest.mark.parametrize(
    ("error", "message", "call"),
    (
        (
            OptionError,
            "max_order=0; expected None or an integer",
            lambda x: harsanyi(mlp((2, 1)), x, max_order=0),
        ),
        (OptionError, "frame='both'; it is 'baseline'", lambda x: harsanyi(mlp((2, 1)), x, frame="both")),
        (TargetError, "target", lambda x: harsanyi(mlp((2, 3)), x, target=3)),
        (
            PlayerError,
            "in several players|overlap",
            lambda x: harsanyi(mlp((2, 1)), x, players=[[0], [0, 1]]),
        ),
        (NonFiniteError, "output", lambda x: harsanyi(lambda t: (t - 1).sum(1).log(), x)),
        (
            NondeterministicModelError,
            "random",
            lambda x: harsanyi(lambda t: t.sum(1) + torch.rand(len(t)), x),
        ),
    ),
)
def test_what_is_wrong_is_said(error, message, call):
    with pytest.raises(error, match=message):
        call(torch.ones(1, 2))


def test_a_coalition_without_a_value_is_named():
    # finite at the input and at the baseline, infinite where only x1 is present
    def model(t):
        return 1 / ((t[:, 0] - 0) ** 2 + (t[:, 1] - 1) ** 2)

    with pytest.raises(NonFiniteError, match=r"\{x1\}"):
        harsanyi(model, torch.ones(1, 2))


def test_a_result_of_real_size_survives_a_round_trip(tmp_path):
    effects = harsanyi(mlp((8, 8, 1)), torch.ones(2, 8), max_order=3)
    for name in ("e.npz", "e.json"):
        back = type(effects).load(effects.save(tmp_path / name))
        assert torch.equal(back.values, effects.values) and torch.equal(back.error_bound, effects.error_bound)
        assert back.diagnostics == effects.diagnostics and repr(back) == repr(effects)
