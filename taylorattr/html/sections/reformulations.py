"""Each method as the weighted sum of effects that it is."""

from __future__ import annotations

from typing import Any

from taylorattr.allocation.rule import RULES
from taylorattr.errors import TaylorAttrError
from taylorattr.html.about import About
from taylorattr.html.given import Given
from taylorattr.html.numbers import amount
from taylorattr.html.pictures.share_table import share_table
from taylorattr.html.section import Section
from taylorattr.html.sections.methods import labelled
from taylorattr.html.table import Column, Table
from taylorattr.reformulation.result import Reformulation

SENTENCES = 3
"""Scores written out as sums."""

TERMS = 6
"""Terms of each sum."""


def build(given: Given, about: About) -> Section | None:
    """Return the section: per method and example the sums, what separates them, and the shares."""
    if not given.reformulations:
        return None
    labels = labelled([r.method for r in given.reformulations])
    parts = []
    for place, (result, label) in enumerate(zip(given.reformulations, labels, strict=True)):
        examples = [_example(result, e, place) for e in given.shown(result.direct.batch)]
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
    beside = _beside(given, labels)
    tables = [example["shares"] for part in parts for example in part["examples"] if example["shares"]]
    return Section(
        key="reformulations",
        title="Methods as sums of effects",
        content={"parts": parts, "beside": beside},
        tables=(*(table for _, table in beside), *tables),
        short="Sums of effects",
    )


def _example(result: Reformulation, e: int, place: int) -> dict[str, Any]:
    shares, why, sentences = None, "", []
    if result.effects and result.rule in RULES:
        try:
            title = f"Shares by {result.method}, example {e}"
            shares = share_table(result, f"shares-{place}-{e}", title, e)
        except TaylorAttrError as error:
            why = str(error)
        order = result.direct.player_scores[e].abs().argsort(descending=True)
        sentences = [result.sentence(receiver, e, TERMS) for receiver in order[:SENTENCES].tolist()]
    return {"example": e, "shares": shares, "why": why, "sentences": sentences}


def _unknown(rule: str) -> str:
    return (
        f"The rule {rule} is not defined in the program that wrote this page: its ratio and its shares are "
        "missing. Import the module that defines it before making the page."
    )


def _beside(given: Given, labels: list[str]) -> list[tuple[int, Table]]:
    """Return one table per example: how far each method lies from its sum, and what allows it."""
    found = []
    for e in given.examples:
        rows = []
        for result, label in zip(given.reformulations, labels, strict=True):
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
            rows.append([label, size, share, allowed if allowed == allowed else None, verdict, parts])
        columns = (
            Column("method", "word"),
            Column("largest difference", "size"),
            Column("of Σ|scores|", "share"),
            Column("allowed", "size", hint="sum of all errors; — where one of them has no bound"),
            Column("verdict", "word"),
            Column("by what", "long"),
        )
        title = f"Direct scores beside Σ w·I, example {e}"
        found.append((e, Table(f"beside-{e}", title, columns, rows)))
    return found
