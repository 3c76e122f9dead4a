"""Pruning: what PruneGrad kept of each example's network, and what that changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from typing import ClassVar

import torch
from torch import Tensor

from taylorattr.aliases import Tensors
from taylorattr.effects.examples import in_rows
from taylorattr.effects.result import Result
from taylorattr.errors import OptionError, ShapeError


@dataclass(frozen=True, eq=False, repr=False)
class Pruning(Result):
    """The pruned networks of B examples, each with its own neurons; L calls of a ReLU, M neurons.

    Attributes:
        sparsity: Share p of the neurons that was to be pruned, asked for or chosen.
        neurons: M, scalar outputs of all calls of a ReLU.
        kept: ⌈(1 − p)·M⌉, the same number for every example.
        layers: Calls of a ReLU in their order, with the shape of one example's output.
        kept_share: Share of each call's neurons that is kept, shape (B, L).
        inactive: Share of the neurons whose output is 0 at x, shape (B,).
        kept_inactive: The same among those kept, shape (B,); 0 wherever fewer are kept than are active.
        output: f(x), shape (B,).
        pruned_output: f(x) of the pruned networks, shape (B,).
        probability: Softmax probability of the target, shape (B,); None where the target is no class of
            outputs (B, K).
        pruned_probability: The same of the pruned networks.
        same_class: Whether the largest output is the same with and without pruning, shape (B,), bool.
        radii: ‖δ‖ of the random perturbations.
        moved: E|Φ_m(x + δ) − Φ_m(x)| at each radius, shape (B, radii); None where not measured.
        nonlinear: E|Φ_m(x + δ) − Φ_m(x) − g·δ|, g the gradient of the pruned network Φ_m; likewise.
        scan: Sparsity -> mean relative change of the probability on the held-out batch, where the sparsity
            was chosen; else empty.
        ascent: Φ_m(x + δ) − Φ_m(x) of the refined perturbation δ, shape (B,); None where there is none.
        radius: Of the ball in which it was looked for.
        masks: What is kept, by call of a ReLU, shape (B, …), bool; None in diagnostics of an attribution.
        map: The map in the structure of the inputs; None likewise.
    """

    example_axes: ClassVar = in_rows(
        "output kept_share inactive kept_inactive pruned_output probability pruned_probability same_class "
        "moved nonlinear ascent masks map"
    )

    sparsity: float
    neurons: int
    kept: int
    layers: tuple[str, ...]
    kept_share: Tensor
    inactive: Tensor
    kept_inactive: Tensor
    output: Tensor
    pruned_output: Tensor
    probability: Tensor | None = None
    pruned_probability: Tensor | None = None
    same_class: Tensor | None = None
    radii: tuple[float, ...] = ()
    moved: Tensor | None = None
    nonlinear: Tensor | None = None
    scan: dict[str, float] = field(default_factory=dict)
    ascent: Tensor | None = None
    radius: float | None = None
    masks: tuple[Tensor, ...] | None = None
    map: Tensors | None = None

    def __post_init__(self) -> None:
        """Check that the parts fit together.

        Raises:
            ShapeError: If they have not one row per example, or not one column per call of a ReLU.
        """
        if self.kept_share.shape != (self.batch, len(self.layers)):
            raise ShapeError(
                f"kept_share has shape {tuple(self.kept_share.shape)}; expected ({self.batch}, "
                f"{len(self.layers)}): one row per example, one column per call of a ReLU"
            )

    @property
    def batch(self) -> int:
        """Number of examples B."""
        return len(self.output)

    @property
    def reached(self) -> float:
        """Share of the neurons that is pruned: p rounded down to whole neurons."""
        return 1 - self.kept / self.neurons

    @property
    def probability_change(self) -> Tensor | None:
        """|p_c(Φ_m) − p_c(Φ)| / p_c(Φ), shape (B,); None where the target is no class."""
        if self.probability is None or self.pruned_probability is None:
            return None
        return (self.pruned_probability - self.probability).abs() / self.probability

    @property
    def output_ratio(self) -> Tensor:
        """Φ_m(x) / Φ(x), shape (B,)."""
        return self.pruned_output / self.output

    @property
    def linearity(self) -> Tensor | None:
        """E|Φ_m(x + δ) − Φ_m(x) − g·δ| / E|Φ_m(x + δ) − Φ_m(x)| by radius, over all examples: 0 is linear."""
        if self.moved is None or self.nonlinear is None:
            return None
        return self.nonlinear.sum(0) / self.moved.sum(0)

    def __repr__(self) -> str:
        """Show what was kept and what changed."""
        return self.summary()

    def summary(self) -> str:
        """Return the report as text, averaged over the examples."""
        shares = self.kept_share.double().mean(0).tolist()
        by_layer = ", ".join(f"{name} {share:.1%}" for name, share in zip(self.layers, shares, strict=True))
        lines = [
            f"PruneGrad: {self.kept} of {self.neurons} neurons kept in each of {self.batch} example(s)",
            f"  sparsity: {self.sparsity:g} asked, {self.reached:.6g} reached",
            f"  kept by layer: {by_layer}",
            f"  inactive: {float(self.inactive.double().mean()):.1%} of all neurons, "
            f"{float(self.kept_inactive.double().mean()):.1%} of those kept",
            f"  output: {float(self.output.double().mean()):.6g} -> "
            f"{float(self.pruned_output.double().mean()):.6g}, median ratio "
            f"{float(self.output_ratio.double().median()):.3g}",
        ]
        change = self.probability_change
        if change is not None and self.same_class is not None:
            lines.append(
                f"  probability of the target: changed by {float(change.double().mean()):.3g} of itself, "
                f"same largest class in {float(self.same_class.double().mean()):.1%}"
            )
        if self.linearity is not None:
            ratios = zip(self.radii, self.linearity.tolist(), strict=True)
            lines.append(
                "  not linear: "
                + ", ".join(f"{ratio:.2g} of the change at ‖δ‖ = {radius:g}" for radius, ratio in ratios)
            )
        if self.ascent is not None:
            lines.append(
                f"  perturbation within ‖δ‖ ≤ {self.radius:.4g}: output raised by "
                f"{float(self.ascent.double().mean()):.6g}"
            )
        if self.scan:
            lines.append(
                "  chosen on a held-out batch, change by sparsity: "
                + ", ".join(f"{p} {value:.3g}" for p, value in self.scan.items())
            )
        return "\n".join(lines)


def joined(parts: Sequence[Pruning]) -> Pruning:
    """Return the prunings of consecutive examples as one.

    Raises:
        OptionError: If they do not have the same neurons.
    """
    first = parts[0]
    if any(part.layers != first.layers for part in parts):
        raise OptionError(
            "the model calls other ReLUs for some examples than for others (a branch on its values), so that "
            "their neurons cannot be pooled; ask about one example at a time"
        )
    by_example = {}
    for name in (f.name for f in fields(Pruning)):
        columns = [getattr(part, name) for part in parts]
        if isinstance(columns[0], Tensor):
            by_example[name] = torch.cat(columns)
        elif isinstance(columns[0], tuple) and all(isinstance(entry, Tensor) for entry in columns[0]):
            by_example[name] = tuple(torch.cat(column) for column in zip(*columns, strict=True))
    return replace(first, **by_example)
