"""What a section of the page is made of: a template's values, and tables that readers sort and download."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal, TypeAlias

CellKind: TypeAlias = Literal["text", "word", "long", "number", "size", "share", "count", "mark"]
"""How a cell is written.

``text`` a name, ``word`` a short word, ``long`` a sentence, ``number`` signed, ``size`` without sign,
``share`` in per cent, ``count`` whole, ``mark`` ✓ or ✗.
"""


@dataclass(frozen=True)
class Column:
    """One column.

    Attributes:
        title: Its head.
        kind: How its cells are written.
        bar: Whether a bar shows the size of the number beside it.
        heat: Whether the cell is coloured by size and sign, on one scale with the other such columns.
        hint: What the head means, where a word needs it.
    """

    title: str
    kind: CellKind = "number"
    bar: bool = False
    heat: bool = False
    hint: str = ""

    @property
    def numeric(self) -> bool:
        """Whether its cells are numbers."""
        return self.kind in ("number", "size", "share", "count")


@dataclass(frozen=True)
class Table:
    """Rows of raw values.

    Attributes:
        key: Its name in the page, unique.
        title: What it holds, also the name of the file that is downloaded.
        columns: Its columns.
        rows: One value per column: a string, a number, or None.
        foot: Rows that stay below whatever is sorted: sums, and what was folded.
        note: What the reader must know about the rows.
        caption: What stands above it, where the title says too much.
    """

    key: str
    title: str
    columns: tuple[Column, ...]
    rows: Sequence[Sequence[Any]]
    foot: Sequence[Sequence[Any]] = ()
    note: str = ""
    caption: str = ""

    # asked for at every cell by the templates, hence once
    @cached_property
    def largest(self) -> tuple[float, ...]:
        """The largest finite size in each column; 1 where there is none."""
        return tuple(self._largest(column) for column in range(len(self.columns)))

    @cached_property
    def hottest(self) -> float:
        """The largest finite size in all coloured columns; 1 where there is none."""
        heated = [size for size, column in zip(self.largest, self.columns, strict=True) if column.heat]
        return max(heated, default=1.0)

    def _largest(self, column: int) -> float:
        """Return the largest finite size in a column; 1 for zeros, so that bars can be divided by it."""
        sizes = [abs(row[column]) for row in self.rows if isinstance(row[column], (int, float))]
        return max((size for size in sizes if math.isfinite(size)), default=0.0) or 1.0

    def payload(self) -> dict[str, Any]:
        """Return what is downloaded: every digit, names as they were given."""
        return {
            "title": self.title,
            "columns": [column.title for column in self.columns],
            "rows": [list(row) for row in self.rows],
            "foot": [list(row) for row in self.foot],
            "note": self.note,
        }


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
