"""Interaction graphs of a convolutional network on digits: one image, two classes, before and after training.

The network is that of ``digits_cnn.py``; the players are the 16 patches of 2×2 pixels of an 8×8 image.
"""

# %%
import tempfile
from pathlib import Path

import torch
from digits_cnn import images, initialised, make
from torch import Tensor

import taylorattr as ta
from taylorattr.graphs import GraphComparison, allocated_effects, read_graph, sparse_concepts, write_graph

ONE, OTHER = 3, 8
COUNT = 24
"""Images of a digit."""


def patches() -> ta.Players:
    """Return the 16 patches, named by row and column from 1."""
    names = [f"row {r}, col {c}" for r in "1234" for c in "1234"]
    return ta.Players.grid(images()[0][:1], (4, 4), names=names)


def of_digit(digit: int) -> Tensor:
    """Return the first images of a digit, shape (24, 1, 8, 8)."""
    x, label = images()
    return x[label == digit][:COUNT]


def classes() -> GraphComparison:
    """Return how the patches of 8s act on the output for 3, beside how they act on the output for 8."""
    sides = [
        ta.harsanyi(make(), of_digit(OTHER), target=target, players=patches(), max_order=2)
        for target in (ONE, OTHER)
    ]
    labels = (f"output for {ONE}", f"output for {OTHER}")
    return ta.compare_graphs(*sides, paired=True, labels=labels)


if __name__ == "__main__":
    # %%
    # One image, all 2¹⁶ coalitions of patches. With all orders folded into pairs (Shapley-Taylor) nodes and
    # edges add up to f(x) − f(b).

    players, eights = patches(), of_digit(OTHER)
    whole = ta.harsanyi(make(), eights[:1], target=OTHER, players=players)
    folded = ta.interaction_graph(whole, index="STII", threshold=0.0)
    total = sum(folded.nodes[name]["independent"] for name in folded)
    total += sum(strength for *_, strength in folded.edges(data="strength"))
    print(f"f(x) − f(b) = {folded.graph['delta']:.6f}; nodes and edges add up to {total:.6f}")
    assert abs(total - folded.graph["delta"]) < 1e-8  # 65,535 numbers of size 1 to 10, in float64
    concepts = sparse_concepts(whole, 0.9, of="size")
    print(f"{len(concepts.effects):,} of {2**16 - 1:,} effects hold 90% of their size")

    # %%
    # Two classes, one set of images: how do pairs of patches of an 8 speak for 8, and how for 3? Every image
    # is on both sides, so the test exchanges the two results of each image.

    compared = classes()
    print(compared)
    assert compared.p_value is not None and compared.p_value < 0.01

    # Two classes, two sets of images, each with its own output: 3s beside 8s. The halves of one class, which
    # differ by chance alone, are the control.

    def pairs(x: Tensor, target: int) -> ta.HarsanyiEffects:
        """Return the effects of single patches and of pairs."""
        return ta.harsanyi(make(), x, target=target, players=players, max_order=2)

    threes = ta.compare_graphs(pairs(of_digit(ONE), ONE), pairs(eights, OTHER), labels=("3s", "8s"))
    halves = ta.compare_graphs(pairs(eights[::2], OTHER), pairs(eights[1::2], OTHER))
    print(f"3s and 8s: p = {threes.p_value}, 8s and other 8s: p = {halves.p_value}")
    assert threes.p_value is not None and threes.p_value < 0.01
    assert halves.p_value is not None and halves.p_value > 0.05

    # %%
    # Before and after training: the same images, two models.

    untrained = initialised(torch.Generator().manual_seed(0)).eval()
    before = ta.harsanyi(untrained, eights, target=OTHER, players=players, max_order=2)
    learnt = ta.compare_graphs(before, pairs(eights, OTHER), paired=True, labels=("before", "after training"))
    print(learnt)
    assert learnt.p_value is not None and learnt.p_value < 0.01
    assert abs(learnt.edges_b).sum() > 5 * abs(learnt.edges_a).sum()  # interactions are what it learnt

    # %%
    # A method's allocation against the effects: Occlusion-1 hands every pair out twice.

    effects = pairs(eights, OTHER)
    twice = ta.compare_graphs(effects, allocated_effects("occlusion_1", effects), labels=("J", "w·J"))
    assert abs(twice.edges_b - 2 * twice.edges_a).max() < 1e-12 and twice.node_distance == 0

    # %%
    # A difference is a graph like any other: measured, saved, drawn.

    with tempfile.TemporaryDirectory() as folder:
        again = read_graph(write_graph(compared.graph(), Path(folder) / "classes.graphml"))
        assert again.graph == compared.graph().graph and dict(again.nodes) == dict(compared.graph().nodes)
        figure, _ = ta.plot.graph_comparison(compared)
        figure.savefig(Path(folder) / "classes.png", dpi=100)
