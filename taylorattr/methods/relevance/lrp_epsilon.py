"""LRP-ε, and named composites of LRP rules."""

from __future__ import annotations

from taylorattr.analysis.question import Question
from taylorattr.errors import OptionError
from taylorattr.methods.method import Scores, method
from taylorattr.methods.relevance.answer import explain
from taylorattr.methods.relevance.composites import Bounds, boxes_need_one_example, composite_rules
from taylorattr.methods.relevance.lrp import Attention, Constant, Products, lrp_rules
from taylorattr.methods.relevance.rule import Overrides


@method("lrp_epsilon", family="relevance", zero_baseline=True)
def lrp_epsilon(
    question: Question,
    *,
    epsilon: float = 1e-6,
    composite: str | None = None,
    constant: Constant = "pass",
    attention: Attention = "frozen",
    products: Products = "gate",
    merge: bool | None = None,
    low: Bounds = None,
    high: Bounds = None,
    rules: Overrides | None = None,
    balance: bool = False,
) -> Scores:
    """Return R_i = Σ_j a_i w_ij R_j/(z_j + ε sgn z_j) from the output to the input: eqs. (29)-(32).

    Args:
        question: What is asked.
        epsilon: ε ≥ 0 of every sum, the output included; 0 is LRP-0, which on ReLU networks is
            Gradient×Input.
        composite: Other rules for convolutions or first layers: ``EpsilonPlus``, ``EpsilonPlusFlat``,
            ``EpsilonAlpha2Beta1``, ``EpsilonAlpha2Beta1Flat``, ``EpsilonGammaBox``, ``ExcitationBackprop``
            (the table of `relevance.composites` says which rule where).
        constant: What becomes of σ(0) ≠ 0 (sigmoid, softplus): ``pass`` it on as published, or keep it as a
            named ``share``.
        attention: ``frozen``: patterns are weights, all relevance goes to the values; ``uniform`` or
            ``tangent``: half to the pattern, through softmax against uniform attention, or its Jacobian.
        products: Of a sigmoid times a signal: ``gate``: all to the signal (Arras et al. 2017); ``half`` each.
        merge: Whether BatchNorm and chains of dense layers are folded first; None: with a composite only.
        low: Lower bound of the first layer's input, for ``EpsilonGammaBox``; None: its smallest value.
        high: Upper bound, likewise.
        rules: Your rules, by operation, module path or predicate.
        balance: Whether the diagnostics carry the balance of every operation, example by example.

    Returns:
        Scores of the elements.

    Raises:
        OptionError: If epsilon is negative, a name unknown, or bounds are given without their composite.

    Source: Bach et al. (2015), "On pixel-wise explanations for non-linear classifier decisions by
    layer-wise relevance propagation", eq. 58; composites: Montavon et al. (2019), Kohlbrenner et al. (2020).
    """
    if composite != "EpsilonGammaBox" and (low is not None or high is not None):
        raise OptionError(
            "low= and high= bound the first layer's input for composite='EpsilonGammaBox'; leave them "
            f"out, or choose it (composite={composite!r})"
        )
    table = lrp_rules(
        eps=epsilon, constant=constant, attention=attention, products=products, method="lrp_epsilon"
    )
    assign = composite_rules(composite, low, high) if composite is not None else None
    folded = composite is not None if merge is None else merge
    reads_off = composite == "EpsilonGammaBox" and (low is None or high is None)
    scores = explain(
        question,
        table,
        reference=False,
        rules=rules,
        balance=balance,
        merge=folded,
        assign=assign,
        alone=boxes_need_one_example if reads_off else None,
    )
    scores.diagnostics |= {
        "epsilon": epsilon,
        "composite": composite,
        "constant": constant,
        "attention": attention,
        "products": products,
        "merged": folded,
    }
    return scores
