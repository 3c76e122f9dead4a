"""Write the tables of formulas and criteria into README.md and docs/, between their markers: `make tables`.

A table stands between ``<!-- formulas -->`` and ``<!-- /formulas -->`` (or another name); nothing in it is
typed. tests/test_generated_tables.py compares.
"""

from __future__ import annotations

import re
from pathlib import Path

import taylorattr as ta
from taylorattr import tables
from taylorattr.allocation.context import REQUIRED
from taylorattr.allocation.formulas import FormulaTable, formulas
from taylorattr.allocation.receivers import PLAYERS
from taylorattr.criteria.paper.criteria_report import COLUMNS, CriteriaTable

ROOT = Path(__file__).parents[1]

KEPT = {"C2": "no_leak", "C3": "complete"}
"""Criteria whose theorems are told; C1 follows from C3."""


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


def families() -> str:
    """Return every family of designed rules with its theorems."""
    rows = []
    for family in ta.design.FAMILIES.values():
        kept = [f"{mark}: {family.keeps[name]}" for mark, name in KEPT.items() if name in family.keeps]
        only = f"; complete: {family.only_complete} alone" if family.only_complete else ""
        rows.append(
            (f"`{family.name}`", family.ratio, family.parameters, "; ".join(kept) + only, family.source)
        )
    return tables.markdown(("family", "ratio wᵢ(κ)", "free", "every member keeps", "source"), rows)


def attributors(rules: list[ta.AllocationRule], table: CriteriaTable) -> str:
    """Return the built-in rules that run on networks, what they read, their verdicts and their ways."""
    rows = []
    for rule in rules:
        required = [name for name, need in rule.needs.items() if need.default is REQUIRED]
        try:
            made = ta.design.attributor(rule) if not required else None
        except ta.errors.OptionError:
            continue  # about units, cells, pairs, or several baselines
        if made is None and (rule.scope != "players" or rule.receivers is not PLAYERS or rule.kind == "none"):
            continue
        marks = next(row[3:7] for row in table.of([rule.name]).rows())
        ways = ", ".join(dict.fromkeys(f"`{way.name}`" for way in made.ways)) if made else ""
        reads = ", ".join(f"`{name}`" for name in rule.needs)
        rows.append((f"`{rule.name}`", reads, rule.frame, *marks, ways))
    return tables.markdown(("rule", "reads", "frame", *COLUMNS[3:7], "ways"), rows)


def between(text: str, marker: str, table: str) -> str:
    """Return a page with the table between a marker and its end."""
    pattern = rf"(?<=<!-- {marker} -->\n).*?(?=<!-- /{marker} -->)"
    if not re.search(pattern, text, re.S):
        raise ValueError(f"the page has no <!-- {marker} --> … <!-- /{marker} -->")
    return re.sub(pattern, lambda _: table + "\n", text, flags=re.S)


def pages(every: CriteriaTable | None = None) -> dict[Path, str]:
    """Return every page with tables, as it should read.

    Args:
        every: The verdicts of all rules, where they are known already.

    Returns:
        Page -> its text.
    """
    rules = [ta.RULES[name] for name in ta.RULES if name in ta.RULES.own]  # not what a process designed
    every, named = every.of([rule.name for rule in rules]) if every else ta.check(rules), short(rules)
    wanted = {
        "README.md": {
            "formulas": short_formulas(formulas(ta.RULES[name] for name in named)),
            "criteria": short_criteria(every.of(named)),
        },
        "docs/allocation.md": {"contexts": contexts(rules)},
        "docs/methods.md": {"formulas": formulas(rules).to_markdown()},
        "docs/criteria.md": {"criteria": every.to_markdown()},
        "docs/design.md": {"families": families(), "attributors": attributors(rules, every)},
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
