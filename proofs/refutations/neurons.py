"""Single units σ(c + Σ u_i t_i) with small integers, by size, and rules that pass on their output.

t runs from 0 to 1; the multiplier is 1, see eq. (28).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import TypeAlias

import sympy as sp

from proofs.refutations.polynomials import ORDER, Y, effects, vector
from proofs.refutations.refutation import Case, Size
from proofs.smooth import MultiIndex, support
from proofs.theorem import Number

CONTRIBUTIONS = (1, -1, 2, -2, 3, -3)
BIASES = (0, 1, -1, 2, -2)
LARGEST = 2
"""Inputs of a unit at most."""

Rule: TypeAlias = Callable[[Sequence[int], int, sp.Expr], Sequence[sp.Expr]]
"""u, c and σ(z) -> R_1, …, R_n."""


@dataclass(frozen=True)
class Neuron:
    """σ(z) = z^m, or z^m − c^m, at z = c + Σ u_i.

    Attributes:
        u: Contributions of the inputs.
        c: Bias.
        m: Order of σ.
        centred: Whether c^m is taken off, so that σ(c) = 0.
    """

    u: tuple[int, ...]
    c: int
    m: int
    centred: bool = False

    @property
    def size(self) -> Size:
        """Number of inputs, order, Σ|u| + |c|."""
        return len(self.u), self.m, sum(map(abs, self.u)) + abs(self.c)

    @property
    def z(self) -> int:
        """Sum of the bias and the contributions."""
        return self.c + sum(self.u)

    @property
    def value(self) -> sp.Expr:
        """Output σ(z)."""
        return sp.Integer(self.z) ** self.m - (self.c**self.m if self.centred else 0)

    @property
    def effects(self) -> dict[MultiIndex, sp.Expr]:
        """Effects that are not 0, by derivatives in t."""
        t = Y[: len(self.u)]
        f = (self.c + sp.Add(*(a * s for a, s in zip(self.u, t, strict=True)))) ** self.m
        return effects(f, t, [1] * len(t), "baseline", self.m)

    @property
    def has_effect(self) -> bool:
        """Whether a ψ_i or J(S) is not 0."""
        table = self.effects
        return any(
            sum(value for kappa, value in table.items() if support(kappa) == S) != 0
            for S in map(support, table)
        )

    def __str__(self) -> str:
        """Return σ, u and c."""
        power = "z" if self.m == 1 else f"z^{self.m}"
        less = f" − c^{self.m}".replace("^1", "") if self.centred else ""
        return f"{power}{less}, u = {vector(self.u)}" + (f", c = {self.c}" if self.c else "").replace(
            "-", "−"
        )


def neurons(
    keep: Callable[[Neuron], bool] = lambda unit: True,
    *,
    biases: Sequence[int] = (0,),
    orders: int = ORDER,
    centred: bool = False,
) -> Iterator[Neuron]:
    """Iterate over units by inputs n, order m, Σ|u| + |c|.

    Args:
        keep: The units a claim is about.
        biases: Values of c.
        orders: Orders of σ at most.
        centred: Whether σ(c) = 0.

    Yields:
        n ≤ 2, entries of u ±1, ±2, ±3.
    """
    for n, m in product(range(1, LARGEST + 1), range(1, orders + 1)):
        found = [Neuron(u, c, m, centred) for u, c in product(product(CONTRIBUTIONS, repeat=n), biases)]
        yield from sorted(filter(keep, found), key=lambda unit: (unit.size, [-a for a in unit.u]))


def active(unit: Neuron) -> bool:
    """Return whether z > 0."""
    return unit.z > 0


def active_with_positive(unit: Neuron) -> bool:
    """Return whether z > 0 and P > 0."""
    return active(unit) and positive(unit.u) > 0


def active_with_both(unit: Neuron) -> bool:
    """Return whether z > 0 and both groups have members."""
    return active(unit) and positive(unit.u) != 0 != sum(unit.u) - positive(unit.u)


def positive(u: Sequence[int]) -> int:
    """Return P."""
    return sum(a for a in u if a > 0)


def lrp_epsilon(epsilon: Number = 0) -> Rule:
    """Return R_i = u_i σ(z)/d, d = z + ε sgn z."""

    def passed(u: Sequence[int], c: int, value: sp.Expr) -> Sequence[sp.Expr]:
        z = c + sum(u)
        return [a * value / (z + epsilon * sp.sign(z)) for a in u]

    return passed


def lrp_alpha_beta(alpha: int, *, with_bias: bool = False) -> Rule:
    """Return α (u_i/P) σ(z) on N+ and −β (u_i/Q) σ(z) on N−, β = α − 1; c⁺ and c⁻ in P and Q if asked for."""

    def passed(u: Sequence[int], c: int, value: sp.Expr) -> Sequence[sp.Expr]:
        P = positive(u) + (max(c, 0) if with_bias else 0)
        Q = sum(a for a in u if a < 0) + (min(c, 0) if with_bias else 0)
        return [alpha * a * value / P if a > 0 else -(alpha - 1) * a * value / sp.Integer(Q) for a in u]

    return passed


def z_plus(u: Sequence[int], c: int, value: sp.Expr) -> Sequence[sp.Expr]:
    """Return (u_i/P) σ(z) on N+ and 0 on N−; 0/0 := 0."""
    return lrp_alpha_beta(1)(u, c, value)


def rescale(u: Sequence[int], c: int, value: sp.Expr) -> Sequence[sp.Expr]:
    """Return u_i Δy/Δz for a unit with σ(c) = 0, c = 0; 0 where Δz = 0."""
    return [a * value / sum(u) if sum(u) else sp.Integer(0) for a in u]


Units: TypeAlias = Callable[[], Iterable[Neuron]]
"""A family of units, from its start."""


def complete(method: Rule, units: Units) -> Iterator[Case]:
    """C3, added up: Σ_i R_i = Σ_κ I(κ)."""
    for unit in units():
        yield Case(
            unit.size, str(unit), sp.Add(*method(unit.u, unit.c, unit.value)), sp.Add(*unit.effects.values())
        )


def covered(method: Rule, units: Units) -> Iterator[Case]:
    """C1: a unit that has an effect passes something on, Σ_i |R_i| ≠ 0."""
    for unit in units():
        if unit.has_effect:
            passed = sp.Add(*(sp.Abs(R) for R in method(unit.u, unit.c, unit.value)))
            yield Case(unit.size, str(unit), passed, sp.Integer(0))


def own_effects(method: Rule, units: Units) -> Iterator[Case]:
    """C2, for a complete rule: in σ(z) = z each input gets its own effect, R_i = ψ_i = u_i."""
    for unit in units():
        passed = method(unit.u, unit.c, unit.value)
        for i, (R, own) in enumerate(zip(passed, unit.u, strict=True), start=1):
            yield Case(unit.size, f"{unit}, R_{i}", R, sp.Integer(own))


def rise(method: Rule, units: Units) -> Iterator[Case]:
    """Σ_i R_i = relu(z) − relu(c), the sum of all effects of an active ReLU: eq. (2), (3)."""
    for unit in units():
        effects_of_all = sp.Integer(unit.z - max(unit.c, 0))
        yield Case(unit.size, f"relu({unit})", sp.Add(*method(unit.u, unit.c, unit.value)), effects_of_all)


def conserved(method: Rule, units: Units) -> Iterator[Case]:
    """Σ_i R_i = σ(z): an active ReLU passes on what it puts out."""
    for unit in units():
        passed = sp.Add(*method(unit.u, unit.c, unit.value))
        yield Case(unit.size, f"relu({unit})", passed, unit.value)


def covered_less_a_constant(method: Rule, constants: Sequence[int] = BIASES) -> Iterator[Case]:
    """C1 for units z^m − k of one input, whose output a constant k brings to 0 or near it."""
    units = [unit for unit in neurons(active) if len(unit.u) == 1]
    found = [((1, unit.m, unit.size[2] + abs(k)), unit, k) for unit in units for k in constants]
    for size, unit, k in sorted(found, key=lambda entry: entry[0]):
        says = f"{unit}, less {k}".replace("-", "−")
        passed = sp.Add(*(sp.Abs(R) for R in method(unit.u, unit.c, unit.value - k)))
        yield Case(size, says, passed, sp.Integer(0))
