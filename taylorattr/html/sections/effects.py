"""The effects themselves, largest first."""

from __future__ import annotations

from taylorattr.html.about import About
from taylorattr.html.given import Given
from taylorattr.html.pictures.effect_rows import effect_table
from taylorattr.html.section import Section


def build(given: Given, about: About) -> Section | None:
    """Return the section: one table per result and example."""
    parts = [
        {"source": source, "example": e, "table": effect_table(source, e, given.most)}
        for source in given.sources
        for e in given.shown(source.batch)
    ]
    if not parts:
        return None
    return Section(
        key="effects",
        title="Effects",
        content={"parts": parts},
        tables=tuple(part["table"] for part in parts),
    )
