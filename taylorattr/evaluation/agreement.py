"""How far scores agree with attributions known or given by people."""

from __future__ import annotations

from typing import Literal, TypeAlias

import torch
from torch import Tensor

from taylorattr.errors import OptionError, ShapeError

Agreement: TypeAlias = Literal["cosine", "pearson", "spearman"]


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
    below = torch.searchsorted(ordered, values.contiguous(), side="left")
    upto = torch.searchsorted(ordered, values.contiguous(), side="right")
    return (below + upto - 1).double() / 2


def _floating(values: Tensor) -> Tensor:
    return values if values.is_floating_point() else values.double()


def _centred(values: Tensor) -> Tensor:
    """Return values less their mean; exactly 0 where all are equal, whatever the mean rounds to."""
    constant = (values == values[..., :1]).all(-1, keepdim=True)
    return torch.where(constant, 0.0, values - values.mean(-1, keepdim=True))
