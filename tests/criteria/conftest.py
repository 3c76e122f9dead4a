"""One table of all verdicts for all tests."""

import pytest

import taylorattr as ta


@pytest.fixture(scope="session")
def every() -> ta.CriteriaTable:
    return ta.check(all)
