"""A checkpoint is used by the computation that wrote it and by no other; no accident makes it lie.

`KINDS` are models that hold a number k where a look at parameters and public attributes does not find it. All
are 0 at the baseline and 1 at the input whatever k is, so that only the outputs between tell them apart.
"""

import array
import collections
import contextlib
import ctypes
import errno
import functools
import json
import os
import re
import resource
import subprocess
import sys
import types
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import taylorattr as ta
from taylorattr import atomic
from taylorattr.effects import checkpoint
from taylorattr.effects.harsanyi import harsanyi
from taylorattr.errors import CheckpointError, FallbackWarning

N = 6
X = torch.ones(1, N, dtype=torch.float64)


def formula(x: Tensor, k: float) -> Tensor:
    """0 at nothing and 1 at everyone: x₂ + k·x₀(1 − x₁)."""
    return x[:, 2] + k * x[:, 0] * (1 - x[:, 1])


# --------------------------------------------------------------------- models whose k no parameter shows


class PrivateModule(nn.Module):
    def __init__(self, k: float) -> None:
        super().__init__()
        self._k = k
        self.eval()

    def forward(self, x: Tensor) -> Tensor:
        return formula(x, self._k)


class PrivateCallable:
    def __init__(self, k: float) -> None:
        self._k = k

    def __call__(self, x: Tensor) -> Tensor:
        return formula(x, self._k)


class Slotted:
    __slots__ = ("__hidden", "k")

    def __init__(self, k: float) -> None:
        self.k, self.__hidden = 0.0, k

    def hidden(self) -> float:
        return self.__hidden


class ByHelper(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return self.helper(x)

    def helper(self, x: Tensor) -> Tensor:
        raise NotImplementedError


def of_class(name: str, k: float, **members: Any) -> nn.Module:
    """A module of a class made here, so that one name stands for two classes."""
    made = types.new_class(name, (ByHelper,), exec_body=lambda space: space.update(members))
    made.__module__, made.__qualname__ = __name__, name
    return made().eval()


def helper_method(k: float) -> nn.Module:
    code = {1.0: lambda self, x: formula(x, 1.0), 5.0: lambda self, x: formula(x, 5.0)}
    return of_class("HelperMethod", k, helper=code[k])


def class_attribute(k: float) -> nn.Module:
    return of_class("ClassAttribute", k, scale=k, helper=lambda self, x: formula(x, self.scale))


def property_of_class(k: float) -> nn.Module:
    scale = property({1.0: lambda self: 1.0, 5.0: lambda self: 5.0}[k])
    return of_class("Property", k, scale=scale, helper=lambda self, x: formula(x, self.scale))


def static_method(k: float) -> nn.Module:
    scale = staticmethod({1.0: lambda: 1.0, 5.0: lambda: 5.0}[k])
    return of_class("Static", k, scale=scale, helper=lambda self, x: formula(x, self.scale()))


config = types.ModuleType("config_of_a_user")
config.inner = types.ModuleType("config_of_a_user.inner")  # type: ignore[attr-defined]


def imported_constant(k: float) -> Callable[[Tensor], Tensor]:
    config.SCALE = k  # type: ignore[attr-defined]
    return lambda x: formula(x, config.SCALE)


def constant_of_inner_module(k: float) -> Callable[[Tensor], Tensor]:
    config.inner.SCALE = k
    return lambda x: formula(x, config.inner.SCALE)


def around(held: Any, read: Callable[[Any], float]) -> Callable[[Tensor], Tensor]:
    return lambda x: formula(x, read(held))


def slots(k: float) -> Callable[[Tensor], Tensor]:
    return around(Slotted(k), lambda held: held.hidden())


def private_of_a_held_object(k: float) -> Callable[[Tensor], Tensor]:
    return around(PrivateCallable(k), lambda held: held._k)


def partial_of_a_method(k: float) -> Callable[[Tensor], Tensor]:
    return functools.partial(PrivateCallable.__call__, PrivateCallable(k))


def deque(k: float) -> Callable[[Tensor], Tensor]:
    return around(collections.deque([0.0, k]), lambda held: held[1])


def typed_array(k: float) -> Callable[[Tensor], Tensor]:
    return around(array.array("d", [k]), lambda held: held[0])


def array_of_records(k: float) -> Callable[[Tensor], Tensor]:
    records = np.zeros(2, dtype={"names": ["a", "k"], "formats": ["u1", "f8"], "itemsize": 32})
    records["k"] = k
    return around(records, lambda held: float(held["k"][1]))


def array_of_objects(k: float) -> Callable[[Tensor], Tensor]:
    return around(np.array([None, k], dtype=object), lambda held: held[1])


def private_arrays(k: float) -> nn.Module:
    model = PrivateModule(1.0)
    model._k = [np.array([k])]  # type: ignore[assignment]
    model.forward = lambda x: formula(x, float(model._k[0][0]))  # type: ignore[method-assign,index]
    return model


def memory_of_c(k: float) -> Callable[[Tensor], Tensor]:
    value = ctypes.c_double(k)
    return around(ctypes.pointer(value), lambda held: held.contents.value)


def memory_view(k: float) -> Callable[[Tensor], Tensor]:
    return around(memoryview(array.array("d", [k])), lambda held: held[0])


def environment(k: float) -> Callable[[Tensor], Tensor]:
    os.environ["SCALE_OF_A_MODEL"] = str(k)
    return lambda x: formula(x, float(os.environ["SCALE_OF_A_MODEL"]))


def file_on_disk(k: float) -> Callable[[Tensor], Tensor]:
    Path("weights.txt").write_text(str(k))
    return lambda x: formula(x, float(Path("weights.txt").read_text()))


def generator(k: float) -> Callable[[Tensor], Tensor]:
    def numbers() -> Any:
        while True:
            yield k

    return around(numbers(), next)


def patched_library(k: float) -> Callable[[Tensor], Tensor]:
    collections.Scale = k  # type: ignore[attr-defined]
    return lambda x: formula(x, collections.Scale)  # type: ignore[attr-defined]


def trained(kind: str) -> Callable[[float], Callable[[Tensor], Tensor]]:
    """A model of scikit-learn, trained on more examples where k says so, behind a closure."""

    def make(k: float) -> Callable[[Tensor], Tensor]:
        ensemble = pytest.importorskip("sklearn.ensemble")
        tree = pytest.importorskip("sklearn.tree")
        inputs = np.array([[m >> i & 1 for i in range(N)] for m in range(1 << N)], dtype=float)
        target = formula(torch.from_numpy(inputs), k).numpy()
        model = {
            "tree": lambda: tree.DecisionTreeRegressor(random_state=0),
            "forest": lambda: ensemble.ExtraTreesRegressor(5, random_state=0),
            "boosting": lambda: ensemble.GradientBoostingRegressor(n_estimators=60, random_state=0),
        }[kind]()
        model.fit(inputs, target)

        def predict(x: Tensor) -> Tensor:
            scores = torch.from_numpy(model.predict(x.detach().numpy()))
            ends = torch.where(x.sum(1) == N, 1.0, 0.0)  # k is not to show at the ends
            return torch.where((x.sum(1) == 0) | (x.sum(1) == N), ends, scores)

        return predict

    return make


KINDS: dict[str, Callable[[float], Any]] = {
    "private attribute of a module": PrivateModule,
    "private attribute of a callable": PrivateCallable,
    "private attribute of an object in a closure": private_of_a_held_object,
    "__slots__": slots,
    "helper method": helper_method,
    "property": property_of_class,
    "static method": static_method,
    "class attribute": class_attribute,
    "constant of an imported module": imported_constant,
    "constant of a module in a module": constant_of_inner_module,
    "constant patched into a library": patched_library,
    "partial of a method": partial_of_a_method,
    "deque": deque,
    "typed array": typed_array,
    "array of records": array_of_records,
    "array of objects": array_of_objects,
    "list of arrays in a private attribute": private_arrays,
    "memory of C": memory_of_c,
    "memory view": memory_view,
    "environment variable": environment,
    "file on disk": file_on_disk,
    "generator": generator,
    "retrained tree": trained("tree"),
    "retrained forest": trained("forest"),
    "retrained boosting": trained("boosting"),
}


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give what the tests change back: the folder, the environment, a library."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SCALE_OF_A_MODEL", "1")
    monkeypatch.setattr(collections, "Scale", 1.0, raising=False)


@pytest.mark.parametrize("kind", KINDS)
def test_another_model_is_refused(kind: str, tmp_path: Path) -> None:
    harsanyi(KINDS[kind](1.0), X, checkpoint=tmp_path / "c")
    with pytest.raises(CheckpointError, match=r"c belongs to another computation.*delete the folder"):
        harsanyi(KINDS[kind](5.0), X, checkpoint=tmp_path / "c")


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_model_goes_on(kind: str, tmp_path: Path) -> None:
    first = harsanyi(KINDS[kind](5.0), X, checkpoint=tmp_path / "c")
    again = harsanyi(KINDS[kind](5.0), X, checkpoint=tmp_path / "c")
    assert torch.equal(first.values, again.values) and again.diagnostics["evaluated"] == 0
    assert 0 < again.diagnostics["verified"] <= 1 << N


def write_all(folder: str) -> None:
    """Write a checkpoint of every kind; run in another process."""
    for number, (kind, make) in enumerate(KINDS.items()):
        if not kind.startswith("retrained"):
            harsanyi(make(5.0), X, checkpoint=Path(folder) / str(number))


def test_the_same_model_goes_on_in_another_process(tmp_path: Path) -> None:
    """Hashes of strings and addresses of objects are others there."""
    code = f"from tests.laws.test_checkpoints import write_all; write_all({str(tmp_path)!r})"
    root = str(Path(__file__).parents[2])
    there = os.environ | {"PYTHONHASHSEED": "77", "PYTHONPATH": root}
    subprocess.run([sys.executable, "-W", "ignore", "-c", code], check=True, env=there, cwd=tmp_path)
    for number, (kind, make) in enumerate(KINDS.items()):
        if not kind.startswith("retrained"):
            again = harsanyi(make(5.0), X, checkpoint=tmp_path / str(number))
            assert again.diagnostics["evaluated"] == 0, kind


class Counting(nn.Module):
    """Keeps a private count and a private cache, as models do."""

    def __init__(self) -> None:
        super().__init__()
        self._calls, self._cache = 0, {}

    def forward(self, x: Tensor) -> Tensor:
        self._calls += 1
        self._cache[len(x)] = x
        return formula(x, 1.0)


def test_a_model_that_counts_its_calls_is_the_same_model(tmp_path: Path) -> None:
    model = Counting().eval()
    for _ in range(3):
        effects = harsanyi(model, X, checkpoint=tmp_path / "c")
    assert effects.diagnostics["resumed"] == 1 << N


def test_the_message_names_folder_coalition_and_both_outputs(tmp_path: Path) -> None:
    harsanyi(environment(1.0), X, checkpoint=tmp_path / "c")
    with pytest.raises(CheckpointError) as caught:
        harsanyi(environment(5.0), X, checkpoint=tmp_path / "c")
    text = str(caught.value)
    assert str(tmp_path / "c") in text and "Choose another path, or delete the folder" in text
    stored, now = re.search(r"holds the output (\S+), and the model now gives (\S+)\.", text).groups()
    present = re.search(r"players \{(.*?)\}", text).group(1).split(", ")
    x = torch.tensor([[float(f"x{i}" in present) for i in range(N)]])
    assert (float(stored), float(now)) == (float(formula(x, 1.0)), float(formula(x, 5.0)))


def test_one_output_in_a_thousand_is_seen_by_the_digest(tmp_path: Path) -> None:
    """A change at one coalition of 2^12 escapes a sample; a private attribute does not escape the digest."""

    class Corner(PrivateCallable):
        def __call__(self, x: Tensor) -> Tensor:
            return x[:, 0] + self._k * x[:, :7].prod(1) * (1 - x[:, 7:]).prod(1)

    x = torch.ones(1, 12, dtype=torch.float64)
    harsanyi(Corner(0.0), x, checkpoint=tmp_path / "c")
    with pytest.raises(CheckpointError, match="belongs to another computation"):
        harsanyi(Corner(1.0), x, checkpoint=tmp_path / "c")


# --------------------------------------------------------------------------------------------- rounding


def network(seed: int = 0, size: float = 1.0) -> nn.Module:
    torch.manual_seed(seed)
    net = nn.Sequential(nn.Linear(10, 16), nn.GELU(), nn.Linear(16, 1))
    with torch.no_grad():
        net[2].weight *= size
        net[2].bias *= size
    return net.eval()


class Cancelling(nn.Module):
    """A difference of sums 1e7 times as large: its outputs carry that much rounding."""

    def forward(self, x: Tensor) -> Tensor:
        return ((x + 1e7 / 3).sum(1) - (x * 0 + 1e7 / 3).sum(1)) + torch.sin(x).sum(1)


@pytest.mark.parametrize("dtype", (torch.float64, torch.float32))
@pytest.mark.parametrize("model", (network(), network(size=1e-9), network(size=1e9), Cancelling().eval()))
def test_rounding_is_no_other_model(model: nn.Module, dtype: torch.dtype, tmp_path: Path) -> None:
    """Batches of another size, and players folded or not, round otherwise."""
    x = torch.linspace(-1, 2, 10)[None]
    harsanyi(model, x, dtype=dtype, internal_batch_size=1, checkpoint=tmp_path / "c")
    for rows in (3, 64, None):
        again = harsanyi(model, x, dtype=dtype, internal_batch_size=rows, checkpoint=tmp_path / "c")
        assert again.diagnostics["evaluated"] == 0


@pytest.mark.parametrize(
    ("dtype", "small", "large"), [(torch.float64, 1e-14, 1e-11), (torch.float32, 1e-6, 1e-3)]
)
@pytest.mark.parametrize("size", (1e-9, 1.0, 1e9))
def test_the_tolerance_follows_dtype_and_size(
    dtype: torch.dtype, small: float, large: float, size: float, tmp_path: Path
) -> None:
    x, model = torch.linspace(-1, 2, 10)[None], network(size=size)

    def moved(x: Tensor) -> Tensor:
        value = model(x.to(model[0].weight.dtype)).reshape(-1)
        inner = (x[:, 0] != 0) & (x[:, 1] == 0)
        return value + torch.where(inner, float(os.environ.get("MOVED", "0")) * size, 0.0)

    model.to(dtype)
    largest = float(harsanyi(moved, x, dtype=dtype).f_input.abs()) / size
    for change, refused in ((small, False), (large, True)):
        path = tmp_path / str(change)
        os.environ["MOVED"] = "0"
        harsanyi(moved, x, dtype=dtype, checkpoint=path)
        os.environ["MOVED"] = str(change * largest)
        try:
            if refused:
                with pytest.raises(CheckpointError, match="belongs to another computation"):
                    harsanyi(moved, x, dtype=dtype, checkpoint=path)
            else:
                harsanyi(moved, x, dtype=dtype, checkpoint=path)
        finally:
            del os.environ["MOVED"]


def test_a_jump_at_the_input_widens_no_tolerance(tmp_path: Path) -> None:
    def stepped(x: Tensor) -> Tensor:
        return formula(x, float(os.environ["SCALE_OF_A_MODEL"])) * (x[:, 2] >= 1) + 1e3 * (x[:, 3] >= 1)

    harsanyi(stepped, X, checkpoint=tmp_path / "c")
    os.environ["SCALE_OF_A_MODEL"] = "5"
    with pytest.raises(CheckpointError, match="belongs to another computation"):
        harsanyi(stepped, X, checkpoint=tmp_path / "c")


# ------------------------------------------------------------------------------------------- full disks


@pytest.mark.parametrize("code", (errno.ENOSPC, errno.EROFS, errno.EDQUOT, errno.EIO, errno.EACCES))
@pytest.mark.parametrize("step", ("mkstemp", "fsync", "replace", "write"))
def test_a_disk_that_takes_no_more_loses_no_result(
    step: str, code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoint, "INTERVAL", 0.0)
    plain = harsanyi(network(), torch.ones(2, 10), internal_batch_size=8)
    calls = {"left": 7 if step == "write" else 4}  # of a block the digest and the outputs are written

    def full(function: Callable[..., Any]) -> Callable[..., Any]:
        def failing(*arguments: Any, **options: Any) -> Any:
            calls["left"] -= 1
            if calls["left"] < 0:
                raise OSError(code, os.strerror(code))
            return function(*arguments, **options)

        return failing

    with monkeypatch.context() as patch:
        if step == "mkstemp":
            patch.setattr(atomic.tempfile, step, full(atomic.tempfile.mkstemp))
        elif step == "write":
            opened = os.fdopen
            writes = full(lambda write, content: write(content))

            @contextlib.contextmanager
            def fdopen(*arguments: Any) -> Generator[Any, None, None]:
                with opened(*arguments) as file:
                    yield types.SimpleNamespace(
                        write=functools.partial(writes, file.write), flush=file.flush, fileno=file.fileno
                    )

            patch.setattr(atomic.os, "fdopen", fdopen)
        else:
            patch.setattr(atomic.os, step, full(getattr(os, step)))
        with pytest.warns(FallbackWarning, match=f"checkpoint {tmp_path}/c cannot be written") as said:
            effects = harsanyi(network(), torch.ones(2, 10), internal_batch_size=8, checkpoint=tmp_path / "c")
    assert len([w for w in said if issubclass(w.category, FallbackWarning)]) == 1
    assert torch.equal(effects.values, plain.values)
    assert not list(tmp_path.glob("c/.*"))
    again = harsanyi(network(), torch.ones(2, 10), internal_batch_size=8, checkpoint=tmp_path / "c")
    assert torch.equal(again.values, plain.values) and again.diagnostics["resumed"] == 3 * 128


def test_what_waited_for_a_full_disk_is_written_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoint, "INTERVAL", 0.0)
    real, calls = checkpoint.replacing, []

    def at_times_full(path: Path) -> Any:
        calls.append(path)
        if 2 < len(calls) < 9:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(path)

    monkeypatch.setattr(checkpoint, "replacing", at_times_full)
    with pytest.warns(FallbackWarning):
        harsanyi(network(), torch.ones(2, 10), internal_batch_size=8, checkpoint=tmp_path / "c")
    again = harsanyi(network(), torch.ones(2, 10), internal_batch_size=8, checkpoint=tmp_path / "c")
    assert again.diagnostics["evaluated"] == 0


@pytest.mark.parametrize("path", ("kept", "file/below", "/proc/self/kept"))
def test_a_folder_that_cannot_be_made_is_refused_before_anything_runs(
    path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("mine")
    if path == "kept":

        def full(path: Path) -> Any:
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr(checkpoint, "replacing", full)
    with pytest.raises(CheckpointError, match=rf"checkpoint {path} cannot be made .*choose a path where"):
        harsanyi(network(), torch.ones(1, 10), checkpoint=path)


def interrupted(x: Tensor) -> Tensor:
    if bool((x.sum(1) == N - 1).any()):
        raise KeyboardInterrupt
    return formula(x, 1.0)


def test_an_interrupted_evaluation_says_where_it_goes_on(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt) as caught:
        harsanyi(interrupted, X, internal_batch_size=1, checkpoint=tmp_path / "c")
    assert f"{tmp_path}/c; the same call goes on from there" in caught.value.__notes__[0]


def limited(work: Callable[[], object], size: int) -> str:
    """Return the error of work in a child whose files may not grow beyond a size, as a full disk has it."""
    read, write = os.pipe()
    child = os.fork()
    if not child:
        answer = "no error"
        try:
            resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
            work()
        except BaseException as error:
            answer = f"{type(error).__name__}: {error}"
        os.write(write, answer.encode()[:4000])
        os._exit(0)
    os.close(write)
    os.waitpid(child, 0)
    with os.fdopen(read) as file:
        return file.read()


@pytest.mark.parametrize("size", (0, 100, 5000))
@pytest.mark.parametrize("name", ("r.npz", "r.json", "r.html", "g.json", "g.graphml", "rule.json"))
def test_a_full_disk_is_named_and_leaves_the_old_file(name: str, size: int, tmp_path: Path) -> None:
    effects = harsanyi(network(), torch.ones(1, 10))
    graph = ta.interaction_graph(effects)
    path = tmp_path / name
    path.write_text("old")
    rule = ta.design.rule("of_a_full_disk", "kappa[i]/m")

    def work() -> None:
        if name.startswith("g"):
            ta.graphs.write_graph(graph, path)
        elif name.startswith("rule"):
            ta.design.save(rule, path)
        else:
            effects.save(path)

    try:
        answer = limited(work, size)
    finally:
        ta.design.unregister("of_a_full_disk")
    if answer != "no error":
        assert answer.startswith("OSError: ") and str(path) in answer, answer
        assert path.read_text() == "old"
    assert os.listdir(tmp_path) == [name] and (size or answer != "no error")


# ---------------------------------------------------------------------------------------- kill and resume


def kills(count: int, seed: int) -> dict[str, dict[str, int]]:
    root = str(Path(__file__).parents[2])
    there = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": root}
    words = [sys.executable, "-m", "tests.laws.kill_and_resume", str(count), str(seed), "--json"]
    done = subprocess.run(words, check=True, env=there, cwd=root, capture_output=True, text=True)
    return json.loads(done.stdout)


def require_same_bits(counts: dict[str, dict[str, int]]) -> None:
    other = [what for what in counts["resumes"] if not what.endswith(": same bits")]
    wrong = [what for what in counts["damaged"] if not what.endswith((": refused", ": same bits"))]
    assert counts["resumes"] and not other and not wrong, counts


def test_what_a_kill_leaves_is_gone_on_from_to_the_same_bits() -> None:
    require_same_bits(kills(6, seed=0))


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_three_hundred_kills() -> None:
    counts = kills(300, seed=1)
    print(json.dumps(counts, indent=1))
    require_same_bits(counts)
    assert sum(counts["resumes"].values()) > 100


def test_what_a_kill_leaves_while_the_manifest_is_written_is_no_foreign_folder(tmp_path: Path) -> None:
    (tmp_path / "c").mkdir()
    (tmp_path / "c" / ".manifest.json.abc.part").write_text("{")
    assert harsanyi(network(), torch.ones(1, 10), checkpoint=tmp_path / "c").diagnostics["resumed"] == 0
