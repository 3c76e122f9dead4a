"""The networks of a question, each pruned at its example: masks, derivatives and what the report measures."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias, TypeVar

import numpy as np
import torch
from torch import Tensor

from taylorattr.aliases import Tensors
from taylorattr.analysis.game import blocks
from taylorattr.analysis.question import Question
from taylorattr.analysis.relu_calls import ReluCalls, WatchedPass, watched_pass
from taylorattr.analysis.scalar import ScalarModel, is_row_of_classes
from taylorattr.analysis.targets import tensor_output
from taylorattr.autodiff.gradient import Rows, gradient_rows, require_true_gradient
from taylorattr.errors import OptionError, PrecisionWarning, require_repetitions, warn
from taylorattr.memory import keep_freed_blocks
from taylorattr.methods.extra.neurons import (
    Contributions,
    RowsNotFirstError,
    integrated_contributions,
    kept_count,
    masking,
    most_important,
    row_totals,
)
from taylorattr.methods.extra.pruning import Pruning, joined
from taylorattr.methods.gradient.gradient_x_input import Multiplier

Score: TypeAlias = Literal["gradient", "intgrad", "random"]
Channel: TypeAlias = Literal["sum", "maxabs"]
Masks: TypeAlias = Mapping[int, Tensor]
"""Call of a ReLU -> what is kept of its output, shape (R, …), bool."""

T = TypeVar("T")

GREEDY_STEP = 0.01
"""Share of all neurons that is pruned before the scores are computed again."""

STEPS_ACROSS = 20
"""Steps of the refinement in one radius of its ball."""

DRAWS = 8
"""Random perturbations per example and radius by which linearity is measured."""


@dataclass(frozen=True)
class Settings:
    """The options of `prune_grad`, checked."""

    sparsity: float | Literal["auto"]
    held_out: Tensors | None
    score: Score
    greedy: bool
    refine: Literal["pgd"] | None
    radius: float | None
    n_steps: int
    channel: Channel
    multiply_by: Multiplier
    linearity: Sequence[float]

    def __post_init__(self) -> None:
        """Check what needs no model.

        Raises:
            OptionError: If an option is out of range, or goes with another.
        """
        p = self.sparsity
        if p != "auto" and (isinstance(p, str) or not 0 <= p < 1):
            raise OptionError(
                f"sparsity={p!r}; expected a share of neurons to prune, at least 0 and below 1, such as 0.9, "
                "or 'auto' with held_out="
            )
        if (p == "auto") != (self.held_out is not None):
            raise OptionError(
                "sparsity='auto' is chosen on inputs of its own: pass held_out=, a batch like the inputs"
                if p == "auto"
                else "held_out= is what sparsity='auto' is chosen on; leave it out or pass sparsity='auto'"
            )
        for name, value, known in (
            ("score", self.score, ("gradient", "intgrad", "random")),
            ("refine", self.refine, ("pgd", None)),
            ("channel", self.channel, ("sum", "maxabs")),
        ):
            if value not in known:
                raise OptionError(f"{name}={value!r}; expected {' or '.join(map(repr, known))}")
        if self.radius is not None and self.refine is None:
            raise OptionError("radius= is that of refine='pgd'; pass both or neither")
        if self.radius is not None and not 0 < self.radius < math.inf:
            raise OptionError(f"radius={self.radius!r}; expected a positive number, in units of the input")
        require_repetitions("n_steps", self.n_steps)
        if not all(0 < radius < math.inf for radius in self.linearity):
            raise OptionError(
                f"linearity={self.linearity!r}; expected positive radii such as (0.01, 0.1, 0.5)"
            )


class PrunedNetworks:
    """The networks of a question, pruned block by block.

    Args:
        question: What is asked.
        settings: The options.
        sparsity: Share of the neurons to prune.
    """

    def __init__(self, question: Question, settings: Settings, sparsity: float) -> None:
        self.game, self.settings, self.sparsity = question.game, settings, sparsity
        self.scalar: ScalarModel = self.game.scalar
        self.question = question
        self.generator = question.generator()
        self._tables: dict[tuple[int, int], tuple[Tensor, Tensor]] = {}

    def pruned(self, *, with_masks: bool) -> tuple[Rows, Pruning]:
        """Return the map, tensors (B, …), and the report of all examples."""
        found = self._by_rows(lambda xs, examples, alone: self._block(xs, examples, alone, with_masks))
        maps = tuple(torch.cat(parts) for parts in zip(*(rows for rows, _ in found), strict=True))
        return maps, joined([report for _, report in found])

    def changes(self, ladder: Sequence[float]) -> dict[float, float]:
        """Return by sparsity the mean of |p_c(Φ_m) − p_c(Φ)| / p_c(Φ), of |Φ_m − Φ| / |Φ| without classes."""
        parts = self._by_rows(lambda xs, examples, alone: self._changes(xs, examples, alone, ladder))
        means = torch.cat(parts).mean(0).tolist()
        return dict(zip(ladder, means, strict=True))

    def _by_rows(self, compute: Callable[[Rows, Tensor, ReluCalls | None], T]) -> list[T]:
        """Return what is computed for all examples, many at a time where every ReLU has them first."""
        fixed = self.scalar.diagnostics.get("fixed_batch_size", 1)
        if fixed != 1:  # rows are repeated to fill it, and their neurons with them
            raise OptionError(
                f"the model was exported for batches of {fixed} rows, in which the neurons of one example "
                "are not told apart; export it for any number: torch.export.export(model, (x,), "
                "dynamic_shapes=({0: torch.export.Dim('batch')},))"
            )
        keep_freed_blocks()
        game, rows = self.game, min(gradient_rows(self.game), self.game.batch)
        if rows > 1:
            alone = ReluCalls(on_the_way=False)
            watched_pass(self.scalar, game.input(0), torch.tensor([0]), alone, backward=False)
            try:
                return [self._rows(part, compute, alone) for part in blocks(game.batch, rows)]
            except RowsNotFirstError:
                self.generator = self.question.generator()
        return [self._rows(part, compute, None) for part in blocks(game.batch, 1)]

    def _rows(
        self, part: slice, compute: Callable[[Rows, Tensor, ReluCalls | None], T], alone: ReluCalls | None
    ) -> T:
        inputs = tuple(x[part] for x in self.game.inputs)
        return compute(inputs, torch.arange(part.start, part.stop), alone)

    def _block(
        self, xs: Rows, examples: Tensor, alone: ReluCalls | None, with_masks: bool
    ) -> tuple[Rows, Pruning]:
        """Return some examples' maps and report; `alone` saw the first example by itself."""
        rows = len(examples)
        whole = self.whole(xs, examples, alone)
        first, neurons = whole.seen, whole.neurons
        total = neurons.count(rows)
        count = kept_count(self.sparsity, total)
        kept = self.kept(xs, examples, whole, count)
        masks = neurons.by_call(kept)
        second = first if count == total else self.pruned_pass(xs, examples, masks)
        found, ascent, radius = second.gradients, None, None
        if self.settings.refine is not None:
            radius = self.settings.radius or 0.05 * math.sqrt(sum(x[0].numel() for x in xs))
            found, ascent = self.refined(xs, examples, masks, second, radius)
        kept_share, inactive, kept_inactive = _shares(whole, kept, count)
        before, after, same = probabilities(self.scalar, first, second) or (None, None, None)
        moved, nonlinear = self.departures(xs, examples, masks, second) or (None, None)
        return found, Pruning(
            sparsity=float(self.sparsity),
            neurons=total,
            kept=count,
            layers=neurons.layers(rows),
            kept_share=kept_share,
            inactive=inactive,
            kept_inactive=kept_inactive,
            output=first.values.cpu(),
            pruned_output=second.values.cpu(),
            probability=before,
            pruned_probability=after,
            same_class=same,
            radii=tuple(map(float, self.settings.linearity)),
            moved=moved,
            nonlinear=nonlinear,
            ascent=None if ascent is None else ascent.cpu(),
            radius=radius,
            masks=neurons.masks(kept) if with_masks else None,
        )

    def _changes(
        self, xs: Rows, examples: Tensor, alone: ReluCalls | None, ladder: Sequence[float]
    ) -> Tensor:
        """Return the relative changes, shape (R, sparsities), float64."""
        whole = self.whole(xs, examples, alone)
        first, columns = whole.seen, []
        for sparsity in ladder:
            count = kept_count(sparsity, whole.neurons.count(len(examples)))
            masks = whole.neurons.by_call(self.kept(xs, examples, whole, count))
            there = self.pruned_pass(xs, examples, masks, backward=False)
            found = probabilities(self.scalar, first, there)
            before, after = (first.values, there.values) if found is None else found[:2]
            columns.append(((after - before).abs() / before.abs()).double().cpu())
        return torch.stack(columns, 1)

    def whole(self, xs: Rows, examples: Tensor, alone: ReluCalls | None) -> Contributions:
        """Return the pass without pruning, checked, and the scores."""
        found = Contributions(self.scalar, xs, examples, alone=alone, tables=self._tables)
        if not bool(torch.isfinite(found.seen.values).all()):
            _ = self.game.f_input  # says where
        if "gradient" not in self.scalar.established:
            require_true_gradient(self.scalar, xs, examples, found.seen.values, found.seen.gradients)
        return found

    def pruned_pass(self, xs: Rows, examples: Tensor, masks: Masks, *, backward: bool = True) -> WatchedPass:
        """Return a pass of the pruned networks."""
        return watched_pass(self.scalar, xs, examples, ReluCalls(masking(masks)), backward=backward)

    def kept(self, xs: Rows, examples: Tensor, whole: Contributions, count: int) -> Tensor:
        """Return which neurons are kept, shape (R, M)."""
        neurons = whole.neurons
        total = neurons.count(len(examples))
        scores = self.scores(xs, examples, whole, {})
        silent = (row_totals(scores) == 0).nonzero().reshape(-1).tolist() if total else []
        if silent and count < total:
            warn(
                f"example {int(examples[silent[0]])}: no neuron matters to the output, each scores 0, so "
                "that which are kept is arbitrary; check target=",
                PrecisionWarning,
            )
        if not self.settings.greedy:
            return most_important(scores, count)
        step, left = math.ceil(GREEDY_STEP * total), total
        kept = torch.ones_like(scores, dtype=torch.bool)
        while left > count:
            if left < total:  # the first scores are those of all neurons
                masks = neurons.by_call(kept)
                again = Contributions(self.scalar, xs, examples, masking(masks))
                scores = self.scores(xs, examples, again, masks)
            left = max(count, left - step)
            kept = most_important(scores.masked_fill(~kept, -1.0), left)
        return kept

    def scores(self, xs: Rows, examples: Tensor, found: Contributions, masks: Masks) -> Tensor:
        """Return r of every neuron, shape (R, M), in the networks with these masks."""
        if self.settings.score == "random":  # the same draws however the examples are cut into blocks
            draws = [torch.rand(found.scores.shape[1], generator=self.generator) for _ in examples]
            return torch.stack(draws).to(self.game.device)
        if self.settings.score == "intgrad":
            return integrated_contributions(self.scalar, xs, examples, found.neurons, masking(masks))
        return found.scores

    def refined(
        self, xs: Rows, examples: Tensor, masks: Masks, start: WatchedPass, radius: float
    ) -> tuple[Rows, Tensor]:
        """Return δ after projected ascent in the pruned networks, and what it raises the outputs by."""
        delta, seen = tuple(torch.zeros_like(x) for x in xs), start
        for _ in range(self.settings.n_steps):
            slope = _norm(seen.gradients)
            step = torch.where(slope > 0, radius / STEPS_ACROSS / slope, 0.0)
            delta = tuple(d + _column(step, g) * g for d, g in zip(delta, seen.gradients, strict=True))
            size = _norm(delta)
            shrink = torch.where(size > radius, radius / size, 1.0)
            delta = tuple(d * _column(shrink, d) for d in delta)
            points = tuple(x + d for x, d in zip(xs, delta, strict=True))
            seen = self.pruned_pass(points, examples, masks)
        return delta, seen.values - start.values

    def departures(
        self, xs: Rows, examples: Tensor, masks: Masks, at: WatchedPass
    ) -> tuple[Tensor, Tensor] | None:
        """Return E|Φ_m(x + δ) − Φ_m(x)| and the part that g·δ misses, each of shape (R, radii)."""
        if not self.settings.linearity:
            return None
        radii = self.settings.linearity
        moved = torch.zeros(len(examples), len(radii), dtype=torch.float64)
        missed = torch.zeros_like(moved)
        for directions in self.directions(xs, examples):
            slope = sum(
                ((g * u).flatten(1).sum(1).double() for g, u in zip(at.gradients, directions, strict=True)),
                torch.zeros_like(at.values, dtype=torch.float64),
            )
            for k, radius in enumerate(radii):
                points = tuple(x + radius * u for x, u in zip(xs, directions, strict=True))
                there = self.pruned_pass(points, examples, masks, backward=False)
                change = (there.values - at.values).double()
                moved[:, k] += change.abs().cpu() / DRAWS
                missed[:, k] += (change - radius * slope).abs().cpu() / DRAWS
        return moved, missed

    def directions(self, xs: Rows, examples: Tensor) -> Iterator[Rows]:
        """Yield unit vectors at random, tensors (R, …), each example's from a seed of its own."""
        generators = [torch.Generator().manual_seed(self.question.seed + e) for e in examples.tolist()]
        for _ in range(DRAWS):
            drawn = tuple(
                torch.stack([torch.randn(x.shape[1:], generator=g, dtype=torch.float64) for g in generators])
                for x in xs
            )
            size = _norm(drawn)
            yield tuple((d / _column(size, d)).to(x) for d, x in zip(drawn, xs, strict=True))


def _norm(rows: Rows) -> Tensor:
    """Return ‖·‖₂ of each row over all input tensors together, shape (R,)."""
    return torch.stack([part.flatten(1).norm(dim=1) for part in rows]).norm(dim=0)


def _column(values: Tensor, like: Tensor) -> Tensor:
    """Return values (R,) in a shape that multiplies rows (R, …)."""
    return values.reshape(-1, *[1] * (like.ndim - 1))


def _shares(whole: Contributions, kept: Tensor, count: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return the kept share of each call (R, L), and the inactive share, of all neurons and of those kept.

    By NumPy, which counts the rows ten times as fast as torch does.
    """
    rows, total = kept.shape
    mine, active = kept.cpu().numpy(), whole.active.cpu().numpy()

    def counts(table: np.ndarray) -> Tensor:
        return torch.tensor([int(np.count_nonzero(row)) for row in table], dtype=torch.float64)

    layers = [counts(mine[:, part]) / (part.stop - part.start) for _, part in whole.neurons.columns(rows)]
    return torch.stack(layers, 1), 1 - counts(active) / total, 1 - counts(mine & active) / count


def probabilities(
    scalar: ScalarModel, before: WatchedPass, after: WatchedPass
) -> tuple[Tensor, Tensor, Tensor] | None:
    """Return the target's softmax probability before and after, and whether the largest output is the same.

    None where the outputs are no row of classes or the target is a function of them. Outputs that are
    probabilities already are taken as they are.
    """
    if scalar.selector.function is not None or not is_row_of_classes(before.output):
        return None
    outputs = [tensor_output(seen.output).detach().double().cpu() for seen in (before, after)]
    chosen = [seen.values.double().cpu() for seen in (before, after)]
    if not _are_probabilities(outputs[0]):
        chosen = [f - torch.logsumexp(y, 1) for f, y in zip(chosen, outputs, strict=True)]
        chosen = [logarithm.exp() for logarithm in chosen]
    same = outputs[0].argmax(1) == outputs[1].argmax(1)
    return chosen[0], chosen[1], same


def _are_probabilities(outputs: Tensor) -> bool:
    return bool((outputs >= 0).all()) and bool(((outputs.sum(1) - 1).abs() < 1e-4).all())
