"""Pictures beside the comparison of methods: maps of all of them, and what a cascade does to some."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from matplotlib.figure import Figure
from torch import Tensor, nn

from benchmarks.attributions import Entry
from taylorattr import evaluation
from taylorattr.evaluation.method_maps import method_map

IMAGES = 6
"""Columns of maps."""

CASCADES = ("gradient", "guided_backprop", "gradient_x_input", "prune_grad", "mip_in")
"""Methods of which the strip of a cascade is drawn."""


def maps(
    network: nn.Module, images: Tensor, x: Tensor, verdicts: Mapping[str, tuple[Entry, str]], path: Path
) -> None:
    """Draw the maps of every method for a few images, with what an audit says of the method.

    Args:
        network: Whose predicted classes are explained.
        images: Its training images.
        x: Images, the first six of which are drawn.
        verdicts: Method -> its entry and the words under its name.
        path: File of the picture.
    """
    x = x[:IMAGES]
    target = network(x).argmax(1)
    rows = [("image", x[:, 0], "")]
    for name, (entry, words) in verdicts.items():
        rows.append((name, method_map(entry.make(network, images), x, target)[0], words))
    drawn = Figure(figsize=(1.1 * IMAGES + 2.2, 1.1 * len(rows)))
    for axes, (name, values, words) in zip(drawn.subplots(len(rows), IMAGES), rows, strict=True):
        for axis, one in zip(axes, values, strict=True):
            _map(axis, one, grey=name == "image")
        axes[0].set_ylabel(f"{name}\n{words}", rotation=0, ha="right", va="center", fontsize=8)
    drawn.tight_layout()
    drawn.savefig(path, dpi=100)


def cascades(network: nn.Module, images: Tensor, x: Tensor, entries: Mapping[str, Entry], path: Path) -> None:
    """Draw one image's map after every step of a cascade from the output down, for a few methods."""
    x = x[:1]
    chosen = {name: entries[name] for name in CASCADES if name in entries}
    if not chosen:
        return
    strips, steps = [], ()
    for entry in chosen.values():
        strip: list[Tensor] = []

        def factory(model: nn.Module, entry: Entry = entry, strip: list[Tensor] = strip):
            made = entry.make(model, images)

            def method(rows: Tensor, target: Tensor) -> Tensor:
                found, _ = method_map(made, rows, target)
                strip.append(found[0])
                return found

            return method

        steps = evaluation.parameter_randomisation(network, x, factory).steps
        strips.append(strip)
    drawn = Figure(figsize=(1.3 * (len(steps) + 1) + 2, 1.3 * len(strips)))
    grid = drawn.subplots(len(strips), len(steps) + 1, squeeze=False)
    for axes, name, strip in zip(grid, chosen, strips, strict=True):
        for axis, one in zip(axes, strip, strict=True):
            _map(axis, one)
        axes[0].set_ylabel(name, rotation=0, ha="right", va="center", fontsize=8)
    for axis, title in zip(grid[0], ("trained", *(f"layer {step} random" for step in steps)), strict=True):
        axis.set_title(title, fontsize=8)
    drawn.tight_layout()
    drawn.savefig(path, dpi=100)


def _map(axis, values: Tensor, grey: bool = False) -> None:
    """Draw one map, 0 in white, red above and blue below; or an image in grey."""
    largest = float(torch.nan_to_num(values).abs().max()) or 1.0
    limits = {"cmap": "gray_r", "vmin": 0} if grey else {"cmap": "RdBu_r", "vmin": -largest}
    axis.imshow(values.detach().numpy(), vmax=largest, **limits)
    axis.set(xticks=[], yticks=[])
