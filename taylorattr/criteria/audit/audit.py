"""``ta.audit``: the three criteria measured on the user's own network.

One call goes: what is asked is bound (`attributor`, `bound_method`), each example is asked about every
coalition (`examination`), verdicts are reached (`judgement`), and the report is put together here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from taylorattr.aliases import AnyTarget, Baselines, Outputs, Tensors
from taylorattr.analysis.game import Game
from taylorattr.analysis.inputs import reference_tuple
from taylorattr.analysis.model_errors import analysis_door
from taylorattr.analysis.players import PlayersLike
from taylorattr.analysis.question import Question
from taylorattr.analysis.several_outputs import named_outputs
from taylorattr.analysis.shared_parameters import shares_parameters
from taylorattr.criteria.audit.asymmetry import Asymmetry, asymmetry, with_other_method
from taylorattr.criteria.audit.attributor import (
    Attributor,
    BoundPackageMethod,
    PackageMethod,
    UserCallable,
    attributor,
)
from taylorattr.criteria.audit.audit_report import AuditReport, Worst, gravest_of
from taylorattr.criteria.audit.bound_method import AuditedExample
from taylorattr.criteria.audit.coalitions import Reach, reach_of
from taylorattr.criteria.audit.examination import Examination, drawn_orders
from taylorattr.criteria.audit.faulty_operation import faulty_operation, refusal
from taylorattr.criteria.audit.judgement import JudgedExample, judged
from taylorattr.criteria.audit.score_tables import ScoreTable
from taylorattr.criteria.audit.statistics import gap_by_order, ratio, worst
from taylorattr.effects.by_output import ByOutput
from taylorattr.errors import MethodError, OptionError, require_whole_number
from taylorattr.methods import METHODS
from taylorattr.methods.method import Attributes

FEWEST_REPEATS = 3
"""A jackknife of means over pairs of repeats needs three of them."""

MOST_ESCALATIONS = 2
"""How often the repeats of a stochastic method are multiplied by 4 while something is undecided."""

WORST_COALITIONS_KEPT = 5
"""Coalitions of each example whose effects are handed out worst, as the report keeps them."""


@shares_parameters
@analysis_door
def audit(
    method: str | Attributor | Attributes | Callable[..., Any],
    model: Callable[..., Any],
    inputs: Tensors,
    baselines: Baselines = None,
    *,
    target: AnyTarget = None,
    players: PlayersLike = None,
    additional_forward_args: Any = None,
    dtype: torch.dtype | None = torch.float64,
    max_order: int | None = None,
    samples: int = 512,
    supports: int = 0,
    tol: float | None = None,
    repeats: int = 8,
    beside: str | None = None,
    seed: int = 0,
    internal_batch_size: int | None = None,
    progress: Callable[[int], object] | None = None,
    outputs: Outputs | None = None,
    **options: Any,
) -> AuditReport:
    """Measure whether a method covers every effect, leaks none and hands each out once, on this network.

    The method is asked for the scores of every masked input x_T. With v(T) = f(x_T), A and J the Möbius
    transforms of the scores and of v, eq. (52a), it is complete where Σ_iA_i(S) = J(S) and does not leak
    where A_i(S) = 0 for i ∉ S. Effects are those of the baseline frame.

    Args:
        method: A name in ``ta.METHODS``; a designed rule or its name; ``library:Name`` of a registered
            adapter; a callable bound to model, baseline and target, rows (m, …) -> scores (m, …) or
            (m, n); or ``ta.binds(make)``.
        model: As in `Question`.
        inputs: As in `Question`.
        baselines: As in `Question`. For a method over references the set (R, …): every reference is audited
            by itself, its effects in its own frame, eq. (21).
        target: As in `Question`.
        players: As in `Question`.
        additional_forward_args: As in `Question`.
        dtype: As in `Question`. Also that of what the audit binds itself.
        max_order: None: all 2^n coalitions of up to 12 players, beyond that those of at most 2. A number k
            asks for those with |T| ≤ k, which gives A(S) and J(S) for |S| ≤ k exactly.
        samples: Where not all coalitions are asked for: how many more are drawn, |T| uniform on 1 … n.
        supports: Where not all are asked for: how many coalitions of each further order up to 6 are drawn to
            estimate its deficit and leak; each costs 2^|S| rows.
        tol: What is still taken for right; None: 1e-4 for closed forms, 1e-2 for quadrature, sampling and
            methods not known.
        repeats: First number of tables of a stochastic method, at least 3; multiplied by 4 up to twice while
            something is undecided.
        beside: A name in ``ta.METHODS``, such as ``integrated_gradients``: where no sum fails, its pair
            asymmetry on this network is measured beside it, from the coalitions of at most two players.
        seed: As in `Question`.
        internal_batch_size: Rows per call of the method; None: chosen from memory.
        progress: Called with the number of rows of each finished call.
        outputs: Several outputs, by number or by tuples of indices, or ``all``; then without target. Each is
            audited by itself, on the same copies of the model; the answer is a ``ByOutput`` of reports.
        **options: Of a method by name, or settings of `binds`.

    Returns:
        The report.

    Raises:
        OptionError: A method, option or number out of range.
        BudgetError: More than 2^20 coalitions.
        ShapeError: Scores of another shape than rows or players.
        NonFiniteError: NaN or infinite scores.
        MethodError: The method raised; where it is bound by a recipe, with the operation that it refuses.

    The errors of unusable models, inputs, baselines, targets and players are those of
    :func:`taylorattr.analysis.question.Question.game`.
    """
    if tol is not None and not (isinstance(tol, (int, float)) and 0 < tol < 1):
        raise OptionError(f"tol={tol!r}; expected a number between 0 and 1, or None")
    require_whole_number("repeats", repeats, FEWEST_REPEATS)
    require_whole_number("max_order", max_order, optional=True)
    for name, value in {"samples": samples, "supports": supports, "seed": seed}.items():
        require_whole_number(name, value, 0)
    audited_method = attributor(method, options)
    if beside is not None:
        METHODS[beside]  # a wrong name is answered before anything is measured
    question = Question(
        model,
        inputs,
        baselines,
        target=target,
        players=players,
        additional_forward_args=additional_forward_args,
        dtype=dtype,
        internal_batch_size=internal_batch_size,
        seed=seed,
        # a method of this package that takes derivatives holds integers, and is audited on the rest
        integers_allowed=not (isinstance(audited_method, PackageMethod) and audited_method.holds(inputs)),
    )
    calls: dict[str, Any] = {"seed": seed, "rows": internal_batch_size, "progress": progress}

    def answer(asked: Question) -> AuditReport:
        questions = [asked]
        if audited_method.references:
            references = reference_tuple(asked.baselines, asked.rows, "baselines")
            starts = [tuple(r[i : i + 1] for r in references) for i in range(len(references[0]))]
            questions = [asked.against(start, len(starts)) for start in starts]
        games = [one.game for one in questions]
        reach = reach_of(games[0].n, max_order, samples, seed)
        examples = []
        for example in range(games[0].batch):
            audited = [AuditedExample(one, example) for one in questions]
            with torch.inference_mode(False):
                examples.append(_judged_example(audited_method, audited, reach, tol, repeats, calls))
        return _report(audited_method, examples, reach, games[0], beside=beside, supports=supports, seed=seed)

    if outputs is None:
        return answer(question)
    if isinstance(audited_method, UserCallable):
        raise OptionError(
            "a callable is bound to the output that it explains; audit it with target=, or give a recipe for "
            "callables, ta.binds(make), with outputs="
        )
    named = named_outputs(question, outputs)
    each: Any = ByOutput(named, tuple(answer(replace(question, target=output)) for output in named))
    return each


def _judged_example(
    method: Attributor,
    audited: list[AuditedExample],
    reach: Reach,
    tol: float | None,
    repeats: int,
    calls: dict[str, Any],
) -> JudgedExample:
    """Return one example with its verdicts; a method that draws is asked until they stand, within bounds.

    Args:
        method: What is audited.
        audited: The example against each of its references.
        reach: Which coalitions are asked for.
        tol: Tolerance, None: by how the method computes.
        repeats: First number of tables of a stochastic method.
        calls: How calls are made: seed, rows, progress.

    Raises:
        MethodError: The method raised.
    """
    try:
        bounds = [method.bind(example) for example in audited]
        examination = Examination(bounds, audited, reach, **calls)
    except MethodError as error:
        raise MethodError(refusal(error, method, audited[0])) from error.__cause__
    if examination.stochastic:
        examination.repeat(repeats)
    example = judged(examination, tol)
    for k in range(1, MOST_ESCALATIONS + 1):
        more = repeats * 4**k
        if not (examination.stochastic and example.open and examination.can_repeat(more)):
            break
        examination.repeat(more)
        example = judged(examination, tol)
    return example


def _report(
    method: Attributor,
    examples: list[JudgedExample],
    reach: Reach,
    game: Game,
    *,
    beside: str | None,
    supports: int,
    seed: int,
) -> AuditReport:
    """Return the report on all examples, with what is measured once more for it.

    Args:
        method: What was audited.
        examples: Every example with its verdicts.
        reach: Coalitions that were asked for.
        game: Its players have the names.
        beside: A method whose asymmetry is wanted beside this one's.
        supports: Coalitions of each further order that are drawn.
        seed: Of the draws.
    """
    numbers = [example.numbers for example in examples]
    exact, names = reach.present[: reach.exact], game.names
    sizes = exact.sum(axis=1)
    worst_example = max(examples, key=lambda example: example.numbers.deficit.value)
    at_worst = worst_example.numbers
    broken = worst_example.verdicts[2].status in ("fails", "holds_to")
    # how sums are shared says something only where they are right
    fair = all(example.verdicts[2].status in ("holds", "holds_to") for example in examples)
    unequal: list[Asymmetry] = []
    for example in examples if fair else ():
        measured, leading, count = example.numbers, example.numbers.tables[0], reach.exact
        own = asymmetry(measured.J, measured.A, leading.v[:count], leading.a[:, :count], exact, names)
        unequal.append(own if beside is None else with_other_method(own, beside, example.audited, seed))
    leaked = [_leak_of_elements(example.tables) for example in numbers]
    known_leaks = [leak for leak in leaked if leak is not None]
    finer = [example.refinement for example in examples if example.refinement is not None]
    return AuditReport(
        method=method.name,
        names=names,
        verdicts=gravest_of([example.verdicts for example in examples]),
        each=tuple(example.verdicts for example in examples),
        misuse=tuple({fault.kind: fault for example in examples for fault in example.misuse}.values()),
        deficit=_per_example([example.deficit.value for example in numbers]),
        leak=_per_example([example.leak.value for example in numbers]),
        offset=_per_example([example.offset.value for example in numbers]),
        uncovered=_per_example([example.coverage.share for example in numbers]),
        player_leak=_per_example([example.player_leak for example in numbers]),
        element_leak=_per_example(known_leaks) if len(known_leaks) == len(examples) else None,
        allocation=_per_example([example.A for example in numbers]),
        effects=_per_example([example.J for example in numbers]),
        max_order=reach.order,
        mass=_per_example([example.orders.mass for example in numbers]),
        order_deficit=_per_example([example.orders.deficit for example in numbers]),
        order_leak=_per_example([example.orders.leak for example in numbers]),
        slope=_per_example([example.orders.slope for example in numbers]),
        gap=_per_example([_gap_at_input(example.tables) for example in numbers]),
        gap_by_order=_per_example(
            [
                np.mean([gap_by_order(t.a, example.J, example.A, sizes) for t in example.tables], axis=0)
                for example in numbers
            ]
        ),
        worst=tuple(_worst_coalitions(example.J, example.A, exact, names) for example in numbers),
        noise={
            "eps": at_worst.eps,
            "delta": at_worst.delta,
            "eta_deficit": at_worst.eta.deficit,
            "eta_leak": at_worst.eta.leak,
            "floor": at_worst.floor,
            "tolerance": worst_example.tol,
            "exactness": "sampled" if at_worst.repeats > 1 else worst_example.bound.exactness,
            "repeats": at_worst.repeats,
            "deficit_bounds": [at_worst.deficit.low, at_worst.deficit.high],
            "leak_bounds": [at_worst.leak.low, at_worst.leak.high],
        },
        sampled=drawn_orders(examples[0].bound, examples[0].audited, reach, supports, seed),
        asymmetry=tuple(unequal),
        refinement=max(finer, key=lambda one: one.fine, default=None),
        blame=faulty_operation(method, worst_example, names) if broken else None,
        notes=_notes(examples, unequal),
    )


def _per_example(values: Sequence[float | np.ndarray]) -> Tensor:
    return torch.from_numpy(np.array(values, dtype=np.float64))


def _gap_at_input(tables: list[ScoreTable]) -> float:
    """Return f(x) − f(b) − Σ a_i(x), averaged over the references."""
    gaps = []
    for table in tables:
        x = int(table.present.all(axis=1).argmax())
        gaps.append(float(table.v[x] - table.v[0] - table.a[:, x].sum()))
    return float(np.mean(gaps))


def _leak_of_elements(tables: list[ScoreTable]) -> float | None:
    """Return Σ|a_e| over elements at their baseline / Σ|a_e| over the others; None for players' scores."""
    off, total = 0.0, 0.0
    for table in tables:
        if table.off is None or table.norms is None:
            return None
        off += float(table.off.sum())
        total += float(table.norms[:, 1].sum())
    return ratio(off, total - off)


def _worst_coalitions(
    J: np.ndarray, A: np.ndarray, exact: np.ndarray, names: tuple[str, ...]
) -> tuple[Worst, ...]:
    """Return the coalitions with the largest |Σ_iA_i(S) − J(S)| + Σ_{i∉S}|A_i(S)|."""
    total = A.sum(axis=0)
    off = np.where(exact.T, 0.0, np.abs(A)).sum(axis=0)
    rows = []
    for c in worst(np.abs(total - J) + off, WORST_COALITIONS_KEPT).tolist():
        players = tuple(name for name, on in zip(names, exact[c], strict=True) if on)
        rows.append(Worst(players, float(J[c]), float(total[c]), float(off[c])))
    return tuple(rows)


def _notes(examples: list[JudgedExample], unequal: list[Asymmetry]) -> tuple[str, ...]:
    """Return what the audit could not do, and what else to know, in sentences."""
    bound = examples[0].bound
    notes = list(bound.blind)
    references = len(examples[0].numbers.tables)
    if references > 1:
        notes.append(
            f"audited against each of {references} references by itself; effects are averaged, eq. (21)"
        )
    if isinstance(bound, BoundPackageMethod) and bound.method.family == "relevance":
        notes.append(
            "a rule that gives 0 wherever x = b cannot leak here; whether one layer leaks is another "
            "question: ta.check of the rule answers it"
        )
    if isinstance(bound, BoundPackageMethod) and bound.method.zero_baseline:
        starts = [float(example.numbers.tables[0].v[0]) for example in examples]
        if any(starts):
            notes.append(
                f"{bound.name} shares out f(x), not f(x) − f(0): every sum is off by f(0) besides, "
                f"which is {starts[0]:.3g} in the first example"
            )
    notes += dict.fromkeys(one.missing for one in unequal if one.missing)
    notes.append("a plain gap near 0 at x is no test: errors may cancel there, and not elsewhere")
    return tuple(notes)
