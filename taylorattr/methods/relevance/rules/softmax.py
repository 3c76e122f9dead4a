"""(R5), (R6) softmax, log-softmax and logsumexp; (R27) what LRP does with them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor

from taylorattr.methods.relevance.maths.softmax_mean import SoftmaxMean
from taylorattr.methods.relevance.rule import Pulled, Rule
from taylorattr.methods.relevance.site import Site


def _dim(site: Site) -> int:
    return int(site.named["dim"])


def _log_softmax(z: Tensor, dim: int) -> Tensor:
    """Return ln softmax, −inf throughout where every entry is (as _safe_softmax has it)."""
    return z.log_softmax(dim).nan_to_num(nan=-torch.inf, neginf=-torch.inf, posinf=torch.inf)


def softmax_mean(site: Site) -> SoftmaxMean:
    """Return M between the two ends."""
    dim = _dim(site)
    return SoftmaxMean.of(_log_softmax(site.x[0], dim), _log_softmax(site.b[0], dim), dim)


class SoftmaxSecant(Rule):
    """(R5) M = diag(L) − LLᵀ/ΣL; one rule for every kernel of softmax. A choice: see `SoftmaxMean`.

    The composition of exp, sum and division by (R2) and (R4) is complete too, but depends on a shift of the
    logits.
    """

    name = "softmax"

    def pull(self, site: Site, m: Tensor) -> Pulled:
        """Return Mm."""
        return [softmax_mean(site).pull(m)]

    def pull_abs(self, site: Site, m: Tensor) -> Pulled:
        """Return |M|m."""
        return [softmax_mean(site).pull_abs(m)]

    def push_abs(self, site: Site, parts: Sequence[Tensor]) -> Tensor:
        """Return |M|A; M is symmetric."""
        return softmax_mean(site).pull_abs(parts[0])


class LogSoftmaxSecant(Rule):
    """(R6) Δy_i = Δz_i − ΣλΔz, λ = L/ΣL, so m_z = m − λΣm."""

    name = "softmax"

    def pull(self, site: Site, m: Tensor) -> Pulled:
        """Return m − λΣm."""
        mean = softmax_mean(site)
        return [m - mean.shares * m.sum(mean.dim, keepdim=True)]


class LogSumExpSecant(Rule):
    """(R6) Δlse = ΣλΔz, λ = L/ΣL."""

    name = "softmax"

    def pull(self, site: Site, m: Tensor) -> Pulled:
        """Return λm."""
        return [_logsumexp_shares(site, site.b[0]) * _with_dims(site, m)]

    def pull_abs(self, site: Site, m: Tensor) -> Pulled:
        """Return λm: no weight is negative."""
        return self.pull(site, m)

    def push_abs(self, site: Site, parts: Sequence[Tensor]) -> Tensor:
        """Return Σλa."""
        dims = _dims(site)
        total = _logsumexp_shares(site, site.b[0]) * parts[0]
        return total.sum(dims, keepdim=bool(site.named["keepdim"]))


def _dims(site: Site) -> tuple[int, ...]:
    """Return the dimensions a logsumexp runs over."""
    dim = site.named["dim"]
    return (dim,) if isinstance(dim, int) else tuple(dim)


def _with_dims(site: Site, m: Tensor) -> Tensor:
    """Return a multiplier of a logsumexp with the reduced dimensions, so that it broadcasts against z."""
    if site.named["keepdim"]:
        return m
    rank = site.x[0].dim()
    for d in sorted(d % rank for d in _dims(site)):
        m = m.unsqueeze(d)
    return m


def _logsumexp_shares(site: Site, b: Tensor) -> Tensor:
    """Return λ = L/ΣL between b and x, in the shape of x: the reduced dimensions are one for softmax."""
    x, dims = site.x[0], _dims(site)
    ends = torch.broadcast_tensors(x, b)
    rank = x.dim()
    last = list(range(rank - len(dims), rank))
    logs = [_log_softmax(u.movedim(dims, last).flatten(-len(dims)), -1) for u in ends]
    shares = SoftmaxMean.of(logs[0], logs[1], -1).shares
    moved = x.movedim(dims, last).shape
    return shares.reshape(moved).movedim(last, dims)


class SoftmaxRelevance(Rule):
    """(R27) LRP of a softmax whose pattern is not a frozen weight.

    Attributes:
        form: ``uniform``: (R5) against all logits 0, the share of the uniform pattern is named
            ``constant``. ``tangent``: m_z = y(m − m·y), the Jacobian.
    """

    def __init__(self, form: Literal["uniform", "tangent"] = "uniform") -> None:
        self.form = form
        self.name = f"softmax {form}"

    def pull(self, site: Site, m: Tensor) -> Pulled:
        """Return the multiplier of the logits; entries at −∞ get nothing."""
        z, dim = site.x[0], _dim(site)
        if self.form == "tangent":
            y = site.y
            finite = torch.where(torch.isinf(z), 0.0, z)
            tangent = y * (finite - (y * finite).sum(dim, keepdim=True))
            site.give_up("constant", m, y - tangent)
            return [_finite(y * (m - (m * y).sum(dim, keepdim=True)), z)]
        zero = torch.where(torch.isinf(z), z, torch.zeros_like(z))
        mean = SoftmaxMean.of(_log_softmax(z, dim), _log_softmax(zero, dim), dim)
        site.give_up("constant", m, _log_softmax(zero, dim).exp())
        return [_finite(mean.pull(m), z)]


class LogSumExpRelevance(Rule):
    """LRP of logsumexp and log-softmax: (R6) against all logits 0; ln k is the named share ``constant``."""

    name = "softmax uniform"

    def pull(self, site: Site, m: Tensor) -> Pulled:
        """Return λm, or m − λΣm."""
        z = site.x[0]
        zero = torch.where(torch.isinf(z), z, torch.zeros_like(z))
        if site.note is not None:
            site.give_up("constant", m, site.call([zero]))
        if site.name == "logsumexp":
            return [_finite(_logsumexp_shares(site, zero) * _with_dims(site, m), z)]
        dim = _dim(site)
        shares = SoftmaxMean.of(_log_softmax(z, dim), _log_softmax(zero, dim), dim).shares
        return [_finite(m - shares * m.sum(dim, keepdim=True), z)]


def _finite(m: Tensor, z: Tensor) -> Tensor:
    """Return a multiplier with 0 for masked logits, z = −∞: m·z would be NaN."""
    return torch.where(torch.isinf(z), 0.0, m)
