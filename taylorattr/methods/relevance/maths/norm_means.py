"""Difference rules of normalisation layers, variances and norms, in means of the two ends."""

from __future__ import annotations

import math
from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class NormMean:
    """Multiplier of c ↦ c·r(c), r = (mean c² + eps)^{−1/2}, after centring.

    Δ(cr) = r̄Δc + c̄Δr, and r = 1/s with s² = v gives Δr = −Δv/(ss⁰(s + s⁰)), where Δv = (2/n)c̄·Δc. So
    M = P(r̄I − κc̄c̄ᵀ)P with κ = 2/(nss⁰(s + s⁰)), P the centring (the identity for RMSNorm). It is
    symmetric, and c̄ is centred already.

    Attributes:
        centre: c̄, the mean of the two centred ends.
        rate: r̄, one number per normalised group.
        kappa: κ, likewise.
        dims: Dimensions of a group.
        n: Number of elements of a group.
        centred: Whether P is the centring.
    """

    centre: Tensor
    rate: Tensor
    kappa: Tensor
    dims: tuple[int, ...]
    n: int
    centred: bool

    @classmethod
    def of(
        cls, x: Tensor, x0: Tensor, dims: tuple[int, ...], eps: float, *, centred: bool = True
    ) -> NormMean:
        """Return M between two inputs of the normalisation."""
        c, c0 = (u - u.mean(dims, keepdim=True) if centred else u for u in (x, x0))
        s, s0 = ((u.square().mean(dims, keepdim=True) + eps).sqrt() for u in (c, c0))
        n = math.prod(x.shape[d] for d in dims)
        kappa = 2 / (n * s * s0 * (s + s0))
        return cls((c + c0) / 2, (1 / s + 1 / s0) / 2, kappa, dims, n, centred)

    def pull(self, m: Tensor) -> Tensor:
        """Return Mm."""
        if self.centred:
            m = m - m.mean(self.dims, keepdim=True)
        along = (self.centre * m).sum(self.dims, keepdim=True)
        return self.rate * m - self.kappa * along * self.centre

    def pull_abs(self, g: Tensor) -> Tensor:
        """Return |P||r̄I − κc̄c̄ᵀ||P|g, path by path."""
        g = self._centre_abs(g)
        size = self.centre.abs()
        square = self.kappa * size * size
        along = (size * g).sum(self.dims, keepdim=True)
        g = ((self.rate - square).abs() - square) * g + self.kappa * size * along
        return self._centre_abs(g)

    def _centre_abs(self, g: Tensor) -> Tensor:
        """Return |P|g: |P| has 1 − 1/n on the diagonal and 1/n elsewhere."""
        if not self.centred:
            return g
        return (1 - 2 / self.n) * g + g.mean(self.dims, keepdim=True)


def variance_weights(x: Tensor, x0: Tensor, dims: tuple[int, ...], denominator: float) -> Tensor:
    """Return 2c̄/denominator: Δvar = Σ(c² − c⁰²)/denominator = Σ(2c̄/denominator)Δc, and Σc̄ = 0."""
    c, c0 = (u - u.mean(dims, keepdim=True) for u in (x, x0))
    return (c + c0) / denominator


def norm_weights(x: Tensor, x0: Tensor, y: Tensor, y0: Tensor) -> Tensor:
    """Return (x + x⁰)/(‖x‖ + ‖x⁰‖): ‖x‖² − ‖x⁰‖² is a difference of squares; 0 where both ends are 0."""
    total = y + y0
    return (x + x0) / total.masked_fill(total == 0, 1.0)
