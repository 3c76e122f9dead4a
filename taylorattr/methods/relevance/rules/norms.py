"""(R7), (R8) normalisation layers, variances and norms; (R28) LRP of normalisation layers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from taylorattr.methods.relevance.maths.norm_means import NormMean, norm_weights, variance_weights
from taylorattr.methods.relevance.rule import Pulled, Rule
from taylorattr.methods.relevance.site import Site


@dataclass(frozen=True)
class Groups:
    """How a normalisation layer groups its input.

    Attributes:
        shape: View of the input in which a group is one block of dimensions.
        dims: Those dimensions.
        eps: Added to the variance.
        gain: γ in the shape of the output, or None.
        centred: Whether the mean is taken off.
    """

    shape: tuple[int, ...]
    dims: tuple[int, ...]
    eps: float
    gain: Tensor | None
    centred: bool = True


def groups_of(site: Site) -> Groups:
    """Return the groups of LayerNorm, GroupNorm, RMSNorm and InstanceNorm.

    Raises:
        MissingRuleError: For BatchNorm in training mode, whose rows depend on each other, and for a gain
            that depends on the input.
    """
    a, name = site.named, site.name
    x = a["input"]
    if len(site.operands) != 1 or not site.is_operand("input"):
        raise site.refuse("its scale or shift depends on the input; write it with elementary operations")
    rank = x.dim()
    if name in ("native_layer_norm", "_fused_rms_norm"):
        n = len(a["normalized_shape"])
        eps = a["eps"] if a["eps"] is not None else torch.finfo(torch.float32).eps
        dims = tuple(range(rank - n, rank))
        return Groups(tuple(x.shape), dims, eps, a["weight"], name == "native_layer_norm")
    per_channel = [-1 if i == 1 else 1 for i in range(rank)]
    gain = a["weight"].reshape(per_channel) if a["weight"] is not None else None
    if name == "native_group_norm":
        grouped = (a["N"], a["group"], a["C"] // a["group"] * a["HxW"])
        return Groups(grouped, (2,), a["eps"], gain)
    if x.shape[0] != 1:
        raise site.refuse(
            "BatchNorm with batch statistics makes rows depend on each other; give it running statistics and "
            "call eval()"
        )
    return Groups(tuple(x.shape), tuple(i for i in range(rank) if i != 1), a["eps"], gain)


class NormSecant(Rule):
    """(R7) m_x = P(r̄I − κc̄c̄ᵀ)Pγm, see `NormMean`."""

    name = "norm"

    def pull(self, site: Site, m: Tensor) -> Pulled:
        """Return Mᵀm."""
        groups, mean = _mean(site)
        if groups.gain is not None:
            m = m * groups.gain
        return [mean.pull(m.reshape(groups.shape)).reshape(site.x[0].shape)]

    def pull_abs(self, site: Site, m: Tensor) -> Pulled:
        """Return |M|ᵀm."""
        groups, mean = _mean(site)
        if groups.gain is not None:
            m = m * groups.gain.abs()
        return [mean.pull_abs(m.reshape(groups.shape)).reshape(site.x[0].shape)]

    def push_abs(self, site: Site, parts: Sequence[Tensor]) -> Tensor:
        """Return |M|a."""
        groups, mean = _mean(site)
        y = mean.pull_abs(parts[0].reshape(groups.shape)).reshape(site.x[0].shape)
        return y if groups.gain is None else y * groups.gain.abs()


def _mean(site: Site) -> tuple[Groups, NormMean]:
    """Return the groups of a normalisation layer and its map between b and x."""
    groups = groups_of(site)
    x, b = site.x[0], site.b[0]
    # b may be one row for the whole batch
    b = b.reshape(groups.shape if b.shape == x.shape else (b.shape[0], *groups.shape[1:]))
    x = x.reshape(groups.shape)
    return groups, NormMean.of(x, b, groups.dims, groups.eps, centred=groups.centred)


class MomentSecant(Rule):
    """(R8) var: 2c̄/den; std: that over s + s⁰; 2-norm: (x + x⁰)/(‖x‖ + ‖x⁰‖)."""

    name = "moment"

    def pull(self, site: Site, m: Tensor) -> Pulled:
        """Return m·weights."""
        return [_spread(site, m) * _moment_weights(site)]

    def pull_abs(self, site: Site, m: Tensor) -> Pulled:
        """Return m·|weights|."""
        return [_spread(site, m) * _moment_weights(site).abs()]

    def push_abs(self, site: Site, parts: Sequence[Tensor]) -> Tensor:
        """Return Σ|weights|·a."""
        total = _moment_weights(site).abs() * parts[0]
        return total.sum(moment_dims(site), keepdim=bool(site.named.get("keepdim", False)))


def moment_dims(site: Site) -> tuple[int, ...]:
    """Return the dimensions a variance or norm is taken over, all where none are named."""
    dim = site.named.get("dim")
    if dim is None or (not isinstance(dim, int) and len(dim) == 0):
        return tuple(range(site.x[0].dim()))
    return (dim,) if isinstance(dim, int) else tuple(dim)


def _spread(site: Site, m: Tensor) -> Tensor:
    """Return a multiplier of the reduced value in a shape that broadcasts against the operand."""
    if site.named.get("keepdim", False):
        return m
    rank = site.x[0].dim()
    if m.dim() == 0:
        return m
    for d in sorted(d % rank for d in moment_dims(site)):
        m = m.unsqueeze(d)
    return m


def _moment_weights(site: Site) -> Tensor:
    """Return the weights w of Δy = Σ w·Δx, in the shape of the operand."""
    x, b = site.x[0], site.b[0]
    y, y0 = _spread(site, site.y), _spread(site, site.y0)
    if site.name == "linalg_vector_norm":
        return norm_weights(x, b, y, y0)
    dims = moment_dims(site)
    weights = variance_weights(x, b, dims, variance_denominator(site))
    if site.name == "var":
        return weights
    # s² − s⁰² = (s + s⁰)Δs; where both are 0 nothing moves from the mean, and the weights are 0 themselves
    total = y + y0
    return weights / total.masked_fill(total == 0, 1.0)


def variance_denominator(site: Site) -> float:
    """Return the number of elements less the correction; NaN where nothing is left, as torch's variance."""
    n = math.prod(site.x[0].shape[d] for d in moment_dims(site))
    correction = site.named.get("correction", None)
    if correction is None:
        correction = 1 if site.named.get("unbiased", True) else 0
    return max(n - correction, 0) or float("nan")


class FrozenScale(Rule):
    """(R28) LRP: the scale r is frozen, the centring kept: m_x = P(rγm), conserving since Σz·Ph = Σc·h."""

    name = "frozen scale"

    def pull(self, site: Site, m: Tensor) -> Pulled:
        """Return P(rγm)."""
        groups = groups_of(site)
        x = site.x[0].reshape(groups.shape)
        c = x - x.mean(groups.dims, keepdim=True) if groups.centred else x
        if site.note is not None:
            site.give_up("bias", m, site.at_zero()[0])
        rate = (c.square().mean(groups.dims, keepdim=True) + groups.eps).rsqrt()
        if groups.gain is not None:
            m = m * groups.gain
        m = m.reshape(groups.shape) * rate
        if groups.centred:
            m = m - m.mean(groups.dims, keepdim=True)
        return [m.reshape(site.x[0].shape)]


class EulerMoment(Rule):
    """LRP of variance, standard deviation, 2-norm: the tangent over the degree, Σx∂y/∂x = degree·y."""

    name = "homogeneous"

    def pull(self, site: Site, m: Tensor) -> Pulled:
        """Return m·∇y/degree, 0 where y is 0."""
        x, y = site.x[0], _spread(site, site.y)
        if site.name == "linalg_vector_norm":
            weights = x
            divisor = y
        else:
            dims = moment_dims(site)
            weights = (x - x.mean(dims, keepdim=True)) / variance_denominator(site)
            divisor = y if site.name == "std" else torch.ones_like(y)
        return [_spread(site, m) * weights / divisor.masked_fill(divisor == 0, 1.0)]
