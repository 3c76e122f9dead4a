"""Every picture of ``ta.plot`` on two trained networks: the one of ``taylorattr demo`` and the one on digits.

    python examples/every_picture.py FOLDER

Without a folder they are drawn and thrown away. The first network is smooth and has ten players with names;
the second has ReLU and max-pooling, where no Taylor series converges, and sixteen patches.
"""

# %%
import sys
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path

import torch
from digit_classes import ONE, OTHER, of_digit, patches
from digits_cnn import images, make
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import taylorattr as ta
from taylorattr.demo.breast_cancer import study
from taylorattr.errors import DivergenceWarning, KinkWarning

Drawn = tuple[Figure, Axes]
METHODS = ("integrated_gradients", "shapley", "occlusion_1", "gradient_x_input")


def pictures(
    series: ta.TaylorEffects,
    exact: ta.HarsanyiEffects,
    methods: list[ta.Attribution],
    allocations: list[ta.Reformulation],
    compared: ta.graphs.GraphComparison,
) -> dict[str, Drawn]:
    """Return every picture that a network's results allow, by name."""
    return {
        "network": ta.plot.network(exact),
        "network_of_all_orders": ta.plot.network(exact, index="total"),
        "hypergraph": ta.plot.hypergraph(exact),
        "graph_comparison": ta.plot.graph_comparison(compared),
        "difference": ta.plot.network(compared.graph()),
        "by_order": ta.plot.by_order(series),
        "by_order_exact": ta.plot.by_order(exact),
        "convergence": ta.plot.convergence(series),
        "top_effects": ta.plot.top_effects(exact),
        "upset": ta.plot.upset(exact),
        "sentence": ta.plot.sentence(exact),
        "comparison": ta.plot.comparison(methods),
        "allocation_flow": ta.plot.allocation_flow(*allocations),
    }


# %%
# Breast-cancer data: ten measurements with three columns each; malignant beside benign cases.


def demo() -> dict[str, Drawn]:
    """Return the pictures of the network of ``taylorattr demo``."""
    trained = study()
    players = ta.Players.columns(trained.measurements)
    malignant, benign = trained.cases[trained.malignant], trained.cases[~trained.malignant]
    one = malignant[:1]
    sides = [ta.harsanyi(trained.network, x[:24], players=players) for x in (malignant, benign)]
    exact = ta.harsanyi(trained.network, one, players=players)
    series = ta.decompose(trained.network, one, players=players, order=4)
    allocations = [ta.reformulate(m, trained.network, one, players=players) for m in METHODS[1:3]]
    drawn = pictures(
        series,
        exact,
        [ta.attribute(m, trained.network, one, players=players) for m in METHODS],
        allocations,
        ta.compare_graphs(*sides, labels=("malignant", "benign")),
    )
    means = malignant[:24, [columns[0] for columns in trained.measurements.values()]]
    return drawn | by_player(sides[0], means)


def by_player(effects: ta.HarsanyiEffects, values: torch.Tensor) -> dict[str, Drawn]:
    """Return the pictures of what players are given, with their values."""
    return {
        "waterfall": ta.plot.waterfall(effects, values),
        "beeswarm": ta.plot.beeswarm(effects, values),
        "importance": ta.plot.importance(effects),
        "dependence": ta.plot.dependence(effects, values, 0),
    }


# %%
# Digits: an 8 in sixteen patches, for the output 8; as a 3 beside it.


def digits() -> dict[str, Drawn]:
    """Return the pictures of the convolutional network on digits."""
    network, players, eights = make(), patches(), of_digit(OTHER)
    one = eights[:1]
    sides = [ta.harsanyi(network, eights, target=t, players=players, max_order=2) for t in (ONE, OTHER)]
    exact = ta.harsanyi(network, one, target=OTHER, players=players, max_order=3)
    series = ta.decompose(network, one, order=2, target=OTHER, players=players)
    assert not series.converged.any()
    halves = ta.Players.grid(one, (2, 4))  # methods with all their effects: 2⁸ coalitions
    methods = [ta.attribute(m, network, one, target=OTHER, players=halves) for m in METHODS]
    allocations = [
        ta.reformulate(m, network, one, target=OTHER, players=halves, frame="baseline") for m in METHODS[1:3]
    ]
    drawn = pictures(
        series,
        exact,
        methods,
        allocations,
        ta.compare_graphs(*sides, paired=True, labels=(f"output {ONE}", f"output {OTHER}")),
    )
    return drawn | maps_and_systems() | {"heat_map": ta.plot.heat_map(methods[1], one, players=halves)}


def maps_and_systems() -> dict[str, Drawn]:
    """Return the maps of some methods on three eights, their cascade, and what PruneGrad and MIP-IN say."""
    network, x = make(), of_digit(OTHER)
    three = range(3)
    checks = []
    for name in ("gradient_x_input", "grad_cam", "prune_grad"):

        def factory(model: torch.nn.Module, name: str = name) -> Callable[..., ta.Attribution]:
            return lambda rows, target: ta.attribute(name, model, rows, target=target)

        checks.append(ta.evaluation.parameter_randomisation(network, x[:6], factory, name=name))
    found = [ta.attribute(check.method, network, x[:3], target=OTHER) for check in checks]
    mip = ta.MIPIN(network, steps=100).fit(images()[0][:400])
    return {
        "maps": ta.plot.maps(found, x[:3], notes={"grad_cam": "smooth, whatever the network"}, example=three),
        "cascade": ta.plot.cascade(checks, x),
        "kept_neurons": ta.plot.kept_neurons(ta.prune(network, x[:3], target=OTHER), x, example=three),
        "source_signal": ta.plot.source_signal(mip, x[:3], example=three),
    }


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(sys.argv[1] if len(sys.argv) > 1 else temporary)
        folder.mkdir(parents=True, exist_ok=True)
        dpi = 80 if len(sys.argv) > 1 else 40
        for kind in (DivergenceWarning, KinkWarning):
            warnings.simplefilter("ignore", kind)  # the pictures say it
        missing = {name for name in ta.plot.__all__ if name not in ("PALETTES", "palette")}
        for name, drawn in (("demo", demo()), ("digits", digits())):
            for kind, (figure, _) in drawn.items():
                figure.savefig(folder / f"{name}_{kind}.png", dpi=dpi)
                missing.discard(kind)
        print(f"{len(list(folder.glob('*.png')))} pictures")
        assert not missing, missing
