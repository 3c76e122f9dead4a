"""Polynomials and networks that a rule is tried on, and smaller polynomials that show the same."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np
import torch
from torch import Tensor, nn

from taylorattr.aliases import MultiIndex
from taylorattr.design.verify.subject import Subject
from taylorattr.toys import Polynomial, mlp

MOST_PROBLEM_TERMS = 6
"""Terms of a polynomial at most."""

MANY_LAW_PLAYERS = 8
"""Players beyond which there are fewer and shorter problems."""

COORDINATES = (Fraction(-1), Fraction(-1, 2), Fraction(1, 2), Fraction(3, 2), Fraction(2))
"""Coordinates of inputs; floats hold them exactly."""


@dataclass(frozen=True)
class Problem:
    """A polynomial with an input and a baseline, exactly.

    Attributes:
        terms: κ -> coefficient.
        x: Input.
        b: Baseline.
    """

    terms: tuple[tuple[MultiIndex, int], ...]
    x: tuple[Fraction, ...]
    b: tuple[Fraction, ...]

    @property
    def n(self) -> int:
        """Number of players."""
        return len(self.x)

    @property
    def model(self) -> Polynomial:
        """The polynomial as a model."""
        return Polynomial(dict(self.terms))

    @property
    def ends(self) -> tuple[Tensor, Tensor]:
        """Input and baseline, shape (1, n)."""
        rows = (torch.tensor([[float(v) for v in row]], dtype=torch.float64) for row in (self.x, self.b))
        return tuple(rows)  # pyright: ignore[reportReturnType]

    @property
    def effects(self) -> dict[MultiIndex, Fraction]:
        """I(κ) seen from the baseline."""
        return self.model.effects(self.x, self.b)

    @property
    def delta(self) -> Fraction:
        """f(x) − f(b)."""
        return sum(self.effects.values(), Fraction(0)) - self.effects.get((0,) * self.n, Fraction(0))

    def __str__(self) -> str:
        """The polynomial at its two points."""
        words = [_monomial(kappa, coefficient) for kappa, coefficient in self.terms]
        text = " + ".join(words).replace("+ −", "− ")
        points = [", ".join(map(str, row)) for row in (self.x, self.b)]
        return f"f = {text} at x = ({points[0]}) from b = ({points[1]})"


def _monomial(kappa: MultiIndex, coefficient: int) -> str:
    """Return a term as it is written, without the factor 1."""
    powers = [f"x{k}" + (f"^{power}" if power > 1 else "") for k, power in enumerate(kappa) if power]
    size = "" if abs(coefficient) == 1 and powers else str(abs(coefficient))
    return ("−" if coefficient < 0 else "") + "·".join([*([size] if size else []), *powers])


def problems(subject: Subject, count: int) -> Iterator[Problem]:
    """Iterate over random problems: small ones first, every second from another baseline than 0.

    Args:
        subject: The rule: its number of players and the largest order.
        count: How many.

    Yields:
        The problems.
    """
    random = subject.generator()
    n, order = subject.n, subject.order
    for number in range(how_many(subject, count)):
        kappas = {_kappa(random, n, int(random.integers(1, order + 1))) for _ in range(MOST_PROBLEM_TERMS)}
        terms = tuple((kappa, int(random.choice([-3, -2, -1, 1, 2, 3]))) for kappa in sorted(kappas))
        x = tuple(COORDINATES[k] for k in random.integers(0, len(COORDINATES), n))
        away = tuple(Fraction(int(k), 4) for k in random.integers(-2, 3, n))
        b = away if number % 2 else (Fraction(0),) * n
        # a player at its baseline has no effects, and would hide what goes wrong with it
        x = tuple(v + 3 if v == start else v for v, start in zip(x, b, strict=True))
        yield Problem(terms if n <= MANY_LAW_PLAYERS else terms[:3], x, b)


def how_many(subject: Subject, count: int) -> int:
    """Return how many problems there are where so many are asked for: fewer of many players."""
    return count if subject.n <= MANY_LAW_PLAYERS else min(count, 2)


def _kappa(random: np.random.Generator, n: int, order: int) -> MultiIndex:
    """Return a random term of an order."""
    players = random.choice(n, size=min(n, int(random.integers(1, order + 1))), replace=False)
    return tuple(np.bincount(random.choice(players, size=order), minlength=n).tolist())


def network(subject: Subject, activation: str, seed: int) -> tuple[nn.Module, Tensor, Tensor]:
    """Return a network (B, n) -> (B,), an input and a baseline near each other.

    Args:
        subject: The rule.
        activation: Of the network.
        seed: Of its weights and of the input.
    """
    layers = mlp((subject.n, 5, 1), activation, seed=seed, dtype=torch.float64)
    model = nn.Sequential(layers, nn.Flatten(0)).eval()
    generator = torch.Generator().manual_seed(subject.seed + seed)
    size = 0.3 if activation == "tanh" else 2.0
    x = size * torch.randn(1, subject.n, generator=generator, dtype=torch.float64)
    return model, x, torch.zeros_like(x)


def smallest(problem: Problem, fails: Callable[[Problem], bool], *, free: bool) -> Problem:
    """Return a problem that fails as well and that no single step makes smaller.

    Args:
        problem: One that fails.
        fails: Whether a problem fails; whatever it raises counts as another failure.
        free: Whether players may be left out.
    """
    smaller = next((each for each in _smaller(problem, free) if _still(fails, each)), None)
    return problem if smaller is None else smallest(smaller, fails, free=free)


def _still(fails: Callable[[Problem], bool], problem: Problem) -> bool:
    """Return whether a smaller problem fails in the same way."""
    try:
        return fails(problem)
    except Exception:  # another failure than the one that is made smaller
        return False


def _smaller(problem: Problem, free: bool) -> Iterator[Problem]:
    """Iterate over problems that are smaller by one step: a term, a player, a power, a number."""
    terms = problem.terms
    if len(terms) > 1:
        for k in range(len(terms)):
            yield replace(problem, terms=terms[:k] + terms[k + 1 :])
    if free and problem.n > 1:
        for player in range(problem.n):
            if not any(kappa[player] for kappa, _ in terms):
                others = [k for k in range(problem.n) if k != player]
                fewer = tuple((tuple(kappa[k] for k in others), c) for kappa, c in terms)
                yield Problem(fewer, *(tuple(row[k] for k in others) for row in (problem.x, problem.b)))
    for k, (kappa, coefficient) in enumerate(terms):
        for player, power in enumerate(kappa):
            lower = (*kappa[:player], power - 1, *kappa[player + 1 :])
            if power and any(lower) and lower not in dict(terms):
                yield replace(problem, terms=(*terms[:k], (lower, coefficient), *terms[k + 1 :]))
        if coefficient != 1:
            yield replace(problem, terms=(*terms[:k], (kappa, 1), *terms[k + 1 :]))
    for player in range(problem.n):
        for name, plain in (("b", Fraction(0)), ("x", Fraction(1))):
            row = getattr(problem, name)
            if row[player] != plain:
                yield replace(problem, **{name: (*row[:player], plain, *row[player + 1 :])})


def smallest_term(kappa: MultiIndex, fails: Callable[[MultiIndex], bool], *, free: bool) -> MultiIndex:
    """Return a multi-index that fails as well and that no single step makes smaller.

    Args:
        kappa: One that fails.
        fails: Whether one fails.
        free: Whether players may be left out.
    """
    steps = [kappa[:k] + kappa[k + 1 :] for k in range(len(kappa)) if free and len(kappa) > 1]
    steps += [_merged(kappa, k) for k in range(1, len(kappa)) if free]
    steps += [(*kappa[:k], power - 1, *kappa[k + 1 :]) for k, power in enumerate(kappa) if power]
    for smaller in steps:
        if any(smaller) and fails(smaller):
            return smallest_term(smaller, fails, free=free)
    return kappa


def _merged(kappa: MultiIndex, player: int) -> MultiIndex:
    """Return the term in which the player before has this one's powers as well."""
    return (*kappa[: player - 1], kappa[player - 1] + kappa[player], *kappa[player + 1 :])
