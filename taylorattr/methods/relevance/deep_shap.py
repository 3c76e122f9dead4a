"""Deep SHAP: Shapley values of components, chained by multipliers, averaged over a reference set."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal

import torch
from torch import Tensor

from taylorattr.autodiff.game import blocks
from taylorattr.errors import OptionError
from taylorattr.memory import keep_freed_blocks
from taylorattr.methods.method import Question, Scores, method
from taylorattr.methods.relevance.answer import relative_gap
from taylorattr.methods.relevance.difference import difference_rules
from taylorattr.methods.relevance.propagate import propagate
from taylorattr.methods.relevance.recording import module_of, record_at, rows_function
from taylorattr.methods.relevance.rule import Overrides
from taylorattr.methods.relevance.rules.maxima import MaxRule
from taylorattr.methods.relevance.rules.neurons import NeuronShapley


@method("deep_shap", family="relevance", references=True)
def deep_shap(
    question: Question,
    *,
    components: Literal["linear_activation", "neuron"] = "linear_activation",
    max_rule: MaxRule = "shapley",
    orders: int = 32,
    rules: Overrides | None = None,
) -> Scores:
    """Return φ_i/Δh_i of each component multiplied through the network, averaged over references: eq. (43).

    Args:
        question: What is asked; its references are shared by all examples.
        components: ``linear_activation``: linear maps and one-input activations are components of their own,
            so that the shares are κ_i/m (Rescale averaged over the references; what libraries do).
            ``neuron``: a dense layer or convolution with its activation is one component, with shares 1/|S|.
        max_rule: How a maximum is shared.
        orders: Random orders (half of them reversed) for neurons with more than 12 inputs.
        rules: Your rules, by operation, module path or predicate.

    Returns:
        Scores of the elements.

    Raises:
        OptionError: If components is none of these or orders below 2.

    Source: Lundberg & Lee (2017), "A unified approach to interpreting model predictions", §4.2; Chen,
    Lundberg & Lee (2019), arXiv 1911.11888.
    """
    if components not in ("linear_activation", "neuron"):
        raise OptionError(f"components={components!r}; expected 'linear_activation' or 'neuron'")
    if not isinstance(orders, int) or orders < 2:
        raise OptionError(f"orders={orders!r}; expected an integer ≥ 2")
    game = question.game
    keep_freed_blocks()
    table = difference_rules(max_rule, "deep_shap")
    neuron = NeuronShapley(orders // 2, question.generator())
    if components == "neuron":
        table = replace(table, by_kind={**table.by_kind, "unit": neuron})
    module = module_of(game)
    found: list[list[Tensor]] = []
    starts: list[Tensor] = []
    worst = 0.0
    for part in blocks(game.batch, question.internal_batch_size or game.batch):
        function = rows_function(game, part.start)
        at_x = record_at(function, tuple(x[part] for x in game.inputs), module)
        used = table.with_overrides(rules, at_x.program)
        rows = [question.reference_rows(e) for e in range(part.start, part.start + at_x.batch)]
        total: list[Tensor] | None = None
        f_start = torch.zeros_like(at_x.output)
        count = rows[0][0].shape[0]
        for r in range(count):
            starts_r = tuple(torch.stack([row[k][r] for row in rows]) for k in range(len(game.inputs)))
            if not game.scalar.varies and all(bool((s == s[:1]).all()) for s in starts_r):
                starts_r = tuple(s[:1] for s in starts_r)
            recording = at_x.against(function, starts_r, module)
            scores = propagate(recording, used)
            worst = max(worst, float(relative_gap(scores, recording.gap).max()))
            f_start = f_start + (recording.output - recording.gap) / count
            total = scores if total is None else [t + s for t, s in zip(total, scores, strict=True)]
        assert total is not None
        found.append([t / count for t in total])
        starts.append(f_start)
    diagnostics: dict[str, Any] = {
        "components": components,
        "max_rule": max_rule,
        "references": int(question.reference_rows(0)[0].shape[0]),
        "largest_relative_gap": worst,
    }
    if neuron.sampled:
        diagnostics |= {"orders": 2 * neuron.pairs, "sampled_modules": neuron.sampled}
    return Scores(
        elements=tuple(torch.cat(parts) for parts in zip(*found, strict=True)),
        f_baseline=torch.cat(starts),
        diagnostics=diagnostics,
    )
