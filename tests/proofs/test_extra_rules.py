"""The ratios of families and of interaction indices are those that are proved; every rule is compared."""

import itertools
from fractions import Fraction as F

import numpy as np
import pytest
import sympy as sp

from proofs import (
    archipelago,
    banzhaf_interaction,
    chaining_index,
    faith_banzhaf,
    faith_sii,
    k_sii,
    semivalues,
    shapley_interaction_index,
    shapley_taylor_index,
    straight_paths,
)
from taylorattr.allocation import RULES
from tests.proofs.test_rules import KAPPAS, RULE, SEMI, N, by_exponent, by_size, exact, rationals

OF_PLAYERS = {
    "semivalue/banzhaf": ({}, by_size(lambda s: semivalues.share(s, N, [sp.Rational(1, 2 ** (N - 1))] * N))),
    "semivalue/weighted_shap": (
        {"omega": SEMI},
        by_size(
            lambda s: semivalues.share(
                s, N, [w / (N * sp.binomial(N - 1, t)) for t, w in enumerate(rationals(SEMI))]
            )
        ),
    ),
    "measure/first_order": ({}, by_exponent(lambda k, m: straight_paths.share(k, m, lambda r: 0**r))),
    # Beta(½, 1) is the law of U², U uniform: E U^{2r} = 1/(2r + 1)
    "measure/beta": (
        {"a": F(1, 2), "b": 1},
        by_exponent(lambda k, m: straight_paths.share(k, m, lambda r: 1 / (2 * sp.Integer(r) + 1))),
    ),
}

LARGEST = 2


def stii(S, T):
    return shapley_taylor_index.claimed(len(T), LARGEST) if len(S) == LARGEST else sp.Integer(S == T)


OF_COALITIONS = {
    "sii": lambda S, T: shapley_interaction_index.claimed(len(S), len(T)),
    "k_sii": lambda S, T: k_sii.claimed(len(S), len(T), LARGEST),
    "stii": stii,
    "fsii": lambda S, T: faith_sii.claimed(len(S), len(T), LARGEST),
    "banzhaf_interaction": lambda S, T: banzhaf_interaction.claimed(len(S), len(T)),
    "fbii": lambda S, T: faith_banzhaf.claimed(len(S), len(T), LARGEST),
    "chii": lambda S, T: chaining_index.claimed(len(S), len(T)),
}
"""Rule -> share of J(T) that S ⊆ T receives."""

COALITIONS = [frozenset(c) for size in range(1, N + 1) for c in itertools.combinations(range(N), size)]


@pytest.mark.parametrize("name", OF_PLAYERS)
def test_the_package_allocates_to_players_with_what_is_proved(name):
    context, proved = OF_PLAYERS[name]
    table = RULES[name].exact_ratios(np.asarray(KAPPAS), context)
    for kappa, row in zip(KAPPAS, table, strict=True):
        assert [exact(F(ratio)) for ratio in row] == [proved(kappa, i) for i in range(N)], kappa


@pytest.mark.parametrize("name", OF_COALITIONS)
def test_the_package_allocates_to_coalitions_with_what_is_proved(name):
    rows = [[int(j in T) for j in range(N)] for T in COALITIONS]
    table = RULES[name].exact_ratios(np.asarray(rows), {"k": LARGEST})
    receivers = [S for S in COALITIONS if len(S) <= LARGEST]
    for T, row in zip(COALITIONS, table, strict=True):
        for S, ratio in zip(receivers, row, strict=True):
            assert exact(F(ratio)) == (OF_COALITIONS[name](S, T) if S <= T else 0), (S, T)


def test_archipelago_allocates_with_what_is_proved():
    rows = np.asarray([[int(j in T) for j in range(N)] for T in COALITIONS])
    pairs = [S for S in COALITIONS if len(S) == 2]
    claims = {
        "archipelago/at_baseline": ({}, pairs, lambda S, T: sp.Integer(S == T)),
        "archipelago/at_input": ({}, pairs, archipelago.contains),
        "archipelago/attribute": ({"k": N}, COALITIONS, lambda S, T: sp.Integer(T <= S)),
    }
    for name, (context, receivers, proved) in claims.items():
        table = RULES[name].exact_ratios(rows, context)
        for T, row in zip(COALITIONS, table, strict=True):
            assert [exact(F(ratio)) for ratio in row] == [proved(S, T) for S in receivers], (name, T)


def test_taylor_poda_allocates_the_shares_it_is_given():
    xi = [[F(1 + i * i + size, 7) for i in range(N)] for size in range(1 << N)]
    # the domain asks for shares that add up to 1 in each coalition
    for mask, row in enumerate(xi):
        total = sum(row[i] for i in range(N) if mask >> i & 1)
        xi[mask] = [value / total if total else value for value in row]
    table = RULES["taylor_poda"].exact_ratios(np.asarray(KAPPAS), {"xi": xi})
    for kappa, row in zip(KAPPAS, table, strict=True):
        mask = sum(1 << i for i in range(N) if kappa[i])
        assert sum(row) == 1 and [F(r) for r in row if r] == [xi[mask][i] for i in range(N) if kappa[i]]


def test_every_rule_is_compared():
    elsewhere = {"archipelago/at_baseline", "archipelago/at_input", "archipelago/attribute", "taylor_poda"}
    allocations = {name for name, rule in RULES.items() if rule.kind != "none"}
    assert allocations == set(RULE) | set(OF_PLAYERS) | set(OF_COALITIONS) | elsewhere
