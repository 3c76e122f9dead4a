"""Every test and every example in a docstring: what one designs, no other one meets."""

import sys
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def forget_designed_rules() -> Iterator[None]:
    """Take out of the registries what a test designed."""
    build = sys.modules.get("taylorattr.design.build")
    before = set(build.DESIGNS) if build else set()
    yield
    if "taylorattr.design.build" not in sys.modules:
        return
    from taylorattr.allocation.rule import RULES
    from taylorattr.design.build import DESIGNS
    from taylorattr.methods.method import OWN

    for name in set(DESIGNS) - before:
        for registry in (DESIGNS, RULES, OWN):
            registry._entries.pop(name, None)
