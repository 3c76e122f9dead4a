"""Results as one page: sections in reading order, templates, style and scripts, nothing from outside."""

from __future__ import annotations

import math
from functools import cache
from importlib import resources
from typing import Any

import jinja2
from markupsafe import Markup

from taylorattr.html import text
from taylorattr.html.audits import audit_section
from taylorattr.html.by_order import order_section
from taylorattr.html.cautions import trust_section
from taylorattr.html.contents import Contents
from taylorattr.html.criteria import criteria_section, probe_section
from taylorattr.html.effects import effect_section
from taylorattr.html.graph import graph_section
from taylorattr.html.question import About, question_section
from taylorattr.html.reformulations import reformulation_section
from taylorattr.html.scores import image_section, score_section
from taylorattr.html.section import Section
from taylorattr.html.text import json_for_html, printable
from taylorattr.plot.labels import clean

CYTOSCAPE = "cytoscape.min.js"
"""The script that draws the interactive graph, kept whole in ``vendor/`` beside its licence and digest."""

CYTOSCAPE_VERSION = "3.34.4"

STYLES = ("page.css", "tables.css", "graph.css", "print.css")
SCRIPTS = ("numbers.js", "examples.js", "tables.js", "graph_drawing.js", "graph.js")


def render(contents: Contents, about: About) -> str:
    """Return the page as text.

    Every value is escaped by the templates, and what cannot be printed becomes a �; the data for scripts is
    JSON in which no character can end its element.
    """
    sections = sections_of(contents, about)
    tables = {table.key: table.payload() for section in sections for table in section.tables}
    graphs = {key: view for section in sections for key, view in section.data.items()}
    return (
        environment()
        .get_template("page.html.jinja")
        .render(
            examples=contents.examples,
            batch=contents.batch,
            about=about,
            sections=sections,
            data=json_for_html({"title": about.title, "tables": tables, "graphs": graphs}),
            styles=[asset(name) for name in STYLES],
            scripts=[*([cytoscape()] if graphs else []), *(asset(name) for name in SCRIPTS)],
            library=CYTOSCAPE_VERSION if graphs else "",
        )
    )


def sections_of(contents: Contents, about: About) -> list[Section]:
    """Return the sections that there is something for, in reading order."""
    sections = [
        question_section(contents, about),
        trust_section(contents),
        order_section(contents),
        graph_section(contents),
        effect_section(contents),
        score_section(contents),
        image_section(contents, about.inputs),
        reformulation_section(contents),
        criteria_section(contents),
        audit_section(contents),
        probe_section(contents),
        _text_section(contents),
    ]
    return [section for section in sections if section is not None]


def _text_section(contents: Contents) -> Section | None:
    """Return results that have no section of their own, as they print themselves."""
    if not contents.others:
        return None
    texts = [(type(result).__name__, str(result)) for result in contents.others]
    return Section("others", "Further results", {"texts": texts})


@cache
def environment() -> jinja2.Environment:
    """Return the templates' environment: everything printed is escaped, a missing name is an error."""
    templates = jinja2.Environment(
        loader=jinja2.PackageLoader("taylorattr.html", "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,  # a misspelt name is an error, not an empty place in the page
        finalize=_printable,  # of everything printed, after escaping is decided
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.filters.update(
        number=text.number,
        signed=lambda value: text.number(value, sign=True),
        percent=text.percent,
        clean=clean,
        size=_relative_size,
        sign=lambda value: "" if not isinstance(value, (int, float)) or not value
        else "negative" if value < 0 else "positive",
    )  # fmt: skip
    templates.globals.update(count=text.count, isinstance=isinstance, str=str, float=float)
    return templates


@cache
def asset(name: str) -> Markup:
    """Return a style sheet or a script of this package."""
    return Markup((resources.files("taylorattr.html") / "assets" / name).read_text(encoding="utf-8"))


def _relative_size(value: float, largest: float) -> float:
    """Return |value| / largest between 0 and 1; 0 for what is not finite."""
    return min(1.0, abs(value) / largest) if math.isfinite(value) else 0.0


def _printable(value: Any) -> Any:
    """Return text without characters that change how a page reads; markup of this package as it is."""
    return printable(value) if isinstance(value, str) and not isinstance(value, Markup) else value


@cache
def cytoscape() -> Markup:
    """Return the script as it is published; its first lines are its licence."""
    folder = resources.files("taylorattr.html") / "vendor"
    return Markup((folder / CYTOSCAPE).read_text(encoding="utf-8"))
