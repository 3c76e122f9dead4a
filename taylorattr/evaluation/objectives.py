"""Numbers that say how good scores are: agreement with a truth, dependence on baselines, infidelity."""

from __future__ import annotations

from typing import Literal, TypeAlias

import numpy as np
import torch
from torch import Tensor

from taylorattr.effects.coalition_table import HarsanyiEffects
from taylorattr.errors import OptionError, ShapeError, require_instance
from taylorattr.evaluation.coalition_curves import coalition_table, fitting_scores

Agreement: TypeAlias = Literal["cosine", "pearson", "spearman"]
"""How agreement is measured; see :func:`agreement`."""


def agreement(scores: Tensor, truth: Tensor, kind: Agreement = "pearson") -> Tensor:
    """Return how far scores point where the truth points, in [−1, 1]; scaling either changes nothing.

    ``cosine``: ⟨s, t⟩/(‖s‖‖t‖); ``pearson``: the same after each mean is taken off; ``spearman``: pearson of
    the ranks, equal scores sharing their mean rank.

    Args:
        scores: Shape (…, n); candidates and examples in front.
        truth: Shape (…, n), broadcast against the scores; any positive scale, a 0/1 mask too.
        kind: ``cosine`` and ``pearson`` are differentiable in both, ``spearman`` is not.

    Returns:
        Shape (…); NaN where one side is constant (for ``cosine``: zero), so that there is no such number.

    Raises:
        OptionError: If kind is unknown.
        ShapeError: If the two do not fit.
    """
    if kind not in ("cosine", "pearson", "spearman"):
        raise OptionError(f"kind={kind!r}; it is 'cosine', 'pearson' or 'spearman'")
    if scores.ndim == 0 or truth.ndim == 0 or scores.shape[-1] != truth.shape[-1]:
        raise ShapeError(
            f"scores {tuple(scores.shape)} and truth {tuple(truth.shape)}; expected (…, n) with the same n"
        )
    scores, truth = torch.broadcast_tensors(_floating(scores), _floating(truth).to(scores.device))
    if kind == "spearman":
        scores, truth = mean_ranks(scores.detach()), mean_ranks(truth.detach())
    if kind != "cosine":
        scores, truth = _centred(scores), _centred(truth)
    # a constant row has no direction: divide by 1 there, so that no NaN reaches the gradients of others
    sizes = scores.square().sum(-1) * truth.square().sum(-1)
    defined = sizes > 0
    safe = torch.where(defined, sizes, 1.0).sqrt()
    return torch.where(defined, (scores * truth).sum(-1) / safe, torch.nan)


def mean_ranks(values: Tensor) -> Tensor:
    """Return the rank of each entry along the last dimension, 0 the smallest, equal ones their mean rank.

    Args:
        values: Shape (…, n).

    Returns:
        Shape (…, n), float64.
    """
    ordered = values.sort(-1).values.contiguous()
    # equal values share the mean of the ranks they take up
    below = torch.searchsorted(ordered, values.contiguous(), side="left")
    upto = torch.searchsorted(ordered, values.contiguous(), side="right")
    return (below + upto - 1).double() / 2


def _floating(values: Tensor) -> Tensor:
    """Return values as they are where they can have gradients, else as float64."""
    return values if values.is_floating_point() else values.double()


def _centred(values: Tensor) -> Tensor:
    """Return values less their mean; exactly 0 where all are equal, whatever the mean rounds to."""
    constant = (values == values[..., :1]).all(-1, keepdim=True)
    return torch.where(constant, 0.0, values - values.mean(-1, keepdim=True))


def baseline_variance(scores: Tensor) -> Tensor:
    """Return Σ_i Var_r(s_i) / Σ_i E_r(s_i²): the part of the scores' size that the baselines make.

    0 where all baselines give the same scores, 1 where they cancel in the mean; scaling all scores of an
    example changes nothing. Average over examples for an objective.

    Args:
        scores: Shape (R, …, B, n), one set of scores for each of R ≥ 2 baselines; differentiable.

    Returns:
        Shape (…, B); 0 where all scores are 0.

    Raises:
        ShapeError: If there are fewer than two baselines, or no players.
    """
    require_instance("scores", scores, Tensor, "a tensor (R, …, B, n), one set of scores per baseline")
    if scores.ndim < 2 or len(scores) < 2:
        raise ShapeError(
            f"scores have shape {tuple(scores.shape)}; expected (R, …, n) with R ≥ 2 baselines in front"
        )
    whole = scores.square().mean(0).sum(-1)
    spread = (scores - scores.mean(0)).square().mean(0).sum(-1)
    return spread / torch.where(whole > 0, whole, 1.0)


def coalition_infidelity(
    values: HarsanyiEffects | Tensor | np.ndarray, scores: Tensor | np.ndarray
) -> Tensor:
    """Return 2^{−n} Σ_S (Σ_{i∈S} s_i − [v(N) − v(N∖S)])², the infidelity of replacing random sets of players.

    Args:
        values: Table v (B, 2^n) in bitmask order, or full effects; see :func:`coalition_table`.
        scores: Shape (…, B, n); differentiable.

    Returns:
        Shape (…, B), in squared units of the output. 0 for the scores of an additive model.

    Raises:
        OptionError: If the effects are truncated.
        ShapeError: If scores and table do not fit.
        NonFiniteError: If a score is NaN or infinite.

    Source: Yeh et al. (2019), "On the (in)fidelity and sensitivity of explanations", with the perturbation
    that replaces every player by its baseline with probability ½.
    """
    table = coalition_table(values)
    fitting = fitting_scores(table, scores)
    # sums over all coalitions in bitmask order: with each player the table doubles
    sums = fitting.new_zeros(*fitting.shape[:-1], 1)
    for i in range(fitting.shape[-1]):
        sums = torch.cat([sums, sums + fitting[..., i : i + 1]], -1)
    return (sums - (table[:, -1:] - table.flip(-1))).square().mean(-1)
