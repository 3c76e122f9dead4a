"""Interaction indices as allocations of effects to coalitions: S receives c(|S|, |T|) J(T) for every T ⊇ S.

docs/theory.md eq. (62), (77). The receivers are all coalitions up to order k; r = |S| is the receiver's size,
s that of the effect's support.
"""

from __future__ import annotations

import sympy as sp

from taylorattr.allocation.receivers import COALITION, ORDER, UP_TO_ORDER, no_order, r
from taylorattr.allocation.rule import RULES, AllocationRule, Domain
from taylorattr.allocation.symbols import Bernoulli, Expr, Indicator, choose, j, kappa, q, s, total
from taylorattr.registry import Registry

_k: Expr = sp.Symbol("k", integer=True, positive=True)
_common: Expr = total(COALITION[j] * Indicator(kappa[j] > 0))
_inside: Expr = Indicator(sp.Eq(_common, r))
_same: Expr = Indicator(sp.Eq(r, s))
_two: Expr = sp.Integer(2)


def _index(name: str, share: Expr, source: str, proof: str, equation: str = "(62)") -> AllocationRule:
    return RULES.add(
        AllocationRule(
            name=name,
            symbolic=_inside * share,
            kind="S",
            frame="baseline",
            granularity="support",
            domain=Domain("every function", excludes=no_order),
            source=f"eq. {equation}; {source}",
            proof=proof,
            needs={"k": ORDER},
            receivers=UP_TO_ORDER,
            extra=True,
        )
    )


SII = _index("sii", 1 / (s - r + 1), "Grabisch & Roubens (1999)", "shapley_interaction_index")

K_SII = _index(
    "k_sii",
    sp.Sum(choose(s - r, q) * Bernoulli(q) / (s - r - q + 1), (q, 0, sp.Min(_k, s) - r)),
    "Bordt & von Luxburg (2023), arXiv 2209.04012",
    "k_sii",
)

STII = _index(
    "stii",
    sp.Piecewise((_same, r < _k), (1 / choose(s, _k), True)),
    "Sundararajan, Dhamdhere & Agarwal (2020), arXiv 1902.05622",
    "shapley_taylor_index",
)

FSII = _index(
    "fsii",
    sp.Piecewise(
        (_same, s <= _k),
        (
            (-1) ** (_k - r) * r / (_k + r) * choose(_k, r) * choose(s - 1, _k) / choose(s + _k - 1, _k + r),
            True,
        ),
    ),
    "Tsai, Yeh & Ravikumar (2023), arXiv 2203.00870",
    "faith_sii",
)

BANZHAF_INTERACTION = _index(
    "banzhaf_interaction", _two ** (r - s), "Grabisch & Roubens (1999)", "banzhaf_interaction"
)


FBII = _index(
    "fbii",
    sp.Piecewise((_same, s <= _k), ((-1) ** (_k - r) * choose(s - r - 1, _k - r) * _two ** (r - s), True)),
    "Tsai, Yeh & Ravikumar (2023), arXiv 2203.00870",
    "faith_banzhaf",
    "(77)",
)

CHII = _index("chii", r / s, "Marichal & Roubens (1999)", "chaining_index", "(77)")

INDEX_RULES: Registry[AllocationRule] = Registry(
    "interaction index",
    synonyms={
        "sii": ("shapley interaction", "shapley interaction index"),
        "k_sii": ("n-SII", "n-shapley", "n-shapley values"),
        "stii": ("STI", "shapley taylor"),
        "fsii": ("faith shap", "faith SII"),
        "bii": ("banzhaf", "banzhaf interaction index"),
        "fbii": ("faith banzhaf", "faith BII"),
        "chii": ("chaining", "chaining interaction index"),
    },
)
"""Name of an index -> its rule; ``bii`` and ``banzhaf_interaction`` are one."""
for _rule in (SII, K_SII, STII, FSII, BANZHAF_INTERACTION, FBII, CHII):
    INDEX_RULES.register(_rule.name)(_rule)
INDEX_RULES.register("bii")(BANZHAF_INTERACTION)


def interaction_rule(index: str, order: int, name: str | None = None) -> AllocationRule:
    """Return an interaction index with its order, as a rule whose receivers are coalitions.

    Args:
        index: ``sii``, ``k_sii``, ``stii``, ``fsii``, ``bii`` (or ``banzhaf_interaction``), ``fbii`` or
            ``chii``.
        order: Largest size of a coalition that receives.
        name: Name of the rule; default the index and its order.
    """
    return INDEX_RULES[index].fixed(name or f"{index}/order_{order}", k=order)
