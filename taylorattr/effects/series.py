"""The Taylor series of a game's examples at the point its frame expands at, by whichever engine can.

A program is captured at the expansion point and shared by all examples it is right for; the polynomial walk
runs on it. Where the capture or a rule is missing, nested ``torch.func`` takes over and a warning names what
was missing.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from taylorattr.aliases import Frame
from taylorattr.analysis.game import blocks
from taylorattr.analysis.masking import CoalitionValues, coalition_values
from taylorattr.analysis.question import Question
from taylorattr.autodiff.captured import Captured, agrees_at, captured_examples, ends_of
from taylorattr.autodiff.polynomial.engine import expand_batch, jets, values
from taylorattr.autodiff.polynomial.nested import derivatives
from taylorattr.autodiff.polynomial.ring import power_tables
from taylorattr.effects.common_directions import Scaled, common_directions
from taylorattr.effects.convergence import Kinks
from taylorattr.effects.nested_check import differentiated, require_true_derivatives
from taylorattr.errors import CaptureError, FallbackWarning, MissingRuleError, warn
from taylorattr.program.isolate import unfused
from taylorattr.program.kinks import kink_nodes, segment_switches, switches
from taylorattr.program.norms import fused_norms
from taylorattr.program.walk import replay

PRODUCT_BYTES = 16 * 2**20
"""Products D^κ f · Δ^κ of the highest order are formed for so many examples at a time."""

MOST_RAYS = 512
"""Rays walked in one go at most."""

WAY_STEPS = 64
"""Steps of the way between the ends at which kinks are looked for."""

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
        points: Expansion points, one tensor (B, …) per input.
        steps: From there to the far ends, likewise.
        far: The far ends, likewise.
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
        near, far = (game.baselines, game.inputs) if frame == "baseline" else (game.inputs, game.baselines)
        self.points = tuple(x.to(dtype) for x in near)
        self.steps = tuple(
            self.sign * (x - b).to(dtype) for x, b in zip(game.inputs, game.baselines, strict=True)
        )
        self.far = tuple(x.to(dtype) for x in far)
        self._scaled: dict[int, Scaled | None] = {}

    def near(self, example: int) -> tuple[Tensor, ...]:
        """Return the expansion point of an example, tensors (1, …)."""
        return tuple(x[example : example + 1] for x in self.points)

    def directions(self, example: int) -> tuple[Tensor, ...]:
        """Return the direction of every player from the expansion point, tensors (n, …)."""
        return tuple(self.sign * d.to(self.dtype) for d in self.game.directions(example))

    def walkable(self, example: int) -> bool:
        """Return whether the polynomial walk is possible for an example."""
        group = self.group_of[example]
        return group.program is not None and not group.failure

    def ends(self) -> tuple[Tensor, Tensor]:
        """Return f(x) and f(b), each (B,), in the dtype of the coefficients.

        They are the game's own, unless the model does not run in that dtype and its program does.
        """
        if self.game.dtype == self.dtype:
            return self.game.f_input, self.game.f_baseline
        f_input, f_baseline = self.game.f_input.to(self.dtype), self.game.f_baseline.to(self.dtype)
        for group in self.groups:
            if group.program is None:
                continue
            rows = torch.tensor(group.examples, device=self.game.device)
            for known, ends in ((f_input, self.game.inputs), (f_baseline, self.game.baselines)):
                known[rows] = program_values(group, tuple(x[rows].to(self.dtype) for x in ends))
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
        for number, group in enumerate(self.groups):
            rest = group.examples
            scaled = self._shared_scale(number)
            if scaled is not None:
                rest = self._multiply(group, scaled, blocks, order, memory_limit)
                if progress is not None:
                    progress(len(group.examples) - len(rest))
            for start in range(0, len(rest), step):
                chunk = rest[start : start + step]
                for block, part in zip(blocks, self._expand(group, chunk, order, memory_limit), strict=True):
                    block[chunk] = part
                if progress is not None:
                    progress(len(chunk))
        return blocks

    def _shared_scale(self, number: int) -> Scaled | None:
        """Return how directions of a group's examples are multiples of common ones, None if they are not."""
        if number not in self._scaled:
            group = self.groups[number]
            walked = len(group.examples) > 1 and group.program is not None and not group.failure
            rows = torch.tensor(group.examples, device=self.game.device)
            points, steps = (tuple(x[rows] for x in parts) for parts in (self.points, self.steps))
            self._scaled[number] = common_directions(self.game, points, steps) if walked else None
        return self._scaled[number]

    def _multiply(
        self, group: Captured, scaled: Scaled, blocks: list[Tensor], order: int, memory_limit: int | None
    ) -> list[int]:
        """Write the coefficients of a group that has common derivatives; return whom that does not serve."""
        first = group.examples[0]
        common = self._expanded(group, [first], [scaled.directions], order, memory_limit)
        if common is None:
            return group.examples
        rows = torch.tensor(group.examples, device=self.game.device)
        smallest = torch.where(scaled.ratios == 0, 1.0, scaled.ratios.abs()).amin(1)
        served = smallest.double() ** order > torch.finfo(self.dtype).tiny / torch.finfo(self.dtype).eps
        at_once = max(1, PRODUCT_BYTES // (blocks[-1].shape[1] * blocks[-1].element_size()))
        for start in range(0, len(rows), at_once):
            part = slice(start, start + at_once)
            powers = ratios = scaled.ratios[part]
            for m, (block, slopes) in enumerate(zip(blocks, common, strict=True), start=1):
                if m > 1:  # Δ^κ from Δ^{κ − e_i}, i the first player of κ
                    players, rest, _ = power_tables(self.game.n, m, rows.device)
                    powers = powers.index_select(1, rest) * ratios.index_select(1, players)
                product = powers * slopes
                block[rows[part]] = product
                served[part] &= torch.isfinite(product.sum(1))
        return rows[~served].tolist()

    def jets(self, examples: Sequence[int], weights: Tensor, order: int) -> np.ndarray:
        """Return the coefficients of s ↦ f̃(s·t) from the expansion point, for R pairs of example and t.

        Args:
            examples: Number of the example of each row.
            weights: t of each row, shape (R, n): the coalition T for the ray s·1_T.
            order: Highest power.

        Returns:
            Shape (R, order + 1), float64.
        """
        result = np.empty((len(examples), order + 1))
        numbers = np.asarray(examples, dtype=np.int64)
        size = sum(x[0].numel() * x.element_size() for x in self.steps)
        step = max(1, min(MOST_RAYS, RAY_BYTES // max(1, size)))
        for group in self.groups:
            mine = np.flatnonzero(np.isin(numbers, group.examples))
            for start in range(0, len(mine), step):
                some = mine[start : start + step]
                rows = torch.from_numpy(numbers[some]).to(self.game.device)
                rays = self._rays(rows, weights[torch.from_numpy(some)])
                points = tuple(x[rows] for x in self.points)
                if group.program is not None and not group.failure:
                    if all(bool((x == x[:1]).all()) for x in points):
                        points = tuple(x[:1] for x in points)
                    series = jets(group.program, points, rays, order)
                else:
                    each = [tuple(r[i : i + 1] for r in rays) for i in range(len(some))]
                    series = torch.stack(
                        [
                            torch.cat(self._nested(group, int(e), ray, order))
                            for e, ray in zip(rows, each, strict=True)
                        ]
                    )
                result[some] = series.cpu().double().numpy()
        return result

    def jets_alone(self, examples: Sequence[int], players: Sequence[int], order: int) -> np.ndarray:
        """Return the coefficients along one player's direction, for R pairs of example and player.

        Examples with common derivatives have them of one jet a player, c_m·r^m for a step r times as long.

        Args:
            examples: Number of the example of each row.
            players: Player of each row.
            order: Highest power.

        Returns:
            Shape (R, order + 1), float64.
        """
        result = np.empty((len(examples), order + 1))
        numbers, alone = np.asarray(examples, dtype=np.int64), np.asarray(players, dtype=np.int64)
        own = np.ones(len(numbers), dtype=bool)
        for number, group in enumerate(self.groups):
            scaled = self._shared_scale(number)
            mine = np.flatnonzero(np.isin(numbers, group.examples))
            if scaled is None or not len(mine) or group.program is None:
                continue
            wanted, where = np.unique(alone[mine], return_inverse=True)
            rays = tuple(d[torch.from_numpy(wanted).to(d.device)] for d in scaled.directions)
            common = jets(group.program, self.near(group.examples[0]), rays, order).cpu().double().numpy()
            place = np.searchsorted(np.asarray(group.examples), numbers[mine])
            ratios = scaled.ratios.cpu().double().numpy()[place, alone[mine]]
            result[mine] = common[where] * ratios[:, None] ** np.arange(order + 1)
            own[mine] = ~np.isfinite(result[mine]).all(1)
        left = np.flatnonzero(own)
        if len(left):
            weights = torch.zeros(len(left), self.game.n, dtype=self.dtype, device=self.game.device)
            weights[torch.arange(len(left)), torch.from_numpy(alone[left])] = 1.0
            result[left] = self.jets(numbers[left].tolist(), weights, order)
        return result

    def _rays(self, examples: Tensor, weights: Tensor) -> tuple[Tensor, ...]:
        """Return Σ_g t_g times the direction of player g, one tensor (R, …) per input."""
        rays = []
        for owner, step in zip(self.game.maps, self.steps, strict=True):
            flat = owner.reshape(-1)
            shares = weights.index_select(1, flat.clamp_min(0)).to(self.dtype).masked_fill(flat < 0, 0.0)
            rays.append(shares.reshape(len(weights), *owner.shape) * step[examples])
        return tuple(rays)

    def end_values(self, examples: Sequence[int], present: Tensor) -> np.ndarray:
        """Return f̃ at the far ends of the rays s·1_T: v(T), in frame ``input`` v(N∖T), for R pairs.

        They are the model's own outputs; where the model does not run in the dtype of the coefficients
        and its program does, the program's.

        Args:
            examples: Number of the example of each row.
            present: T of each row, shape (R, n), bool.

        Returns:
            Shape (R,), float64.

        Raises:
            NonFiniteError: If an output is NaN or infinite; names the coalition.
        """
        game, rows = self.game, torch.tensor(examples, dtype=torch.int64)
        present = present.to(game.device)
        chosen = present if self.frame == "baseline" else ~present
        result = np.empty(len(rows))
        if game.dtype != self.dtype:
            for group in self.groups:
                mine = torch.isin(rows, torch.tensor(group.examples)).nonzero()[:, 0]
                if group.program is not None and len(mine):
                    points = self._mixed(rows[mine], chosen[mine.to(game.device)], self.dtype)
                    result[mine.numpy()] = program_values(group, points).cpu().double().numpy()
            if all(group.program is not None for group in self.groups):
                return result
            left = [i for i, e in enumerate(examples) if self.group_of[e].program is None]
        else:
            left = list(range(len(rows)))
        step = CoalitionValues(game, 0, fold=False).rows
        with torch.no_grad():
            for part in blocks(len(left), step):
                some = torch.tensor(left[part])
                here = chosen[some.to(game.device)]
                values = game.scalar.values(self._mixed(rows[some], here, game.dtype), rows[some])
                if not bool(torch.isfinite(values.sum())):
                    self._require_finite(values, rows[some], here)
                result[some.numpy()] = values.cpu().double().numpy()
        return result

    def _require_finite(self, values: Tensor, examples: Tensor, chosen: Tensor) -> None:
        """Raise the error that names the first coalition whose output is not finite, if one is."""
        for row in (~torch.isfinite(values)).nonzero().reshape(-1).tolist():
            coalition_values(self.game, chosen[row : row + 1], int(examples[row]))

    def _mixed(self, examples: Tensor, chosen: Tensor, dtype: torch.dtype) -> tuple[Tensor, ...]:
        """Return points at the input on some players and at the baseline elsewhere, tensors (R, …)."""
        points = []
        for owner, x, b in zip(self.game.maps, self.game.inputs, self.game.baselines, strict=True):
            flat = owner.reshape(-1)
            here = chosen.index_select(1, flat.clamp_min(0)) & (flat >= 0)
            place = examples.to(x.device)
            points.append(torch.where(here.reshape(len(chosen), *owner.shape), x[place], b[place]).to(dtype))
        return tuple(points)

    def kinks_at_ends(self) -> list[Kinks | None]:
        """Count for every example the gates that differ between the expansion point and the far ends.

        Returns:
            The counts; None without a program.
        """
        nothing = [0] * self.game.n
        found: dict[int, Kinks | None] = dict.fromkeys(range(self.game.batch))
        for group in self.groups:
            program = group.program
            if program is None:
                continue
            kinked = bool(kink_nodes(program))
            for e in group.examples:
                escapes = False
                if program.notes:
                    ends = ends_of(self.game, self.frame, e, self.dtype)
                    escapes = not agrees_at(program, ends, self.game.dtype)
                found[e] = Kinks(0, nothing, 0, escapes)
                if not kinked:
                    continue
                near, far = self.near(e), tuple(x[e : e + 1] for x in self.far)
                points = tuple(
                    torch.cat([b + d, x]) for b, d, x in zip(near, self.directions(e), far, strict=True)
                )
                gates = switches(program, near, points)
                *alone, path = gates.counts.tolist()
                found[e] = Kinks(path, alone, gates.zeros + gates.ties, escapes)
        return [found[e] for e in range(self.game.batch)]

    def kinks_on_the_way(self, examples: Sequence[int], known: Sequence[Kinks | None]) -> dict[int, Kinks]:
        """Count the gates that switch at 64 steps from the expansion point to the far end.

        Args:
            examples: Of whom.
            known: What `kinks_at_ends` said of every example.

        Returns:
            The counts of those whose program has kinks.
        """
        found = {}
        for e in examples:
            program, counts = self.group_of[e].program, known[e]
            if program is not None and counts is not None and kink_nodes(program):
                far = tuple(x[e : e + 1] for x in self.far)
                path = segment_switches(program, self.near(e), far, WAY_STEPS)
                found[e] = replace(counts, path=int(path.counts[0]), steps=WAY_STEPS)
        return found

    def _expand(
        self, group: Captured, chunk: list[int], order: int, memory_limit: int | None
    ) -> list[Tensor]:
        """Return the coefficients of some examples of a group, one tensor (E, C(n+m−1, m)) per order."""
        directions = [self.directions(e) for e in chunk]
        found = self._expanded(group, chunk, directions, order, memory_limit)
        if found is not None:
            return found
        tables = [self._nested(group, e, d, order)[1:] for e, d in zip(chunk, directions, strict=True)]
        return [torch.stack(rows) for rows in zip(*tables, strict=True)]

    def _expanded(
        self,
        group: Captured,
        chunk: list[int],
        directions: Sequence[tuple[Tensor, ...]],
        order: int,
        memory_limit: int | None,
    ) -> list[Tensor] | None:
        """Return coefficients along some directions by the polynomial walk, None where it is not possible."""
        if group.program is None or group.failure:
            return None
        bases = tuple(x[chunk] for x in self.points)
        stacked = tuple(torch.stack(parts) for parts in zip(*directions, strict=True))
        try:
            return expand_batch(group.program, bases, stacked, order, memory_limit=memory_limit)[1:]
        except MissingRuleError as error:  # a rule that does not cover this use of its operation
            group.failure = str(error)
            say_nested(group.failure)
            return None

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


def program_values(group: Captured, points: tuple[Tensor, ...]) -> Tensor:
    """Return a program's values at points (R, …), shape (R,): by one walk; without rules one replay each."""
    program = group.program
    assert program is not None
    with torch.no_grad():
        if not group.failure:
            return values(program, points)
        each = zip(*(x.split(1) for x in points), strict=True)
        return torch.stack([replay(program, point)[0] for point in each])


def bits(masks: Sequence[int], n: int) -> Tensor:
    """Return coalitions as a bool table, shape (len(masks), n)."""
    rows = [[mask >> i & 1 == 1 for i in range(n)] for mask in masks]
    return torch.tensor(rows, dtype=torch.bool).reshape(len(rows), n)
