"""One colour convention for every picture: red positive, blue negative, grey for what is neither."""

from __future__ import annotations

import importlib
import sys
import threading
from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from taylorattr.errors import MissingExtraError
from taylorattr.registry import Registry

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import LinearSegmentedColormap
    from matplotlib.figure import Figure

NEUTRAL = "#7f7f7f"
"""Remainders, ends and whatever was folded."""

FAINT = "#d9d9d9"
"""Lines that lead the eye: grids, connections, borders of patches."""

INK = "#222222"
"""Text and axes; on dark paper see :func:`ink`."""

DARK_INK, DARK_FAINT = "#e8e8e8", "#4d4d4d"
"""What takes the place of ``INK`` and ``FAINT`` on dark paper."""


@dataclass(frozen=True)
class Palette:
    """Colours of signed quantities.

    Attributes:
        name: Name in :data:`PALETTES`.
        positive: Colour of what is ≥ 0.
        negative: Colour of what is < 0.
    """

    name: str
    positive: str
    negative: str

    def of(self, value: float) -> str:
        """Return the colour of a signed quantity."""
        return self.positive if value >= 0 else self.negative

    def colour_map(self) -> LinearSegmentedColormap:
        """Return the diverging map from negative over white to positive."""
        from matplotlib.colors import LinearSegmentedColormap

        return LinearSegmentedColormap.from_list(self.name, [self.negative, "#ffffff", self.positive])


PALETTES: Registry[Palette] = Registry("palette")
"""Name -> palette. A colour-blind reader may choose ``orange-purple``, kept apart by every kind of vision."""

for _palette in (
    Palette("red-blue", "#c0392b", "#2c6fbb"),
    Palette("orange-purple", "#e66100", "#5d3a9b"),
):
    PALETTES.register(_palette.name)(_palette)

_chosen: ContextVar[str] = ContextVar("palette", default="red-blue")
"""Name of the palette of the surrounding block; a context variable, so that threads do not share it."""


@contextmanager
def palette(name: str) -> Generator[Palette]:
    """Draw with another palette inside a ``with`` block.

    Args:
        name: One of :data:`PALETTES`: ``red-blue`` or ``orange-purple``.

    Yields:
        The palette.

    Raises:
        OptionError: If there is no such palette.
    """
    colours = PALETTES[name]  # before the block begins, so that a wrong name changes nothing
    token = _chosen.set(name)
    try:
        yield colours
    finally:
        _chosen.reset(token)


def chosen(name: str | None = None) -> Palette:
    """Return the palette of that name; None: the one of the surrounding :func:`palette`.

    Raises:
        OptionError: If there is no such palette.
    """
    return PALETTES[_chosen.get() if name is None else name]


def colour(value: float, name: str | None = None) -> str:
    """Return the colour of a signed quantity in a palette; None: the surrounding one."""
    return chosen(name).of(value)


def paper(ax: Axes) -> str:
    """Return the colour on which the axes are drawn: their own, or the figure's where they have none."""
    from matplotlib.colors import to_hex, to_rgba

    own = to_rgba(ax.get_facecolor())
    figure = ax.get_figure(root=True)
    visible = ax.axison and ax.patch.get_visible() and own[3] > 0
    if visible or figure is None or to_rgba(figure.get_facecolor())[3] == 0:
        return to_hex(own)
    return to_hex(figure.get_facecolor())


def on_dark(ax: Axes) -> bool:
    """Return whether the paper is dark: after ``plt.style.use("dark_background")``, say."""
    from matplotlib.colors import to_rgb

    red, green, blue = to_rgb(paper(ax))
    return 0.299 * red + 0.587 * green + 0.114 * blue < 0.5


def ink(ax: Axes) -> str:
    """Return the colour of text and lines on the paper of these axes."""
    return DARK_INK if on_dark(ax) else INK


def faint(ax: Axes) -> str:
    """Return the colour of lines that lead the eye on the paper of these axes."""
    return DARK_FAINT if on_dark(ax) else FAINT


def axes(ax: Axes | None, size: tuple[float, float]) -> tuple[Figure, Axes]:
    """Return the given axes with their figure, or new ones of the given size in inches.

    Where pyplot is in use, the figure is one of its own, which ``plt.show()`` and a notebook show and
    ``plt.close()`` closes. Elsewhere it is made without pyplot, so that no window system is touched and
    nothing has to be closed. No window is opened here.

    Raises:
        MissingExtraError: If matplotlib is not installed.
    """
    if ax is not None:
        figure = ax.get_figure(
            root=True
        )  # axes may stand in a subfigure; layouts and sizes belong to the root
        assert figure is not None  # axes that can be drawn on belong to a figure
        return figure, ax
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg  # loading matplotlib costs 0.3 s
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtraError(
            "pictures need matplotlib, which is not installed: pip install matplotlib"
        ) from error
    pyplot = _pyplot()
    if pyplot is not None:
        figure = pyplot.figure(figsize=size, layout="constrained")
    else:
        figure = Figure(figsize=size, layout="constrained")
        FigureCanvasAgg(figure)
    return figure, figure.add_subplot()


def _pyplot() -> Any:
    """Return pyplot where the user, or a notebook, shows pictures through it; else None.

    In its interactive mode pyplot opens windows as soon as there is a figure; a user chooses that mode.
    """
    if threading.current_thread() is not threading.main_thread():
        return None  # window systems are of the main thread
    if "matplotlib.pyplot" in sys.modules or "ipykernel" in sys.modules:
        # a notebook shows what pyplot holds at the end of a cell
        return importlib.import_module("matplotlib.pyplot")
    return None
