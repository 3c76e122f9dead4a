"""A computation takes the memory it plans with, and no more: measured as the peak of a child process."""

import os
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

import taylorattr as ta
from taylorattr import memory
from tests.test_memory import in_a_child, tanh

MIB = 1 << 20
BESIDES = 12 * MIB
"""What batches of coalitions, the model and the interpreter take besides, whatever the number of players."""


def status(key: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(key))


def measured(call: Callable[[int], object], small: int, large: int) -> tuple[int, int]:
    """Return planned and peak bytes of a call, in a child that has made a small one before."""

    def work() -> str:
        torch.set_num_threads(1)
        planned = [0]
        available = memory.available

        def asked(needed: float = float("inf")) -> int:
            planned.append(int(needed) if needed < float("inf") else 0)
            return available(needed)

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            call(small)
            memory.available = asked
            Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew
            before = status("VmRSS")
            result = call(large)
        del result
        return f"{max(planned)} {status('VmHWM') - before}"

    answer = in_a_child(work)
    assert answer.replace(" ", "").isdigit(), answer
    planned, peak = map(int, answer.split())
    return planned, peak


def harsanyi(examples: int = 1, **options: Any) -> Callable[[int], object]:
    return lambda n: ta.harsanyi(tanh(n), torch.rand(examples, n), max_evaluations=None, **options)


def shapley(n: int) -> object:
    return ta.attribute("shapley", tanh(n), torch.rand(1, n), algorithm="exact", max_evaluations=None)


def resumed(n: int) -> object:
    folder = Path(f"checkpoint-{os.getpid()}-{n}")
    harsanyi(checkpoint=folder)(n)
    return harsanyi(checkpoint=folder)(n)


CALLS: dict[str, tuple[Callable[[int], object], int, int]] = {
    "harsanyi": (harsanyi(), 4, 22),
    "harsanyi, float32": (harsanyi(dtype=torch.float32), 4, 22),
    "harsanyi, frame input": (harsanyi(frame="input"), 4, 21),
    "harsanyi, batch": (harsanyi(4), 4, 20),
    "harsanyi, resumed": (resumed, 4, 20),
    "harsanyi, truncated": (harsanyi(max_order=3), 8, 110),
    "harsanyi, truncated at 5": (harsanyi(max_order=5), 8, 32),
    "Shapley values": (shapley, 4, 20),
}


@pytest.mark.parametrize("name", CALLS)
def test_the_peak_is_what_was_planned(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    planned, peak = measured(*CALLS[name])
    print(f"{name}: planned {planned / MIB:.1f} MiB, peak {peak / MIB:.1f} MiB")
    assert peak <= planned + BESIDES, f"planned {planned / MIB:.1f} MiB, peak {peak / MIB:.1f} MiB"
