"""What an audit found, as numbers and verdicts."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from taylorattr.criteria.audit.asymmetry import Asymmetry
from taylorattr.criteria.audit.balance_blame import BalanceBlame
from taylorattr.criteria.audit.misuse import Misuse
from taylorattr.criteria.audit.refinement import Refinement
from taylorattr.criteria.blame.report import Blame
from taylorattr.criteria.verdict import Verdict
from taylorattr.effects.result import Result
from taylorattr.maths.subsets import Coalitions


@dataclass(frozen=True, eq=False)
class Worst(Result):
    """One coalition whose effect is handed out wrongly.

    Attributes:
        players: Their names.
        effect: J(S).
        given: Σ_i A_i(S): what all players together are given for it.
        leaked: Σ_{i∉S}|A_i(S)|.
    """

    players: tuple[str, ...]
    effect: float
    given: float
    leaked: float


@dataclass(frozen=True, eq=False, repr=False)
class AuditNumbers(Result, abstract=True):
    """The three criteria of one method on one network, docs/theory.md eq. (52a).

    B examples, n players, C coalitions. Statistics are relative to what the function and the scores do over
    the coalitions, so they do not change with the scale of the output.

    Attributes:
        method: Name of the method.
        names: Names of the players.
        verdicts: Coverage, no leak, complete: the gravest of all examples.
        each: The same for every example.
        misuse: Wrong uses, to be read first.
        deficit: rms gap(T) / rms(v(T) − v(∅)), shape (B,), with gap(T) = Σ_i[a_i(T) −
            a_i(∅)] − [v(T) − v(∅)].
        leak: The largest rms_{T∌i} a_i(T) / rms of all a_i(T), i ∈ T, shape (B,).
        offset: rms_i a_i(∅) on the same scale, shape (B,).
        uncovered: Σ|J| of the effects nobody is given / Σ|J|, shape (B,).
        player_leak: Leak of each player, (B, n).
        element_leak: Σ|a_e| over elements at their baseline / Σ|a_e| over the others, (B,), before the sums
            inside players; None where the method gives players' scores.
        allocation: Measured allocation A_i(S), shape (B, n, C).
        effects: J(S), shape (B, C).
        max_order: None: every coalition, in bitmask order; k: those with |S| ≤ k, by size.
        mass: Σ_{|S|=k}|J(S)|, shape (B, K), orders 1 … K.
        order_deficit: Σ|Σ_iA_i(S) − J(S)| / mass, (B, K).
        order_leak: Σ_{i∉S}|A_i(S)| / mass, (B, K).
        slope: λ_k: how often an effect of order k is counted, (B, K).
        gap: f(x) − f(b) − Σ scores, shape (B,): what users know. It is no test: errors cancel at x.
        gap_by_order: What explains it: −Σ_i a_i(∅), then −Σ_{|S|=k}[Σ_iA_i(S) − J(S)]; sums to `gap` where
            every coalition was measured. Shape (B, K+1).
        worst: The coalitions with the largest deficit, of each example.
        noise: ``eps``, ``delta``, ``eta_deficit``, ``eta_leak``, ``floor``, ``tolerance``, ``exactness``,
            ``repeats``.
        sampled: Of masks and supports drawn at random: numbers, probabilities, intervals; empty otherwise.
        asymmetry: Beyond sums, of each example, where no sum fails; else empty.
        refinement: Deficits with more nodes, where a quadrature was not exact.
        blame: The operation at which the sum breaks, where it could be found.
        notes: What the audit could not do, and what else to know.
    """

    method: str
    names: tuple[str, ...]
    verdicts: tuple[Verdict, ...]
    each: tuple[tuple[Verdict, ...], ...]
    misuse: tuple[Misuse, ...]
    deficit: Tensor
    leak: Tensor
    offset: Tensor
    uncovered: Tensor
    player_leak: Tensor
    allocation: Tensor
    effects: Tensor
    max_order: int | None
    mass: Tensor
    order_deficit: Tensor
    order_leak: Tensor
    slope: Tensor
    gap: Tensor
    gap_by_order: Tensor
    worst: tuple[tuple[Worst, ...], ...]
    noise: dict[str, Any]
    sampled: dict[str, Any] = field(default_factory=dict)
    asymmetry: tuple[Asymmetry, ...] = ()
    refinement: Refinement | None = None
    blame: BalanceBlame | Blame | None = None
    notes: tuple[str, ...] = ()
    element_leak: Tensor | None = None

    @property
    def n(self) -> int:
        """Number of players."""
        return len(self.names)

    @property
    def batch(self) -> int:
        """Number of examples B."""
        return self.deficit.shape[0]

    @property
    def coverage(self) -> Verdict:
        """Whether somebody is given every effect."""
        return self.verdicts[0]

    @property
    def no_leak(self) -> Verdict:
        """Whether nobody gets an effect he has no part in."""
        return self.verdicts[1]

    @property
    def complete(self) -> Verdict:
        """Whether each effect is handed out exactly once."""
        return self.verdicts[2]

    @property
    def coalitions(self) -> Coalitions:
        """The coalitions of `allocation` and `effects`, in their order."""
        return Coalitions(self.n, self.max_order)

    @property
    def exit_status(self) -> int:
        """1 where a criterion fails or the method is misused, 3 where one is undecided, else 0."""
        if self.misuse or any(v.status == "fails" for v in self.verdicts):
            return 1
        return 3 if any(v.status == "undecided" for v in self.verdicts) else 0

    def ratios(self, example: int = 0) -> Tensor:
        """Return A_i(S) / J(S), shape (n, C): the ratio of a support-level rule; NaN where J(S) = 0."""
        J = self.effects[example]
        return torch.where(J != 0, self.allocation[example] / J, torch.nan)
