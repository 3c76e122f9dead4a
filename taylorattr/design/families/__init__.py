"""Families of rules whose guarantees hold at every value of their parameters."""

from taylorattr.design.algebra.frames import or_twin
from taylorattr.design.families.family import FAMILIES, Family
from taylorattr.design.families.paths import measure, monotone_path, path, power_path, quadrature
from taylorattr.design.families.random_orders import ordered, owen, weighted_shapley
from taylorattr.design.families.semivalues import interaction, semivalue
from taylorattr.design.families.sharing import degree_tilted, sharing

__all__ = [
    "FAMILIES",
    "Family",
    "degree_tilted",
    "interaction",
    "measure",
    "monotone_path",
    "or_twin",
    "ordered",
    "owen",
    "path",
    "power_path",
    "quadrature",
    "semivalue",
    "sharing",
    "weighted_shapley",
]
