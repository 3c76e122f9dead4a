"""Convergence of a series: order sums, what is left after each order, and the radii along probed rays."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from taylorattr.effects.convergence import MARGIN
from taylorattr.effects.taylor_effects import TaylorEffects
from taylorattr.errors import OptionError
from taylorattr.plot.entries import one_example
from taylorattr.plot.labels import fitting_font, head, number, room, say
from taylorattr.plot.style import NEUTRAL, Palette, axes, chosen, faint, ink, paper

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LARGEST_DRAWN_RADIUS = 10.0
"""Radii beyond this are drawn at the right edge."""

NARROW_AXES = 320.0
"""Axes below this width in points set their legend in two rows."""


def convergence(
    effects: TaylorEffects,
    *,
    example: int = 0,
    palette: str | None = None,
    ax: Axes | None = None,
) -> tuple[Figure, Axes]:
    """Draw how the Taylor series comes to its end, on a logarithmic scale, and how far it can reach.

    Bars are |Σ I(κ)| of each order in the colour of its sign, a short line above each is Σ|I(κ)| (some of
    which cancels in the sum), and the curve is |remainder| when the series is cut after that order. Below,
    each mark is the estimated radius of convergence along one probed ray; left of 1 the series does not reach
    the input, and below 1.1 it is not trusted.

    Args:
        effects: Of ``ta.decompose``.
        example: Which example of the batch.
        palette: Name in ``ta.plot.PALETTES``; None: that of the surrounding ``ta.plot.palette``.
        ax: Axes to draw on; None makes a figure. They are divided by ``ax.inset_axes`` where rays were
            probed.

    Returns:
        The figure and the axes. Orders are in ``ax.child_axes[0]``, radii in ``ax.child_axes[1]``.

    Raises:
        OptionError: If these are no Taylor effects, or there is no such example or palette.
        NonFiniteError: If a sum is NaN or infinite.
        MissingExtraError: If matplotlib is not installed.
    """
    colours = chosen(palette)
    if not isinstance(effects, TaylorEffects):
        raise OptionError(
            f"only a Taylor series converges or not; given {type(effects).__name__}, draw it with by_order"
        )
    sums = one_example(effects.by_order, example, "sums by order")
    sizes = np.array(
        [
            np.abs(one_example(effects.order_values(m), example, "effects")).sum()
            for m in range(1, effects.order + 1)
        ]
    )
    delta = float(one_example(effects.delta[:, None], example, "differences")[0])
    left = delta - np.cumsum(sums)
    figure, ax = axes(ax, (7.0, 4.6))
    verdict = "converged" if bool(effects.converged[example]) else "not converged"
    ax.set_axis_off()
    if not sizes.any() and delta == 0:
        say(ax, "every effect is 0, and so is f(x) − f(b)")
        return figure, ax
    rays = _rays(effects, example)
    narrow = room(ax)[0] < NARROW_AXES
    head(ax, f"Series of order {effects.order}: {verdict}", loc="left", pad=30 if narrow else 20)
    upper = ax.inset_axes((0.0, 0.36 if rays else 0.0, 1.0, 0.64 if rays else 1.0))
    wide = room(ax)[0]
    _orders(upper, sums, sizes, left, delta, colours, wide)
    if rays:
        _radii(ax.inset_axes((0.0, 0.0, 1.0, 0.13)), rays, wide)
    return figure, ax


def _orders(
    ax: Axes,
    sums: np.ndarray,
    sizes: np.ndarray,
    left: np.ndarray,
    delta: float,
    colours: Palette,
    wide: float,
) -> None:
    """Draw the three magnitudes of each order; zeros have no place on the scale and are named."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch
    from matplotlib.patheffects import withStroke

    orders = np.arange(1, len(sums) + 1)
    scale = max(float(sizes.max()), abs(delta))
    noise = scale * 1e-16  # float64: what is smaller than this came from rounding
    known = np.abs(np.concatenate([sums, left, [delta]]))
    # a bar on a logarithmic scale needs a lower end: a decade below the smallest number that is not rounding
    floor = max(float(known[known > noise].min(initial=scale)) / 10.0, noise)
    ax.set_yscale("log")
    heights = np.abs(sums)
    ax.bar(
        orders,
        np.maximum(heights - floor, 0.0),
        bottom=floor,
        width=0.5,
        color=[colours.of(float(v)) for v in sums],
    )
    ax.hlines(
        sizes[sizes > 0], orders[sizes > 0] - 0.3, orders[sizes > 0] + 0.3, color=ink(ax), linewidth=1.2
    )
    rest = np.abs(left)
    drawn = rest > floor
    ax.plot(
        orders[drawn], rest[drawn], color=NEUTRAL, marker="o", markersize=4, linewidth=1.2, gid="remainder",
        path_effects=[withStroke(linewidth=3.0, foreground=paper(ax))],  # it crosses the bars
    )  # fmt: skip
    top = max(scale, float(rest.max()))
    ax.set_ylim(floor, top * (top / floor) ** 0.12)
    ax.set_xlim(0.4, len(sums) + 0.6)
    if delta != 0:
        ax.axhline(abs(delta), color=faint(ax), linewidth=1.0, zorder=0)
    step = max(1, math.ceil(len(orders) / 20))  # at most 20 numbers fit below the bars
    ax.set_xticks(orders[::step])
    ax.tick_params(which="both", labelsize=8)
    words = (
        f"order{_exact(orders, sums, rest, noise)}; f(x) − f(b) = {number(delta)}, "
        f"remainder {number(float(left[-1]))}"
    )
    ax.set_xlabel(words, fontsize=fitting_font(words, wide, 8.0))
    ax.set_ylabel("units of the model output", fontsize=8)
    ax.spines[["top", "right"]].set_visible(False)
    handles = [
        Patch(color=colours.positive, label="sum, positive"),
        Patch(color=colours.negative, label="sum, negative"),
        Line2D([], [], color=ink(ax), linewidth=1.2, label="Σ|effects|"),
        Line2D([], [], color=NEUTRAL, marker="o", markersize=4, linewidth=1.2, label="|remainder|"),
        Line2D([], [], color=faint(ax), label="|f(x) − f(b)|"),
    ]
    ax.legend(
        handles=handles, loc="lower center", bbox_to_anchor=(0.5, 1.0), frameon=False,
        ncols=3 if wide < NARROW_AXES else 5, fontsize=6.0 if wide < NARROW_AXES else 7.5,
        handlelength=1.4, columnspacing=1.2, borderaxespad=0.2,
    )  # fmt: skip


def _exact(orders: np.ndarray, sums: np.ndarray, rest: np.ndarray, noise: float) -> str:
    """Return the orders whose sum vanishes, and the one from which nothing remains, in words."""
    zero = [str(m) for m, value in zip(orders, sums, strict=True) if value == 0]
    words = f" (sum 0 at order {', '.join(zero[:6])}{', …' if len(zero) > 6 else ''})" if zero else ""
    gone = [int(m) for m, value in zip(orders, rest, strict=True) if value <= 10 * noise]
    return words + (f"; nothing remains from order {gone[0]} on" if gone else "")


def _rays(effects: TaylorEffects, example: int) -> list[dict]:
    """Return what was found along the probed rays of one example; files of other origin may have none."""
    examples = effects.diagnostics.get("examples") or []
    return examples[example].get("rays", []) if example < len(examples) else []


def _radii(ax: Axes, rays: list[dict], wide: float) -> None:
    """Draw a dot per ray, a cross where it fails; without a singularity (None) it stands at the edge."""
    radii = [math.inf if ray["radius"] is None else float(ray["radius"]) for ray in rays]
    # NaN, a ray that could not be probed, stands at the left with those that fail
    drawn = [0.1 if math.isnan(r) else min(r, LARGEST_DRAWN_RADIUS) for r in radii]
    # the golden angle keeps marks of equal radius apart, the same way each time
    lift = [0.5 + 0.35 * math.sin(2.399963 * number) for number in range(len(drawn))]
    for passed, tint, mark in ((True, NEUTRAL, "o"), (False, ink(ax), "x")):
        numbers = [number for number, ray in enumerate(rays) if bool(ray["passed"]) is passed]
        x, y = [drawn[number] for number in numbers], [lift[number] for number in numbers]
        ax.scatter(x, y, s=16, linewidths=1, c=tint, marker=mark, gid="trusted" if passed else "not trusted")
    ax.axvline(MARGIN, color=ink(ax), linewidth=0.8, linestyle=(0, (3, 2)))
    ax.set_xscale("log")
    ax.set_xlim(min(0.5, *drawn) * 0.85, LARGEST_DRAWN_RADIUS * 1.15)
    ax.set_ylim(0.0, 1.0)
    ax.set_yticks([])
    ticks = [t for t in (0.1, 0.2, 0.5, 1, 2, 5) if t > ax.get_xlim()[0]]
    ax.set_xticks(
        [*ticks, LARGEST_DRAWN_RADIUS],
        [*(f"{t:g}" for t in ticks), f"≥ {LARGEST_DRAWN_RADIUS:g}"],
        fontsize=8,
    )
    ax.minorticks_off()
    failed = sum(not ray["passed"] for ray in rays)
    words = (
        f"estimated radius of convergence along {len(rays)} rays, "
        f"{failed} of them (×) not trusted; {MARGIN} is the least that is"
    )
    ax.set_xlabel(words, fontsize=fitting_font(words, wide, 8.0))
    ax.spines[["top", "right", "left"]].set_visible(False)
