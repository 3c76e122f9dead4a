"""The Taylor series of a game's examples at the point its frame expands at, by whichever engine can.

A program is captured at the expansion point and shared by all examples it is right for; the polynomial walk
runs on it. Where the capture or a rule is missing, nested ``torch.func`` takes over and a warning names what
was missing.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from taylorattr.aliases import Frame
from taylorattr.analysis.masking import coalition_values
from taylorattr.analysis.question import Question
from taylorattr.autodiff.captured import Captured, agrees_at, captured_examples, ends_of
from taylorattr.autodiff.polynomial.engine import expand_batch, jets
from taylorattr.autodiff.polynomial.nested import derivatives
from taylorattr.effects.convergence import Kinks
from taylorattr.effects.nested_check import differentiated, require_true_derivatives
from taylorattr.errors import CaptureError, FallbackWarning, MissingRuleError, warn
from taylorattr.program.isolate import unfused
from taylorattr.program.kinks import kink_nodes, segment_switches, switches
from taylorattr.program.norms import fused_norms
from taylorattr.program.walk import replay

DIRECTION_BYTES = 64 * 2**20
"""Examples are expanded in chunks whose directions fit this."""

RAY_BYTES = 16 * 2**20
"""Rays are walked in chunks whose directions fit this."""


class TaylorSeries:
    """t ↦ f̃ around the expansion point of a frame, for every example of a game.

    In frame ``baseline`` the point is b and the directions are Δ_g; in frame ``input`` it is x and the
    directions are −Δ_g, eq. (6).

    Args:
        question: What is asked; its inputs must be floating-point. The programs are captured once and kept
            with it.
        frame: ``baseline`` or ``input``.

    Attributes:
        groups: Examples that share a program.
        group_of: The group of each example.
        dtype: Dtype of the coefficients.
        sign: Of the directions: −1 in frame ``input``.
    """

    def __init__(self, question: Question, frame: Frame) -> None:
        self.game = game = question.game
        self.frame: Frame = frame
        # of the analysis that was asked for, even where the model runs in its own dtype only: its program,
        # captured there and promoted, then gives the digits that the model does not
        self.dtype = dtype = question.dtype or game.dtype
        self.sign = 1.0 if frame == "baseline" else -1.0  # eq. (6): in frame x the directions are −Δ
        if frame not in question.programs:
            question.programs[frame] = captured_examples(game, frame, dtype)
        self.groups: list[Captured] = question.programs[frame]
        self.group_of = {example: group for group in self.groups for example in group.examples}
        for group in self.groups:
            if group.failure:
                say_nested(group.failure)

    def near(self, example: int) -> tuple[Tensor, ...]:
        """Return the expansion point of an example, tensors (1, …)."""
        ends = self.game.baseline if self.frame == "baseline" else self.game.input
        return tuple(x.to(self.dtype) for x in ends(example))

    def directions(self, example: int) -> tuple[Tensor, ...]:
        """Return the direction of every player from the expansion point, tensors (n, …)."""
        return tuple(self.sign * d.to(self.dtype) for d in self.game.directions(example))

    def ends(self) -> tuple[Tensor, Tensor]:
        """Return f(x) and f(b), each (B,), in the dtype of the coefficients.

        They are the game's own, unless the model does not run in that dtype and its program does.
        """
        if self.game.dtype == self.dtype:
            return self.game.f_input, self.game.f_baseline
        f_input, f_baseline = self.game.f_input.to(self.dtype), self.game.f_baseline.to(self.dtype)
        for group in self.groups:
            program = group.program
            if program is None:
                continue
            for e in group.examples:
                (b, _), (x, _) = ends_of(self.game, "baseline", e, self.dtype)
                f_input[e], f_baseline[e] = (replay(program, point)[0] for point in (x, b))
        return f_input, f_baseline

    def coefficients(
        self,
        order: int,
        memory_limit: int | None = None,
        progress: Callable[[int], object] | None = None,
    ) -> list[Tensor]:
        """Return the coefficients of t^κ for |κ| = 1 … order.

        Args:
            order: K ≥ 1.
            memory_limit: Bytes the walk may use; None: what the machine has.
            progress: Called with the number of examples of each finished chunk.

        Returns:
            One tensor (B, C(n+m−1, m)) per order m, columns in the package's order.
        """
        game = self.game
        blocks = [
            torch.empty(game.batch, math.comb(game.n + m - 1, m), dtype=self.dtype, device=game.device)
            for m in range(1, order + 1)
        ]
        size = sum(x[0].numel() * x.element_size() for x in game.inputs) * game.n
        step = max(1, DIRECTION_BYTES // max(1, size))
        for group in self.groups:
            for start in range(0, len(group.examples), step):
                chunk = group.examples[start : start + step]
                for block, part in zip(blocks, self._expand(group, chunk, order, memory_limit), strict=True):
                    block[chunk] = part
                if progress is not None:
                    progress(len(chunk))
        return blocks

    def jets(self, example: int, masks: Sequence[int], order: int) -> np.ndarray:
        """Return the coefficients of s ↦ f̃ along s·1_T from the expansion point, for coalitions T.

        Args:
            example: Number of the example.
            masks: Bitmasks of the coalitions.
            order: Highest power.

        Returns:
            Shape (len(masks), order + 1), float64.
        """
        directions = self.directions(example)
        size = sum(d[0].numel() * d.element_size() for d in directions)
        step = max(1, min(512, RAY_BYTES // max(1, size)))
        group = self.group_of[example]
        rows = []
        for start in range(0, len(masks), step):
            present = _bits(masks[start : start + step], self.game.n, self.dtype, self.game.device)
            rays = tuple(torch.tensordot(present, d, dims=1) for d in directions)
            if group.program is not None and not group.failure:
                series = jets(group.program, self.near(example), rays, order)
            else:
                each = (tuple(r[i : i + 1] for r in rays) for i in range(len(rays[0])))
                series = torch.stack([torch.cat(self._nested(group, example, ray, order)) for ray in each])
            rows.append(series.cpu().double().numpy())
        return np.concatenate(rows)

    def end_values(self, example: int, masks: Sequence[int]) -> np.ndarray:
        """Return f̃ at the far ends of the rays s·1_T: v(T), in frame ``input`` v(N∖T).

        They are the model's own outputs; where the model does not run in the dtype of the coefficients
        and its program does, the program's.

        Returns:
            Shape (len(masks),), float64.
        """
        present = _bits(masks, self.game.n, torch.bool, self.game.device)
        chosen = present if self.frame == "baseline" else ~present
        program = self.group_of[example].program
        if program is None or self.game.dtype == self.dtype:
            return coalition_values(self.game, chosen, example).cpu().double().numpy()
        points = [
            [torch.where(row[m.clamp_min(0)] & (m >= 0), x, b) for m, x, b in self._ends_by_player(example)]
            for row in chosen
        ]
        return np.array([float(replay(program, point)[0]) for point in points])

    def _ends_by_player(self, example: int) -> list[tuple[Tensor, Tensor, Tensor]]:
        ends = zip(self.game.maps, self.game.input(example), self.game.baseline(example), strict=True)
        return [(owner, x.to(self.dtype), b.to(self.dtype)) for owner, x, b in ends]

    def kinks(self, example: int) -> Kinks | None:
        """Count the gates that differ between the expansion point and the far end; None without a program."""
        group = self.group_of[example]
        if group.program is None:
            return None
        (near, _), (far, _) = ends = ends_of(self.game, self.frame, example, self.dtype)
        escapes = bool(group.program.notes) and not agrees_at(group.program, ends, self.game.dtype)
        if not kink_nodes(group.program):
            return Kinks(0, [0] * self.game.n, 0, escapes)
        points = tuple(b + d for b, d in zip(near, self.directions(example), strict=True))
        alone = switches(group.program, near, points)
        path = segment_switches(group.program, near, far)
        return Kinks(int(path.counts[0]), alone.counts.tolist(), path.zeros + path.ties, escapes)

    def _expand(
        self, group: Captured, chunk: list[int], order: int, memory_limit: int | None
    ) -> list[Tensor]:
        """Return the coefficients of some examples of a group, one tensor (E, C(n+m−1, m)) per order."""
        near = [self.near(e) for e in chunk]
        directions = [self.directions(e) for e in chunk]
        if group.program is not None and not group.failure:
            bases = tuple(torch.cat(parts) for parts in zip(*near, strict=True))
            stacked = tuple(torch.stack(parts) for parts in zip(*directions, strict=True))
            try:
                return expand_batch(group.program, bases, stacked, order, memory_limit=memory_limit)[1:]
            except MissingRuleError as error:  # a rule that does not cover this use of its operation
                group.failure = str(error)
                say_nested(group.failure)
        tables = [self._nested(group, e, d, order)[1:] for e, d in zip(chunk, directions, strict=True)]
        return [torch.stack(rows) for rows in zip(*tables, strict=True)]

    def _nested(
        self, group: Captured, example: int, directions: tuple[Tensor, ...], order: int
    ) -> list[Tensor]:
        near, rows = self.near(example), torch.tensor([example])
        program, model = group.program, self.game.scalar

        def function(t: Tensor) -> Tensor:
            point = tuple(b + torch.tensordot(t, d, 1)[None] for b, d in zip(near, directions, strict=True))
            return (model.values(point, rows) if program is None else replay(program, point))[0]

        start = near[0].new_zeros(len(directions[0]))
        with unfused():
            norms = fused_norms(lambda *xs: model.values(xs, rows), near) if program is None else []
            if norms and order >= 3:
                raise CaptureError(
                    f"derivatives of order {order} through {norms[0]} are wrong in torch, and the model "
                    f"could not be captured to take it apart ({group.failure}); lower order= to 2, or use "
                    "ta.harsanyi"
                )
            eps = max(model.coarsest_eps, torch.finfo(self.dtype).eps)
            require_true_derivatives(function, start, order, eps)
            return differentiated(lambda t: derivatives(function, t, order), start)


def say_nested(reason: str) -> None:
    """Warn that derivatives are nested, and why the polynomial walk is not possible."""
    warn(f"nested torch.func is used, which is slower, because {reason}", FallbackWarning)


def _bits(masks: Sequence[int], n: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """Return the coalitions as rows of zeros and ones, shape (len(masks), n)."""
    rows = [[mask >> i & 1 for i in range(n)] for mask in masks]
    return torch.tensor(rows, dtype=dtype, device=device).reshape(len(rows), n)
