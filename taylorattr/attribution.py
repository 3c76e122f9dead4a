"""Attribution: the one result of every method and every allocation rule."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar

import torch
from torch import Tensor

from taylorattr.aliases import Frame, Tensors
from taylorattr.effects.coalition_table import Effect, largest
from taylorattr.effects.examples import in_rows, same
from taylorattr.effects.exchange import frame, shap_explanation
from taylorattr.effects.notebook import table_html
from taylorattr.effects.result import Result
from taylorattr.errors import OptionError, ShapeError, require_frame, require_per_example

GAP_TO_TELL = 0.01
"""Share of Σ|scores| from which on a notebook warns of the gap."""


@dataclass(frozen=True, eq=False, repr=False)
class Attribution(Result):
    """How much of f(x) − f(b) each player is given.

    Attributes:
        player_scores: The attribution itself, shape (B, n), float64 on the CPU, in units of the output.
        scores: The same in the structure of the inputs, on the device and in the dtype of the analysis: a
            player's score divided equally among its elements; 0 for elements of no player. For Grad-CAM the
            map. None where there are no input tensors.
        method: Name of the method or rule.
        frame: Where the effects that the method shares out are expanded.
        names: Names of the n players.
        f_input: f(x), shape (B,).
        f_baseline: f(b), shape (B,); averaged over a reference set.
        baselines: b in the structure of the inputs; (R, …) for a reference set; None where there is none.
        standard_errors: Of each player's score, shape (B, n), where the method draws samples; else None.
        zero_baseline: Whether the method knows no baseline but 0, so that its scores conserve f(x) itself.
        diagnostics: What a reader must know about the computation; JSON-able.
    """

    example_axes: ClassVar = in_rows("player_scores scores f_input f_baseline standard_errors")

    player_scores: Tensor
    scores: Tensors | None
    method: str
    frame: Frame
    names: tuple[str, ...]
    f_input: Tensor
    f_baseline: Tensor
    baselines: Tensors | None = None
    standard_errors: Tensor | None = None
    zero_baseline: bool = False
    diagnostics: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check that the parts fit together."""
        require_frame(self.frame)
        if self.player_scores.ndim != 2 or self.player_scores.shape[1] != self.n:
            raise ShapeError(
                f"player_scores have shape {tuple(self.player_scores.shape)}; expected (B, {self.n}), one "
                "column per player"
            )
        require_per_example(self.player_scores, f_input=self.f_input, f_baseline=self.f_baseline)
        errors = self.standard_errors
        if errors is not None and errors.shape != self.player_scores.shape:
            raise ShapeError(
                f"standard_errors have shape {tuple(errors.shape)}; expected that of player_scores, "
                f"{tuple(self.player_scores.shape)}"
            )

    def _selected(self, index: list[int]) -> dict[str, Any]:
        """Return the baselines of these examples."""
        chosen = [
            b[index] if b is not None and self._by_example(b) else b for b in _each_input(self.baselines)
        ]
        return {"baselines": tuple(chosen) if isinstance(self.baselines, tuple) else chosen[0]}

    @classmethod
    def _concatenated(cls, parts: Sequence[Attribution], counts: Sequence[int]) -> dict[str, Any]:
        """Return the baselines of all: a row each, or the reference set that all have in common."""
        joined: list[Tensor | None] = []
        for rows in zip(*(_each_input(part.baselines) for part in parts), strict=True):
            pairs = list(zip(parts, rows, strict=True))
            if all(b is not None and part._by_example(b) for part, b in pairs):
                joined.append(torch.cat([b for b in rows if b is not None]))
            elif all(same(rows[0], b) for b in rows):
                joined.append(rows[0])
            else:
                raise OptionError(
                    "scores against different reference sets are no parts of one attribution; compute them "
                    "with the same references"
                )
        return {"baselines": tuple(joined) if isinstance(parts[0].baselines, tuple) else joined[0]}

    def _by_example(self, baseline: Tensor) -> bool:
        """Return whether a baseline has a row for every example, rather than for every reference."""
        over = {"references", "averaged_over_references", "each_path"}
        return len(baseline) == self.batch and over.isdisjoint(self.diagnostics)

    @property
    def n(self) -> int:
        """Number of players."""
        return len(self.names)

    @property
    def batch(self) -> int:
        """Number of examples B."""
        return self.player_scores.shape[0]

    @property
    def delta(self) -> Tensor:
        """f(x) − f(b), shape (B,)."""
        return self.f_input - self.f_baseline

    @cached_property
    def gap(self) -> Tensor:
        """f(x) − f(b) − Σ player_scores, shape (B,): 0 where the scores are complete."""
        return self.delta - self.player_scores.sum(1)

    @cached_property
    def relative_gap(self) -> Tensor:
        """|gap| / Σ|player_scores|, shape (B,); 0 where both vanish."""
        size = self.gap.abs()
        return torch.where(size == 0, size, size / self.player_scores.abs().sum(1))

    @property
    def conservation(self) -> Tensor:
        """f(x) − Σ player_scores, shape (B,): what a method with baseline 0 should bring to 0.

        Raises:
            OptionError: If the method has a baseline; its sum law is :attr:`gap`.
        """
        if not self.zero_baseline:
            raise OptionError(
                f"{self.method} explains f(x) − f(b), not f(x): read .gap; .conservation belongs to LRP and "
                "Deep Taylor"
            )
        return self.f_input - self.player_scores.sum(1)

    def top(self, k: int = 10) -> list[list[Effect]]:
        """Return the k non-zero scores largest in size for each example: name, value, share of Σ|scores|."""
        return [self._top_of(example, k) for example in range(self.batch)]

    def _top_of(self, example: int, k: int) -> list[Effect]:
        """Return the k non-zero scores of one example that are largest in size, as effects of one player."""
        row = self.player_scores[example]
        positions, shares = largest(row, k)
        return [
            Effect(self.names[p], float(row[p]), share, (p,))
            for p, share in zip(positions, shares, strict=True)
        ]

    def to_frame(self) -> Any:
        """Return the scores as a ``pandas.DataFrame``: a row per example, a column per player.

        Raises:
            MissingExtraError: If pandas is not installed.
        """
        return frame(self.player_scores, self.names)

    def to_shap(self, inputs: Any = None) -> Any:
        """Return the scores as ``shap.Explanation``, which ``shap.plots`` draw.

        Args:
            inputs: Values of the players, (B, n): a tensor, an array or a frame.

        Raises:
            MissingExtraError: If shap is not installed.
            ShapeError: If the inputs are not a value per example and player.
        """
        return shap_explanation(self.player_scores, self.f_baseline, inputs, self.names)

    def __repr__(self) -> str:
        """Show the largest scores with their names, delta, the gap and the frame."""
        return self.summary()

    def _repr_html_(self) -> str:
        """Return a table with bars of the largest scores of the first examples, and the gap."""
        shown = range(min(self.batch, 3))
        cautions = [
            f"the gap is {float(self.relative_gap[e]):.1%} of Σ|scores|"
            if float(self.relative_gap[e]) > GAP_TO_TELL
            else ""
            for e in shown
        ]
        tops = [self._top_of(e, 10) for e in shown]
        return table_html(repr(self).splitlines()[0], self.summary(k=0), tops, cautions)

    def summary(self, k: int = 8, examples: int = 3) -> str:
        """Return a text with the sums and the k largest scores of the first few examples."""
        lines = [
            f"Attribution by {self.method}: {self.n} players, frame {self.frame}, {self.batch} example(s)"
        ]
        for e in range(min(self.batch, examples)):
            lines.append(
                f"  example {e}: f(x) = {float(self.f_input[e]):.6g}, f(b) = {float(self.f_baseline[e]):.6g},"
                f" delta = {float(self.delta[e]):.6g}, gap = {float(self.gap[e]):+.3g}"
            )
            scores = self._top_of(e, k)
            width = max((len(score.name) for score in scores), default=0)
            for score in scores:
                error = self.standard_errors
                doubt = f" ± {float(error[e, score.key[0]]):.2g}" if error is not None else ""
                lines.append(f"    {score.name:<{width}}  {score.value:+.6g}{doubt}  {score.share:6.1%}")
        if self.batch > examples:
            lines.append(f"  … and {self.batch - examples} more examples")
        return "\n".join(lines)


def _each_input(baselines: Tensors | None) -> tuple[Tensor | None, ...]:
    """Return baselines, one entry per input."""
    return baselines if isinstance(baselines, tuple) else (baselines,)
