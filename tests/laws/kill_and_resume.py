"""What becomes of evaluations that are killed, and of checkpoints that are damaged; counted.

``python -m tests.laws.kill_and_resume KILLS SEED`` prints the tables of ``benchmarks/RELIABILITY.md``. Every
run is a child process that evaluates a small network with a checkpoint and dies by a signal: at a random
time, or at a chosen step of writing a file. The same call then goes on, is killed again up to twice, and
in the end finishes; its result has to be that of a run nobody interrupted, to the last bit.
"""

import collections
import contextlib
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

import taylorattr as ta
from taylorattr.effects import checkpoint
from taylorattr.errors import CheckpointError

STAGES = (
    "at a random time",
    "half of a file written",
    "written, before fsync",
    "after fsync, before the rename",
    "after the rename",
)
"""When a child dies; all but the first at a drawn file, the manifest among them."""

SIGNALS = (signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
"""What children die of; SIGINT is Ctrl-C, after which what is pending is written."""

PLAYERS = 9


class Slow(nn.Module):
    """A network of which a call takes a moment, so that a random time lies within the evaluation."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layers = nn.Sequential(nn.Linear(PLAYERS, 8), nn.GELU(), nn.Linear(8, 1))
        self.eval()

    def forward(self, x: Tensor) -> Tensor:
        time.sleep(0.0004)
        return self.layers(torch.sin(x))


OPTIONS: tuple[dict[str, Any], ...] = (
    {},
    {"dtype": torch.float32},
    {"frame": "input"},
    {"max_order": 4},
)


def evaluated(folder: Path | None, options: dict[str, Any]) -> ta.HarsanyiEffects:
    inputs = torch.linspace(-1, 2, 2 * PLAYERS).reshape(2, PLAYERS)
    return ta.harsanyi(Slow(), inputs, internal_batch_size=4, checkpoint=folder, **options)


def same_bits(a: ta.HarsanyiEffects, b: ta.HarsanyiEffects) -> bool:
    assert a.error_bound is not None and b.error_bound is not None
    return torch.equal(a.values, b.values) and torch.equal(a.error_bound, b.error_bound)


def in_a_child(work: Callable[[], object]) -> int:
    """Return the id of a process that does the work and ends without tidying up."""
    child = os.fork()
    if child:
        return child
    for kind in (signal.SIGINT, signal.SIGTERM):
        signal.signal(kind, signal.default_int_handler if kind == signal.SIGINT else signal.SIG_DFL)
    status = 1
    with contextlib.suppress(BaseException):
        with contextlib.redirect_stderr(None):
            work()
        status = 0
    os._exit(status)


def dying(stage: str, at_file: int, kind: signal.Signals) -> Callable[[Any], Any]:
    """Return a `replacing` in whose so-manieth file the process dies at a stage of writing it."""
    files = iter(range(10**9))

    @contextlib.contextmanager
    def replacing(path: Path) -> Generator[Any, None, None]:
        here = next(files) == at_file

        def die_once(step: Callable[..., Any], *, after: bool = False) -> Callable[..., Any]:
            def stepped(*arguments: Any) -> Any:
                if after:
                    step(*arguments)
                os.kill(os.getpid(), kind)
                time.sleep(0.01)  # Python runs its handler of SIGINT here
                return None if after else step(*arguments)

            return stepped

        fsync, rename = os.fsync, os.replace
        try:
            if here and stage == "written, before fsync":
                os.fsync = die_once(fsync)
            elif here and stage == "after fsync, before the rename":
                os.replace = die_once(rename)
            elif here and stage == "after the rename":
                os.replace = die_once(rename, after=True)
            with whole(path) as file:
                if here and stage == "half of a file written":
                    write = file.write
                    yield Half(write, file, kind)
                else:
                    yield file
        finally:
            os.fsync, os.replace = fsync, rename

    whole = checkpoint.replacing
    return replacing


class Half:
    """A file that writes the first half of what it is given, and then the process dies."""

    def __init__(self, write: Callable[[bytes], int], file: Any, kind: signal.Signals) -> None:
        self._write, self._file, self._kind = write, file, kind

    def write(self, content: Any) -> int:
        self._write(content[: len(content) // 2])
        self._file.flush()
        os.kill(os.getpid(), self._kind)
        time.sleep(0.01)
        return len(content)

    def __getattr__(self, name: str) -> Any:  # what an archive asks of its file besides
        return getattr(self._file, name)


def killed(folder: Path, options: dict[str, Any], draw: random.Random, longest: float) -> tuple[str, str]:
    """Run the evaluation in a child that is killed; return at which stage and by what, '' if it was done."""
    stage, kind = draw.choice((STAGES[0], *STAGES)), draw.choice(SIGNALS)
    at_file = draw.randrange(12)

    def work() -> None:
        checkpoint.INTERVAL = 0.0
        if stage != STAGES[0]:
            checkpoint.replacing = dying(stage, at_file, kind)
        evaluated(folder, options)

    child = in_a_child(work)
    if stage == STAGES[0]:
        time.sleep(draw.uniform(0.0, longest))
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, kind)
    _, status = os.waitpid(child, 0)
    return stage, kind.name if status else ""


def damage(folder: Path, draw: random.Random) -> str:
    """Damage a checkpoint: one of its files, or the place of one; return how."""
    files = sorted(f for f in folder.iterdir() if not f.name.startswith("."))
    blocks = [f for f in files if f.suffix == ".block"]
    how = draw.choice(("a bit flipped", "cut short", "bytes appended", "two blocks exchanged", "renamed"))
    if how in ("two blocks exchanged", "renamed") and len(blocks) < 2:
        how = "cut short"
    if how == "two blocks exchanged":
        a, b = draw.sample(blocks, 2)
        first, second = a.read_bytes(), b.read_bytes()
        a.write_bytes(second)
        b.write_bytes(first)
        return how
    file = draw.choice(blocks if how == "renamed" else files)
    content = bytearray(file.read_bytes())
    if how == "renamed":
        example, start, stop = map(int, file.stem.split("-"))
        file.rename(folder / f"{1 - example}-{start}-{stop}.block")
    elif how == "bytes appended":
        file.write_bytes(content + b"0")
    elif how == "cut short":
        file.write_bytes(content[: draw.randrange(len(content))])
    else:
        content[draw.randrange(len(content))] ^= 1 << draw.randrange(8)
        file.write_bytes(content)
    return how


def counted(kills: int, seed: int) -> dict[str, Any]:
    """Return the counts of so many kills, of resumes after them, and of damaged checkpoints."""
    plain = [evaluated(None, options) for options in OPTIONS]
    started = time.monotonic()
    evaluated(None, {})
    longest = 1.3 * (time.monotonic() - started) + 0.05
    by_stage = {stage: collections.Counter[str]() for stage in STAGES}
    resumes, damaged = collections.Counter[str](), collections.Counter[str]()
    number = died = 0
    while died < kills:
        draw = random.Random(f"{seed} {number}")
        which = number % len(OPTIONS)
        number += 1
        top = Path(tempfile.mkdtemp())
        folder = top / "kept"
        for _ in range(draw.choice((1, 1, 2, 3))):
            stage, kind = killed(folder, OPTIONS[which], draw, longest)
            by_stage[stage][kind or "finished first"] += 1
            died += bool(kind)
        if any(folder.glob("*.block")):
            copy = top / "damaged"
            shutil.copytree(folder, copy)
            how = damage(copy, draw)
            try:
                same = same_bits(evaluated(copy, OPTIONS[which]), plain[which])
                damaged[f"{how}: {'same bits' if same else 'WRONG'}"] += 1
            except CheckpointError:
                damaged[f"{how}: refused"] += 1
        try:
            again = evaluated(folder, OPTIONS[which])
            resumed = "some outputs resumed" if again.diagnostics["resumed"] else "nothing stored yet"
            resumes[f"{resumed}: {'same bits' if same_bits(again, plain[which]) else 'OTHER BITS'}"] += 1
        except CheckpointError as error:
            resumes[f"refused: {error}"] += 1
        shutil.rmtree(top)
    return {"kills": by_stage, "resumes": resumes, "damaged": damaged}


def printed(counts: dict[str, Any]) -> str:
    """Return the counts as the tables of RELIABILITY.md."""
    kinds = ("SIGKILL", "SIGTERM", "SIGINT", "finished first")
    lines = ["| killed | " + " | ".join(kinds) + " |", "| --- " * 5 + "|"]
    for stage, by_kind in counts["kills"].items():
        lines.append(f"| {stage} | " + " | ".join(str(by_kind.get(k, 0)) for k in kinds) + " |")
    for title in ("resumes", "damaged"):
        lines += ["", f"| {title} | count |", "| --- | --- |"]
        lines += [f"| {what} | {count} |" for what, count in sorted(counts[title].items())]
    return "\n".join(lines)


if __name__ == "__main__":
    torch.set_num_threads(1)  # children are forks, and threads do not survive one
    found = counted(int(sys.argv[1]), int(sys.argv[2]))
    print(json.dumps(found) if "--json" in sys.argv else printed(found))
