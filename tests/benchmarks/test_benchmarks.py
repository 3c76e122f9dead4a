"""The benchmarks run and compare like with like; what they measure is never asserted."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks import memory, nested, networks, table, timing
from benchmarks.__main__ import SUBJECTS
from benchmarks.contest import AtMostFloor, Case, Contest, DifferenceAtMost, FasterThanPeer, MemoryAtMost

ROOT = Path(__file__).parents[2]


def benchmarks(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "benchmarks", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=250, check=False)


@pytest.mark.slow
def test_the_smallest_row_runs_from_the_command_line(tmp_path):
    path = tmp_path / "results.md"
    done = benchmarks("--quick", "--only", "Taylor terms, (n, K) = (4, 3)", "--markdown", str(path))
    assert done.returncode == 0, done.stderr
    assert "Taylor terms, (n, K) = (4, 3)" in done.stdout
    assert "| Taylor terms, (n, K) = (4, 3) |" in path.read_text(encoding="utf-8")


def test_an_unknown_row_is_refused():
    done = benchmarks("--only", "no such row")
    assert done.returncode == 2 and "no such row" in done.stderr


def test_rows_have_names_of_their_own():
    items = [case.item for cases in SUBJECTS.values() for case in cases]
    assert len(items) == len(set(items))
    assert all(any(case.quick for case in SUBJECTS[subject]) for subject in SUBJECTS.keys() - {"growth"})


def test_peak_counts_temporaries_inside_a_computation():
    def computation():
        first = torch.ones(2**17, dtype=torch.float64)  # 1 MiB
        second = first + 1  # both alive: 2 MiB
        del first
        return (second * 2).sum()  # second and the product: 2 MiB

    assert memory.torch_peak(computation) == pytest.approx(2 * 2**20, rel=1e-3)  # the sum's few bytes
    assert memory.python_peak(lambda: np.ones(2**17).sum()) == pytest.approx(2**20, rel=0.05)  # small objects


def test_computations_take_turns_and_the_median_counts():
    calls = []
    computations = {"a": lambda: calls.append("a"), "b": lambda: calls.append("b") or 7}
    taken, results = timing.medians(computations, seconds=0.01)
    assert results == {"a": None, "b": 7}
    assert set(taken) == {"a", "b"} and all(value > 0 for value in taken.values())
    assert calls[:2] == ["a", "b"] and {"a", "b"} <= set(calls[4:])


def test_goals_are_judged_by_what_was_measured():
    expected = {
        AtMostFloor(1.5): False,
        AtMostFloor(2.5): True,
        FasterThanPeer(4, "peer"): True,
        FasterThanPeer(6, "peer"): False,
        FasterThanPeer(2, "absent"): None,
        MemoryAtMost(1): False,
        MemoryAtMost(3): True,
        DifferenceAtMost(1e-9): False,
    }
    case = Case("x", lambda: Contest(ours=lambda: None), tuple(expected))
    row = table.Measured(case, {"ours": 2.0, "floor": 1.0, "peer": 10.0}, {"ours": 2 * 2**20}, 1e-8)
    assert {goal: row.reached(goal) for goal in case.goals} == expected
    assert len(row.cells()) == len(table.COLUMNS)


def test_nested_derivatives_give_taylor_coefficients():
    cubic = lambda t: 3 * t[0] + t[1] ** 2 + 3 * t[0] * t[1] ** 2  # noqa: E731
    third = nested.coefficients(nested.derivative(cubic, 2, 3)(), 3)
    assert third.tolist() == [0, 0, 3, 0]  # t0³, t0²t1, t0t1², t1³
    second = nested.coefficients(nested.derivative(cubic, 2, 2)(), 2)
    assert second.tolist() == [0, 0, 1]


def test_both_forms_of_a_transformer_are_one_function():
    x = networks.seeded(3, 5, 8)
    fused, written_out = networks.transformer(8), networks.transformer(8, fused=False)
    assert torch.allclose(fused(x), written_out(x), rtol=0, atol=1e-12)  # sums in another order


@pytest.mark.parametrize("network", (networks.mlp((5, 4)), networks.residual(5, 4, 2)))
def test_floors_do_their_rows(network, monkeypatch):
    seen = []
    forward = network.forward
    monkeypatch.setattr(network, "forward", lambda x: seen.append(len(x)) or forward(x))
    nested.forwards(network, 10, torch.zeros(1, 5).double(), chunk=4)()
    assert seen == [4, 4, 2]
    seen.clear()
    nested.forwards_and_backwards(network, 10, torch.zeros(1, 5).double(), chunk=4)()
    assert seen == [4, 4, 2]


@pytest.mark.slow
def test_a_checkout_is_timed_beside_itself():
    item = "Taylor terms, (n, K) = (4, 3)"
    command = [sys.executable, "-m", "benchmarks.against", str(ROOT), "--only", item]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=250, check=True)
    (row,) = done.stdout.splitlines()[2:]
    assert row.startswith(f"| {item} | ")
    assert float(row.split("|")[4]) > 0
