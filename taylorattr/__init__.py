"""taylorattr: what an explanation of a neural network counts.

A model's output change f(x) − f(baseline) splits into Taylor effects: first-order terms, high-order
independent effects of one player, and interaction effects between several (arXiv 2303.01506). This package
computes them for real networks.
"""

from taylorattr import errors

# Attribute: fifteen methods under one call, one result
from taylorattr.attribution import Attribution

# Derivatives: Hessian-vector products and Hessians in bounded memory
from taylorattr.autodiff.hessian import hessian
from taylorattr.autodiff.hvp import hvp

# Players: which elements of the input move together
from taylorattr.autodiff.players import Players

# Results
from taylorattr.effects.effects import Effect, HarsanyiEffects, InteractionIndex, Result, TaylorEffects

# Decompose: Taylor effects, exact effects of any model, exact effects of an expression
from taylorattr.effects.harsanyi import harsanyi
from taylorattr.effects.integrated_hessians import IntegratedHessians, integrated_hessians
from taylorattr.effects.symbolic import SymbolicEffects, symbolic_effects
from taylorattr.effects.tails import degree_by_support
from taylorattr.effects.taylor import decompose
from taylorattr.methods import METHODS, attribute

__version__ = "0.1.0"

__all__ = [
    "METHODS",
    "Attribution",
    "Effect",
    "HarsanyiEffects",
    "IntegratedHessians",
    "InteractionIndex",
    "Players",
    "Result",
    "SymbolicEffects",
    "TaylorEffects",
    "attribute",
    "decompose",
    "degree_by_support",
    "errors",
    "harsanyi",
    "hessian",
    "hvp",
    "integrated_hessians",
    "symbolic_effects",
]
