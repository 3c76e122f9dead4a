"""``python -m benchmarks.pruned_digits``: what PruneGrad keeps and changes on networks that read digits.

A trained MLP and CNN (`tests/digits.py`) and the 450 images that are held out. Figures in brackets are those
of a prototype that was written before, of the same recipe, with networks and a split of its own.
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

import taylorattr as ta
from benchmarks.__main__ import machine
from taylorattr.evaluation import pixel_perturbation
from tests import digits

NETWORKS: dict[str, Callable[[], nn.Module]] = {"MLP": digits.mlp, "CNN": digits.cnn}

PROTOTYPE_BY_SPARSITY = {
    "MLP": {
        0.7: (0.028, 0.998, 0.89, 0.49),
        0.8: (0.039, 0.998, 0.68, 0.32),
        0.85: (0.080, 0.996, 0.53, 0.26),
        0.9: (0.275, 0.996, 0.31, 0.18),
        0.95: (0.711, 0.940, 0.10, 0.13),
    },
    "CNN": {
        0.7: (0.000, 1.000, 1.00, 0.24),
        0.8: (0.020, 0.987, 1.00, 0.19),
        0.85: (0.048, 0.976, 0.96, 0.15),
        0.9: (0.045, 0.978, 0.86, 0.14),
        0.95: (0.101, 0.971, 0.54, 0.10),
    },
}
"""Change of the probability, predictions kept, median ratio of the outputs, kept by random masks."""

PROTOTYPE_INACTIVE = {"MLP": 0.24, "CNN": 0.38}

PROTOTYPE_CHOSEN = {"MLP": 0.85, "CNN": 0.95}

RADII = (0.01, 0.1, 0.5)

PROTOTYPE_LINEARITY = {"pruned": (1e-4, 2e-4, 4e-4), "whole": (3e-3, 0.028, 0.13)}

PROTOTYPE_RANKING = {
    "gradient": (0.746, 0.242),
    "PruneGrad 0.85": (0.774, 0.217),
    "PruneGrad 0.9": (0.799, 0.182),
    "random masks 0.85": (0.596, 0.405),
}
"""MoRF and LeRF of rankings by size on the CNN."""


def beside(value: float, prototype: float) -> str:
    """Return a figure with the prototype's in brackets."""
    return f"{value:.3g} ({prototype:g})"


def by_sparsity(x: Tensor) -> list[tuple[str, ...]]:
    """Return the rows of what each sparsity changes."""
    rows: list[tuple[str, ...]] = [
        ("network", "p", "change of p_c", "predictions kept", "median f ratio", "kept, random masks")
    ]
    for name, make in NETWORKS.items():
        for p, prototype in PROTOTYPE_BY_SPARSITY[name].items():
            found = ta.prune(make(), x, sparsity=p, linearity=())
            control = ta.prune(make(), x, sparsity=p, linearity=(), score="random")
            values = (
                mean(found.probability_change),
                mean(found.same_class),
                float(found.output_ratio.median()),
                mean(control.same_class),
            )
            rows.append((name, f"{p:g}", *map(beside, values, prototype)))
    return rows


def by_network(x: Tensor, held_out: Tensor) -> list[tuple[str, ...]]:
    """Return the rows of what is said once for each network."""
    rows: list[tuple[str, ...]] = [
        (
            "network",
            "neurons",
            "inactive",
            "chosen p",
            "kept by `intgrad` as well",
            "f ratio: one-shot, greedy",
            "PGD",
        )
    ]
    for name, make in NETWORKS.items():
        network = make()
        chosen = ta.prune(network, x, sparsity="auto", held_out=held_out, linearity=())
        one, other = (
            ta.prune(network, x[:100], sparsity=0.85, linearity=(), score=s) for s in ("gradient", "intgrad")
        )
        greedy = ta.prune(network, x[:100], sparsity=0.9, linearity=(), greedy=True)
        at_once = ta.prune(network, x[:100], sparsity=0.9, linearity=())
        ascent = ta.prune(network, x[:100], sparsity=0.9, linearity=(), refine="pgd")
        assert isinstance(at_once.map, Tensor) and ascent.ascent is not None and ascent.radius is not None
        slope = at_once.map.flatten(1).norm(dim=1)
        rows.append(
            (
                name,
                str(chosen.neurons),
                beside(mean(chosen.inactive), PROTOTYPE_INACTIVE[name]),
                beside(chosen.sparsity, PROTOTYPE_CHOSEN[name]),
                f"{shared_neurons(one, other):.1%}",
                f"{float(at_once.output_ratio.median()):.3g}, {float(greedy.output_ratio.median()):.3g}",
                f"{float((ascent.ascent / (ascent.radius * slope)).median()):.3g} of ε‖g‖",
            )
        )
    return rows


def linearity(x: Tensor) -> list[tuple[str, ...]]:
    """Return the rows of how far the MLP is from linear, with and without pruning."""
    rows: list[tuple[str, ...]] = [("MLP", *(f"‖δ‖ = {radius:g}" for radius in RADII))]
    for name, sparsity in (("pruned", 0.9), ("whole", 0.0)):
        found = ta.prune(digits.mlp(), x, sparsity=sparsity, dtype=torch.float64, linearity=RADII)
        ratios = found.linearity
        assert ratios is not None
        rows.append((name, *map(beside, ratios.tolist(), PROTOTYPE_LINEARITY[name])))
    return rows


def ranking(x: Tensor) -> list[tuple[str, ...]]:
    """Return the rows of what the rankings by size are worth on the CNN."""
    network = digits.cnn()
    target = network(x).argmax(1).tolist()
    methods = {
        "gradient": ("gradient_x_input", {"multiply_by": "none"}),
        "PruneGrad 0.85": ("prune_grad", {"sparsity": 0.85}),
        "PruneGrad 0.9": ("prune_grad", {"sparsity": 0.9}),
        "random masks 0.85": ("prune_grad", {"sparsity": 0.85, "score": "random"}),
    }
    rows: list[tuple[str, ...]] = [("CNN, ranked by size", "MoRF", "LeRF", "signed MoRF", "signed LeRF")]
    for name, (method, options) in methods.items():
        scores = ta.attribute(method, network, x, target=target, **options).scores
        assert isinstance(scores, Tensor)
        areas = []
        for rank in ("abs", "signed"):
            found = pixel_perturbation(
                network, x, scores, target=target, fill="zero", rank=rank, steps=16, random_repeats=1
            )
            areas += [mean(found.measure("morf")), mean(found.measure("lerf"))]
        measured = map(beside, areas[:2], PROTOTYPE_RANKING[name])
        rows.append((name, *measured, f"{areas[2]:.3g}", f"{areas[3]:.3g}"))
    return rows


def shared_neurons(one: ta.Pruning, other: ta.Pruning) -> float:
    """Return the share of kept neurons that two prunings have in common."""
    both = sum(int((a & b).sum()) for a, b in zip(one.masks or (), other.masks or (), strict=True))
    return both / (one.kept * one.batch)


def mean(values: Tensor | None) -> float:
    """Return the mean of a quantity that was measured."""
    assert values is not None
    return float(values.double().mean())


def document(tables: Sequence[list[tuple[str, ...]]]) -> str:
    """Return the markdown section of all tables."""
    accuracies = ", ".join(f"{name} {digits.accuracy(make()):.3f}" for name, make in NETWORKS.items())
    text = " ".join((__doc__ or "").split("\n\n")[1].split())
    parts = [
        "## PruneGrad on digits",
        "Written by `python -m benchmarks.pruned_digits --markdown FILE`.",
        f"{text} Test accuracy: {accuracies}.",
        machine(),
    ]
    return "\n\n".join([*parts, *(markdown(rows) for rows in tables)]) + "\n"


def markdown(rows: list[tuple[str, ...]]) -> str:
    """Return a table whose first row is its heading."""
    head, *body = rows
    return "\n".join("| " + " | ".join(row) + " |" for row in (head, ("---",) * len(head), *body))


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the section there as well")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    x, held_out = digits.split()[1].images, digits.split()[0].images[:300]
    text = document([by_sparsity(x), by_network(x, held_out), linearity(x), ranking(x)])
    print(text)
    if arguments.markdown:
        arguments.markdown.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
