"""Each index against its own definition in terms of v, in exact arithmetic."""

import importlib.util
import itertools
from fractions import Fraction
from math import comb, factorial

import numpy as np
import pytest
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st

from taylorattr.errors import OptionError
from taylorattr.maths.interaction_indices import INDICES, VALUES_ONLY, bernoulli, interaction_index
from taylorattr.maths.mobius import mobius
from taylorattr.maths.subsets import Coalitions, to_mask
from tests.strategies import games


def players_of(v):
    return (len(v) - 1).bit_length()


def without(n, coalition):
    """All T ⊆ N∖S as tuples."""
    others = [i for i in range(n) if i not in coalition]
    return itertools.chain.from_iterable(itertools.combinations(others, t) for t in range(len(others) + 1))


def derivative(v, coalition, present):
    """Δ_S v(T) = Σ_{L⊆S} (−1)^{s−l} v(T ∪ L)."""
    s = len(coalition)
    parts = itertools.chain.from_iterable(itertools.combinations(coalition, k) for k in range(s + 1))
    return sum((-1) ** (s - len(part)) * int(v[to_mask(part + present)]) for part in parts)


def shapley_by_permutations(v, n):
    totals = [0] * n
    for order in itertools.permutations(range(n)):
        present = 0
        for i in order:
            totals[i] += int(v[present | 1 << i]) - int(v[present])
            present |= 1 << i
    return {(i,): Fraction(total, factorial(n)) for i, total in enumerate(totals)}


def banzhaf_by_marginals(v, n):
    return {
        (i,): Fraction(sum(derivative(v, (i,), t) for t in without(n, (i,))), 2 ** (n - 1)) for i in range(n)
    }


def sii_of(v, n, c):
    s = len(c)
    return sum(
        Fraction(factorial(n - len(t) - s) * factorial(len(t)), factorial(n - s + 1)) * derivative(v, c, t)
        for t in without(n, c)
    )


def up_to(n, k):
    return [c for c in Coalitions(n, k) if c]


def sii_by_derivatives(v, n, k):
    return {c: sii_of(v, n, c) for c in up_to(n, k)}


def k_sii_by_aggregation(v, n, k):
    """Φ_k(S) = Φ_{k−1}(S) + B_{k−s} Σ_{|T|=k−s, T⊆N∖S} SII(S ∪ T), Φ_s(S) = SII(S)."""
    sii = sii_by_derivatives(v, n, k)
    result = {}
    for c in up_to(n, k):
        total = sii[c]
        for level in range(len(c) + 1, k + 1):
            larger = [tuple(sorted(c + t)) for t in without(n, c) if len(t) == level - len(c)]
            total += Fraction(sympy_bernoulli(level - len(c))) * sum(sii[t] for t in larger)
        result[c] = total
    return result


def sympy_bernoulli(r):
    value = sympy.bernoulli(r)
    return Fraction(-1, 2) if r == 1 else Fraction(int(value.p), int(value.q))


def stii_by_definition(v, n, k):
    result = {}
    for c in up_to(n, k):
        if len(c) < k:
            result[c] = Fraction(derivative(v, c, ()))
        else:
            terms = (Fraction(derivative(v, c, t), comb(n - 1, len(t))) for t in without(n, c))
            result[c] = Fraction(k, n) * sum(terms)
    return result


def fsii_by_least_squares(v, n, k):
    """min Σ_T μ(T) (v(T) − Σ_{S⊆T, |S|≤k} E(S))², Shapley kernel μ, exact at T = ∅ and T = N."""
    rows = list(Coalitions(n, n))
    columns = list(Coalitions(n, k))

    def line(t):
        return [int(set(c) <= set(t)) for c in columns]

    inner = [t for t in rows if 0 < len(t) < n]
    weight = [sympy.Rational(n - 1, comb(n, len(t)) * len(t) * (n - len(t))) for t in inner]
    a = sympy.Matrix([line(t) for t in inner]) if inner else sympy.zeros(0, len(columns))
    w = sympy.diag(*weight) if inner else sympy.zeros(0, 0)
    target = sympy.Matrix([int(v[to_mask(t)]) for t in inner]) if inner else sympy.zeros(0, 1)
    exact = sympy.Matrix([line(()), line(tuple(range(n)))])
    ends = sympy.Matrix([int(v[0]), int(v[-1])])
    kkt = sympy.Matrix(sympy.BlockMatrix([[a.T * w * a, exact.T], [exact, sympy.zeros(2, 2)]]))
    solution = kkt.LUsolve(sympy.Matrix(list(a.T * w * target) + list(ends)))
    return {c: Fraction(int(e.p), int(e.q)) for c, e in zip(columns, solution, strict=False) if c}


def bii_by_derivatives(v, n, k):
    return {
        c: Fraction(sum(derivative(v, c, t) for t in without(n, c)), 2 ** (n - len(c))) for c in up_to(n, k)
    }


def chii_by_orders(v, n, k):
    """The mean over all orders of Δ_S v at those who stand before the last of S and are not of S."""
    totals = dict.fromkeys(up_to(n, k), 0)
    for order in itertools.permutations(range(n)):
        for c in totals:
            last = max(order.index(i) for i in c)
            before = tuple(i for i in order[:last] if i not in c)
            totals[c] += derivative(v, c, before)
    return {c: Fraction(total, factorial(n)) for c, total in totals.items()}


def fbii_by_least_squares(v, n, k):
    """min Σ_T (v(T) − Σ_{S⊆T, |S|≤k} E(S))², every coalition with the same weight."""
    rows, columns = list(Coalitions(n, n)), list(Coalitions(n, k))
    a = sympy.Matrix([[int(set(c) <= set(t)) for c in columns] for t in rows])
    target = sympy.Matrix([int(v[to_mask(t)]) for t in rows])
    solution = (a.T * a).LUsolve(a.T * target)
    return {c: Fraction(int(e.p), int(e.q)) for c, e in zip(columns, solution, strict=True) if c}


def by_coalition(v, name, k):
    n = players_of(v)
    values = interaction_index(mobius(v), name, k)
    return {c: values[i] for i, c in enumerate(Coalitions(n, k)) if c}


@given(games(min_players=1, max_players=5))
def test_shapley_is_the_mean_over_permutations(v):
    assert by_coalition(v, "SV", 1) == shapley_by_permutations(v, players_of(v))


@given(games(min_players=1, max_players=5))
def test_banzhaf_is_the_mean_over_coalitions(v):
    assert by_coalition(v, "Banzhaf", 1) == banzhaf_by_marginals(v, players_of(v))


@pytest.mark.parametrize(
    ("name", "definition"),
    (
        ("SII", sii_by_derivatives),
        ("k-SII", k_sii_by_aggregation),
        ("STII", stii_by_definition),
        ("BII", bii_by_derivatives),
    ),
)
@settings(max_examples=40)
@given(games(min_players=1, max_players=5), st.integers(1, 5))
def test_index_equals_its_definition(name, definition, v, k):
    n = players_of(v)
    k = min(k, n)
    assert by_coalition(v, name, k) == definition(v, n, k)


@settings(max_examples=15)
@given(games(min_players=2, max_players=4), st.integers(1, 3))
def test_faith_sii_is_the_weighted_least_squares_fit(v, k):
    n = players_of(v)
    k = min(k, n - 1)  # at k = n the kernel no longer matters and the fit is the function itself
    assert by_coalition(v, "FSII", k) == fsii_by_least_squares(v, n, k)


@settings(max_examples=15)
@given(games(min_players=1, max_players=4), st.integers(1, 4))
def test_faith_banzhaf_is_the_least_squares_fit(v, k):
    n = players_of(v)
    assert by_coalition(v, "FBII", min(k, n)) == fbii_by_least_squares(v, n, min(k, n))


@settings(max_examples=15)
@given(games(min_players=1, max_players=4), st.integers(1, 4))
def test_the_chaining_index_is_the_mean_over_maximal_chains(v, k):
    n = players_of(v)
    assert by_coalition(v, "CHII", min(k, n)) == chii_by_orders(v, n, min(k, n))


@given(games(min_players=1, max_players=4))
def test_order_1_is_the_value_of_its_family(v):
    assert by_coalition(v, "BV", 1) == by_coalition(v, "Banzhaf", 1)
    assert by_coalition(v, "BII", 1) == by_coalition(v, "FBII", 1) == by_coalition(v, "Banzhaf", 1)
    assert by_coalition(v, "CHII", 1) == by_coalition(v, "SV", 1)


@given(games(min_players=1, max_players=5), st.integers(1, 5), st.sampled_from(["k-SII", "STII", "FSII"]))
def test_efficient_indices_add_up(v, k, name):
    k = min(k, players_of(v))
    assert sum(by_coalition(v, name, k).values()) == v[-1] - v[0]


@given(games(min_players=1, max_players=4))
def test_every_efficient_index_of_order_1_is_shapley_and_of_order_n_mobius(v):
    n = players_of(v)
    for name in ("SII", "k-SII", "STII", "FSII"):
        assert by_coalition(v, name, 1) == by_coalition(v, "SV", 1)
    effects = mobius(v)
    for name in ("k-SII", "STII", "FSII"):
        assert by_coalition(v, name, n) == {c: effects[to_mask(c)] for c in Coalitions(n) if c}


@given(games(min_players=2, max_players=4, batch=3), st.sampled_from(sorted(INDICES)))
def test_floats_and_batches_follow_the_exact_values(v, name):
    k = 1 if name in VALUES_ONLY else 2
    floats = interaction_index(mobius(v.astype(float)), name, k)
    exact = np.stack([interaction_index(mobius(row), name, k) for row in v]).astype(float)
    # coefficients are rationals rounded once, values below 16·50: sums of at most 16 terms
    assert np.abs(floats - exact).max() <= 1e-12


def test_bernoulli_numbers():
    assert [bernoulli(r) for r in range(12)] == [sympy_bernoulli(r) for r in range(12)]


def test_unknown_names_and_orders_are_refused():
    effects = mobius(np.arange(8))
    with pytest.raises(OptionError, match="did you mean 'STII'"):
        interaction_index(effects, "STI")
    with pytest.raises(OptionError, match="expected 1 … 3"):
        interaction_index(effects, "SII", 4)
    with pytest.raises(OptionError, match="a value of single players"):
        interaction_index(effects, "SV", 2)


@pytest.mark.skipif(importlib.util.find_spec("shapiq") is None, reason="shapiq is not installed")
@pytest.mark.parametrize("name", sorted(INDICES))
@pytest.mark.parametrize("k", (1, 2, 3))
def test_agrees_with_shapiq(name, k):
    import shapiq

    if name in VALUES_ONLY:
        k = 1
    n = 5
    v = np.random.default_rng(0).normal(size=1 << n)
    weights = 1 << np.arange(n)
    computer = shapiq.game_theory.exact.ExactComputer(
        n_players=n, game=lambda coalitions: v[np.asarray(coalitions).astype(int) @ weights]
    )
    theirs = computer(index={"Banzhaf": "BV"}.get(name, name), order=k)
    ours = interaction_index(mobius(v), name, k)
    # 32 values of size 1, weights ≤ 1; shapiq fits FSII with a large weight in place of the constraints at
    # ∅ and N, so its values miss v(N) − v(∅) by up to 7e-10 here
    tolerance = 1e-8 if name == "FSII" else 1e-12
    for i, c in enumerate(Coalitions(n, k)):
        if c:
            assert ours[i] == pytest.approx(theirs[c], abs=tolerance)
