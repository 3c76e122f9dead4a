"""``python -m benchmarks methods``: every method through the protocols, on networks that read digits.

A trained MLP and CNN (``tests/digits.py``), and a CNN that reads digits pasted on larger fields. What was
measured is written to a folder, so that an interrupted run goes on; the table and the figure are made from
it.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

import taylorattr as ta
from benchmarks import method_pictures, table
from benchmarks.attributions import ENTRIES, Entry
from taylorattr import evaluation
from tests import digits

IMAGES, PASTED, AUDITED = 150, 40, 2
"""Test images of the protocols, of those on larger fields, and of the audit (all coalitions of 8)."""

PASTED_REFERENCES = 8
"""Fields that methods over a reference set average over: with 400 players and 32 it would take minutes."""

PROBE_ROWS = 256
"""Normal inputs that MIP-IN is fitted to in a probe."""

EPOCHS_OF_LABELS = 300
"""Of the networks that learn permuted labels by heart."""

PASTED_EPOCHS, PLACEMENTS = 14, 2
"""Of the network of pasted digits; fresh placements of every image in every epoch."""


NOT_PASTED = ("shapley",)
"""Methods left out on larger fields: sampled orders of 400 players take minutes and leave mostly noise."""


def pasted_network(images: Tensor, digit: Tensor) -> nn.Module:
    """Return a CNN trained on digits pasted on 20×20 fields among fragments of others."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = nn.Sequential(
            *(nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.Conv2d(16, 32, 3, padding=1), nn.ReLU()),
            *(nn.MaxPool2d(2), nn.Conv2d(32, 48, 3, padding=1), nn.ReLU(), nn.MaxPool2d(10)),
            *(nn.Flatten(), nn.Linear(48, 64), nn.ReLU(), nn.Linear(64, 10)),
        )
        optimiser = torch.optim.Adam(network.parameters(), lr=3e-3)
        for epoch in range(PASTED_EPOCHS):
            fields, _ = evaluation.pasted_images(images, placements=PLACEMENTS, seed=epoch)
            labels = digit.repeat_interleave(PLACEMENTS)
            for rows in torch.randperm(len(fields)).split(64):
                optimiser.zero_grad()
                nn.functional.cross_entropy(network(fields[rows]), labels[rows]).backward()
                optimiser.step()
    return network.eval().requires_grad_(False)


class Study:
    """Networks and data of the comparison, and the folder that holds what was measured."""

    def __init__(self, folder: Path) -> None:
        """Read or train the networks."""
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.train, held_out = digits.split()
        self.x, self.digit = held_out.images[:IMAGES], held_out.digits[:IMAGES]
        self.networks = {"mlp": digits.mlp(), "cnn": digits.cnn()}
        self.untrained: dict[str, Callable[[], nn.Module]] = {
            "mlp": digits.untrained_mlp,
            "cnn": digits.untrained_cnn,
        }
        self._of_labels: dict[str, nn.Module] = {}
        self.fields, self.boxes = evaluation.pasted_images(self.x[:PASTED], seed=10_000)
        fields, _ = evaluation.pasted_images(self.train.images, seed=20_000)
        self.pasted_train = {True: fields[:PASTED_REFERENCES], False: fields}
        self.pasted = self._network("pasted", lambda: pasted_network(*self.train))

    def _network(self, name: str, train: Callable[[], nn.Module]) -> nn.Module:
        """Return a network from the folder, or train it and leave it there."""
        path = self.folder / f"{name}.pt"
        if path.exists():
            return torch.load(path, weights_only=False)
        network = train()
        torch.save(network, path)
        return network

    def train_labels(self, name: str, x: Tensor, y: Tensor, seed: int) -> nn.Module:
        """Return the network of permuted labels; they depend on the seed alone, so it is trained once."""
        if name not in self._of_labels:
            trained = partial(digits.trained, self.untrained[name], digits.Digits(x, y), seed=seed)
            self._of_labels[name] = self._network(f"labels-{name}", lambda: trained(epochs=EPOCHS_OF_LABELS))
        return self._of_labels[name]

    def kept(self, name: str, measure: Callable[[], ta.Result]) -> Any:
        """Return a result from the folder, or measure it and write it there; None where a method refuses."""
        path, refused = self.folder / f"{name}.json", self.folder / f"{name}.refused"
        if path.exists():
            return ta.Result.load(path)
        if refused.exists():
            return None
        print(f"measuring: {name}", file=sys.stderr, flush=True)
        try:
            result = measure()
        except ta.errors.TaylorAttrError as error:
            refused.write_text(str(error), encoding="utf-8")
            return None
        result.save(path)
        return result

    def seconds(self, name: str, run: Callable[[], object]) -> float:
        """Return the CPU seconds of a run, from the folder where they are there."""
        path = self.folder / f"{name}.seconds"
        if not path.exists():
            started = time.process_time()
            run()
            path.write_text(json.dumps(time.process_time() - started), encoding="utf-8")
        return json.loads(path.read_text(encoding="utf-8"))

    def cells(self, network: str, name: str, entry: Entry) -> dict[str, Any]:
        """Return what all protocols say of a method on a network."""
        net, x = self.networks[network], self.x
        images = self.train.images
        factory = lambda model: entry.make(model, images)  # noqa: E731
        made: dict[str, Any] = {}

        def method(rows: Tensor, target: Any) -> Any:
            if not made:
                made["method"] = factory(net)
            return made["method"](rows, target)

        stem = f"{network}-{name.replace(' ', '_')}"
        keep = self.kept
        cells: dict[str, Any] = {}
        for rank in ("signed", "abs"):
            cells[rank] = keep(
                f"{stem}-perturbation_{rank}",
                lambda rank=rank: evaluation.pixel_perturbation(
                    net, x, method, fill="zero", steps=16, rank=rank, name=name
                ),
            )
        if cells["signed"] is None:
            return cells
        cells["classes"] = keep(
            f"{stem}-classes", lambda: evaluation.class_sensitivity(net, x, method, name=name)
        )
        cells["cascade"] = keep(
            f"{stem}-cascade", lambda: evaluation.parameter_randomisation(net, x, factory, name=name)
        )
        cells["labels"] = keep(
            f"{stem}-labels",
            lambda: evaluation.label_randomisation(
                net, x, factory, partial(self.train_labels, network), *self.train, name=name
            ),
        )
        cells["road"] = keep(f"{stem}-road", lambda: evaluation.road(net, x, method, name=name))
        if entry.unit is not None:
            step = None if entry.unit else x
            cells["infidelity"] = keep(
                f"{stem}-infidelity",
                lambda: evaluation.infidelity(net, x, method, differences=step, name=name),
            )
        if entry.unit is False:
            cells["gap"] = keep(f"{stem}-gap", lambda: evaluation.completeness_gap(net, x, method, name=name))
        if not entry.references:
            cells["audit"] = keep(f"{stem}-audit", lambda: self._audit(net, method))
        target = net(x).argmax(1)
        cells["seconds"] = self.seconds(stem, lambda: method(x, target))
        return cells

    def _audit(self, net: nn.Module, method: Callable[[Tensor, Any], Any]) -> ta.AuditReport:
        """Return an audit of a bound method, its scores summed over the 8 players."""
        x = self.x[:AUDITED]
        target = int(net(x).argmax(1)[0])

        def bound(rows: Tensor) -> Tensor:
            found = method(rows, torch.full((len(rows),), target))
            scores = found.scores if isinstance(found, ta.Attribution) else found
            assert isinstance(scores, Tensor)
            return scores

        players = ta.Players.grid(x, (2, 4))
        return ta.audit(bound, net, x, target=target, players=players, dtype=torch.float32, tol=1e-2)

    def place(self, name: str, entry: Entry) -> Any:
        """Return how well a method points at the pasted digit; None where it is left out."""
        if name in NOT_PASTED:
            return None
        # MIP-IN is fitted to all fields
        made = lambda: entry.make(self.pasted, self.pasted_train[not name.startswith("mip_in")])  # noqa: E731
        return self.kept(
            f"pasted-{name.replace(' ', '_')}-place",
            lambda: evaluation.localisation(self.pasted, self.fields, made(), self.boxes, name=name),
        )


HEADER: tuple[str, ...] = (
    *("method", "criteria held", "MoRF", "LeRF", "ABPC", "ABPC of magnitudes", "ROAD gap", "place: top-n"),
    *("place: mass", "sanity", "class distance", "infidelity", "gap: median", "seconds"),
)


def with_interval(result: Any, measure: str) -> str:
    """Return a mean with the half width of its 95 % interval; a dash where there is none."""
    if result is None or math.isnan(result.mean(measure)):
        return "–"
    low, high = result.interval(measure, samples=2000)
    return f"{result.mean(measure):.3f} [{low:.3f}, {high:.3f}]"


def criteria(report: Any) -> tuple[str, float]:
    """Return which criteria an audit found to hold, in words, and how many."""
    if report is None:
        return "–", float("nan")
    verdicts = (report.coverage, report.no_leak, report.complete)
    marks = {"holds": "✓", "holds_to": "✓", "fails": "✗"}
    words = " ".join(f"C{k} {marks.get(v.status, '?')}" for k, v in enumerate(verdicts, 1))
    return words, float(sum(v.status in ("holds", "holds_to") for v in verdicts))


def row(name: str, cells: dict[str, Any], place: Any) -> tuple[str, ...]:
    """Return the cells of a method's row."""
    words, _ = criteria(cells.get("audit"))
    sanity = "–"
    if cells.get("cascade") is not None and cells.get("labels") is not None:
        verdict = evaluation.sanity_verdict(cells["cascade"], cells["labels"])
        signed, absolute = verdict.signed, verdict.absolute
        numbers = ", ".join(f"{signed[t]:.2f} / {absolute[t]:.2f}" for t in signed)
        sanity = f"{'passes' if verdict.passes else 'fails'} ({numbers})"
    gap = cells.get("gap")
    return (
        *(name, words),
        *(with_interval(cells["signed"], measure) for measure in ("morf", "lerf", "abpc")),
        with_interval(cells["abs"], "abpc"),
        with_interval(cells.get("road"), "gap"),
        *(with_interval(place, measure) for measure in ("top", "mass")),
        sanity,
        with_interval(cells.get("classes"), "distance"),
        with_interval(cells.get("infidelity"), "normalised"),
        "–" if gap is None else f"{gap.median:.2g}",
        f"{cells['seconds']:.2f}",
    )


def in_words(everything: dict[str, dict[str, Any]]) -> str:
    """Return what the audit of each method says it counts, with the coalition that it gets most wrong."""
    lines = [
        f"- {name}: {method_pictures.verdict(cells.get('audit'))}." for name, cells in everything.items()
    ]
    return "What each counts, of the effects of 8 players, by its audit:\n\n" + "\n".join(lines)


def by_probe() -> str:
    """Return what a probe reads of the two systems, which have no ratio, from single units."""

    def column(model: Any, x: Tensor, _: Tensor) -> Tensor:
        generator = torch.Generator().manual_seed(0)
        data = torch.randn(PROBE_ROWS, x.shape[1], generator=generator, dtype=x.dtype)
        return ta.MIPIN(model).fit(data).attribution(x, 0)

    with warnings.catch_warnings():  # of inverses that fit badly to units of one input
        warnings.simplefilter("ignore")
        read = {
            "prune_grad": ta.probe("prune_grad"),
            "mip_in, fitted anew to each function": ta.probe(column),
        }
    lines = [
        f"- {name}: {found.sentence}; complete {found.complete.mark}: {found.complete.witness}."
        for name, found in read.items()
    ]
    return "What `ta.probe` reads of the systems, from single ReLU units:\n\n" + "\n".join(lines)


@dataclass(frozen=True)
class Standing:
    """Where a method stands on a network: criteria its audit found to hold, and its ABPC."""

    name: str
    criteria: float
    abpc: evaluation.Measured


def correlation(standings: list[Standing]) -> Any:
    """Return how criteria and ABPC go together over methods; random numbers are a control, no method."""
    methods = [s for s in standings if s.name != "random" and not math.isnan(s.criteria)]
    if len(methods) < 3:
        return None
    return evaluation.rank_correlation(
        [s.criteria for s in methods], [s.abpc.mean("abpc") for s in methods], [s.name for s in methods]
    )


def by_principles(study: Study, everything: dict[str, dict[str, dict[str, Any]]]) -> str:
    """Return how many principles each of the package's methods keeps, and how that goes with its scores."""
    counts, lines = {}, []
    for name in ta.METHODS:
        if any(name in cells for cells in everything.values()):
            found = study.kept(f"principles-{name}", lambda name=name: evaluation.principles(name, order=3))
            if found is not None:
                counts[name] = found.count
                lines.append(f"- {found}")
    scores: dict[str, Callable[[dict[str, Any]], float]] = {
        "ABPC": lambda cells: cells["signed"].mean("abpc"),
        "place, top-n": lambda cells: cells["place"].mean("top"),
        "sanity, −|signed|": lambda cells: (
            -max(abs(v) for v in evaluation.sanity_verdict(cells["cascade"], cells["labels"]).signed.values())
        ),
        "−infidelity": lambda cells: -cells["infidelity"].mean("normalised"),
    }
    rows = [("network", "score", "Spearman ρ of the number of principles with it", "95 % interval", "sign")]
    for network, cells in everything.items():
        names = [name for name in counts if name in cells]
        for title, score in scores.items():
            values = [score(cells[n]) if _measured(cells[n], title) else math.nan for n in names]
            if sum(not math.isnan(v) for v in values) < 3:
                continue
            found = evaluation.rank_correlation([counts[n] for n in names], values, names)
            ends = f"{found.low:+.2f} … {found.high:+.2f}"
            rows.append(
                (network, title, f"{found.rho:+.2f} ({len(found.methods)} methods)", ends, found.sign)
            )
    return "### principles\n\n" + "\n".join(lines) + "\n\n" + table.piped(rows)


def _measured(cells: dict[str, Any], title: str) -> bool:
    """Return whether what a score reads was measured."""
    needed = {
        "ABPC": "signed",
        "place, top-n": "place",
        "sanity, −|signed|": "labels",
        "−infidelity": "infidelity",
    }
    return cells.get(needed[title]) is not None


def figure(standings: dict[str, list[Standing]], path: Path) -> None:
    """Draw ABPC with its interval per method, and against the criteria held, for each network."""
    from matplotlib.figure import Figure

    drawn = Figure(figsize=(12, 0.34 * max(map(len, standings.values())) * len(standings) + 2))
    axes = drawn.subplots(len(standings), 2, squeeze=False, width_ratios=(3, 2))
    for (bars, scatter), (network, several) in zip(axes, standings.items(), strict=True):
        ordered = sorted(several, key=lambda s: s.abpc.mean("abpc"))
        means = [s.abpc.mean("abpc") for s in ordered]
        ends = [s.abpc.interval("abpc", samples=2000) for s in ordered]
        spread = [[m - low for m, (low, _) in zip(means, ends, strict=True)]]
        spread += [[high - m for m, (_, high) in zip(means, ends, strict=True)]]
        bars.barh([s.name for s in ordered], means, xerr=spread, color="#4c78a8", ecolor="#333333")
        bars.set_xlabel("ABPC, 95 % interval")
        bars.set_title(network)
        for standing in ordered:
            scatter.scatter(standing.criteria, standing.abpc.mean("abpc"), color="#4c78a8")
            scatter.annotate(
                standing.name, (standing.criteria, standing.abpc.mean("abpc")), fontsize=7, xytext=(4, 0),
                textcoords="offset points", va="center",
            )  # fmt: skip
        scatter.set(xlim=(-0.3, 4.2), xticks=range(4), xlabel="criteria held in the audit", ylabel="ABPC")
        found = correlation(several)
        scatter.set_title(
            "" if found is None else f"ρ = {found.rho:+.2f} [{found.low:+.2f}, {found.high:+.2f}]"
        )
    drawn.tight_layout()
    drawn.savefig(path, dpi=120)


def main(arguments: list[str]) -> int:
    """Run the comparison and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks methods", description=__doc__)
    parser.add_argument(
        "--folder", type=Path, default=Path("build/methods"), help="what was measured stays there"
    )
    parser.add_argument("--only", action="append", default=[], metavar="METHOD", help="may be repeated")
    given = parser.parse_args(arguments)
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    study = Study(given.folder)
    chosen = {name: entry for name, entry in ENTRIES.items() if not given.only or name in given.only}
    if not chosen:
        parser.error(f"no method is called {given.only}; there are {', '.join(ENTRIES)}")
    places = {name: study.place(name, entry) for name, entry in chosen.items()}
    parts = []
    standings: dict[str, list[Standing]] = {}
    everything: dict[str, dict[str, dict[str, Any]]] = {}
    for network in study.networks:
        rows, standings[network], everything[network] = [HEADER], [], {}
        for name, entry in chosen.items():
            cells = study.cells(network, name, entry)
            if cells["signed"] is not None:
                everything[network][name] = cells | {"place": places[name]}
                rows.append(row(name, cells, places[name]))
                standings[network].append(Standing(name, criteria(cells.get("audit"))[1], cells["signed"]))
        parts.append(f"### {network}\n\n{table.piped(rows)}")
        found = correlation(standings[network])
        if found is not None:
            parts.append(f"Criteria held in the audit, and ABPC: {found}.")
        parts.append(in_words(everything[network]))
    parts.append(by_probe())
    parts.append(by_principles(study, everything))
    figure(standings, given.folder / "figure.png")
    for network, cells in everything.items():
        net = study.networks[network]
        method_pictures.draw(given.folder, network, net, study.x, study.train.images, cells)
    document = "\n\n".join(parts) + "\n"
    (given.folder / "table.md").write_text(document, encoding="utf-8")
    print(document)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
