"""Scores of pixels or patches laid over the image they belong to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias

import networkx as nx
import numpy as np
from torch import Tensor

from taylorattr.aliases import Tensors
from taylorattr.analysis.players import Players, player_maps
from taylorattr.attribution import Attribution
from taylorattr.criteria.audit.audit_report import AuditReport
from taylorattr.errors import OptionError, ShapeError
from taylorattr.graphs.graph_source import GraphSource
from taylorattr.plot.entries import check_count, folded, one_example, player_scores
from taylorattr.plot.graph_parts import GraphParts, graph_parts
from taylorattr.plot.labels import head, number
from taylorattr.plot.style import INK, Palette, axes, chosen

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import ListedColormap
    from matplotlib.figure import Figure

Background: TypeAlias = Literal["grey", "image"] | None
"""The image in shades of light grey, in its own colours, or not at all."""

LUMINANCE = np.array([0.299, 0.587, 0.114])
"""Luminance of red, green and blue, Rec. 601."""

DARKEST = 0.55
"""Brightness of black in the image: colours of scores stay readable on it."""

MOST_NUMBERED_PATCHES = 49
"""Patches up to this many carry their score in figures."""


def heat_map(
    attribution: Attribution | nx.Graph | GraphSource | AuditReport,
    inputs: Tensors | None = None,
    *,
    players: Players | None = None,
    pairs: nx.Graph | GraphSource | AuditReport | None = None,
    k: int = 10,
    background: Background = "grey",
    limit: float | None = None,
    example: int = 0,
    which: int = 0,
    palette: str | None = None,
    ax: Axes | None = None,
) -> tuple[Figure, Axes]:
    """Draw an attribution of an image, or a graph of its patches: colour is the score, brightness the image.

    Hue and saturation depend on the score alone, so that a colour stands for one number whatever the image
    is there; the colour bar shows each score over the greys of the image, dark on the left and light on the
    right.

    Args:
        attribution: Of ``ta.attribute`` on images (B, H, W) or (B, C, H, W). Or effects of patches, or a
            graph of them, with ``inputs`` and ``players``: the scores are what patches do alone, and
            ``pairs`` are its own.
        inputs: The images; None: no background.
        players: The patches that were explained: each shows its whole score, within its border, in figures
            where they are few. None: pixels, each the sum over its channels (of a patch, its equal share).
        pairs: Effects or a graph whose pairs are lines between the middles of patches, as wide as they are
            strong, coloured by sign; needs ``players``.
        k: Lines drawn, the strongest; below stands what the others are.
        background: ``grey``: the image in light grey, which leaves colour to the scores. ``image``: in its
            own colours, under scores whose opacity is their size; where the image is coloured, colours mix
            and are no measure. None: no image.
        limit: Score of full colour; None: the largest |score|.
        example: Which example of the batch.
        which: Which tensor, where the inputs are several.
        palette: Name in ``ta.plot.PALETTES``; None: that of the surrounding ``ta.plot.palette``.
        ax: Axes to draw on; None makes a figure. The colour bar takes its room from them.

    Returns:
        The figure and the axes; ``ax.images[-1]`` holds the scores, shape (H, W); the group id of a line is
        ``pair:i:j``.

    Raises:
        ShapeError: If the scores are no image, or image and players do not fit them.
        OptionError: If the attribution has no scores of elements, patches differ between channels, or an
            argument is out of range.
        NonFiniteError: If a score or a pixel is NaN or infinite.
        MissingExtraError: If matplotlib is not installed.
    """
    colours = chosen(palette)
    if background not in ("grey", "image", None):
        raise OptionError(f"background={background!r}; it is 'grey', 'image' or None")
    check_count("k", k)
    if isinstance(attribution, Attribution):
        scores = player_scores(attribution, example)
        heat, owner = _heat(attribution, scores, players, example, which)
        names, method, delta = attribution.names, attribution.method, float(attribution.delta[example])
    else:
        alone = graph_parts(attribution, example)
        scores, names, method, delta = alone.alone, alone.names, "independent effects", alone.delta
        heat, owner = _patch_heat(scores, names, players, inputs, which)
        pairs = attribution if pairs is None else pairs
    if limit is not None and not limit > 0:
        raise OptionError(f"limit={limit!r}; give the score of full colour, above 0")
    picture = None if inputs is None or background is None else _picture(inputs, heat.shape, example, which)
    top = limit or float(np.abs(heat).max()) or 1.0

    height, width = heat.shape
    across = 4.6
    figure, ax = axes(ax, (across + 0.9, max(1.5, min(8.0, across * height / width)) + 0.6))
    light = np.ones((*heat.shape, 3)) if picture is None else _shades(picture, background == "grey")
    shades = colours.colour_map()
    if background == "image" and picture is not None:
        ax.imshow(light, interpolation="nearest", zorder=0.1)
        shades = _see_through(colours)
    elif picture is not None:
        # black of that opacity over a colour is the colour times the image: the score alone decides on hue
        # and saturation
        ax.imshow(_shadow(light[..., 0]), interpolation="nearest", zorder=0.3)
    layer = ax.imshow(heat, cmap=shades, vmin=-top, vmax=top, interpolation="nearest", zorder=0.2)
    if owner is not None:
        _borders(ax, owner)
        if len(scores) <= MOST_NUMBERED_PATCHES:
            _numbers(ax, owner, scores)
    ax.set_xticks([])
    ax.set_yticks([])
    ends = "" if delta is None else f", f(x) − f(b) {number(delta)}"
    head(ax, f"{method}: Σ {number(float(scores.sum()))}{ends}")
    foot = [] if heat.any() else ["every score is 0"]
    if pairs is not None:
        foot.append(_pairs(ax, graph_parts(pairs, example), names, owner, k, colours))
    if foot:
        ax.set_xlabel("\n".join(foot), fontsize=8)
    bar = figure.colorbar(layer, ax=ax, fraction=0.05, pad=0.03)
    bar.ax.tick_params(labelsize=8)
    bar.set_label("score, in units of the model output", fontsize=8)
    if picture is not None:
        _ramp(bar.ax, light, top, beneath=shades.name != colours.name)
    return figure, ax


def _shades(picture: np.ndarray, grey: bool) -> np.ndarray:
    """Return the image as light as its darkest pixel needs to show colours, shape (H, W, 3)."""
    if grey:
        picture = np.repeat((picture @ LUMINANCE)[..., None], 3, axis=-1)
    return DARKEST + (1.0 - DARKEST) * picture


def _shadow(light: np.ndarray) -> np.ndarray:
    """Return black as opaque as the image is dark, RGBA, shape (H, W, 4)."""
    return np.concatenate([np.zeros((*light.shape, 3)), 1.0 - light[..., None]], axis=-1)


def _ramp(ax: Axes, light: np.ndarray, top: float, beneath: bool) -> None:
    """Lay the greys of the image, from its darkest on the left, over the colour bar, or beneath it."""
    greys = light @ LUMINANCE
    ramp = np.linspace(greys.min(), greys.max(), 64)[None]
    seen = np.repeat(ramp[..., None], 3, axis=-1) if beneath else _shadow(ramp)
    ax.imshow(
        seen,
        extent=(0.0, 1.0, -top, top),
        aspect="auto",
        interpolation="nearest",
        zorder=-1 if beneath else 3,
    )
    ax.set_xlim(0.0, 1.0)


def _see_through(colours: Palette) -> ListedColormap:
    """Return a map whose colour is the sign and whose opacity is the size."""
    from matplotlib.colors import ListedColormap, to_rgb

    steps = np.linspace(-1.0, 1.0, 511)  # an odd number, so that 0 is a step of its own, and transparent
    table = np.array([[*to_rgb(colours.of(step)), 0.75 * abs(step)] for step in steps])
    return ListedColormap(table, name=f"{colours.name} see-through")


def _heat(
    attribution: Attribution, scores: np.ndarray, players: Players | None, example: int, which: int
) -> tuple[np.ndarray, np.ndarray | None]:
    """Return the score of each pixel, shape (H, W), and its patch's number, if patches are given."""
    parts = attribution.scores if isinstance(attribution.scores, tuple) else (attribution.scores,)
    if not 0 <= which < len(parts):
        raise OptionError(
            f"which={which}; the attribution is of {len(parts)} tensor(s), 0 … {len(parts) - 1}"
        )
    tensor = parts[which]
    if tensor is None:
        raise OptionError(
            f"this attribution by {attribution.method} has no scores of pixels, only of players"
        )
    if tensor.ndim not in (3, 4) or tensor.shape[-1] * tensor.shape[-2] == 0:
        raise ShapeError(
            f"scores have shape {tuple(tensor.shape)}; a heat map needs images (B, H, W) or (B, C, H, W)"
        )
    values = one_example(tensor, example, "scores")
    if players is None:
        return values.reshape(-1, *values.shape[-2:]).sum(axis=0), None
    if players.names != attribution.names:
        raise ShapeError(
            f"{len(players)} players {players.names[:3]}… for an attribution of {attribution.n} "
            f"{attribution.names[:3]}…; give the players that were explained"
        )
    tensors = tuple(part for part in parts if part is not None)
    owner = player_maps(players, tensors)[which].numpy().reshape(-1, *values.shape[-2:])
    if (owner != owner[0]).any():
        raise OptionError(
            "the players differ between the channels of a pixel, so a pixel has no one score; leave "
            "players=None"
        )
    return np.where(owner[0] >= 0, scores[owner[0]], 0.0), owner[0]


def _patch_heat(
    scores: np.ndarray, names: tuple[str, ...], players: Players | None, inputs: Tensors | None, which: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the score of each pixel and its patch's number, where only patches have scores."""
    if players is None or inputs is None:
        raise OptionError("effects and graphs know patches by name only: give inputs and the players")
    if players.names != names:
        raise ShapeError(
            f"{len(players)} players {players.names[:3]}… for a graph of {len(names)} {names[:3]}…; give the "
            "players that were explained"
        )
    tensors = inputs if isinstance(inputs, tuple) else (inputs,)
    if not 0 <= which < len(tensors):
        raise OptionError(f"which={which}; there are {len(tensors)} inputs, 0 … {len(tensors) - 1}")
    if tensors[which].ndim not in (3, 4):
        raise ShapeError(
            f"the image is {tuple(tensors[which].shape)}; a heat map needs images (B, H, W) or (B, C, H, W)"
        )
    owner = player_maps(players, tensors)[which].numpy()
    owner = owner.reshape(-1, *owner.shape[-2:])
    if (owner != owner[0]).any():
        raise OptionError("the players differ between the channels of a pixel, which has no one score")
    return np.where(owner[0] >= 0, scores[owner[0]], 0.0), owner[0]


def _pairs(
    ax: Axes, graph: GraphParts, names: tuple[str, ...], owner: np.ndarray | None, k: int, colours: Palette
) -> str:
    """Draw the k strongest pairs as lines between the middles of patches; say what the others are."""
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path
    from matplotlib.patheffects import withStroke

    if owner is None or graph.names != names:
        raise OptionError("pairs are drawn between patches: give the players, the same to scores and pairs")
    parts = folded(graph.strengths, k)
    top = float(np.abs(graph.strengths).max(initial=0.0)) or 1.0
    for edge in reversed(parts.largest):  # the strongest on top
        i, j = (int(player) for player in graph.pairs[edge])
        value = float(graph.strengths[edge])
        if not ((owner == i).any() and (owner == j).any()):
            continue  # a patch of another input
        start, end = (np.array([where.mean() for where in np.nonzero(owner == p)[::-1]]) for p in (i, j))
        # bent a little, so that lines along a row of patches do not hide each other
        bend = (start + end) / 2 + 0.15 * np.array([end[1] - start[1], start[0] - end[0]])
        line = PathPatch(
            Path([start, bend, end], [Path.MOVETO, Path.CURVE3, Path.CURVE3]),
            facecolor="none", edgecolor=colours.of(value), linewidth=1.0 + 3.5 * abs(value) / top,
            capstyle="round", zorder=2.0, gid=f"pair:{i}:{j}",
        )  # fmt: skip
        line.set_path_effects([withStroke(linewidth=line.get_linewidth() + 1.6, foreground="white")])
        ax.add_patch(line)
    count = int((graph.strengths != 0).sum()) + graph.left_out[0]
    if len(parts.largest) == 0:
        return "no pair interacts"
    text = (
        f"lines: the {len(parts.largest)} strongest of {count:,} pairs, the widest {number(_widest(graph))}"
    )
    size = parts.size + graph.left_out[1]
    return text + (f"; the others Σ|·| {number(size, sign=False)}" if size else "")


def _widest(graph: GraphParts) -> float:
    return float(graph.strengths[np.argmax(np.abs(graph.strengths))])


def _picture(inputs: Tensors, shape: tuple[int, ...], example: int, which: int) -> np.ndarray:
    """Return the image in [0, 1], shape (H, W, 3)."""
    parts = inputs if isinstance(inputs, tuple) else (inputs,)
    tensor = parts[which] if which < len(parts) else None
    if not isinstance(tensor, Tensor) or tensor.ndim not in (3, 4) or tuple(tensor.shape[-2:]) != shape:
        kind = tuple(tensor.shape) if isinstance(tensor, Tensor) else type(tensor).__name__
        raise ShapeError(
            f"the image is {kind}; expected (B, {shape[0]}, {shape[1]}) or (B, C, …) as the scores"
        )
    image = one_example(tensor, example, "pixels")
    image = image.reshape(-1, *shape)
    low, high = float(image.min()), float(image.max())
    # normalised inputs have no range of colours: each image is stretched over its own
    image = (image - low) / (high - low) if high > low else np.full_like(image, 0.5)
    if len(image) != 3:
        image = np.repeat(image.mean(axis=0, keepdims=True), 3, axis=0)
    return np.moveaxis(image, 0, -1)


def _borders(ax: Axes, owner: np.ndarray) -> None:
    """Draw the lines between pixels of different patches."""
    from matplotlib.collections import LineCollection

    rows, columns = np.nonzero(owner[:, 1:] != owner[:, :-1])
    lines = [[(c + 0.5, r - 0.5), (c + 0.5, r + 0.5)] for r, c in zip(rows, columns, strict=True)]
    rows, columns = np.nonzero(owner[1:] != owner[:-1])
    lines += [[(c - 0.5, r + 0.5), (c + 0.5, r + 0.5)] for r, c in zip(rows, columns, strict=True)]
    ax.add_collection(LineCollection(lines, colors="#555555", linewidths=0.6))


def _numbers(ax: Axes, owner: np.ndarray, scores: np.ndarray) -> None:
    """Write each patch's score at its middle."""
    for player, score in enumerate(scores):
        rows, columns = np.nonzero(owner == player)
        if len(rows):
            text = ax.text(
                columns.mean(),
                rows.mean(),
                number(float(score)),
                ha="center",
                va="center",
                fontsize=7.5,
                zorder=3,
            )
            text.set_color(INK)
            text.set_bbox({"facecolor": "white", "alpha": 0.6, "edgecolor": "none", "pad": 0.8})
