"""The pictures of docs/plots.md and the README, from trained networks and a seed.

    python examples/pictures.py docs/pictures

Without a folder they are made in a temporary one and looked at no further than their size.
"""

# %%
import importlib.util
import io
import sys
import tempfile
from pathlib import Path

import torch
from digit_classes import classes
from digits_cnn import images, make
from matplotlib.figure import Figure
from PIL import Image  # matplotlib brings it

import taylorattr as ta
from taylorattr.demo.breast_cancer import study

LARGEST = 60_000
"""Bytes of a picture that a repository carries."""


def save(figure: Figure, folder: Path, name: str, dpi: int) -> None:
    """Draw a picture and write it."""
    drawn = io.BytesIO()
    figure.savefig(drawn, dpi=dpi)
    write(Image.open(drawn).convert("RGB"), folder / f"{name}.png")


def write(image: Image.Image, path: Path) -> None:
    """Write an image in 256 colours and refuse one that is too large."""
    image.quantize(256, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE).save(path, optimize=True)
    print(f"{path}: {path.stat().st_size:,} bytes")
    assert path.stat().st_size <= LARGEST, path


# %%
# Breast-cancer data: five measurements of one case, the others held at the case. Two methods share out the
# same exact effects of 2⁵ coalitions; Occlusion-1 counts an effect of k measurements k times.


def flow() -> Figure:
    """Return the allocation of Occlusion-1 beside that of the Shapley value."""
    trained = study(0)
    five = dict(list(trained.measurements.items())[:5])
    players = ta.Players.columns(five, rest="fixed")
    case = trained.cases[5:6]
    occlusion, shapley = (
        ta.reformulate(name, trained.network, case, players=players) for name in ("occlusion_1", "shapley")
    )
    assert torch.allclose(occlusion.effects[0].values, shapley.effects[0].values)
    return ta.plot.allocation_flow(occlusion, shapley, k=10)[0]


# %%
# A convolutional network on a handwritten digit: 16 patches, all 2¹⁶ coalitions.


def digit() -> tuple[Figure, Figure]:
    """Return the Shapley values over the image, and the largest interactions of the patches."""
    x, label = (part[-4:-3] for part in images())
    players = ta.Players.grid(x, (4, 4), names=[f"row {r}, column {c}" for r in "1234" for c in "1234"])
    effects = ta.harsanyi(make(), x, target=label, players=players, max_order=3)
    scores = ta.attribute("shapley", make(), x, target=label, players=players)
    heat = ta.plot.heat_map(scores, x, players=players)[0]
    upset = ta.plot.upset(effects, 14, players=9)[0]
    return heat, upset


# %%
# All ten measurements of 40 cases, as tables are usually explained: one case, and one player over its value.
# On the left shap draws our Shapley values, on the right the same with what comes from interactions.


def by_player() -> dict[str, tuple[Figure, Figure]]:
    """Return pairs of pictures, shap's and ours, of the same values."""
    import matplotlib.pyplot as plt
    import shap

    trained = study(0)
    players = ta.Players.columns(trained.measurements)
    cases = trained.cases[:40]
    values = cases[:, [columns[0] for columns in trained.measurements.values()]]  # the means
    effects = ta.harsanyi(trained.network, cases, players=players)
    explanation = effects.to_shap(values)
    ours = ta.plot.waterfall(effects, values, example=5)[0]
    plt.figure()  # shap draws on the current figure
    shap.plots.waterfall(explanation[5], max_display=11, show=False)
    theirs = plt.gcf()
    strongest = effects.names[int(effects.index("SV").order_values(1).abs().mean(0).argmax())]
    dependence = ta.plot.dependence(effects, values, strongest)[0]
    shap.plots.scatter(explanation[:, strongest], color=explanation, show=False)
    return {"waterfall": (theirs, ours), "dependence": (plt.gcf(), dependence)}


def beside(theirs: Figure, ours: Figure, high: int = 480) -> Image.Image:
    """Return two pictures side by side, of one height."""
    images = []
    for figure in (theirs, ours):
        drawn = io.BytesIO()
        figure.savefig(drawn, dpi=120, bbox_inches="tight")
        image = Image.open(drawn).convert("RGB")
        images.append(image.resize((image.width * high // image.height, high), Image.Resampling.LANCZOS))
    sheet = Image.new("RGB", (sum(image.width for image in images) + 30, high), "white")
    sheet.paste(images[0], (0, 0))
    sheet.paste(images[1], (images[0].width + 30, 0))
    return sheet


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(sys.argv[1] if len(sys.argv) > 1 else temporary)
        folder.mkdir(parents=True, exist_ok=True)
        heat, upset = digit()
        save(flow(), folder, "allocation_flow", 80)
        save(ta.plot.graph_comparison(classes(), max_edges=40)[0], folder, "digit_classes", 68)
        save(heat, folder, "heat_map", 70)
        save(upset, folder, "upset", 80)
        # "waterfall" and "dependence", beside those of a library that need not be installed
        for name, pair in (by_player() if importlib.util.find_spec("shap") else {}).items():
            write(beside(*pair), folder / f"{name}.png")
