"""Deep SHAP: Shapley values of components, chained by multipliers, averaged over a reference set."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import torch
from torch import Tensor

from taylorattr.analysis.game import blocks, sum_over_players
from taylorattr.analysis.question import Question
from taylorattr.errors import OptionError, PrecisionWarning, warn
from taylorattr.memory import keep_freed_blocks
from taylorattr.methods.method import Scores, method
from taylorattr.methods.relevance.answer import Accounts, difference_diagnostics
from taylorattr.methods.relevance.difference import difference_rules
from taylorattr.methods.relevance.propagate import balances, propagate
from taylorattr.methods.relevance.recording import Recording, record_rows
from taylorattr.methods.relevance.reference_pairs import recorded_pairs
from taylorattr.methods.relevance.rule import Overrides, RuleTable, named_operations
from taylorattr.methods.relevance.rules.maxima import MaxRule
from taylorattr.methods.relevance.rules.neurons import NeuronShapley
from taylorattr.methods.scores import float64

_WALKS = 8
"""Independent walks an error is estimated from, at least two."""

_MOST_ORDERS = 4096


@method("deep_shap", family="relevance", references=True)
def deep_shap(
    question: Question,
    *,
    components: Literal["linear_activation", "neuron"] = "linear_activation",
    max_rule: MaxRule = "shapley",
    orders: int = 32,
    tol: float | None = None,
    rules: Overrides | None = None,
    balance: bool = False,
) -> Scores:
    """Return φ_i/Δh_i of each component multiplied through the network, averaged over references: eq. (43).

    Args:
        question: What is asked; its references are shared by all examples.
        components: ``linear_activation``: linear maps and one-input activations are components of their own,
            so that the shares are κ_i/m (Rescale averaged over the references; what libraries do).
            ``neuron``: a dense layer or convolution with its activation is one component, with shares 1/|S|.
        max_rule: How a maximum is shared.
        orders: Random orders (half of them reversed) for neurons with more than 12 inputs that move. They
            are split over independent walks, whose spread is the standard error of the scores. Every walk is
            complete, and since walks and layers draw on their own, the mean is unbiased.
        tol: Draw more orders, up to 4096, until no standard error exceeds tol times the example's Σ|score|.
        rules: Your rules, by operation, module path or predicate.
        balance: Whether the diagnostics carry the balance of every operation: one list per example and
            reference.

    Returns:
        Scores of the elements, with standard errors where neurons were sampled.

    Raises:
        OptionError: If components is none of these, orders below 4 or tol not positive.

    Source: Lundberg & Lee (2017), "A unified approach to interpreting model predictions", §4.2; Chen,
    Lundberg & Lee (2019), arXiv 1911.11888.
    """
    if components not in ("linear_activation", "neuron"):
        raise OptionError(f"components={components!r}; expected 'linear_activation' or 'neuron'")
    if not isinstance(orders, int) or orders < 4:
        raise OptionError(f"orders={orders!r}; expected an integer ≥ 4")
    if tol is not None and not tol > 0:
        raise OptionError(f"tol={tol!r}; expected a number > 0, or None")
    keep_freed_blocks()
    table = difference_rules(max_rule, "deep_shap")
    walks = min(_WALKS, orders // 2)
    neuron = NeuronShapley(orders // 2 // walks, question.generator())
    if components == "neuron":
        table = replace(table, by_kind={**table.by_kind, "unit": neuron})
    job = _Job(question, table, neuron, rules)
    job.run(walks, balance)
    errors = job.standard_errors()
    while tol is not None and errors is not None and not job.within(tol, errors):
        if 2 * neuron.pairs * len(job.walks) >= _MOST_ORDERS:
            warn(
                f"deep_shap: after {2 * neuron.pairs * len(job.walks)} orders the largest standard error is "
                f"{float(errors.max()):.1e}, above tol={tol:g} of Σ|score|; use a larger tol",
                PrecisionWarning,
            )
            break
        job.run(len(job.walks), False)
        errors = job.standard_errors()
    diagnostics: dict[str, Any] = {
        "components": components,
        "max_rule": max_rule,
        "references": int(question.reference_rows(0)[0].shape[0]),
        "largest_relative_gap": job.worst_gap,
    } | job.diagnostics
    if neuron.apart:
        diagnostics["units_apart"] = neuron.apart
    if neuron.sampled:
        drawn = 2 * neuron.pairs * len(job.walks)
        diagnostics |= {"orders": drawn, "walks": len(job.walks), "sampled_modules": neuron.sampled}
    return Scores(
        elements=job.mean(), f_baseline=job.f_start, standard_errors=errors, diagnostics=diagnostics
    )


@dataclass
class _Job:
    """Walks of one question, each averaged over the references.

    Attributes:
        walks: One tuple of elements per walk.
        f_start: Mean of f over the references, (B,).
        worst_gap: Largest gap of a walk, relative to its Σ|score|.
        diagnostics: What a reader must know, by name.
    """

    question: Question
    table: RuleTable
    neuron: NeuronShapley
    rules: Overrides | None
    walks: list[tuple[Tensor, ...]] = field(default_factory=list)
    f_start: Tensor | None = None
    worst_gap: float = 0.0
    diagnostics: dict[str, Any] = field(default_factory=dict)

    def run(self, walks: int, balance: bool) -> None:
        """Add independent walks; where nothing is drawn at random a single one is kept."""
        game = self.question.game
        parts = [
            self._block(part, walks, balance)
            for part in blocks(game.batch, self.question.internal_batch_size or game.batch)
        ]
        for w in range(walks if self.neuron.sampled else 1):
            rows = [sums[w] for sums, _ in parts]
            self.walks.append(tuple(torch.cat(pieces) for pieces in zip(*rows, strict=True)))
        self.f_start = torch.cat([start for _, start in parts])

    def _block(self, part: slice, walks: int, balance: bool) -> tuple[list[list[Tensor]], Tensor]:
        """Return each walk's mean over the references, and the mean of f there."""
        game, question = self.question.game, self.question
        at_x = record_rows(game, part, reference=False, kept=named_operations(self.rules))
        if at_x.batch == game.batch:
            game.outputs.settle(at_x.output, at_x.inputs, witnessed=at_x.witnessed)
        used = self.table.with_overrides(self.rules, at_x.program)
        count = len(question.reference_set[0])
        sums = [[torch.zeros_like(x[part]) for x in game.inputs] for _ in range(walks)]
        f_start = torch.zeros_like(at_x.output)
        ledgers: list[list[Any]] = [[] for _ in range(at_x.batch)]
        neurons = any(isinstance(rule, NeuronShapley) for rule in used.by_kind.values())
        for recording in recorded_pairs(question, at_x, part.start, singly=neurons):
            starts = recording.output_at_b.expand(recording.batch)
            f_start = f_start + starts.reshape(at_x.batch, -1).sum(1) / count
            scores = propagate(recording, used)
            self._diagnose(recording, used, scores, part.start, recording.batch // at_x.batch)
            for w in range(walks):
                if w and self.neuron.sampled:
                    scores = propagate(recording, used)
                    self.worst_gap = max(self.worst_gap, float(Accounts(recording, scores).gap.max()))
                means = [s.unflatten(0, (at_x.batch, -1)).sum(1) / count for s in scores]
                sums[w] = [total + s for total, s in zip(sums[w], means, strict=True)]
            if balance:
                pairs = balances(recording, used)
                for row, ledger in enumerate(pairs):
                    entries = [entry.to_dict() for entry in ledger.entries]
                    ledgers[row * at_x.batch // len(pairs)].append(entries)
        if balance:
            self.diagnostics["balance"] = self.diagnostics.get("balance", []) + ledgers
        return sums, f_start

    def _diagnose(
        self, recording: Recording, used: RuleTable, scores: list[Tensor], first: int, pairs: int
    ) -> None:
        """Note the gap of every pair, and what is to be said of them; an example's pairs lie in a row."""
        told = Accounts(recording, scores)
        self.worst_gap = max(self.worst_gap, float(told.gap.max()))
        warned, draws = "larger_than_output" in self.diagnostics, self.neuron.generator.get_state()
        new = difference_diagnostics(recording, used, scores, told, quiet=warned, first=first, pairs=pairs)
        self.diagnostics |= new
        self.neuron.generator.set_state(draws)  # what a warning walks again leaves the scores as they are

    def mean(self) -> tuple[Tensor, ...]:
        """Return the mean over the walks."""
        return tuple(torch.stack(parts).mean(0) for parts in zip(*self.walks, strict=True))

    def standard_errors(self) -> Tensor | None:
        """Return the standard error of each player's mean, (B, n); None where nothing was drawn."""
        if len(self.walks) < 2:
            return None
        game = self.question.game
        players = [sum_over_players(game, tuple(float64(p) for p in walk)) for walk in self.walks]
        return torch.stack(players).std(0) / math.sqrt(len(players))

    def within(self, tol: float, errors: Tensor) -> bool:
        """Whether no error exceeds tol·Σ|score| of its example."""
        game = self.question.game
        size = sum_over_players(game, tuple(float64(p) for p in self.mean())).abs().sum(1, keepdim=True)
        return bool((errors <= tol * size).all())
