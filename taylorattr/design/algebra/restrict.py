"""``ta.design.restrict``: a rule that gives something to some effects only."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import numpy as np
import sympy as sp

from taylorattr.allocation.rule import AllocationRule
from taylorattr.allocation.symbols import Expr, Indicator, m, s
from taylorattr.design.build import attributor, build
from taylorattr.design.define import SERIES
from taylorattr.design.designed import DesignedRule, shared
from taylorattr.design.formulas import inlined
from taylorattr.design.ways.other_rules import Combine, MeasuredParts
from taylorattr.errors import OptionError


@dataclass(frozen=True)
class ChosenTerms:
    """A choice of terms.

    Attributes:
        limit: Largest |κ| or |supp κ| that passes; None for listed supports.
        by_order: Whether the limit is one of |κ|.
        supports: The supports that pass; None for a limit.
    """

    limit: int | None = None
    by_order: bool = False
    supports: frozenset[tuple[int, ...]] | None = None

    @classmethod
    def of(cls, order: Any, size: Any, supports: Any) -> ChosenTerms:
        """Read what a user gives.

        Args:
            order: Largest |κ|, or None.
            size: Largest |supp κ|, or None.
            supports: Coalitions, or None.

        Returns:
            The gate.

        Raises:
            OptionError: Not exactly one is given, a limit below 1, or a coalition that is none.
        """
        if sum(each is not None for each in (order, size, supports)) != 1:
            raise OptionError(
                "restrict takes one of order= (of terms), size= (players of an effect) and supports= (the "
                "effects themselves)"
            )
        if supports is not None:
            return cls(supports=_coalitions(supports))
        limit = order if size is None else size
        if isinstance(limit, bool) or not isinstance(limit, int) or limit < 1:
            raise OptionError(f"a limit of {limit!r}; expected a whole number, at least 1")
        return cls(limit, size is None)

    @property
    def of_supports(self) -> bool:
        """Whether it looks only at who is in a term."""
        return not self.by_order

    @property
    def formula(self) -> Expr | None:
        """The gate as a factor of a ratio; None for listed supports."""
        return None if self.limit is None else Indicator((m if self.by_order else s) <= self.limit)

    @property
    def words(self) -> str:
        """The gate for a reader."""
        if self.supports is not None:
            return f"S among {len(self.supports)} supports"
        return f"{'m' if self.by_order else 's'} ≤ {self.limit}"

    def passes(self, kappas: np.ndarray) -> np.ndarray:
        """Return which multi-indices (M, n) pass, shape (M,), bool."""
        if self.supports is None:
            return np.asarray((kappas if self.by_order else kappas > 0).sum(axis=1) <= self.limit)
        return np.array([tuple(np.flatnonzero(row).tolist()) in self.supports for row in kappas], dtype=bool)


def _coalitions(supports: Collection[Collection[int]]) -> frozenset[tuple[int, ...]]:
    """Return listed coalitions as sorted tuples of players."""
    try:
        coalitions = frozenset(tuple(sorted({int(player) for player in each})) for each in supports)
    except (TypeError, ValueError) as error:
        raise OptionError(
            f"supports: {error}; give coalitions of players by number: [(0,), (0, 2)]"
        ) from None
    if not coalitions or () in coalitions or min(map(min, coalitions)) < 0:
        raise OptionError(
            f"supports={list(supports)!r}; give coalitions of at least one player, numbered from 0"
        )
    return coalitions


def restrict(
    rule: str | AllocationRule | DesignedRule,
    *,
    order: int | None = None,
    size: int | None = None,
    supports: Collection[Collection[int]] | None = None,
    name: str | None = None,
) -> DesignedRule:
    """Make a rule that shares out only terms up to an order, effects of few players, or listed effects.

    It covers nothing else, so the scores add up to what the kept effects add up to.

    Args:
        rule: A rule of players.
        order: Largest |κ| that is shared out.
        size: Largest |supp κ| that is shared out: 1 keeps what players do alone.
        supports: The effects that are shared out, as coalitions of players by number: [(0,), (0, 2)].
        name: Name of the rule; default: the rule's with the limit.

    Returns:
        The restricted rule, checked and filed.

    Raises:
        OptionError: Not exactly one of the three, a limit below 1, or a coalition that is none.
    """
    gate = ChosenTerms.of(order, size, supports)
    base = attributor(rule)
    support = base.rule.granularity == "support" and gate.of_supports
    what = "supports" if gate.limit is None else f"{'order' if gate.by_order else 'size'}_{gate.limit}"
    made = replace(
        base.rule,
        name=name or f"{base.name}_{what}",
        proof="",
        source=f"{base.name}, {gate.words}",
        extra=True,
        frame=base.rule.frames[0],
        granularity="support" if support else "term",
        kind="X" if base.rule.needs else ("S" if support else "U"),
        by_construction=shared([base], "no_leak", f"{base.name} leaks nothing, and parts of it are left out"),
    )
    if not support:
        made = replace(made, domain=SERIES)
    if base.rule.evaluator is None and gate.formula is not None:
        made = replace(made, symbolic=gate.formula * inlined(base.rule), where={})
    else:
        made = replace(
            made,
            symbolic=sp.Symbol(f"1[{gate.words}]·{base.name}"),
            evaluator=_gated(base.rule, gate),
            where={},
        )
    measured = gate.of_supports and not support and base.rule.frames[0] == "baseline"
    way = MeasuredParts(
        lambda: base.attribution_method, _passing_sum(gate), f"summed over effects with {gate.words}"
    )
    return build(
        made,
        ways=(way,) if measured else (),
        attributes=base.attributes,
        largest=_largest(gate) if support else None,
        last=order,
        origin="restrict",
        parameters={"rule": base, "order": order, "size": size, "supports": _listed(gate)},
    )


def _largest(gate: ChosenTerms) -> int | None:
    """Return the size beyond which no coalition gets anything."""
    return gate.limit if gate.supports is None else max(map(len, gate.supports))


def _listed(gate: ChosenTerms) -> list[tuple[int, ...]] | None:
    """Return the listed coalitions, as the rule is saved."""
    return None if gate.supports is None else sorted(gate.supports)


def _gated(rule: AllocationRule, gate: ChosenTerms) -> Any:
    """Return the evaluator that gives 0 to the terms that do not pass."""

    def evaluate(kappas: np.ndarray, values: Mapping[str, np.ndarray], exact: bool) -> np.ndarray:
        passing = gate.passes(kappas)
        context = {name: values[name] for name in rule.needs}
        rows = kappas[passing]
        ratios = rule.exact_ratios(rows, context) if exact else rule.ratios(rows, context)
        nothing: Any = Fraction(0)
        out = np.full((len(kappas), ratios.shape[1]), nothing, dtype=object if exact else np.float64)
        out[passing] = ratios
        return out

    return evaluate


def _passing_sum(gate: ChosenTerms) -> Combine:
    """Return the sum of the measured allocations A_i(S) of the coalitions that pass."""

    def combine(allocation: np.ndarray, effects: np.ndarray, members: np.ndarray) -> np.ndarray:
        return allocation[:, gate.passes(members.astype(np.int64)) & members.any(axis=1)].sum(axis=1)

    return combine
