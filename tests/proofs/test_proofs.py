"""Every theorem is proved, and the steps that prove it refuse a claim that is a little different."""

from math import comb

import pytest
import sympy as sp
from sympy.core.function import AppliedUndef

from proofs import faith_banzhaf, faith_sii
from proofs.catalogue import THEOREMS
from proofs.smooth import Smooth
from proofs.theorem import ProofError, check
from tests.proofs.false_families import FALSE_FAMILIES
from tests.proofs.false_ratios import FALSE_RATIOS


@pytest.mark.slow  # what `python -m proofs` does; test_catalogue.py proves the formulas of the package
@pytest.mark.parametrize("name", THEOREMS)
def test_the_proof_holds(name):
    assert check(THEOREMS[name].prove())


def not_alternating(s, t):
    return sp.Integer(1)


def sign_of_the_subset(s, t):
    return sp.Integer(-1) ** t


def bernoulli_plus(s, t, k):
    """The form of k-SII with B_1 = +½."""
    terms = (sp.binomial(t - s, r) * sp.bernoulli(r) / (t - s - r + 1) for r in range(min(k, t) - s + 1))
    return sp.Add(*terms)


FALSE_CLAIMS = [
    ("mobius_inversion", "no signs", not_alternating),
    ("mobius_inversion", "(−1)^t for (−1)^{s−t}", sign_of_the_subset),
    ("mobius_is_taylor", "no signs", not_alternating),
    ("mobius_is_taylor", "(−1)^t for (−1)^{s−t}", sign_of_the_subset),
    ("mobius_as_integral", "Δ forgotten", lambda delta: sp.Integer(1)),
    ("mobius_as_integral", "one Δ forgotten", lambda delta: sp.Mul(*delta[1:])),
    ("ridge_coefficients", "m! forgotten", lambda m, factorials: 1 / factorials),
    ("ridge_coefficients", "κ! forgotten", lambda m, factorials: sp.factorial(m)),
    (
        "frame_of_taylor_effects",
        "no sign",
        lambda mu, kappa: sp.Mul(*(sp.binomial(m, k) for m, k in zip(mu, kappa, strict=True))),
    ),
    ("frame_of_taylor_effects", "no binomials", lambda mu, kappa: sp.Integer(-1) ** (sum(kappa) + 1)),
    ("frame_of_coalition_effects", "(−1)^s for (−1)^{s+1}", lambda s: sp.Integer(-1) ** s),
    ("frame_of_coalition_effects", "no sign", lambda s: sp.Integer(1)),
    ("order_by_support", "(−1)^t for (−1)^{s−t}", sign_of_the_subset),
    ("lrp_products", "half each", lambda: (sp.Rational(1, 2), sp.Rational(1, 2))),
    ("lrp_products", "all to the gate", lambda: (sp.Integer(1), sp.Integer(0))),
    ("exact_tails", "one order too few", lambda effect, parts: effect - sp.Add(*parts[:-1])),
    ("exact_tails", "added", lambda effect, parts: effect + sp.Add(*parts)),
    ("series_remainder", "one power of ρ too many", lambda rho, K: rho ** (-K - 1) / (rho - 1)),
    ("series_remainder", "ρ + 1", lambda rho, K: rho**-K / (rho + 1)),
    (
        "series_remainder",
        "a constant more, which only the limit shows",
        lambda rho, K: 1 + rho**-K / (rho - 1),
    ),
    (
        "semivalues",
        "C(n−1, t) for C(n−s, t−s+1)",
        lambda s, n, p: sp.Add(*(sp.binomial(n - 1, t) * p[t] for t in range(s - 1, n))),
    ),
    ("shapley_interaction_index", "1/t", lambda s, t: sp.Integer(1) / t),
    ("shapley_interaction_index", "1/(t−s+2)", lambda s, t: sp.Integer(1) / (t - s + 2)),
    ("shapley_taylor_index", "1/C(t−1, k−1)", lambda t, k: 1 / sp.binomial(t - 1, k - 1)),
    ("shapley_taylor_index", "1/(t−k+1), which is SII", lambda t, k: sp.Integer(1) / (t - k + 1)),
    ("k_sii", "B_1 = +½", bernoulli_plus),
    ("k_sii", "1/(t−s+1), which is SII", lambda s, t, k: sp.Rational(1, t - s + 1)),
    ("faith_sii", "signs lost", lambda s, t, k: abs(faith_sii.claimed(s, t, k))),
    ("faith_sii", "higher effects dropped", lambda s, t, k: sp.Integer(s == t)),
    (
        "faith_sii",
        "1/C(t, k) at the top, which is STII",
        lambda s, t, k: sp.Rational(int(s in (t, k)), comb(t, s)),
    ),
    ("faith_banzhaf", "signs lost", lambda s, t, k: abs(faith_banzhaf.claimed(s, t, k))),
    ("faith_banzhaf", "Faith-SII", faith_sii.claimed),
    ("chaining_index", "1/t", lambda s, t: sp.Integer(1) / t),
    ("chaining_index", "1/(t−s+1), which is SII", lambda s, t: sp.Integer(1) / (t - s + 1)),
    ("integrated_hessians", "κ_i κ_j/m", lambda ki, kj, m: sp.sympify(ki) * kj / m),
    ("integrated_hessians", "κ_i κ_j/(m(m+1))", lambda ki, kj, m: sp.sympify(ki) * kj / (m * (m + 1))),
    ("double_path_integral", "ln s", sp.log),
    ("double_path_integral", "1 − s", lambda s: 1 - s),
    ("top_degree", "the gradients left out", lambda gradients, sources: sp.Add(*sources)),
    (
        "top_degree",
        "the first node left out",
        lambda gradients, sources: sp.Add(
            *(g * N for g, N in list(zip(gradients, sources, strict=True))[1:])
        ),
    ),
]


ALL_FALSE = [*FALSE_CLAIMS, *FALSE_RATIOS, *FALSE_FAMILIES]


@pytest.mark.every(4)
@pytest.mark.parametrize(
    ("name", "claim"), [pytest.param(n, c, id=f"{n}: {says}") for n, says, c in ALL_FALSE]
)
def test_a_false_claim_is_refused(name, claim):
    """A claim is the theorem's first argument, or several by name."""
    with pytest.raises(ProofError) as refused:
        check(THEOREMS[name].prove(**claim) if isinstance(claim, dict) else THEOREMS[name].prove(claim))
    difference = refused.value.difference
    if not difference.has(Smooth, AppliedUndef):
        # Refused because it is false, not because it was too hard: it does not vanish at one of two points.
        symbols = sorted(difference.free_symbols, key=str)
        primes = [sp.prime(i) for i in range(3, 3 + len(symbols))]
        points = [dict(zip(symbols, values, strict=True)) for values in (primes, primes[::-1])]
        assert any(difference.subs(point) != 0 for point in points)


def test_every_theorem_has_a_false_variant():
    assert {name for name, _, _ in ALL_FALSE} == set(THEOREMS)
