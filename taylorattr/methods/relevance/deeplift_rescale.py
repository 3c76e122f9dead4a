"""DeepLIFT with the Rescale rule, on operations."""

from __future__ import annotations

from taylorattr.analysis.question import Question
from taylorattr.methods.method import Scores, method
from taylorattr.methods.relevance.answer import explain
from taylorattr.methods.relevance.difference import difference_rules
from taylorattr.methods.relevance.rule import Overrides
from taylorattr.methods.relevance.rules.maxima import MaxRule


@method("deeplift_rescale", family="relevance")
def deeplift_rescale(
    question: Question,
    *,
    max_rule: MaxRule = "winners",
    rules: Overrides | None = None,
    balance: bool = False,
) -> Scores:
    """Return m·Δ with the secant Δy/Δz of every unit in place of its derivative: eq. (39).

    Complete on every operation: products, softmax, normalisation layers and maxima have difference rules of
    their own (the module docstrings of `rules` derive them). Where Δz = 0 the secant is σ′, eq. (40).

    Args:
        question: What is asked.
        max_rule: How a maximum is shared between its candidates: ``winners`` (the winners at input and
            baseline), ``path`` (integrated gradients of the maximum) or ``shapley``. Their scores differ.
        rules: Your rules, by operation (``relu``), module path (``layer1.*``) or predicate on the site; each
            a `Rule` or a function ``(site, m) -> multipliers of the operands``.
        balance: Whether the diagnostics carry the balance of every operation, example by example.

    Returns:
        Scores of the elements.

    Source: Shrikumar et al. (2017), "Learning important features through propagating activation
    differences", arXiv 1704.02685; the rules of several-input operations are this package's choice.
    """
    table = difference_rules(max_rule, "deeplift_rescale")
    scores = explain(question, table, reference=True, rules=rules, balance=balance)
    scores.diagnostics |= {"max_rule": max_rule, "softmax_rule": "logarithmic mean"}
    return scores
