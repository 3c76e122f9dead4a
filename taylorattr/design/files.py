"""Designed rules as files: what made a rule, with which arguments; reading makes it again."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import sympy as sp

from taylorattr.atomic import replacing
from taylorattr.design.algebra.frames import transport
from taylorattr.design.algebra.mix import mix
from taylorattr.design.algebra.repair import repair
from taylorattr.design.algebra.restrict import restrict
from taylorattr.design.algebra.symmetrise import symmetrise
from taylorattr.design.build import attributor
from taylorattr.design.define import rule
from taylorattr.design.designed import DesignedRule
from taylorattr.design.expressions import decode, encode
from taylorattr.design.families import (
    degree_tilted,
    interaction,
    measure,
    monotone_path,
    or_twin,
    ordered,
    owen,
    power_path,
    semivalue,
    sharing,
    weighted_shapley,
)
from taylorattr.design.formula_limits import bounded_fraction
from taylorattr.errors import FormatError, OptionError, require_instance
from taylorattr.files import parsing, read_json, reading
from taylorattr.maths.measures import Atoms, Beta, Blend, Measure, Moments

FORMAT = "taylorattr-rule"
RULE_VERSION = 1

MAKERS: Mapping[str, Callable[..., DesignedRule]] = {
    maker.__name__: maker
    for maker in (
        rule, semivalue, measure, power_path, monotone_path, weighted_shapley, ordered, owen, degree_tilted,
        sharing, or_twin, interaction, mix, repair, restrict, symmetrise, transport, attributor,
    )
}  # fmt: skip
"""Name -> function that makes rules."""


def to_dict(designed: DesignedRule) -> dict[str, Any]:
    """Return a rule as nested dictionaries, lists, strings and numbers (valid JSON).

    Args:
        designed: The rule.

    Raises:
        FormatError: If it was made from a Python function, which has no plain form.
    """
    require_instance("designed", designed, DesignedRule, "a rule made by ta.design")
    return {"format": FORMAT, "version": RULE_VERSION, **_recipe(designed)}


def from_dict(data: Mapping[str, Any]) -> DesignedRule:
    """Return the rule written by `to_dict`, made again and checked again; a rule of its name is replaced.

    Args:
        data: What `to_dict` returned.

    Raises:
        FormatError: If it is no such dictionary, or comes from a later version of the format.
    """
    if not isinstance(data, Mapping) or data.get("format") != FORMAT:
        raise FormatError(
            f"not a designed rule (no entry format={FORMAT!r}); expected what ta.design.to_dict returned"
        )
    version = data.get("version")
    if not isinstance(version, int) or not 1 <= version <= RULE_VERSION:
        raise FormatError(
            f"format version {version!r}; this release reads 1 … {RULE_VERSION}: upgrade taylorattr"
        )
    with parsing("a designed rule"):
        return _made(data)


def save(designed: DesignedRule, path: str | os.PathLike[str]) -> Path:
    """Write a rule as JSON; a failure leaves an older file as it was.

    Args:
        designed: The rule.
        path: Where, with the suffix ``.json``.

    Returns:
        The path.

    Raises:
        OptionError: If the suffix is another.
        FormatError: If it was made from a Python function.
    """
    where = _suffixed(path)
    payload = json.dumps(to_dict(designed), ensure_ascii=False, indent=1).encode()
    with replacing(where) as file:
        file.write(payload)
    return where


def load(path: str | os.PathLike[str]) -> DesignedRule:
    """Return the rule written by `save`, under its name.

    Args:
        path: The file.

    Raises:
        FileError: If the file is damaged, or no designed rule.
        FileNotFoundError: If there is none.
        OptionError: If the suffix is not ``.json``.
    """
    where = _suffixed(path)
    with reading(where, "a designed rule"):
        return from_dict(read_json(where))


def _suffixed(path: str | os.PathLike[str]) -> Path:
    """Return the path if it ends in .json."""
    require_instance("path", path, (str, os.PathLike), "the path of a .json file")
    where = Path(path)
    if where.suffix != ".json":
        raise OptionError(f"{where} has the suffix {where.suffix!r}; designed rules are kept as .json")
    return where


def _recipe(designed: DesignedRule) -> dict[str, Any]:
    """Return what made a rule: the function of `ta.design` and its arguments."""
    arguments = {key: _plain(value) for key, value in designed.parameters.items() if value is not None}
    return {"name": designed.name, "made_by": designed.origin, "arguments": arguments}


def _made(recipe: Any) -> DesignedRule:
    """Return the rule of a recipe, made by the functions in `MAKERS` and no others."""
    try:
        maker, arguments = MAKERS[recipe["made_by"]], recipe["arguments"]
        values = {str(key): _value(value) for key, value in arguments.items()}
        return maker(**values) if maker is attributor else maker(name=recipe["name"], **values)
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, RecursionError) as error:
        if isinstance(error, FormatError):
            raise
        raise FormatError(f"no rule can be made of this ({type(error).__name__}: {error})") from error


def _plain(value: Any) -> Any:
    """Return a value as JSON: what JSON has no form for is {kind: content}."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Fraction):
        return {"fraction": str(value)}
    if isinstance(value, np.generic):
        return _plain(value.item())
    if isinstance(value, np.ndarray):
        return {"array": [_plain(entry) for entry in value.reshape(-1).tolist()], "shape": list(value.shape)}
    if isinstance(value, DesignedRule):
        return {"rule": _recipe(value)}
    if isinstance(value, Measure):
        return {"measure": _plain_measure(value)}
    if isinstance(value, sp.Basic):
        return {"expression": encode(value)}
    if isinstance(value, Mapping):
        return {"map": [[_plain(key), _plain(entry)] for key, entry in value.items()]}
    if isinstance(value, frozenset):
        return {"set": [_plain(entry) for entry in sorted(value)]}
    if isinstance(value, tuple):
        return {"tuple": [_plain(entry) for entry in value]}
    if isinstance(value, list):
        return [_plain(entry) for entry in value]
    what = "a Python function" if callable(value) else f"a {type(value).__name__}"
    raise FormatError(
        f"a rule that was made from {what} cannot be saved; keep the module that defines it, or write the "
        "ratio as a formula or a table"
    )


def _value(data: Any) -> Any:
    """Return the value that `_plain` wrote."""
    if isinstance(data, list):
        return [_value(entry) for entry in data]
    if not isinstance(data, dict):
        return data
    if "array" in data:
        entries = np.empty(len(data["array"]), dtype=object)
        entries[:] = [_value(entry) for entry in data["array"]]
        return entries.reshape(data["shape"])
    ((kind, content),) = data.items()
    if kind == "fraction":
        return bounded_fraction(content)
    if kind == "rule":
        return _made(content)
    if kind == "measure":
        return _measure(content)
    if kind == "expression":
        return decode(content)
    if kind == "map":
        return {_value(key): _value(entry) for key, entry in content}
    if kind == "set":
        return frozenset(_value(entry) for entry in content)
    if kind == "tuple":
        return tuple(_value(entry) for entry in content)
    raise FormatError(f"unknown kind of value {kind!r}")


def _plain_measure(measure: Measure) -> Any:
    """Return a measure as JSON, by the numbers that it was made of."""
    if isinstance(measure, Atoms):
        return {"atoms": [_plain(list(measure.places)), _plain(list(measure.masses))]}
    if isinstance(measure, Beta):
        return {"beta": [_plain(measure.a), _plain(measure.b)]}
    if isinstance(measure, Moments) and not callable(measure.given):
        return {"moments": _plain(list(measure.given))}
    if isinstance(measure, Blend):
        return {
            "blend": [
                [_plain(c), _plain_measure(p)] for c, p in zip(measure.factors, measure.parts, strict=True)
            ]
        }
    raise FormatError(
        f"the measure {measure.words} is a Python function and cannot be saved; give moments, atoms or a "
        "Beta distribution"
    )


def _measure(data: Any) -> Measure:
    """Return the measure that `_plain_measure` wrote."""
    ((kind, content),) = data.items()
    if kind == "atoms":
        places, masses = (tuple(map(_exact_number, _value(part))) for part in content)
        return Atoms(places, masses)
    if kind == "beta":
        return Beta(*(_exact_number(_value(part)) for part in content))
    if kind == "moments":
        return Moments([_exact_number(value) for value in _value(content)])
    if kind == "blend":
        factors = tuple(_exact_number(_value(factor)) for factor, _ in content)
        return Blend(tuple(_measure(part) for _, part in content), factors)
    raise FormatError(f"unknown kind of measure {kind!r}")


def _exact_number(value: Any) -> Fraction:
    """Return a number of a file as a fraction; text that only looks like one is not read."""
    if isinstance(value, bool) or not isinstance(value, int | float | Fraction):
        raise FormatError(f"{str(value)[:40]!r} is no number")
    return Fraction(value)
