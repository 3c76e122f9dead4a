"""Write the tables of formulas and criteria into README.md and docs/, between their markers: `make tables`.

A table stands between ``<!-- formulas -->`` and ``<!-- /formulas -->`` (or ``criteria``); nothing in it is
typed. tests/test_generated_tables.py compares.
"""

from __future__ import annotations

import re
from pathlib import Path

import taylorattr as ta
from taylorattr import tables
from taylorattr.allocation.context import REQUIRED
from taylorattr.allocation.formulas import FormulaTable, formulas
from taylorattr.criteria.report import COLUMNS, CriteriaTable

ROOT = Path(__file__).parents[1]


def short(rules: list[ta.AllocationRule]) -> list[str]:
    """Return the first row of each of the fifteen methods, and what it looks like from x."""
    return [r.name for r in rules if not r.extra and (not r.variant or r.frame == "input")]


def short_formulas(table: FormulaTable) -> str:
    """Return rule, ratio, kind and frame of a few rules, the abbreviations they share below."""
    rows = [(f"`{f.name}`", f.ratio, f.kind, f.frame) for f in table.formulas]
    letters = dict.fromkeys(words for f in table.formulas for words in f.where)
    return tables.markdown(("rule", "ratio wᵢ(κ)", "kind", "frame"), rows) + f"\n\nHere {'; '.join(letters)}."


def short_criteria(table: CriteriaTable) -> str:
    """Return the marks of a few rules; frames with the same marks share a row."""
    rows: dict[tuple[str, ...], list[str]] = {}
    for rule, _, frame, *marks, _ in table.rows():
        rows.setdefault((f"`{rule}`", *marks), []).append(frame)
    cells = [(rule, " and ".join(frames), *marks) for (rule, *marks), frames in rows.items()]
    return tables.markdown(("rule", "frame", *COLUMNS[3:]), cells)


def contexts(rules: list[ta.AllocationRule]) -> str:
    """Return every quantity that a rule reads besides κ."""
    rows = [
        (
            f"`{rule.name}`",
            f"`{name}`",
            f"({', '.join(need.axes)})",
            "" if need.default is REQUIRED else str(need.default),
            need.meaning,
        )
        for rule in rules
        for name, need in rule.needs.items()
    ]
    return tables.markdown(("rule", "quantity", "shape", "default", "meaning"), rows)


def between(text: str, marker: str, table: str) -> str:
    """Return a page with the table between a marker and its end."""
    pattern = rf"(?<=<!-- {marker} -->\n).*?(?=<!-- /{marker} -->)"
    if not re.search(pattern, text, re.S):
        raise ValueError(f"the page has no <!-- {marker} --> … <!-- /{marker} -->")
    return re.sub(pattern, lambda _: table + "\n", text, flags=re.S)


def pages() -> dict[Path, str]:
    """Return every page with tables, as it should read."""
    rules = list(ta.RULES.values())
    every, named = ta.check(all), short(rules)
    wanted = {
        "README.md": {
            "formulas": short_formulas(formulas(ta.RULES[name] for name in named)),
            "criteria": short_criteria(every.of(named)),
        },
        "docs/allocation.md": {"contexts": contexts(rules)},
        "docs/methods.md": {"formulas": formulas().to_markdown()},
        "docs/criteria.md": {"criteria": every.to_markdown()},
    }
    written = {}
    for name, parts in wanted.items():
        text = (ROOT / name).read_text(encoding="utf-8")
        for marker, table in parts.items():
            text = between(text, marker, table)
        written[ROOT / name] = text
    return written


if __name__ == "__main__":
    for path, text in pages().items():
        path.write_text(text, encoding="utf-8")
        print(path.relative_to(ROOT))
