"""Carry out proofs and lay out what came of them."""

from __future__ import annotations

import textwrap
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import zip_longest

from proofs.theorem import Theorem, check

WIDTHS = (26, 46, 38)
"""Columns of name, statement and coverage."""


@dataclass(frozen=True)
class Outcome:
    """What came of one proof; `failure` is empty where it holds."""

    theorem: Theorem
    steps: tuple[str, ...]
    seconds: float
    failure: str

    @property
    def proved(self) -> bool:
        """Whether every step holds."""
        return not self.failure

    def to_dict(self) -> dict[str, object]:
        """Return the outcome with plain values only."""
        return {
            "theorem": self.theorem.name,
            "statement": self.theorem.statement,
            "source": self.theorem.source,
            "covers": self.theorem.covers,
            "lifts": self.theorem.lifts,
            "proved": self.proved,
            "steps": len(self.steps),
            "seconds": round(self.seconds, 3),
            "failure": self.failure,
        }


def carry_out(theorem: Theorem) -> Outcome:
    """Return what comes of a theorem's proof; one that stops with an error of any kind proves nothing."""
    start = time.perf_counter()
    steps: tuple[str, ...] = ()
    failure = ""
    try:
        steps = tuple(step.says for step in check(theorem.prove()))
    except Exception as error:
        failure = f"{type(error).__name__}: {error}"
    return Outcome(theorem, steps, time.perf_counter() - start, failure)


def row(cells: tuple[str, ...], end: str) -> Iterator[str]:
    """Yield the lines of one row, its cells wrapped."""
    wrapped = [textwrap.wrap(cell, width) or [""] for cell, width in zip(cells, WIDTHS, strict=True)]
    for number, line in enumerate(zip_longest(*wrapped, fillvalue="")):
        body = "  ".join(cell.ljust(width) for cell, width in zip(line, WIDTHS, strict=True))
        yield f"{body}  {end}".rstrip() if number == 0 else body.rstrip()


def heading() -> Iterator[str]:
    """Yield the head of the table."""
    yield from row(("theorem", "statement", "coverage"), "proved?  steps  seconds")
    yield "─" * (sum(WIDTHS) + 4 + 25)


def lines(outcome: Outcome, *, with_steps: bool = False) -> Iterator[str]:
    """Yield the lines of one theorem: a row of the table, what went wrong, and the steps if asked for."""
    theorem = outcome.theorem
    end = f"{'yes' if outcome.proved else 'NO':7}  {len(outcome.steps):5}  {outcome.seconds:7.2f}"
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
    proved = sum(outcome.proved for outcome in outcomes)
    return f"{proved} of {len(outcomes)} proved in {sum(o.seconds for o in outcomes):.1f} s"
