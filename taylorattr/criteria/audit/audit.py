"""``ta.audit``: the three criteria measured on the user's own network."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from taylorattr.aliases import AnyTarget, Baselines, Tensors
from taylorattr.analysis.inputs import input_tuple
from taylorattr.analysis.players import PlayersLike
from taylorattr.analysis.question import Question
from taylorattr.criteria.audit.attributor import attributor
from taylorattr.criteria.audit.audit_report import AuditReport
from taylorattr.criteria.audit.bound_method import Attributor, AuditedExample, target_of
from taylorattr.criteria.audit.coalitions import Reach, full_masks, limited_masks, sampled_masks
from taylorattr.criteria.audit.compose import composed
from taylorattr.criteria.audit.examination import Examination
from taylorattr.criteria.audit.faulty_operation import refusal
from taylorattr.criteria.audit.judgement import JudgedExample, Judgement
from taylorattr.errors import BudgetError, MethodError, OptionError
from taylorattr.maths.subsets import count_up_to
from taylorattr.methods import METHODS
from taylorattr.methods.method import Attributes
from taylorattr.methods.references import reference_tuple

MOST_PLAYERS_IN_FULL = 12
"""Most players whose 2^n coalitions are all asked for unless told otherwise."""

ORDER_BEYOND_FULL = 2
"""Largest coalitions asked for beyond that, besides those drawn at random."""

MOST_COALITIONS = 2**20
"""Most coalitions of one example."""

MOST_ESCALATIONS = 2
"""How often the repeats of a stochastic method are multiplied by 4 while something is undecided."""


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
        model: Module or callable on torch tensors; never changed.
        inputs: Tensor (B, …) or tuple of them.
        baselines: None (zeros), number, tensor (1, …) or (B, …); for a method over references the set
            (R, …): every reference is audited by itself, its effects in its own frame, eq. (21).
        target: Captum's TargetType or a callable output -> (B,).
        players: Which elements move together; None: every element is a player.
        additional_forward_args: What the model takes after the inputs.
        dtype: Dtype of the analysis and of what the audit binds itself; None: the model's own.
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
        seed: Of everything drawn at random; the global generators are left alone.
        internal_batch_size: Rows per call of the method; None: chosen from memory.
        progress: Called with the number of rows of each finished call.
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
    _check(tol, repeats, samples, supports, max_order)
    asked = attributor(method, options)
    if beside is not None:
        METHODS[beside]  # a wrong name is answered before anything is measured
    given = input_tuple(inputs)
    shared: dict[str, Any] = {
        "target": target,
        "additional_forward_args": additional_forward_args,
        "players": players,
        "dtype": dtype,
        "integers_allowed": True,
        "internal_batch_size": internal_batch_size,
    }
    starts: list[Any] = [baselines]
    if asked.references:
        rows = reference_tuple(baselines, given, "baselines")
        starts = [tuple(r[i : i + 1] for r in rows) for i in range(len(rows[0]))]
    games = [Question(model, inputs, start, **shared).game for start in starts]
    reach = _reach(games[0].n, max_order, samples, seed)
    judgement = Judgement(tol)
    judged: list[JudgedExample] = []
    for example in range(games[0].batch):
        subjects = [
            AuditedExample(
                model,
                game,
                example,
                target_of(game.scalar.selector, example),
                _of_example(additional_forward_args, game.batch, example),
                tuple(x.dtype for x in given),
                isinstance(inputs, tuple),
            )
            for game in games
        ]
        with torch.inference_mode(False):
            try:
                bounds = [asked.bind(subject) for subject in subjects]
                examination = Examination(
                    bounds, subjects, reach, seed=seed, rows=internal_batch_size, progress=progress
                )
            except MethodError as error:
                raise MethodError(refusal(error, asked, subjects[0])) from error.__cause__
            if examination.stochastic:
                examination.repeat(repeats)
            found = judgement(examination)
            for k in range(1, MOST_ESCALATIONS + 1):
                more = repeats * 4**k
                if not (examination.stochastic and found.open and examination.can_repeat(more)):
                    break
                examination.repeat(more)
                found = judgement(examination)
        judged.append(found)
    return composed(asked, judged, reach, games[0].names, beside=beside, supports=supports, seed=seed)


def _check(tol: Any, repeats: Any, samples: Any, supports: Any, max_order: Any) -> None:
    if tol is not None and not 0 < tol < 1:
        raise OptionError(f"tol={tol!r}; expected a number between 0 and 1, or None")
    if not isinstance(repeats, int) or repeats < 3:
        raise OptionError(f"repeats={repeats!r}; expected an integer ≥ 3")
    for name, value in {"samples": samples, "supports": supports}.items():
        if not isinstance(value, int) or value < 0:
            raise OptionError(f"{name}={value!r}; expected an integer ≥ 0")
    if max_order is not None and (not isinstance(max_order, int) or max_order < 1):
        raise OptionError(f"max_order={max_order!r}; expected an integer ≥ 1 or None")


def _reach(n: int, max_order: int | None, samples: int, seed: int) -> Reach:
    """Return the coalitions that are asked for.

    Raises:
        BudgetError: If there are more than 2^20.
    """
    if max_order is None and n > MOST_PLAYERS_IN_FULL:
        max_order = ORDER_BEYOND_FULL
    count = 2**n if max_order is None or max_order >= n else count_up_to(n, max_order)
    if count + samples > MOST_COALITIONS:
        raise BudgetError(
            f"an audit of {n} players up to order {max_order} asks for {count} coalitions (limit "
            f"{MOST_COALITIONS}); group elements with players=, or use a smaller max_order and samples="
        )
    if max_order is None or max_order >= n:
        return Reach(full_masks(n), None, count)
    x = np.ones((1, n), dtype=bool)
    present = np.concatenate([limited_masks(n, max_order), x, sampled_masks(n, samples, seed)])
    return Reach(present, max_order, count)


def _of_example(extra: Any, batch: int, example: int) -> tuple[Any, ...]:
    """Return additional forward arguments of one example; tensors with one entry per example as (1, …)."""
    parts = extra if isinstance(extra, tuple) else () if extra is None else (extra,)
    return tuple(
        part[example : example + 1] if isinstance(part, Tensor) and part.ndim and len(part) == batch else part
        for part in parts
    )
