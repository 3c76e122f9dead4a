"""Recovery and deletion curves read off a table of all coalitions: no model is run."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from taylorattr.effects.coalition_table import HarsanyiEffects
from taylorattr.errors import OptionError, ShapeError
from taylorattr.evaluation.ranking import Rank, ranking, score_tensor, tensor_of
from taylorattr.maths.mobius import players_of, zeta


def coalition_table(values: HarsanyiEffects | Tensor | np.ndarray) -> Tensor:
    """Return v(T) of all coalitions, shape (B, 2^n), bitmask order.

    Args:
        values: A full table of effects in either frame, whose sums v(T) = Σ_{S⊆T} J(S) are taken, eq. (3);
            or the table v itself, (B, 2^n) or (2^n,).

    Returns:
        A floating-point tensor; a tensor given as such is passed on, with its gradient.

    Raises:
        OptionError: If the effects are truncated, so that v(T) is not known.
        ShapeError: If the table is not (B, 2^n).
    """
    if isinstance(values, HarsanyiEffects):
        if not values.full or values.truncated_at is not None:
            what = f"|S| ≤ {values.max_order}" if not values.full else f"orders ≤ {values.truncated_at}"
            raise OptionError(
                f"v of every coalition needs every effect, and these hold {what} only; compute them with "
                "ta.harsanyi(...) without max_order, or use player_curves(...), which runs the model"
            )
        return torch.from_numpy(zeta(values.in_frame("baseline").values.detach().cpu().numpy()))
    table = tensor_of(values, "values", "ta.harsanyi effects or a table (B, 2**n) of numbers")
    table = table if table.is_floating_point() else table.double()
    table = table[None] if table.ndim == 1 else table
    if table.ndim != 2:
        raise ShapeError(
            f"values have shape {tuple(table.shape)}; expected (B, 2**n), one column per coalition"
        )
    if not table.numel():
        raise ShapeError(
            f"values have shape {tuple(table.shape)}; expected (B, 2**n), one column per coalition"
        )
    players_of(table.detach().cpu().numpy())  # raises unless the width is a power of 2
    return table


def recovery_curve(
    values: HarsanyiEffects | Tensor | np.ndarray,
    scores: Tensor | np.ndarray,
    *,
    rank: Rank = "signed",
    least_first: bool = False,
    seed: int = 0,
) -> Tensor:
    """Return v(S_k), S_k the k players of largest score, k = 0 … n: from f(b) to f(x).

    Args:
        values: Table v (B, 2^n) in bitmask order, or full effects; see :func:`coalition_table`.
        scores: Shape (…, B, n): any number of candidates at once; (n,) where B = 1.
        rank: ``signed`` or ``abs``.
        least_first: Whether the smallest scores are added first.
        seed: Of the permutations that break ties.

    Returns:
        Shape (…, B, n+1), differentiable in the table, not in the scores: :func:`expected_recovery` is.

    Raises:
        OptionError: If the effects are truncated or rank is unknown.
        ShapeError: If scores and table do not fit.
        NonFiniteError: If a score is NaN or infinite.

    Example:
        >>> recovery_curve(torch.tensor([0.0, 3.0, 4.0, 19.0]), torch.tensor([7.0, 12.0])).tolist()
        [[0.0, 4.0, 19.0]]
    """
    table = coalition_table(values)
    fitting = fitting_scores(table, scores)
    order = ranking(fitting, rank, least_first=least_first, seed=seed).to(table.device)
    # bitmasks of the first k players, as indices into the flattened table of all examples
    present = torch.cat([order.new_zeros(*order.shape[:-1], 1), (1 << order).cumsum(-1)], -1)
    row = torch.arange(len(table), device=table.device)[:, None] * table.shape[1]
    return table.reshape(-1)[present + row]


def deletion_curve(
    values: HarsanyiEffects | Tensor | np.ndarray,
    scores: Tensor | np.ndarray,
    *,
    rank: Rank = "signed",
    least_first: bool = False,
    seed: int = 0,
) -> Tensor:
    """Return v(N∖S_k), S_k the k players of largest score, k = 0 … n: from f(x) to f(b).

    Arguments and errors are those of :func:`recovery_curve`.

    Returns:
        Shape (…, B, n+1).
    """
    table = coalition_table(values)  # the complement of T is the last coalition minus T
    return recovery_curve(table.flip(-1), scores, rank=rank, least_first=least_first, seed=seed)


def fitting_scores(table: Tensor, scores: Tensor | np.ndarray) -> Tensor:
    """Return scores (…, B, n) that fit a table (B, 2^n).

    Raises:
        ShapeError: If they do not.
        NonFiniteError: If a score is NaN or infinite.
    """
    fitting = score_tensor(scores)
    batch, n = table.shape[0], table.shape[1].bit_length() - 1
    fitting = fitting[None] if fitting.ndim == 1 else fitting
    if fitting.shape[-2:] != (batch, n):
        raise ShapeError(
            f"scores have shape {tuple(fitting.shape)}; the table of {batch} example(s) and {n} players "
            f"expects (…, {batch}, {n})"
        )
    return fitting
