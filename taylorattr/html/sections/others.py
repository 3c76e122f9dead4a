"""Results that have no section of their own, as they print themselves."""

from __future__ import annotations

from taylorattr.html.about import About
from taylorattr.html.given import Given
from taylorattr.html.section import Section


def build(given: Given, about: About) -> Section | None:
    """Return the section: the text of each result."""
    if not given.others:
        return None
    return Section(
        "others",
        "Further results",
        {"texts": [(type(result).__name__, str(result)) for result in given.others]},
    )
