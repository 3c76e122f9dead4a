"""From a walk to an answer: scores, the balance where it is asked for or needed, what a reader must know."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from taylorattr.analysis.game import blocks
from taylorattr.analysis.question import Question
from taylorattr.errors import PrecisionWarning, warn
from taylorattr.memory import keep_freed_blocks
from taylorattr.methods.method import Scores
from taylorattr.methods.relevance.merge import merged
from taylorattr.methods.relevance.propagate import balance_of, balances, growth_of, propagate
from taylorattr.methods.relevance.recording import Recording, record_rows
from taylorattr.methods.relevance.rule import Matcher, Overrides, Rule, RuleTable, named_operations

_TOLERANCE = {torch.float64: 1e-9, torch.float32: 1e-4}
LARGE = 100.0
"""Σ|scores| over what is explained, from which on a reader is told."""
_MISSED = 1e-2
"""Share of f(x) − f(b) that may be missing without a word, whatever the size of the scores."""


class Accounts:
    """What the scores of each row add up to, beside what they explain; float64 numbers of numpy, (R,).

    A verdict takes a dozen operations on so few numbers, each of which costs torch five times as long.

    Args:
        recording: What was walked.
        scores: What each input element got.

    Attributes:
        size: Σ|scores|.
        output: f(x).
        total: f(x) − f(b).
        ends: max(|f(x)|, |f(b)|).
    """

    def __init__(self, recording: Recording, scores: list[Tensor]) -> None:
        flat = [s.reshape(recording.batch, -1) for s in scores]
        sums = [f.sum(1, dtype=torch.float64) for f in flat]
        sizes = [f.abs().sum(1, dtype=torch.float64) for f in flat]
        ends = recording.output, recording.output_at_b.expand_as(recording.output), recording.gap
        columns = torch.stack([sum(sums[1:], sums[0]), sum(sizes[1:], sizes[0]), *(e.double() for e in ends)])
        self._sum, self.size, self.output, start, self.total = columns.detach().cpu().numpy()
        self.ends = np.maximum(np.abs(self.output), np.abs(start))

    @property
    def missed(self) -> np.ndarray:
        """|f(x) − f(b) − Σ scores|."""
        return np.abs(self.total - self._sum)

    @property
    def gap(self) -> np.ndarray:
        """The same over Σ|scores|, as it is where all scores are 0."""
        return self.missed / np.where(self.size == 0, 1.0, self.size)


def explain(
    question: Question,
    table: RuleTable,
    *,
    reference: bool,
    rules: Overrides | None = None,
    balance: bool = False,
    merge: bool = False,
    assign: Callable[[Recording], Sequence[tuple[Matcher, Rule]]] | None = None,
    walk: Callable[[Recording, RuleTable], list[Tensor]] = propagate,
    alone: Callable[[Recording], bool] | None = None,
) -> Scores:
    """Record, walk, check, in blocks of examples.

    Args:
        question: What is asked.
        table: Rules by kind.
        reference: Whether the rules compare with a baseline.
        rules: The user's rules.
        balance: Whether the balance of every operation is asked for.
        merge: Whether affine chains are folded first.
        assign: Rules by position in the network (composites), behind the user's.
        walk: The walk.
        alone: Whether the examples of a recording must be recorded one by one instead.

    Returns:
        Scores of the elements.
    """
    game = question.game
    keep_freed_blocks()
    blockwise: list[list[Tensor]] = []
    diagnostics: dict[str, Any] = {}
    parts = deque(blocks(game.batch, question.internal_batch_size or game.batch))
    while parts:
        part = parts.popleft()
        recording = record_rows(game, part, reference=reference, kept=named_operations(rules))
        if alone is not None and alone(recording):
            parts.extendleft(
                slice(e, e + 1) for e in reversed(range(part.start, part.start + recording.batch))
            )
            continue
        if recording.batch == game.batch:
            game.outputs.settle(recording.output, recording.inputs, witnessed=recording.witnessed)
            if reference:
                game.outputs.settle_baseline(recording.output_at_b)
        if merge:
            recording = merged(recording)
        used = table
        if assign is not None:
            used = RuleTable(table.by_kind, tuple(assign(recording)), table.method)
        used = used.with_overrides(rules, recording.program)
        scores = walk(recording, used)
        blockwise.append(scores)
        if reference:
            said = difference_diagnostics(recording, used, scores)
            if balance:
                ledgers = balances(recording, used)
                said["balance"] = [[entry.to_dict() for entry in ledger.entries] for ledger in ledgers]
        else:
            said = conservation_diagnostics(recording, used, scores, balance)
        _join(diagnostics, said, part.start)
    if rules:
        names = (m if isinstance(m, str) else getattr(m, "__name__", "predicate") for m in rules)
        diagnostics["rules"] = list(names)
    return Scores(
        elements=tuple(torch.cat(parts) for parts in zip(*blockwise, strict=True)), diagnostics=diagnostics
    )


def _join(total: dict[str, Any], block: dict[str, Any], start: int) -> None:
    """Add one block's diagnostics; examples are numbered in the whole batch."""
    for name, value in block.items():
        if name in ("larger_than_output", "nothing_shared"):
            value = [start + e for e in value]
        if isinstance(value, list):
            total[name] = total.get(name, []) + value
        elif name == "remainders":
            total.setdefault(name, {}).update({str(start + int(e)): entry for e, entry in value.items()})
        else:
            total.setdefault(name, value)


def difference_diagnostics(
    recording: Recording,
    rules: RuleTable,
    scores: list[Tensor],
    accounts: Accounts | None = None,
    *,
    quiet: bool = False,
    first: int = 0,
    pairs: int = 1,
) -> dict[str, Any]:
    """Check size and completeness; where one fails, find the operation by its balance, and warn.

    Args:
        recording: With a reference.
        rules: The rules that were used.
        scores: What each input element got.
        accounts: Theirs, if they are known.
        quiet: Whether nothing is said of the size of the scores, as after the first of many references.
        first: Number of the example in the first row.
        pairs: Consecutive rows of one example, each against another reference.

    Returns:
        Diagnostics.
    """
    diagnostics: dict[str, Any] = {}
    tolerance = _TOLERANCE.get(recording.output.dtype, 1e-2)
    told = accounts or Accounts(recording, scores)
    gap, total = told.gap, np.abs(told.total)
    worst, missed = int(gap.argmax()), gap * np.where(told.size == 0, 0.0, told.size)
    # beside exploded scores a gap of many times f(x) − f(b) is small; below the rounding of f it says nothing
    rounding = 8 * torch.finfo(recording.output.dtype).eps * told.ends
    missing = (missed > _MISSED * total) & (missed > rounding)
    if missing.any() and gap[worst] <= tolerance:
        worst = int(np.where(missing, missed / np.maximum(total, 1e-300), 0.0).argmax())
    if not quiet:
        explained = np.maximum(told.ends, total)
        diagnostics |= _grown(recording, rules, scores, told.size, explained, first, pairs)
    if gap[worst] > tolerance or missing[worst]:
        entry = balance_of(recording, rules, worst).worst()
        diagnostics["incomplete"] = entry.to_dict() if entry is not None else {}
        where = f"{entry.op} (module '{entry.module}', {entry.where})" if entry is not None else "nowhere"
        warn(
            f"the scores of example {first + worst // pairs} miss f(x) − f(b) by {gap[worst]:.1e} of "
            f"their size, by {missed[worst]:.2g}; the largest remainder is at {where}: its rule is "
            "not complete, or float32 rounding is the cause (pass dtype=torch.float64)",
            PrecisionWarning,
        )
    return diagnostics


def conservation_diagnostics(
    recording: Recording, rules: RuleTable, scores: list[Tensor], balance: bool
) -> dict[str, Any]:
    """Say where relevance was lost or created; always by name for the example with the largest gap.

    Args:
        recording: Without a reference.
        rules: The rules that were used.
        scores: What each input element got.
        balance: Whether the balance of every example is asked for.

    Returns:
        Diagnostics.
    """
    diagnostics: dict[str, Any] = {}
    if balance:
        ledgers = balances(recording, rules)
        diagnostics["balance"] = [[entry.to_dict() for entry in ledger.entries] for ledger in ledgers]
        diagnostics["shares"] = [ledger.shares for ledger in ledgers]
        for example, ledger in enumerate(ledgers):
            entry = ledger.worst()
            scale = max([1e-300, *(abs(e.incoming) for e in ledger.entries)])
            tolerance = _TOLERANCE.get(recording.output.dtype, 1e-2)
            if entry is not None and abs(entry.remainder) > tolerance * scale:
                diagnostics.setdefault("remainders", {})[str(example)] = entry.to_dict()
    told = Accounts(recording, scores)
    output = np.abs(told.output)
    diagnostics |= _grown(recording, rules, scores, told.size, output)
    lost = (told.size == 0) & (output > 0)  # the balance says which operation gave it up
    if lost.any():
        diagnostics["nothing_shared"] = np.flatnonzero(lost).tolist()
        warn(
            f"{int(lost.sum())} of {recording.batch} examples lose all relevance before it reaches an input "
            f"(first: example {diagnostics['nothing_shared'][0]}, f(x) = "
            f"{told.output[lost][0]:g}); their scores are 0. "
            "balance=True names the operation that gives it up",
            PrecisionWarning,
        )
    return diagnostics


def size_of(scores: list[Tensor], batch: int) -> Tensor:
    """Return Σ|scores| of each example, shape (B,), float64."""
    return torch.stack([s.reshape(batch, -1).double().abs().sum(1) for s in scores]).sum(0)


_REMEDIES = {
    "deeplift_reveal_cancel": "deeplift_rescale keeps closer to the values",
    "lrp_epsilon": "a larger epsilon=, or constant='share', bounds it",
    "lrp_alpha_beta": "a smaller alpha=, or constant='share', bounds it",
    "deep_taylor": "bias='denominator', or constant='share', bounds it",
}
"""Method -> what to try where its relevance grows."""


def _grown(
    recording: Recording,
    rules: RuleTable,
    scores: list[Tensor],
    size: np.ndarray,
    explained: np.ndarray,
    first: int = 0,
    pairs: int = 1,
) -> dict[str, Any]:
    """Warn where Σ|scores| is far larger than what is explained; return the examples and the operation.

    Args:
        recording: What was walked.
        rules: The rules that were used.
        scores: What each input element got.
        size: Σ|scores| of each row, (R,).
        explained: The size of the output, (R,).
        first: Number of the example in the first row.
        pairs: Consecutive rows of one example.

    Returns:
        Diagnostics: ``larger_than_output``, and ``grew_at`` where one operation stands out.
    """
    blown = (size > LARGE * explained) & (size > 0)
    if not blown.any():
        return {}
    worst = int(np.where(blown, size / np.maximum(explained, 1e-300), 0.0).argmax())
    examples = np.unique(first + np.flatnonzero(blown) // pairs)
    diagnostics: dict[str, Any] = {"larger_than_output": examples.tolist()}
    # the parts of RevealCancel are walked by rules of their own, which have no ledger
    parts = rules.method == "deeplift_reveal_cancel"
    entry = None if parts else growth_of(recording, rules, worst, scores)
    place = "unit by unit" if parts else "by a little at many operations"
    if entry is not None and entry.outgoing > 2 * entry.incoming:
        factor = entry.outgoing / entry.incoming
        grew_at = {"op": entry.op, "module": entry.module, "where": entry.where, "factor": factor}
        diagnostics["grew_at"] = grew_at
        place = (
            f"most at {entry.op} (module '{entry.module}', {entry.where}), {factor:.2g} times what came in"
        )
    remedy = _REMEDIES.get(rules.method, "integrated_gradients keeps to the size of the output")
    warn(
        f"{rules.method}: Σ|scores| of example {first + worst // pairs} is {size[worst]:.2g} where "
        f"the output is {explained[worst]:.2g}: relevance of both signs grew on the way, {place}, and "
        f"cancels in the sum. These scores say little about the output; {remedy}",
        PrecisionWarning,
    )
    return diagnostics
