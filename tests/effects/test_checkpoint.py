"""Nothing is evaluated twice, nothing wrong is read back."""

import json

import numpy as np
import pytest
import torch
from torch import nn

from taylorattr.effects.checkpoint import Checkpoint
from taylorattr.effects.harsanyi import gaps, harsanyi
from taylorattr.errors import CheckpointError

N = 8
CALL = 4  # rows per model call; 16 calls, 64 coalitions, make a block
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
    plain = run(**options)
    rows, total = SEEN["rows"], plain.values.numel()
    path, stop, resumed, runs = tmp_path / "c", rows // 3, 0, 0
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
    assert SEEN["rows"] <= rows - resumed  # what prepares an example is spared too once it is complete


def test_a_finished_evaluation_is_read_back_whole(tmp_path):
    first = run(tmp_path / "c")
    again = run(tmp_path / "c")
    assert again.diagnostics["evaluated"] == 0 and again.diagnostics["resumed"] == first.values.numel()
    assert torch.equal(first.values, again.values) and torch.equal(first.error_bound, again.error_bound)


def test_the_rows_saved_are_the_coalitions_resumed(tmp_path):
    one = X[:1]
    run(inputs=one)
    rows = SEEN["rows"]
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "c", stop=rows - 100, inputs=one)
    effects = run(tmp_path / "c", inputs=one)
    assert 0 < effects.diagnostics["resumed"] < 256
    assert SEEN["rows"] == rows - effects.diagnostics["resumed"]


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
    table = torch.zeros(2, 10, dtype=torch.float64)
    with Checkpoint(tmp_path / "c", "id", torch.zeros(1), columns=10, examples=2, interval=0) as store:
        store.add(0, 0, torch.arange(3.0, dtype=torch.float64))
        assert [f.name for f in blocks(tmp_path / "c")] == ["0-0-3.block"]
    with Checkpoint(tmp_path / "c", "id", torch.zeros(1), columns=10, examples=2, interval=60) as store:
        assert store.restore(table).sum() == 3
        store.add(0, 3, torch.ones(2, dtype=torch.float64))
        store.add(0, 5, torch.ones(1, dtype=torch.float64))  # goes on where the last one ended: one file
        store.add(1, 0, torch.ones(1, dtype=torch.float64))
        assert [f.name for f in blocks(tmp_path / "c")] == ["0-0-3.block", "0-3-6.block"]
    assert blocks(tmp_path / "c")[-1].name == "1-0-1.block"


def test_gaps_are_cut_and_cover_what_is_unknown():
    known = np.array([1, 0, 0, 0, 1, 0, 0], dtype=bool)
    assert list(gaps(known, 2)) == [(1, 3), (3, 4), (5, 7)]
    assert list(gaps(~np.zeros(3, bool), 2)) == [] and list(gaps(np.zeros(3, bool), 9)) == [(0, 3)]
