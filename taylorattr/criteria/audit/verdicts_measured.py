"""Verdicts of an audit: fails, holds, holds_to or undecided, never beyond what the noise allows."""

from __future__ import annotations

from dataclasses import dataclass

from taylorattr.criteria.audit.noise import Interval
from taylorattr.criteria.audit.statistics import Coverage
from taylorattr.criteria.audit.subject import Exactness
from taylorattr.criteria.verdict import Criterion, Status, Verdict

TOLERANCES: dict[Exactness, float] = {"closed": 1e-4, "quadrature": 1e-2, "unknown": 1e-2, "sampled": 1e-2}
"""What is still taken for right, by how a method computes."""

RANKS: dict[Status, int] = {"fails": 3, "undecided": 2, "holds_to": 1, "holds": 0, "conditional": 0}


@dataclass(frozen=True)
class Evidence:
    """One statistic with what it is compared with.

    Attributes:
        value: The statistic and its bounds; equal ones where nothing was sampled.
        eta: Noise floor η.
        floor: Below this nothing is called a defect.
        tol: Tolerance.
        blocked: Why nothing can be decided; empty otherwise.
        condition: What the statistic does not speak about, such as coalitions that were not drawn.
        remedy: What would decide an open case.
    """

    value: Interval
    eta: float
    floor: float
    tol: float
    blocked: str = ""
    condition: str = ""
    remedy: str = ""

    @property
    def status(self) -> Status:
        """The answer: η > tol is never ``holds``, and a blocked statistic is never decided."""
        if self.blocked:
            return "undecided"
        if self.value.low > max(self.tol, self.eta):
            return "fails"
        if self.eta > self.tol:
            return "undecided"
        if self.value.high <= max(self.eta, self.floor):
            return "holds"
        return "holds_to" if self.value.high <= self.tol else "undecided"


def verdict(criterion: Criterion, evidence: Evidence, *, seen: str, where: str) -> Verdict:
    """Return the verdict on complete or no leak.

    Args:
        criterion: ``complete`` or ``no_leak``.
        evidence: The statistic.
        seen: What it says, in words.
        where: The worst coalition; empty where there is none.

    Returns:
        The verdict; its statistic is the value, its tolerance max(tol, η).
    """
    status, value = evidence.status, evidence.value
    if evidence.blocked:
        statement = evidence.blocked
    elif status == "holds_to":
        statement = f"holds to {value.high:.2g}" + ("" if _sampled(value) else f", not exactly; {seen}")
    elif status == "undecided":
        bounds = (
            f"between {value.low:.2g} and {value.high:.2g}"
            if _sampled(value)
            else f"measured {value.value:.2g}"
        )
        noise = f", noise floor {evidence.eta:.2g}" if evidence.eta > evidence.tol else ""
        statement = f"{bounds} at tolerance {evidence.tol:.2g}{noise}: {evidence.remedy}"
    elif status == "fails":
        statement = seen
    else:
        statement = "up to rounding" if evidence.eta >= value.value else f"to {value.high:.1g}"
    return Verdict(
        status=status,
        criterion=criterion,
        frame="baseline",
        level="effect",
        condition=evidence.condition,
        statistic=value.value,
        tolerance=max(evidence.tol, evidence.eta),
        statement=statement,
        witness=where if status in ("fails", "holds_to") else "",
    )


def coverage_verdict(
    found: Coverage, complete: Verdict, *, blocked: str, names: tuple[str, ...], condition: str = ""
) -> Verdict:
    """Return the verdict on coverage, which follows from complete, eq. (11).

    Args:
        found: Coverage of the live coalitions.
        complete: The verdict on complete.
        blocked: Why nothing can be decided; empty otherwise.
        names: The uncovered coalitions, largest effect first.
        condition: What was not looked at.

    Returns:
        The verdict; its statistic is Σ|J| over the uncovered coalitions / Σ|J|.
    """
    status: Status = "holds"
    statement = f"somebody is given each of the {found.live} effects that stand out of the noise"
    if blocked:
        status, statement = "undecided", blocked
    elif len(found.uncovered):
        status = "fails"
        statement = (
            f"nobody is given {len(found.uncovered)} of {found.live} effects: {found.share:.1%} of Σ|J(S)|"
        )
    elif complete.status == "holds":
        statement = "follows from complete"
    elif found.live == 0:
        status, statement = "undecided", "no effect stands out of the noise"
    return Verdict(
        status=status,
        criterion="coverage",
        frame="baseline",
        level="effect",
        condition=condition,
        statistic=found.share,
        tolerance=0.0,
        statement=statement,
        witness="; ".join(names[:5]) if status == "fails" else "",
    )


def gravest(verdicts: list[Verdict]) -> Verdict:
    """Return the verdict that is worst: fails before undecided before holds_to before holds."""
    return max(verdicts, key=lambda v: (RANKS[v.status], v.statistic or 0.0))


def _sampled(value: Interval) -> bool:
    return value.low < value.high
