"""A sanity check as strips: the map of each method while the network's blocks become random."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from torch import Tensor

from taylorattr.errors import OptionError
from taylorattr.evaluation.sanity_checks import SanityCheck
from taylorattr.plot.entries import check_count, one_example
from taylorattr.plot.strips import Panel, Strip, as_image, draw_strips, examples_of, input_panels, largest
from taylorattr.plot.style import chosen

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def cascade(
    checks: SanityCheck | Sequence[SanityCheck],
    inputs: Tensor | None = None,
    *,
    kind: str = "spearman",
    k: int = 40,
    example: int | Sequence[int] = 0,
    palette: str | None = None,
    ax: Axes | None = None,
) -> tuple[Figure, Axes]:
    """Draw the maps of sanity checks step by step: a strip per method, first the trained network's map.

    Below each map stands its similarity to the first one, and below that the mean over all examples of the
    check: one example may mislead. Similarities do not depend on the scale, and random networks have outputs
    of other sizes, so each map is drawn on a scale of its own, symmetric around 0.

    Args:
        checks: Of ``ta.evaluation.parameter_randomisation`` or ``label_randomisation``, one or several.
        inputs: The inputs of the checks, drawn first; None: maps alone.
        kind: Which similarity.
        k: Strips drawn at most; the others are counted.
        example: Which of the examples whose maps the result holds, or which ones.
        palette: Name in ``ta.plot.PALETTES``; None: that of the surrounding ``ta.plot.palette``.
        ax: Axes to draw on; None makes a figure.

    Returns:
        The figure and the axes; ``ax.images`` are input and maps, strip by strip.

    Raises:
        OptionError: If these are no sanity checks, one holds no maps or not that similarity, or an argument
            is out of range.
        NonFiniteError: If a number of a map is NaN or infinite.
        MissingExtraError: If matplotlib is not installed.
    """
    colours = chosen(palette)
    check_count("k", k)
    several = [checks] if isinstance(checks, SanityCheck) else list(checks)
    if not several:
        raise OptionError("there is no sanity check to draw; give at least one")
    examples = examples_of(example)
    strips = [strip for check in several for strip in _strips(check, kind, examples, inputs)]
    return draw_strips(
        strips[:k],
        colours,
        ax,
        foot="above a map: what is random, + in addition to what was before it; below: its "
        f"{kind} similarity to the map of the trained network, and the mean of that over all examples; "
        "each map has a scale of its own",
        images="steps",
        rows="strips",
        hidden=max(0, len(strips) - k),
    )


def _strips(check: SanityCheck, kind: str, examples: tuple[int, ...], inputs: Tensor | None) -> list[Strip]:
    if not isinstance(check, SanityCheck):
        raise OptionError(
            "cascade draws what ta.evaluation.parameter_randomisation returns; given a "
            f"{type(check).__name__}"
        )
    curve = check.curve(kind)
    if check.maps is None:
        raise OptionError(
            f"the check of {check.method} holds no maps: one example's are too large, or it is old"
        )
    first, *others = check.steps
    added = "+ " if check.randomised == "cascading" else ""
    heads = ["trained", first, *(f"{added}{step}" for step in others)]
    means = curve.nanmean(0).tolist()
    strips = []
    for e in examples:
        maps = one_example(check.maps, e, "maps")
        panels = [] if inputs is None else input_panels(inputs, (e,), "input")
        for step, scores in enumerate(maps):
            image = as_image(scores)
            limit, words = largest(image), ()
            if step:
                words = (similarity(float(curve[e, step - 1])), f"mean {similarity(means[step - 1])}")
            panels.append(Panel(image, (-limit, limit), heads[step], words))
        which = f", example {e}" if len(examples) > 1 else ""
        strips.append(Strip(f"{check.method}{which}", tuple(panels)))
    return strips


def similarity(value: float) -> str:
    """Return a similarity in two decimals; a constant map has none."""
    return "constant" if math.isnan(value) else f"{round(value, 2) + 0.0:+.2f}".replace("-", "−")
