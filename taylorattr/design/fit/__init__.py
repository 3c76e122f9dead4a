"""Fit the parameters of a family to a task, inside what the family guarantees."""

from taylorattr.design.fit import free_mixture, free_paths, free_shares
from taylorattr.design.fit.examples import Examples
from taylorattr.design.fit.fitting import fit
from taylorattr.design.fit.freedom import FREEDOMS, Freedom
from taylorattr.design.fit.objective import OBJECTIVES, Objective, agreeing, deletion, recovery, steadiness
from taylorattr.design.fit.result import Fit

__all__ = [
    "FREEDOMS",
    "OBJECTIVES",
    "Examples",
    "Fit",
    "Freedom",
    "Objective",
    "agreeing",
    "free_mixture",
    "free_paths",
    "free_shares",
    "deletion",
    "fit",
    "recovery",
    "steadiness",
]
