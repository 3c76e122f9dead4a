"""What is proved is what the package computes with: its coefficients are those of the theorems."""

from fractions import Fraction

import pytest
import sympy as sp

from proofs import (
    banzhaf_interaction,
    chaining_index,
    faith_banzhaf,
    faith_sii,
    k_sii,
    semivalues,
    shapley_interaction_index,
    shapley_taylor_index,
)
from taylorattr.maths.interaction_indices import INDICES

LARGEST = 8
SIZES = [
    (s, t, k) for t in range(1, LARGEST + 1) for k in range(1, LARGEST + 1) for s in range(1, min(t, k) + 1)
]


def exact(value):
    value = sp.Rational(value)
    return Fraction(int(value.p), int(value.q))


@pytest.mark.parametrize(
    ("name", "proved"),
    [
        ("SII", lambda s, t, k: shapley_interaction_index.claimed(s, t)),
        ("k-SII", k_sii.claimed),
        ("STII", lambda s, t, k: shapley_taylor_index.claimed(t, k) if s == k else sp.Integer(s == t)),
        ("FSII", faith_sii.claimed),
        ("BII", lambda s, t, k: banzhaf_interaction.claimed(s, t)),
        ("FBII", faith_banzhaf.claimed),
        ("CHII", lambda s, t, k: chaining_index.claimed(s, t)),
    ],
)
def test_interaction_indices(name, proved):
    for s, t, k in SIZES:
        assert INDICES[name](s, t, k) == exact(proved(s, t, k)), (s, t, k)


@pytest.mark.parametrize(
    ("name", "weights"),
    [
        ("SV", lambda n: [sp.Integer(1) / (n * sp.binomial(n - 1, t)) for t in range(n)]),
        ("Banzhaf", lambda n: [sp.Rational(1, 2 ** (n - 1))] * n),
    ],
)
def test_values_of_single_players(name, weights):
    for n in range(1, LARGEST + 1):
        for s in range(1, n + 1):
            assert INDICES[name](1, s, 1) == exact(semivalues.share(s, n, weights(n)))
