"""How much of the package one call passes through: files entered, functions entered, deepest nesting.

``python -m benchmarks.call_paths`` prints a row for each public call, measured by `sys.setprofile` over the
package's own files on the second call in the process, so that imports and caches do not count.
"""

from __future__ import annotations

import sys
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import torch

import taylorattr as ta

PACKAGE = str(Path(ta.__file__).parent)
COMPREHENSIONS = ("<listcomp>", "<genexpr>", "<dictcomp>", "<setcomp>")
"""Frames of Python 3.11 that no reader counts as a function; from 3.12 on most are inlined."""


def footprint(call: Callable[[], Any]) -> tuple[int, int, int]:
    """Return how many files and functions of the package a call enters, and its deepest nesting of them.

    Args:
        call: Takes nothing; run twice, measured the second time.
    """
    call()  # imports, caches and registrations of a first call are not its path
    entered: set[CodeType] = set()
    depth = deepest = 0

    def profile(frame: FrameType, event: str, _: Any) -> None:
        nonlocal depth, deepest
        if not frame.f_code.co_filename.startswith(PACKAGE) or frame.f_code.co_name in COMPREHENSIONS:
            return
        if event == "call":
            entered.add(frame.f_code)
            depth += 1
            deepest = max(deepest, depth)
        elif event == "return":  # raised exceptions and a generator's yield count as such too
            depth -= 1

    sys.setprofile(profile)
    try:
        call()
    finally:
        sys.setprofile(None)
    return len({code.co_filename for code in entered}), len(entered), deepest


def calls(folder: Path) -> dict[str, Callable[[], Any]]:
    """Return the public calls that are measured, by name."""
    torch.manual_seed(0)
    smooth = torch.nn.Sequential(torch.nn.Linear(6, 12), torch.nn.Tanh(), torch.nn.Linear(12, 1)).eval()
    bent = torch.nn.Sequential(torch.nn.Linear(6, 12), torch.nn.ReLU(), torch.nn.Linear(12, 1)).eval()
    x = torch.rand(2, 6)
    effects = ta.harsanyi(smooth, x)
    return {
        "decompose": lambda: ta.decompose(smooth, x),
        "harsanyi": lambda: ta.harsanyi(smooth, x),
        "attribute integrated_gradients": lambda: ta.attribute("integrated_gradients", smooth, x),
        "attribute lrp_epsilon": lambda: ta.attribute("lrp_epsilon", bent, x),
        "reformulate integrated_gradients": lambda: ta.reformulate("integrated_gradients", smooth, x),
        "reformulate lrp_epsilon": lambda: ta.reformulate("lrp_epsilon", bent, x),
        "audit integrated_gradients": lambda: ta.audit("integrated_gradients", smooth, x),
        "report harsanyi": lambda: ta.report(folder / "page.html", effects),
    }


def main() -> None:
    """Print the table."""
    warnings.simplefilter("ignore")  # of the toy networks, which are no subject here
    print("| call | files | functions | depth |\n|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for name, call in calls(Path(folder)).items():
            files, functions, depth = footprint(call)
            print(f"| {name} | {files} | {functions} | {depth} |")


if __name__ == "__main__":
    main()
