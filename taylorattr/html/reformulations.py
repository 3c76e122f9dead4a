"""The section of reformulations: each method as the weighted sum of effects that it is."""

from __future__ import annotations

import math
from typing import Any

from taylorattr.allocation.rule import RULES
from taylorattr.errors import TaylorAttrError
from taylorattr.html.contents import Contents
from taylorattr.html.scores import labelled
from taylorattr.html.section import Column, Section, Table
from taylorattr.html.shares import share_table
from taylorattr.html.text import amount
from taylorattr.reformulation.result import Reformulation

WRITTEN_SCORES = 3
"""Scores of an example that are written out as sums, the largest."""

WRITTEN_TERMS = 6
"""Terms of each of these sums."""


def reformulation_section(contents: Contents) -> Section | None:
    """Return the section: per method and example the sums, what separates them, and the shares."""
    if not contents.reformulations:
        return None
    labels = labelled([r.method for r in contents.reformulations])
    parts = []
    for number, (result, label) in enumerate(zip(contents.reformulations, labels, strict=True)):
        examples = [_example(result, e, number) for e in contents.examples_of(result.direct.batch)]
        known = result.rule in RULES
        parts.append(
            {
                "label": label,
                "rule": result.allocation_rule if known and result.effects else None,
                "unknown": "" if known or not result.effects else _unknown(result.rule),
                "examples": examples,
                "remarks": result.remarks,
                "references": len(result.effects),
                "layers": "" if result.layers is None else str(result.layers),
                "formal": "" if result.formal is None else str(result.formal),
            }
        )
    beside = _beside(contents, labels)
    tables = [example["shares"] for part in parts for example in part["examples"] if example["shares"]]
    return Section(
        key="reformulations",
        title="Methods as sums of effects",
        content={"parts": parts, "beside": beside},
        tables=(*(table for _, table in beside), *tables),
        short="Sums of effects",
    )


def _example(result: Reformulation, e: int, number: int) -> dict[str, Any]:
    """Return shares of one example, or why there are none, and its largest scores as sums."""
    shares, why, sentences = None, "", []
    if result.effects and result.rule in RULES:
        try:
            title = f"Shares by {result.method}, example {e}"
            shares = share_table(result, f"shares-{number}-{e}", title, e)
        except TaylorAttrError as error:
            why = str(error)
        order = result.direct.player_scores[e].abs().argsort(descending=True)
        sentences = [
            result.sentence(receiver, e, WRITTEN_TERMS) for receiver in order[:WRITTEN_SCORES].tolist()
        ]
    return {"example": e, "shares": shares, "why": why, "sentences": sentences}


def _unknown(rule: str) -> str:
    """Return why a ratio is missing: a user's rule lives only in the program that defines it."""
    return (
        f"The rule {rule} is not defined in the program that wrote this page: its ratio and its shares are "
        "missing. Import the module that defines it before making the page."
    )


def _beside(contents: Contents, labels: list[str]) -> list[tuple[int, Table]]:
    """Return one table per example: how far each method lies from its sum, and what allows it."""
    tables = []
    for e in contents.examples:
        rows = []
        for result, label in zip(contents.reformulations, labels, strict=True):
            if e >= result.direct.batch:
                continue
            size = float(result.difference[e].abs().max())
            allowed = float(result.allowed[e].max())
            explained = bool(result.explained[e].all())
            wide = bool(result.wide[e].any())
            verdict = "wide bound" if explained and wide else "explained" if explained else "not explained"
            parts = "; ".join(
                f"{name} ≤ {amount(float(v[e].max()), False)}" for name, v in result.errors.items()
            )
            share = float(result.relative_difference[e])
            # NaN means that one of the errors has no bound
            rows.append([label, size, share, None if math.isnan(allowed) else allowed, verdict, parts])
        columns = (
            Column("method", "word"),
            Column("largest difference", "size"),
            Column("of Σ|scores|", "share"),
            Column("allowed", "size", hint="sum of all errors; — where one of them has no bound"),
            Column("verdict", "word"),
            Column("by what", "long"),
        )
        title = f"Direct scores beside Σ w·I, example {e}"
        tables.append((e, Table(f"beside-{e}", title, columns, rows)))
    return tables
