"""``ta.design.restrict``: a rule that gives something to some effects only."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import sympy as sp

from taylorattr.allocation.rule import AllocationRule
from taylorattr.design.algebra.gates import Gate
from taylorattr.design.algebra.proofs import shared
from taylorattr.design.algebra.simplify import inlined
from taylorattr.design.attributors import attributor
from taylorattr.design.build import build
from taylorattr.design.define import SERIES
from taylorattr.design.designed import DesignedRule
from taylorattr.design.ways.measured import Combine, Measured


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
    gate = Gate.of(order, size, supports)
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
    way = Measured(lambda: base.attribution_method, _kept(gate), f"summed over effects with {gate.words}")
    return build(
        made,
        ways=(way,) if measured else (),
        attributes=base.attributes,
        largest=_largest(gate) if support else None,
        last=order,
        origin="restrict",
        parameters={"rule": base, "order": order, "size": size, "supports": _listed(gate)},
    )


def _largest(gate: Gate) -> int | None:
    """Return the size beyond which no coalition gets anything."""
    return gate.limit if gate.supports is None else max(map(len, gate.supports))


def _listed(gate: Gate) -> list[tuple[int, ...]] | None:
    return None if gate.supports is None else sorted(gate.supports)


def _gated(rule: AllocationRule, gate: Gate) -> Any:
    def evaluate(kappas: np.ndarray, values: Mapping[str, np.ndarray], exact: bool) -> np.ndarray:
        kept = gate.passes(kappas)
        context = {name: values[name] for name in rule.needs}
        rows = kappas[kept]
        found = rule.exact_ratios(rows, context) if exact else rule.ratios(rows, context)
        nothing: Any = Fraction(0)
        out = np.full((len(kappas), found.shape[1]), nothing, dtype=object if exact else np.float64)
        out[kept] = found
        return out

    return evaluate


def _kept(gate: Gate) -> Combine:
    def combine(allocation: np.ndarray, effects: np.ndarray, members: np.ndarray) -> np.ndarray:
        return allocation[:, gate.passes(members.astype(np.int64)) & members.any(axis=1)].sum(axis=1)

    return combine
