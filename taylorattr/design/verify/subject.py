"""What a rule is verified on: its players, their attributes, how it is asked and how far off it may be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from taylorattr.aliases import MultiIndex
from taylorattr.allocation.receivers import PLAYERS
from taylorattr.analysis.players import Players
from taylorattr.attribution import Attribution
from taylorattr.design.designed import DesignedRule
from taylorattr.errors import BudgetError
from taylorattr.maths.frames import other_frame_terms

USUAL_PLAYERS = 3
"""Players where the rule takes any number."""

MOST_NAMED_PLAYERS = 6
"""A rule with named attributes is looked at with so many of its players."""

MOST_TABLE_PLAYERS = 12
"""Tables of all coalitions are made for up to this many players."""

LARGEST_VERIFIED_ORDER = 4
"""Largest |κ| of the polynomials."""

ALLOWED_STANDARD_ERRORS = 6.0
"""Standard errors that a sampled score may be off by."""

ALLOWED_ROUNDING = 1e-9
"""Of Σ|scores|: what rounding of float64 may do to scores of small models."""


@dataclass(frozen=True)
class Subject:
    """A rule under examination.

    Attributes:
        designed: The rule.
        seed: Of everything drawn.
    """

    designed: DesignedRule
    seed: int = 0

    @cached_property
    def names(self) -> tuple[str, ...] | None:
        """Names of the players that are looked at, where the rule knows them by name."""
        named = self.designed.attributes.names
        if named is None or self.designed.rule.players is not None:
            return named
        return named[:MOST_NAMED_PLAYERS]

    @cached_property
    def n(self) -> int:
        """Number of players that are looked at."""
        if self.names is not None:
            return len(self.names)
        rule = self.designed.rule
        return rule.players or self.designed.attributes.players or self._by_defaults() or USUAL_PLAYERS

    def _by_defaults(self) -> int | None:
        """Return the number of players that a quantity with a default fixes; None where none does."""
        for need in self.designed.rule.needs.values():
            shape = np.shape(need.default)
            if "n" in need.axes:
                return int(shape[need.axes.index("n")])
        return None

    @property
    def free(self) -> bool:
        """Whether the rule takes any number of players."""
        return self.names is None and self.designed.rule.players is None and not self.context

    @cached_property
    def context(self) -> dict[str, Any]:
        """The attributes of the players that are looked at."""
        names = self.names or tuple(f"x{k}" for k in range(self.n))
        return self.designed.attributes.context(names, self.designed.name)

    @property
    def frame(self) -> Any:
        """The frame in which the ratio is stated."""
        return self.designed.rule.frames[0]

    @property
    def support(self) -> bool:
        """Whether the rule looks at coalitions only."""
        return self.designed.rule.granularity == "support"

    @property
    def to_players(self) -> bool:
        """Whether it is players who receive."""
        return self.designed.rule.receivers is PLAYERS

    @property
    def order(self) -> int:
        """Largest |κ| at which the rule is looked at."""
        reach = self.designed.rule.reach
        return LARGEST_VERIFIED_ORDER if reach is None else min(LARGEST_VERIFIED_ORDER, reach)

    def generator(self) -> np.random.Generator:
        """Return a generator of the seed."""
        return np.random.default_rng(self.seed)

    def ratio(self, kappa: Sequence[int], context: Mapping[str, Any] | None = None) -> list[Fraction]:
        """Return w(κ) exactly."""
        known = self.context if context is None else context
        return list(self.designed.rule.exact_ratios(np.array([list(kappa)]), known or None)[0])

    def shares(self, effects: Mapping[MultiIndex, Any]) -> list[Fraction]:
        """Return Σ_κ w(κ) I(κ), eq. (10), term by term in exact arithmetic.

        Args:
            effects: κ -> I(κ) seen from the baseline, all of a polynomial.
        """
        terms = {kappa: effect for kappa, effect in effects.items() if any(kappa)}
        if self.frame == "input":
            terms = other_frame_terms(terms)
        n = len(next(iter(effects), (0,) * self.n))
        kappas = np.array(list(terms), dtype=np.int64).reshape(-1, n)
        table = self.designed.rule.exact_ratios(
            kappas, self.context if n == self.n and self.context else None
        )
        pairs = list(zip(table, terms.values(), strict=True))
        return [
            sum((row[receiver] * effect for row, effect in pairs), Fraction(0))
            for receiver in range(table.shape[1])
        ]

    def attribute(self, model: Any, x: Tensor, b: Tensor, **options: Any) -> Attribution:
        """Return the scores of the rule's own attributor.

        Args:
            model: (B, n) -> (B,).
            x: Inputs (B, n).
            b: Baselines (1, n) or (B, n).
            **options: Of the attributor.
        """
        named = self.names is not None and x.shape[1] == self.n
        groups = self.groups(self.names) if named and self.names is not None else None
        return self.designed.attribute(model, x, b, players=options.pop("players", groups), **options)

    def groups(self, names: Sequence[str]) -> Players:
        """Return one player per column, with names."""
        return Players([[k] for k in range(len(names))], names=list(names))

    def scores(self, model: Any, x: Tensor, b: Tensor, **options: Any) -> np.ndarray:
        """Return the scores of the rule's own attributor, shape (B, R)."""
        return self.attribute(model, x, b, **options).player_scores.numpy()

    @cached_property
    def obstacle(self) -> str:
        """Why no way can be taken for the players that are looked at; empty where one can."""
        x = torch.full((1, self.n), 0.5, dtype=torch.float64)
        try:
            self.attribute(lambda y: y.sum(1), x, torch.zeros_like(x), order=self.order)
        except BudgetError as error:
            return str(error)
        return ""


def stated_error(answer: Attribution) -> float:
    """Return the error that an attributor states, as a share of Σ|scores|; 0 where it states none."""
    return max([0.0, *_stated(answer.diagnostics)])


def _stated(notes: Any) -> list[float]:
    """Return the relative errors in diagnostics, those of parts included."""
    if not isinstance(notes, Mapping):
        return []
    errors = []
    error = notes.get("error")
    if isinstance(error, Mapping):
        relative = error.get("relative", 0.0)
        errors += list(relative) if isinstance(relative, list) else [relative]
    errors += notes.get("completeness_error", [])
    for part in notes.get("parts", {}).values():
        errors += _stated(part)
    return [float(value) for value in errors]


def allowed(answer: Attribution, rounding: float = ALLOWED_ROUNDING) -> np.ndarray:
    """Return how far each score may be off: what the attributor states, and rounding, shape (B, 1).

    Args:
        answer: The scores.
        rounding: Share of Σ|scores| that rounding may take.
    """
    size = np.maximum(answer.player_scores.abs().sum(1, keepdim=True).numpy(), 1e-12)
    ends = (answer.f_input.abs() + answer.f_baseline.abs())[:, None].numpy()
    room = stated_error(answer) * size + rounding * (size + ends)
    if answer.standard_errors is None:
        return room
    return room + ALLOWED_STANDARD_ERRORS * answer.standard_errors.numpy()
