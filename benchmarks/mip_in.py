"""MIP-IN on the digits networks beside the figures of a prototype, and what it costs.

``python -m benchmarks.mip_in --markdown benchmarks/RESULTS.md`` writes the section between its marks. The
prototype is an earlier implementation in plain PyTorch, on networks of the same recipe with other random
weights, from which the defaults were chosen. To show what the weights alone change, every network is trained
from three seeds.
"""

from __future__ import annotations

import argparse
import re
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from functools import cache, partial
from itertools import count
from pathlib import Path
from typing import Any
from unittest import mock

import torch
from torch import Tensor, nn

import taylorattr as ta
from benchmarks import networks, timing
from benchmarks.__main__ import machine
from taylorattr.methods.extra.mip_in import inverses
from taylorattr.methods.extra.mip_in.mipin import Read
from taylorattr.methods.extra.mip_in.signals import Top
from tests import digits

MAKERS = {"MLP": digits.untrained_mlp, "CNN": digits.untrained_cnn}

SEEDS = (0, 1, 2)

PROTOTYPE = {
    ("MLP", "positive"): "0.127 0.969 0.040 0.784 0.083 0.99 0.688 0.170 1.45",
    ("MLP", "logits"): "0.079 0.991 0.109 0.578 0.221 1.36 0.644 0.180 1.45",
    ("CNN", "positive"): "0.117 0.960 0.242 0.787 0.123 0.45 0.679 0.284 1.34",
    ("CNN", "logits"): "0.068 0.962 0.116 0.343 0.607 0.66 0.676 0.390 1.43",
}
"""Of the columns of `QUALITY`, in their order."""

QUALITY = (
    "‖s−x‖²/‖x‖²", "Φ(s) agrees", "Φ(d) agrees", "A_c MoRF", "A_c LeRF", "A_c distance", "contrast MoRF",
    "contrast LeRF", "contrast distance",
)  # fmt: skip

PROTOTYPE_REPORT: dict[tuple[str, Top], dict[str, str]] = {
    ("MLP", "positive"): {
        "R² of top from s": "0.95",
        "R² of top from x": "0.77",
        "R² of s from top": "0.72",
        "R² of x from top": "0.47",
    },
    ("CNN", "positive"): {
        "R² of top from s": "0.77",
        "R² of top from x": "0.75",
        "R² of s from top": "0.57",
        "R² of x from top": "0.48",
    },
    ("CNN", "logits"): {"probe on d": "0.83"},
}


@cache
def network(kind: str, seed: int) -> nn.Sequential:
    """Return a trained digits network; seed 0 is that of the tests."""
    cached = {"MLP": digits.mlp, "CNN": digits.cnn}
    return cached[kind]() if seed == 0 else digits.trained(MAKERS[kind], digits.split()[0], seed=seed)


@cache
def fitted(kind: str, top: Top = "positive", seed: int = 0) -> ta.MIPIN:
    """Return the inverses of a digits network, with the defaults otherwise."""
    return ta.MIPIN(network(kind, seed), top=top).fit(digits.split()[0].images)


def quality(model: nn.Module, mip: ta.MIPIN) -> list[float]:
    """Return the numbers of `QUALITY` on the held-out images."""
    x = digits.split()[1].images
    with torch.no_grad():
        source, distractor, c = mip.source_signal(x), mip.distractor(x), model(x).argmax(1)
        found = [float((source - x).square().sum() / x.square().sum())]
        found += [float((model(z).argmax(1) == c).double().mean()) for z in (source, distractor)]
    for read in (mip.attribution, mip.contrast):
        found += [*deletion(model, read), ta.evaluation.class_sensitivity(model, x, read).mean("distance")]
    return found


def deletion(model: nn.Module, method: Callable[[Tensor, Tensor], Tensor]) -> tuple[float, float]:
    """Return AOPC of the most and of the least relevant pixels first, replaced by 0 in 16 steps."""
    x = digits.split()[1].images
    curves = ta.evaluation.pixel_perturbation(model, x, method, fill="zero", steps=16, random_repeats=0)
    return curves.mean("morf"), curves.mean("lerf")


def quality_table() -> str:
    """Return the numbers of both networks and two tops, over seeds, beside the prototype's."""
    rows = []
    tops: tuple[Top, ...] = ("positive", "logits")
    for kind in MAKERS:
        for top in tops:
            found = [quality(network(kind, seed), fitted(kind, top, seed)) for seed in SEEDS]
            columns = list(zip(*found, strict=True))
            rows.append([kind, top, *(f"{c[0]:.3f} ({min(c):.3f} … {max(c):.3f})" for c in columns)])
            rows.append(["", "prototype", *PROTOTYPE[kind, top].split()])
    accuracy = ", ".join(
        f"{kind} " + " / ".join(f"{digits.accuracy(network(kind, seed)):.3f}" for seed in SEEDS)
        for kind in MAKERS
    )
    said = f"Test accuracy: {accuracy}; of the prototype's networks 0.967 and 0.987."
    return f"{said}\n\n" + markdown(["network", "top", *QUALITY], rows)


def report_table() -> str:
    """Return the reports on the held-out images, regressions fitted to the training images."""
    rows = []
    for (kind, top), before in PROTOTYPE_REPORT.items():
        train, test = digits.split()
        reports = [fitted(kind, top, seed).report(test.images, fit_rows=train.images) for seed in SEEDS]
        names = {
            "agreement": "agreement", "p_c at s": "source_probability", "p_c at x": "input_probability",
            "R² of top from s": "top_from_source", "R² of top from x": "top_from_input",
            "R² of s from top": "source_from_top", "R² of x from top": "input_from_top",
            "Φ(d) agrees": "distractor_agreement", "probe on d": "probe_accuracy",
        }  # fmt: skip
        for label, name in names.items():
            values = [getattr(report, name) for report in reports]
            spread = f"{values[0]:.3f} ({min(values):.3f} … {max(values):.3f})"
            rows.append([kind, top, label, spread, before.get(label, "–")])
    return markdown(["network", "top", "number", "here", "prototype"], rows)


def source_error(mip: ta.MIPIN) -> float:
    """Return ‖s − x‖² / ‖x‖² on the held-out images."""
    x = digits.split()[1].images
    return float((mip.source_signal(x) - x).square().sum() / x.square().sum())


def variants_table() -> str:
    """Return what other choices give, each beside the prototype's figure where there is one."""
    mlp, cnn, x = network("MLP", 0), network("CNN", 0), digits.split()[0].images
    rows = []
    plain = ta.MIPIN(mlp).fit(x)
    rows.append(["MLP, loss over all units", f"s error {source_error(plain):.3f}", "0.099"])
    rows.append(["MLP, loss over active units only", f"s error {active_units_error(mlp):.3f}", "0.102"])
    few = mock.patch.object(inverses, "LEARNING_RATE", 3e-3)
    with few:
        rows.append(
            [
                "CNN, 165 steps at rate 3e-3",
                f"s error {source_error(ta.MIPIN(cnn, steps=165).fit(x)):.3f}",
                "≈ 1.0",
            ]
        )
    rows.append(["CNN, 700 steps at rate 1e-2", f"s error {source_error(ta.MIPIN(cnn).fit(x)):.3f}", "0.117"])
    rows.append(["CNN, 3000 steps", f"s error {source_error(ta.MIPIN(cnn, steps=3000).fit(x)):.3f}", "–"])
    for kind, before in (("MLP", "0.744 / 0.142, s error 0.36"), ("CNN", "s error 0.55")):
        morf, lerf, error = one_inverse_per_class(network(kind, 0))
        found = f"column MoRF / LeRF {morf:.3f} / {lerf:.3f}, s error {error:.2f}"
        rows.append([f"{kind}, an inverse per class", found, before])
    variants: tuple[dict[str, Any], ...] = (
        {"local": False},
        {"pool": "upsample"},
        {"local": False, "pool": "upsample"},
        {"bias": True},
    )
    for options in variants:
        mip = ta.MIPIN(cnn, **options).fit(x)
        morf, lerf = deletion(cnn, mip.attribution)
        words = ", ".join(f"{name}={value!r}" for name, value in options.items())
        found = f"s error {source_error(mip):.3f}, column MoRF / LeRF {morf:.3f} / {lerf:.3f}"
        rows.append([f"CNN, {words}", found, "–"])
    return markdown(["variant", "here", "prototype"], rows)


def active_units_error(net: nn.Sequential) -> float:
    """Return the source error of an MLP whose loss at a hidden layer runs over active units only.

    The ridge regression of each unit then sees the examples in which it is active.
    """
    train, test = (part.images.flatten(1).double() for part in digits.split())
    layers = list(net.double().children())[1:]
    with torch.no_grad():
        after = [nn.Sequential(*layers[:k]) for k in (0, 2, 4, 5)]
        signals = [after[3](rows).clamp_min(0) for rows in (train, test)]
        for stage in (2, 1, 0):
            values = [after[stage](rows) for rows in (train, test)]
            penalty = 1e-3 * float(signals[0].square().mean()) * len(train)
            columns = []
            for unit in range(values[0].shape[1]):
                active = values[0][:, unit] != 0 if stage else torch.ones(len(train), dtype=torch.bool)
                s = signals[0][active]
                gram = s.mT @ s + penalty * torch.eye(s.shape[1])
                columns.append(torch.linalg.solve(gram, s.mT @ values[0][active, unit]))
            weight = torch.stack(columns, 1)
            signals = [s @ weight * ((v != 0) if stage else 1) for s, v in zip(signals, values, strict=True)]
    net.float()
    return float((signals[1] - test).square().sum() / test.square().sum())


def one_inverse_per_class(net: nn.Sequential) -> tuple[float, float, float]:
    """Return MoRF and LeRF of the columns, and the source error, of an inverse for each logit alone."""
    x, c = digits.split()[1].images, net(digits.split()[1].images).argmax(1)
    columns, errors = torch.zeros(10, *x.shape), []
    *below, last = net.children()
    assert isinstance(last, nn.Linear)
    for k in range(10):
        head = nn.Linear(64, 1)
        head.weight.data, head.bias.data = last.weight[k : k + 1].data, last.bias[k : k + 1].data
        alone = ta.MIPIN(nn.Sequential(*below, head).eval()).fit(digits.split()[0].images)
        columns[k] = alone.attribution(x, 0)
        rows = c == k
        errors.append((alone.source_signal(x[rows]) - x[rows]).square().sum())
    morf, lerf = deletion(net, lambda rows, target: columns[target, torch.arange(len(rows))])
    return morf, lerf, float(sum(errors) / x.square().sum())


PROTOTYPE_SANITY: dict[Read, str] = {"attribution": "0.25 / 0.42", "contrast": "−0.21 / 0.57"}


def sanity_table() -> str:
    """Return similarities after the full cascade on the CNN; the inverses are fitted anew to each network."""
    x = digits.split()[1].images[:100]
    found: dict[Read, list[list[float]]] = {read: [] for read in PROTOTYPE_SANITY}
    for seed in SEEDS:
        fits: list[ta.MIPIN] = []
        for read, values in found.items():
            calls = count()

            def factory(
                model: nn.Module, read: Read = read, calls: Iterator[int] = calls, fits: list[ta.MIPIN] = fits
            ) -> Callable[..., Tensor]:
                if (k := next(calls)) == len(fits):  # a seed makes the same networks for both read-outs
                    fits.append(ta.MIPIN(model).fit(digits.split()[0].images))
                return partial(fits[k].read_out, read)

            check = ta.evaluation.parameter_randomisation(
                network("CNN", 0), x, factory, similarities=["spearman", "absolute"], seed=seed
            )
            values.append([float(check.curve(kind)[:, -1].nanmean()) for kind in ("spearman", "absolute")])
            values[-1].append(float(check.curve("spearman")[:, -1].isnan().double().mean()))
    rows = []
    for read, values in found.items():
        *columns, undefined = zip(*values, strict=True)
        spread = " / ".join(f"{v[0]:.2f} ({min(v):.2f} … {max(v):.2f})" for v in columns)
        rows.append([read, spread, f"{max(undefined):.0%}", PROTOTYPE_SANITY[read]])
    return markdown(["read-out", "signed / absolute Spearman", "constant maps at most", "prototype"], rows)


def logits_of(net: nn.Module, width: int) -> nn.Module:
    """Return a benchmark network with ten outputs instead of one, in float32."""
    body: Any = net.body
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        if isinstance(body.head, nn.Sequential):
            body.head[-1] = nn.Linear(width, 10)
        else:
            body.head = nn.Linear(width, 10)
    return body.float().eval()


def noise(count: int, side: int) -> Tensor:
    """Return smooth random images (count, 3, side, side)."""
    rough = torch.rand(count, 3, side // 8, side // 8, generator=torch.Generator().manual_seed(0))
    return nn.functional.interpolate(rough, size=(side, side), mode="bilinear")


def fit_table() -> str:
    """Return what fitting costs, in CPU seconds of one thread."""
    vgg, resnet = logits_of(networks.vgg(), 256), logits_of(networks.resnet(), 512)
    train, small, large = digits.split()[0].images, noise(1000, 64), noise(200, 224)
    cases = [
        ("digits MLP, 1347 images", ta.MIPIN(network("MLP", 0)), train, "–"),
        ("digits CNN, 1347 images", ta.MIPIN(network("CNN", 0)), train, "≤ 20 s"),
        ("VGG-like 3×64×64 above pool 3, 1000 images", ta.MIPIN(vgg, layer="features.14"), small, "< 60 s"),
        ("ResNet-18-like 3×64×64 above its sums", ta.MIPIN(resnet, layer="features.11"), small, "< 60 s"),
        ("the same on 3×224×224, 200 images", ta.MIPIN(resnet, layer="features.11"), large, "< 60 s"),
    ]  # fmt: skip
    rows = []
    for item, mip, data, goal in cases:
        print(f"measuring: {item}", file=sys.stderr, flush=True)
        start = time.process_time()
        mip.fit(data)
        rows.append([item, f"{time.process_time() - start:.1f} s", goal])
    return markdown(["fit", "CPU time", "goal"], rows)


def read_table() -> str:
    """Return what one read-out costs, in forwards of the same rows."""
    vgg = logits_of(networks.vgg(), 256)
    cases = [
        ("digits MLP, 450 images", network("MLP", 0), digits.split()[1].images),
        ("digits CNN, 450 images", network("CNN", 0), digits.split()[1].images),
        ("digits CNN, 32 images", network("CNN", 0), digits.split()[1].images[:32]),
        ("VGG-like 3×64×64, all layers, 32 images", vgg, noise(32, 64)),
    ]
    rows = []
    for item, net, x in cases:
        print(f"measuring: {item}", file=sys.stderr, flush=True)
        mip = ta.MIPIN(net, steps=1).fit(x)  # the cost does not depend on the weights

        def forward(net: nn.Module = net, x: Tensor = x) -> Tensor:
            with torch.no_grad():
                return net(x)

        computations = {"forward": forward, "read": partial(mip.attribution, x, 3)}
        taken, _ = timing.medians(computations, 3.0)
        rows.append(
            [
                item,
                f"{taken['forward'] * 1e3:.2f} ms",
                f"{taken['read'] * 1e3:.2f} ms",
                f"{taken['read'] / taken['forward']:.2f}",
            ]
        )
    return markdown(["one attribution", "forward", "read-out", "forwards (goal ≤ 3)"], rows)


def markdown(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


PARTS = {
    "Quality on 450 held-out images; seed 0, and the range over three trained networks": quality_table,
    "Completeness and minimality": report_table,
    "Other choices": variants_table,
    "Sanity check: the CNN made random from the output down; seed 0, and the range over three": sanity_table,
    "Cost of fitting": fit_table,
    "Cost of reading": read_table,
}


def main() -> int:
    """Run the command line and return its exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.mip_in", description=__doc__)
    parser.add_argument("--only", help="words of one part's title")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="put it between its marks in a file")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    chosen = [title for title in PARTS if not arguments.only or arguments.only in title]
    found = {}
    for title in chosen:
        print(title, file=sys.stderr, flush=True)
        found[title] = PARTS[title]()
        print(f"{title}:\n\n{found[title]}\n", flush=True)
    if arguments.markdown:
        document = arguments.markdown.read_text(encoding="utf-8")
        marks = re.compile(r"(<!-- mip_in -->\n).*(\n<!-- /mip_in -->)", re.DOTALL)
        written = marks.search(document)
        before = written[0] if written else ""
        parts = [f"{machine()}."]
        for title in PARTS:
            kept = re.search(rf"{re.escape(title)}:\n\n(.*?)\n(?=\n\S[^\n]*:\n\n|<!--)", before, re.DOTALL)
            text = found.get(title, kept[1] if kept else "not measured yet")
            parts.append(f"{title}:\n\n{text}")
        section = "\n\n".join(parts)
        text = marks.sub(lambda m: m[1] + section + m[2], document)
        arguments.markdown.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
