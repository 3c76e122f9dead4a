"""The sections of scores: methods side by side with ratios and verdicts, and scores of images as images."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from taylorattr.attribution import Attribution
from taylorattr.html.contents import Contents
from taylorattr.html.criteria import MARK_COLUMNS, report_of, verdict_cells
from taylorattr.html.section import Column, Section, Table
from taylorattr.html.text import count
from taylorattr.plot.labels import shortened
from taylorattr.plot.style import chosen

LISTED_PLAYERS = 200
"""Players with a row of their own, those with the largest share of a method's scores."""

SMALLEST_IMAGE = 4
"""Pixels a side from which on a tensor is taken for an image: smaller ones are tables."""


def score_section(contents: Contents) -> Section | None:
    """Return the section: one table per set of players and example, one of ratios and verdicts."""
    if not contents.scores:
        return None
    parts = []
    for number, group in enumerate(grouped(contents.scores)):
        labels = labelled([a.method for a in group])
        for e in contents.examples_of(max(a.batch for a in group)):
            columns = [(a, label) for a, label in zip(group, labels, strict=True) if e < a.batch]
            table = _score_table(columns, e, f"scores-{number}-{e}")
            parts.append({"example": e, "table": table, "players": _players(group[0].names)})
    rules = _rule_table(contents)
    return Section(
        key="methods",
        title="Methods side by side",
        content={"parts": parts, "rules": rules},
        tables=(*(part["table"] for part in parts), rules),
        short="Methods",
    )


def grouped(attributions: Sequence[Attribution]) -> list[list[Attribution]]:
    """Return the attributions by their players: only those of the same players can be compared."""
    groups: dict[tuple[str, ...], list[Attribution]] = {}  # by names: results do not keep their players
    for attribution in attributions:
        groups.setdefault(attribution.names, []).append(attribution)
    return list(groups.values())


def _players(names: tuple[str, ...]) -> str:
    """Return how many players there are and the names of the first."""
    few = ", ".join(shortened(name, 24) for name in names[:3])
    return f"{count(len(names), 'player')}: {few}{', …' if len(names) > 3 else ''}"


def labelled(names: Sequence[str]) -> list[str]:
    """Return the names, those that occur again with a number."""
    occurrences: dict[str, int] = {}
    labels = []
    for name in names:
        occurrences[name] = occurrences.get(name, 0) + 1
        labels.append(name if occurrences[name] == 1 else f"{name} ({occurrences[name]})")
    return labels


def _score_table(methods: list[tuple[Attribution, str]], e: int, key: str) -> Table:
    """Return one row per player and one column per method, with one more for standard errors.

    Args:
        methods: Attributions of the same players, each with its column's title.
        e: Which example.
        key: Of the table.
    """
    attributions = [attribution for attribution, _ in methods]
    scores = np.stack([a.player_scores[e].detach().cpu().double().numpy() for a in attributions])
    finite = np.isfinite(scores)
    sizes = np.where(finite, np.abs(scores), 0.0)
    totals = sizes.sum(axis=1, keepdims=True)
    # methods differ in scale, so that players are ranked by shares; what is not finite comes first
    shares = np.where(finite, sizes / np.where(totals > 0, totals, 1.0), np.inf)
    order = np.argsort(-shares.max(axis=0), kind="stable")
    listed, rest = order[:LISTED_PLAYERS], order[LISTED_PLAYERS:]
    names = attributions[0].names
    columns = [Column("player", "text")]
    errors: list[np.ndarray | None] = []
    for attribution, label in methods:
        columns.append(Column(label, heat=True))
        own = attribution.standard_errors
        errors.append(None if own is None else own[e].double().cpu().numpy())
        if own is not None:
            columns.append(Column(f"± {label}", "size", hint=f"standard error of the scores by {label}"))

    def cells(values: Sequence[float] | np.ndarray, error: Callable[[np.ndarray], float | None]) -> list[Any]:
        """Return a value per method, and what ``error`` makes of its standard errors where it has them."""
        row: list[Any] = []
        for value, own in zip(values, errors, strict=True):
            row.append(float(value))
            if own is not None:
                row.append(error(own))
        return row

    rows = [[names[p], *cells(scores[:, p], lambda own, p=p: float(own[p]))] for p in listed]
    sums = {
        "Σ scores": scores.sum(axis=1),
        "f(x) − f(b)": [float(a.delta[e]) for a in attributions],
        "gap": [float(a.gap[e]) for a in attributions],
    }
    if len(rest):
        sums = {f"{count(len(rest), 'other')} together": scores[:, rest].sum(axis=1), **sums}
    # errors of sums are not the sums of errors: scores of one sample depend on each other
    foot = [[name, *cells(values, lambda own: None)] for name, values in sums.items()]
    from_zero = [label for a, label in methods if a.zero_baseline]
    note = "gap = f(x) − f(b) − Σ scores; 0 where a method hands out exactly what there is. "
    if from_zero:
        note += (
            f"{', '.join(from_zero)} know no baseline but 0 and conserve f(x) itself, where they conserve. "
        )
    return Table(
        key=key,
        title=f"Scores of {count(len(names), 'player')}, example {e}",
        columns=tuple(columns),
        rows=rows,
        foot=foot,
        note=note.strip(),
    )


def _rule_table(contents: Contents) -> Table:
    """Return ratio and verdicts of each distinct method."""
    methods: dict[tuple[str, str], Attribution] = {}
    for attribution in contents.scores:
        methods.setdefault((attribution.method, attribution.frame), attribution)
    rules = {r.method: r.rule for r in contents.reformulations if r.rule}
    rows = []
    for (method, frame), attribution in methods.items():
        report = report_of(rules.get(method, method), contents.criteria)
        gap = float(torch.nan_to_num(attribution.relative_gap).max()) if attribution.batch else 0.0
        *verdicts, reasons = verdict_cells(report, frame)
        rows.append([method, *verdicts, gap, reasons])
    heads = (
        Column("method", "word"),
        Column("wᵢ(κ)", "text", hint="share of the effect I(κ) that player i is given"),
        Column("kind", "word", hint="U κ alone, S its support, G signs, X further numbers"),
        Column("frame", "word", hint="where the effects are expanded"),
        *MARK_COLUMNS,
        Column("gap", "share", hint="largest |f(x) − f(b) − Σ scores| of the batch, over Σ|scores|"),
        Column("why not, or where", "long"),
    )
    return Table(key="rules", title="Ratios and criteria", columns=heads, rows=rows)


def image_section(contents: Contents, inputs: object) -> Section | None:
    """Return the section: the input, where it was given, and one picture per method that scores pixels."""
    labels = labelled([a.method for a in contents.scores])
    rows = []
    for e in contents.examples:
        pictures: list[dict[str, Any]] = []
        for attribution, label in zip(contents.scores, labels, strict=True):
            plane = image_plane(attribution.scores, e)
            if plane is not None and not _row_by_row(attribution, plane):
                largest = float(abs(plane).max())
                pictures.append({"uri": signed_picture(plane), "label": label, "largest": largest})
        if not pictures:
            continue
        image = image_plane(inputs, e)
        if image is not None:
            pictures.insert(0, {"uri": grey_picture(image), "label": "input", "largest": None})
        rows.append({"example": e, "pictures": pictures})
    if not rows:
        return None
    return Section("images", "Scores on the image", {"rows": rows})


def _row_by_row(attribution: Attribution, plane: np.ndarray) -> bool:
    """Return whether each row is one player, as in a sentence of embedded tokens: that is no image."""
    return attribution.n == len(plane) and bool((plane == plane[:, :1]).all())


def image_plane(values: object, example: int) -> np.ndarray | None:
    """Return one example of image-shaped values, channels added up, shape (H, W); None for anything else.

    Args:
        values: A tensor (B, H, W), (B, 1, H, W) or (B, 3, H, W); something else is no image.
        example: Which example.
    """
    if not isinstance(values, Tensor) or values.ndim not in (3, 4) or example >= len(values):
        return None
    row = values[example].detach().cpu().double()
    if row.ndim == 3:
        if row.shape[0] not in (1, 3):
            return None
        row = row.sum(0)
    if min(row.shape) < SMALLEST_IMAGE:
        return None
    array = row.numpy()
    return array if np.isfinite(array).all() else None


def signed_picture(plane: np.ndarray) -> str:
    """Return a PNG as ``data:`` URI, a pixel per pixel; the darkest red or blue is the largest size."""
    top = float(np.abs(plane).max()) or 1.0
    return _png(chosen().colour_map()(0.5 + 0.5 * plane / top))


def grey_picture(plane: np.ndarray) -> str:
    """Return a PNG as ``data:`` URI, the smallest value white and the largest black."""
    low, high = float(plane.min()), float(plane.max())
    level = 1 - (plane - low) / ((high - low) or 1.0)
    return _png(np.dstack([level] * 3))


def _png(colours: np.ndarray) -> str:
    """Return colours (H, W, 3 or 4) in [0, 1] as a picture inside the page."""
    from matplotlib.image import imsave  # loading matplotlib costs 0.3 s, and most pages show no images

    file = io.BytesIO()
    imsave(file, np.ascontiguousarray(colours), format="png")
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode('ascii')}"
