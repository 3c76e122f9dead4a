"""Attribution methods side by side: scores, ratios, verdicts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from taylorattr.attribution import Attribution
from taylorattr.html.about import About
from taylorattr.html.given import Given
from taylorattr.html.numbers import count
from taylorattr.html.section import Section
from taylorattr.html.table import Column, Table
from taylorattr.html.verdicts import MARKS, cells, report_of
from taylorattr.plot.labels import shortened

PLAYERS = 200
"""Players with a row of their own, those with the largest share of a method's scores."""


def build(given: Given, about: About) -> Section | None:
    """Return the section: one table per set of players and example, one of ratios and verdicts."""
    if not given.scores:
        return None
    parts = []
    for place, group in enumerate(grouped(given.scores)):
        labels = labelled([a.method for a in group])
        batch = max(a.batch for a in group)
        for e in given.shown(batch):
            held = [(a, label) for a, label in zip(group, labels, strict=True) if e < a.batch]
            table = _scores([a for a, _ in held], [label for _, label in held], e, place)
            parts.append({"example": e, "table": table, "players": _players(group[0].names)})
    rules = _rules(given)
    return Section(
        key="methods",
        title="Methods side by side",
        content={"parts": parts, "rules": rules},
        tables=(*(part["table"] for part in parts), rules),
        short="Methods",
    )


def grouped(attributions: Sequence[Attribution]) -> list[list[Attribution]]:
    """Return the attributions by their players: only those of the same players can be compared."""
    groups: dict[tuple[str, ...], list[Attribution]] = {}
    for attribution in attributions:
        groups.setdefault(attribution.names, []).append(attribution)
    return list(groups.values())


def _players(names: tuple[str, ...]) -> str:
    few = ", ".join(shortened(name, 24) for name in names[:3])
    return f"{count(len(names), 'player')}: {few}{', …' if len(names) > 3 else ''}"


def labelled(names: Sequence[str]) -> list[str]:
    """Return the names, those that occur again with a number."""
    seen: dict[str, int] = {}
    labels = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        labels.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return labels


def _scores(attributions: list[Attribution], labels: list[str], e: int, place: int) -> Table:
    scores = np.stack([a.player_scores[e].detach().cpu().double().numpy() for a in attributions])
    finite = np.isfinite(scores)
    sizes = np.where(finite, np.abs(scores), 0.0)
    totals = sizes.sum(axis=1, keepdims=True)
    normal = np.where(
        finite, sizes / np.where(totals > 0, totals, 1.0), np.inf
    )  # what is not finite comes first
    order = np.argsort(-normal.max(axis=0), kind="stable")
    shown, rest = order[:PLAYERS], order[PLAYERS:]
    names = attributions[0].names
    columns = [Column("player", "text")]
    doubts = []
    for attribution, label in zip(attributions, labels, strict=True):
        columns.append(Column(label, heat=True))
        errors = attribution.standard_errors
        doubts.append(None if errors is None else errors[e].double().cpu().numpy())
        if errors is not None:
            columns.append(Column(f"± {label}", "size", hint=f"standard error of the scores by {label}"))
    rows = [[names[p], *_spread(scores[:, p], doubts, lambda d, p=p: float(d[p]))] for p in shown]
    foot: list[list[Any]] = []
    if len(rest):
        together = scores[:, rest].sum(axis=1)
        root = [None if d is None else np.array(d[rest]) for d in doubts]
        label = f"{count(len(rest), 'other')} together"
        foot.append([label, *_spread(together, root, lambda d: None)])
    ends = {
        "Σ scores": [float(row.sum()) for row in scores],
        "f(x) − f(b)": [float(a.delta[e]) for a in attributions],
        "gap": [float(a.gap[e]) for a in attributions],
    }
    foot += [[name, *_spread(np.array(values), doubts, lambda d: None)] for name, values in ends.items()]
    zero = [label for a, label in zip(attributions, labels, strict=True) if a.zero_baseline]
    words = "gap = f(x) − f(b) − Σ scores; 0 where a method hands out exactly what there is. "
    if zero:
        words += f"{', '.join(zero)} know no baseline but 0 and conserve f(x) itself, where they conserve. "
    return Table(
        key=f"scores-{place}-{e}",
        title=f"Scores of {count(len(names), 'player')}, example {e}",
        columns=tuple(columns),
        rows=rows,
        foot=foot,
        note=words.strip(),
    )


def _spread(values: np.ndarray, doubts: list[Any], doubt: Any) -> list[Any]:
    """Return one cell per method, and one more where the method has standard errors."""
    found: list[Any] = []
    for value, errors in zip(values, doubts, strict=True):
        found.append(float(value))
        if errors is not None:
            found.append(doubt(errors))
    return found


def _rules(given: Given) -> Table:
    """Return ratio and verdicts of each distinct method."""
    found: dict[tuple[str, str], Attribution] = {}
    for attribution in given.scores:
        found.setdefault((attribution.method, attribution.frame), attribution)
    names = {r.method: r.rule for r in given.reformulations if r.rule}
    rows = []
    for (method, frame), attribution in found.items():
        report = report_of(names.get(method, method), given.criteria)
        size = float(torch.nan_to_num(attribution.relative_gap).max()) if attribution.batch else 0.0
        *marked, why = cells(report, frame)
        rows.append([method, *marked, size, why])
    heads = (
        Column("method", "word"),
        Column("wᵢ(κ)", "text", hint="share of the effect I(κ) that player i is given"),
        Column("kind", "word", hint="U κ alone, S its support, G signs, X further numbers"),
        Column("frame", "word", hint="where the effects are expanded"),
        *MARKS,
        Column("gap", "share", hint="largest |f(x) − f(b) − Σ scores| of the batch, over Σ|scores|"),
        Column("why not, or where", "long"),
    )
    return Table(key="rules", title="Ratios and criteria", columns=heads, rows=rows)
