"""From the judged examples to the report: what is measured once more, and everything put together."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from taylorattr.criteria.audit.asymmetry import Asymmetry, asymmetry, beside_it
from taylorattr.criteria.audit.attributor import Binds, BoundPackageMethod
from taylorattr.criteria.audit.audit_report import AuditReport, Worst
from taylorattr.criteria.audit.bound_method import Attributor
from taylorattr.criteria.audit.coalitions import Reach, inclusion_probability, sampled_supports, subsets_of
from taylorattr.criteria.audit.examination import Refinement
from taylorattr.criteria.audit.faulty_operation import BalanceBlame, balance_blame, recipe_blame
from taylorattr.criteria.audit.judgement import JudgedExample, gravest
from taylorattr.criteria.audit.noise import share_of_mass, support_effects
from taylorattr.criteria.audit.score_tables import ScoreTable, measure
from taylorattr.criteria.audit.statistics import gap_by_order, gaps, ratio, worst
from taylorattr.criteria.blame.blame import MOST_EXAMPLES
from taylorattr.criteria.blame.blamed_operation import Blame

WORST_COALITIONS_KEPT = 5
LARGEST_DRAWN_ORDER = 6


def composed(
    asked: Attributor,
    judged: list[JudgedExample],
    reach: Reach,
    names: tuple[str, ...],
    *,
    beside: str | None,
    supports: int,
    seed: int,
) -> AuditReport:
    """Return the report.

    Args:
        asked: The method.
        judged: Every example.
        reach: Coalitions that were asked for.
        names: Names of the players.
        beside: A method whose asymmetry is wanted beside this one's.
        supports: Coalitions of each further order that are drawn.
        seed: Of the draws.
    """
    each = tuple(found.verdicts for found in judged)
    exact = reach.present[: reach.exact]
    sizes = exact.sum(axis=1)
    worst_example = max(judged, key=lambda found: found.examined.deficit.value)
    fair = all(found.verdicts[2].status in ("holds", "holds_to") for found in judged)
    unequal = tuple(_asymmetry(found, exact, names, beside, seed) for found in judged) if fair else ()
    every = [found.examined for found in judged]
    spilt = [_share_off(found.tables) for found in every]
    wrong = {fault.kind: fault for found in judged for fault in found.misuse}
    return AuditReport(
        method=asked.name,
        names=names,
        verdicts=tuple(gravest([verdicts[k] for verdicts in each]) for k in range(3)),
        each=each,
        misuse=tuple(wrong.values()),
        deficit=_column([found.deficit.value for found in every]),
        leak=_column([found.leak.value for found in every]),
        offset=_column([found.offset.value for found in every]),
        uncovered=_column([found.coverage.share for found in every]),
        player_leak=_stack([found.player_leak for found in every]),
        element_leak=None if any(s is None for s in spilt) else _column([s or 0.0 for s in spilt]),
        allocation=_stack([found.A for found in every]),
        effects=_stack([found.J for found in every]),
        max_order=reach.order,
        mass=_stack([found.orders.mass for found in every]),
        order_deficit=_stack([found.orders.deficit for found in every]),
        order_leak=_stack([found.orders.leak for found in every]),
        slope=_stack([found.orders.slope for found in every]),
        gap=_column([_plain_gap(found) for found in judged]),
        gap_by_order=_stack(
            [
                np.mean([gap_by_order(table.a, found.J, found.A, sizes) for table in found.tables], axis=0)
                for found in every
            ]
        ),
        worst=tuple(_worst(found, exact, names) for found in judged),
        noise=_noise(worst_example),
        sampled=_sampled(judged[0], reach, supports, seed),
        asymmetry=unequal,
        refinement=_largest([found.refinement for found in judged]),
        blame=_blame(asked, worst_example, names),
        notes=_notes(judged, unequal),
    )


def _column(values: list[float]) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


def _stack(arrays: list[np.ndarray]) -> Tensor:
    return torch.from_numpy(np.stack(arrays).astype(np.float64))


def _plain_gap(found: JudgedExample) -> float:
    """Return f(x) − f(b) − Σ a_i(x), averaged over the references."""
    left = []
    for table in found.examined.tables:
        x = int(table.present.all(axis=1).argmax())
        left.append(float(table.v[x] - table.v[0] - table.a[:, x].sum()))
    return float(np.mean(left))


def _worst(found: JudgedExample, exact: np.ndarray, names: tuple[str, ...]) -> tuple[Worst, ...]:
    J, A = found.examined.J, found.examined.A
    total = A.sum(axis=0)
    off = np.where(exact.T, 0.0, np.abs(A)).sum(axis=0)
    shown = []
    for c in worst(np.abs(total - J) + off, WORST_COALITIONS_KEPT).tolist():
        players = tuple(name for name, on in zip(names, exact[c], strict=True) if on)
        shown.append(Worst(players, float(J[c]), float(total[c]), float(off[c])))
    return tuple(shown)


def _noise(found: JudgedExample) -> dict[str, Any]:
    examined = found.examined
    return {
        **examined.settings,
        "eta_deficit": examined.eta.deficit,
        "eta_leak": examined.eta.leak,
        "floor": examined.floor,
        "tolerance": found.tol,
        "exactness": "sampled" if examined.repeats > 1 else found.bound.exactness,
        "repeats": examined.repeats,
        "deficit_bounds": [examined.deficit.low, examined.deficit.high],
        "leak_bounds": [examined.leak.low, examined.leak.high],
    }


def _sampled(found: JudgedExample, reach: Reach, supports: int, seed: int) -> dict[str, Any]:
    """Return what was drawn at random, with the further orders that are asked for."""
    if reach.order is None:
        return {}
    n = reach.present.shape[1]
    said: dict[str, Any] = {
        "masks": reach.drawn - 1,
        "contains": {str(s): inclusion_probability(n, s) for s in range(1, min(n, 4) + 1)},
    }
    for order in range(reach.order + 1, min(LARGEST_DRAWN_ORDER, n) + 1) if supports else ():
        chosen = sampled_supports(n, order, supports, seed)
        table = measure(found.bound, found.subject, subsets_of(chosen, n), seed=seed)
        J, A = support_effects(table.v, table.a, chosen)
        on = np.zeros((len(chosen), n), dtype=bool)
        np.put_along_axis(on, chosen, True, axis=1)
        total, off = A.sum(axis=0), np.where(on.T, 0.0, np.abs(A)).sum(axis=0)
        population = math.comb(n, order)
        deficit, leak = share_of_mass(total - J, J, population), share_of_mass(off, J, population)
        said[f"order {order}"] = {
            "supports": len(chosen),
            "mean_size": float(np.abs(J).mean()),
            "deficit": [deficit.value, deficit.low, deficit.high],
            "leak": [leak.value, leak.low, leak.high],
        }
    return said


def _asymmetry(
    found: JudgedExample, exact: np.ndarray, names: tuple[str, ...], beside: str | None, seed: int
) -> Asymmetry:
    examined, table = found.examined, found.examined.tables[0]
    number, missing = (None, "") if beside is None else beside_it(beside, found.subject, seed)
    count = len(exact)
    own = asymmetry(examined.J, examined.A, table.v[:count], table.a[:, :count], exact, names)
    return Asymmetry(own.pair, own.wholly, own.pairs, own.alike, number, beside or "", missing)


def _blame(asked: Attributor, found: JudgedExample, names: tuple[str, ...]) -> BalanceBlame | Blame | None:
    """Return the operation to blame, where a sum fails or one of ours holds only nearly.

    Nobody is blamed for a misuse: what is called wrongly breaks everywhere. Scores at the baseline are an
    exception, since a rule that loses track of a skip connection gives them as well.
    """
    status = found.verdicts[2].status
    table = found.examined.tables[0]
    columns = np.argsort(-np.abs(gaps(table.v, table.a)), kind="stable")[:MOST_EXAMPLES]
    if isinstance(found.bound, BoundPackageMethod) and status in ("fails", "holds_to"):
        return balance_blame(found.bound, table.present[columns[0]], names)
    wrong_calls = [fault for fault in found.misuse if fault.kind != "scores at baseline"]
    if isinstance(asked, Binds) and status == "fails" and not wrong_calls:
        return recipe_blame(asked, found.subject, table.present[columns], found.tol)
    return None


def _largest(found: list[Refinement | None]) -> Refinement | None:
    return max((one for one in found if one is not None), key=lambda one: one.fine, default=None)


def _notes(judged: list[JudgedExample], unequal: tuple[Asymmetry, ...]) -> tuple[str, ...]:
    first = judged[0]
    notes = list(first.bound.blind)
    references = len(first.examined.tables)
    if references > 1:
        notes.append(
            f"audited against each of {references} references by itself; effects are averaged, eq. (21)"
        )
    if isinstance(first.bound, BoundPackageMethod) and first.bound.method.family == "relevance":
        notes.append(
            "a rule that gives 0 wherever x = b cannot leak here; whether one layer leaks is another "
            "question: ta.check of the rule answers it"
        )
    if isinstance(first.bound, BoundPackageMethod) and first.bound.method.zero_baseline:
        starts = [float(found.examined.tables[0].v[0]) for found in judged]
        if any(starts):
            notes.append(
                f"{first.bound.name} shares out f(x), not f(x) − f(0): every sum is off by f(0) besides, "
                f"which is {starts[0]:.3g} in the first example"
            )
    notes += dict.fromkeys(one.missing for one in unequal if one.missing)
    notes.append("a plain gap near 0 at x is no test: errors may cancel there, and not elsewhere")
    return tuple(notes)


def _share_off(tables: list[ScoreTable]) -> float | None:
    """Return Σ|a_e| over elements at their baseline / Σ|a_e| over the others; None for players' scores."""
    off, total = 0.0, 0.0
    for table in tables:
        if table.off is None or table.norms is None:
            return None
        off += float(table.off.sum())
        total += float(table.norms[:, 1].sum())
    return ratio(off, total - off)
