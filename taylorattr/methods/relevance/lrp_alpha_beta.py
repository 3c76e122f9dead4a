"""LRP-α–β."""

from __future__ import annotations

from taylorattr.analysis.question import Question
from taylorattr.methods.method import Scores, method
from taylorattr.methods.relevance.answer import explain
from taylorattr.methods.relevance.lrp import Attention, Constant, Products, lrp_rules
from taylorattr.methods.relevance.rule import Overrides
from taylorattr.methods.relevance.rules.lrp_weights import AlphaBeta, Bias, EmptyGroups


@method("lrp_alpha_beta", family="relevance", zero_baseline=True)
def lrp_alpha_beta(
    question: Question,
    *,
    alpha: float = 2.0,
    beta: float | None = None,
    bias: Bias = "denominator",
    epsilon: float = 1e-6,
    constant: Constant = "pass",
    attention: Attention = "frozen",
    products: Products = "gate",
    merge: bool = False,
    rules: Overrides | None = None,
    balance: bool = False,
) -> Scores:
    """Return α of each relevance to the positive contributions, −β to the negative: eqs. (33)-(36).

    Contributions w·a are split by their own sign, not by that of w. Sums of activations (residual sums,
    pooling) and BatchNorm use ε: α–β on x + relu(x) would lose all relevance where x < 0.
    A product with a constant matrix or filter that has no negative entry, no bias and no parameters of the
    model in it is such a sum, however it is written: a segment sum, a pool, an interpolation.

    Args:
        question: What is asked.
        alpha: α ≥ 1.
        beta: β = α − 1 ≥ 0; None: that.
        bias: c⁺ and c⁻ stand in the denominators, or are ignored.
        epsilon: ε of the other sums.
        constant: What becomes of σ(0) ≠ 0: ``pass`` or ``share``.
        attention: What softmax patterns get: ``frozen``, ``uniform``, ``tangent``.
        products: Of a sigmoid times a signal: ``gate``: all to the signal (Arras et al. 2017); ``half`` each.
        merge: Whether BatchNorm and chains of dense layers are folded first.
        rules: Your rules, by operation, module path or predicate.
        balance: Whether the diagnostics carry the balance of every operation, example by example.

    Returns:
        Scores of the elements.

    Raises:
        OptionError: If α − β ≠ 1 or β < 0.

    Source: Bach et al. (2015), eq. 60.
    """
    empty = EmptyGroups()
    weights = AlphaBeta(alpha, beta, bias, empty)
    table = lrp_rules(
        eps=epsilon,
        weights=weights,
        constant=constant,
        attention=attention,
        products=products,
        method="lrp_alpha_beta",
    )
    scores = explain(question, table, reference=False, rules=rules, balance=balance, merge=merge)
    scores.diagnostics |= empty.report(question.game.f_input, "lrp_alpha_beta") | {
        "alpha": weights.alpha,
        "beta": weights.beta,
        "bias": bias,
        "epsilon": epsilon,
        "constant": constant,
        "attention": attention,
        "products": products,
        "merged": merge,
    }
    return scores
