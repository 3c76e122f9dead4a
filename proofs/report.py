"""Carry out proofs and refutations and lay out what came of them."""

from __future__ import annotations

import re
import textwrap
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import zip_longest

from proofs.refutations.refutation import Refutation, refute
from proofs.theorem import Theorem, check

WIDTHS = (26, 46, 38)
"""Columns of name, statement and coverage."""


@dataclass(frozen=True)
class Outcome:
    """What came of one proof or refutation; `failure` is empty where it holds."""

    theorem: Theorem | Refutation
    steps: tuple[str, ...]
    seconds: float
    failure: str

    @property
    def holds(self) -> bool:
        """Whether every step of a proof holds, or every claim of a refutation fails where it should."""
        return not self.failure

    @property
    def status(self) -> str:
        """The word ``proved``, ``refuted`` (a false claim shown to be false) or ``FAILED``."""
        if self.failure:
            return "FAILED"
        return "refuted" if isinstance(self.theorem, Refutation) else "proved"

    def to_dict(self) -> dict[str, object]:
        """Return the outcome with plain values only."""
        return {
            "theorem": self.theorem.name,
            "statement": self.theorem.statement,
            "source": self.theorem.source,
            "covers": self.theorem.covers,
            "lifts": self.theorem.lifts,
            "status": self.status,
            "holds": self.holds,
            "steps": len(self.steps),
            "seconds": round(self.seconds, 3),
            "failure": self.failure,
        }


def carry_out(theorem: Theorem | Refutation) -> Outcome:
    """Return what comes of a proof or a refutation; one that stops with any error shows nothing."""
    start = time.perf_counter()
    steps: tuple[str, ...] = ()
    failure = ""
    try:
        if isinstance(theorem, Refutation):
            steps = tuple(refute(theorem.findings))
        else:
            steps = tuple(step.says for step in check(theorem.prove()))
    except Exception as error:
        failure = f"{type(error).__name__}: {error}"
    return Outcome(theorem, steps, time.perf_counter() - start, failure)


def folded(name: str, width: int) -> list[str]:
    """Return a name in lines that end where one of its words does; all but the first are set in."""
    found = [""]
    for word in re.findall("[^_]+_?", name):
        if len(found[-1] + word) > width:
            found.append("  ")
        found[-1] += word
    return found


def row(cells: tuple[str, ...], end: str) -> Iterator[str]:
    """Yield the lines of one row, its cells wrapped."""
    name, *others = cells
    wrapped = [folded(name, WIDTHS[0])]
    wrapped += [textwrap.wrap(cell, width) or [""] for cell, width in zip(others, WIDTHS[1:], strict=True)]
    for number, line in enumerate(zip_longest(*wrapped, fillvalue="")):
        body = "  ".join(cell.ljust(width) for cell, width in zip(line, WIDTHS, strict=True))
        yield f"{body}  {end}".rstrip() if number == 0 else body.rstrip()


def heading() -> Iterator[str]:
    """Yield the head of the table."""
    yield from row(("theorem", "statement", "coverage"), "status   steps  seconds")
    yield "─" * (sum(WIDTHS) + 4 + 25)


def divider(title: str) -> Iterator[str]:
    """Yield a line between two parts of the table."""
    yield f"── {title} ".ljust(sum(WIDTHS) + 4 + 25, "─")


def lines(outcome: Outcome, *, with_steps: bool = False) -> Iterator[str]:
    """Yield the lines of one theorem: a row of the table, what went wrong, and the steps if asked for."""
    theorem = outcome.theorem
    end = f"{outcome.status:7}  {len(outcome.steps):5}  {outcome.seconds:7.2f}"
    yield from row((theorem.name, f"{theorem.source}: {theorem.statement}", theorem.covers), end)
    if outcome.failure:
        yield f"    {outcome.failure}"
    if with_steps:
        yield from (f"    {number:4}  {says}" for number, says in enumerate(outcome.steps, start=1))
        yield from textwrap.wrap(
            f"in general: {theorem.lifts}", 110, initial_indent="    ", subsequent_indent="    "
        )


def summary(outcomes: Iterable[Outcome]) -> str:
    """Return one line: how many hold, and how long it took."""
    outcomes = list(outcomes)
    parts = []
    for kind, word in ((Theorem, "proved"), (Refutation, "refuted")):
        held = [outcome.holds for outcome in outcomes if isinstance(outcome.theorem, kind)]
        if held:
            parts.append(f"{sum(held)} of {len(held)} {word}")
    return f"{', '.join(parts)} in {sum(o.seconds for o in outcomes):.1f} s"
