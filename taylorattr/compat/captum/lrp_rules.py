"""captum's LRP rule objects, set on a layer as ``layer.rule = GammaRule()``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import nn

from taylorattr.errors import OptionError
from taylorattr.methods.relevance.kinds import kind_of
from taylorattr.methods.relevance.rule import Rule
from taylorattr.methods.relevance.rules.lrp_linear import Epsilon
from taylorattr.methods.relevance.rules.lrp_weights import AlphaBeta, Gamma
from taylorattr.methods.relevance.site import Site


@dataclass(frozen=True)
class EpsilonRule:
    """ε added to the divisor, away from 0."""

    epsilon: float = 1e-9


@dataclass(frozen=True)
class GammaRule:
    """Positive contributions weighted by 1 + γ."""

    gamma: float = 0.25
    set_bias_to_zero: bool = False


@dataclass(frozen=True)
class Alpha1_Beta0_Rule:  # noqa: N801
    """Positive contributions only; contributions are split by the sign of w·a, not of w."""

    set_bias_to_zero: bool = False


@dataclass(frozen=True)
class IdentityRule:
    """Relevance passes unchanged, which is what activations do without a rule."""


def layer_rules(model: nn.Module) -> dict[Callable[[Site], bool], Rule]:
    """Return the rules a user has set on layers, each for the layer's weighted sum; captum's objects too.

    Args:
        model: The user's model, which is only read.

    Returns:
        Predicate on an operation -> rule.

    Raises:
        OptionError: If a layer's rule is of no known type.
    """
    found: dict[Callable[[Site], bool], Rule] = {}
    for path, module in model.named_modules():
        given = getattr(module, "rule", None)
        if given is None or type(given).__name__ == "IdentityRule":
            continue
        found[_weights_of(path)] = _translated(given, path)
    return found


def _weights_of(path: str) -> Callable[[Site], bool]:
    return lambda site: site.node.module == path and kind_of(site) == "weights"


def _translated(given: Any, path: str) -> Rule:
    name = type(given).__name__
    ignored = bool(getattr(given, "set_bias_to_zero", False))
    if name == "EpsilonRule":
        return Epsilon(getattr(given, "epsilon", getattr(given, "STABILITY_FACTOR", 1e-9)))
    if name == "GammaRule":
        return Gamma(given.gamma)
    if name == "Alpha1_Beta0_Rule":
        return AlphaBeta(1.0, 0.0, "ignore" if ignored else "denominator")
    raise OptionError(
        f"layer {path!r} has the rule {name}; known: EpsilonRule, GammaRule, Alpha1_Beta0_Rule, IdentityRule "
        "(for a rule of your own use ta.attribute('lrp_epsilon', …, rules={path: rule}))"
    )
