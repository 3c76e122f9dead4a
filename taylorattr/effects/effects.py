"""The results of a decomposition: one import for the classes that stand one per file."""

from taylorattr.effects.coalition_table import Effect
from taylorattr.effects.harsanyi_effects import HarsanyiEffects, InteractionIndex
from taylorattr.effects.result import Result
from taylorattr.effects.taylor_effects import TaylorEffects

__all__ = ["Effect", "HarsanyiEffects", "InteractionIndex", "Result", "TaylorEffects"]
