"""LIME without a penalty is an allocation, and it leaks.

Statement: fit a_0 + Σ_i a_i z_i to v(z) by least squares over masks z ∈ {0, 1}ⁿ with a probability π(z)
that depends on the number of ones. Let μ_r = E[z_1 … z_r], c0 = μ_1 − μ_1², c1 = μ_2 − μ_1², g = μ_s (1 −
μ_1), h = μ_{s+1} − μ_1 μ_s (0 if s = n) and τ = c1 (s g + (n−s) h)/(c0 + (n−1) c1). J(S), s = |S|, has
the weight A_s = (g − τ)/(c0 − c1) for i ∈ S and B_s = (h − τ)/(c0 − c1) for i ∉ S. A_1 = 1, B_1 = 0. The
uniform kernel gives Banzhaf; Shapley's kernel, with the weights of the empty and the full mask grown to
infinity, gives Shapley.

Hypotheses: c0 ≠ c1 and c0 + (n−1) c1 ≠ 0; no penalty, no selection of variables.

Source: eq. (67), (63); the method is that of Ribeiro, Singh, Guestrin, arXiv 1602.04938.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import sympy as sp

from proofs.games import everyone, label, subsets, unanimity
from proofs.theorem import Number, Step, Theorem


def shares(s: Number, n: Number, c0: sp.Expr, c1: sp.Expr, g: sp.Expr, h: sp.Expr) -> tuple[sp.Expr, sp.Expr]:
    """Return A_s and B_s from the covariances of masks (c0, c1) and of a unanimity game with them (g, h)."""
    tau = c1 * (s * g + (n - s) * h) / (c0 + (n - 1) * c1)
    return (g - tau) / (c0 - c1), (h - tau) / (c0 - c1)


def covariances(n: int, s: int, weights: tuple[sp.Expr, ...]) -> tuple[sp.Expr, sp.Expr, sp.Expr, sp.Expr]:
    """Return c0, c1, g, h of the kernel weights[|z|], which is made to add up to 1."""
    total = sp.Add(*(sp.binomial(n, t) * w for t, w in enumerate(weights)))

    def mu(r: int) -> sp.Expr:
        return sp.Add(*(sp.binomial(n - r, t - r) * weights[t] for t in range(r, n + 1))) / total

    first, joint = mu(1), mu(s)
    h = sp.Integer(0) if s == n else mu(s + 1) - first * joint
    return first - first**2, (mu(2) if n > 1 else first**2) - first**2, joint * (1 - first), h


def prove(
    claimed: Callable[..., tuple[sp.Expr, sp.Expr]] = shares,
) -> Iterator[Step]:
    """The normal equations for symbolic n, s and moments; then fits over all masks with given kernels."""
    n, s = sp.symbols("n s", integer=True, positive=True)
    c0, c1, g, h = sp.symbols("c0 c1 g h", nonzero=True)
    A, B = claimed(s, n, c0, c1, g, h)
    # Cov(z_j, Σ a_i z_i) = Cov(z_j, v): c0 on the diagonal, c1 beside it.
    yield Step("normal equation of j ∈ S", c0 * A + c1 * ((s - 1) * A + (n - s) * B), g)
    yield Step("normal equation of j ∉ S", c0 * B + c1 * (s * A + (n - s - 1) * B), h)
    alone = claimed(sp.Integer(1), n, c0, c1, c0, c1)  # s = 1: g = c0 and h = c1
    yield Step("A_1 = 1", alone[0], sp.Integer(1))
    yield Step("B_1 = 0", alone[1], sp.Integer(0))
    half = sp.Rational(1, 2)
    banzhaf = claimed(s, n, half - half**2, sp.Integer(0), half**s * half, half ** (s + 1) - half * half**s)
    yield Step("uniform kernel: A_s is Banzhaf's", banzhaf[0], sp.Integer(2) ** (1 - s))
    yield Step("uniform kernel: B_s = 0", banzhaf[1], sp.Integer(0))

    # Least squares over all masks, kernels in numbers: μ, c0, c1, g, h as stated, and the fit as claimed.
    kernels = {2: (1, 3, 2), 3: (2, 1, 4, 3), 4: (5, 2, 1, 3, 4)}
    for players, kernel in kernels.items():
        weights = tuple(map(sp.Integer, kernel))
        masks = subsets(everyone(players))
        design = sp.Matrix([[1, *(int(i in T) for i in range(1, players + 1))] for T in masks])
        scale = sp.diag(*(weights[len(T)] for T in masks))
        for size in range(1, players + 1):
            S = frozenset(range(1, size + 1))
            v = unanimity(players, S)
            fit = (design.T * scale * design).LUsolve(design.T * scale * sp.Matrix([v[T] for T in masks]))
            inside, outside = claimed(size, players, *covariances(players, size, weights))
            for i in range(1, players + 1):
                name = f"n = {players}, kernel {kernel}: the weight of J({label(S)}) for {i}"
                yield Step(name, fit[i], inside if i in S else outside)
    # Shapley's kernel (n−1)/(C(n, t) t (n−t)), and a weight 1/ε on the two masks where that is infinite.
    epsilon = sp.Symbol("epsilon", positive=True)
    for players in range(2, 5):
        inner = [
            sp.Rational(players - 1, t * (players - t)) / sp.binomial(players, t) for t in range(1, players)
        ]
        weights = (1 / epsilon, *inner, 1 / epsilon)
        for size in range(1, players + 1):
            found = claimed(size, players, *covariances(players, size, weights))
            for name, weight, stated in zip("AB", found, (sp.Rational(1, size), sp.Integer(0)), strict=True):
                if name == "B" and size == players:
                    continue
                limit = sp.cancel(sp.together(weight)).subs(epsilon, 0)
                yield Step(f"Shapley's kernel, n = {players}: {name}_{size}", limit, stated)


THEOREM = Theorem(
    name="lime",
    statement="LIME without penalty: J(S) has the weight A_s = (g − τ)/(c0 − c1) on S and B_s = (h − "
    "τ)/(c0 − c1) off S; uniform kernel Banzhaf, Shapley's kernel Shapley",
    source="(67), (63)",
    covers="the normal equations for symbolic n, s and covariances; fits over all masks for n ≤ 4; "
    "Shapley's kernel for n ≤ 4",
    lifts="least squares are linear in v, and unanimity games span all games; that Shapley's kernel "
    "gives Shapley for n > 4 is known (Lundberg, Lee, arXiv 1705.07874)",
    prove=prove,
)
