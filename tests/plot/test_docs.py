"""The page about pictures: its code runs, its pictures are there and small, every function is on it."""

import inspect
import re
import runpy
from pathlib import Path

import pytest

from taylorattr import plot

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "plots.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("code", re.findall(r"```python\n(.*?)```", PAGE, re.S))
def test_the_code_runs(code, tmp_path):
    script = tmp_path / "page.py"
    script.write_text(code, encoding="utf-8")
    names = runpy.run_path(str(script))
    assert names["ax"].get_figure() is names["fig"]


def test_pictures_are_there_and_small():
    pictures = re.findall(r"\]\((pictures/.*?\.png)\)", PAGE)
    assert len(pictures) == 6
    assert all((DOCS / path).stat().st_size <= 60_000 for path in pictures)


def test_every_picture_is_on_the_page():
    pictures = {name for name in plot.__all__ if inspect.isfunction(getattr(plot, name))} - {"palette"}
    assert {"allocation_flow", "graph_comparison", "network", "sentence"} <= pictures
    assert [
        name for name in sorted(pictures) if f"plot.{name}(" not in PAGE and f"`{name}`" not in PAGE
    ] == []


def test_the_readme_shows_two_pictures_that_the_script_makes():
    readme = (DOCS.parent / "README.md").read_text(encoding="utf-8")
    shown = re.findall(r"\]\(docs/(pictures/.*?\.png)\)", readme)
    assert len(shown) >= 2
    script = (DOCS.parent / "examples/pictures.py").read_text(encoding="utf-8")
    for path in {*shown, *re.findall(r"\]\((pictures/.*?\.png)\)", PAGE)}:
        assert (DOCS / path).is_file() and f'"{Path(path).stem}"' in script
