"""The balance of every example of a batch, in two walks where the operations keep the examples apart."""

from __future__ import annotations

import torch

from taylorattr.methods.relevance.balance import Ledger
from taylorattr.methods.relevance.propagate import propagate
from taylorattr.methods.relevance.recording import Recording
from taylorattr.methods.relevance.rule import RuleTable

_TOLERANCE = {torch.float64: 1e-10, torch.float32: 1e-5}


def balance_of(recording: Recording, rules: RuleTable, example: int) -> Ledger:
    """Return the balance of one example's relevance: the walk again, seeded with that example alone."""
    seed = torch.zeros_like(recording.output)
    seed[example] = 1.0
    ledger = Ledger()
    propagate(recording, rules, seed, ledger=ledger)
    return ledger


def balances(recording: Recording, rules: RuleTable) -> list[Ledger]:
    """Return the balance of each example.

    Every sum is taken row by row in one walk of the whole batch, for each dimension that may hold the
    examples. Rules are linear in the seed, so a second walk with unequal weights shows which one does: there
    its sums are the weights times the first. Where none does, each example gets a walk of its own.

    Args:
        recording: The program with its values.
        rules: Its rules.

    Returns:
        One ledger of single sums per example.
    """
    count = recording.batch
    if count == 1:
        return [balance_of(recording, rules, 0)]
    weights = torch.linspace(0.5, 1.5, count, dtype=torch.float64).flip(0) * 0.75
    weights[1::2] += 1.0
    whole, weighted = Ledger(count), Ledger(count)
    propagate(recording, rules, ledger=whole)
    propagate(recording, rules, weights.to(recording.output), ledger=weighted)
    tolerance = _TOLERANCE.get(recording.output.dtype, 1e-2)
    if whole.settle(weighted, weights.to(recording.output.dtype), tolerance):
        return [whole.row(e) for e in range(count)]
    return [balance_of(recording, rules, e) for e in range(count)]
