"""captum's LRP rule objects, set on a layer as ``layer.rule = GammaRule()``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from taylorattr.errors import OptionError
from taylorattr.methods.relevance.lrp import Epsilon
from taylorattr.methods.relevance.rule import Pulled, Relevance, Rule
from taylorattr.methods.relevance.rules.lrp_weights import (
    AlphaBeta,
    bias_of,
    by_sign,
    negative_part,
    positive_part,
    quotient,
)
from taylorattr.methods.relevance.site import Site
from taylorattr.program.operations import Kind


@dataclass(frozen=True)
class EpsilonRule:
    """ε added to the divisor, away from 0."""

    epsilon: float = 1e-9


@dataclass(frozen=True)
class GammaRule:
    """Positive contributions weighted by 1 + γ; the bias is not, or is left out."""

    gamma: float = 0.25
    set_bias_to_zero: bool = False


@dataclass(frozen=True)
class Alpha1_Beta0_Rule:  # noqa: N801
    """Positive contributions only, split by the sign of w·a; of the bias the positive part, or nothing."""

    set_bias_to_zero: bool = False


@dataclass(frozen=True)
class IdentityRule:
    """Relevance passes unchanged, entry by entry; activations do so without a rule."""


def layer_rules(model: nn.Module) -> dict[Callable[[Site], bool], Rule]:
    """Return the rules a user has set on layers, each for the layer's sum; captum's own objects too.

    Args:
        model: The user's model, which is only read.

    Returns:
        Predicate on an operation -> rule.

    Raises:
        OptionError: If a layer's rule is of no known type.
    """
    rules: dict[Callable[[Site], bool], Rule] = {}
    for path, module in model.named_modules():
        captum_rule = getattr(module, "rule", None)
        if captum_rule is not None:
            rule, kinds = _translated(captum_rule, path)
            rules[_operation_of(path, kinds)] = rule
    return rules


def _operation_of(path: str, kinds: tuple[Kind, ...]) -> Callable[[Site], bool]:
    """Return whether an operation is one of these kinds and was run by the layer itself."""
    return lambda site: site.node.module == path and site.kind in kinds


def _translated(captum_rule: Any, path: str) -> tuple[Rule, tuple[Kind, ...]]:
    """Return the rule, and the kinds of operations of the layer it is for."""
    # by the class's name: captum's own objects have the same names, and captum need not be installed
    name = type(captum_rule).__name__
    ignored = bool(getattr(captum_rule, "set_bias_to_zero", False))
    if name == "EpsilonRule":
        # captum's objects keep ε in STABILITY_FACTOR, the classes of this file in epsilon
        epsilon = getattr(captum_rule, "epsilon", getattr(captum_rule, "STABILITY_FACTOR", 1e-9))
        return Epsilon(epsilon), ("weights", "sum", "batch_norm")
    if name == "GammaRule":
        return _WeightGamma(captum_rule.gamma, not ignored), ("weights",)
    if name == "Alpha1_Beta0_Rule":
        return AlphaBeta(1.0, 0.0, "ignore" if ignored else "denominator"), ("weights",)
    if name == "IdentityRule":
        return _Unchanged(), ("weights", "sum", "batch_norm")
    raise OptionError(
        f"layer {path!r} has the rule {name}; known: EpsilonRule, GammaRule, Alpha1_Beta0_Rule, IdentityRule "
        "(for a rule of your own use ta.attribute('lrp_epsilon', …, rules={path: rule}))"
    )


class _Unchanged(Rule):
    """R_in = R_out entry by entry, for layers that keep the shape."""

    name = "identity"

    def pull(self, site: Site, m: Tensor) -> Relevance:
        """Return the relevance of the result."""
        if len(site.operands) != 1 or site.x[0].shape != site.y.shape:
            shapes = " and ".join(str(tuple(x.shape)) for x in site.x)
            raise site.refuse(
                f"IdentityRule passes relevance entry by entry, not from {tuple(site.y.shape)} to {shapes}; "
                "set it on layers that keep the shape, or use EpsilonRule"
            )
        return Relevance([m * site.y])


class _WeightGamma(Rule):
    """R_i = (z_ij + γ z_ij⁺)/(Σ_i z_ij + γ z_ij⁺ + c_j)·R_j: γ on the weights, not on the bias.

    Attributes:
        gamma: γ ≥ 0.
        with_bias: Whether c stands in the divisor (its part is the share ``bias``).
        eps: ε added to the divisor, away from 0.
    """

    def __init__(self, gamma: float, with_bias: bool, eps: float = 1e-9) -> None:
        if not gamma >= 0:
            raise OptionError(f"GammaRule has gamma={gamma!r}; expected a number ≥ 0")
        self.gamma, self.with_bias, self.eps = gamma, with_bias, eps
        self.name = f"gamma({gamma:g})"

    def pull(self, site: Site, m: Tensor) -> Pulled:
        """Return the multiplier of the input."""
        top = positive_part(site)
        divisor = top + negative_part(site) + self.gamma * top
        c = bias_of(site) if self.with_bias else None
        if c is not None:
            divisor = divisor + c
        stable = divisor + torch.where(divisor < 0, -self.eps, self.eps)
        per_unit = quotient(site, m * site.y, stable, "empty group")  # relevance per unit of the divisor
        site.give_up("epsilon", per_unit, stable - divisor)
        if c is not None:
            site.give_up("bias", per_unit, c)
        return [by_sign(site, (1 + self.gamma) * per_unit, per_unit)]
