"""The script that draws the interactive graph: cytoscape.js, kept whole beside its licence and digest."""

from __future__ import annotations

from functools import cache
from importlib import resources

from markupsafe import Markup

NAME = "cytoscape.min.js"
VERSION = "3.34.4"


@cache
def cytoscape() -> Markup:
    """Return the script as it is published; its first lines are its licence."""
    folder = resources.files("taylorattr.html") / "vendor"
    return Markup((folder / NAME).read_text(encoding="utf-8"))
