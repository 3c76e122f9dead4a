"""Single units σ(w·x) with σ(z) = z^m as networks, and the ratios that a rule shows on them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from taylorattr.allocation.rule import RULES, AllocationRule
from taylorattr.criteria.probe.known_rules import evaluable, is_given_for
from taylorattr.criteria.probe.monomials import AttributeFn, scores
from taylorattr.maths.multi_index import exponents, factorial

EXTRA_UNITS = 8
"""Units beyond the number of unknowns, per order and sign pattern."""

HIGHEST_ORDER = 4
"""Order up to which the linear systems are well conditioned (2e4 at order 4)."""

HIGHEST_JUDGED_ORDER = 3
"""Order up to which the residual is judged: at 4 it is rounding times the condition number."""

SAME_ALPHA_WITHIN, SAME_EPSILON_WITHIN = 1e-4, 1e-3
"""Relative spread of the readings of one α, and of one ε, over units."""

ROUNDING_OF_EPSILON = 1e-6
"""Absolute spread of ε, which is the small difference of two numbers of size 1."""

BLACK_BOX_ERROR_LETTERS = 100
"""Letters of an error that are shown."""


class PowerActivation(nn.Module):
    """z^m, an activation."""

    def __init__(self, power: int) -> None:
        super().__init__()
        self.power = power

    def forward(self, z: Tensor) -> Tensor:
        """Return z^m."""
        return z**self.power


class Unit(nn.Module):
    """σ(w·x + c), (B, n) -> (B,), a linear layer and an activation module.

    Args:
        weights: w, shape (n,).
        bias: c; None: the layer has no bias.
        activation: σ.
    """

    def __init__(self, weights: np.ndarray, bias: float | None, activation: nn.Module) -> None:
        super().__init__()
        self.linear = nn.Linear(len(weights), 1, bias=bias is not None, dtype=torch.float64)
        with torch.no_grad():
            self.linear.weight.copy_(torch.from_numpy(np.asarray(weights, dtype=np.float64))[None])
            if bias is not None:
                self.linear.bias.fill_(bias)
        self.activation = activation
        self.requires_grad_(False)
        self.eval()

    def forward(self, x: Tensor) -> Tensor:
        """Return the unit's value for each row."""
        return self.activation(self.linear(x)).squeeze(-1)


@dataclass(frozen=True)
class Responses:
    """Scores of units of one order and sign pattern, reference 0.

    Attributes:
        order: m.
        signs: Signs of u, shape (n,).
        u: w∘x, shape (L, n).
        x: Inputs, all positive, shape (L, n).
        scores: Shape (repeats, L, n).
    """

    order: int
    signs: np.ndarray
    u: np.ndarray
    x: np.ndarray
    scores: np.ndarray

    @property
    def kappas(self) -> np.ndarray:
        """Multi-indices of the order, shape (M, n)."""
        return exponents(len(self.signs), self.order).astype(np.int64)

    @property
    def effects(self) -> np.ndarray:
        """I(κ) = m!/κ! u^κ of each unit, shape (L, M)."""
        return unit_effects(self.u, self.kappas, self.order)

    @property
    def mean(self) -> np.ndarray:
        """Mean over repeats, shape (L, n)."""
        return self.scores.mean(0)

    @property
    def noise(self) -> float:
        """Largest standard error of a score; 0 with one repeat."""
        repeats = len(self.scores)
        return float(self.scores.std(0, ddof=1).max() / math.sqrt(repeats)) if repeats > 1 else 0.0


def unit_effects(u: np.ndarray, kappas: np.ndarray, order: int) -> np.ndarray:
    """Return m!/κ! u^κ for each row of u and each κ, shape (L, M)."""
    counts = np.array([math.factorial(order) // factorial(tuple(k)) for k in kappas.tolist()], dtype=float)
    return counts * np.prod(u[:, None, :] ** kappas[None], axis=-1)


def patterns(n: int) -> list[np.ndarray]:
    """Return sign patterns of u: all positive, and mixed where there are two inputs."""
    mixed = np.where(np.arange(n) % 2 == 0, 1.0, -1.0)
    return [np.ones(n), mixed] if n > 1 else [np.ones(1)]


def responses(
    attribute: AttributeFn,
    n: int,
    order: int,
    random: np.random.Generator,
    repeats: int = 1,
    activation: Callable[[int], nn.Module] = PowerActivation,
) -> list[Responses]:
    """Return scores of units of every order up to `order` (at most 4), in every sign pattern.

    Args:
        attribute: The black box.
        n: Inputs of a unit.
        order: Highest order.
        random: Draws weights and inputs.
        repeats: Calls per unit.
        activation: m -> σ.
    """
    groups = []
    for signs in patterns(n):
        for m in range(1, min(order, HIGHEST_ORDER) + 1):
            rows = len(exponents(n, m)) + EXTRA_UNITS
            u = signs * np.exp(random.uniform(math.log(0.5), math.log(2.0), (rows, n)))
            x = random.uniform(0.5, 1.5, (rows, n))
            zero = np.zeros(n)
            units = [Unit(row / at, None, activation(m)) for row, at in zip(u, x, strict=True)]
            drawn = [
                np.stack([scores(attribute, unit, at, zero) for unit, at in zip(units, x, strict=True)])
                for _ in range(repeats)
            ]
            groups.append(Responses(m, signs, u, x, np.stack(drawn)))
    return groups


def fitted(answers: Responses) -> tuple[np.ndarray, float]:
    """Return the ratios that fit the responses best, and what they leave.

    Returns:
        w(κ) of the order, shape (M, n), and the residual: rms over units and inputs, relative to the rms of
        the responses.
    """
    effects = answers.effects
    scale = np.linalg.norm(effects, axis=0)
    solution = np.linalg.lstsq(effects / scale, answers.mean, rcond=None)[0]
    left = answers.mean - effects / scale @ solution
    size = float(np.sqrt(np.square(answers.mean).mean()))
    return solution / scale[:, None], float(np.sqrt(np.square(left).mean())) / size if size else 0.0


@dataclass(frozen=True)
class UnitMatch:
    """A known rule beside responses of units.

    Attributes:
        name: Name in RULES.
        distance: Largest difference, relative to the largest score of a group of units.
    """

    name: str
    distance: float


def error_in_brief(error: Exception) -> str:
    """Return what a black box raised, in a few words."""
    text = f"{type(error).__name__}: {error}".split("\n")[0]
    return text if len(text) <= BLACK_BOX_ERROR_LETTERS else f"{text[:BLACK_BOX_ERROR_LETTERS]}…"


def alpha_of(answers: Sequence[Responses]) -> float | None:
    """Return α where the inputs with u > 0 together get α σ(z) in units of mixed signs; else None."""
    alphas: list[float] = []
    for group in answers:
        if group.order <= HIGHEST_JUDGED_ORDER and (group.u > 0).any() and (group.u < 0).any():
            value = group.u.sum(1) ** group.order
            alphas += list((group.mean * (group.u > 0)).sum(1) / value)
    if not alphas or np.ptp(alphas) > SAME_ALPHA_WITHIN * abs(np.mean(alphas)):
        return None
    return float(np.round(np.median(alphas), 6))  # a user writes few digits; stabilisers change the last ones


def epsilon_of(answers: Sequence[Responses]) -> float | None:
    """Return ε where Σ scores = σ(z) z/(z + ε sgn z), eq. (29), in identity units; else None."""
    for group in answers:
        if group.order == 1:
            z, total = group.u.sum(1), group.mean.sum(1)
            if (total == 0).any():
                return None
            epsilons = (z**2 / total - z) * np.sign(z)
            median = float(np.median(epsilons))
            same = np.ptp(epsilons) <= ROUNDING_OF_EPSILON + SAME_EPSILON_WITHIN * median
            return median if median >= 0 and same else None
    return None


def unit_matches(answers: Sequence[Responses], own: Mapping[str, Mapping[str, Any]]) -> list[UnitMatch]:
    """Return every known rule beside responses of units z^m up to order 3, the nearest first.

    Looked at are the units beyond those that would determine a ratio of κ. α and ε are read from the
    responses; bounds of a box have to be given.

    Args:
        answers: Responses.
        own: Rule -> name of a quantity -> value, given by the user.
    """
    alpha, epsilon = alpha_of(answers), epsilon_of(answers)
    read_off: dict[str, Any] = {"c": 0.0}
    if alpha is not None:
        read_off |= {"alpha": alpha, "beta": alpha - 1}
    if epsilon is not None:
        read_off |= {"epsilon": epsilon}
    judged = [group for group in answers if group.order <= HIGHEST_JUDGED_ORDER]
    beside = []
    for name, rule in RULES.items():
        quantities = read_off | dict(own.get(name, {})) | dict(own.get(rule.method, {}))
        known = dict.fromkeys("uwx", 0) | {"Delta": 0} | quantities
        if rule.scope not in ("players", "unit") or not evaluable(rule, known):
            continue
        if all(is_given_for(rule, group.kappas, known) for group in judged):
            beside.append(UnitMatch(name, max(_gap(rule, group, quantities) for group in judged)))
    rank = {name: position for position, name in enumerate(RULES)}

    def key(match: UnitMatch) -> tuple[Any, ...]:
        rule = RULES[match.name]
        return (round(match.distance, 7), rule.scope != "unit", len(rule.needs), rule.extra, rank[match.name])

    return sorted(beside, key=key)


def _gap(rule: AllocationRule, group: Responses, quantities: Mapping[str, Any]) -> float:
    """Return the largest difference of a rule's scores on held-back units, relative to the largest score."""
    # the units beyond those that would determine a ratio of κ: some ratio fits the others always
    kappas, rows = group.kappas, range(len(group.u) - EXTRA_UNITS, len(group.u))
    reads_unit = any(name in ("u", "w", "x", "Delta") for name in rule.needs)
    own = {name: value for name, value in quantities.items() if name in rule.needs}
    fixed = None if reads_unit else rule.ratios(kappas, own)
    worst = 0.0
    for row in rows:
        u, x = group.u[row], group.x[row]
        context = {"u": u, "w": u / x, "x": x, "Delta": x, **quantities}
        table = (
            rule.ratios(kappas, {k: v for k, v in context.items() if k in rule.needs})
            if fixed is None
            else fixed
        )
        worst = max(worst, float(np.abs(group.effects[row] @ table - group.mean[row]).max()))
    scale = float(np.abs(group.mean[list(rows)]).max())
    return worst / scale if scale else worst
