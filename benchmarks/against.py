"""``python -m benchmarks.against CHECKOUT``: is a row slower than in another checkout of this repository?

Each checkout has a process of its own; the two take turns at every single computation, so that whatever else
the machine does falls on both alike. The medians and minima of the CPU time are compared; one thread.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path
from statistics import median

REPEATS = 15
"""Turns of a row on each side."""

LONG_SECONDS = 1.0
"""A row that takes longer has FEW_REPEATS turns."""

FEW_REPEATS = 4

# Run by each side in its own checkout, so it can use nothing but what both have: the table's cases. It prints
# their items, then the seconds of one computation for every item it reads.
WORKER = """
import sys, time, warnings
warnings.simplefilter("ignore")
import torch
torch.set_num_threads(1)
from benchmarks.__main__ import SUBJECTS
cases = {case.item: case for subject in SUBJECTS.values() for case in subject}
print(*cases, sep="\\x1f", flush=True)
built, name = None, None
for line in sys.stdin:
    if line.strip() != name:
        name = line.strip()
        torch.manual_seed(0)
        built = cases[name].build().ours
        built()
    start = time.process_time()
    built()
    print(time.process_time() - start, flush=True)
"""


class Side:
    """One checkout, asked for one computation at a time."""

    def __init__(self, checkout: Path) -> None:
        environment = os.environ | {"PYTHONPATH": str(checkout), "OMP_NUM_THREADS": "1"}
        self._process = subprocess.Popen(
            [sys.executable, "-u", "-c", WORKER],
            cwd=checkout,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.items = self._line().split("\x1f")

    def seconds(self, item: str) -> float:
        """Return the CPU time of one computation of a row, in seconds."""
        assert self._process.stdin is not None
        self._process.stdin.write(item + "\n")
        self._process.stdin.flush()
        return float(self._line())

    def _line(self) -> str:
        """Return the next line of the process.

        Raises:
            RuntimeError: If it has ended.
        """
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("the process of a checkout has ended; its error stands above")
        return line.rstrip("\n")


def main() -> None:
    """Print a row for each computation that both checkouts have."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.against", description=__doc__)
    parser.add_argument("checkout", type=Path, help="root of the other checkout, such as a git worktree")
    parser.add_argument(
        "--only", nargs="+", default=[""], metavar="TEXT", help="rows whose item holds one of these"
    )
    arguments = parser.parse_args()
    here, there = Side(Path(__file__).parents[1]), Side(arguments.checkout.resolve())
    print("| item | here | there | here / there, medians | minima |\n| --- | --- | --- | --- | --- |")
    for item in here.items:
        if item not in there.items or not any(text in item for text in arguments.only):
            continue
        first = here.seconds(item), there.seconds(item)
        repeats = FEW_REPEATS if max(first) > LONG_SECONDS else REPEATS
        # who goes first alternates: a cache that one side warms serves the other in every second turn
        turns: dict[Side, list[float]] = {here: [], there: []}
        for turn in range(repeats):
            for side in (here, there) if turn % 2 else (there, here):
                turns[side].append(side.seconds(item))
        ours, theirs = turns[here], turns[there]
        print(
            f"| {item} | {1e3 * median(ours):.3g} ms | {1e3 * median(theirs):.3g} ms "
            f"| {median(ours) / median(theirs):.2f} | {min(ours) / min(theirs):.2f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
