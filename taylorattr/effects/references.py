"""Effects averaged over a reference set, eq. (21): the mean of the effects against each reference.

What is linear in the effects holds of their mean as it holds of each: they add up to f(x) − E f(b), and an
index or allocation of the mean is the mean of the indices and allocations. What is not linear, such as the
verdict on a series, holds only if it holds against every reference.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Generic, TypeVar, cast

import torch
from torch import Tensor

from taylorattr.aliases import Tensors
from taylorattr.analysis.game import blocks, say_zero_difference
from taylorattr.analysis.guards import Rows
from taylorattr.analysis.question import Question
from taylorattr.effects.checkpoint import MANIFEST
from taylorattr.effects.coalition_table import HarsanyiEffects
from taylorattr.effects.result import Result
from taylorattr.effects.rounding import unit_roundoff
from taylorattr.effects.taylor_effects import TaylorEffects
from taylorattr.errors import (
    CheckpointError,
    Said,
    TaylorAttrError,
    hearing,
    require_instance,
    say_once,
)

R = TypeVar("R", bound=Result)

FURTHER_TABLES = 4
"""Tables of float64 beside that of one reference: the mean, the squared deviations, and two for a step."""


AT_ONCE_BYTES = 16 * 2**20
"""Bytes that the inputs, baselines and tables of the references of one question may take."""


def over_references(
    question: Question, references: Tensors, effects: Callable[[Question, int], tuple[R, ...]]
) -> tuple[R, ...]:
    """Return effects averaged over a reference set, against one reference at a time.

    Memory: `FURTHER_TABLES` beside what one reference takes, however many there are. Time: R times that of
    one.

    Args:
        question: What is asked, without baselines.
        references: Reference set (R, …).
        effects: The question against one reference and its number -> effects, one table or several.

    Returns:
        The same tables. Values, f(b), delta, error bounds and tails are means; an error bound grows by the
        rounding of the mean itself. ``converged`` holds if it holds against all references. ``diagnostics``
        has the number of ``references`` and the ``spread``: per example and order the largest standard
        deviation of an effect over them (R − 1 in the denominator; of coalitions from order 0 on).

    Raises:
        OptionError: If the question has baselines.
        ShapeError: If the references do not fit the inputs.

    Warns:
        TaylorAttrWarning: What was said against single references, once per kind.
    """
    starts = question.starts(references)
    mean = _Averages[R](question, starts)
    asked = (question.against(start, len(starts)) for start in starts)
    for number, one in enumerate(asked):
        mean.add(map(effects, [one], [number]))
    return mean.result()


def over_reference_rows(
    question: Question,
    references: Tensors,
    effects: Callable[[Question, list[Tensor]], Iterator[tuple[R, ...]]],
    table_bytes: Callable[[int], int],
) -> tuple[R, ...]:
    """Return effects averaged over a reference set, asking about many references in one question.

    Where that raises an error, the references are asked about one by one, so that it names the example.

    Args:
        question: What is asked, without baselines.
        references: Reference set (R, …).
        effects: The question against some references, and for each of them which examples are those against
            it -> for each of them effects, one table or several; what goes wrong shows before the first.
        table_bytes: Number of players -> bytes of one example's table against one reference.

    The rest is that of `over_references`.
    """
    starts = question.starts(references)
    mean = _Averages[R](question, starts)
    for part in blocks(len(starts), at_once(question, table_bytes(len(question.player_names)))):
        some = starts[part]
        if len(some) > 1:
            try:
                mean.add(effects(*question.against_all(some, len(starts))))
                continue
            except TaylorAttrError:
                pass
        for start in some:
            mean.add(effects(question.against(start, len(starts)), [torch.arange(len(question.rows[0]))]))
    return mean.result()


def at_once(question: Question, table_bytes: int) -> int:
    """Return how many references one question may be about.

    Args:
        question: What is asked.
        table_bytes: Bytes of what is answered about an example and a reference.
    """
    ends = 2 * sum(x[0].numel() * x.element_size() for x in question.rows)
    return max(1, AT_ONCE_BYTES // (len(question.rows[0]) * (ends + table_bytes)))


class _Averages(Generic[R]):
    """The means of what is answered against the references of a question, and the warnings on the way."""

    def __init__(self, question: Question, starts: list[Rows]) -> None:
        self.question, self.starts = question, starts
        self._means: list[_Mean[Any]] = []
        self._said: list[list[Said]] = []

    def add(self, answers: Iterator[tuple[R, ...]]) -> None:
        """Take in the answers against further references; warnings are heard while they are made."""
        with hearing() as heard:
            for results in answers:
                if not self._means:
                    self._means = [_Mean(result) for result in results]
                for mean, result in zip(self._means, results, strict=True):
                    mean.add(result)
        self._said.append(heard)

    def result(self) -> tuple[R, ...]:
        """Return the means, and say what was said."""
        say_once(self._said)
        found = tuple(mean.result() for mean in self._means)
        if len(self.starts) > 1:
            say_zero_difference(self.question.rows, self.starts, found[0].diagnostics)
        return found


def reference_folder(checkpoint: str | os.PathLike[str], number: int) -> Path:
    """Return the checkpoint of one reference: a folder in that of the whole.

    Raises:
        CheckpointError: If the folder is the checkpoint of a computation with one baseline.
    """
    require_instance("checkpoint", checkpoint, (str, os.PathLike), "the path of a folder, or None")
    if (Path(checkpoint) / MANIFEST).exists():
        raise CheckpointError(
            f"checkpoint {checkpoint} belongs to a computation without references=; choose another path, or "
            "delete the folder"
        )
    return Path(checkpoint) / f"reference-{number:04d}"


class _Mean(Generic[R]):
    """The mean of a result's tables, one reference after another (Welford 1962), and what else is to be said.

    Attributes:
        template: The first result with the means so far in place of its tables.
        notes: What is no table, of every reference.
    """

    TABLES = ("values", "integrated_gradients", "delta", "f_input", "f_baseline", "error_bound")

    def __init__(self, first: R) -> None:
        """Start with nothing; the first result says which tables there are."""
        self.template: Any = first
        self.notes: list[dict[str, Any]] = []
        named = {name: getattr(first, name, None) for name in self.TABLES}
        tables = {name: table for name, table in named.items() if table is not None}
        self._types = {name: table.dtype for name, table in tables.items()}
        self._means = {name: torch.zeros_like(t, dtype=torch.float64) for name, t in tables.items()}
        self._squares = torch.zeros_like(self._means["values"])
        self._largest = torch.zeros(1, dtype=torch.float64)
        tails = getattr(first, "tails", None)
        self._tails = None if tails is None else _Mean(tails)

    def add(self, result: R) -> None:
        """Take in the result against one more reference."""
        fields = {f.name: getattr(result, f.name) for f in dataclasses.fields(cast("Any", result))}
        self.notes.append({name: v for name, v in fields.items() if name not in (*self.TABLES, "tails")})
        self._largest = torch.maximum(self._largest, _largest_by_order(result).double())
        for name, mean in self._means.items():
            value = fields[name].double()
            change = value - mean
            mean += change / len(self.notes)
            if name == "values":
                self._squares += change.mul_(value.sub(mean))
        if self._tails is not None:
            self._tails.add(fields["tails"])
        if len(self.notes) == 1:
            tables = dict(self._means) | ({"tails": None} if "tails" in fields else {})
            self.template = dataclasses.replace(cast("Any", result), **tables)

    def result(self) -> R:
        """Return the mean with the diagnostics of all references."""
        count = len(self.notes)
        changes: dict[str, Any] = {name: m.to(self._types[name]) for name, m in self._means.items()}
        spread = dataclasses.replace(self.template, values=self._squares.div_(max(count - 1, 1)).sqrt_())
        diagnostics = dict(self.notes[0]["diagnostics"])
        diagnostics |= {"references": count, "spread": _largest_by_order(spread).tolist()}
        for name in ("evaluated", "resumed", "verified"):
            counts = [note["diagnostics"].get(name) for note in self.notes]
            if any(number is not None for number in counts):
                diagnostics[name] = sum(number or 0 for number in counts)
        if "engine" in diagnostics:
            diagnostics["engine"] = _one_or_each([note["diagnostics"]["engine"] for note in self.notes])
        if "error_bound" in changes:
            # every step rounds the mean by a few units of float64, the result by one of its dtype
            units = 4 * count * unit_roundoff(torch.float64) + unit_roundoff(self._types["values"])
            changes["error_bound"] = changes["error_bound"] + units * self._largest
        if "converged" in self.notes[0]:
            changes |= _verdicts(self.notes, diagnostics)
        if "nodes" in self.notes[0]:
            changes["nodes"] = tuple(map(sum, zip(*(note["nodes"] for note in self.notes), strict=True)))
        if self._tails is not None:
            changes["tails"] = self._tails.result()
        mean: Any = dataclasses.replace(self.template, **changes, diagnostics=diagnostics)
        if isinstance(mean, TaylorEffects):
            sizes = [mean.order_values(m).abs().sum(1) for m in range(1, mean.order + 1)]
            diagnostics["order_sizes"] = torch.stack(sizes, 1).tolist()
        if isinstance(mean, HarsanyiEffects) and mean.error_bound is not None:
            below = _largest_by_order(mean) <= mean.error_bound
            diagnostics["orders_below_rounding"] = [
                [k for k in range(1, len(row)) if bool(row[k])] for row in below
            ]
        return cast("R", mean)


def _largest_by_order(result: Any) -> Tensor:
    """Return max |value| of each order, shape (B, orders): |S| = 0 … K, |κ| = 1 … K, or all pairs as one."""
    if isinstance(result, HarsanyiEffects):
        return result.largest_by_order
    if isinstance(result, TaylorEffects):
        orders = [result.order_values(m) for m in range(1, result.order + 1)]
    else:
        orders = [result.values.flatten(1)]
    return torch.stack([values.abs().amax(1) for values in orders], dim=1)


def _verdicts(notes: list[dict[str, Any]], diagnostics: dict[str, Any]) -> dict[str, Any]:
    """Return the verdict on the series of each example: that against the first reference where it is bad."""
    converged, reasons, examples = [], [], []
    for e in range(len(notes[0]["reasons"])):
        failing = [r for r, note in enumerate(notes) if not bool(note["converged"][e])]
        shown = failing[0] if failing else 0
        reason = notes[shown]["reasons"][e]
        if len({note["reasons"][e] for note in notes}) > 1:
            of = f"{len(failing)} of {len(notes)} fail" if failing else f"all {len(notes)} pass"
            reason = f"against reference {shown} ({of}): {reason}"
        converged.append(not failing)
        reasons.append(reason)
        examples.append({**notes[shown]["diagnostics"]["examples"][e], "reference": shown})
    diagnostics["examples"] = examples
    return {"converged": torch.tensor(converged), "reasons": tuple(reasons)}


def _one_or_each(engines: list[Any]) -> Any:
    """Return the engine of all references, or one after another those that differ."""
    if isinstance(engines[0], list):
        return [_one_or_each(list(column)) for column in zip(*engines, strict=True)]
    return "; ".join(dict.fromkeys(engines))
