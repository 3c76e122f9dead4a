"""The page about pictures: its code runs, its pictures are there and small, every function is on it."""

import re
import runpy
from pathlib import Path

from taylorattr import plot

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "plots.md").read_text(encoding="utf-8")


def test_the_code_runs(tmp_path):
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, re.S)
    script = tmp_path / "page.py"
    script.write_text(code, encoding="utf-8")
    names = runpy.run_path(str(script))
    assert names["ax"].get_figure() is names["fig"]


def test_pictures_are_there_and_small():
    pictures = re.findall(r"\]\((pictures/.*?\.png)\)", PAGE)
    assert len(pictures) == 3
    assert all((DOCS / path).stat().st_size <= 60_000 for path in pictures)


def test_every_picture_of_results_is_on_the_page():
    drawn = {
        "allocation_flow",
        "by_order",
        "comparison",
        "convergence",
        "heat_map",
        "sentence",
        "top_effects",
    }
    assert drawn | {"upset"} <= set(plot.__all__)
    assert all(f"`{name}`" in PAGE or f"plot.{name}(" in PAGE for name in drawn | {"upset"})
