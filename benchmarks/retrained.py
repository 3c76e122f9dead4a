"""``python -m benchmarks.retrained``: ROAR and KAR on the digits CNN, by several methods."""

from __future__ import annotations

import argparse
import sys
import warnings
from pathlib import Path

import torch
from torch import Tensor, nn

from benchmarks.attributions import ENTRIES
from taylorattr import evaluation
from tests import digits

METHODS = ("gradient", "integrated_gradients", "prune_grad", "mip_in contrast")

EPOCHS, TRAININGS = 15, 2
"""Of every network that is trained anew, and how many of them there are for an order and a share."""


def train(x: Tensor, y: Tensor, seed: int) -> nn.Module:
    """Return a CNN trained by the recipe of the digits networks, in fewer epochs."""
    return digits.trained(digits.untrained_cnn, digits.Digits(x, y), epochs=EPOCHS, seed=seed)


def main() -> int:
    """Run the command line and return its exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.retrained", description=__doc__)
    parser.add_argument(
        "--folder", type=Path, default=Path("build/retrained"), help="an interrupted run goes on"
    )
    folder = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    network, (data, test) = digits.cnn(), digits.split()
    for keep in (False, True):
        for number, name in enumerate(METHODS):
            result = evaluation.retraining(
                network,
                (data.images, data.digits),
                (test.images, test.digits),
                ENTRIES[name].make(network, data.images),
                train,
                keep=keep,
                trainings=TRAININGS,
                controls=("random", "input") if number == 0 else (),  # the same for all methods
                checkpoint=folder / f"{'kar' if keep else 'roar'}-{name.replace(' ', '_')}",
                show_progress=True,
                name=name,
            )
            print(result, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
