"""Where the numbers of the page cannot be trusted."""

from __future__ import annotations

from typing import Any

from taylorattr.html.about import About
from taylorattr.html.cautions import Caution, cautions
from taylorattr.html.given import Given
from taylorattr.html.section import Section


def build(given: Given, about: About) -> Section:
    """Return the section; it says so where nothing was found."""
    found = cautions(given)
    return Section(
        key="trust",
        title="Before trusting the numbers",
        content={"cautions": _by_result(found)},
        short="Trust",
    )


def _by_result(found: list[Caution]) -> list[dict[str, Any]]:
    """Return one entry per result and gravity; advice that several lines share is said once."""
    entries: dict[tuple[str, bool], dict[str, Any]] = {}
    for caution in found:
        fresh = {"about": caution.about, "grave": caution.grave, "lines": []}
        lines = entries.setdefault((caution.about, caution.grave), fresh)["lines"]
        if lines and lines[-1]["advice"] == caution.advice:
            lines[-1]["advice"] = ""
        lines.append({"where": caution.where, "sentence": caution.sentence, "advice": caution.advice})
    return list(entries.values())
