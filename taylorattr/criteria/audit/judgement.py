"""From what was measured of one example to its verdicts: fails, holds, holds_to or undecided.

A verdict never says more than the noise allows: a statistic fails where it stands out of tolerance and noise
for certain, and is undecided where the noise is larger than the tolerance.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from taylorattr.criteria.audit.attributor import BoundPackageMethod
from taylorattr.criteria.audit.bound_method import AuditedExample, Bound
from taylorattr.criteria.audit.coalitions import Reach, inclusion_probability
from taylorattr.criteria.audit.comparisons import comparisons
from taylorattr.criteria.audit.examination import Examination, ExampleNumbers, Refinement, refinement
from taylorattr.criteria.audit.misuse import Misuse, Symptoms, misuses, unstable
from taylorattr.criteria.audit.noise import Interval
from taylorattr.criteria.audit.statistics import Coverage, worst
from taylorattr.criteria.verdict import Criterion, Status, Verdict
from taylorattr.methods.method import Exactness

TOLERANCES: dict[Exactness, float] = {"closed": 1e-4, "quadrature": 1e-2, "unknown": 1e-2, "sampled": 1e-2}
"""What is still taken for right, by how a method computes.

Closed forms in float64 are right to rounding; 1e-4 leaves room for those in float32 and for stabilisers ε. A
quadrature of the usual 50 nodes is off by about 1e-2 at a kink.
"""

MOST_UNCOVERED_NAMED = 5
"""Uncovered coalitions that are named in a witness."""

EPS_OF_FLOAT32 = 1e-12
"""Unit roundoffs above this are those of float32 or less."""

SLOPE_SLACK = 0.02
"""How far λ_k may be from a whole law (every effect k times, all λ times), relative; also the deficit from
which a law is looked for: in smaller ones it would be noise."""

HEAVY_ORDER_SHARE = 0.01
"""Part of Σ|J| from which an order has a say in such a law."""

MISCOUNTED_BY = 0.05
"""Distance of some λ_k from 1 from which they are listed."""


@dataclass
class JudgedExample:
    """One example with its verdicts.

    Attributes:
        numbers: What was measured.
        bound: The method, at the leading reference.
        audited: What it is bound to there.
        verdicts: Coverage, no leak, complete.
        misuse: Wrong uses.
        refinement: Deficits with more nodes; None where not needed or not possible.
        tol: The tolerance.
    """

    numbers: ExampleNumbers
    bound: Bound
    audited: AuditedExample
    verdicts: tuple[Verdict, Verdict, Verdict]
    misuse: list[Misuse]
    refinement: Refinement | None
    tol: float

    @property
    def open(self) -> bool:
        """Whether no leak or complete is undecided."""
        return any(v.status == "undecided" for v in self.verdicts[1:])


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


def judged(examination: Examination, tol: float | None) -> JudgedExample:
    """Return the verdicts on what has been measured of one example so far.

    Args:
        examination: What has been asked, and can be asked again.
        tol: Tolerance; None: by how the method computes.
    """
    numbers = examination.numbers()
    bound, audited = examination.bounds[0], examination.audited[0]
    if tol is None:
        tol = TOLERANCES["sampled" if examination.stochastic else bound.exactness]
    names, reach = audited.game.names, examination.reach
    wrong_uses = [] if numbers.stability.sound else [unstable(numbers.stability)]
    blocked = ""
    if wrong_uses:
        blocked = f"the answers depend on more than the input ({wrong_uses[0].kind}): nothing can be decided"
    elif numbers.still:
        blocked = "the function moves no more than its rounding between b and x: nothing to audit"
    if not wrong_uses and not isinstance(bound, BoundPackageMethod):  # ours is called as it should be
        symptoms = _symptoms(numbers, tol)
        wrong_uses = misuses(numbers.tables[0], symptoms, names, lambda: comparisons(audited, numbers, reach))
    common = {
        "floor": numbers.floor,
        "tol": tol,
        "blocked": blocked,
        "condition": _unseen(reach),
        "remedy": _remedy(examination, bound, numbers),
    }
    sums = Evidence(numbers.deficit, numbers.eta.deficit, **common)
    leak = numbers.leak if numbers.leak.value >= numbers.offset.value else numbers.offset
    leaks = Evidence(leak, numbers.eta.leak, **common)
    finer = None
    if sums.status in ("fails", "undecided", "holds_to") and not blocked:
        finer = refinement(bound, audited, reach.present, tol)
    complete = verdict("complete", sums, partial(_about_sums, numbers, finer, reach, names))
    no_leak = verdict("no_leak", leaks, partial(_about_leaks, numbers, names))
    uncovered = numbers.coverage.uncovered[:MOST_UNCOVERED_NAMED]
    covered = coverage_verdict(
        numbers.coverage,
        complete,
        blocked=blocked,
        names=tuple(_coalition(reach.present[c], names) for c in uncovered),
        condition="" if reach.order is None else f"effects of at most {reach.order} players",
    )
    return JudgedExample(numbers, bound, audited, (covered, no_leak, complete), wrong_uses, finer, tol)


def verdict(criterion: Criterion, evidence: Evidence, findings: Callable[[], tuple[str, str]]) -> Verdict:
    """Return the verdict on complete or no leak.

    Args:
        criterion: ``complete`` or ``no_leak``.
        evidence: The statistic.
        findings: What is wrong, in words, and the worst coalition, empty where there is none; asked for only
            where something is.

    Returns:
        The verdict; its statistic is the value, its tolerance max(tol, η).
    """
    status, value = evidence.status, evidence.value
    is_sampled = value.low < value.high
    finding, where = findings() if status in ("fails", "holds_to") else ("", "")
    if evidence.blocked:
        statement = evidence.blocked
    elif status == "holds_to":
        statement = f"holds to {value.high:.2g}" + ("" if is_sampled else f", not exactly; {finding}")
    elif status == "undecided":
        between = f"between {value.low:.2g} and {value.high:.2g}"
        bounds = between if is_sampled else f"measured {value.value:.2g}"
        noise = f", noise floor {evidence.eta:.2g}" if evidence.eta > evidence.tol else ""
        statement = f"{bounds} at tolerance {evidence.tol:.2g}{noise}: {evidence.remedy}"
    elif status == "fails":
        statement = finding
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
        witness=where,
    )


def coverage_verdict(
    measured: Coverage, complete: Verdict, *, blocked: str, names: tuple[str, ...], condition: str = ""
) -> Verdict:
    """Return the verdict on coverage, which follows from complete, eq. (11).

    Args:
        measured: Coverage of the live coalitions.
        complete: The verdict on complete.
        blocked: Why nothing can be decided; empty otherwise.
        names: The uncovered coalitions, largest effect first.
        condition: What was not looked at.

    Returns:
        The verdict; its statistic is Σ|J| over the uncovered coalitions / Σ|J|.
    """
    status: Status = "holds"
    statement = f"somebody is given each of the {measured.live} effects that stand out of the noise"
    if blocked:
        status, statement = "undecided", blocked
    elif len(measured.uncovered):
        status = "fails"
        statement = (
            f"nobody is given {len(measured.uncovered)} of {measured.live} effects: {measured.share:.1%} of "
            "Σ|J(S)|"
        )
    elif complete.status == "holds":
        statement = "follows from complete"
    elif measured.live == 0:
        status, statement = "undecided", "no effect stands out of the noise"
    return Verdict(
        status=status,
        criterion="coverage",
        frame="baseline",
        level="effect",
        condition=condition,
        statistic=measured.share,
        tolerance=0.0,
        statement=statement,
        witness="; ".join(names) if status == "fails" else "",
    )


def _symptoms(numbers: ExampleNumbers, tol: float) -> Symptoms:
    """Return which statistics stand out of noise and tolerance."""
    sums, scores = max(tol, numbers.eta.deficit), max(tol, numbers.eta.leak)
    return Symptoms(
        wrong_sums=numbers.deficit.low > sums,
        right_sums=numbers.deficit.high <= tol,
        leaks=numbers.leak.low > scores,
        starts=numbers.offset.low > scores,
        offset=numbers.offset.value,
        agreement=numbers.agreement,
    )


def _unseen(reach: Reach) -> str:
    """Return what verdicts on drawn coalitions do not speak about; empty where all were asked for."""
    if reach.order is None:
        return ""
    n = reach.present.shape[1]
    if reach.drawn < 2:
        return f"only coalitions of at most {reach.order} players were asked for"
    chances = ", ".join(f"{inclusion_probability(n, s):.2f} for {s}" for s in range(1, min(n, 4) + 1))
    return (
        f"on {reach.drawn - 1} coalitions drawn at random and all of at most {reach.order} players; one draw "
        f"contains given players with probability {chances}"
    )


def _remedy(examination: Examination, bound: Bound, numbers: ExampleNumbers) -> str:
    """Return what would decide an open case, by what makes it noisy."""
    if examination.stochastic:
        return (
            f"{numbers.repeats} repeats do not decide; use more repeats=, or more samples of the method "
            "itself"
        )
    if numbers.eps > EPS_OF_FLOAT32 and not bound.in_float64:
        return "rounding of the dtype hides it: pass float64 inputs and model, or ta.binds(make)"
    if examination.reach.drawn > 1:
        return "more coalitions would decide: samples="
    return "rounding is larger than the tolerance: use dtype=torch.float64, or subtract an output's constant"


def _about_sums(
    numbers: ExampleNumbers, finer: Refinement | None, reach: Reach, names: tuple[str, ...]
) -> tuple[str, str]:
    """Return what is wrong with the sums, and the effect that is furthest from what is given of it.

    What is wrong: by how much, by which law of orders, and what more nodes did.
    """
    orders, total = numbers.orders, max(float(numbers.orders.mass.sum()), 1e-300)
    heavy = [k for k in range(len(orders.mass)) if orders.mass[k] > HEAVY_ORDER_SHARE * total]
    slopes = {k + 1: float(orders.slope[k]) for k in heavy}
    sentence = f"the sums are off by {numbers.deficit.value:.2g} of what the output moves"
    if heavy and numbers.deficit.value > SLOPE_SLACK:
        top, first = max(heavy) + 1, slopes[min(slopes)]
        all_alike = max(slopes.values()) - min(slopes.values()) < SLOPE_SLACK
        if top > 1 and all(abs(slope - k) < SLOPE_SLACK * k for k, slope in slopes.items()):
            sentence += f": an effect of order k is counted k times (orders 1 … {top})"  # Gradient×Input
        elif all_alike and abs(first - 1) > SLOPE_SLACK:
            sentence += f": every effect is counted {first:.3g} times"
        elif max(abs(slope - 1) for slope in slopes.values()) > MISCOUNTED_BY:
            listed = ", ".join(f"{slope:.2g} at order {k}" for k, slope in list(slopes.items())[:4])
            sentence += f": effects are counted {listed} times"
    if finer is not None:
        sentence += f"; {finer.sentence}"
    given = numbers.A.sum(axis=0)
    columns = worst(given - numbers.J, 1).tolist()
    if not columns:
        return sentence, ""
    c = columns[0]
    coalition = _coalition(reach.present[c], names)
    return sentence, f"the worst effect is that of {coalition}: {numbers.J[c]:.4g}, given {given[c]:.4g}"


def _about_leaks(numbers: ExampleNumbers, names: tuple[str, ...]) -> tuple[str, str]:
    """Return who gets scores where he equals his baseline and how large they are, and the largest of them."""
    if numbers.offset.value > numbers.leak.value:
        size = f"{numbers.offset.value:.2g} of the usual size"
        sentence = f"an input that equals its baseline gets scores, {size}"
    else:
        top = int(numbers.player_leak.argmax())
        size = f"{numbers.player_leak[top]:.2g} of the usual size"
        sentence = f"{names[top]} gets scores where it equals its baseline, {size}"
    table = numbers.tables[0]
    off = np.where(table.present.T, 0.0, np.abs(table.a))
    player, column = np.unravel_index(int(off.argmax()), off.shape)
    if off[player, column] == 0:
        return sentence, ""
    present = table.present[column]
    verb = "moves" if present.sum() == 1 else "move"
    moving = f"only {_coalition(present, names)} {verb}" if present.any() else "nothing moves"
    return sentence, f"{names[player]} gets {float(table.a[player, column]):.3g} where {moving}"


def _coalition(present: np.ndarray, names: tuple[str, ...]) -> str:
    """Return {x₀, x₁, …}, at most six names."""
    inside = [name for name, on in zip(names, present, strict=True) if on]
    return "{" + ", ".join(inside[:6]) + (", …" if len(inside) > 6 else "") + "}"
