"""Sections into one page: templates, style and scripts of this package, nothing from outside."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache
from importlib import resources
from typing import Any

import jinja2
from markupsafe import Markup

from taylorattr.html import numbers, vendored
from taylorattr.html.about import About
from taylorattr.html.embed import json_for_html, printable
from taylorattr.html.given import Given
from taylorattr.html.section import Section
from taylorattr.plot.labels import clean

STYLES = ("page.css", "tables.css", "graph.css", "print.css")
SCRIPTS = ("numbers.js", "examples.js", "tables.js", "graph_drawing.js", "graph.js")


def render(given: Given, about: About, sections: Sequence[Section]) -> str:
    """Return the page as text.

    Every value is escaped by the templates, and what cannot be printed becomes a �; the data for scripts is
    JSON in which no character can end its element.
    """
    tables = {table.key: table.payload() for section in sections for table in section.tables}
    graphs = {key: view for section in sections for key, view in section.data.items()}
    return (
        environment()
        .get_template("page.html.jinja")
        .render(
            given=given,
            about=about,
            sections=sections,
            data=json_for_html({"title": about.title, "tables": tables, "graphs": graphs}),
            styles=[asset(name) for name in STYLES],
            scripts=[*([vendored.cytoscape()] if graphs else []), *(asset(name) for name in SCRIPTS)],
            library=vendored.VERSION if graphs else "",
        )
    )


def environment() -> jinja2.Environment:
    """Return the templates' environment: everything printed is escaped, a missing name is an error."""
    made = jinja2.Environment(
        loader=jinja2.PackageLoader("taylorattr.html", "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(
        number=numbers.number,
        signed=lambda value: numbers.number(value, sign=True),
        percent=numbers.percent,
        clean=clean,
        size=_relative,
        sign=lambda value: "" if not isinstance(value, (int, float)) or not value
        else "negative" if value < 0 else "positive",
    )  # fmt: skip
    made.globals.update(count=numbers.count, isinstance=isinstance, str=str, float=float)
    return made


@cache
def asset(name: str) -> Markup:
    """Return a style sheet or a script of this package."""
    return Markup((resources.files("taylorattr.html") / "assets" / name).read_text(encoding="utf-8"))


def _relative(value: float, largest: float) -> float:
    """Return |value| / largest between 0 and 1; 0 for what is not finite."""
    return min(1.0, abs(value) / largest) if math.isfinite(value) else 0.0


def _shown(value: Any) -> Any:
    return printable(value) if isinstance(value, str) and not isinstance(value, Markup) else value
