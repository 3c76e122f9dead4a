"""What is free in a family: numbers θ, the parameters they stand for, and the scores these give."""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from typing import Any, ClassVar, Literal, TypeAlias

import numpy as np
import torch
from torch import Tensor

from taylorattr.design.designed import DesignedRule
from taylorattr.design.families.family import FAMILIES
from taylorattr.design.fit.examples import Examples
from taylorattr.errors import OptionError
from taylorattr.registry import Registry

Search: TypeAlias = Literal["gradient", "evolution", "moves"]
"""How θ is searched: scores are differentiable in it, they are not, or it is discrete."""

LARGEST_THETA = 6.0
"""θ stays in [−6, 6]: positive parameters differ by a factor of e¹² at most."""


class Freedom(ABC):
    """The free parameters of a family for n players.

    Whatever θ is, the rule keeps what the family keeps: parameters are made from θ in such a way that they
    cannot leave the family.

    Attributes:
        family: Its name in `taylorattr.design.FAMILIES`, or ``mix``.
        search: How θ is searched.
        neutral: The rule at θ = 0, with which the fitted one is compared.
        coalitions: Whether scores are read off the table of all coalitions.
        n: Number of players.
        count: How many numbers θ has.
        approximate: Whether `scores` are those of a coarser quadrature than the built rule's own.
        options: Options of `attribute` with which the built rule computes the same scores.
    """

    family: ClassVar[str]
    search: Search
    neutral: str = ""
    coalitions: ClassVar[bool] = False
    n: int
    count: int
    approximate: bool = False
    options: Mapping[str, Any] = {}

    @property
    def keeps(self) -> Mapping[str, str]:
        """Criterion -> theorem by which every member keeps it."""
        return FAMILIES[self.family].keeps

    @property
    def only_complete(self) -> str:
        """The one member that is complete, where there is one only; else empty."""
        return FAMILIES[self.family].only_complete

    def start(self) -> Tensor:
        """Return θ of the neutral member."""
        return torch.zeros(self.count, dtype=torch.float64)

    @abstractmethod
    def natural(self, theta: Tensor) -> Tensor:
        """Return the parameters that θ stands for; differentiable where the search is by gradient."""

    @abstractmethod
    def rounded(self, natural: Tensor) -> Tensor:
        """Return the parameters as they are built and kept."""

    @abstractmethod
    def scores(self, natural: Tensor, examples: Examples) -> Tensor:
        """Return the players' scores, shape (R, B, n)."""

    @property
    def compared(self) -> Mapping[str, Callable[[Examples], Tensor]]:
        """Rules with which the fitted one may be compared -> their scores: the neutral member."""
        return {self.neutral: self.neutral_scores}

    def neutral_scores(self, examples: Examples) -> Tensor:
        """Return the scores of the neutral member, shape (R, B, n)."""
        return self.scores(self.natural(self.start()), examples)

    @abstractmethod
    def parameters(self, natural: Tensor) -> dict[str, Any]:
        """Return the parameters as numbers that files can hold, from which `rule` builds."""

    @classmethod
    @abstractmethod
    def rule(cls, parameters: Mapping[str, Any], name: str) -> DesignedRule:
        """Build the rule."""


FREEDOMS: Registry[type[Freedom]] = Registry(
    "family that can be fitted",
    order=(
        "weighted_shapley", "sharing", "ordered", "degree_tilted", "mix", "power_path", "measure",
        "semivalue",
    ),
)  # fmt: skip
"""Family -> what is free in it; the names as error messages list them."""


def freedom(family: str) -> Any:
    """Return a decorator that files a class as what is free in a family."""

    def add(cls: type[Freedom]) -> type[Freedom]:
        cls.family = family
        return FREEDOMS.register(family)(cls)

    return add


def freed(family: str, n: int, options: Mapping[str, Any]) -> Freedom:
    """Return what is free in a family for n players.

    Raises:
        OptionError: No such family, or an option that it does not have.
    """
    made = FREEDOMS[family]
    known = list(inspect.signature(made.__init__).parameters)[2:]
    unknown = [name for name in options if name not in known]
    if unknown:
        raise OptionError(
            f"the family {family} has no option {unknown[0]!r}; it has: {', '.join(known) or 'none'}"
        )
    return made(n, **options)  # pyright: ignore[reportCallIssue]


def whole(name: str, value: Any, low: int, high: int | None = None) -> int:
    """Return an option that is a whole number in a range.

    Raises:
        OptionError: If it is none.
    """
    good = isinstance(value, int) and not isinstance(value, bool) and value >= low
    if not good or (high is not None and value > high):
        reach = f"at least {low}" if high is None else f"from {low} to {high}"
        raise OptionError(f"{name}={value!r}; expected a whole number, {reach}")
    return value


PARTS_OF_ONE = 10**6
"""Numbers that add up to a whole are multiples of 1/PARTS_OF_ONE."""

SIGNIFICANT_DIGITS = 6
"""Significant digits of other numbers."""


def shortened(values: Tensor) -> Tensor:
    """Return positive numbers to six significant digits."""
    return torch.tensor([float(f"{v:.{SIGNIFICANT_DIGITS}g}") for v in values.tolist()], dtype=torch.float64)


SHARE_PARTS = 720_720
"""Shares of coalitions are multiples of 1/SHARE_PARTS, which 1/2, 1/3, … 1/16 are."""


def counted_shares(shares: Tensor, members: Tensor) -> np.ndarray:
    """Return shares as whole numbers of 1/SHARE_PARTS that add up to SHARE_PARTS in every row.

    Args:
        shares: Shape (R, n), ≥ 0, each row adding up to about 1 over its members.
        members: Who may have a share, shape (R, n), 0 or 1; rows without members get nothing.

    Returns:
        Shape (R, n), int64: rounded down, and up where the rest is largest.
    """
    parts, inside = shares.detach().numpy() * SHARE_PARTS, members.numpy() > 0
    counts = np.where(inside, np.floor(parts), 0).astype(np.int64)
    # largest remainders: the rounded shares add up exactly, and none moves by more than one part
    missing = SHARE_PARTS - counts.sum(1, keepdims=True)
    rests = np.where(inside, parts - counts, -np.inf)
    rank = (
        (-rests).argsort(1, kind="stable").argsort(1, kind="stable")
    )  # of each rest in its row, largest first
    return counts + (inside & (rank < missing))


def on_grid(values: Tensor, total: int) -> Tensor:
    """Return numbers ≥ 0 as multiples of 10⁻⁶ that add up to a whole number exactly.

    Args:
        values: Shape (k,), ≥ 0, adding up to about `total`.
        total: What they add up to.
    """
    counts = np.floor(values.detach().numpy() * PARTS_OF_ONE).astype(np.int64)
    missing = total * PARTS_OF_ONE - int(counts.sum())
    rests = values.detach().numpy() * PARTS_OF_ONE - counts
    order = np.argsort(-rests, kind="stable")
    counts[order[np.arange(abs(missing)) % len(order)]] += np.sign(missing)
    return torch.from_numpy(counts / PARTS_OF_ONE)


def fractions_of(values: Sequence[float]) -> list[Fraction]:
    """Return decimal numbers as the fractions that they are written as."""
    return [Fraction(repr(float(value))) for value in values]
