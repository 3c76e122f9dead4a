"""Candidates of every maximum operation in one form (…, k), and the way back to the operands."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from taylorattr.errors import ShapeError
from taylorattr.methods.relevance.rules.windows import Windows, windows_of
from taylorattr.methods.relevance.site import Site, fit
from taylorattr.program.pool_places import adaptive_places


@dataclass(frozen=True)
class Race:
    """Who competes for each result.

    Attributes:
        x: Candidates at x, shape (…, k), −∞ for padding; signs exchanged for minima.
        b: Candidates at b, a leading 1 for the whole batch; None without a reference.
        site: The operation.
        windows: Of a sliding pool.
        places: For adaptive pools: flat position of each candidate among the pooled dimensions, shape (P, k),
            −1 for padding.
    """

    x: Tensor
    b: Tensor | None
    site: Site
    windows: Windows | None = None
    places: Tensor | None = None

    def widened(self, m: Tensor) -> Tensor:
        """Return a multiplier of the result as (…, 1), lined up with the candidates."""
        site = self.site
        if self.places is not None:
            return m.reshape(*self.x.shape[:-1], 1)
        if len(site.operands) > 1 or self.windows is not None:
            return m.unsqueeze(-1)
        dims = reduced_dims(site)
        if dims is None:
            return m.reshape(*self.x.shape[:-1], 1)
        if site.named.get("keepdim", False):
            m = m.movedim(dims, tuple(range(m.dim() - len(dims), m.dim()))).flatten(-len(dims))[..., 0]
        return m.unsqueeze(-1)

    def back(self, weights: Tensor) -> list[Tensor | None]:
        """Return what each operand gets from an amount (…, k) per candidate; overlaps add up."""
        site = self.site
        if self.windows is not None:
            return [self.windows.back(weights)]
        if self.places is not None:
            return [_scatter(weights, self.places, site.x[0])]
        if len(site.operands) > 1:
            return [fit(part, x) for part, x in zip(weights.unbind(-1), site.x, strict=True)]
        x, dims = site.x[0], reduced_dims(site)
        if dims is None:
            return [weights.reshape(x.shape)]
        last = tuple(range(x.dim() - len(dims), x.dim()))
        return [weights.reshape(x.movedim(dims, last).shape).movedim(last, dims)]


MINIMA = ("min", "amin", "minimum", "fmin")
"""Operations whose winner is the smallest: their contest is held between the negatives."""


def contest(site: Site, *, reference: bool) -> Race:
    """Return the contest of max, min, amax, amin, maximum, minimum and the max-pools.

    Raises:
        ShapeError: If a maximum runs over the rows of a batch.
    """
    b = site.b if reference else None
    sign = -1 if site.name in MINIMA else 1
    windows = windows_of(site)
    if windows is not None:
        return Race(windows.pick(site.x[0]), windows.pick(b[0]) if b else None, site, windows)
    if site.name.startswith("adaptive_max_pool"):
        n = 3 if "3d" in site.name else 2
        places = adaptive_places(site.x[0].shape[-n:], site.y.shape[-n:]).to(site.x[0].device)
        x, at_b = _picked(site.x[0], places, n), _picked(b[0], places, n) if b else None
        return Race(x, at_b, site, places=places)
    if len(site.operands) > 1:
        x = torch.stack(torch.broadcast_tensors(*site.x), -1)
        return Race(sign * x, sign * torch.stack(torch.broadcast_tensors(*b), -1) if b else None, site)
    dims = reduced_dims(site)
    x, at_b = _last(site.x[0], dims), _last(b[0], dims) if b else None
    if at_b is not None and at_b.shape[-1] != x.shape[-1]:  # one baseline that many rows share
        raise ShapeError(
            f"the maximum at {site.place} runs over the rows of a batch, {x.shape[-1]} numbers for the "
            f"inputs and {at_b.shape[-1]} for the baseline: an output then depends on the other "
            "rows. Take the maximum over the dimensions of one example, such as x.flatten(1).amax(1)"
        )
    return Race(sign * x, None if at_b is None else sign * at_b, site)


def reduced_dims(site: Site) -> tuple[int, ...] | None:
    """Return the dimensions a maximum runs over, None for all of the tensor."""
    dim = site.named.get("dim")
    if dim is None or (not isinstance(dim, int) and not dim):
        return None
    return (dim,) if isinstance(dim, int) else tuple(dim)


def _last(x: Tensor, dims: tuple[int, ...] | None) -> Tensor:
    """Return a value with the dimensions of a contest behind the others as one, (…, k); None: all are."""
    if dims is None:
        return x.reshape(1, -1)
    return x.movedim(dims, tuple(range(x.dim() - len(dims), x.dim()))).flatten(-len(dims))


def _picked(x: Tensor, places: Tensor, n: int) -> Tensor:
    """Return the candidates (…, P, k) at flat positions among the last n dimensions, −∞ for padding."""
    candidates = x.flatten(-n)[..., places.clamp(min=0)]
    padding = places < 0
    return torch.where(padding, -torch.inf, candidates) if bool(padding.any()) else candidates


def _scatter(weights: Tensor, places: Tensor, x: Tensor) -> Tensor:
    """Return, in the shape of x, the amounts (…, P, k) of all windows added up at their positions."""
    lead = weights.shape[:-2]
    total = x.new_zeros(lead.numel(), x.numel() // max(lead.numel(), 1))
    amounts = torch.where(places < 0, 0.0, weights)  # padding gets nothing
    total.index_add_(1, places.clamp(min=0).reshape(-1), amounts.reshape(lead.numel(), -1))
    return total.reshape(x.shape)
