"""One section of the page: data for one template."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from taylorattr.html.table import Table


@dataclass(frozen=True)
class Section:
    """What one template shows.

    Attributes:
        key: Anchor of the section, and name of its template.
        title: Its heading.
        content: What the template reads.
        tables: Its tables, for download.
        data: Further data that the page's scripts read, by name.
        short: What the list of sections calls it; empty: its title.
    """

    key: str
    title: str
    content: Mapping[str, Any] = field(default_factory=dict)
    tables: tuple[Table, ...] = ()
    data: Mapping[str, Any] = field(default_factory=dict)
    short: str = ""

    @property
    def template(self) -> str:
        """Name of its template."""
        return f"sections/{self.key}.html.jinja"
