"""What PruneGrad keeps of a network for one input, layer by layer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from torch import Tensor

from taylorattr.errors import OptionError
from taylorattr.methods.extra.pruning import Pruning
from taylorattr.plot.entries import one_example
from taylorattr.plot.labels import number
from taylorattr.plot.strips import (
    Panel,
    Strip,
    as_image,
    draw_strips,
    examples_of,
    input_panels,
    signed_panel,
)
from taylorattr.plot.style import chosen

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def kept_neurons(
    pruning: Pruning,
    inputs: Tensor | None = None,
    *,
    example: int | Sequence[int] = 0,
    palette: str | None = None,
    ax: Axes | None = None,
) -> tuple[Figure, Axes]:
    """Draw the neurons that PruneGrad keeps: a strip per example, an image per call of a ReLU, then the map.

    A pixel of a convolution is the number of channels kept at that place; neurons in a row are set as a
    block, row by row. Full colour is the largest number of that layer. Below each layer stands the share of
    its neurons that is kept.

    Args:
        pruning: Of ``ta.prune``, which holds the masks; those of ``ta.attribute`` hold none.
        inputs: The examples, drawn first; None: layers and map alone.
        example: Which example of the batch, or which ones.
        palette: Name in ``ta.plot.PALETTES``; None: that of the surrounding ``ta.plot.palette``.
        ax: Axes to draw on; None makes a figure.

    Returns:
        The figure and the axes; ``ax.images`` are the input, the layers and the map, strip by strip.

    Raises:
        OptionError: If this is no pruning, it holds no masks, or an argument is out of range.
        NonFiniteError: If a number of the map is NaN or infinite.
        MissingExtraError: If matplotlib is not installed.
    """
    colours = chosen(palette)
    if not isinstance(pruning, Pruning):
        raise OptionError(f"kept_neurons draws what ta.prune returns; given a {type(pruning).__name__}")
    if pruning.masks is None:
        raise OptionError(
            "this pruning holds no masks, as that in the diagnostics of an attribution; call ta.prune(model, "
            "inputs, …)"
        )
    strips = [_strip(pruning, inputs, e) for e in examples_of(example)]
    return draw_strips(
        strips,
        colours,
        ax,
        foot="below a layer: share of its neurons that is kept, and the most channels kept at one place, "
        "which is full colour; below the map: full colour",
        images="images",
        rows="examples",
    )


def _strip(pruning: Pruning, inputs: Tensor | None, e: int) -> Strip:
    shares = one_example(pruning.kept_share, e, "shares")
    panels = []
    if inputs is not None:
        panels += input_panels(inputs, (e,), "input")
    assert pruning.masks is not None
    for name, mask, share in zip(pruning.layers, pruning.masks, shares, strict=True):
        image = as_image(one_example(mask, e, "masks"))
        most = int(np.nanmax(image))
        places = image.size - int(np.isnan(image).sum())
        channels = mask[0].numel() // places
        most_kept = f"up to {most} of {channels}" if channels > 1 else f"{int(np.nansum(image))} of {places}"
        panels.append(Panel(image, (0.0, float(most or 1)), name, (f"{share:.1%}", most_kept), "amount"))
    if isinstance(pruning.map, Tensor):
        panels.append(signed_panel(as_image(one_example(pruning.map, e, "scores")), "map"))
    before, after = (number(float(part[e]), sign=False) for part in (pruning.output, pruning.pruned_output))
    note = f"output {before}, pruned {after}"
    if pruning.probability is not None and pruning.pruned_probability is not None:
        before, after = float(pruning.probability[e]), float(pruning.pruned_probability[e])
        note += f"; its probability {before:.0%}, pruned {after:.0%}"
    title = f"example {e}: {pruning.kept:,} of {pruning.neurons:,} neurons kept"
    return Strip(title, tuple(panels), "", note)
