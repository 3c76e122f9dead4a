"""``ta.design.restrict``: a rule that gives something to some effects only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import sympy as sp

from taylorattr.allocation.rule import AllocationRule
from taylorattr.allocation.symbols import Indicator, m, s
from taylorattr.design.algebra.proofs import shared
from taylorattr.design.algebra.simplify import inlined
from taylorattr.design.attributors import attributor
from taylorattr.design.build import build
from taylorattr.design.define import SERIES
from taylorattr.design.designed import DesignedRule
from taylorattr.design.ways.measured import Measured
from taylorattr.errors import OptionError


def restrict(
    rule: str | AllocationRule | DesignedRule,
    *,
    order: int | None = None,
    size: int | None = None,
    name: str | None = None,
) -> DesignedRule:
    """Make a rule that shares out only terms up to an order, or effects of at most so many players.

    It covers nothing else, so the scores add up to what the kept effects add up to.

    Args:
        rule: A rule of players.
        order: Largest |κ| that is shared out.
        size: Largest |supp κ| that is shared out: 1 keeps what players do alone.
        name: Name of the rule; default: the rule's with the limit.

    Returns:
        The restricted rule, checked and filed.

    Raises:
        OptionError: If neither or both are given, or a limit is below 1.
    """
    if (order is None) == (size is None):
        raise OptionError("restrict takes order= (of terms) or size= (players of an effect), one of them")
    limit = order if size is None else size
    if isinstance(limit, bool) or not isinstance(limit, int) or limit < 1:
        raise OptionError(f"a limit of {limit!r}; expected a whole number, at least 1")
    base = attributor(rule)
    what = "order" if size is None else "size"
    gate = Indicator((m if size is None else s) <= limit)
    support = base.rule.granularity == "support" and size is not None
    made = replace(
        base.rule,
        name=name or f"{base.name}_{what}_{limit}",
        proof="",
        source=f"{base.name}, {what} ≤ {limit}",
        extra=True,
        frame=base.rule.frames[0],
        granularity="support" if support else "term",
        kind="X" if base.rule.needs else ("S" if support else "U"),
        by_construction=shared([base], "no_leak", f"{base.name} leaks nothing, and parts of it are left out"),
    )
    if not support:
        made = replace(made, domain=SERIES)
    if base.rule.evaluator is None:
        made = replace(made, symbolic=gate * inlined(base.rule), where={})
    else:
        words = f"1[{'m' if size is None else 's'} ≤ {limit}]·{base.name}"
        made = replace(made, symbolic=sp.Symbol(words), evaluator=_gated(base.rule, limit, size is not None))
    measured = size is not None and not support and base.rule.frames[0] == "baseline"
    way = Measured(
        lambda: base.attribution_method, _kept_to(limit), f"summed over effects of at most {limit} players"
    )
    return build(
        made,
        ways=(way,) if measured else (),
        attributes=base.attributes,
        largest=size if support else None,
        last=order,
        origin="restrict",
        parameters={"rule": base, what: limit},
    )


def _gated(rule: AllocationRule, limit: int, by_size: bool) -> Any:
    def evaluate(kappas: np.ndarray, values: Mapping[str, np.ndarray], exact: bool) -> np.ndarray:
        kept = ((kappas > 0) if by_size else kappas).sum(axis=1) <= limit
        context = {name: values[name] for name in rule.needs}
        rows = kappas[kept]
        found = rule.exact_ratios(rows, context) if exact else rule.ratios(rows, context)
        out = np.zeros((len(kappas), found.shape[1]), dtype=object if exact else np.float64)
        out[kept] = found
        return out

    return evaluate


def _kept_to(limit: int) -> Any:
    def combine(allocation: np.ndarray, effects: np.ndarray, members: np.ndarray) -> np.ndarray:
        sizes = members.sum(axis=1)
        return allocation[:, (sizes > 0) & (sizes <= limit)].sum(axis=1)

    return combine
