"""(R3), (R4), (R10): products, matrix products, quotients, gated units, products over a dimension."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from taylorattr.methods.relevance.maths.product_mean import product_weights
from taylorattr.methods.relevance.maths.secant import smooth
from taylorattr.methods.relevance.rule import Pulled, Rule
from taylorattr.methods.relevance.site import Site, fit
from taylorattr.program.arguments import operands
from taylorattr.program.program import Node


def means(site: Site) -> list[Tensor]:
    """Return ū = (u + u⁰)/2 of each operand."""
    return [(x + b) / 2 for x, b in zip(site.x, site.b, strict=True)]


class MeanProduct(Rule):
    """m_a = m·b̄, m_b = m·ā: Δ(ab) = b̄Δa + āΔb, the Shapley value and the path integral of a product."""

    name = "product"

    def pull(self, site: Site, m: Tensor) -> Pulled:
        """Return m·b̄, m·ā."""
        a, b = means(site)
        return [fit(m * b, site.x[0]), fit(m * a, site.x[1])]

    def pull_abs(self, site: Site, m: Tensor) -> Pulled:
        """Return m·|b̄|, m·|ā|."""
        a, b = means(site)
        return [fit(m * b.abs(), site.x[0]), fit(m * a.abs(), site.x[1])]

    def push_abs(self, site: Site, parts: Sequence[Tensor]) -> Tensor:
        """Return |b̄|A_a + |ā|A_b."""
        a, b = means(site)
        return b.abs() * parts[0] + a.abs() * parts[1]


class MeanMatmul(Rule):
    """m_A = m·B̄ᵀ, m_B = Āᵀ·m: (R3) summed over the inner index; an added third argument passes on."""

    name = "product"

    def pull(self, site: Site, m: Tensor) -> Pulled:
        """Return m·B̄ᵀ and Āᵀ·m."""
        return _matmul_pull(site, m, means(site))

    def pull_abs(self, site: Site, m: Tensor) -> Pulled:
        """Return m·|B̄|ᵀ and |Ā|ᵀ·m."""
        return _matmul_pull(site, m, [u.abs() for u in means(site)])

    def push_abs(self, site: Site, parts: Sequence[Tensor]) -> Tensor:
        """Return A_A|B̄| + |Ā|A_B (+ A of the added argument)."""
        *added, a, b = (u.abs() for u in means(site))
        scale = site.named.get("alpha", 1)
        total = (parts[-2] @ b + a @ parts[-1]) * abs(scale)
        return total + parts[0] * abs(site.named.get("beta", 1)) if added else total


def _matmul_pull(site: Site, m: Tensor, factors: Sequence[Tensor]) -> list[Tensor | None]:
    """Return the multipliers of a matrix product's operands, each m times the other factor.

    Args:
        site: A product of two activations, `dot` and matrix times vector included, to which a third is added.
        m: Of the result.
        factors: What stands for the operands, in their order.
    """
    *added, a, b = factors
    scale = site.named.get("alpha", 1)
    weighted = m * scale if scale != 1 else m
    if a.dim() == 1:  # dot
        multipliers: list[Tensor | None] = [weighted * b, weighted * a]
    elif b.dim() == 1:
        multipliers = [weighted.unsqueeze(-1) * b, a.mT @ weighted]
    else:
        multipliers = [weighted @ b.mT, a.mT @ weighted]
    if added:
        multipliers.insert(0, fit(m * site.named.get("beta", 1), site.x[0]))
    return multipliers


class MeanQuotient(Rule):
    """m_a = m·mean(1/b), m_b = −m·ā/(bb⁰): (R3) on a·(1/b), Δ(1/b) = −Δb/(bb⁰).

    The path integral would need ln(b/b⁰), which fails where b changes sign.
    """

    name = "quotient"

    def pull(self, site: Site, m: Tensor) -> Pulled:
        """Return the multipliers of the active ones of numerator and denominator."""
        return [fit(m * w, x) for w, x in zip(_quotient_weights(site), site.x, strict=True)]

    def pull_abs(self, site: Site, m: Tensor) -> Pulled:
        """Return the same with |·|."""
        return [fit(m * w.abs(), x) for w, x in zip(_quotient_weights(site), site.x, strict=True)]

    def push_abs(self, site: Site, parts: Sequence[Tensor]) -> Tensor:
        """Return Σ|weight|·A."""
        total = torch.zeros_like(site.y)
        for w, a in zip(_quotient_weights(site), parts, strict=True):
            total = total + w.abs() * a
        return total


def _quotient_weights(site: Site) -> list[Tensor]:
    """Return the weights of the active ones of numerator and denominator."""
    b, b0 = site.x[-1], site.b[-1]
    slope = -1 / (b * b0)
    if len(site.operands) == 1:  # a constant over b
        return [slope * site.named["self"]]
    return [(1 / b + 1 / b0) / 2, slope * (site.x[0] + site.b[0]) / 2]


class MeanGate(Rule):
    """GLU, a·σ(g): m_a = m·σ̄, m_g = m·ā·Δσ/Δg, (R3) and (R2)."""

    name = "product"

    def pull(self, site: Site, m: Tensor) -> Pulled:
        """Return both halves' multipliers, joined."""
        dim = site.named["dim"]
        (a, g), (a0, g0) = site.x[0].chunk(2, dim), site.b[0].chunk(2, dim)
        s, s0 = g.sigmoid(), g0.sigmoid()
        slope = smooth(torch.sigmoid, g0, g, s0, s)
        return [torch.cat([m * (s + s0) / 2, m * (a + a0) / 2 * slope], dim)]


class MeanProd(Rule):
    """(R10) prod over a dimension: the path integral of a polynomial, exact by Gauss quadrature."""

    name = "path"

    def pull(self, site: Site, m: Tensor) -> Pulled:
        """Return m times the mean of the other factors' product along the path."""
        x, b = site.x[0], site.b[0]
        a = site.named
        if a.get("dim") is None:
            weights = product_weights(x.reshape(1, -1), b.expand_as(x).reshape(1, -1)).reshape(x.shape)
            return [m * weights]
        dim = a["dim"]
        weights = product_weights(x.movedim(dim, -1), b.movedim(dim, -1)).movedim(-1, dim)
        return [(m if a["keepdim"] else m.unsqueeze(dim)) * weights]


class HalfProduct(Rule):
    """(75) LRP: m_a = w_a·m·b, m_b = w_b·m·a with w_a + w_b = 1, so that R = m·a·b is handed on whole.

    One half each (a product is homogeneous of degree 2), except:

    - a factor made by a normalising operation (softmax, rsqrt, reciprocal) gets 0 where the other was not:
      all relevance of attention goes to the values, of a norm to what it scales;
    - a gate (sigmoid) gets 0 where the other is none: (76), the signal takes all. A half of the gate would
      pass a sigmoid, whose σ(0) ≠ 0 makes relevance of any size of it, in recurrent nets once per step.

    Attributes:
        frozen: Whether normalising factors are told.
        gates: Whether gates are.
    """

    name = "half"

    def __init__(self, frozen: bool = True, gates: bool = True) -> None:
        self.frozen, self.gates_told = frozen, gates

    def shares(self, site: Site) -> tuple[float, float]:
        """Return w_a and w_b."""
        for told, test in ((self.frozen, is_frozen), (self.gates_told, is_gate)):
            first, second = (told and test(site, i) for i in site.operands[-2:])
            if first != second:
                return (0.0, 1.0) if first else (1.0, 0.0)
        return 0.5, 0.5

    def pull(self, site: Site, m: Tensor) -> Pulled:
        """Return the share of each factor."""
        share_a, share_b = self.shares(site)
        a, b = site.x
        return [fit(m * b * share_a, a) if share_a else None, fit(m * a * share_b, b) if share_b else None]


class HalfMatmul(HalfProduct):
    """(75) for a matrix product of two activations, one of which may be an attention pattern or gates."""

    def __init__(self, frozen: bool = True, eps: float = 0.0, gates: bool = True) -> None:
        super().__init__(frozen, gates)
        self.eps = eps

    def pull(self, site: Site, m: Tensor) -> Pulled:
        """Return the share of each matrix; the sum over the inner index takes ε."""
        m = stabilised(site, m, self.eps)
        if site.note is not None:
            site.give_up("bias", m, site.at_zero()[0])
        share_a, share_b = self.shares(site)
        *added, to_a, to_b = _matmul_pull(site, m, site.x)
        to_a = to_a * share_a if to_a is not None and share_a else None
        to_b = to_b * share_b if to_b is not None and share_b else None
        return [*added, to_a, to_b]


class FrozenDivisor(Rule):
    """(R25) LRP of a/b: the divisor is a frozen scale, m_a = m/b; a share for b has no zero reference."""

    name = "frozen divisor"

    def pull(self, site: Site, m: Tensor) -> Pulled:
        """Return m/b for the numerator; a constant numerator's relevance is a named share."""
        if len(site.operands) == 1:
            site.give_up("constant", m, site.y)
            return [None]
        return [fit(m / site.x[1], site.x[0]), None]


def stabilised(site: Site, m: Tensor, eps: float) -> Tensor:
    """Return f·m with f = |y|/(|y| + ε) = 1 − ε/(|y| + ε), and note the share m(1 − f)y that ε takes."""
    if eps == 0:
        return m
    stable = torch.addcdiv(m, m, site.y.abs().add_(eps), value=-eps)
    if site.note is not None:
        site.give_up("epsilon", m - stable, site.y)
    return stable


_FREEZERS = frozenset("_softmax _safe_softmax rsqrt reciprocal".split())
"""Operations that normalise; a power with a negative exponent is another."""

_THROUGH = frozenset(
    "view _unsafe_view reshape expand squeeze unsqueeze permute transpose t select slice masked_fill clone "
    "_to_copy index_select gather unbind split flatten where".split()
)
"""Operations that rearrange or choose entries."""

_GATES = frozenset("sigmoid hardsigmoid special_expit".split())
"""Functions whose values lie in [0, 1]."""

_AFFINE = frozenset("add sub rsub neg mul div".split())
"""Shifts and scales, where the other argument is a constant."""


def is_frozen(site: Site, index: int) -> bool:
    """Return whether a value is made by a normalising operation, then rearranged and scaled by constants."""

    def freezes(node: Node) -> bool:
        exponent = node.args[1] if node.name == "pow" else 0
        return node.name in _FREEZERS or (isinstance(exponent, (int, float)) and exponent < 0)

    return _comes_from(site, index, freezes, frozenset({"mul", "div"}))


def is_gate(site: Site, index: int) -> bool:
    """Return whether a value is a sigmoid, rearranged, scaled or shifted by constants: 1 − σ(z), 2σ(z)."""
    return _comes_from(site, index, lambda node: node.name in _GATES, _AFFINE)


def _comes_from(site: Site, index: int, source: Callable[[Node], bool], steps: frozenset[str]) -> bool:
    """Return whether a value was made by a source; between lie rearrangements, and steps with constants."""
    while (node := site.makers.get(index)) is not None:
        if source(node):
            return True
        read = [i for i in operands(node) if i in site.active]
        passed_on = node.name in _THROUGH or (node.name in steps and len(read) == 1)
        if not passed_on or not read:
            return False
        index = read[-1] if node.name == "where" else read[0]  # of where the first may be the mask
    return False
