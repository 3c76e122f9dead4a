"""What every test shares: reproducible examples, one thread, no display."""

import os
import sys

os.environ.setdefault("MPLBACKEND", "Agg")

import pytest
import torch
from hypothesis import HealthCheck, settings

# Derandomised: a law that holds today holds tomorrow; new examples come with changed tests, not with luck.
settings.register_profile(
    "taylorattr",
    deadline=None,
    derandomize=True,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("taylorattr")

torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def forget_designed_rules():
    """Take out of the registries what a test designed, so that no other test meets it there."""
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
