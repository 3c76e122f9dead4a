"""Results in a notebook: their sums as text, the largest entries as a table with bars; no scripts."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import TypeAlias

Entry: TypeAlias = tuple[str, float, float, tuple[int, ...]]
"""Name, value, share and key: an ``Effect``."""

POSITIVE, NEGATIVE = "#c0392b", "#2c6fbb"
"""Colours of bars, those of the pictures; texts take the colour of the notebook, light or dark."""

BAR = 120
"""Width of the column of bars, in pixels."""

CELL = "padding:1px 8px;border:0;background:none;text-align:"


def text_html(text: str) -> str:
    """Return a result that has no table as it prints itself."""
    return f'<pre style="line-height:1.25;white-space:pre-wrap">{escape(text)}</pre>'


def table_html(
    title: str,
    summary: str,
    entries: Sequence[Sequence[Entry]],
    cautions: Sequence[str] = (),
    example: str = "  example ",
) -> str:
    """Return a result as HTML: its title, then for each example what sums up and a table of entries.

    Args:
        title: First line.
        summary: Text of the result without its entries; what is said of an example begins with ``example``.
        entries: The largest entries of the first examples.
        cautions: What must be read first of each of these examples; "" for nothing.
        example: How the part of an example begins.
    """
    _, *parts = summary.split(f"\n{example}")
    more = ""
    if parts and "\n  … and " in parts[-1]:
        parts[-1], more = parts[-1].rsplit("\n  ", 1)
    blocks = [f"<b>{escape(title)}</b>"]
    for number, (facts, rows) in enumerate(zip(parts, entries, strict=True)):
        words = " · ".join(line.strip() for line in facts.splitlines())
        blocks.append(f"<div>example {escape(words)}</div>")
        if number < len(cautions) and cautions[number]:
            blocks.append(f"<div><b>⚠ {escape(cautions[number])}</b></div>")
        blocks.append(_table(rows))
    blocks += [f"<div>{escape(more)}</div>"] if more else []
    return f'<div style="font-size:13px;line-height:1.35">{"".join(blocks)}</div>'


def _table(rows: Sequence[Entry]) -> str:
    """Return entries as rows: name, a bar from the middle to the side of its sign, value and share."""
    if not rows:
        return "<div>every entry is 0</div>"
    largest = max(abs(value) for _, value, *_ in rows)
    lines = []
    for name, value, share, _ in rows:
        length = round(BAR / 2 * abs(value) / largest, 1)
        left = BAR / 2 if value > 0 else BAR / 2 - length
        colour = POSITIVE if value > 0 else NEGATIVE
        bar = (
            f'<div style="width:{BAR}px;height:10px"><div style="margin-left:{left:g}px;width:{length:g}px;'
            f'height:10px;background:{colour}"></div></div>'
        )
        cells = (("left", escape(name)), ("left", bar), ("right", f"{value:+.6g}"))
        cells = (*cells, ("right", f"{share:.1%}"))
        written = "".join(f'<td style="{CELL}{side}">{text}</td>' for side, text in cells)
        lines.append(f'<tr style="background:none">{written}</tr>')
    return f'<table style="border-collapse:collapse;margin:2px 0 6px 0">{"".join(lines)}</table>'
