"""AuditReport: what an audit found, as numbers and verdicts, as a page, as JSON."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import torch
from torch import Tensor

from taylorattr.criteria.audit.asymmetry import Asymmetry
from taylorattr.criteria.audit.examination import Refinement
from taylorattr.criteria.audit.faulty_operation import BalanceBlame
from taylorattr.criteria.audit.misuse import Misuse
from taylorattr.criteria.blame.blamed_operation import Blame
from taylorattr.criteria.verdict import Verdict, gravest
from taylorattr.effects.examples import in_rows
from taylorattr.effects.result import Result
from taylorattr.maths.subsets import Coalitions

PAGE_WIDTH = 100
"""Letters of a line."""

CRITERION_TITLES = {"coverage": "coverage", "no_leak": "no leak ", "complete": "complete"}
"""Of one width, so that columns stand under each other."""

QUESTIONS = {
    "coverage": "is somebody given every effect?",
    "no_leak": "does nobody get an effect he has no part in?",
    "complete": "is each effect handed out exactly once?",
}

SMALLEST_GAP_PART = 1e-12
"""Parts of a gap up to this are 0."""

SMALLEST_ORDER_SHARE = 1e-9
"""Share of Σ|J| below which an order is left out: it is what rounding makes of orders that are not there."""

MOST_GAP_PARTS = 8
"""Parts of a gap that the page lists."""

NEARLY_EVERY_PAIR = 0.8
"""Part of the pairs' effects that must go to one member alone before the page says so in words."""

UNEQUAL_ABOVE = 1e-6
"""Relative difference of the scores of equal players above which it is told."""


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
class AuditReport(Result):
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

    example_axes: ClassVar = in_rows(
        "deficit leak offset uncovered player_leak allocation effects mass order_deficit order_leak slope "
        "gap gap_by_order each worst"
    )

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

    def _selected(self, index: list[int]) -> dict[str, Any]:
        """Return the verdicts on these examples; what is said of the method and its noise stays."""
        return {
            "verdicts": gravest_of([self.each[e] for e in index]),
            "asymmetry": tuple(self.asymmetry[e] for e in index if self.asymmetry),
            "element_leak": None if self.element_leak is None else self.element_leak[index],
        }

    @classmethod
    def _concatenated(cls, parts: Sequence[AuditReport], counts: Sequence[int]) -> dict[str, Any]:
        """Return what is said of all: the gravest verdicts, every misuse and note, the noise at the worst."""
        worst = max(parts, key=lambda part: float(part.deficit.max()))
        uneven = [part.asymmetry for part in parts]
        leaks = [part.element_leak for part in parts if part.element_leak is not None]
        finer = [part.refinement for part in parts if part.refinement is not None]
        return {
            "verdicts": gravest_of([each for part in parts for each in part.each]),
            "misuse": tuple({fault.kind: fault for part in parts for fault in part.misuse}.values()),
            "noise": worst.noise,
            "sampled": parts[0].sampled,
            # how sums are shared says something only where all are right
            "asymmetry": tuple(one for part in uneven for one in part) if all(uneven) else (),
            "refinement": max(finer, key=lambda one: one.fine, default=None),
            "blame": worst.blame,
            "notes": tuple(dict.fromkeys(note for part in parts for note in part.notes)),
            "element_leak": torch.cat(leaks) if len(leaks) == len(parts) else None,
        }

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

    @property
    def use(self) -> str:
        """Whether these numbers can be used, and for what, in a sentence."""
        coverage, no_leak, complete = (verdict.status for verdict in self.verdicts)
        if self.misuse:
            return f"do not use these numbers as they are: {', '.join(fault.kind for fault in self.misuse)}"
        if complete == "fails" and coverage == "fails":
            return "do not use these numbers as shares of f(x) − f(b), nor for ranking: effects are lost"
        if complete == "fails":
            return (
                "do not use these numbers as shares of f(x) − f(b), since sums are wrong; use them for "
                "ranking players at most"
            )
        if no_leak == "fails":
            return "do not use single scores: players that play no part get some; only their sum is right"
        if "undecided" in (no_leak, complete):
            return "not decided whether these numbers can be used; what would decide it stands above"
        to = ", to the tolerance above" if complete == "holds_to" else ""
        reach = (
            "" if self.max_order is None else f", as far as effects of at most {self.max_order} players go"
        )
        return f"use these numbers as shares of f(x) − f(b){to}{reach}"

    def ratios(self, example: int = 0) -> Tensor:
        """Return A_i(S) / J(S), shape (n, C): the ratio of a support-level rule; NaN where J(S) = 0."""
        J = self.effects[example]
        return torch.where(J != 0, self.allocation[example] / J, torch.nan)

    def to_json(self) -> str:
        """Return everything as JSON text; ``AuditReport.from_dict(json.loads(text))`` reads it back."""
        return json.dumps(self.to_dict(), ensure_ascii=False, allow_nan=False)

    def summary(self, examples: int = 3) -> str:
        """Return the page with the details of the first few examples."""
        return page(self, examples)

    def __repr__(self) -> str:
        """Show the page."""
        return self.summary()


def gravest_of(each: Sequence[tuple[Verdict, ...]]) -> tuple[Verdict, ...]:
    """Return the gravest verdict of all examples on each criterion."""
    return tuple(gravest(verdicts) for verdicts in zip(*each, strict=True))


def page(report: AuditReport, examples: int) -> str:
    """Return the report as text.

    Args:
        report: What was found.
        examples: How many examples are shown in detail.
    """
    what = f"{report.n} players, {report.batch} example{'s' if report.batch > 1 else ''}"
    lines = [f"Audit of {report.method}: {what}, {_reach(report)}", ""]
    for fault in report.misuse:
        lines += _wrapped("MISUSE  ", f"{fault.kind}: {fault.sentence}")
    if report.misuse:
        lines.append("")
    for verdict in report.verdicts:
        title, question = CRITERION_TITLES[verdict.criterion], QUESTIONS[verdict.criterion]
        lines.append(f"{verdict.mark} {title}  {verdict.status:<9}  {question}")
        reason = "; ".join(part for part in (verdict.statement, verdict.witness) if part)
        lines += _wrapped("      ", reason)
        if verdict.condition:
            lines += _wrapped("      ", f"({verdict.condition})")
    if report.blame is not None:
        lines += ["", *_wrapped("blame   ", report.blame.statement)]
    if report.refinement is not None:
        lines += _wrapped("nodes   ", report.refinement.sentence)
    for example in range(min(report.batch, examples)):
        lines += ["", *_example(report, example)]
    if report.batch > examples:
        lines.append(f"… and {report.batch - examples} more examples")
    lines += ["", *_noise(report)]
    for note in report.notes:
        lines += _wrapped("note    ", note)
    lines += ["", *_wrapped("use     ", report.use)]
    return "\n".join(lines)


def _reach(report: AuditReport) -> str:
    """Return which coalitions were asked for."""
    if report.max_order is None:
        return f"all {2**report.n} coalitions"
    drawn = report.sampled.get("masks", 0)
    exact = f"every coalition of at most {report.max_order} players"
    return f"{exact} and {drawn} drawn at random" if drawn else exact


def _example(report: AuditReport, e: int) -> list[str]:
    """Return the lines on one example: statistics, the gap and its parts, orders, worst coalitions."""
    lines = [
        f"example {e}: deficit {float(report.deficit[e]):.2g}, leak {float(report.leak[e]):.2g}, offset "
        f"{float(report.offset[e]):.2g}, uncovered {float(report.uncovered[e]):.2g}"
    ]
    if report.element_leak is not None and float(report.element_leak[e]) > 0:
        lines.append(
            f"  elements at their baseline get {float(report.element_leak[e]):.2g} of what the others get"
        )
    parts = [
        f"{'at b' if k == 0 else f'order {k}'}: {part:+.3g}"
        for k, part in enumerate(report.gap_by_order[e].tolist())
        if abs(part) > SMALLEST_GAP_PART
    ]
    rest = ", …" if len(parts) > MOST_GAP_PARTS else ""
    explained = f" = {', '.join(parts[:MOST_GAP_PARTS])}{rest}" if parts else ""
    lines += _wrapped("  ", f"gap f(x) − f(b) − Σ scores = {float(report.gap[e]):+.3g}{explained}")
    lines.append("  order    Σ|J|      share   deficit      leak   counted")
    total = float(report.mass[e].sum()) or 1.0
    for k in range(report.mass.shape[1]):
        mass = float(report.mass[e, k])
        if mass / total < SMALLEST_ORDER_SHARE:
            continue
        lines.append(
            f"  {k + 1:>5} {mass:>9.3g} {mass / total:>9.1%} {float(report.order_deficit[e, k]):>9.2g} "
            f"{float(report.order_leak[e, k]):>9.2g} {float(report.slope[e, k]):>8.4g}×"
        )
    for worst in report.worst[e] if any(v.status != "holds" for v in report.each[e]) else ():
        leaked = f", {worst.leaked:.3g} of it by others" if worst.leaked > 0 else ""
        coalition = "{" + ", ".join(worst.players) + "}"
        lines += _wrapped("  ", f"{coalition}: effect {worst.effect:+.4g}, given {worst.given:+.4g}{leaked}")
    if report.asymmetry:
        lines += _asymmetry(report, e)
    return lines


def _asymmetry(report: AuditReport, e: int) -> list[str]:
    """Return the lines on how unevenly effects are shared."""
    shares = report.asymmetry[e]
    beside = f", {shares.other} {shares.beside:.2f}" if shares.beside is not None else ""
    lines = _wrapped(
        "  ",
        f"beyond sums: pair asymmetry {shares.pair:.2f} (0 equal shares, 1 all to one member; Shapley "
        f"0{beside}); {shares.wholly:.0%} of the pairs' effects go wholly to one member",
    )
    if shares.wholly > NEARLY_EVERY_PAIR:
        lines += _wrapped(
            "    ", "nearly every pair goes to one of its members: " + "; ".join(shares.pairs[:3])
        )
    if shares.alike is not None and shares.alike > UNEQUAL_ABOVE:
        lines.append(
            f"    players that the network cannot tell apart get scores that differ by {shares.alike:.2g}"
        )
    return lines


def _noise(report: AuditReport) -> list[str]:
    """Return the lines on what the statistics were compared with."""
    noise = report.noise
    repeated = f", {noise['repeats']} repeats" if noise["repeats"] > 1 else ""
    return _wrapped(
        "noise   ",
        f"kind of method: {noise['exactness']}, tolerance {noise['tolerance']:.0e}{repeated}; rounding shows "
        f"up to {noise['eta_deficit']:.1e} in the deficit and {noise['eta_leak']:.1e} in the leak (ε "
        f"{noise['eps']:.0e}, other batches {noise['delta']:.0e}); nothing below {noise['floor']:.0e} counts",
    )


def _wrapped(head: str, text: str) -> list[str]:
    return textwrap.wrap(
        text, PAGE_WIDTH, initial_indent=head, subsequent_indent=" " * len(head), break_long_words=False
    )
