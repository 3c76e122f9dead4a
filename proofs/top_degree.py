"""The top degree of a composition from one backward pass.

Statement: a program computes y_l = F_l(y_j, j < l) from inputs affine in t. Let u_d be the part of degree d
of a value. For K ≥ 2 each node has y_{l,K} = Σ_j ∂_j F_l(y_0) y_{j,K} + N_{l,K}, where N_{l,K} needs degrees
below K only, and for the output f = y_L: f_K = Σ_l g_l N_{l,K}, g_l = ∂f/∂y_l at degree 0.

Hypotheses: every F_l is K times differentiable at the degree-0 values.

Source: docs/engine.md, section 3; reverse accumulation, with (5) for what the parts of degree d are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import sympy as sp

from proofs.smooth import Smooth
from proofs.theorem import Step, Theorem

TAU = sp.Symbol("tau")


class F(Smooth):
    """An unspecified F."""


class G(Smooth):
    """An unspecified G."""


class H(Smooth):
    """An unspecified H."""


def assemble(gradients: Sequence[sp.Expr], sources: Sequence[sp.Expr]) -> sp.Expr:
    """Return Σ_l g_l N_l."""
    return sp.Add(*(g * N for g, N in zip(gradients, sources, strict=True)))


def block(value: sp.Expr, degree: int) -> sp.Expr:
    """Return [τ^degree] of an expression by differentiation."""
    return sp.diff(value, TAU, degree).subs(TAU, 0).doit() / sp.factorial(degree)


def series(name: str, degree: int) -> sp.Expr:
    """Return u_0 + u_1 τ + … with symbols for the parts."""
    return sp.Add(*(sp.Symbol(f"{name}{d}") * TAU**d for d in range(degree + 1)))


def below(value: sp.Expr, degree: int) -> sp.Expr:
    """Return the parts of an expression of degree less than that."""
    return sp.Add(*(block(value, d) * TAU**d for d in range(degree)))


def one_node(K: int) -> Iterator[Step]:
    """y_K − F′(u_0)[u_K] contains no u_K: it is y_K of the inputs cut off below K."""
    u, w = series("u", K), series("w", K)
    u0, w0, u_K, w_K = (sp.Symbol(s) for s in ("u0", "w0", f"u{K}", f"w{K}"))
    first = F(1, 0, u0, w0) * u_K + F(0, 1, u0, w0) * w_K
    source = block(F(0, 0, below(u, K), below(w, K)), K)
    yield Step(f"K = {K}: one node", block(F(0, 0, u, w), K), first + source)


def unrolled(L: int, sums: Callable[..., sp.Expr]) -> Iterator[Step]:
    """Forward y_l = Σ_{j<l} A_lj y_j + N_l, backward g_j = [j = L] + Σ_{l>j} g_l A_lj: y_L = Σ_l g_l N_l."""
    A = {(k, j): sp.Symbol(f"A{k}{j}") for k in range(L) for j in range(k)}
    N = sp.symbols(f"N0:{L}")
    y: list[sp.Expr] = []
    for k in range(L):
        y.append(N[k] + sp.Add(*(A[k, j] * y[j] for j in range(k))))
    g: list[sp.Expr] = [sp.Integer(0)] * L
    for j in reversed(range(L)):
        g[j] = sp.Integer(j == L - 1) + sp.Add(*(g[k] * A[k, j] for k in range(j + 1, L)))
    yield Step(f"{L} nodes, every connection: forward and backward", y[-1], sums(g, N))


def composition(K: int, sums: Callable[..., sp.Expr]) -> Iterator[Step]:
    """f = F(G(x), H(G(x), x)), x = x_0 + x_1 τ: a value used twice and a path around a node."""
    x = series("x", 1)
    u = G(0, x)
    w = H(0, 0, u, x)
    f = F(0, 0, u, w)
    u0, w0 = block(u, 0), block(w, 0)
    F_u, F_w, H_u = F(1, 0, u0, w0), F(0, 1, u0, w0), H(1, 0, u0, block(x, 0))
    gradients = [F_u + F_w * H_u, F_w, sp.Integer(1)]
    lower_u, lower_w = below(u, K), below(w, K)
    sources = [block(u, K), block(H(0, 0, lower_u, x), K), block(F(0, 0, lower_u, lower_w), K)]
    yield Step(f"K = {K}: F(G(x), H(G(x), x))", block(f, K), sums(gradients, sources))


def prove(sums: Callable[..., sp.Expr] = assemble) -> Iterator[Step]:
    """Each node, the unrolled recurrence, and a composition with everything in it."""
    for K in (2, 3, 4):
        yield from one_node(K)
    for L in range(1, 7):
        yield from unrolled(L, sums)
    for K in (2, 3, 4):
        yield from composition(K, sums)


THEOREM = Theorem(
    name="top_degree",
    statement="f_K = Σ_l g_l N_{l,K}, g_l = ∂f/∂y_l at degree 0, N_{l,K} from degrees below K",
    source="docs/engine.md 3, (5)",
    covers="unspecified nodes of two arguments, K ≤ 4; any graph of ≤ 6 nodes; F(G(x), H(G(x), x)), K ≤ 4",
    lifts="t → τt makes parts of degree d coefficients of τ^d: every n; "
    "u_K τ^K moves F by F′(u_0) u_K τ^K + O(τ^{K+1}): "
    "every K; Σ_l g_l (y_l − Σ_j A_lj y_j) = Σ_j y_j (g_j − Σ_l g_l A_lj) = y_L: every graph",
    prove=prove,
)
