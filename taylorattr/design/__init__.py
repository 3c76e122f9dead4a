"""Design an attribution rule: choose how effects are shared, see which criteria hold, run it on networks."""

from taylorattr.design import letters
from taylorattr.design.algebra.frames import transport
from taylorattr.design.algebra.mix import mix
from taylorattr.design.algebra.repair import repair
from taylorattr.design.algebra.restrict import restrict
from taylorattr.design.algebra.symmetrise import symmetrise
from taylorattr.design.build import attributor, unregister
from taylorattr.design.define import rule
from taylorattr.design.designed import DesignedRule
from taylorattr.design.families import (
    FAMILIES,
    Family,
    degree_tilted,
    interaction,
    measure,
    monotone_path,
    or_twin,
    ordered,
    owen,
    path,
    power_path,
    quadrature,
    semivalue,
    sharing,
    weighted_shapley,
)
from taylorattr.design.files import from_dict, load, save, to_dict
from taylorattr.design.fit import Fit, Objective, fit
from taylorattr.design.recognise import Recognised, recognise
from taylorattr.design.verify import LAWS, Verification, verify
from taylorattr.registry import DESIGNS

__all__ = [
    "DESIGNS",
    "FAMILIES",
    "LAWS",
    "DesignedRule",
    "Family",
    "Fit",
    "Objective",
    "Recognised",
    "Verification",
    "attributor",
    "degree_tilted",
    "fit",
    "from_dict",
    "interaction",
    "letters",
    "load",
    "measure",
    "mix",
    "monotone_path",
    "or_twin",
    "ordered",
    "owen",
    "path",
    "power_path",
    "quadrature",
    "recognise",
    "repair",
    "restrict",
    "rule",
    "save",
    "semivalue",
    "sharing",
    "symmetrise",
    "to_dict",
    "transport",
    "unregister",
    "verify",
    "weighted_shapley",
]


def __dir__() -> list[str]:
    """Return the public names, not the files that define them."""
    return __all__
