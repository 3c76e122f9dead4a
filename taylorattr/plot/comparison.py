"""Several attributions beside each other: a table of scores whose cells are coloured by size and sign."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from taylorattr.attribution import Attribution
from taylorattr.errors import OptionError
from taylorattr.plot.entries import check_count, folded, player_scores
from taylorattr.plot.labels import PLAIN, distinct, number, room, shortened, text_width
from taylorattr.plot.style import INK, axes, chosen, ink, paper

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def comparison(
    attributions: Sequence[Attribution],
    *,
    k: int = 12,
    relative: bool = False,
    labels: Sequence[str] | None = None,
    example: int = 0,
    palette: str | None = None,
    ax: Axes | None = None,
) -> tuple[Figure, Axes]:
    """Draw several attributions of one question: a row per player, a column per method.

    Below the players stand Σ scores and f(x) − f(b), so that over-counting shows. One colour scale for all
    cells of the players.

    Args:
        attributions: Results of ``ta.attribute`` or ``ta.allocate`` with the same players.
        k: Players shown, those with the largest |score| / Σ|scores| in any method; the others are one row
            with their sum.
        relative: Divide each method's scores by its Σ|scores|, for methods of different scale.
        labels: Names of the columns; None: the methods' names.
        example: Which example of the batch.
        palette: Name in ``ta.plot.PALETTES``; None: that of the surrounding ``ta.plot.palette``.
        ax: Axes to draw on; None makes a figure.

    Returns:
        The figure and the axes; ``ax.images[0]`` holds the scores of the rows of players.

    Raises:
        OptionError: If there is no attribution, they differ in players, or an argument is out of range.
        NonFiniteError: If a score is NaN or infinite.
        MissingExtraError: If matplotlib is not installed.
    """
    colours = chosen(palette)
    check_count("k", k)
    scores, names = _scores(attributions, example)
    heads = [a.method for a in attributions] if labels is None else [str(label) for label in labels]
    if len(heads) != len(scores):
        raise OptionError(f"{len(heads)} labels for {len(scores)} attributions; give one each")
    sizes = np.abs(scores).sum(axis=1)
    unit = np.where(sizes > 0, sizes, 1.0)  # a method whose scores are all 0 stays 0
    normal = scores / unit[:, None]
    delta = np.array([float(a.delta[example]) for a in attributions])
    if relative:
        scores, delta = normal, delta / unit

    figure, ax = axes(ax, (2.6 + 0.72 * max(len(scores), 3), 1.9 + 0.27 * (min(k, scores.shape[1]) + 3)))
    wide, high = room(ax)
    k = min(k, max(1, int(high / 11.0) - 4))
    parts = folded(np.abs(normal).max(axis=0), k)
    # all scores 0: the first players stand for all
    listed = parts.largest if len(parts.largest) else np.arange(min(k, scores.shape[1]))
    rest = np.setdiff1d(np.arange(scores.shape[1]), listed)
    table = scores[:, listed].T
    rows = distinct([names[p] for p in listed], 30)
    if len(rest):
        table = np.vstack([table, scores[:, rest].sum(axis=1)])
        rows.append(f"{len(rest)} others together")
    top = float(np.abs(table).max(initial=0.0)) or 1.0
    ax.imshow(table, cmap=colours.colour_map(), vmin=-top, vmax=top, aspect="auto", interpolation="none")
    sums = np.vstack([scores.sum(axis=1), delta])
    rows += ["Σ scores", "f(x) − f(b)"]
    shift = 0.35  # the sums stand apart from the players
    heights = [*range(len(table)), len(table) + shift, len(table) + 1 + shift]
    cell = max(wide - max(text_width(row, 8.0) for row in rows), 0.5 * wide) / len(scores)
    widest = max(text_width(number(v), 8.0) for v in (*table.flat, *sums.flat))
    font = min(8.0, max(4.5, 8.0 * 0.92 * cell / widest))
    for height, row in zip(heights, [*table, *sums], strict=True):
        for column, value in enumerate(row):
            # the sums below have no colour of their own
            dark = height < len(table) and abs(value) > 0.6 * top
            ax.text(
                column,
                height,
                number(float(value)),
                ha="center",
                va="center",
                fontsize=font,
                color="white" if dark else INK if height < len(table) else ink(ax),
            )
    ax.axhline(len(table) - 0.5 + shift / 2, color=ink(ax), linewidth=0.8)
    ax.set_ylim(heights[-1] + 0.5, -0.5)
    ax.set_yticks(heights, rows, fontsize=8, **PLAIN)
    ax.set_xticks(range(len(heads)), [shortened(h, 28) for h in heads], fontsize=8, **PLAIN)
    level = max(text_width(shortened(h, 28), 8.0) for h in heads) < cell - 4
    ax.tick_params(axis="x", top=True, labeltop=True, bottom=False, labelbottom=False, length=0)
    if not level:
        for label in ax.get_xticklabels():
            label.set(rotation=40, ha="left", rotation_mode="anchor")
    ax.tick_params(axis="y", length=0)
    ax.spines[:].set_visible(False)
    ax.set_xticks(np.arange(len(heads) + 1) - 0.5, minor=True)
    ax.tick_params(axis="x", which="minor", top=False, bottom=False)
    ax.vlines(np.arange(1, len(heads)) - 0.5, -0.5, heights[-1] + 0.5, color=paper(ax), linewidth=1.5)
    what = "scores divided by each method's Σ|scores|" if relative else "scores, in units of the model output"
    ax.set_xlabel(what, fontsize=8)
    return figure, ax


def _scores(attributions: Sequence[Attribution], example: int) -> tuple[np.ndarray, tuple[str, ...]]:
    """Return the scores, shape (methods, n), and the players' names."""
    if isinstance(attributions, Attribution):
        raise OptionError("give the attributions as a list: comparison([first, second])")
    attributions = list(attributions)
    if not attributions:
        raise OptionError("there is no attribution to compare; give at least one")
    rows = [player_scores(attribution, example) for attribution in attributions]
    names = attributions[0].names
    for attribution in attributions[1:]:
        if attribution.names != names:
            raise OptionError(
                f"{attributions[0].method} has {len(names)} players ({', '.join(names[:3])}, …) and "
                f"{attribution.method} {attribution.n} ({', '.join(attribution.names[:3])}, …); only "
                "attributions of the same players can be compared: pass the same players= to each"
            )
    return np.stack(rows), names
