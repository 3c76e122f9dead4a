"""AllocationRule: a method as ratios w_i(κ) over effects; the registry of them, and what is taken for one.

A rule may be given by its name, itself, or by what carries one, such as a designed rule.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Literal, Protocol, TypeAlias, runtime_checkable

import numpy as np

from taylorattr.aliases import Frame
from taylorattr.allocation import symbols
from taylorattr.allocation.context import Context, Need, resolve
from taylorattr.allocation.interpret import Interpreter
from taylorattr.allocation.printing import latex, text
from taylorattr.allocation.receivers import PLAYERS, Receivers
from taylorattr.allocation.symbols import Expr
from taylorattr.errors import OptionError, ShapeError
from taylorattr.registry import DESIGNS, Registry

Kind: TypeAlias = Literal["U", "S", "X", "G", "R", "none"]
"""Universal in κ; support-level; context-dependent; sign-pattern; realised only; not an allocation. §3."""

Granularity: TypeAlias = Literal["term", "support"]
"""Whether the ratio tells terms κ of one support apart."""

Scope: TypeAlias = Literal["players", "unit", "cells", "coefficients"]
"""What κ counts: players of the model, inputs of one unit, cells of feature maps, players with Δ = 1."""

Evaluator: TypeAlias = Callable[[np.ndarray, Mapping[str, np.ndarray], bool], np.ndarray]
"""Multi-indices (M, n), resolved context, exact? -> w(κ), shape (M, R): ``Fraction`` objects or float64."""

FRAMES: Mapping[str, tuple[Frame, ...]] = {
    "baseline": ("baseline",),
    "input": ("input",),
    "both": ("baseline", "input"),
}


@dataclass(frozen=True)
class Domain:
    """Where a ratio reproduces its method exactly.

    Attributes:
        words: The condition, for a reader.
        series: Whether the Taylor series has to converge at x.
        excludes: Context (resolved, one example) -> why it lies outside, or None; such a context is refused.
    """

    words: str
    series: bool = False
    excludes: Callable[[Mapping[str, np.ndarray]], str | None] = field(default=lambda context: None)


@dataclass(frozen=True)
class AllocationRule:
    """An attribution as a weighted sum of effects, a_i = Σ_κ w_i(κ) I(κ), eq. (10).

    Attributes:
        name: Name in `RULES`; ``method`` or ``method/variant``.
        symbolic: w_i(κ), a sympy expression in the letters of :mod:`taylorattr.allocation.symbols`.
        kind: What the ratio depends on.
        frame: Where the effects are expanded: ``baseline``, ``input`` or ``both`` (self-dual, eq. 9).
        granularity: ``term`` or ``support``; support-level rules are exact for every model.
        domain: When it is exact.
        source: Equation of docs/theory.md, and paper.
        proof: Name of the theorem in proofs/ that shows it; empty for a user's rule.
        where: Abbreviations in `symbolic`, in reading order.
        needs: Quantities it reads besides κ.
        scope: What κ counts.
        constant: Share of the constant term I(0) that goes to i, where the method hands it out; else None.
        receivers: Who receives; by default each player.
        per_reference: Whether the attribution is the mean over a reference set, each effect in the frame of
            its own reference.
        depth: What becomes of the ratio in a network of many layers; empty where κ counts players.
        extra: Whether it lies outside the fifteen.
        evaluator: Computes the ratios of a rule that is no formula, such as a Python function; `symbolic` is
            then only its name.
        by_construction: Criterion -> theorem by which a rule built in this way keeps it.
        tried: Quantity -> n -> values in which the criteria are looked at, where the standard ones do not do.
        reach: Largest |κ| for which the ratio is given; None: every κ.
        players: Number of players for which it is given; None: any number.
    """

    name: str
    symbolic: Expr
    kind: Kind
    frame: Literal["baseline", "input", "both"]
    granularity: Granularity
    domain: Domain
    source: str
    proof: str
    where: Mapping[Expr, Expr] = field(default_factory=dict)
    needs: Mapping[str, Need] = field(default_factory=dict)
    scope: Scope = "players"
    constant: Expr | None = None
    receivers: Receivers = PLAYERS
    per_reference: bool = False
    depth: str = ""
    extra: bool = False
    evaluator: Evaluator | None = None
    by_construction: Mapping[str, str] = field(default_factory=dict)
    tried: Mapping[str, Callable[[int], Sequence[Any]]] = field(default_factory=dict)
    reach: int | None = None
    players: int | None = None

    def ratio(self, kappa: Sequence[int], context: Context | None = None) -> np.ndarray:
        """Return w(κ) exactly: one ``Fraction`` per receiver, shape (R,).

        Args:
            kappa: Exponents, one per player.
            context: What the rule reads besides κ; floats are taken as the binary fractions they are.

        Raises:
            OptionError: A quantity is missing from the context, or κ is no multi-index.
            ShapeError: A quantity has the wrong shape.
        """
        return self.exact_ratios(np.asarray([list(kappa)]), context)[0]

    def exact_ratios(
        self, kappas: np.ndarray, context: Context | None = None, *, example: int | None = None
    ) -> np.ndarray:
        """Return w(κ) for a table of multi-indices as ``Fraction`` objects; arguments as :meth:`ratios`."""
        return self._evaluate(self.symbolic, np.asarray(kappas), context, example, exact=True)

    def ratios(
        self, kappas: np.ndarray, context: Context | None = None, *, example: int | None = None
    ) -> np.ndarray:
        """Return w(κ) for a table of multi-indices, shape (M, R), float64.

        Args:
            kappas: Exponents, shape (M, n).
            context: What the rule reads besides κ.
            example: Which example, for quantities given for every example.

        Raises:
            OptionError: A quantity is missing from the context, or a row is no multi-index.
            ShapeError: A quantity has the wrong shape.
        """
        return self._evaluate(self.symbolic, np.asarray(kappas), context, example, exact=False)

    def constant_shares(
        self, n: int, context: Context | None = None, example: int | None = None, *, exact: bool = False
    ) -> np.ndarray:
        """Return the share of I(0) per receiver, shape (R,); zeros where it is not handed out.

        Args:
            n: Number of players.
            context: What the rule reads besides κ.
            example: Which example, for quantities given for every example.
            exact: Whether to return ``Fraction`` objects instead of float64.
        """
        what = symbols.NOTHING if self.constant is None else self.constant
        return self._evaluate(what, np.zeros((1, n), dtype=int), context, example, exact)[0]

    def receiver_names(self, players: Sequence[str], context: Context | None = None) -> tuple[str, ...]:
        """Return who receives, by name."""
        return tuple(self.receivers.names(players, self.resolved(len(players), context, 0)))

    def resolved(
        self, n: int, context: Context | None = None, example: int | None = None
    ) -> dict[str, np.ndarray]:
        """Return every quantity the rule reads, as :func:`taylorattr.allocation.context.resolve` does."""
        return resolve(self.name, self.needs, context, n, example)

    def fixed(self, name: str, **quantities: object) -> AllocationRule:
        """Return the rule under another name, with quantities of its context given.

        Args:
            name: Name of the new rule, which is not filed in `RULES`.
            **quantities: Their values, which a context may still replace.

        Raises:
            OptionError: The rule does not read a quantity.
        """
        unknown = [key for key in quantities if key not in self.needs]
        if unknown:
            raise OptionError(
                f"{self.name} does not read {unknown[0]!r}; its context: {', '.join(self.needs) or 'nothing'}"
            )
        fixed = {key: replace(self.needs[key], default=value) for key, value in quantities.items()}
        return replace(self, name=name, needs={**self.needs, **fixed})

    @property
    def frames(self) -> tuple[Frame, ...]:
        """Frames in which the ratio holds."""
        return FRAMES[self.frame]

    @property
    def method(self) -> str:
        """Name without the variant."""
        return self.name.partition("/")[0]

    @property
    def variant(self) -> str:
        """Part of the name after the method; empty for the method's first row."""
        return self.name.partition("/")[2]

    @cached_property
    def formula(self) -> str:
        """The ratio with its abbreviations on one line, as text."""
        return text(self.symbolic, self.where)

    @property
    def latex(self) -> str:
        """The ratio with its abbreviations in LaTeX."""
        return latex(self.symbolic, self.where)

    def __repr__(self) -> str:
        """Show the formula and where it holds."""
        return (
            f"AllocationRule {self.name}: wᵢ(κ) = {self.formula}\n"
            f"  kind {self.kind}, frame {self.frame}, {self.granularity} level; exact for {self.domain.words}"
            f"\n  {self.source}"
        )

    def _evaluate(
        self, what: Expr, kappas: np.ndarray, context: Context | None, example: int | None, exact: bool
    ) -> np.ndarray:
        if kappas.ndim != 2 or kappas.dtype.kind not in "iu":
            raise ShapeError(
                f"multi-indices have shape {kappas.shape} and dtype {kappas.dtype}; expected whole numbers, "
                "one row per term and one column per player"
            )
        if kappas.size and kappas.min() < 0:
            raise OptionError("a multi-index has no negative entries")
        n = kappas.shape[1]
        values = self.resolved(n, context, example)
        if self.evaluator is not None and what is self.symbolic:
            self._require_within_reach(kappas)
            return self.evaluator(kappas, values, exact)
        letters = self.receivers.letters(n, values)
        definitions = {**symbols.STANDARD, **self.where}
        return Interpreter(
            kappas, {**values, **self.receivers.values(n, values)}, definitions, letters, exact
        )(what)

    def _require_within_reach(self, kappas: np.ndarray) -> None:
        if self.players is not None and kappas.shape[1] != self.players:
            raise ShapeError(
                f"{self.name} is given for {self.players} players, and there are {kappas.shape[1]}; group "
                "the inputs with players=, or give it for these players"
            )
        if self.reach is not None and kappas.size and int(kappas.sum(axis=1).max()) > self.reach:
            first = kappas[int((kappas.sum(axis=1) > self.reach).argmax())].tolist()
            raise OptionError(
                f"{self.name} is given for terms of order ≤ {self.reach}, and κ = {tuple(first)} has order "
                f"{sum(first)}; lower order=, or give the rule more terms"
            )


class Rules(Registry[AllocationRule]):
    """Registry of rules that knows the fifteen from the rest, and finds designed rules as well."""

    def __init__(self) -> None:
        """Start empty."""
        super().__init__("allocation rule", lent=DESIGNS, as_entry=lambda designed: designed.rule)

    def add(self, rule: AllocationRule, *, replace: bool = False) -> AllocationRule:
        """File a rule under its name and return it."""
        return self.register(rule.name, replace=replace)(rule)

    def __iter__(self) -> Iterator[str]:
        """Iterate over the names: rows of the fifteen methods, then further rules, as they were filed."""
        return iter(sorted(super().__iter__(), key=lambda name: self[name].extra))

    def of_method(self, method: str) -> Iterator[AllocationRule]:
        """Iterate over a method's rows: its first, then its variants."""
        return (rule for rule in self.values() if rule.method == method)


RULES = Rules()


@runtime_checkable
class CarriesRule(Protocol):
    """A rule together with what it knows of the players by name."""

    @property
    def rule(self) -> AllocationRule:
        """The rule."""
        ...

    def context(self, players: Sequence[str]) -> dict[str, Any]:
        """Return what the rule reads besides κ, in the order of some players."""
        ...


AnyRule: TypeAlias = "str | AllocationRule | CarriesRule"


def rule_of(rule: AnyRule) -> AllocationRule:
    """Return the rule.

    Raises:
        OptionError: If there is none of that name, or the object carries none.
    """
    if isinstance(rule, AllocationRule):
        return rule
    if isinstance(rule, str):
        return RULES[rule]
    if isinstance(rule, CarriesRule):
        return rule.rule
    raise OptionError(
        f"{type(rule).__name__} is no allocation rule; expected a name in ta.RULES, a rule, or a designed "
        "rule"
    )


def context_of(rule: AnyRule, players: Sequence[str], context: Context | None) -> Context | None:
    """Return a context, or where none is given what a designed rule knows of these players."""
    if context is None and isinstance(rule, CarriesRule):
        return rule.context(players) or None
    return context
