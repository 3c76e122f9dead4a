"""Grad-CAM in front of pooled features is Gradient × Input of the cells, summed over channels.

Statement: feature maps A^k_p, Z positions, y = g(A), α_k = (1/Z) Σ_q ∂y/∂A^k_q, L_p = Σ_k α_k A^k_p. In
the frame A = 0 of the cells: for y = h(F), F_k = (1/Z) Σ_p A^k_p, the weight of I(κ) in L_p is Σ_k
κ_{(k,p)}, and Σ_p L_p = Σ_κ |κ| I(κ); for linear h Σ_p L_p = y − h(0). For any head it is (1/Z) Σ_k Σ_q
κ_{(k,q)} A^k_p/A^k_q. Where cells are 0, put Â = 1 there and Â = A elsewhere: the weight of ∂^κ g(0)/κ! Â^κ
is (1/Z) Σ_k Σ_q κ_{(k,q)} A^k_p/Â^k_q 1[z = 1[A^k_q = 0]], z the exponents of the cells at 0. In the frame of
the input the weight of the first-order effects ∂g(A) Â^k_q is (1/Z) A^k_p/Â^k_q, and all others get nothing.

Hypotheses: the Taylor series of g at A = 0 converges absolutely at A (in the frame of the input: g is
differentiable at A); for a general head without Â, A^k_q ≠ 0. The final ReLU is left out.

Source: eq. (23), (24); the attribution is that of Selvaraju et al., arXiv 1610.02391.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import product

import sympy as sp

from proofs.smooth import Smooth
from proofs.theorem import Number, Step, Theorem

Cells = Sequence[Sequence[Number]]


def share(kappa: Cells, activations: Cells, p: int) -> sp.Expr:
    """Return Σ_k κ_{(k,p)} for exponents κ[k][p]; the activations do not matter."""
    return sp.Add(*(row[p] for row in kappa))


def share_of_any_head(kappa: Cells, activations: Cells, p: int) -> sp.Expr:
    """Return (1/Z) Σ_k Σ_q κ_{(k,q)} A^k_p/A^k_q for exponents κ[k][q] and activations A[k][q]."""
    return spread(kappa, activations, activations, p)


def share_of_coefficients(kappa: Cells, activations: Cells, p: int) -> sp.Expr:
    """Return (1/Z) Σ_k Σ_q κ_{(k,q)} A^k_p/Â^k_q 1[z = 1[A^k_q = 0]]."""
    still = [[int(a == 0) for a in row] for row in activations]
    z = sum(
        e * zero for es, zeros in zip(kappa, still, strict=True) for e, zero in zip(es, zeros, strict=True)
    )
    kept = [
        [e * int(z == zero) for e, zero in zip(*rows, strict=True)] for rows in zip(kappa, still, strict=True)
    ]
    return spread(kept, activations, moved(activations), p)


def share_from_the_input(kappa: Cells, activations: Cells, p: int) -> sp.Expr:
    """Return (1/Z) A^k_p/Â^k_q for the first-order term of cell (k, q), 0 for any other."""
    first = sum(sum(row) for row in kappa) == 1
    return spread(kappa, activations, moved(activations), p) if first else sp.Integer(0)


def spread(kappa: Cells, above: Cells, below: Cells, p: int) -> sp.Expr:
    """Return (1/Z) Σ_k Σ_q κ_{(k,q)} above^k_p/below^k_q."""
    terms = (
        sp.sympify(exponent) * cells[p] / steps[q]
        for exponents, cells, steps in zip(kappa, above, below, strict=True)
        for q, exponent in enumerate(exponents)
    )
    return sp.Add(*terms) / len(above[0])


def moved(activations: Cells) -> Cells:
    """Return Â: the activations with 1 in place of 0."""
    return [[1 if a == 0 else a for a in row] for row in activations]


def heat(y: sp.Expr, A: Sequence[Sequence[sp.Symbol]], p: int) -> sp.Expr:
    """Return L_p = Σ_k A^k_p (1/Z) Σ_q ∂y/∂A^k_q."""
    return sp.Add(*(row[p] * sp.Add(*(sp.diff(y, cell) for cell in row)) / len(row) for row in A))


def prove(
    ratio: Callable[[Cells, Cells, int], sp.Expr] = share,
    of_any_head: Callable[[Cells, Cells, int], sp.Expr] = share_of_any_head,
    of_coefficients: Callable[[Cells, Cells, int], sp.Expr] = share_of_coefficients,
    from_the_input: Callable[[Cells, Cells, int], sp.Expr] = share_from_the_input,
) -> Iterator[Step]:
    """An unspecified head of pooled features, Euler's operator on monomials, then polynomial heads.

    At last cells at 0: every monomial up to order 3 of four cells, and an unspecified head at the input.

    Args:
        ratio: The weight of I(κ) at position p for pooled features, from exponents and activations as nested
            sequences [channel][position], and p.
        of_any_head: The same for a general head.
        of_coefficients: The same where cells may be 0.
        from_the_input: The weight of a term in the frame of the input.

    Yields:
        The steps.
    """
    for K, Z in ((2, 2), (2, 3), (3, 2)):
        A = [sp.symbols(f"A{k}_1:{Z + 1}", positive=True) for k in range(1, K + 1)]
        kappa = [sp.symbols(f"kappa{k}_1:{Z + 1}", integer=True, nonnegative=True) for k in range(1, K + 1)]
        pooled = [sp.Add(*row) / Z for row in A]
        head = Smooth(*[0] * K, *pooled)
        monomial = sp.Mul(
            *(a**e for row, es in zip(A, kappa, strict=True) for a, e in zip(row, es, strict=True))
        )
        for p in range(Z):
            cells = sp.Add(*(row[p] * sp.diff(head, row[p]) for row in A))
            name = f"{K} channels, {Z} positions, p = {p + 1}"
            yield Step(f"{name}: pooled, L_p = Σ_k A ∂y/∂A", heat(head, A, p), cells)
            euler = sp.Add(*(row[p] * sp.diff(monomial, row[p]) for row in A))
            yield Step(f"{name}: Σ_k A ∂/∂A of A^κ", euler / monomial, ratio(kappa, A, p))
            general = heat(monomial, A, p)
            yield Step(f"{name}: any head, A^κ", general / monomial, of_any_head(kappa, A, p))
        whole = sp.Add(*(ratio(kappa, A, p) for p in range(Z)))
        yield Step(
            "pooled: the weights of a term add up to |κ|", whole, sp.Add(*(e for es in kappa for e in es))
        )

    # h(F_1, F_2) = Σ c_{ab} F_1^a F_2^b, two positions: a power of a pooled feature is many terms in cells.
    K, Z, order = 2, 2, 3
    A = [sp.symbols(f"A{k}_1:{Z + 1}", positive=True) for k in range(1, K + 1)]
    pooled = [sp.Add(*row) / Z for row in A]
    y = sp.Add(
        *(
            sp.Symbol(f"c{a}{b}") * pooled[0] ** a * pooled[1] ** b
            for a, b in product(range(order + 1), repeat=2)
            if a + b <= order
        )
    )
    names = [cell for row in A for cell in row]
    terms = sp.Poly(sp.expand(y), *names).terms()
    for p in range(Z):
        stated = sp.Add(
            *(
                ratio([powers[:Z], powers[Z:]], A, p)
                * weight
                * sp.prod([a**e for a, e in zip(names, powers, strict=True)])
                for powers, weight in terms
                if any(powers)
            )
        )
        yield Step(f"pooled, polynomial of order {order}, p = {p + 1}", heat(y, A, p), stated)
    slopes = sp.symbols("h1:3")
    linear: sp.Expr = sp.Symbol("h0") + slopes[0] * pooled[0] + slopes[1] * pooled[1]
    yield Step(
        "class activation maps: Σ_p L_p = y − h(0)",
        sp.Add(*(heat(linear, A, p) for p in range(Z))),
        linear - linear.subs(dict.fromkeys(names, 0)),
    )

    yield from _cells_at_zero(of_coefficients, from_the_input)


def _cells_at_zero(
    of_coefficients: Callable[[Cells, Cells, int], sp.Expr],
    from_the_input: Callable[[Cells, Cells, int], sp.Expr],
) -> Iterator[Step]:
    """Two channels, two positions, of which none, one or two cells are 0."""
    names = sp.symbols("A1_1:3") + sp.symbols("A2_1:3")
    A = [names[:2], names[2:]]
    for zeros in ((), (0,), (0, 3), (2, 3)):
        at = {cell: sp.Integer(0) if j in zeros else cell for j, cell in enumerate(names)}
        values = [[at[cell] for cell in row] for row in A]
        steps = [cell for row in moved(values) for cell in row]
        for p in range(2):
            for order in range(1, 4):
                terms = [powers for powers in product(range(order + 1), repeat=4) if sum(powers) == order]
                c = [sp.Symbol(f"c{''.join(map(str, powers))}") for powers in terms]
                y = sp.Add(*(a * _power(names, powers) for a, powers in zip(c, terms, strict=True)))
                stated = sp.Add(
                    *(
                        of_coefficients([powers[:2], powers[2:]], values, p) * a * _power(steps, powers)
                        for a, powers in zip(c, terms, strict=True)
                    )
                )
                name = f"{len(zeros)} cells at 0, order {order}, p = {p + 1}"
                yield Step(f"{name}: coefficients", heat(y, A, p).subs(at), stated)
            head = Smooth(*[0] * 4, *names)
            units = [[int(j == cell) for j in range(4)] for cell in range(4)]
            stated = sp.Add(
                *(
                    from_the_input([unit[:2], unit[2:]], values, p) * sp.diff(head, cell) * step
                    for unit, cell, step in zip(units, names, steps, strict=True)
                )
            )
            direct = sp.Add(*(at[row[p]] * sp.Add(*(sp.diff(head, cell) for cell in row)) / 2 for row in A))
            yield Step(f"{len(zeros)} cells at 0, p = {p + 1}: frame of the input", direct, stated)
        beyond = sp.Add(
            *(from_the_input([powers[:2], powers[2:]], values, 0) for powers in ((1, 1, 0, 0), (0, 0, 2, 1)))
        )
        yield Step(f"{len(zeros)} cells at 0: beyond first order", beyond, sp.Integer(0))


def _power(cells: Sequence[Number], powers: Sequence[int]) -> sp.Expr:
    return sp.Mul(*(sp.sympify(a) ** e for a, e in zip(cells, powers, strict=True)))


THEOREM = Theorem(
    name="grad_cam",
    statement="pooled features: L_p = Σ_κ (Σ_k κ_{(k,p)}) I(κ);  any head: "
    "L_p = Σ_κ (1/Z) Σ_k Σ_q κ_{(k,q)} (A^k_p/A^k_q) I(κ)",
    source="(23), (24)",
    covers="an unspecified head of pooled features, monomials with symbolic exponents for 2–3 channels and "
    "positions; polynomial heads of order 3",
    lifts="α_k and Euler's operator are sums over cells: any number; linearity and absolute "
    "convergence: series",
    prove=prove,
)
