"""Activations as one unit σ(w·x + c), what known rules give its inputs, and what a black box gave.

A power z^m is unknown to libraries that know a list of activations; a rule has to be seen on those it knows.
The formulas are those of docs/theory.md §5 with reference 0: u = w∘x, z = Σu + c, z⁰ = c.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from taylorattr.criteria.probe.monomials import STANDARD_ERRORS, AttributeFn, scores
from taylorattr.criteria.probe.power_units import Unit, error_in_brief
from taylorattr.maths.mobius import mobius

ACTIVATIONS: Mapping[str, Callable[[], nn.Module]] = {
    "ReLU": nn.ReLU,
    "LeakyReLU": lambda: nn.LeakyReLU(0.1),
    "ELU": nn.ELU,
    "Softplus": nn.Softplus,
    "Sigmoid": nn.Sigmoid,
    "Tanh": nn.Tanh,
    "SELU": nn.SELU,
    "GELU": nn.GELU,
    "SiLU": nn.SiLU,
    "Mish": nn.Mish,
    "Hardtanh": nn.Hardtanh,
    "Hardswish": nn.Hardswish,
}
"""Name -> activation."""

KINKED = frozenset({"ReLU", "LeakyReLU", "Hardtanh", "Hardswish", "SELU", "ELU"})
"""Activations with a kink in value, slope or curvature, where a quadrature is coarse."""

SAME_ON_UNITS: Mapping[str, str] = {
    "integrated_gradients": "deeplift_rescale",
    "expected_gradients": "deeplift_rescale",
    "deep_shap/linear_activation": "deeplift_rescale",
    "shapley": "deep_shap",
    "prediction_difference": "occlusion_1",
}
"""Rules whose scores of one unit are another's, eq. (39), (43)."""

SMALLEST_SCALE = 0.01
"""Part of the largest |u| that scores are compared relative to, where all of them are smaller: nothing is
exactly 0."""

COARSE_AT_KINK, FINE_AT_KINK, COARSE = 0.05, 2.5e-3, 1e-3
"""Differences that a quadrature may leave: coarse at kinks, fine at kinks, and elsewhere.

N nodes are off by at most half a step times the jump of the slope: 1/(2N) for a ReLU, 2e-3 for 256 nodes.
"""

FALLBACK_RULE = "gradient_x_input"
"""What libraries do with a layer that they have no rule for."""


@dataclass(frozen=True)
class ActivationUnit:
    """One unit σ(Σu + c).

    Attributes:
        name: Of the activation.
        w: Weights, shape (n,).
        x: Input, shape (n,).
        c: Bias.
    """

    name: str
    w: np.ndarray
    x: np.ndarray
    c: float

    @property
    def u(self) -> np.ndarray:
        """w∘x, shape (n,)."""
        return self.w * self.x

    @property
    def z(self) -> float:
        """Σu + c."""
        return float(self.u.sum() + self.c)

    def sigma(self, z: float) -> float:
        """Return σ(z)."""
        return float(ACTIVATIONS[self.name]()(torch.tensor(z, dtype=torch.float64)))

    def slope(self, z: float) -> float:
        """Return σ′(z)."""
        at = torch.tensor(z, dtype=torch.float64, requires_grad=True)
        with torch.enable_grad():
            ACTIVATIONS[self.name]()(at).backward()
        assert at.grad is not None
        return float(at.grad)

    def module(self) -> nn.Module:
        """Return the unit as a network."""
        return Unit(self.w, self.c, ACTIVATIONS[self.name]())

    def coalition_effects(self) -> np.ndarray:
        """Return J(S) in bitmask order, shape (2ⁿ,), eq. (3)."""
        n = len(self.x)
        sums = [sum(self.u[j] for j in range(n) if mask >> j & 1) + self.c for mask in range(1 << n)]
        return mobius(np.array([self.sigma(float(z)) for z in sums]))


def activation_units(name: str, n: int, random: np.random.Generator) -> list[ActivationUnit]:
    """Return four units of an activation: small u, and large u across 0, where ReLU switches on and off.

    Args:
        name: Of the activation.
        n: Number of inputs.
        random: Draws weights and inputs.
    """
    units = []
    for up, c, size in ((1.0, 0.15, 0.25), (1.0, -0.6, 1.0), (-1.0, 0.7, 1.0), (-1.0, -0.15, 0.25)):
        signs = np.where(np.arange(n) % 2 == 0, up, -up)
        sizes = size * np.where(signs == up, random.uniform(1.2, 1.6, n), random.uniform(0.2, 0.4, n))
        x = random.uniform(0.6, 1.4, n)
        units.append(ActivationUnit(name, signs * sizes / x, x, c))
    return units


def read(attribute: AttributeFn, unit: ActivationUnit, repeats: int = 1) -> np.ndarray:
    """Return the scores of one unit against reference 0, shape (repeats, n)."""
    zero = np.zeros_like(unit.x)
    module = unit.module()
    return np.stack([scores(attribute, module, unit.x, zero) for _ in range(repeats)])


def rescale(unit: ActivationUnit) -> np.ndarray:
    """u_i Δσ/Δz, eq. (39): also integrated gradients of the unit."""
    return unit.u * (unit.sigma(unit.z) - unit.sigma(unit.c)) / (unit.z - unit.c)


def gradient(unit: ActivationUnit) -> np.ndarray:
    """u_i σ′(z), eq. (13)."""
    return unit.u * unit.slope(unit.z)


def reveal_cancel(unit: ActivationUnit) -> np.ndarray:
    """u_i/P Δy⁺ and u_i/Q Δy⁻, two players of a Shapley game, eq. (41)."""
    up, down = np.maximum(unit.u, 0), np.minimum(unit.u, 0)
    p, q = float(up.sum()), float(down.sum())
    at = unit.sigma
    c = unit.c
    plus = (at(c + p) - at(c) + at(c + p + q) - at(c + q)) / 2
    minus = (at(c + q) - at(c) + at(c + p + q) - at(c + p)) / 2
    return (up / p * plus if p else up) + (down / q * minus if q else down)


def _by_support(share: Callable[[int], float]) -> Callable[[ActivationUnit], np.ndarray]:
    """Return the scores of a rule that gives each member of S the part share(|S|) of J(S)."""

    def scores_of(unit: ActivationUnit) -> np.ndarray:
        """Return Σ_{S∋i} share(|S|) J(S)."""
        effects = unit.coalition_effects()
        n = len(unit.x)
        return np.array([
            sum(share(mask.bit_count()) * effects[mask] for mask in range(1, 1 << n) if mask >> i & 1)
            for i in range(n)
        ])  # fmt: skip

    return scores_of


def lrp(unit: ActivationUnit) -> np.ndarray:
    """u_i σ(z)/z, eq. (29) with ε = 0."""
    return unit.u * unit.sigma(unit.z) / unit.z


def _alpha_beta(alpha: float, bias: bool) -> Callable[[ActivationUnit], np.ndarray]:
    """Return the scores of αβ with β = α − 1, eq. (33); with ``bias`` the bias keeps its part."""

    def scores_of(unit: ActivationUnit) -> np.ndarray:
        """Return [α u_i⁺/P − β u_i⁻/Q] σ(z)."""
        up, down = np.maximum(unit.u, 0), np.minimum(unit.u, 0)
        p = float(up.sum()) + (max(unit.c, 0.0) if bias else 0.0)
        q = float(down.sum()) + (min(unit.c, 0.0) if bias else 0.0)
        shares = alpha * (up / p if p else up) - (alpha - 1) * (down / q if q else down)
        return shares * unit.sigma(unit.z)

    return scores_of


def squares(unit: ActivationUnit) -> np.ndarray:
    """w_i²/Σw² of σ(z), eq. (37)."""
    return unit.w**2 / float((unit.w**2).sum()) * unit.sigma(unit.z)


FORMULAS: Mapping[str, Callable[[ActivationUnit], np.ndarray]] = {
    "gradient_x_input": gradient,
    "occlusion_1": _by_support(lambda s: 1.0),
    "deeplift_rescale": rescale,
    "deeplift_reveal_cancel": reveal_cancel,
    "deep_shap": _by_support(lambda s: 1.0 / s),
    "lrp_epsilon": lrp,
    "lrp_alpha_beta": _alpha_beta(2.0, False),
    "lrp_alpha_beta/bias": _alpha_beta(2.0, True),
    "deep_taylor": _alpha_beta(1.0, False),
    "deep_taylor/bias": _alpha_beta(1.0, True),
    "deep_taylor/w2": squares,
}
"""Name in RULES -> scores of one unit, shape (n,)."""


def formula_of(name: str) -> Callable[[ActivationUnit], np.ndarray] | None:
    """Return the scores of one unit under a rule; None where they have no closed form here."""
    return FORMULAS.get(SAME_ON_UNITS.get(name, name))


def distance(unit: ActivationUnit, read: np.ndarray, expected: np.ndarray) -> float:
    """Return the largest difference, relative to the largest score or 1 % of the largest |u|."""
    if not (np.isfinite(read).all() and np.isfinite(expected).all()):
        return math.inf
    largest = max(
        float(np.abs(read).max()), float(np.abs(expected).max()), SMALLEST_SCALE * float(np.abs(unit.u).max())
    )
    return float(np.abs(read - expected).max()) / largest


@dataclass(frozen=True)
class ActivationReadings:
    """What a black box gave the units of each activation.

    Attributes:
        distances: Activation -> rule -> largest relative difference.
        gaps: Activation -> largest |Σ scores − (σ(z) − σ(c))|, relative to the largest score.
        refused: Activation -> what the method said.
        noise: Activation -> largest relative standard error.
    """

    distances: dict[str, dict[str, float]]
    gaps: dict[str, float]
    refused: dict[str, str]
    noise: dict[str, float]

    def tolerance(self, activation: str, floor: float) -> float:
        """Return the difference that is noise."""
        return floor + STANDARD_ERRORS * self.noise[activation]

    def rules(self, floor: float) -> dict[str, tuple[str, ...]]:
        """Return activation -> rules that give its scores."""
        return {
            name: tuple(rule for rule, far in table.items() if far <= self.tolerance(name, floor))
            for name, table in self.distances.items()
        }

    def leading(self, floor: float) -> str:
        """Return the rule of most activations among those that are not left to the plain gradient.

        Libraries fall back to the gradient for layers they do not know. Empty where no rule has half of them.
        """
        rules = self.rules(floor)
        known = {name: fitting for name, fitting in rules.items() if FALLBACK_RULE not in fitting}
        if not known:
            return FALLBACK_RULE if rules else ""
        votes: dict[str, int] = {}
        for rule in (rule for fitting in rules.values() for rule in fitting if rule != FALLBACK_RULE):
            votes[rule] = votes.get(rule, 0) + 1
        name = max(votes, key=lambda rule: votes[rule], default="")
        own = sum(name in fitting for fitting in known.values())
        return name if 2 * own >= len(known) else ""

    def explained_by(self, rule: str, floor: float, *, coarse: bool) -> bool:
        """Whether a rule gives the scores of every activation, coarsely where it may be a quadrature."""
        # a quadrature that is coarse at one kink is so at others; a single activation that is off is a defect
        kinked = [name for name in self.distances if name in KINKED]
        off = [name for name in kinked if self.distances[name].get(rule, np.inf) > FINE_AT_KINK]
        at_kink = COARSE_AT_KINK if 2 * len(off) >= len(kinked) else FINE_AT_KINK

        def room(name: str) -> float:
            """Return the difference that is no other rule's for one activation."""
            rough = (at_kink if name in KINKED else COARSE) if coarse else 0.0
            return max(rough, self.tolerance(name, floor))

        return all(table.get(rule, np.inf) <= room(name) for name, table in self.distances.items())


def read_activations(
    attribute: AttributeFn,
    n: int,
    random: np.random.Generator,
    *,
    repeats: int,
    also: Sequence[str] = (),
    names: Sequence[str] = tuple(ACTIVATIONS),
) -> ActivationReadings:
    """Return what a black box gives units of each activation beside what known rules give.

    Args:
        attribute: The black box.
        n: Inputs of a unit.
        random: Draws weights and inputs.
        repeats: Calls per unit.
        also: Further rules of RULES to compare with, where their scores of a unit are known.
        names: Activations.
    """
    formulas = dict(FORMULAS)
    for rule in also:
        formula = formula_of(rule)
        if formula is not None:
            formulas[rule] = formula
    distances: dict[str, dict[str, float]] = {}
    gaps: dict[str, float] = {}
    refused: dict[str, str] = {}
    noise: dict[str, float] = {}
    for name in names:
        units = activation_units(name, n, random)
        try:
            drawn = [read(attribute, unit, repeats) for unit in units]
        except Exception as error:  # whatever a library raises on a module that it does not know
            refused[name] = error_in_brief(error)
            continue
        mean = [d.mean(0) for d in drawn]
        distances[name] = {
            rule: max(distance(unit, a, formula(unit)) for a, unit in zip(mean, units, strict=True))
            for rule, formula in formulas.items()
        }
        sizes = [
            max(float(np.abs(a).max()), SMALLEST_SCALE * float(np.abs(unit.u).max()))
            for a, unit in zip(mean, units, strict=True)
        ]
        gaps[name] = max(
            abs(float(a.sum()) - unit.sigma(unit.z) + unit.sigma(unit.c)) / size
            for a, unit, size in zip(mean, units, sizes, strict=True)
        )
        noise[name] = (
            max(float(d.std(0, ddof=1).max()) / size for d, size in zip(drawn, sizes, strict=True))
            / repeats**0.5
            if repeats > 1
            else 0.0
        )
    return ActivationReadings(distances, gaps, refused, noise)
