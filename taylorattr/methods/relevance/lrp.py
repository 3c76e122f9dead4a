"""The table of LRP rules: R = m·value, walked from the output to the inputs."""

from __future__ import annotations

from typing import Literal, TypeAlias

from taylorattr.errors import OptionError
from taylorattr.methods.relevance.rule import Rule, RuleTable
from taylorattr.methods.relevance.rules.choices import FrozenChoice
from taylorattr.methods.relevance.rules.lrp_linear import Epsilon, Move
from taylorattr.methods.relevance.rules.lrp_products import EulerProd, GateProduct
from taylorattr.methods.relevance.rules.lrp_units import Constant, RelevanceUnit
from taylorattr.methods.relevance.rules.maxima import WinnerTakesAll
from taylorattr.methods.relevance.rules.norms import EulerMoment, FrozenScale
from taylorattr.methods.relevance.rules.pairs import PairRelevance
from taylorattr.methods.relevance.rules.products import FrozenDivisor, HalfMatmul, HalfProduct
from taylorattr.methods.relevance.rules.softmax import LogSumExpRelevance, SoftmaxRelevance

Attention: TypeAlias = Literal["frozen", "uniform", "tangent"]
"""(R26): all to the values; (R27): half to the pattern, which passes it on by either form of softmax."""

Products: TypeAlias = Literal["gate", "half"]
"""Of a product of a gate (sigmoid) and a signal: all to the signal, (76), or one half each, (75)."""


def lrp_rules(
    *,
    eps: float = 1e-6,
    weights: Rule | None = None,
    constant: Constant = "pass",
    attention: Attention = "frozen",
    products: Products = "gate",
    method: str = "this method",
) -> RuleTable:
    """Return the rules of LRP on operations.

    Args:
        eps: ε of every sum, ≥ 0.
        weights: Rule of sums with constant weights; None: ε.
        constant: What becomes of σ(0) ≠ 0.
        attention: What softmax patterns get.
        products: What gates get.
        method: Name for error messages.

    Returns:
        The table, without overrides.

    Raises:
        OptionError: If an option is not one of these.
    """
    if attention not in ("frozen", "uniform", "tangent"):
        raise OptionError(f"attention={attention!r}; expected 'frozen', 'uniform' or 'tangent'")
    if products not in ("gate", "half"):
        raise OptionError(f"products={products!r}; expected 'gate' or 'half'")
    epsilon, gates = Epsilon(eps), products == "gate"
    move = Move()
    frozen = attention == "frozen"
    return RuleTable(
        {
            "move": move,
            "scale": move,
            "order": move,
            "sum": epsilon,
            "weights": weights or epsilon,
            "batch_norm": epsilon,
            "unit": RelevanceUnit(eps, constant),
            "pair": PairRelevance(),
            "product": HalfProduct(frozen, gates),
            "matmul": HalfMatmul(frozen, eps, gates),
            "quotient": FrozenDivisor(),
            "glu": GateProduct(half=not gates),
            "softmax": SoftmaxRelevance("tangent" if attention == "tangent" else "uniform"),
            "log_softmax": LogSumExpRelevance(),
            "logsumexp": LogSumExpRelevance(),
            "normalise": FrozenScale(),
            "moment": EulerMoment(),
            "maximum": WinnerTakesAll(),
            "prod": EulerProd(),
            "choice": FrozenChoice(),
        },
        method=method,
    )
