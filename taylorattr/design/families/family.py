"""The registry of families: ways to make rules whose guarantees hold at every value of their parameters."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from taylorattr.registry import Registry

Maker = TypeVar("Maker", bound=Callable[..., Any])


@dataclass(frozen=True)
class Family:
    """A family of rules.

    Attributes:
        name: Its name.
        make: Parameters -> designed rule.
        ratio: Its ratio, for a reader.
        keeps: Criterion -> theorem by which every member keeps it.
        parameters: What is free.
        source: Equation of docs/theory.md, and paper.
        only_complete: The one member that is complete, where there is one only; else empty.
    """

    name: str
    make: Callable[..., Any]
    ratio: str
    keeps: Mapping[str, str]
    parameters: str
    source: str
    only_complete: str = ""
    summary: str = field(default="")


FAMILIES: Registry[Family] = Registry(
    "family of rules",
    order=(
        "degree_tilted", "measure", "power_path", "monotone_path", "weighted_shapley", "ordered", "owen",
        "semivalue", "sharing",
    ),
)  # fmt: skip
"""Name -> family, in the order of the table in docs/design.md."""


def family(
    name: str, *, ratio: str, keeps: Mapping[str, str], parameters: str, source: str, only_complete: str = ""
) -> Callable[[Maker], Maker]:
    """Return a decorator that files a function making rules as a family."""

    def add(make: Maker) -> Maker:
        summary = (make.__doc__ or "").strip().split("\n")[0]
        FAMILIES.register(name)(Family(name, make, ratio, keeps, parameters, source, only_complete, summary))
        return make

    return add
