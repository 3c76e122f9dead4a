"""The tables of README.md and docs/ are what the rules say; `make tables` writes them."""

import re
import runpy
from pathlib import Path

import pytest

import taylorattr as ta

ROOT = Path(__file__).parents[1]
SCRIPT = runpy.run_path(str(ROOT / "docs/tables.py"))


PAGES = ["README.md", "docs/allocation.md", "docs/methods.md", "docs/criteria.md", "docs/design.md"]


@pytest.fixture(scope="module")
def pages(all_verdicts):
    return SCRIPT["pages"](all_verdicts)


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_up_to_date(pages, name):
    path = ROOT / name
    assert path.read_text(encoding="utf-8") == pages[path], f"{name} is out of date: run `make tables`"


def test_the_readme_has_the_fifteen():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    for marker in ("formulas", "criteria"):
        part = text.split(f"<!-- {marker} -->")[1].split(f"<!-- /{marker} -->")[0]
        named = re.findall(r"^\| `([^`]+)`", part, re.M)
        assert set(ta.METHODS) <= set(named) <= set(ta.RULES)


def test_a_page_without_markers_is_refused():
    with pytest.raises(ValueError, match="<!-- criteria -->"):
        SCRIPT["between"]("no markers", "criteria", "table")
    assert SCRIPT["between"]("<!-- x -->\nold\n<!-- /x -->", "x", r"n\1w") == "<!-- x -->\nn\\1w\n<!-- /x -->"


@pytest.mark.parametrize("page", ["docs/criteria.md", "docs/design.md"])
def test_the_code_of_a_page_runs(page):
    for code in re.findall(r"```python\n(.*?)```", (ROOT / page).read_text(encoding="utf-8"), re.S):
        exec(code, {})
