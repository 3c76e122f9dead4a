"""Deep Taylor decomposition: z⁺ in hidden layers, z⁺, w² or z^B in the first."""

from __future__ import annotations

from typing import Literal

from taylorattr.analysis.question import Question
from taylorattr.errors import OptionError
from taylorattr.methods.method import Scores, method
from taylorattr.methods.relevance.answer import explain
from taylorattr.methods.relevance.composites import (
    Bounds,
    bounded_first_layer,
    boxes_need_one_example,
    first_layer,
)
from taylorattr.methods.relevance.lrp import Constant, Products, lrp_rules
from taylorattr.methods.relevance.rule import Overrides
from taylorattr.methods.relevance.rules.lrp_weights import AlphaBeta, Bias, EmptyGroups, FixedShares


@method("deep_taylor", family="relevance", zero_baseline=True)
def deep_taylor(
    question: Question,
    *,
    first: Literal["z_plus", "w2", "z_B"] = "z_plus",
    low: Bounds = None,
    high: Bounds = None,
    bias: Bias = "ignore",
    epsilon: float = 0.0,
    constant: Constant = "pass",
    products: Products = "gate",
    merge: bool = False,
    rules: Overrides | None = None,
    balance: bool = False,
) -> Scores:
    """Return R_i = Σ_j (a_i w_ij)⁺/Σ_i(a_i w_ij)⁺·R_j down to the first layer, whose domain has its own rule.

    Each step is integrated gradients of the unit against a root of its own, eq. (37). z⁺ ignores biases, eq.
    (38): a positive bias is handed out too, and a unit without positive contribution loses its relevance
    (share ``empty group``). On signed activations contributions are split by their own sign (α1β0).

    Args:
        question: What is asked.
        first: Rule of the first layers: ``z_plus``; ``w2`` for unbounded inputs; ``z_B`` for inputs in a box.
        low: Lower bound of the first layers' input for ``z_B``; None: its smallest value.
        high: Upper bound, likewise its largest.
        bias: ``ignore`` as published, or c⁺ in the ``denominator``.
        epsilon: ε of sums of activations and BatchNorm.
        constant: What becomes of σ(0) ≠ 0: ``pass`` or ``share``.
        products: Of a sigmoid times a signal: ``gate``: all to the signal (Arras et al. 2017); ``half`` each.
        merge: Whether BatchNorm and chains of dense layers are folded first.
        rules: Your rules, by operation, module path or predicate.
        balance: Whether the diagnostics carry the balance of every operation, example by example.

    Returns:
        Scores of the elements.

    Raises:
        OptionError: If first is none of these, an input lies outside its box, or there are bounds but no box.

    Source: Montavon et al. (2017), arXiv 1512.02479, eqs. 9-12.
    """
    if first not in ("z_plus", "w2", "z_B"):
        raise OptionError(f"first={first!r}; expected 'z_plus', 'w2' or 'z_B'")
    if first != "z_B" and (low is not None or high is not None):
        raise OptionError(f"low= and high= bound the input for first='z_B'; leave them out (first={first!r})")
    empty = EmptyGroups()
    weights = AlphaBeta(1.0, 0.0, bias, empty)
    table = lrp_rules(
        eps=epsilon, weights=weights, constant=constant, products=products, method="deep_taylor"
    )
    assign = None
    if first == "w2":
        assign = first_layer(FixedShares("square"))
    elif first == "z_B":
        assign = bounded_first_layer(low, high)
    alone = boxes_need_one_example if first == "z_B" and (low is None or high is None) else None
    scores = explain(
        question,
        table,
        reference=False,
        rules=rules,
        balance=balance,
        merge=merge,
        assign=assign,
        alone=alone,
    )
    scores.diagnostics |= empty.report(question.game.f_input, "deep_taylor")
    scores.diagnostics |= {"first": first, "bias": bias, "epsilon": epsilon, "constant": constant,
                           "products": products, "merged": merge}  # fmt: skip
    return scores
