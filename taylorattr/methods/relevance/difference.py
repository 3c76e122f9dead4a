"""The table of difference rules: every operation complete, Σ m_in·Δ_in = Σ m_out·Δ_out."""

from __future__ import annotations

from taylorattr.methods.relevance.rule import RuleTable
from taylorattr.methods.relevance.rules.choices import Choice
from taylorattr.methods.relevance.rules.linear import Transpose
from taylorattr.methods.relevance.rules.maxima import MaxRule, MaxSecant
from taylorattr.methods.relevance.rules.norms import MomentSecant, NormSecant
from taylorattr.methods.relevance.rules.order import OrderSecant
from taylorattr.methods.relevance.rules.pairs import PairSecant
from taylorattr.methods.relevance.rules.products import (
    MeanGate,
    MeanMatmul,
    MeanProd,
    MeanProduct,
    MeanQuotient,
)
from taylorattr.methods.relevance.rules.softmax import LogSoftmaxSecant, LogSumExpSecant, SoftmaxSecant
from taylorattr.methods.relevance.rules.units import Secant


def difference_rules(max_rule: MaxRule = "winners", method: str = "this method") -> RuleTable:
    """Return the rules of DeepLIFT on operations.

    Args:
        max_rule: Weights of maxima: ``winners`` (cheapest), ``path`` or ``shapley``. Other order statistics
            follow it, by their ``path`` where it is ``winners``.
        method: Name for error messages.

    Returns:
        The table, without overrides.
    """
    linear = Transpose()
    return RuleTable(
        {
            "move": linear,
            "sum": linear,
            "scale": linear,
            "weights": linear,
            "batch_norm": linear,
            "unit": Secant(),
            "pair": PairSecant(),
            "product": MeanProduct(),
            "matmul": MeanMatmul(),
            "quotient": MeanQuotient(),
            "glu": MeanGate(),
            "softmax": SoftmaxSecant(),
            "log_softmax": LogSoftmaxSecant(),
            "logsumexp": LogSumExpSecant(),
            "normalise": NormSecant(),
            "moment": MomentSecant(),
            "maximum": MaxSecant(max_rule),
            "prod": MeanProd(),
            "order": OrderSecant("shapley" if max_rule == "shapley" else "path"),
            "choice": Choice(),
        },
        method=method,
    )
