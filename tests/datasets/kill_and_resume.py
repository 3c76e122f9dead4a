"""What becomes of data sets whose processes are killed, whose disk is full or damages shards; counted.

``python -m tests.datasets.kill_and_resume COUNT SEED`` prints the table of ``benchmarks/RELIABILITY.md``: so
many accidents of each kind, each at a random point. The same call then goes on, and what the folder holds in
the end has to be what a run nobody disturbed gives, to the last bit, diagnostics included.
"""

import collections
import contextlib
import errno
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

import taylorattr as ta
from taylorattr.datasets import DatasetResult, shards
from taylorattr.effects.examples import same
from taylorattr.errors import CheckpointError
from tests.laws.kill_and_resume import STAGES, dying, in_a_child

EXAMPLES = 90

SECONDS = "SECONDS_OF_A_SLOW_CALL"
"""Variable of the environment: no setting of the computation."""


class SlowRows(nn.Module):
    """A network of which a call takes a moment, so that a random time lies within the computation."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layers = nn.Sequential(nn.Linear(5, 8), nn.GELU(), nn.Linear(8, 1))
        self.eval()

    def forward(self, x: Tensor) -> Tensor:
        time.sleep(float(os.environ.get(SECONDS, "0.002")))
        return self.layers(torch.sin(x))


def explained(folder: Path | None, **options: Any) -> DatasetResult:
    """Return scores that are drawn at random, in 30 batches and 4 shards."""
    rows = torch.linspace(-1, 2, 5 * EXAMPLES).reshape(EXAMPLES, 5)
    return ta.map_dataset(
        "attribute",
        SlowRows(),
        rows,
        method="smooth_grad",
        n_samples=20,
        batch_size=3,
        out=folder,
        save_every=0.01,
        **options,
    )


def serial_killed(folder: Path, draw: random.Random, seconds: float) -> str:
    """Kill a process that computes alone, at a random time or while it writes a file."""
    stage = draw.choice((STAGES[0], *STAGES))

    def work() -> None:
        if stage != STAGES[0]:
            shards.replacing = dying(stage, draw.randrange(30), signal.SIGKILL)
        explained(folder)

    child = in_a_child(work)
    if stage == STAGES[0]:
        time.sleep(draw.uniform(0.0, seconds))
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    return "killed" if status else "finished first"


def started(folder: Path, *options: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "tests.datasets.kill_and_resume", "run", str(folder), *options]
    return subprocess.Popen(command, stderr=subprocess.DEVNULL, env={**os.environ, SECONDS: "0.01"})


def workers_of(process: int, word: bytes = b"spawn_main") -> list[int]:
    """Return the workers below a process, by a word of their command; /proc says who was started by whom."""
    parents, commands = {}, {}
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError, IndexError, ValueError):
            stat = (folder / "stat").read_text().rpartition(")")[2].split()
            parents[int(folder.name)] = int(stat[1])
            commands[int(folder.name)] = (folder / "cmdline").read_bytes()

    def below(one: int) -> bool:
        above = parents.get(one, 0)
        return above == process or (above > 1 and below(above))

    return [one for one, command in commands.items() if word in command and below(one)]


def until(there: Callable[[], Any], seconds: float = 60.0) -> Any:
    """Return what is there in the end."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if value := there():
            return value
        time.sleep(0.01)
    raise TimeoutError


def with_workers(folder: Path, draw: random.Random, victim: str, *, ray: bool = False) -> str:
    """Kill a worker, or the process that started the workers, while two of them compute."""
    process = started(folder, "2", *["ray"] * ray)
    word = b"_Actor" if ray else b"spawn_main"
    least = 1 if ray else 2  # actors have their name only while they compute

    def there() -> list[int]:
        found = workers_of(process.pid, word)
        return found if len(found) >= least else [0] * (process.poll() is not None)

    workers = until(there)
    until(lambda: process.poll() is not None or any(folder.glob("batch-*")) or any(folder.glob("shard-*")))
    time.sleep(draw.uniform(0.0, 1.0))
    target = draw.choice(workers) if victim == "worker" else process.pid
    finished = process.poll() is not None or target == 0
    with contextlib.suppress(ProcessLookupError):
        if not finished:
            os.kill(target, signal.SIGKILL)
    status = process.wait()
    if victim == "worker" and status != 0:
        return "STOPPED"
    if victim == "main":  # its workers end with it
        until(lambda: not any(Path(f"/proc/{w}").exists() for w in workers))
    return "finished first" if finished else "killed"


def disk_full(folder: Path, draw: random.Random) -> str:
    """Let the disk take no more from a random file on: as it is made, at its end, or when it is renamed."""
    step = draw.choice(("mkstemp", "fsync", "replace"))
    owner: Any = tempfile if step == "mkstemp" else os
    real, left = getattr(owner, step), [draw.randrange(30)]

    def full(*arguments: Any, **options: Any) -> Any:
        left[0] -= 1
        if left[0] < 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(*arguments, **options)

    setattr(owner, step, full)
    try:
        explained(folder)
    except CheckpointError as error:
        assert "No space left" in str(error)
        return "said"
    finally:
        setattr(owner, step, real)
    return "finished first"


def damage(folder: Path, draw: random.Random) -> str:
    """Damage or exchange files of a finished folder; each is found and computed again."""
    explained(folder)
    files = sorted(folder.glob("shard-*.npz"))
    one, other = draw.sample(files, 2)
    how = draw.choice(("bit", "cut", "exchanged", "removed"))
    content = bytearray(one.read_bytes())
    if how == "bit":
        content[draw.randrange(len(content))] ^= 1 << draw.randrange(8)
        one.write_bytes(content)
    elif how == "cut":
        one.write_bytes(content[: draw.randrange(len(content))])
    elif how == "exchanged":
        one.write_bytes(other.read_bytes())
        other.write_bytes(content)
    else:
        one.unlink()
    return "damaged"


def two_at_once(folder: Path, draw: random.Random, seconds: float) -> str:
    """Let two processes work on one folder, of which one may be killed."""
    children = [in_a_child(lambda: explained(folder)) for _ in range(2)]
    if draw.random() < 0.5:
        time.sleep(draw.uniform(0.0, seconds))
        os.kill(children[0], signal.SIGKILL)
    statuses = [os.waitpid(child, 0)[1] for child in children]
    return "both finished" if statuses == [0, 0] else "one killed" if statuses[1] == 0 else "FAILED"


def counted(count: int, seed: int, kinds: tuple[str, ...] = ()) -> dict[str, collections.Counter[str]]:
    """Return by kind of accident what became of so many of it."""
    began = time.monotonic()
    plain = explained(None).concat()
    seconds = 1.2 * (time.monotonic() - began)
    accidents: dict[str, Callable[[Path, random.Random], str]] = {
        "main process, alone": lambda folder, draw: serial_killed(folder, draw, seconds),
        "main process, two workers": lambda folder, draw: with_workers(folder, draw, "main"),
        "a worker of two": lambda folder, draw: with_workers(folder, draw, "worker"),
        "a Ray actor of two": lambda folder, draw: with_workers(folder, draw, "worker", ray=True),
        "full disk": disk_full,
        "damaged shard": damage,
        "two processes, one folder": lambda folder, draw: two_at_once(folder, draw, seconds),
    }
    result: dict[str, collections.Counter[str]] = {}
    for kind in kinds or accidents:
        result[kind] = collections.Counter()
        for number in range(count):
            draw = random.Random(f"{seed} {kind} {number}")
            top = Path(tempfile.mkdtemp())
            folder = top / "out"
            what = accidents[kind](folder, draw)
            result[kind][what] += 1
            held = sum(1 for _ in folder.glob("*-*.npz")) if folder.exists() else 0
            result[kind]["held something"] += held > 0
            again = explained(folder).concat()
            result[kind]["same bits" if same(again, plain) else "OTHER BITS"] += 1
            left = [f.name for f in folder.iterdir() if f.name.startswith("batch-") or f.suffix == ".part"]
            result[kind]["LEFTOVERS"] += bool(left)
            shutil.rmtree(top)
    return result


def printed(counts: dict[str, collections.Counter[str]]) -> str:
    """Return the counts as the table of RELIABILITY.md."""
    lines = [
        "| accident | tried | what happened | after the same call: same bits | other bits |",
        "| --- " * 5 + "|",
    ]
    for kind, found in counts.items():
        outcome = {"same bits", "OTHER BITS", "held something", "LEFTOVERS"}
        happened = ", ".join(
            f"{count} {what}" for what, count in sorted(found.items()) if what not in outcome
        )
        tried = found["same bits"] + found["OTHER BITS"]
        lines.append(f"| {kind} | {tried} | {happened} | {found['same bits']} | {found['OTHER BITS']} |")
    return "\n".join(lines)


def main(arguments: list[str]) -> None:
    """Run the command line."""
    torch.set_num_threads(1)  # children are forks, and threads do not survive one
    if arguments[0] == "run":
        engine = arguments[3] if len(arguments) > 3 else "serial"
        explained(Path(arguments[1]), workers=int(arguments[2]), engine=engine)
        return
    found = counted(int(arguments[0]), int(arguments[1]), tuple(arguments[2:]))
    print(printed(found))
    print({kind: dict(counts) for kind, counts in found.items()}, file=sys.stderr)


if __name__ == "__main__":
    # under its own name: a model of a class of ``__main__`` would be another one
    from tests.datasets import kill_and_resume

    kill_and_resume.main(sys.argv[1:])
