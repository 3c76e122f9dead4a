"""The graph as it stands when the page opens, for paper and for readers without scripts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from taylorattr.html.text import count, percent
from taylorattr.plot.labels import text_width
from taylorattr.plot.ring import EDGE_BEND, areas

DRAWN_EFFECTS = 40
"""Effects drawn, the strongest; the interactive graph begins with the same."""

WIDEST_EDGE, THINNEST_EDGE = 8.0, 0.64
"""Widths of the strongest and of the weakest edge, in units of the drawing."""

HALF_DIAGONAL = 0.8
"""Half a diagonal in units of the drawing per √area in points: 1.6 units are a point."""

NAME_DISTANCE = 20.0
"""From the circle to a name, in units of the drawing."""


@dataclass(frozen=True)
class Still:
    """Shapes of one picture; y points downwards.

    Attributes:
        box: Left, top, width and height of what is drawn.
        dots: Players: x, y, radius, class.
        names: x, y, text, anchor, angle in degrees.
        edges: Path, width, opacity, class.
        marks: Path of a diamond, opacity, class.
        font: Size of the names.
        caption: What is drawn and what is not.
    """

    box: tuple[float, float, float, float]
    dots: tuple[tuple[float, float, float, str], ...]
    names: tuple[tuple[float, float, str, str, float], ...]
    edges: tuple[tuple[str, float, float, str], ...]
    marks: tuple[tuple[str, float, str], ...]
    font: float
    caption: str


def still(view: dict[str, Any]) -> Still:
    """Return the shapes of what :func:`~taylorattr.html.graph.graph_view` returned."""
    players, radius = view["players"], view["radius"]
    drawn = view["effects"][:DRAWN_EFFECTS]
    largest = view["largest"] or 1.0
    # names stand on the circle, one below the other at its sides: each has its share of the circumference
    font = float(max(8.0, min(17.0, 2 * np.pi * radius / max(len(players), 1) / 1.5)))
    names = [_name(player, radius) for player in players]
    edges, marks = [], []
    for effect in reversed(drawn):  # the strongest on top
        share = abs(effect["value"]) / largest
        kind = sign_class(effect["value"])
        ends = [(players[m]["x"], players[m]["y"]) for m in effect["members"]]
        if effect["order"] == 2:
            width = THINNEST_EDGE + (WIDEST_EDGE - THINNEST_EDGE) * share
            edges.append((_curve(*ends), round(width, 2), round(0.25 + 0.6 * share, 3), kind))
            continue
        x, y = effect["x"], effect["y"]
        spokes = "".join(f"M{x:.1f} {y:.1f}L{a:.1f} {b:.1f}" for a, b in ends)
        edges.append((spokes, round(0.56 + 2.4 * share, 2), round(0.15 + 0.5 * share, 3), kind))
        half = HALF_DIAGONAL * float(areas(np.asarray(effect["value"]), largest)) ** 0.5
        marks.append((_diamond(x, y, half), round(0.35 + 0.6 * share, 3), kind))
    many = sum(effect["count"] for effect in view["effects"]) + view["left"]["count"]
    share = sum(effect["share"] for effect in drawn)
    caption = f"The {count(len(drawn), 'strongest interaction')} of {many:,}, {percent(share)} of Σ|effects|."
    return Still(
        box=_box(names, radius, font),
        dots=tuple(
            (p["x"], p["y"], p["size"] / 2, "neutral" if p["others"] else sign_class(p["value"]))
            for p in players
        ),
        names=tuple(names),
        edges=tuple(edges),
        marks=tuple(marks),
        font=font,
        caption=caption if drawn else "No interactions.",
    )


def sign_class(value: float) -> str:
    """Return the class that colours a signed quantity."""
    return "positive" if value > 0 else "negative" if value < 0 else "neutral"


def _name(player: dict[str, Any], radius: float) -> tuple[float, float, str, str, float]:
    """Return x, y, text, anchor and angle of a name outside the circle, never upside down."""
    x, y = player["x"], player["y"]
    reach = (radius + NAME_DISTANCE) / radius
    anchor = "start" if x >= 0 else "end"
    if player["angle"] is None:
        anchor = "middle" if abs(x) < 0.05 * radius else anchor
        return x * reach, y * reach, player["label"], anchor, 0.0
    angle = float(np.degrees(np.arctan2(y, x)))
    turned = angle if -90 <= angle <= 90 else angle - 180 * float(np.sign(angle))
    return x * reach, y * reach, player["label"], anchor, turned


def _curve(one: tuple[float, float], other: tuple[float, float]) -> str:
    """Return the path of an edge, bent towards the centre so that edges of neighbours can be told apart."""
    bend = [EDGE_BEND * (a + b) / 2 for a, b in zip(one, other, strict=True)]
    return f"M{one[0]:.1f} {one[1]:.1f}Q{bend[0]:.1f} {bend[1]:.1f} {other[0]:.1f} {other[1]:.1f}"


def _diamond(x: float, y: float, half: float) -> str:
    return f"M{x:.1f} {y - half:.1f}L{x + half:.1f} {y:.1f}L{x:.1f} {y + half:.1f}L{x - half:.1f} {y:.1f}Z"


def _box(
    names: list[tuple[float, float, str, str, float]], radius: float, font: float
) -> tuple[float, float, float, float]:
    """Return the rectangle that holds the circle and every name."""
    xs, ys = [-radius, radius], [-radius, radius]
    for x, y, text, anchor, angle in names:
        long = text_width(text, font) * 1.12  # the reader's font may run wider than the one measured
        start, end = {"start": (0.0, long), "end": (-long, 0.0)}.get(anchor, (-long / 2, long / 2))
        for along in (start, end):
            xs.append(x + along * float(np.cos(np.radians(angle))))
            ys.append(y + along * float(np.sin(np.radians(angle))))
    pad = font
    left, top = min(xs) - pad, min(ys) - pad
    return left, top, max(xs) + pad - left, max(ys) + pad - top
