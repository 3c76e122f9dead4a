"""Maps of several methods beside each other, each on its own scale, with what is known of it below."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from torch import Tensor

from taylorattr.attribution import Attribution
from taylorattr.errors import OptionError
from taylorattr.evaluation.method_maps import method_map
from taylorattr.plot.entries import check_count, one_example
from taylorattr.plot.strips import (
    Panel,
    Strip,
    as_image,
    draw_strips,
    examples_of,
    input_panels,
    largest,
    scale_words,
)
from taylorattr.plot.style import chosen

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def maps(
    methods: Sequence[Attribution] | Mapping[str, Attribution | Tensor],
    inputs: Tensor | None = None,
    *,
    notes: Mapping[str, str] | None = None,
    k: int = 40,
    example: int | Sequence[int] = 0,
    palette: str | None = None,
    ax: Axes | None = None,
) -> tuple[Figure, Axes]:
    """Draw the maps of several methods on the same examples: a strip per method, an image per example.

    Methods have different units, so each has a scale of its own, the same for all its images and symmetric
    around 0; the number beside its name is that of full colour.

    Args:
        methods: Results of ``ta.attribute``, or a name -> result or map of any library, a tensor in the shape
            of the inputs or (B, H, W).
        inputs: The examples, drawn first; None: maps alone.
        notes: Name -> what stands below its strip: a verdict, say; names without one have none.
        k: Methods drawn at most; the others are counted.
        example: Which example of the batch, or which ones.
        palette: Name in ``ta.plot.PALETTES``; None: that of the surrounding ``ta.plot.palette``.
        ax: Axes to draw on; None makes a figure.

    Returns:
        The figure and the axes; ``ax.images`` are the inputs, then the maps method by method.

    Raises:
        ShapeError: If a map does not fit the inputs.
        OptionError: If there is no method, a note is about none, or an argument is out of range.
        NonFiniteError: If a number is NaN or infinite.
        MissingExtraError: If matplotlib is not installed.
    """
    colours = chosen(palette)
    check_count("k", k)
    named = _named(methods)
    notes = dict(notes or {})
    for name in notes:
        if name not in named:
            raise OptionError(f"notes: no method {name!r} here; there are {', '.join(list(named)[:8])}")
    examples = examples_of(example)
    strips = []
    if inputs is not None:
        strips.append(Strip("input", tuple(input_panels(inputs, examples))))
    for name, given in list(named.items())[:k]:
        table, _ = method_map(given, _like(given) if inputs is None else inputs, None)
        strips.append(
            _strip(name, [as_image(one_example(table, e, "maps")) for e in examples], notes.get(name, ""))
        )
    return draw_strips(
        strips,
        colours,
        ax,
        foot="full colour: the number beside the name",
        images="examples",
        rows="methods",
        hidden=max(0, len(named) - k),
    )


def _strip(name: str, pictures: list[np.ndarray], note: str) -> Strip:
    limit = largest(*pictures)
    return Strip(
        name, tuple(Panel(picture, (-limit, limit)) for picture in pictures), scale_words(*pictures), note
    )


def _like(given: Any) -> Any:
    """Return what has the shape of the inputs that were explained."""
    if not isinstance(given, Attribution):
        return given
    return given.player_scores if given.scores is None else given.scores


def _named(methods: Any) -> dict[str, Any]:
    """Return results by name; methods that were run twice are told apart by their number."""
    if isinstance(methods, Mapping):
        named = {str(name): given for name, given in methods.items()}
    elif isinstance(methods, (Attribution, Tensor)):
        raise OptionError("give the results as a list, maps([first, second]), or by name")
    else:
        named = {}
        for place, given in enumerate(methods, 1):
            if not isinstance(given, Attribution):
                raise OptionError(
                    f"expected an Attribution of ta.attribute, given a {type(given).__name__}; maps of other "
                    "libraries are given by name: maps({'name': map}, inputs)"
                )
            named[given.method if given.method not in named else f"{given.method} #{place}"] = given
    if not named:
        raise OptionError("there is no map to draw; give at least one")
    return named
