"""``python -m benchmarks.ten_thousand_digits``: 10,000 images explained, by a command that may be killed.

Taylor effects of order 2 over all 64 pixels and the scores of all fifteen methods, for the digit that a
trained CNN (`tests/digits.py`) reads in each image. The images are the 1,797 of scikit-learn again and again,
each time shifted by up to a pixel and with noise of standard deviation 0.05, from a seed. Every task has a
folder; the same command goes on where it was killed, and shows what it finds done as such.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from tqdm.auto import tqdm

import taylorattr as ta
from benchmarks.__main__ import machine
from taylorattr.datasets import DatasetResult
from tests import digits

NOISE = 0.05
"""Standard deviation of what is added to grey values in [0, 1]."""

REFERENCES = 20
"""Images of the training set that methods over a reference set average over."""

READS_REFERENCES = ("expected_gradients", "deep_shap", "prediction_difference")


def images(count: int, seed: int = 0) -> Tensor:
    """Return that many images (N, 1, 8, 8) in [0, 1]: the digits, shifted and noisy after the first round."""
    known = torch.cat([part.images for part in digits.split()])
    generator = torch.Generator().manual_seed(seed)
    rows = known[torch.arange(count) % len(known)].clone()
    moved = torch.arange(count) >= len(known)
    shifts = torch.randint(-1, 2, (count, 2), generator=generator)
    noise = NOISE * torch.randn(rows.shape, generator=generator)
    for down in (-1, 0, 1):
        for right in (-1, 0, 1):
            here = moved & (shifts == torch.tensor([down, right])).all(1)
            rows[here] = torch.roll(rows[here], (down, right), (2, 3))
    rows[moved] = (rows[moved] + noise[moved]).clamp(0, 1)
    return rows


def tasks() -> dict[str, tuple[str, dict[str, Any]]]:
    """Return what is computed, by the name of its folder: task and arguments."""
    references = {"baselines": digits.split()[0].images[:REFERENCES]}
    methods = {
        name: ("attribute", {"method": name, **(references if name in READS_REFERENCES else {})})
        for name in ta.METHODS
    }
    return {"taylor": ("decompose", {"order": 2}), **methods}


def say(name: str, result: DatasetResult, known: bool, seconds: tuple[float, float]) -> None:
    """Print a row of the table."""
    spread = result.statistics(
        "remainder_share" if name == "taylor" else "relative_gap", quantiles=(0.5, 0.95)
    )
    what = "left over" if name == "taylor" else "gap"
    half, most = spread.quantiles[:, 0].tolist()
    when = "was there" if known else f"{seconds[0]:.1f} s ({seconds[1]:.1f} s)"
    tqdm.write(f"| {name} | {len(result):,} | {when} | {what} {half:.2g}, of 5 % more than {most:.2g} |")


def run(arguments: Sequence[str] | None = None) -> None:
    """Explain the images, and print the time of every task."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", default="ten_thousand_digits", metavar="FOLDER")
    parser.add_argument("--examples", type=int, default=10_000, metavar="N")
    parser.add_argument("--workers", type=int, default=0, metavar="N")
    options = parser.parse_args(arguments)
    rows, network = images(options.examples), digits.cnn()
    with torch.no_grad():
        read = network(rows).argmax(1)
    print(machine())
    print(f"{options.examples:,} images, {options.workers or 'no'} workers, one thread each\n")
    head = "| task | examples | time (CPU of this process) | completeness |\n| --- | --- | --- | --- |"
    print(head, flush=True)
    began, worked = time.perf_counter(), time.process_time()
    for name, (task, settings) in tasks().items():
        folder = Path(options.out) / name
        known = len(list(folder.glob("shard-*"))) * 512 >= options.examples
        started, busy = time.perf_counter(), time.process_time()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ta.errors.TaylorAttrWarning)
            result = ta.map_dataset(
                task,
                network,
                rows,
                target=read,
                out=folder,
                workers=options.workers,
                show_progress=True,
                **settings,
            )
        say(name, result, known, (time.perf_counter() - started, time.process_time() - busy))
    print(f"\nin all {time.perf_counter() - began:.0f} s ({time.process_time() - worked:.0f} s)")


if __name__ == "__main__":
    run()
