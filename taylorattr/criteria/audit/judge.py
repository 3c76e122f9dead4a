"""From what was measured of one example to its verdicts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from taylorattr.criteria.audit.examine import Examination, Examined
from taylorattr.criteria.audit.many_players import inclusion_probability
from taylorattr.criteria.audit.misuse import Misuse, Seen, misuses, unstable
from taylorattr.criteria.audit.named_method import Named
from taylorattr.criteria.audit.other_outputs import other_outputs
from taylorattr.criteria.audit.refinement import Refinement, refinement
from taylorattr.criteria.audit.statistics import worst
from taylorattr.criteria.audit.subject import Bound, Subject
from taylorattr.criteria.audit.verdicts_measured import TOLERANCES, Evidence, coverage_verdict, verdict
from taylorattr.criteria.verdict import Verdict

NAMED = 5
COUNTED = 0.02


@dataclass
class Judged:
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

    examined: Examined
    bound: Bound
    subject: Subject
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

    def __call__(self, examination: Examination) -> Judged:
        """Return the verdicts on what has been measured so far."""
        found = examination.result()
        bound, subject = examination.bounds[0], examination.subjects[0]
        kind = "sampled" if examination.stochastic else bound.exactness
        tol = TOLERANCES[kind] if self.tol is None else self.tol
        names = subject.game.names
        wrong = list(unstable(found.stability))
        if not wrong and not isinstance(bound, Named):
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
        uncovered = [_names(examination.reach.present[c], names) for c in found.coverage.uncovered[:NAMED]]
        return Judged(
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


def _seen(found: Examined, tol: float) -> Seen:
    """Return which statistics stand out of noise and tolerance."""
    sums, scores = max(tol, found.eta.deficit), max(tol, found.eta.leak)
    return Seen(
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


def _remedy(examination: Examination, bound: Bound, found: Examined) -> str:
    if examination.stochastic:
        return (
            f"{found.repeats} repeats do not decide; use more repeats=, or more samples of the method itself"
        )
    if found.settings["eps"] > 1e-12 and not bound.in_float64:
        return "rounding of the dtype hides it: pass float64 inputs and model, or ta.binds(make)"
    if examination.reach.drawn > 1:
        return "more coalitions would decide: samples="
    return "rounding is larger than the tolerance: use dtype=torch.float64, or subtract an output's constant"


def _sums(found: Examined, finer: Refinement | None) -> str:
    """Say what is wrong with the sums."""
    orders, total = found.orders, max(float(found.orders.mass.sum()), 1e-300)
    heavy = [k for k in range(len(orders.mass)) if orders.mass[k] > 0.01 * total]
    slopes = {k + 1: float(orders.slope[k]) for k in heavy}
    said = f"the sums are off by {found.deficit.value:.2g} of what the output moves"
    if heavy and found.deficit.value > COUNTED:
        top = max(heavy) + 1
        if top > 1 and all(abs(slope - k) < COUNTED * k for k, slope in slopes.items()):
            said += f": an effect of order k is counted k times (orders 1 … {top})"
        elif max(slopes.values()) - min(slopes.values()) < COUNTED and abs(slopes[min(slopes)] - 1) > COUNTED:
            said += f": every effect is counted {slopes[min(slopes)]:.3g} times"
        elif max(abs(slope - 1) for slope in slopes.values()) > 0.05:
            listed = ", ".join(f"{slope:.2g} at order {k}" for k, slope in list(slopes.items())[:4])
            said += f": effects are counted {listed} times"
    return said + (f"; {finer.sentence}" if finer is not None else "")


def _leaking(found: Examined, names: tuple[str, ...]) -> str:
    if found.offset.value > found.leak.value:
        return f"an input that equals its baseline gets scores, {found.offset.value:.2g} of the usual size"
    top = int(found.player_leak.argmax())
    size = f"{found.player_leak[top]:.2g} of the usual size"
    return f"{names[top]} gets scores where it equals its baseline, {size}"


def _worst_leak(found: Examined, names: tuple[str, ...]) -> str:
    table = found.tables[0]
    off = np.where(table.present.T, 0.0, np.abs(table.a))
    player, column = np.unravel_index(int(off.argmax()), off.shape)
    if off[player, column] == 0:
        return ""
    present = table.present[column]
    verb = "moves" if present.sum() == 1 else "move"
    moving = f"only {_names(present, names)} {verb}" if present.any() else "nothing moves"
    return f"{names[player]} gets {float(table.a[player, column]):.3g} where {moving}"


def _worst_effect(found: Examined, examination: Examination, names: tuple[str, ...]) -> str:
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
