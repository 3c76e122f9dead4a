"""A folder of shards goes on where it was left, belongs to one computation, and no accident makes it lie."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import taylorattr as ta
from taylorattr import atomic
from taylorattr.datasets import DatasetResult, map_dataset, shards
from taylorattr.effects.examples import same
from taylorattr.errors import CheckpointError, FallbackWarning, FileError, OptionError
from tests.datasets.kill_and_resume import counted
from tests.datasets.test_map_dataset import NET, N, Net, X


class Counter:
    """Calls so far, where no digest of what a function reads looks for them."""

    _count = 0

    def next(self):
        self._count += 1
        return self._count

    def __int__(self):
        return self._count


CALLS = Counter()


def task(model, inputs, *, scale=1.0, seed=0, stop_at=None):
    """Exact effects of the scaled input; counts its calls."""
    if CALLS.next() == stop_at:
        raise KeyboardInterrupt
    return ta.harsanyi(model, inputs * scale, target=1)


def explained(folder, data=X, model=NET, **options):
    return map_dataset(task, model, data, out=folder, **{"batch_size": 2, **options})


def calls(folder, *arguments, **options):
    """How many batches are computed, and what the folder holds then."""
    before = int(CALLS)
    result = explained(folder, *arguments, **options)
    return int(CALLS) - before, result.concat()


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("finished") / "out"
    explained(folder)
    return folder


@pytest.fixture
def folder(finished, tmp_path):
    return Path(shutil.copytree(finished, tmp_path / "out"))


@pytest.fixture(scope="module")
def plain():
    return map_dataset(task, NET, X, batch_size=2).concat()


def test_what_is_there_is_not_computed_again(folder, plain):
    count, found = calls(folder)
    assert count == 0 and same(found, plain)
    assert sorted(f.name for f in folder.glob("*.npz")) == ["shard-000000.npz", "shard-000001.npz"]
    assert same(ta.Result.load(folder / "shard-000001.npz"), plain.select(slice(16, N)))


@pytest.mark.parametrize("stop", [1, 2, 9, 12])
def test_an_interrupted_run_goes_on_and_loses_no_batch(stop, tmp_path, plain):
    before = int(CALLS)
    with pytest.raises(KeyboardInterrupt) as caught:
        explained(tmp_path / "out", model=NET, stop_at=before + stop)
    assert "the same call goes on from there" in caught.value.__notes__[0]
    # stop_at is a setting like any other: the same computation is the one that would stop there
    count, found = calls(tmp_path / "out", stop_at=before + stop)
    assert count == 12 - stop + 1 and same(found.select(0), plain.select(0)) and same(found, plain)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"scale": 2.0}, "scale is left out there and 2.0 here"),
        ({"data": X[:20]}, "23 examples of float32 .* there and 20 examples"),
        ({"data": X.double()}, "examples of float64"),
        ({"data": X + torch.arange(N)[:, None].eq(17)}, "examples 16 … 17 of the data"),
        ({"batch_size": 5}, "batch_size is 2 there and 5 here"),
        ({"num_threads": 2}, "num_threads is 1 there and 2 here"),
        ({"each": {"scale": lambda x: 1.0}}, r"each\['scale'\] is left out there"),
    ],
)
def test_another_computation_is_refused_with_what_differs(change, words, folder):
    with pytest.raises(CheckpointError, match=words):
        explained(folder, **change)
    assert calls(folder)[0] == 0  # and nothing was spoilt


def test_another_model_is_refused(folder):
    retrained = Net().eval()
    with torch.no_grad():
        retrained.layers[0].weight[0, 0] += 1e-7
    with pytest.raises(CheckpointError, match="other parameters"):
        explained(folder, model=retrained)
    manifest = json.loads((folder / "manifest.json").read_text())
    probes = manifest["probes"]
    manifest["probes"] = [(float.fromhex(value) * 1.01).hex() for value in probes]
    (folder / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(CheckpointError, match="other outputs for the same examples"):
        explained(folder)


class Hidden(nn.Module):
    """A number that no parameter shows."""

    def __init__(self, k):
        super().__init__()
        self._k = k
        self.eval()

    def forward(self, x):
        return torch.stack([x.sum(1), self._k * x.prod(1)], 1)


def test_a_model_that_differs_where_no_digest_looks_gives_itself_away(tmp_path):
    explained(tmp_path / "out", model=Hidden(1.0))
    with pytest.raises(CheckpointError, match="state|outputs"):
        explained(tmp_path / "out", model=Hidden(2.0))


def test_versions_keep_runs_apart(folder, monkeypatch):
    monkeypatch.setattr(ta, "__version__", "9.9")
    with pytest.raises(CheckpointError, match=r"version of taylorattr is .* there and 9.9 here"):
        explained(folder)


def test_a_folder_keeps_its_batch_size(folder):
    assert calls(folder, batch_size=None)[0] == 0


@pytest.mark.every(2)
@pytest.mark.parametrize("how", ["bit", "cut", "empty", "exchanged", "of another run", "no archive"])
def test_a_damaged_or_foreign_shard_is_computed_again_with_a_word(how, folder, plain, tmp_path):
    one, other = folder / "shard-000000.npz", folder / "shard-000001.npz"
    content = bytearray(one.read_bytes())
    if how == "bit":
        content[len(content) // 2] ^= 1
    elif how == "of another run":
        explained(tmp_path / "other", scale=3.0)
        content = bytearray((tmp_path / "other" / one.name).read_bytes())
    else:
        content = {
            "cut": content[:-100],
            "empty": bytearray(),
            "exchanged": bytearray(other.read_bytes()),
            "no archive": bytearray(b"0" * 1000),
        }[how]
    one.write_bytes(content)
    with pytest.raises(FileError, match="shard-000000"):
        DatasetResult.open(folder).concat()
    with pytest.warns(FallbackWarning, match=r"shard-000000\.npz.*computed again"):
        count, found = calls(folder)
    assert count == 8 and same(found, plain)
    assert calls(folder)[0] == 0


def test_a_shard_that_is_missing_is_said(folder):
    (folder / "shard-000001.npz").unlink()
    with pytest.raises(CheckpointError, match="1 of 2 shards"):
        DatasetResult.open(folder)
    assert calls(folder)[0] == 4


def test_a_full_disk_stops_the_run_and_loses_nothing(tmp_path, plain, monkeypatch):
    real, left = shards.replacing, [1]  # the manifest is written, the first shard, no other file

    def full(path):
        left[0] -= path.name.startswith("shard")
        if left[0] < 0:
            raise OSError(28, "No space left on device")
        return real(path)

    with monkeypatch.context() as patch:
        patch.setattr(shards, "replacing", full)
        with pytest.raises(
            CheckpointError, match="No space left on device.*make room, and the same call goes on"
        ):
            explained(tmp_path / "out")
    count, found = calls(tmp_path / "out")
    assert count <= 4 and same(found, plain)


def test_files_of_killed_processes_are_tidied_up(folder, plain):
    (folder / "shard-000001.npz").unlink()
    half = folder / ".shard-000001.npz.x1y2.part"
    half.write_bytes(b"half")
    assert calls(folder)[0] == 4 and not half.exists()


def test_folders_of_others_are_left_alone(tmp_path):
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(CheckpointError, match="holds other things, such as thesis.txt"):
        explained(tmp_path)
    (tmp_path / "manifest.json").write_text("{}")
    with pytest.raises(CheckpointError, match="manifest.json is damaged"):
        explained(tmp_path)
    with pytest.raises(OptionError, match="out is a int|out"):
        explained(3)


def test_the_bits_do_not_depend_on_when_batches_are_written(tmp_path, plain, monkeypatch):
    assert same(explained(tmp_path / "often", save_every=1e-9).concat(), plain)
    assert not list((tmp_path / "often").glob("batch-*"))
    written = []
    real = shards.write_piece
    monkeypatch.setattr(
        shards, "write_piece", lambda path, *rest: (written.append(path.name), real(path, *rest))
    )
    explained(tmp_path / "again", save_every=1e-9)
    assert len([name for name in written if name.startswith("batch")]) == 12 - 2
    assert atomic.replacing is shards.replacing and np.load(tmp_path / "again" / "shard-000000.npz")


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.filterwarnings("ignore")
def test_a_ray_actor_that_is_killed_changes_no_bit():
    pytest.importorskip("ray")
    (found,) = counted(2, 1, ("a Ray actor of two",)).values()
    assert found["same bits"] == 2 and not {"OTHER BITS", "STOPPED"} & (+found).keys()


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    "kind",
    [
        "main process, alone",
        "main process, two workers",
        "a worker of two",
        "full disk",
        "damaged shard",
        "two processes, one folder",
    ],
)
@pytest.mark.filterwarnings("ignore")
def test_no_accident_changes_a_bit(kind):
    # ten of each are counted by `python -m tests.datasets.kill_and_resume`
    count = 3 if "worker" in kind else 10
    (found,) = counted(count, 1, (kind,)).values()
    assert found["same bits"] == count and not {"OTHER BITS", "STOPPED", "FAILED"} & (+found).keys()
    assert not found["LEFTOVERS"]
