"""The page about the report: its code runs, its table has every section, its picture is there and small."""

import re
from pathlib import Path

import taylorattr

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "report.md").read_text(encoding="utf-8")


def test_the_code_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, re.S)
    exec(compile(code, "report.md", "exec"), {})
    assert (tmp_path / "page.html").stat().st_size > 500_000
    assert (tmp_path / "audit.html").is_file()


def test_every_section_is_on_the_page():
    titles = re.findall(r"^\| ([A-Z][^|]*) \|", PAGE.split("## The graph")[0], re.M)
    templates = (Path(taylorattr.__file__).parent / "html/templates/sections").iterdir()
    assert len(titles) == len(list(templates))


def test_the_picture_is_there_and_small():
    (picture,) = re.findall(r"\]\((pictures/.*?\.png)\)", PAGE)
    assert 5_000 < (DOCS / picture).stat().st_size <= 120_000
