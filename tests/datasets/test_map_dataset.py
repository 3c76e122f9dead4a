"""A data set is explained as one call explains its rows, whatever holds them and whoever computes."""

import concurrent.futures as futures
import os
import sys

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset, IterableDataset, TensorDataset

import taylorattr as ta
from taylorattr import datasets
from taylorattr.datasets import DatasetResult, map_dataset
from taylorattr.datasets.statistics import mean_and_deviation, quantiles_of
from taylorattr.effects.examples import same
from taylorattr.errors import (
    CheckpointError,
    DtypeError,
    FileError,
    MissingExtraError,
    NonFiniteError,
    OptionError,
    ShapeError,
)

pytestmark = pytest.mark.filterwarnings("ignore::taylorattr.errors.TaylorAttrWarning")

N = 23
torch.manual_seed(0)
X = torch.randn(N, 4)
LABELS = torch.arange(N) % 3


class Net(nn.Module):
    """At the top level of a module, as workers need it."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(1)
        self.layers = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 3))

    def forward(self, x):
        return self.layers(x)


NET = Net().eval()
OPTIONS = {"target": 1, "batch_size": 5}


def harsanyi(data=X, **options):
    return map_dataset("harsanyi", NET, data, **{**OPTIONS, **options})


@pytest.fixture(scope="module")
def whole():
    return harsanyi().concat()


def test_batches_are_calls_and_together_they_are_the_whole(whole):
    by_hand = [ta.harsanyi(NET, X[start : start + 5], target=1) for start in range(0, N, 5)]
    assert same(whole, ta.HarsanyiEffects.concat(by_hand))
    torch.testing.assert_close(whole.values, ta.harsanyi(NET, X, target=1).values, rtol=1e-12, atol=1e-12)


@pytest.mark.every(3)
@pytest.mark.parametrize(
    "task", ["decompose", "integrated_hessians", "interactions", "audit", "player_curves", "attribute"]
)
def test_every_kind_of_task(task, tmp_path):
    more = {
        "audit": {"method": "occlusion_1"},
        "attribute": {"method": "smooth_grad", "n_samples": 4},
        "player_curves": {"each": {"maps": X[:7]}},
    }.get(task, {})
    on_disk = map_dataset(task, NET, X[:7], target=0, batch_size=3, out=tmp_path / "out", **more)
    in_memory = map_dataset(task, NET, X[:7], target=0, batch_size=3, **more)
    assert len(on_disk) == 7 and same(on_disk.concat(), in_memory.concat())
    assert repr(on_disk).startswith(f"DatasetResult of {task}: 7 examples")
    if task == "interactions":
        with pytest.raises(OptionError, match="differs by example"):
            on_disk.statistics()
        assert on_disk.statistics("delta").count == 7
    else:
        assert on_disk.statistics().count == 7


@pytest.mark.parametrize("method", ["lrp_alpha_beta", "deeplift_rescale", "integrated_gradients", "shapley"])
def test_a_model_that_is_held_for_all_batches_gives_what_it_gives_once(method):
    kinked = nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 3))
    found = map_dataset("attribute", kinked, X, method=method, batch_size=5, target=0)
    with futures.ThreadPoolExecutor(2) as pool:
        again = map_dataset("attribute", kinked, X, method=method, batch_size=5, target=0, executor=pool)
    assert same(found.concat(), again.concat())  # places in the source too, which are no caller's
    for start in range(0, N, 5):
        alone = ta.attribute(method, kinked, X[start : start + 5], target=0)
        assert torch.equal(found[start : start + 5].player_scores, alone.player_scores)


def test_a_prepared_model_and_its_defaults(whole):
    prepared = ta.prepare(NET, target=1)
    assert same(map_dataset("harsanyi", prepared, X, batch_size=5).concat(), whole)
    assert same(prepared.map_dataset("harsanyi", X, batch_size=5).concat(), whole)
    own = map_dataset("harsanyi", prepared, X, target=0, batch_size=5)
    assert same(own.concat(), harsanyi(target=0).concat())


def test_batches_draw_differently_and_always_the_same():
    def scores(**options):
        return (
            map_dataset(
                "attribute",
                NET,
                X[:1].expand(6, 4),
                method="smooth_grad",
                n_samples=3,
                target=0,
                batch_size=2,
                **options,
            )
            .concat()
            .player_scores
        )

    one = scores()
    assert torch.equal(one, scores()) and not torch.equal(one, scores(seed=5))
    assert not torch.equal(one[:2], one[2:4])
    first = ta.attribute("smooth_grad", NET, X[:1].expand(2, 4), n_samples=3, target=0).player_scores
    assert torch.equal(one[:2], first)


# ------------------------------------------------------------ what holds the data


class Items(Dataset):
    def __len__(self):
        return N

    def __getitem__(self, i):
        return {"x": X[i], "label": int(LABELS[i])}


class Flow(IterableDataset):
    def __init__(self, length=N):
        self.length = length

    def __len__(self):
        return self.length

    def __iter__(self):
        return iter(zip(X, LABELS, strict=True))


def files(folder):
    np.save(folder / "x.npy", X.numpy())
    np.savez(folder / "x.npz", x=X.numpy(), label=LABELS.numpy())
    np.savez_compressed(folder / "small.npz", label=LABELS.numpy(), x=X.numpy())
    return folder


HOLDERS = {
    "array": lambda folder: (X.numpy(), LABELS),
    "not contiguous": lambda folder: (X.T.contiguous().T, LABELS),
    "loader": lambda folder: (DataLoader(TensorDataset(X, LABELS), batch_size=4), 1),
    "set": lambda folder: (TensorDataset(X, LABELS), 1),
    "items by name": lambda folder: (Items(), "label"),
    "iterable": lambda folder: (Flow(), 1),
    "iterable in a loader": lambda folder: (DataLoader(Flow(), batch_size=7), 1),
    "npy": lambda folder: (files(folder) / "x.npy", LABELS.numpy()),
    "npz": lambda folder: (str(files(folder) / "x.npz"), "label"),
    "npz, compressed": lambda folder: (files(folder) / "small.npz", "label"),
    "a tuple": lambda folder: ((X, LABELS), 1),
}


@pytest.mark.parametrize("name", HOLDERS)
def test_whatever_holds_the_data(name, tmp_path):
    data, label = HOLDERS[name](tmp_path)
    found = map_dataset("harsanyi", NET, data, each={"target": label}, batch_size=5)
    expected = map_dataset("harsanyi", NET, X, target=LABELS, batch_size=5)
    assert same(found.concat(), expected.concat())
    outputs = NET(X).detach().double().gather(1, LABELS[:, None])[:, 0]
    torch.testing.assert_close(expected.concat().f_input, outputs, rtol=1e-5, atol=1e-6)


def test_a_table_gives_its_columns_as_players(whole):
    pandas = pytest.importorskip("pandas")
    table = pandas.DataFrame(X.double().numpy(), columns=["a", "b", "c", "d"], index=range(100, 100 + N))
    table["label"] = LABELS.numpy()
    found = map_dataset("harsanyi", NET, table, each={"target": "label"}, batch_size=5).concat()
    assert found.names == ("a", "b", "c", "d")
    assert torch.equal(found.values[1::3], whole.values[1::3])  # rows of label 1
    table["word"] = "no number"
    with pytest.raises(DtypeError, match="'word'"):
        map_dataset("harsanyi", NET, table, each={"target": "label"})


def test_arguments_of_each_example():
    starts = torch.randn(N, 4)
    found = map_dataset(
        "harsanyi", NET, X, each={"baselines": starts, "target": LABELS.tolist()}, batch_size=5
    )
    for e in (0, 6, 22):
        alone = ta.harsanyi(NET, X[e : e + 1], starts[e : e + 1], target=int(LABELS[e]))
        torch.testing.assert_close(found[e].values, alone.values, rtol=1e-12, atol=1e-12)
    effects = map_dataset("harsanyi", NET, X, target=0, batch_size=5).concat()
    deleted = map_dataset("interaction_deletion", NET, X, target=0, each={"effects": effects}, batch_size=5)
    torch.testing.assert_close(deleted.concat().predicted, deleted.concat().joint, rtol=1e-4, atol=1e-6)


@pytest.mark.every(3)
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
@pytest.mark.parametrize("scale", [1e-12, 1.0, 1e12])
def test_coarse_dtypes_and_scales(dtype, scale, tmp_path):
    if dtype is torch.float16 and scale != 1.0:
        pytest.skip("float16 reaches from 6e-8 to 65504")
    net, rows = Net().to(dtype).eval(), (X.T.contiguous().T * scale).to(dtype)
    with torch.no_grad():
        net.layers[0].weight.div_(scale)
    kept = map_dataset(
        "attribute", net, rows, method="integrated_gradients", target=0, batch_size=5, out=tmp_path
    )
    direct = ta.attribute("integrated_gradients", net, rows[:5], target=0)
    assert same(kept[:5], direct) and kept.concat().scores.dtype is direct.scores.dtype


# ------------------------------------------------------------ who computes it


def test_threads_of_an_executor(whole):
    with futures.ThreadPoolExecutor(2) as pool:
        assert same(harsanyi(executor=pool).concat(), whole)


@pytest.mark.slow
def test_workers_processes_and_ray_give_the_same_bits(whole, tmp_path):
    assert same(harsanyi(workers=2, out=tmp_path / "out").concat(), whole)
    with futures.ProcessPoolExecutor(2) as pool:
        assert same(harsanyi(executor=pool).concat(), whole)


@pytest.mark.slow
def test_ray_gives_the_same_bits_and_the_cluster_of_others_stays(whole):
    ray = pytest.importorskip("ray")
    ray.init(include_dashboard=False, num_cpus=2, log_to_driver=False)
    try:
        assert same(harsanyi(engine="ray", workers=2).concat(), whole)
        assert ray.is_initialized()
    finally:
        ray.shutdown()


def test_what_workers_cannot_be_sent_is_said():
    with pytest.raises(OptionError, match="top level of a module"):
        map_dataset("harsanyi", lambda x: x.sum(1), X, workers=1)


def test_without_ray_its_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'taylorattr\[ray\]'"):
        harsanyi(engine="ray")


# ------------------------------------------------------------ reading the result


def test_one_example_and_some(whole, tmp_path):
    found = harsanyi(out=tmp_path, batch_size=2)  # two shards
    assert len(list(found.shards())) == 2 and len(found) == N
    assert same(found.select([22, 3, 17, 0]), found.concat().select([22, 3, 17, 0]))
    assert same(found[-1], found.concat().select(22))
    assert same(found[3:20:4], found.concat().select(slice(3, 20, 4)))
    assert [float(one.delta) for one in found] == found.concat().delta.tolist()
    mask = found.concat().delta > 0
    assert same(found.select(mask), found.concat().select(mask))
    with pytest.raises(OptionError):
        found[N]
    with pytest.raises(OptionError):
        found.select([])


def test_statistics_are_those_of_all_examples(whole, monkeypatch):
    found = harsanyi(batch_size=2)
    for entries in (1 << 30, 1):  # one pass, and a pass for every few columns
        monkeypatch.setattr("taylorattr.datasets.dataset_result.available", lambda entries=entries: entries)
        statistics = found.statistics(quantiles=(0.1, 0.5))
        torch.testing.assert_close(statistics.mean, whole.values.mean(0), rtol=1e-12, atol=1e-14)
        torch.testing.assert_close(statistics.deviation, whole.values.std(0), rtol=1e-12, atol=1e-14)
        expected = torch.quantile(whole.values, torch.tensor([0.1, 0.5], dtype=torch.float64), 0)
        torch.testing.assert_close(statistics.quantiles, expected, rtol=1e-12, atol=1e-14)
    assert statistics.names[:3] == ("∅", "x0", "x1") and statistics.count == N
    assert found.statistics("delta").names == ("delta",)
    torch.testing.assert_close(found.statistics(lambda r: r.by_order).mean, whole.by_order.mean(0))
    assert same(ta.Result.from_dict(statistics.to_dict()), statistics)
    with pytest.raises(OptionError, match="no 'nothing'"):
        found.statistics("nothing")
    with pytest.raises(OptionError, match="levels between"):
        found.statistics(quantiles=(5,))


def test_a_mean_far_from_zero_does_not_hide_the_spread():
    rows = 1e9 + np.random.default_rng(0).normal(size=(1000, 3))
    blocks = np.array_split(rows, [1, 2, 500])
    count, mean, deviation = mean_and_deviation(blocks)
    assert count == 1000
    np.testing.assert_allclose(mean, rows.mean(0), rtol=1e-14)
    np.testing.assert_allclose(deviation, rows.std(0, ddof=1), rtol=1e-6)
    table = quantiles_of(lambda: blocks, 1000, 3, (0.0, 0.3), 1)
    np.testing.assert_array_equal(table, np.quantile(rows, (0.0, 0.3), axis=0))


def test_the_mean_graph_is_that_of_all_examples(whole):
    found = map_dataset("interaction_graph", NET, X, **OPTIONS)
    graph, expected = found.interaction_graph(top=3), ta.graphs.dataset_graph(whole, top=3)
    assert dict(graph.edges) == dict(expected.edges) and dict(graph.nodes) == dict(expected.nodes)
    assert map_dataset("interaction_graph", NET, X[:2], order=2, target=0).task == "decompose"


# ------------------------------------------------------------ refusals


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"batch_size": 0}, "batch_size"),
        ({"workers": -1}, "workers"),
        ({"engine": "dask"}, "'serial' or 'ray'"),
        ({"address": "auto"}, "belong to engine='ray'"),
        ({"executor": 3}, "Executor"),
        ({"ordr": 3}, "takes no argument 'ordr'"),
        ({"model": NET}, "multiple values|from map_dataset"),
        ({"each": {"target": "label"}, "target": None}, "both|no field|given for all"),
        ({"each": {"baselines": X[:3]}}, "3 entries for 23 examples"),
        ({"each": {"baselines": object()}}, "expected a field of the data"),
        ({"inputs": [5]}, "no field 5"),
        ({"outputs": "all", "target": None}, "once for each target="),
    ],
)
def test_wrong_arguments_are_refused_before_anything_is_computed(wrong, message):
    with pytest.raises((OptionError, TypeError), match=message):
        harsanyi(**wrong)


def test_data_that_are_none_are_refused(tmp_path):
    with pytest.raises(OptionError, match="expected a tensor"):
        harsanyi(3)
    with pytest.raises(ShapeError, match="no example"):
        harsanyi(X[:0])
    with pytest.raises(ShapeError, match="lengths"):
        harsanyi((X, X[:3]))
    with pytest.raises(OptionError, match="shuffles"):
        harsanyi(DataLoader(TensorDataset(X), shuffle=True))
    with pytest.raises(ShapeError, match="end after 23 examples"):
        harsanyi(Flow(30))
    with pytest.raises(FileNotFoundError):
        harsanyi(tmp_path / "none.npy")
    (tmp_path / "bad.npy").write_bytes(b"no array")
    (tmp_path / "bad.npz").write_bytes(b"no archive")
    for name in ("bad.npy", "bad.npz", "bad.txt"):
        with pytest.raises(FileError, match="bad"):
            harsanyi(tmp_path / name)
    with pytest.raises(OptionError, match="no task is called 'harsany'; did you mean 'harsanyi'"):
        map_dataset("harsany", NET, X)
    with pytest.raises(OptionError, match="returned a Tensor"):
        map_dataset(lambda model, inputs: inputs, NET, X)
    with pytest.raises(OptionError, match="needs method"):
        map_dataset("attribute", NET, X)
    with pytest.raises(FileError, match="no folder that map_dataset wrote"):
        DatasetResult.open(tmp_path / "none")
    with pytest.raises(CheckpointError, match="is a file"):
        harsanyi(out=tmp_path / "bad.npy")
    assert set(datasets.TASKS) >= {"decompose", "harsanyi", "attribute", "audit", "road", "localisation"}


def test_warnings_of_batches_are_said_once_with_their_number():
    rows = X.clone()
    rows[[2, 11, 12, 20]] = 0
    with pytest.warns(ta.errors.ZeroDifferenceWarning, match=r"examples 0 … 4.*2 more of 5 batches") as said:
        found = harsanyi(rows)
    assert len([w for w in said if w.category is ta.errors.ZeroDifferenceWarning]) == 1
    assert found.concat().diagnostics["zero_difference"] == [2, 11, 12, 20]


def fatal(model, inputs):
    """Exact effects, but one batch takes its process with it."""
    if bool((inputs == X[7]).all(1).any()):
        os._exit(9)
    return ta.harsanyi(model, inputs, target=1)


@pytest.mark.slow
def test_a_batch_that_kills_its_worker_every_time_is_named_and_the_rest_is_kept(tmp_path):
    with pytest.raises(ta.errors.ModelError, match="died 3 times while batch 1 was under way") as caught:
        map_dataset(fatal, NET, X, batch_size=5, workers=1, out=tmp_path / "out", save_every=1e-9)
    assert "what was finished is in" in caught.value.__notes__[0]
    assert (tmp_path / "out" / "batch-000000.npz").exists()


@pytest.mark.parametrize("more", [{}, {"executor": futures.ThreadPoolExecutor(1)}], ids=["serial", "threads"])
def test_an_error_says_where_in_the_data_it_is(more):
    rows = X.clone()
    rows[13, 2] = float("nan")
    with pytest.raises(NonFiniteError, match=r"begins with example 12 of the data.*nan in example 1 "):
        map_dataset("harsanyi", NET, rows, target=1, batch_size=4, **more)
