"""One table of all verdicts for all tests."""

import pytest

import taylorattr as ta


@pytest.fixture(scope="session")
def every(all_verdicts) -> ta.CriteriaTable:
    return all_verdicts
