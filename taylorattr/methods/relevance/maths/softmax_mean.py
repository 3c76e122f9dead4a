"""The difference rule of softmax and logsumexp: logarithmic means of the two outputs."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from taylorattr.methods.relevance.maths.secant import sinhc

DIRECT_FROM = 30.0
"""Half the difference of logarithms from which p − q is taken as it is: the smaller, e⁻⁶⁰ of the other, is
below rounding, and sinh overflows further out."""


def logarithmic_mean(log_p: Tensor, log_q: Tensor) -> Tensor:
    """Return L = (p − q)/(ln p − ln q) = √(pq)·sinh(d)/d, d = ½(ln p − ln q); p if p = q, 0 if one is 0.

    Args:
        log_p: ln p, −inf for p = 0.
        log_q: ln q; broadcasts.

    Returns:
        L, between the geometric and the arithmetic mean.
    """
    gone = torch.isinf(log_p) | torch.isinf(log_q)
    d = torch.where(gone, 0.0, (log_p - log_q) / 2)
    mid = torch.where(gone, -torch.inf, (log_p + log_q) / 2)
    direct = (log_p.exp() - log_q.exp()) / torch.where(d == 0, 1.0, 2 * d)
    far = d.abs() > DIRECT_FROM
    return torch.where(far, direct, mid.exp() * sinhc(d.clamp(-DIRECT_FROM, DIRECT_FROM)))


@dataclass(frozen=True)
class SoftmaxMean:
    """M = diag(L) − LLᵀ/ΣL: Δy = MΔz exactly.

    Δy_i = L_i(Δz_i − Δlse) by the definition of L, and ΣΔy = 0 gives Δlse = ΣL_iΔz_i/ΣL. M is symmetric,
    positive semidefinite, with rows adding up to 0, and tends to the Jacobian diag(p) − ppᵀ as Δz → 0. A
    position at −∞ at both ends has L = 0, so it gets nothing.

    Attributes:
        mean: L.
        dim: The dimension softmax runs over.
    """

    mean: Tensor
    dim: int

    @classmethod
    def of(cls, log_p: Tensor, log_q: Tensor, dim: int) -> SoftmaxMean:
        """Return M from the logarithms of the two outputs."""
        return cls(logarithmic_mean(log_p, log_q), dim)

    @property
    def shares(self) -> Tensor:
        """λ = L/ΣL, 0 where every L is 0: Δlse = Σλ_iΔz_i."""
        total = self.mean.sum(self.dim, keepdim=True)
        return torch.where(total == 0, 0.0, self.mean / torch.where(total == 0, 1.0, total))

    def pull(self, m: Tensor) -> Tensor:
        """Return Mm (M is symmetric)."""
        return self.mean * (m - (self.shares * m).sum(self.dim, keepdim=True))

    def pull_abs(self, g: Tensor) -> Tensor:
        """Return |M|g = 2(L − L²/ΣL)g − Mg: the diagonal is positive, all else negative."""
        return 2 * self.mean * (1 - self.shares) * g - self.pull(g)
