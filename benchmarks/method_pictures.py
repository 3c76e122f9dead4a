"""Pictures beside the comparison of methods: maps with verdicts, cascades, kept neurons, source signals.

They are drawn from what was measured. A picture whose file says that it was drawn from the same numbers is
not drawn again.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image  # matplotlib brings it
from torch import Tensor, nn

import taylorattr as ta
from benchmarks.attributions import REFERENCES

IMAGES = 6
"""Test images whose maps are drawn: as many as a sanity check holds."""

EXTENSION = "extension of integrated_gradients, not in the table; patches are of 2×2 pixels"
"""What stands below maps of extensions."""

EXTENSION_NODES = 32
"""Of their paths, as many as Integrated Gradients has in the comparison."""

SPARSITY = 0.9
"""Of PruneGrad, as in the comparison."""


def draw(
    folder: Path,
    name: str,
    network: nn.Module,
    x: Tensor,
    images: Tensor,
    cells: Mapping[str, dict[str, Any]],
) -> list[Path]:
    """Draw what was measured on a network.

    Args:
        folder: Where pictures, and the inverses of MIP-IN, are left.
        name: Of the network, with which the files' names begin.
        network: The network.
        x: Test images, the first of which are drawn.
        images: Training images.
        cells: Method -> what the protocols say of it: ``cascade``, which holds the maps, and ``audit``.

    Returns:
        The pictures.
    """
    x = x[:IMAGES]
    checks = {method: found["cascade"] for method, found in cells.items() if found.get("cascade") is not None}
    for method in [method for method, check in checks.items() if check.maps is None]:
        print(f"{name}: the cascade of {method} holds no maps; measure it again", file=sys.stderr)
        del checks[method]
    pictures = []
    if checks:
        # a cascade begins with the trained network's maps of its predicted classes
        maps = {method: check.maps[:, 0] for method, check in checks.items()}
        notes = {method: verdict(cells[method].get("audit")) for method in maps}
        shown = range(min(len(x), *(len(m) for m in maps.values())))
        x = x[: len(shown)]
        maps = {method: scores[: len(x)] for method, scores in maps.items()}
        if "integrated_gradients" in maps:
            further = extensions(network, x, images)
            maps |= further
            notes |= dict.fromkeys(further, EXTENSION)
        pictures = [
            drawn_once(
                folder / f"{name}-maps.png",
                (x, maps, notes),
                lambda: ta.plot.maps(maps, x, notes=notes, example=shown),
            ),
            drawn_once(
                folder / f"{name}-cascades.png",
                (x, {m: (check.maps, check.curve("spearman"), check.steps) for m, check in checks.items()}),
                lambda: ta.plot.cascade(list(checks.values()), x),
            ),
        ]
    target = network(x).argmax(1)
    if "prune_grad" in cells:
        pruning = ta.prune(network, x, target=target, sparsity=SPARSITY, linearity=())
        pictures.append(
            drawn_once(
                folder / f"{name}-prune_grad.png",
                (x, pruning.masks, pruning.map),
                lambda: ta.plot.kept_neurons(pruning, x, example=range(len(x))),
            )
        )
    if "mip_in" in cells:
        path = folder / f"{name}-mip_in.npz"
        if not path.exists():
            ta.MIPIN(network).fit(images).save(path)
        mip = ta.MIPIN.load(path, network)
        pictures.append(
            drawn_once(
                folder / f"{name}-mip_in.png",
                (x, mip.source_signal(x), mip.attribution(x, target), mip.contrast(x, target)),
                lambda: ta.plot.source_signal(mip, x, target=target, example=range(len(x))),
            )
        )
    return pictures


def extensions(network: nn.Module, x: Tensor, images: Tensor) -> dict[str, Tensor]:
    """Return the maps of the extensions of Integrated Gradients, shaped like x."""
    target = network(x).argmax(1)
    maps = {}
    for method in ("ig_multi", "ig_patch", "ig_patch_multi"):
        baselines = images[:REFERENCES] if method.endswith("multi") else None
        players = ta.Players.patches(x, (2, 2)) if "patch" in method else None
        found = ta.attribute(
            method,
            network,
            x,
            baselines,
            target=target,
            players=players,
            mode="quadrature",
            n_steps=EXTENSION_NODES,
        )
        assert isinstance(found.scores, Tensor)
        maps[method] = found.scores
    return maps


def verdict(report: ta.AuditReport | None) -> str:
    """Return what an audit says of a method, in words."""
    if report is None:
        return "not audited, as no method over a reference set is"
    names = ("coverage", "no leak", "complete")
    found = ", ".join(f"{n} {v.mark}" for n, v in zip(names, report.verdicts, strict=True))
    # the page that the tolerance stands on is not there, the mark ≈ is
    text = f"{found}: {report.use.replace(', to the tolerance above', '')}"
    if report.exit_status == 1 and report.worst and report.worst[0]:
        worst = report.worst[0][0]
        coalition = "{" + ", ".join(worst.players) + "}"
        effect, given = (f"{value:+.2g}".replace("-", "−") for value in (worst.effect, worst.given))
        text += f". Worst: {coalition} has the effect {effect} and is given {given}"
    return text


def drawn_once(path: Path, numbers: Any, picture: Callable[[], tuple[Figure, Axes]]) -> Path:
    """Draw a picture unless its file was drawn from the same numbers by the same version."""
    digest = hashlib.sha256(ta.__version__.encode())
    _add(digest, numbers)
    made_of = digest.hexdigest()
    if path.exists():
        with Image.open(path) as file:
            if file.info.get("numbers") == made_of:
                return path
    print(f"drawing: {path.name}", file=sys.stderr, flush=True)
    picture()[0].savefig(path, dpi=110, metadata={"numbers": made_of})
    return path


def _add(digest: Any, part: Any) -> None:
    """Add numbers and words to a digest, with what tells their borders apart."""
    if isinstance(part, Tensor):
        part = part.detach().cpu()
        digest.update(f"{part.dtype}{tuple(part.shape)}".encode())
        digest.update(part.contiguous().numpy().tobytes())
    elif isinstance(part, Mapping):
        _add(digest, tuple(part.items()))
    elif isinstance(part, tuple):
        digest.update(f"({len(part)}".encode())
        for entry in part:
            _add(digest, entry)
    else:
        digest.update(f"{len(str(part))}:{part}".encode())
