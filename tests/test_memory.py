"""The memory a computation may plan with never exceeds the machine's, a container's, nor the process's."""

import math
import os
import resource
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

import taylorattr as ta
from taylorattr import memory

MIB = 1 << 20


def test_half_of_what_is_free():
    assert 0 < memory.available() < 2**45


def tree(top: Path, membership: str, files: dict[str, object]) -> float:
    """What is left by a system whose cgroups hold these files."""
    proc, groups = top / "proc/self", top / "cgroup"
    proc.mkdir(parents=True)
    groups.mkdir()
    (proc / "cgroup").write_text(membership)
    for name, content in files.items():
        (groups / name).parent.mkdir(parents=True, exist_ok=True)
        (groups / name).write_text(f"{content}\n")
    return memory._left_in_containers(top / "proc", groups)


UNLIMITED_V1 = 9223372036854771712


@pytest.mark.parametrize(
    ("membership", "files", "left"),
    [
        ("0::/\n", {"memory.max": "max", "memory.current": 5}, math.inf),
        ("0::/\n", {"memory.max": 1000, "memory.current": 200}, 800),
        ("0::/\n", {"memory.max": 1000, "memory.current": 2000}, -1000),
        ("", {"memory.max": 1000, "memory.current": 200}, 800),
        ("0::/\n", {}, math.inf),
        ("0::/\n", {"memory.max": "nonsense", "memory.current": 5}, math.inf),
        ("0::/\n", {"memory.max": "max", "memory.high": 700, "memory.current": 200}, 500),
        (
            "0::/\n",
            {
                "memory.max": 1000,
                "memory.current": 900,
                "memory.stat": "anon 100\nfile 800\ninactive_file 600",
            },
            700,
        ),
        # nested, version 2: the least of the folder and all above it
        ("0::/a/b\n", {"a/b/memory.max": 1000, "a/b/memory.current": 200}, 800),
        (
            "0::/a/b\n",
            {
                "a/b/memory.max": 1000,
                "a/b/memory.current": 200,
                "a/memory.max": 900,
                "a/memory.current": 600,
            },
            300,
        ),
        ("0::/a/b\n", {"a/b/memory.max": "max", "a/memory.max": 900, "a/memory.current": 600}, 300),
        # version 1, alone and beside an empty version 2
        (
            "4:memory:/c\n0::/x\n",
            {"memory/c/memory.limit_in_bytes": 1000, "memory/c/memory.usage_in_bytes": 400},
            600,
        ),
        (
            "4:cpu,memory:/c\n",
            {"memory/c/memory.limit_in_bytes": 1000, "memory/c/memory.usage_in_bytes": 400},
            600,
        ),
        (
            "4:memory:/c\n",
            {
                "memory/c/memory.limit_in_bytes": UNLIMITED_V1,
                "memory/c/memory.usage_in_bytes": 400,
                "memory/memory.limit_in_bytes": 2000,
                "memory/memory.usage_in_bytes": 1500,
                "memory/memory.stat": "total_inactive_file 100",
            },
            600,
        ),
        (
            "4:memory:/c\n",
            {"memory/memory.limit_in_bytes": UNLIMITED_V1, "memory/memory.usage_in_bytes": 4},
            math.inf,
        ),
        # a container sees its own cgroup at the root, under a name that only the host knows
        (
            "4:memory:/docker/0123\n",
            {"memory/memory.limit_in_bytes": 1000, "memory/memory.usage_in_bytes": 400},
            600,
        ),
        ("0::/docker/0123\n", {"memory.max": 1000, "memory.current": 400}, 600),
        (
            "1:name=systemd:/\n0::/a\n",
            {"unified/a/memory.max": 1000, "unified/a/memory.current": 100},
            900,
        ),
    ],
)
def test_containers_count(tmp_path, membership, files, left):
    assert tree(tmp_path, membership, files) == left


@pytest.mark.parametrize(("left", "expected"), [(800.0, 400), (-1000.0, 0), (math.inf, 1500)])
def test_half_of_the_least(monkeypatch, left, expected):
    monkeypatch.setattr(memory, "_left_in_containers", lambda: left)
    monkeypatch.setattr(memory, "_free", lambda: 3000)
    assert memory.available() == expected


@pytest.mark.parametrize(
    ("size", "words"),
    [
        (0, "0 bytes"),
        (1000, "1,000 bytes"),
        (1 << 10, "1.0 KiB"),
        (144 << 20, "144 MiB"),
        (1.5 * 2**30, "1.5 GiB"),
        (9 << 40, "9,216 GiB"),
        pytest.param(1 << 100_000, "2**99970 GiB", id="a table of 100,000 players"),
    ],
)
def test_bytes_in_words(size, words):
    assert memory.in_words(size) == words


def in_a_child(work: Callable[[], str]) -> str:
    """Return what work returns in a child process, or the error it raises."""
    read, write = os.pipe()
    child = os.fork()
    if not child:
        try:
            answer = work()
        except BaseException as error:
            answer = f"{type(error).__name__}: {error}"
        os.write(write, answer.encode()[:2000])
        os._exit(0)
    os.close(write)
    _, status = os.waitpid(child, 0)
    with os.fdopen(read) as file:
        return file.read() or f"died: {status}"


def mapped() -> int:
    return int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")


def tanh(n: int) -> torch.nn.Module:
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Linear(n, 2), torch.nn.Tanh(), torch.nn.Linear(2, 1)).eval()


@pytest.mark.parametrize("kind", (resource.RLIMIT_AS, resource.RLIMIT_DATA))
def test_the_limits_of_the_process_count(kind):
    def work() -> str:
        resource.setrlimit(kind, (mapped() + 64 * MIB,) * 2)
        return str(memory.available())

    assert 0 <= int(in_a_child(work)) <= (32 * MIB if kind == resource.RLIMIT_AS else 2**50)


CALLS: dict[str, Callable[[], object]] = {
    "harsanyi": lambda: ta.harsanyi(tanh(24), torch.rand(1, 24), max_evaluations=None),
    "harsanyi, float32": lambda: ta.harsanyi(
        tanh(25), torch.rand(1, 25), max_evaluations=None, dtype=torch.float32
    ),
    "harsanyi, batch": lambda: ta.harsanyi(tanh(21), torch.rand(8, 21), max_evaluations=None),
    "harsanyi, truncated": lambda: ta.harsanyi(
        tanh(90), torch.rand(1, 90), max_order=4, max_evaluations=None
    ),
    "hessian": lambda: ta.hessian(tanh(6000), torch.rand(1, 6000)),
    "integrated Hessians": lambda: ta.integrated_hessians(tanh(4000), torch.rand(1, 4000)),
    "decompose": lambda: ta.decompose(tanh(60), torch.rand(1, 60), order=5),
    "Shapley values": lambda: ta.attribute(
        "shapley", tanh(22), torch.rand(1, 22), algorithm="exact", max_evaluations=None
    ),
}


@pytest.mark.parametrize("name", CALLS)
def test_what_does_not_fit_is_refused_before_it_starts(name):
    """64 MiB are left: a refusal, and no MemoryError or RuntimeError of an allocator."""

    def work() -> str:
        torch.set_num_threads(1)
        ta.harsanyi(tanh(3), torch.rand(1, 3))  # what a first call loads
        ta.hessian(tanh(3), torch.rand(1, 3))
        ta.decompose(tanh(3), torch.rand(1, 3), order=2)
        ta.integrated_hessians(tanh(3), torch.rand(1, 3))
        ta.attribute("shapley", tanh(3), torch.rand(1, 3))
        resource.setrlimit(resource.RLIMIT_AS, (mapped() + 64 * MIB,) * 2)
        CALLS[name]()
        return "done"

    answer = in_a_child(work)
    assert answer.startswith("BudgetError") and "MiB" in answer, answer
