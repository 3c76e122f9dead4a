"""Families of rules whose guarantees hold at every value of their parameters."""

from taylorattr.design.families.degree_tilted import degree_tilted
from taylorattr.design.families.family import FAMILIES, Family
from taylorattr.design.families.interactions import interaction
from taylorattr.design.families.monotone_paths import monotone_path
from taylorattr.design.families.power_paths import path, power_path
from taylorattr.design.families.random_orders import ordered, owen, weighted_shapley
from taylorattr.design.families.semivalues import semivalue
from taylorattr.design.families.sharing import sharing
from taylorattr.design.families.straight import measure, quadrature
from taylorattr.design.families.twins import or_twin

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
