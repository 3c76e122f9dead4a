"""Tables as text, markdown and LaTeX."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence
from typing import TypeAlias

Rows: TypeAlias = Sequence[Sequence[str]]
"""Cells of a table, row by row."""

WIDTH = 100
"""Characters of a line of text."""

SYMBOLS = {
    "₀": "_0", "₁": "_1", "₂": "_2", "₃": "_3", "₄": "_4", "₅": "_5", "ᵢ": "_i", "ⱼ": "_j",
    "ₚ": "_p", "ₖ": "_k",
    "²": "^2", "³": "^3", "⁴": "^4", "⁵": "^5", "⁶": "^6", "⁺": "^+", "′": "'",
    "·": r"\cdot ", "−": "-", "≠": r"\neq ", "≤": r"\leq ", "≥": r"\geq ", "±": r"\pm ", "×": r"\times ",
    "∈": r"\in ", "Σ": r"\sum ", "Π": r"\prod ", "∂": r"\partial ", "…": r"\ldots ", "→": r"\to ",
    "∫": r"\int ",
    "Δ": r"\Delta ", "α": r"\alpha ", "β": r"\beta ", "δ": r"\delta ", "ε": r"\varepsilon ", "κ": r"\kappa ",
    "μ": r"\mu ", "ξ": r"\xi ", "ρ": r"\rho ", "σ": r"\sigma ", "ψ": r"\psi ", "ω": r"\omega ", "π": r"\pi ",
    "τ": r"\tau ", "✓": r"\checkmark ", "✗": r"\times ", "≈": r"\approx ", "½": r"\tfrac12 ",
}  # fmt: skip
"""What LaTeX needs math for."""


def text(head: Sequence[str], rows: Rows) -> str:
    """Return columns of equal width, two spaces apart."""
    table = [head, *rows]
    widths = [max(len(row[k]) for row in table) for k in range(len(head))]
    padded = [[cell.ljust(width) for cell, width in zip(row, widths, strict=True)] for row in table]
    return "\n".join("  ".join(row).rstrip() for row in padded)


def markdown(head: Sequence[str], rows: Rows) -> str:
    """Return a table in markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", r"\|") for cell in row) + " |" for row in lines)


def latex(head: Sequence[str], rows: Rows, columns: str) -> str:
    """Return a table in LaTeX; cells are LaTeX already.

    Args:
        head: Names of the columns, as text.
        rows: Cells.
        columns: Column specification of ``tabular``.
    """
    lines = [" & ".join(row) + r" \\" for row in ([escaped(cell) for cell in head], *rows)]
    body = [lines[0] + r" \hline", *lines[1:]]
    return "\n".join([rf"\begin{{tabular}}{{{columns}}}", *body, r"\end{tabular}"])


def escaped(words: str) -> str:
    """Return a sentence for LaTeX: its symbols as math, its special characters quoted."""
    quoted = re.sub(r"([_&%#{}$])", r"\\\1", words).replace("^", r"\^{}")
    # two symbols side by side would end and begin math between them
    return "".join(f"${SYMBOLS[c]}$" if c in SYMBOLS else c for c in quoted).replace("$$", "")


def paragraph(words: str, indent: int, *, first: str | None = None) -> str:
    """Return a sentence in lines of `WIDTH`, indented; ``first`` is the margin of the first line."""
    margin = " " * indent
    start = margin if first is None else first
    return textwrap.fill(
        words, WIDTH, initial_indent=start, subsequent_indent=margin, break_long_words=False,
        break_on_hyphens=False,
    )  # fmt: skip
