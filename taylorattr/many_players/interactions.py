"""``ta.interactions``: effects among many players, within a budget, and what is known of the rest."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, get_args

import torch

from taylorattr.aliases import AnyTarget, Baselines, Tensors
from taylorattr.analysis.model_errors import analysis_door
from taylorattr.analysis.players import PlayersLike
from taylorattr.analysis.question import Question
from taylorattr.analysis.shared_parameters import shares_parameters
from taylorattr.errors import OptionError, require_number, require_whole_number
from taylorattr.many_players.asked import Asked
from taylorattr.many_players.interaction_list import Interactions, columns_of
from taylorattr.many_players.ways import Way, answer
from taylorattr.many_players.whole_tables import derivative_answers, exact_answers
from taylorattr.maths.interaction_indices import INDICES

BUDGET = 10_000
"""Model outputs for each example that are spent unasked."""

WAYS = ("auto", *get_args(Way))


@shares_parameters
@analysis_door
def interactions(
    model: Callable[..., Any],
    inputs: Tensors,
    baselines: Baselines = None,
    *,
    order: int = 2,
    budget: int = BUDGET,
    way: str = "auto",
    index: str = "Moebius",
    top: int = 100,
    risk: float = 1e-3,
    target: AnyTarget = None,
    additional_forward_args: Any = None,
    players: PlayersLike = None,
    dtype: torch.dtype | None = torch.float64,
    internal_batch_size: int | None = None,
    seed: int = 0,
    show_progress: bool = False,
) -> Interactions:
    """Return the effects of coalitions of up to `order` among many players, and how sure the answer is.

    The values are J(S), eq. (3), unless `way` or `index` says otherwise. The ways, in the order in which
    ``auto`` tries them:

    - ``exact``: every |S| ≤ order by masked forwards, Σ_s C(n, s) of them. Where that is beyond the budget,
      the captured program is asked which players can meet in a nonlinear operation at all; coalitions with
      a pair that cannot are zero, proved, and only the others are measured.
    - ``sparse``: all effects of a game that has few, by bisection (`taylorattr.maths.sparse_recovery`): some
      2·log₂ n evaluations for each pair, ended by random coalitions that leave a further effect of up to four
      players unseen with probability `risk` at most. A game with too many is given up after little.
    - ``corners``: pairs ranked by how one player changes the gradient along the other, n + 1 gradients in
      all, and measured by masked forwards in that order: until the `top` largest are settled where the
      ranking proves good, else to the end of the budget. Pairs drawn at random bound what was missed.
    - ``sketch``: the same, ranked by fewer Hessian–vector products at the baseline with random signs (for
      models with kinks differences of gradients at opposite corners).
    - ``screened``: the same, ranked by Σ_{S∋i,|S|≥2} J(S) of each player; outputs only.

    By name also ``hessian`` (Taylor effects of order ≤ 2 at the baseline, `ta.decompose`),
    ``integrated_hessians`` (`ta.integrated_hessians`), ``sampled`` (estimates of an index with standard
    errors) and ``shapiq:NAME`` (an approximator of shapiq, such as ``shapiq:ProxySPEX``).

    Args:
        model: As in `Question`.
        inputs: Tensor (B, …) or tuple of them; integers too, for which there are no derivatives.
        baselines: As in `Question`.
        order: Largest size of the coalitions asked about.
        budget: Model outputs that may be computed for each example; a product with a Hessian counts as 6, a
            gradient as 3.
            No time, so that the same call gives the same answer on every machine. Checks at the door (f(x),
            f(b), whether rows depend on each other) and the capture of the model are not counted.
        way: Which way; ``auto``: the first that can answer.
        index: ``Moebius`` for J(S), or an interaction index (``SV``, ``k-SII``, ``STII``, ``FSII``, …): from
            all 2^n outputs or from all effects of a sparse game where these are within reach, else estimated.
        top: How many of the largest pairs matter: ways that rank pairs measure them in blocks of so many.
        risk: For ``sparse``, accepted probability of missing something.
        target: As in `Question`.
        additional_forward_args: As in `Question`.
        players: As in `Question`.
        dtype: As in `Question`.
        internal_batch_size: As in `Question`.
        seed: As in `Question`. It draws probes, chains and samples.
        show_progress: As in `Question`.

    Returns:
        The entries that were looked at, with error and status each, the way, what was spent, and what is
        known of the rest.

    Raises:
        BudgetError: If the way, or every way, needs more than the budget.
        OptionError: If an option is out of range, or index and way do not go together.
        MissingExtraError: If a way of shapiq's is asked for, and shapiq is not installed.
        TaylorAttrError: As in `Question.game`.

    Example:
        >>> from taylorattr.toys import three_effects
        >>> found = interactions(three_effects(), torch.tensor([[1.0, 2.0]]))
        >>> found["x0", "x1"].tolist(), found.way
        ([12.0], ('exact',))
    """
    require_whole_number("order", order)
    require_whole_number("budget", budget)
    require_whole_number("top", top)
    require_number("risk", risk)
    if risk >= 1:
        raise OptionError(f"risk={risk!r}; expected a probability below 1")
    named = way.startswith("shapiq:")
    if way not in WAYS and not named:
        raise OptionError(f"way={way!r}; expected one of {', '.join(WAYS)}, or shapiq:NAME")
    if index != "Moebius" and index not in INDICES:
        raise OptionError(f"index={index!r}; expected Moebius or one of {', '.join(INDICES)}")
    shared = {
        "target": target,
        "additional_forward_args": additional_forward_args,
        "players": players,
        "dtype": dtype,
        "internal_batch_size": internal_batch_size,
    }
    if way in ("hessian", "integrated_hessians"):
        if index != "Moebius" or order != 2:
            raise OptionError(f"way={way!r} gives its own values of pairs; leave index and order as they are")
        return derivative_answers(way, model, inputs, baselines, shared)
    question = Question(
        model, inputs, baselines, integers_allowed=True, seed=seed, show_progress=show_progress, **shared
    )
    game = question.game
    asked = Asked(game, min(order, game.n), budget, way, index, top, risk, seed, show_progress)
    if not named and asked.exact_fits:
        shared["show_progress"] = show_progress
        return exact_answers(asked, model, inputs, baselines, shared)
    answers = [answer(asked, example) for example in range(game.batch)]
    return Interactions(
        **columns_of([a.entries for a in answers]),
        names=game.names,
        index=index,
        order=asked.order,
        way=tuple(a.way for a in answers),
        evaluations=tuple(a.evaluations for a in answers),
        products=tuple(a.products for a in answers),
        complete=tuple(a.complete for a in answers),
        confidence=tuple({**a.confidence, "passed_over": a.passed_over} for a in answers),
        delta=game.delta.double().cpu(),
        f_input=game.f_input.double().cpu(),
        f_baseline=game.f_baseline.double().cpu(),
        may_meet=asked.may_meet(),
        diagnostics=dict(game.diagnostics),
    )
