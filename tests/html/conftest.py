"""One page of everything for all tests: the verdicts on it take seconds."""

import pytest

from tests.html.pages import HOSTILE, everything


@pytest.fixture(scope="session")
def full(tmp_path_factory):
    """A page whose title, target and names are an attacker's."""
    return everything(tmp_path_factory.mktemp("page") / "full.html", title=HOSTILE[1], target=HOSTILE[1])
