"""The registry of laws that hold for every attribution rule, and what one of them says of a rule."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from taylorattr.design.verify.subject import Subject
from taylorattr.registry import Registry


@dataclass(frozen=True)
class Kept:
    """The law was kept wherever it was looked at.

    Attributes:
        looked_at: Where that was.
    """

    looked_at: str


@dataclass(frozen=True)
class Broken:
    """The law is broken.

    Attributes:
        what: What was found and what was expected.
        case: The smallest case that was found.
    """

    what: str
    case: str = ""


@dataclass(frozen=True)
class NotApplicable:
    """The law says nothing of this rule.

    Attributes:
        reason: Why.
    """

    reason: str


Outcome: TypeAlias = Kept | Broken | NotApplicable


@dataclass(frozen=True)
class Law:
    """A law.

    Attributes:
        name: Its name.
        statement: What holds, in a sentence.
        look: Looks whether it holds for a rule.
    """

    name: str
    statement: str
    look: Callable[[Subject], Outcome]


LAW_ORDER = (
    "verdicts", "guarantees", "renaming", "allocation", "attributor", "networks", "probe", "ways", "samples",
    "sums", "dummy", "scale", "shift", "additivity", "batch", "precision", "seed", "model_untouched",
    "results_saved", "rule_saved",
)  # fmt: skip

LAWS: Registry[Law] = Registry("law", LAW_ORDER)
"""Name -> law, in the order in which they are looked at."""


def law(name: str, statement: str) -> Callable[[Callable[[Subject], Outcome]], Callable[[Subject], Outcome]]:
    """Return a decorator that files a law.

    Args:
        name: Its name.
        statement: What holds, in a sentence.
    """

    def add(look: Callable[[Subject], Outcome]) -> Callable[[Subject], Outcome]:
        LAWS.register(name)(Law(name, statement, look))
        return look

    return add
