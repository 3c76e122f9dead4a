"""Nothing is evaluated twice, nothing wrong is read back."""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sys

import numpy as np
import pytest
import torch
from torch import nn

from taylorattr.effects.checkpoint import Checkpoint
from taylorattr.effects.fingerprint import fingerprint
from taylorattr.effects.harsanyi import gaps, harsanyi
from taylorattr.errors import CheckpointError

N = 8
CALL = 4  # rows per model call; 16 calls, 64 coalitions, make a block
LOOKED_AT = 64 + 2 * N + 3  # stored outputs of an example that are evaluated again, at most
SEEN = {"rows": 0, "stop": None}


class Counting(nn.Module):
    """Counts the rows it sees, and raises once it has seen enough. Begins with no affine layer: no fold."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.linspace(-1, 1, N))
        self.eval()

    def forward(self, x):
        SEEN["rows"] += len(x)
        if SEEN["stop"] is not None and SEEN["rows"] > SEEN["stop"]:
            raise KeyboardInterrupt
        return torch.tanh(x * self.weight).sum(1).square()


X = torch.linspace(0.1, 1.3, 2 * N).reshape(2, N)


def run(path=None, stop=None, model=None, inputs=X, **options):
    SEEN.update(rows=0, stop=stop)
    options = {"internal_batch_size": CALL, "checkpoint": path} | options
    return harsanyi(model or Counting(), inputs, **options)


@pytest.fixture
def folder(tmp_path):
    """A checkpoint of an evaluation that was interrupted half way."""
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "c", stop=300)
    return tmp_path / "c"


def blocks(folder):
    return sorted(folder.glob("*.block"))


@pytest.mark.parametrize("options", ({}, {"frame": "input"}, {"max_order": 4}, {"dtype": torch.float32}))
def test_a_resumed_evaluation_evaluates_exactly_what_is_missing(tmp_path, options):
    plain = run(tmp_path / "plain", **options)
    rows, total = SEEN["rows"], plain.values.numel()
    path, stop, resumed, runs = tmp_path / "c", rows // 3 + 2 * LOOKED_AT, 0, 0
    while True:
        try:
            effects = run(path, stop=stop, **options)
            break
        except KeyboardInterrupt:
            runs += 1
            kept = sum(b - a for _, a, b in (map(int, f.stem.split("-")) for f in blocks(path)))
            assert kept > resumed, "every run must make progress"
            resumed = kept
    assert runs >= 1 and torch.equal(effects.values, plain.values)
    assert effects.diagnostics["resumed"] == resumed > 0
    assert effects.diagnostics["evaluated"] == total - resumed
    assert SEEN["rows"] == rows - resumed + effects.diagnostics["verified"]
    assert torch.equal(plain.values, run(**options).values)


def test_a_finished_evaluation_is_read_back_whole(tmp_path):
    first = run(tmp_path / "c")
    again = run(tmp_path / "c")
    assert again.diagnostics["evaluated"] == 0 and again.diagnostics["resumed"] == first.values.numel()
    assert torch.equal(first.values, again.values) and torch.equal(first.error_bound, again.error_bound)


def test_the_rows_saved_are_the_coalitions_resumed(tmp_path):
    one = X[:1]
    run(tmp_path / "plain", inputs=one)
    rows = SEEN["rows"]
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "c", stop=rows - 100, inputs=one)
    effects = run(tmp_path / "c", inputs=one)
    assert 0 < effects.diagnostics["resumed"] < 256
    assert SEEN["rows"] == rows - effects.diagnostics["resumed"] + effects.diagnostics["verified"]


@pytest.mark.parametrize("where", (0, 40, -1))
def test_a_damaged_block_is_named_and_costs_only_itself(folder, where):
    damaged = blocks(folder)[0]
    content = bytearray(damaged.read_bytes())
    content[where] ^= 1
    damaged.write_bytes(content)
    with pytest.raises(CheckpointError, match=rf"{damaged.name} is damaged .* delete this file"):
        run(folder)
    whole = sum(b - a for _, a, b in (map(int, f.stem.split("-")) for f in blocks(folder)))
    _, a, b = map(int, damaged.stem.split("-"))
    damaged.unlink()
    assert run(folder).diagnostics["resumed"] == whole - (b - a)


@pytest.mark.parametrize("content", (b"", b"short"))
def test_a_truncated_block_is_damaged(folder, content):
    blocks(folder)[0].write_bytes(content)
    with pytest.raises(CheckpointError, match="is damaged"):
        run(folder)


def test_a_block_of_another_place_is_damaged(folder):
    first = blocks(folder)[0]
    _, a, b = map(int, first.stem.split("-"))
    first.rename(folder / f"1-{a}-{b}.block")
    with pytest.raises(CheckpointError, match="is damaged"):
        run(folder)


def other_weight():
    model = Counting()
    with torch.no_grad():
        model.weight[0] += 1e-6
    return model


class OtherCode(Counting):
    def forward(self, x):
        return super().forward(x) + 1


OTHER_CODE = OtherCode()
OtherCode.__qualname__ = Counting.__qualname__


@pytest.mark.parametrize(
    "options",
    (
        {"model": other_weight()},
        {"model": OTHER_CODE},
        {"inputs": X + 1e-6},
        {"inputs": X[:1]},
        {"baselines": 0.5},
        {"players": [[0, 1], [2, 3, 4, 5, 6, 7]]},
        {"frame": "input"},
        {"max_order": 2},
        {"dtype": torch.float32},
        {"target": lambda output: output},
    ),
)
def test_another_computation_is_refused(folder, options):
    before = {f.name: f.read_bytes() for f in folder.iterdir()}
    with pytest.raises(CheckpointError, match="belongs to another computation"):
        run(folder, **options)
    assert {f.name: f.read_bytes() for f in folder.iterdir()} == before


def test_functions_that_differ_only_between_the_ends_are_told_apart(tmp_path):
    def scaled(factor):
        # zero at the input and at the baseline, whatever the factor
        return lambda x: factor * x[:, 0] * (x[:, 1] - X[0, 1]) * x[:, 2]

    run(tmp_path / "kept", model=scaled(1.0), inputs=X[:1])
    with pytest.raises(CheckpointError, match="belongs to another computation"):
        run(tmp_path / "kept", model=scaled(2.0), inputs=X[:1])


def test_what_is_no_checkpoint_is_refused(folder, tmp_path):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(CheckpointError, match="is a file; expected a folder"):
        run(tmp_path / "file")
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "thesis.tex").write_text("mine")
    with pytest.raises(CheckpointError, match="holds other things; choose another path"):
        run(tmp_path / "d")
    manifest = folder / "manifest.json"
    content = json.loads(manifest.read_text())
    manifest.write_text(json.dumps(content | {"version": 99}))
    with pytest.raises(CheckpointError, match="version 99"):
        run(folder)
    manifest.write_text(manifest.read_text()[:20])
    with pytest.raises(CheckpointError, match="manifest.json is damaged"):
        run(folder)


def test_outputs_are_written_while_the_evaluation_runs(tmp_path):
    path, table = tmp_path / "c", torch.arange(20.0, dtype=torch.float64).reshape(2, 10)
    with Checkpoint(path, "id", torch.zeros(1), table, interval=0) as store:
        store.add(0, 0, 3)
        assert [f.name for f in blocks(path)] == ["0-0-3.block"]
    empty = torch.zeros_like(table)
    with Checkpoint(path, "id", torch.zeros(1), empty, interval=60) as store:
        assert store.restore().sum() == 3 and empty[0, :3].tolist() == [0, 1, 2]
        store.add(0, 3, 5)
        store.add(0, 5, 6)  # goes on where the last one ended: one file
        store.add(1, 0, 1)
        assert [f.name for f in blocks(path)] == ["0-0-3.block"]
    assert [f.name for f in blocks(path)] == ["0-0-3.block", "0-3-6.block", "1-0-1.block"]


def test_gaps_cover_what_is_unknown():
    known = np.array([1, 0, 0, 0, 1, 0, 0], dtype=bool)
    assert list(gaps(known)) == [(1, 4), (5, 7)]
    assert list(gaps(~np.zeros(3, bool))) == [] and list(gaps(np.zeros(3, bool))) == [(0, 3)]


SCALE = 2.0


def test_fingerprints_tell_values_types_and_structure_apart():
    x = torch.arange(4.0)
    variants = [
        x,
        x.double(),
        x.reshape(2, 2),
        x + 0.0 * x.sign() - 0,
        -x,
        [x],
        (1, 2),
        ((1,), 2),
        "1",
        1,
        1.0,
        None,
    ]
    digests = [fingerprint(v) for v in variants]
    assert digests[0] == digests[3] and len(set(digests)) == len(variants) - 1
    assert fingerprint({"a": 1}) != fingerprint({"b": 1}) and fingerprint([1], 2) != fingerprint([1, 2])


def made(factor):
    return lambda x: x * factor


class Scaled(nn.Module):
    def __init__(self, factor=1.0):
        super().__init__()
        self.factor = factor

    def forward(self, x):
        return x * self.factor


class Counted:
    def __init__(self, factor):
        self.factor = factor

    def __call__(self, x):
        return x * self.factor


def hooked(module):
    module.register_forward_hook(lambda module, given, output: output * 2)
    return module


def test_code_and_what_it_reads_count():
    variants = [
        lambda x: x + 1,
        lambda x: x + 2,
        lambda x: x - 1,
        lambda x: x.sin(),
        lambda x, k=1: x + k,
        lambda x, k=2: x + k,
        made(1.0),
        made(2.0),
        made(np.ones(2)),
        made(torch.ones(2)),
        functools.partial(torch.add, other=1),
        functools.partial(torch.add, other=2),
        Scaled(1.0),
        Scaled(2.0),
        Scaled(1.0).forward,
        Counted(1.0),
        Counted(2.0),
        nn.Sequential(nn.LeakyReLU(0.1)),
        nn.Sequential(nn.LeakyReLU(0.2)),
        nn.Sequential(nn.ReLU()),
        nn.Sequential(nn.Identity(), nn.ReLU()),
        hooked(nn.ReLU()),
        torch.jit.script(nn.LeakyReLU(0.1)),
        torch.jit.script(nn.LeakyReLU(0.2)),
    ]
    assert len({fingerprint(v) for v in variants}) == len(variants)


def test_globals_a_function_reads_count(monkeypatch):
    def function(x):
        return x * SCALE

    before = fingerprint(function)
    monkeypatch.setitem(globals(), "SCALE", 3.0)
    assert fingerprint(function) != before


def test_the_same_thing_made_twice_is_the_same():
    for make in (lambda: made(1.0), lambda: Scaled(2.0), lambda: nn.Sequential(nn.GELU(), nn.Linear(0, 0))):
        assert fingerprint(make()) == fingerprint(make())


def test_self_references_end():
    scaled = Scaled()
    scaled.__dict__["itself"] = scaled

    def recursive(x):
        return recursive(x)

    assert fingerprint(scaled, recursive) == fingerprint(scaled, recursive)


def test_another_process_finds_the_same():
    """String hashes differ between processes; sets of strings must not."""
    script = (
        "import torch\nfrom taylorattr.effects.fingerprint import fingerprint\n"
        "def f(x):\n    return x if x in {'a', 'b', 'c'} else torch.sin(x)\n"
        "print(fingerprint(f, torch.nn.GRU(1, 1).__class__, {'a', 'b', 'c'}))"
    )
    found = {
        subprocess.run(
            [sys.executable, "-c", script],
            env=os.environ | {"PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
            text=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(found) == 1
