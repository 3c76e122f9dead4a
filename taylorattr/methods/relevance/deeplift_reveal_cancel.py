"""DeepLIFT with the RevealCancel rule, on operations."""

from __future__ import annotations

import torch
from torch import Tensor

from taylorattr.analysis.question import Question
from taylorattr.methods.method import Scores, method
from taylorattr.methods.relevance.answer import explain, size_of
from taylorattr.methods.relevance.difference import difference_rules
from taylorattr.methods.relevance.parts import Bookkeeping, PartsWalk
from taylorattr.methods.relevance.recording import Recording
from taylorattr.methods.relevance.rule import Overrides, RuleTable
from taylorattr.methods.relevance.rules.maxima import MaxRule

TAMED_ABOVE = 1e6
"""Σ|scores| over the largest output beyond which powers and exponentials take the plain secant. Far above
what parts do to polynomial units (a few hundred times their outputs), where the definition has to hold; far
below 1e16, where nothing of the scores is left in double precision."""


@method("deeplift_reveal_cancel", family="relevance")
def deeplift_reveal_cancel(
    question: Question,
    *,
    bookkeeping: Bookkeeping = "parts",
    max_rule: MaxRule = "shapley",
    merge: bool = False,
    rules: Overrides | None = None,
    balance: bool = False,
) -> Scores:
    """Return the effects of the positive and negative parts of each unit's input, eqs. (41)-(42).

    Each part's effect on a unit is averaged over both orders of adding the parts, so that cancelling
    contributions show. The default bookkeeping is ``parts``.

    With depth the parts outgrow the values (by 1e10 in ten layers of a randomly initialised network): units
    are then compared at points far from any value, where a ReLU hands on about half of each part. The scores
    stay complete, and the diagnostics say ``parts_over_scores``, the largest (Δf⁺ − Δf⁻)/Σ|scores|.
    ``variables`` keeps to the size of the values, but for powers and exponentials: there the secants to parts
    far outside the values grow with the parts. Where the scores of an example exceed a million times its
    outputs, such functions take the plain secant for both parts, a choice: the value is one variable, as in
    the product x·x·x. The diagnostics count these examples as ``tamed``.

    Args:
        question: What is asked.
        bookkeeping: ``parts``: every unit keeps its own Δ⁺ and Δ⁻, recombined by the signs of the weights;
            ``variables``: every value is one variable, grouped by the sign of w·Δ. Equal with one hidden
            layer.
        max_rule: How a maximum is shared; ``shapley`` agrees with maxima written with ReLUs.
        merge: Whether BatchNorm and chains of dense layers are folded first: two linear maps in a row are
            otherwise combined path by path, |W₂||W₁|.
        rules: Your rules, by operation, module path or predicate. An operation whose rule has no `pull_abs`
            counts as one variable.
        balance: Whether the diagnostics carry the balance of every operation under the ordinary walk.

    Returns:
        Scores of the elements.

    Raises:
        OptionError: If a bookkeeping or max_rule is unknown.
        NonFiniteError: If the parts outgrow the dtype.

    Source: Shrikumar et al. (2017), arXiv 1704.02685, §3.5.
    """
    ratios, counts = [0.0], [0]

    def walk(recording: Recording, used: RuleTable) -> list[Tensor]:
        parts = PartsWalk(recording, used, bookkeeping)
        scores = parts.run()
        size = size_of(scores, recording.batch)
        largest = torch.maximum(recording.output.abs(), recording.output_at_b.abs()).maximum(
            recording.gap.abs()
        )
        blown = size > TAMED_ABOVE * largest
        if bool(blown.any()):
            tamed = PartsWalk(recording, used, bookkeeping, tame=True).run()
            better = blown & (size_of(tamed, recording.batch) < size)
            counts.append(int(better.sum()))
            scores = [
                torch.where(better.reshape(-1, *[1] * (s.dim() - 1)), t, s)
                for s, t in zip(scores, tamed, strict=True)
            ]
            size = size_of(scores, recording.batch)
        ratios.extend((parts.output_spread / size)[size > 0].tolist())
        return scores

    table = difference_rules(max_rule, "deeplift_reveal_cancel")
    scores = explain(question, table, reference=True, rules=rules, balance=balance, merge=merge, walk=walk)
    scores.diagnostics |= {
        "bookkeeping": bookkeeping,
        "max_rule": max_rule,
        "merged": merge,
        "outside_domain": "plain secant",
        "tamed": sum(counts),
        "parts_over_scores": max(ratios),
    }
    return scores
