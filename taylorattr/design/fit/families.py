"""The families that can be fitted; importing this registers them in the order in which they are listed."""

from taylorattr.design.fit.coalition_shares import FreeShares, PlayerWeights, Stages
from taylorattr.design.fit.degree_power import Power
from taylorattr.design.fit.mixtures import MixtureWeights
from taylorattr.design.fit.path_exponents import Exponents
from taylorattr.design.fit.path_measures import Masses
from taylorattr.design.fit.semivalue_weights import SizeWeights

__all__ = [
    "Exponents",
    "FreeShares",
    "Masses",
    "MixtureWeights",
    "PlayerWeights",
    "Power",
    "SizeWeights",
    "Stages",
]
