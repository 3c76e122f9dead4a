"""One colour convention for every picture: red positive, blue negative, grey for what is neither."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

POSITIVE = "#c0392b"
NEGATIVE = "#2c6fbb"
NEUTRAL = "#7f7f7f"


def colour(value: float) -> str:
    """Return the colour of a signed quantity."""
    return POSITIVE if value >= 0 else NEGATIVE


def axes(ax: Axes | None, size: tuple[float, float]) -> tuple[Figure, Axes]:
    """Return the given axes with their figure, or new ones of the given size in inches.

    A new figure is made without pyplot, so no window system is touched and nothing has to be closed.
    """
    if ax is not None:
        figure = ax.get_figure(root=True)
        assert figure is not None  # axes that can be drawn on belong to a figure
        return figure, ax
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # loading matplotlib costs 0.3 s
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.add_subplot()
