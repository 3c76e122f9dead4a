"""Smooth forms of an order by scores: expected recovery and deletion, and soft ranks, all differentiable.

For expectations the players come in the random order of Plackett and Luce: the next one is i with probability
exp(s_i/τ) / Σ_j exp(s_j/τ) over those not yet taken. P_k(S), the probability that the first k players are
S, follows from that of the S∖i, so that the expected curve Σ_{|S|=k} P_k(S) v(S) costs n·2^n operations. It
is a mean of true curves, smooth in the scores, and becomes the curve of the ranking itself as τ → 0.
"""

from __future__ import annotations

import functools

import numpy as np
import torch
from torch import Tensor

from taylorattr.effects.coalition_table import HarsanyiEffects
from taylorattr.errors import OptionError
from taylorattr.evaluation.areas import aopc
from taylorattr.evaluation.coalition_curves import coalition_table, fitting_scores
from taylorattr.evaluation.ranking import Rank, importance
from taylorattr.maths.subsets import popcounts


@functools.lru_cache(maxsize=8)
def _levels(n: int) -> tuple[tuple[Tensor, Tensor, Tensor], ...]:
    """Return for k = 1 … n the S with |S| = k (C,), their members (C, k) and the S without each (C, k)."""
    sizes = popcounts(n)
    levels = []
    for k in range(1, n + 1):
        masks = np.flatnonzero(sizes == k)
        members = np.nonzero((masks[:, None] >> np.arange(n)) & 1)[1].reshape(-1, k)
        before = masks[:, None] ^ (1 << members)
        levels.append(tuple(map(torch.from_numpy, (masks, members, before))))
    return tuple(levels)


def prefix_probabilities(scores: Tensor, temperature: float, *, rank: Rank = "signed") -> Tensor:
    """Return P(S): how likely the first |S| players of a random order are exactly S.

    P(∅) = 1 and P(S) = Σ_{i∈S} P(S∖i) · e^{s_i/τ} / Σ_{j∉S∖i} e^{s_j/τ}; the sum over all S of one size is 1.

    Args:
        scores: Shape (…, n).
        temperature: τ > 0, in units of the root mean square of each row of scores, so that scaling them
            changes nothing.
        rank: Whether s are the scores or their magnitudes.

    Returns:
        Shape (…, 2^n), bitmask order, differentiable in the scores.

    Raises:
        OptionError: If the temperature is not positive or rank is unknown.

    Source: Plackett (1975), "The analysis of permutations"; the recursion over coalitions is elementary.
    """
    logits = _logits(scores, temperature, rank)
    n = scores.shape[-1]
    # in logarithms: e^{s/τ} overflows as τ → 0, its ratios do not
    left = _log_sums(logits).flip(-1)  # of S: over the players outside S
    batch = scores.shape[:-1]
    whole = logits.new_ones(*batch, 1)
    columns, coalitions = [whole], [torch.zeros(1, dtype=torch.int64)]
    previous = torch.zeros(1 << n, dtype=torch.int64)  # where a coalition stands among those of its size
    for masks, members, before in _levels(n):
        # S is reached through each of its members as the last one taken
        step = (logits[..., members] - left[..., before]).exp()
        columns.append((columns[-1][..., previous[before]] * step).sum(-1))
        coalitions.append(masks)
        previous[masks] = torch.arange(len(masks))
    # columns are by size; the table is by bitmask
    order = torch.cat(coalitions).argsort().to(logits.device)
    return torch.cat(columns, -1)[..., order]


def _logits(scores: Tensor, temperature: float, rank: Rank) -> Tensor:
    """Return what players are ranked by over τ times the root mean square of each row, shape of the scores.

    Raises:
        OptionError: If the temperature is not positive or rank is unknown.
    """
    if not temperature > 0:
        raise OptionError(f"temperature={temperature!r}; expected a positive number")
    # the smallest normal number stands in for a row of zeros, whose players are then all alike
    size = scores.square().mean(-1, keepdim=True).clamp_min(torch.finfo(scores.dtype).tiny).sqrt()
    return importance(scores, rank) / (temperature * size)


def _log_sums(logits: Tensor) -> Tensor:
    """Return log Σ_{i∈S} e^{logits_i} of every coalition (…, 2^n); −∞ for ∅."""
    sums = logits.new_full((*logits.shape[:-1], 1), -torch.inf)
    for i in range(logits.shape[-1]):
        sums = torch.cat([sums, torch.logaddexp(sums, logits[..., i : i + 1])], -1)
    return sums


def expected_recovery(
    values: HarsanyiEffects | Tensor | np.ndarray,
    scores: Tensor,
    temperature: float,
    *,
    rank: Rank = "signed",
) -> Tensor:
    """Return E v(S_k), S_k the first k players of an order drawn by the scores, k = 0 … n.

    Args:
        values: Table v (B, 2^n), or full effects; see :func:`coalition_table`.
        scores: Shape (…, B, n), differentiable.
        temperature: τ > 0, in units of the scores' root mean square; → 0 is :func:`recovery_curve`.
        rank: ``signed`` or ``abs``.

    Returns:
        Shape (…, B, n+1), differentiable in scores and table. Memory: a few numbers per candidate, example
        and coalition, n of them where gradients are kept.

    Raises:
        OptionError: If the effects are truncated, rank is unknown, or the temperature not positive.
        ShapeError: If scores and table do not fit.
        NonFiniteError: If a score is NaN or infinite.
    """
    table = coalition_table(values)
    fitting = fitting_scores(table, scores)
    weighted = prefix_probabilities(fitting, temperature, rank=rank) * table
    n = fitting.shape[-1]
    sizes = torch.from_numpy(popcounts(n).astype(np.int64)).to(weighted.device)
    return weighted.new_zeros(*weighted.shape[:-1], n + 1).index_add(-1, sizes, weighted)


def expected_deletion(
    values: HarsanyiEffects | Tensor | np.ndarray,
    scores: Tensor,
    temperature: float,
    *,
    rank: Rank = "signed",
) -> Tensor:
    """Return E v(N∖S_k), k = 0 … n; otherwise as :func:`expected_recovery`."""
    return expected_recovery(coalition_table(values).flip(-1), scores, temperature, rank=rank)


def expected_aup(
    values: HarsanyiEffects | Tensor | np.ndarray,
    scores: Tensor,
    temperature: float,
    power: int = 1,
    *,
    rank: Rank = "abs",
) -> Tensor:
    """Return E Σ_{k=1..n} |v(N) − v(S_k)|^power, the smooth form of :func:`aup`, shape (…, B).

    The error is averaged over orders, not taken of the average: errors of opposite sign do not cancel.

    Args:
        values: As in :func:`expected_recovery`.
        scores: Shape (…, B, n), differentiable.
        temperature: τ > 0.
        power: 1 or 2.
        rank: ``abs`` as in the paper, or ``signed``.

    Raises:
        OptionError: As :func:`expected_recovery`, and if power is neither 1 nor 2.
        ShapeError: If scores and table do not fit.
        NonFiniteError: If a score is NaN or infinite.
    """
    if power not in (1, 2):
        raise OptionError(f"power={power!r}; it is 1 (absolute errors) or 2 (squared errors)")
    table = coalition_table(values)
    errors = (table[:, -1:] - table).abs() ** power
    return expected_recovery(errors, scores, temperature, rank=rank)[..., 1:].sum(-1)


def expected_deletion_aopc(
    values: HarsanyiEffects | Tensor | np.ndarray,
    scores: Tensor,
    temperature: float,
    *,
    rank: Rank = "signed",
) -> Tensor:
    """Return E of the area over the deletion curve, 1/(n+1) Σ_k (v(N) − v(N∖S_k)), shape (…, B).

    Arguments and errors are those of :func:`expected_recovery`.
    """
    return aopc(expected_deletion(values, scores, temperature, rank=rank))


def soft_ranks(scores: Tensor, temperature: float, *, rank: Rank = "signed") -> Tensor:
    """Return r_i = Σ_{j≠i} sigmoid((s_j − s_i)/τ): how many players stand before i.

    Args:
        scores: Shape (…, n).
        temperature: τ > 0, in units of the root mean square of each row; → 0 gives the ranks 0 … n − 1.
        rank: Whether s are the scores or their magnitudes.

    Returns:
        Shape (…, n), in (0, n − 1), with sum n(n − 1)/2; differentiable.

    Raises:
        OptionError: If the temperature is not positive or rank is unknown.
    """
    logits = _logits(scores, temperature, rank)
    ahead = torch.sigmoid(logits[..., None, :] - logits[..., :, None])
    return ahead.sum(-1) - 0.5  # without the player itself, at sigmoid(0)


def soft_memberships(scores: Tensor, temperature: float, *, rank: Rank = "signed") -> Tensor:
    """Return m_k,i = sigmoid((k − ½ − r_i)/τ): how far player i belongs to the first k, k = 0 … n.

    As t of f̃(t) = f(b + Σ_i t_i Δ_i) they make a smooth recovery curve of a model, and 1 − m a deletion
    curve, without a table; the model is then run between baseline and input, and not only at coalitions.

    Args:
        scores: Shape (…, n).
        temperature: τ > 0; → 0 gives the sets themselves where no scores tie.
        rank: ``signed`` or ``abs``.

    Returns:
        Shape (…, n+1, n); differentiable. Row 0 is not exactly 0 and row n not exactly 1 at τ > 0.

    Raises:
        OptionError: If the temperature is not positive or rank is unknown.
    """
    ranks = soft_ranks(scores, temperature, rank=rank)
    counts = torch.arange(scores.shape[-1] + 1, dtype=ranks.dtype, device=ranks.device)
    return torch.sigmoid((counts[:, None] - 0.5 - ranks[..., None, :]) / temperature)
