"""docs/methods.md names every method with every option, and its code runs."""

import re
from pathlib import Path

import pytest

import taylorattr as ta

PAGE = (Path(__file__).parents[1] / "docs/methods.md").read_text(encoding="utf-8")


def section(name):
    """From the method's heading to the next one, with what its family shares."""
    own = re.search(rf"^### {name}\n(.*?)(?=^##)", PAGE, re.M | re.S)
    assert own, f"docs/methods.md has no section {name}"
    shared = PAGE[PAGE.index("Shared options:") : PAGE.index("### lrp_epsilon")]
    return own[1] + (shared if ta.METHODS[name].family == "relevance" else "")


@pytest.mark.parametrize("name", list(ta.METHODS))
def test_every_option_is_named_in_its_section(name):
    text = section(name)
    missing = [o for o in ta.METHODS[name].options if f"`{o}`" not in text and f"`{o}=" not in text]
    assert not missing


def test_sections_are_in_the_order_of_the_methods():
    assert re.findall(r"^### (\w+)", PAGE, re.M) == list(ta.METHODS)


def test_equations_it_cites_exist():
    theory = (Path(__file__).parents[1] / "docs/theory.md").read_text(encoding="utf-8")
    stated = set(re.findall(r"^\*\*\((\d+[ab]?)\)\*\*", theory, re.M))
    assert set(re.findall(r"\((\d\d)\)", PAGE)) <= stated


@pytest.mark.parametrize("code", re.findall(r"```python\n(.*?)```", PAGE, re.S))
def test_its_code_runs(code):
    exec(code, {})
