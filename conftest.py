"""Every test and every example in a docstring: what one designs, no other one meets."""

from collections.abc import Iterator

import pytest

from taylorattr.registry import DESIGNS


@pytest.fixture(autouse=True)
def forget_designed_rules() -> Iterator[None]:
    """Forget what a test designed."""
    before = set(DESIGNS)
    yield
    for name in set(DESIGNS) - before:
        DESIGNS.unregister(name)
