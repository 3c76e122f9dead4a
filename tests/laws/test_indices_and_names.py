"""Indices of any number of players, their names, and hints that name only what exists."""

import functools
import inspect
import itertools
import re
import warnings
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import taylorattr as ta
from taylorattr.effects.coalition_table import HarsanyiEffects
from taylorattr.errors import OptionError
from taylorattr.maths.interaction_indices import INDICES, VALUES_ONLY, interaction_index
from taylorattr.maths.subsets import Coalitions, count_up_to, to_mask

torch.set_num_threads(1)


def order_of(name: str, k: int) -> int:
    return 1 if name in VALUES_ONLY else k


def table_of(n: int, held: int, frame: str = "baseline", seed: int = 0, batch: int = 2) -> HarsanyiEffects:
    """Whole numbers, so that sums are exact wherever the coefficients are powers of two."""
    rng = np.random.default_rng(seed)
    values = torch.from_numpy(rng.integers(-9, 10, (batch, count_up_to(n, held))).astype(float))
    ones = torch.ones(batch, dtype=torch.float64)
    return HarsanyiEffects(values, tuple(f"x{i}" for i in range(n)), frame, ones, ones, ones, held)


def filled_up(effects: HarsanyiEffects) -> HarsanyiEffects:
    """The full table whose missing effects are zero."""
    full = torch.zeros(effects.batch, 1 << effects.n, dtype=torch.float64)
    full[:, torch.from_numpy(effects.masks)] = effects.values
    return HarsanyiEffects(
        full, effects.names, effects.frame, effects.delta, effects.f_input, effects.f_baseline
    )


# --------------------------------------------------------------------------- indices of any number of players


@pytest.mark.parametrize("frame", ["baseline", "input"])
@pytest.mark.parametrize("name", INDICES)
@pytest.mark.parametrize(("n", "held"), [(1, 1), (4, 0), (5, 3), (5, 5), (12, 2), (9, 4)])
def test_a_table_of_small_coalitions_gives_the_index_of_the_table_filled_up(name, frame, n, held):
    effects = table_of(n, held, frame)
    for k in {1, min(2, n), min(3, n)}:
        sparse = effects.index(name, order_of(name, k), of_truncated=True)
        dense = filled_up(effects).index(name, order_of(name, k))
        assert torch.equal(sparse.values, dense.values)
        assert list(sparse.coalitions) == list(dense.coalitions)


@settings(max_examples=25)
@given(st.integers(1, 6), st.integers(0, 6), st.integers(1, 6), st.sampled_from(list(INDICES)), st.randoms())
def test_exactly_so_in_rationals(n, held, k, name, random):
    held, k = min(held, n), order_of(name, min(k, n))
    coalitions = Coalitions(n, held)
    values = np.array([Fraction(random.randint(-20, 20), random.randint(1, 7)) for _ in coalitions], object)
    full = np.full(1 << n, Fraction(0), object)
    for c, value in zip(coalitions, values, strict=True):
        full[to_mask(c)] = value
    assert list(interaction_index(values, name, k, coalitions)) == list(interaction_index(full, name, k))


@pytest.mark.parametrize("frame", ["baseline", "input"])
@pytest.mark.parametrize("name", INDICES)
def test_sixty_players(name, frame):
    """By the definition, summed over the stored effects one by one."""
    effects = table_of(60, 3 if name == "SII" else 2, frame, batch=1)
    k = order_of(name, 3)
    found = effects.index(name, k, of_truncated=True)
    assert found.n == 60 and found.values.shape == (1, count_up_to(60, k))
    baseline = effects.in_frame("baseline", of_truncated=True)
    wanted = dict.fromkeys(Coalitions(60, k), 0.0)
    for column, c in enumerate(baseline.coalitions):
        for s in range(1, min(len(c), k) + 1):
            for part in itertools.combinations(c, s):
                wanted[part] += float(INDICES[name](s, len(c), k)) * float(baseline.values[0, column])
    for column, c in enumerate(found.coalitions):
        if c:
            # at most 1,800 numbers of size up to 10⁴, weights ≤ 1
            assert float(found.values[0, column]) == pytest.approx(wanted[c], abs=1e-7)


def test_taylor_effects_of_many_players():
    n = 40
    a = torch.linspace(-1, 1, n, dtype=torch.float64)
    model = lambda x: x @ a + (x[:, 1:] * x[:, :-1]).sum(1)  # noqa: E731
    x = torch.linspace(0.5, 2, n, dtype=torch.float64)[None]
    effects = ta.decompose(model, x, order=2).interactions
    found = effects.index("SV", of_truncated=True)
    pairs = x[0, 1:] * x[0, :-1] / 2
    wanted = x[0] * a
    wanted[1:] += pairs
    wanted[:-1] += pairs
    torch.testing.assert_close(found.values[0, 1:], wanted, rtol=0, atol=1e-12)


def test_more_entries_than_memory_are_refused_before_they_are_made():
    with pytest.raises(ta.errors.BudgetError, match="an index of order 12 of 60 players has"):
        table_of(60, 1).index("SII", 12, of_truncated=True)


# ------------------------------------------------------------------------------------------------ their names


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("bv", "BV"),
        ("banzhaf", "Banzhaf"),
        ("Banzhaf value", "BV"),
        ("Shapley", "SV"),
        ("shapley_value", "SV"),
        ("k_sii", "k-SII"),
        ("kSII", "k-SII"),
        ("n-Shapley", "k-SII"),
        ("STI", "STII"),
        ("shapley-taylor", "STII"),
        ("faith-shap", "FSII"),
        ("Faith-Banzhaf", "FBII"),
        ("chaining", "CHII"),
        ("banzhaf_interaction", "BII"),
    ],
)
def test_the_hint_is_the_thing_and_not_what_looks_like_it(word, meant):
    effects = ta.harsanyi(lambda x: x.prod(1), torch.ones(1, 3))
    with pytest.raises(OptionError, match=f"did you mean '{meant}'"):
        effects.index(word)


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("IG", "integrated_gradients"),
        ("InputXGradient", "gradient_x_input"),
        ("GradCAM", "grad_cam"),
        ("FeatureAblation", "occlusion_1"),
        ("DeepLift", "deeplift_rescale"),
        ("DeepLiftShap", "deep_shap"),
        ("GradientShap", "expected_gradients"),
        ("lrp", "lrp_epsilon"),
        ("shap", "shapley"),
    ],
)
def test_methods_by_the_names_of_other_libraries(word, meant):
    with pytest.raises(OptionError, match=f"did you mean '{meant}'"):
        ta.attribute(word, lambda x: x.sum(1), torch.ones(1, 3))


# --------------------------------------------------------------------------------- hints name what exists

X = torch.rand(2, 3, dtype=torch.float64)
SET = torch.rand(50, 3, dtype=torch.float64)


def product(x):
    return x.prod(1)


def questions() -> dict[str, Callable[..., Any]]:
    """Every public function that is asked about a model, as a call of model, inputs and keywords."""
    rule = "integrated_gradients"
    return {
        "attribute": lambda *a, **k: ta.attribute(rule, *a, **k),
        "reformulate": lambda *a, **k: ta.reformulate(rule, *a, **k),
        "audit": lambda *a, **k: ta.audit(rule, *a, **k),
        "decompose": ta.decompose,
        "harsanyi": ta.harsanyi,
        "degree_by_support": ta.degree_by_support,
        "integrated_hessians": ta.integrated_hessians,
        "hessian": lambda *a, **k: ta.hessian(*a, **{"players": [[0], [1, 2]], **k}),
        "hvp": lambda model, x, **k: ta.hvp(model, x, torch.ones_like(x) if torch.is_tensor(x) else x, **k),
        "design.fit": lambda *a, **k: ta.design.fit("deletion", "semivalue", *a, budget=2, **k),
        "evaluation.player_curves": lambda model, x, **k: ta.evaluation.player_curves(model, x, X, **k),
    }


WRONG: dict[str, dict[str, Any]] = {
    "a set of baselines": {"baselines": SET},
    "a set of baselines, numpy": {"baselines": SET.numpy()},
    "baselines of another width": {"baselines": torch.zeros(1, 4)},
    "baselines of too many": {"baselines": (0.0, 0.0)},
    "no baseline at all": {"baselines": "mean"},
    "a target out of range": {"target": 7},
    "a target for no output": {"target": (0, 0)},
    "players that overlap": {"players": [[0, 1], [1, 2]]},
    "players left out": {"players": [[0]]},
    "a mask of another shape": {"players": torch.zeros(4, dtype=torch.long)},
    "integers": {"inputs": torch.tensor([[1, 2, 3]])},
    "one example without batch": {"inputs": torch.rand(3)},
    "two tensors": {"inputs": (X, X)},
    "an order of nothing": {"order": 0},
    "an index of nothing": {"index": "BVV"},
    "a dtype in words": {"dtype": "float64"},
    "rows in words": {"internal_batch_size": "many"},
    "additional arguments": {"additional_forward_args": (1, 2, 3)},
    "vectors as outputs": {"model": lambda x: x * 2},
    "no output": {"model": lambda x: None},
    "NaN": {"inputs": X * float("nan")},
}


def public(name: str) -> Callable[..., Any]:
    return functools.reduce(getattr, name.split("."), ta)


def named_parameters(message: str) -> set[str]:
    """The names before = that a message tells its reader to pass, without those inside a call it names."""
    message = re.sub(r"'[^']*'", "", message)
    before = None
    while before != message:
        before, message = message, re.sub(r"[\w.]+\([^()]*\)", "", message)
    return set(re.findall(r"(?<![\w.*])([a-z_]+)=", message))


def options_of(name: str) -> set[str]:
    own = set(inspect.signature(public(name)).parameters)
    return (
        own | set(ta.METHODS["integrated_gradients"].options) if name in ("attribute", "reformulate") else own
    )


@pytest.mark.parametrize("wrong", WRONG)
@pytest.mark.parametrize("door", questions())
def test_a_hint_names_no_parameter_that_the_function_lacks(door, wrong):
    given = dict(WRONG[wrong])
    model, inputs = given.pop("model", product), given.pop("inputs", X)
    known = set(inspect.signature(public(door)).parameters)
    if not set(given) <= known:
        pytest.skip("this function has no such parameter")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            questions()[door](model, inputs, **given)
    except Exception as error:
        assert named_parameters(str(error)) <= options_of(door), str(error)


def test_the_law_sees_a_wrong_hint():
    assert named_parameters("to average, pass it as references=") == {"references"}
    assert named_parameters("lower order=, or use decompose(..., depth=2)") == {"order"}
    assert not named_parameters("inputs.unsqueeze(0) of dtype 'a=b'")


@pytest.mark.parametrize("door", [name for name in questions() if "baselines" in options_of(name)])
def test_a_reference_set_is_taken_or_the_hint_can_be_followed(door):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(ta.errors.TaylorAttrError) as caught:
            questions()[door](product, X, baselines=SET)
        if "references=" in str(caught.value):
            assert "references" in inspect.signature(public(door)).parameters
            if door != "design.fit":
                questions()[door](product, X, references=SET[:3])
        else:
            assert "repeat each example R times" in str(caught.value), str(caught.value)
