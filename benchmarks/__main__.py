"""``python -m benchmarks``: measure and print the table; ``methods``: judge the methods by the protocols."""

from __future__ import annotations

import argparse
import gc
import platform
import sys
import time
import warnings
from collections.abc import Iterator
from pathlib import Path

import torch

from benchmarks import (
    allocation,
    audit,
    captum,
    designed,
    growth,
    harsanyi,
    hessians,
    integrated_gradients,
    integrated_hessians,
    many_players,
    memory,
    methods,
    occlusion,
    peers,
    prepared,
    programs,
    pruning,
    reformulation,
    relevance,
    shapley,
    table,
    taylor_batches,
    taylor_terms,
    timing,
)
from benchmarks.contest import Case

SUBJECTS = {
    "harsanyi": harsanyi.CASES,
    "shapley": shapley.CASES,
    "occlusion": occlusion.CASES,
    "taylor_terms": taylor_terms.CASES,
    "taylor_batches": taylor_batches.CASES,
    "programs": programs.CASES,
    "integrated_gradients": integrated_gradients.CASES,
    "relevance": relevance.CASES,
    "captum": captum.CASES,
    "pruning": pruning.CASES,
    "integrated_hessians": integrated_hessians.CASES,
    "hessians": hessians.CASES,
    "many_players": many_players.CASES,
    "growth": growth.CASES,
    "allocation": allocation.CASES,
    "prepared": prepared.CASES,
    "audit": audit.CASES,
    "reformulation": reformulation.CASES,
    "designed": designed.CASES,
}

DESCRIPTION = """\
Measure time and peak memory of this package, the time of a floor (work that has to be done in any case), and
other libraries where they are installed. The computations of a row take turns in one process on one thread;
the median CPU time counts. Memory is the peak of torch's allocator plus that of Python and NumPy, beyond what
existed before. What takes more than five seconds is measured once. The whole table takes several minutes.
How good the methods are is another comparison, by the protocols of evaluation: python -m benchmarks methods.
"""


def chosen(only: list[str], quick: bool) -> Iterator[tuple[str, Case]]:
    """Yield subject and case of every row asked for.

    Args:
        only: Parts of names: a subject, or words of an item; empty for all.
        quick: Whether to leave out the long rows.

    Yields:
        Name of the subject and the case.
    """
    for subject, cases in SUBJECTS.items():
        for case in cases:
            named = not only or any(name == subject or name in case.item for name in only)
            if named and (case.quick or not quick):
                yield subject, case


def measure(case: Case, seconds: float) -> table.Measured:
    """Measure one case: times first, then the memory of what took less than SECONDS_MEASURED_ONCE."""
    contest = case.build()
    computations = contest.computations()
    taken, results = timing.medians(computations, seconds)
    difference = contest.difference(results) if contest.difference is not None else None
    del results
    light = [name for name, took in taken.items() if took < timing.SECONDS_MEASURED_ONCE and name != "floor"]
    peaks = {name: memory.peak(computations[name]) for name in light}
    return table.Measured(case, taken, peaks, difference)


def machine() -> str:
    """Return what the numbers depend on: processor, versions, threads."""
    processor = platform.processor() or platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        processor = next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        pass
    libraries = ", ".join(f"{name} {version}" for name, version in peers.versions().items())
    return (
        f"{processor}; Python {platform.python_version()}, torch {torch.__version__}, "
        f"{torch.get_num_threads()} thread; {libraries}; {time.strftime('%Y-%m-%d')}"
    )


QUICK_SECONDS, FULL_SECONDS = 0.5, 4.0
"""CPU time for the turns of one row."""


def document(tables: dict[str, list[tuple[str, ...]]]) -> str:
    """Return the markdown document of all tables."""
    written = "Written by `python -m benchmarks --markdown FILE`."
    parts = ["# Benchmarks", written, DESCRIPTION.strip(), machine()]
    for subject, rows in tables.items():
        parts += [f"## {subject}", f"Floor: {SUBJECTS[subject][0].floor}.", table.markdown(rows)]
    return "\n\n".join(parts) + "\n"


def main() -> int:
    """Run the command line and return its exit status."""
    if sys.argv[1:2] == ["methods"]:
        return methods.main(sys.argv[2:])
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=DESCRIPTION)
    parser.add_argument(
        "--only", action="append", default=[], metavar="NAME",
        help=f"a subject ({', '.join(SUBJECTS)}) or part of a row's name; may be repeated",
    )  # fmt: skip
    parser.add_argument("--quick", action="store_true", help="small rows only, fewer turns")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the table there as well")
    arguments = parser.parse_args()
    cases = list(chosen(arguments.only, arguments.quick))
    if not cases:
        parser.error(f"no row is called {arguments.only}; subjects are {', '.join(SUBJECTS)}")
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")  # a random network diverges or not: here only its cost counts
    print(machine(), flush=True)
    tables: dict[str, list[tuple[str, ...]]] = {}
    seconds = QUICK_SECONDS if arguments.quick else FULL_SECONDS
    for subject, case in cases:
        print(f"measuring: {case.item}", file=sys.stderr, flush=True)
        tables.setdefault(subject, []).append(measure(case, seconds).cells())
        gc.collect()
    for subject, rows in tables.items():
        print(f"\n{subject}; floor: {SUBJECTS[subject][0].floor}\n{table.text(rows)}", flush=True)
    if arguments.markdown:
        arguments.markdown.write_text(document(tables), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
