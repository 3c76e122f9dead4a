"""Semivalues share a coalition's effect by its size alone.

Statement: a_i = Σ_{T∌i} p_{|T|} (v(T∪i) − v(T)) = Σ_{S∋i} w_{|S|} J(S) with
w_s = Σ_{t=s−1}^{n−1} C(n−s, t−s+1) p_t. Shapley, p_t = t!(n−1−t)!/n!: w_s = 1/s. Banzhaf, p_t = 2^{−(n−1)}:
w_s = 2^{−(s−1)}. Occlusion-1, p_{n−1} = 1 and no other: w_s = 1.

Hypotheses: none on v; p any weights.

Source: eq. (63), (27), T3.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import sympy as sp

from proofs.binomials import binomial_theorem, hockey_stick
from proofs.games import effects, everyone, game, label, subsets
from proofs.theorem import Step, Theorem


def share(s: int, n: int, p: Sequence[sp.Expr]) -> sp.Expr:
    """Return w_s = Σ_{t=s−1}^{n−1} C(n−s, t−s+1) p_t."""
    return sp.Add(*(sp.binomial(n - s, t - s + 1) * p[t] for t in range(s - 1, n)))


def prove(weight: Callable[[int, int, Sequence[sp.Expr]], sp.Expr] = share) -> Iterator[Step]:
    """Counts for symbolic weights, then the three named families for symbolic sizes."""
    # v(T∪i) − v(T) = Σ_{R⊆T} J(R∪i); of the T ∌ i of size t, C(n−1−r, t−r) contain a given R of size r = s−1.
    for n in range(1, 5):
        N, v, p = everyone(n), game(n), sp.symbols(f"p0:{n}")
        J = effects(v)
        for i in N:
            others = subsets(N - {i})
            for T in others:
                gain = sp.Add(*(J[R | {i}] for R in subsets(T)))
                yield Step(f"n = {n}: v({label(T)} ∪ {i}) − v({label(T)})", v[T | {i}] - v[T], gain)
            defined = sp.Add(*(p[len(T)] * (v[T | {i}] - v[T]) for T in others))
            stated = sp.Add(*(weight(len(S), n, p) * J[S] for S in J if i in S))
            yield Step(f"n = {n}: a_{i} from values and from effects", defined, stated)

    n, s, j, m, r = sp.symbols("n s j m r", integer=True, positive=True)
    # Shapley, r = s−1, m = n−s: C(m, j) (r+j)!(m−j)!/n! = m! r!/n! · C(r+j, j), summed by the hockey stick.
    order = sp.factorial(r + j) * sp.factorial(m - j) / sp.factorial(r + m + 1)
    outside = sp.factorial(m) * sp.factorial(r) / sp.factorial(r + m + 1)
    yield Step("Shapley, one term", sp.binomial(m, j) * order, outside * sp.binomial(r + j, j))
    yield from hockey_stick()
    yield Step("Shapley, w_s = 1/(r+1) = 1/s", outside * sp.binomial(r + m + 1, m), 1 / (r + 1))
    p = sp.Symbol("p", positive=True)
    yield Step("Shapley, by chance: ∫₀¹ p^{s−1} dp", sp.integrate(p ** (s - 1), (p, 0, 1)), 1 / s)
    yield from binomial_theorem()  # at p = q = 1: Σ_j C(n−s, j) = 2^{n−s}
    yield Step("Banzhaf", sp.Integer(2) ** (n - s) * sp.Integer(2) ** (1 - n), sp.Integer(2) ** (1 - s))
    yield Step("Occlusion-1: the last term alone", sp.binomial(n - s, n - s), sp.Integer(1))
    for size in range(1, 7):
        named = {
            "Shapley": (
                [sp.Rational(1, size) / sp.binomial(size - 1, t) for t in range(size)],
                lambda s: sp.Rational(1, s),
            ),
            "Banzhaf": ([sp.Rational(1, 2 ** (size - 1))] * size, lambda s: sp.Rational(1, 2 ** (s - 1))),
            "Occlusion-1": ([sp.Integer(t == size - 1) for t in range(size)], lambda s: sp.Integer(1)),
        }
        for name, (weights, expected) in named.items():
            for of in range(1, size + 1):
                yield Step(f"{name}, n = {size}, s = {of}", weight(of, size, weights), expected(of))


THEOREM = Theorem(
    name="semivalues",
    statement="Σ_{T∌i} p_t (v(T∪i) − v(T)) = Σ_{S∋i} w_s J(S), w_s = Σ_t C(n−s, t−s+1) p_t;  "
    "Shapley 1/s, Banzhaf 2^{−(s−1)}, Occlusion-1 1",
    source="(63), (27), T3",
    covers="symbolic weights and values, n ≤ 4; the three families for symbolic n and s",
    lifts="the number of T depends on |R| and n only: every n",
    prove=prove,
)
