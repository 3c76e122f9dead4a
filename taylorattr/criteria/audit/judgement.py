"""From what was measured of one example to its verdicts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from taylorattr.criteria.audit.attributor import BoundPackageMethod
from taylorattr.criteria.audit.bound_method import AuditedExample, Bound, Exactness
from taylorattr.criteria.audit.coalitions import inclusion_probability
from taylorattr.criteria.audit.examination import Examination, ExampleNumbers, Refinement, refinement
from taylorattr.criteria.audit.misuse import Misuse, Symptoms, misuses, unstable
from taylorattr.criteria.audit.noise import Interval
from taylorattr.criteria.audit.score_tables import other_outputs
from taylorattr.criteria.audit.statistics import Coverage, worst
from taylorattr.criteria.verdict import Criterion, Status, Verdict

MOST_UNCOVERED_NAMED = 5

SLOPE_SLACK = 0.02


@dataclass
class JudgedExample:
    """One example with its verdicts.

    Attributes:
        examined: The numbers.
        bound: The method, at the leading reference.
        subject: What it is bound to there.
        verdicts: Coverage, no leak, complete.
        misuse: Wrong uses.
        refinement: Deficits with more nodes; None where not needed or not possible.
        tol: The tolerance.
    """

    examined: ExampleNumbers
    bound: Bound
    subject: AuditedExample
    verdicts: tuple[Verdict, Verdict, Verdict]
    misuse: list[Misuse]
    refinement: Refinement | None
    tol: float

    @property
    def open(self) -> bool:
        """Whether no leak or complete is undecided."""
        return any(v.status == "undecided" for v in self.verdicts[1:])


@dataclass(frozen=True)
class Judgement:
    """How verdicts are reached.

    Attributes:
        tol: Tolerance; None: by what kind of method it is.
    """

    tol: float | None

    def __call__(self, examination: Examination) -> JudgedExample:
        """Return the verdicts on what has been measured so far."""
        found = examination.result()
        bound, subject = examination.bounds[0], examination.subjects[0]
        kind = "sampled" if examination.stochastic else bound.exactness
        tol = TOLERANCES[kind] if self.tol is None else self.tol
        names = subject.game.names
        wrong = list(unstable(found.stability))
        if not wrong and not isinstance(bound, BoundPackageMethod):
            table, seen = found.tables[0], _seen(found, tol)
            outputs = other_outputs(subject, table.present) if seen.wrong_sums else None
            target = subject.target if isinstance(subject.target, int) else 0
            wrong = misuses(table, seen, names, outputs, target)
        blocked = (
            "the function moves no more than its rounding between b and x: nothing to audit"
            if found.still
            else ""
        )
        if found.stability.stateful or not found.stability.per_example:
            blocked = f"the answers depend on more than the input ({wrong[0].kind}): nothing can be decided"
        condition = _condition(examination)
        remedy = _remedy(examination, bound, found)
        shared = {
            "floor": found.floor,
            "tol": tol,
            "blocked": blocked,
            "condition": condition,
            "remedy": remedy,
        }
        complete = Evidence(found.deficit, found.eta.deficit, **shared)
        leak = found.leak if found.leak.value >= found.offset.value else found.offset
        no_leak = Evidence(leak, found.eta.leak, **shared)
        finer = None
        if complete.status in ("fails", "undecided", "holds_to") and not blocked:
            finer = refinement(bound, subject, examination.reach.present, tol)
        complete_verdict = verdict(
            "complete", complete, seen=_sums(found, finer), where=_worst_effect(found, examination, names)
        )
        uncovered = [
            _names(examination.reach.present[c], names)
            for c in found.coverage.uncovered[:MOST_UNCOVERED_NAMED]
        ]
        return JudgedExample(
            found,
            bound,
            subject,
            (
                coverage_verdict(
                    found.coverage,
                    complete_verdict,
                    blocked=blocked,
                    names=tuple(uncovered),
                    condition=_order_condition(examination),
                ),
                verdict("no_leak", no_leak, seen=_leaking(found, names), where=_worst_leak(found, names)),
                complete_verdict,
            ),
            wrong,
            finer,
            tol,
        )


def _seen(found: ExampleNumbers, tol: float) -> Symptoms:
    """Return which statistics stand out of noise and tolerance."""
    sums, scores = max(tol, found.eta.deficit), max(tol, found.eta.leak)
    return Symptoms(
        wrong_sums=found.deficit.low > sums,
        right_sums=found.deficit.high <= tol,
        leaks=found.leak.low > scores,
        starts=found.offset.low > scores,
        offset=found.offset.value,
        agreement=found.agreement,
    )


def _condition(examination: Examination) -> str:
    """Return what verdicts on drawn coalitions do not speak about."""
    reach = examination.reach
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


def _order_condition(examination: Examination) -> str:
    order = examination.reach.order
    return "" if order is None else f"effects of at most {order} players"


def _remedy(examination: Examination, bound: Bound, found: ExampleNumbers) -> str:
    if examination.stochastic:
        return (
            f"{found.repeats} repeats do not decide; use more repeats=, or more samples of the method itself"
        )
    if found.settings["eps"] > 1e-12 and not bound.in_float64:
        return "rounding of the dtype hides it: pass float64 inputs and model, or ta.binds(make)"
    if examination.reach.drawn > 1:
        return "more coalitions would decide: samples="
    return "rounding is larger than the tolerance: use dtype=torch.float64, or subtract an output's constant"


def _sums(found: ExampleNumbers, finer: Refinement | None) -> str:
    """Say what is wrong with the sums."""
    orders, total = found.orders, max(float(found.orders.mass.sum()), 1e-300)
    heavy = [k for k in range(len(orders.mass)) if orders.mass[k] > 0.01 * total]
    slopes = {k + 1: float(orders.slope[k]) for k in heavy}
    said = f"the sums are off by {found.deficit.value:.2g} of what the output moves"
    if heavy and found.deficit.value > SLOPE_SLACK:
        top = max(heavy) + 1
        if top > 1 and all(abs(slope - k) < SLOPE_SLACK * k for k, slope in slopes.items()):
            said += f": an effect of order k is counted k times (orders 1 … {top})"
        elif (
            max(slopes.values()) - min(slopes.values()) < SLOPE_SLACK
            and abs(slopes[min(slopes)] - 1) > SLOPE_SLACK
        ):
            said += f": every effect is counted {slopes[min(slopes)]:.3g} times"
        elif max(abs(slope - 1) for slope in slopes.values()) > 0.05:
            listed = ", ".join(f"{slope:.2g} at order {k}" for k, slope in list(slopes.items())[:4])
            said += f": effects are counted {listed} times"
    return said + (f"; {finer.sentence}" if finer is not None else "")


def _leaking(found: ExampleNumbers, names: tuple[str, ...]) -> str:
    if found.offset.value > found.leak.value:
        return f"an input that equals its baseline gets scores, {found.offset.value:.2g} of the usual size"
    top = int(found.player_leak.argmax())
    size = f"{found.player_leak[top]:.2g} of the usual size"
    return f"{names[top]} gets scores where it equals its baseline, {size}"


def _worst_leak(found: ExampleNumbers, names: tuple[str, ...]) -> str:
    table = found.tables[0]
    off = np.where(table.present.T, 0.0, np.abs(table.a))
    player, column = np.unravel_index(int(off.argmax()), off.shape)
    if off[player, column] == 0:
        return ""
    present = table.present[column]
    verb = "moves" if present.sum() == 1 else "move"
    moving = f"only {_names(present, names)} {verb}" if present.any() else "nothing moves"
    return f"{names[player]} gets {float(table.a[player, column]):.3g} where {moving}"


def _worst_effect(found: ExampleNumbers, examination: Examination, names: tuple[str, ...]) -> str:
    total = found.A.sum(axis=0)
    top = worst(total - found.J, 1)
    if not len(top):
        return ""
    c = int(top[0])
    return (
        f"the worst effect is that of {_names(examination.reach.present[c], names)}: {found.J[c]:.4g}, given "
        f"{total[c]:.4g}"
    )


def _names(present: np.ndarray, names: tuple[str, ...]) -> str:
    inside = [name for name, on in zip(names, present, strict=True) if on]
    return "{" + ", ".join(inside[:6]) + (", …" if len(inside) > 6 else "") + "}"


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
