"""What MIP-IN says of an input: its source signal and distractor, and what one output draws on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from taylorattr.aliases import AnyTarget
from taylorattr.errors import OptionError
from taylorattr.methods.extra.mip_in.mipin import MIPIN
from taylorattr.plot.entries import one_example
from taylorattr.plot.strips import (
    Panel,
    Strip,
    as_image,
    draw_strips,
    examples_of,
    largest,
    scale_words,
    signed_panel,
)
from taylorattr.plot.style import chosen

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def source_signal(
    mip: MIPIN,
    inputs: Tensor,
    *,
    target: AnyTarget = None,
    example: int | Sequence[int] = 0,
    palette: str | None = None,
    ax: Axes | None = None,
) -> tuple[Figure, Axes]:
    """Draw x = s + d, and the attribution A_c and contrast of one output: a strip per example.

    Input, source signal and distractor have one scale, so that the eye can add them; below each stands what
    the model reads in it. Attribution and contrast have a scale each, symmetric around 0. Feature maps are
    summed over their channels.

    Args:
        mip: Fitted.
        inputs: Shape (B, …).
        target: Which output c; None: the class predicted for each example.
        example: Which example of the batch, or which ones.
        palette: Name in ``ta.plot.PALETTES``; None: that of the surrounding ``ta.plot.palette``.
        ax: Axes to draw on; None makes a figure.

    Returns:
        The figure and the axes; ``ax.images`` are x, s, d, A_c and the contrast, strip by strip.

    Raises:
        OptionError: If this is no MIPIN, or an argument is out of range.
        NotFittedError: If it is not fitted.
        TaylorAttrError: What the read-outs of :class:`taylorattr.MIPIN` find wrong with inputs or target.
        MissingExtraError: If matplotlib is not installed.
    """
    colours = chosen(palette)
    if not isinstance(mip, MIPIN):
        raise OptionError(f"source_signal draws what a fitted ta.MIPIN reads; given a {type(mip).__name__}")
    examples = examples_of(example)
    source, distractor = mip.source_signal(inputs), mip.distractor(inputs)
    bottom = source + distractor  # the input, or the feature map that was inverted
    readings: list[Tensor | None] = [None] * 3
    if mip.inverses.chain.inside is None:
        readings = [torch.softmax(mip.logits(part), 1) for part in (bottom, source, distractor)]
    column, contrast = mip.attribution(inputs, target), mip.contrast(inputs, target)
    whole = "input x" if mip.inverses.chain.inside is None else "feature map x"
    strips = []
    for e in examples:
        parts = [one_example(part, e, "signals") for part in (bottom, source, distractor)]
        images = [as_image(part) for part in parts]
        limit = largest(*images)
        heads = (whole, "source signal s", "distractor x − s")
        panels = [
            Panel(image, (-limit, limit), head, _reading(reading, e))
            for image, head, reading in zip(images, heads, readings, strict=True)
        ]
        for head, scores in (("attribution", column), ("contrast", contrast)):
            panels.append(signed_panel(as_image(one_example(scores, e, "scores")), head))
        energy = float(np.square(parts[0]).sum())
        left = f"‖x − s‖² is {float(np.square(parts[2]).sum()) / energy:.0%} of ‖x‖²" if energy else "x is 0"
        strips.append(Strip(f"example {e}: {left}", tuple(panels), f"x, s, x − s: {scale_words(*images)}"))
    return draw_strips(
        strips,
        colours,
        ax,
        foot="below x, s and x − s: the class that the model reads in it; below attribution and contrast: "
        "full colour",
        images="images",
        rows="examples",
    )


def _reading(probabilities: Tensor | None, e: int) -> tuple[str, ...]:
    """Return the largest class and its probability; nothing of a single output."""
    if probabilities is None or probabilities.shape[1] < 2:
        return ()
    value, place = probabilities[e].max(0)
    return (f"class {int(place)}, {float(value):.0%}",)
