import json
import math
import pickle
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from taylorattr.effects.coalition_table import HarsanyiEffects
from taylorattr.effects.result import RESULTS, Result
from taylorattr.effects.taylor_effects import TaylorEffects
from taylorattr.errors import FormatError, OptionError, TaylorAttrError


@dataclass(frozen=True, eq=False)
class Sample(Result):
    tensor: Tensor
    label: str = "ä → κ"
    inner: Result | None = None
    notes: dict = field(default_factory=dict)
    pair: tuple = ()


def harsanyi_effects():
    values = torch.tensor([[0.5, 1 / 3, -math.pi, 1e-310], [0.0, -0.0, 2.0, 5e300]], dtype=torch.float64)
    vector = torch.tensor([1.0, 2.0], dtype=torch.float64)
    return HarsanyiEffects(
        values=values,
        names=("größe", "b"),
        frame="input",
        delta=vector,
        f_input=vector + 1,
        f_baseline=torch.ones(2, dtype=torch.float64),
        error_bound=values[:, :3].abs(),
        diagnostics={"evaluated": 8, "orders": [[1], []], "note": None, "nested": {"flag": True}},
    )


def taylor_effects():
    vector = torch.tensor([1.0], dtype=torch.float64)
    effects = harsanyi_effects()
    tails = HarsanyiEffects(effects.values[:1], effects.names, "input", vector, vector, vector)
    return TaylorEffects(
        values=torch.arange(5, dtype=torch.float64)[None] / 7,
        order=2,
        names=("a", "b"),
        frame="input",
        delta=vector,
        f_input=vector,
        f_baseline=vector * 0,
        converged=torch.tensor([True]),
        reasons=("the series reaches x",),
        tails=tails,
        diagnostics={"largest": math.inf, "missing": math.nan, "ray": ("a", 2)},
    )


def assert_same(a, b):
    """Equal to the last bit, in type and in every field."""
    assert type(a) is type(b)
    if isinstance(a, Result):
        for name in a.__dataclass_fields__:
            assert_same(getattr(a, name), getattr(b, name))
    elif isinstance(a, Tensor):
        assert a.dtype == b.dtype and a.shape == b.shape
        assert a.numpy().tobytes() == b.numpy().tobytes()
    elif isinstance(a, dict):
        assert a.keys() == b.keys()
        for key in a:
            assert_same(a[key], b[key])
    elif isinstance(a, (tuple, list)):
        assert len(a) == len(b)
        for left, right in zip(a, b, strict=True):
            assert_same(left, right)
    else:
        assert a == b or (a != a and b != b)


@pytest.mark.parametrize("suffix", (".json", ".npz"))
@pytest.mark.parametrize("make", (harsanyi_effects, taylor_effects))
def test_save_and_load_round_trip(tmp_path, make, suffix):
    result = make()
    path = result.save(tmp_path / f"result{suffix}")
    assert_same(type(result).load(path), result)
    assert_same(Result.load(path), result)  # the base class reads any result


@pytest.mark.parametrize("make", (harsanyi_effects, taylor_effects))
def test_dict_is_json_and_comes_back(make):
    result = make()
    text = json.dumps(result.to_dict(), allow_nan=False)
    assert_same(type(result).from_dict(json.loads(text)), result)


@settings(max_examples=50)
@given(
    st.lists(st.floats(allow_nan=True, allow_infinity=True), max_size=6),
    st.sampled_from([torch.float64, torch.float32, torch.int64, torch.int16, torch.bool]),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
        max_leaves=8,
    ),
    st.sampled_from([".json", ".npz"]),
)
def test_any_numbers_and_diagnostics_survive(tmp_path_factory, numbers, dtype, notes, suffix):
    tensor = torch.tensor(numbers, dtype=torch.float64)
    tensor = (tensor if dtype.is_floating_point else torch.nan_to_num(tensor).clamp(-9, 9)).to(dtype)
    sample = Sample(tensor, inner=Sample(tensor[:1]), notes={"all": notes}, pair=(1, "two"))
    path = tmp_path_factory.mktemp("result") / f"sample{suffix}"
    assert_same(Sample.load(sample.save(path)), sample)


def test_foreign_suffixes_are_refused(tmp_path):
    for call in (harsanyi_effects().save, HarsanyiEffects.load):
        with pytest.raises(OptionError, match=r"suffix '.pkl'; results are kept as .npz or .json"):
            call(tmp_path / "result.pkl")


def damaged(path: Path) -> list[bytes]:
    content = path.read_bytes()
    return [b"", b"not a result", content[: len(content) // 2], content[:-1], content[1:]]


@pytest.mark.parametrize("suffix", (".json", ".npz"))
def test_damaged_files_are_named(tmp_path, suffix):
    path = harsanyi_effects().save(tmp_path / f"result{suffix}")
    for content in damaged(path):
        path.write_bytes(content)
        with pytest.raises(FormatError, match=r"result\.(json|npz)"):
            HarsanyiEffects.load(path)


def test_a_flipped_bit_in_an_array_is_noticed(tmp_path):
    path = harsanyi_effects().save(tmp_path / "result.npz")
    with zipfile.ZipFile(path) as archive:
        info = archive.getinfo("array0.npy")
    content = bytearray(path.read_bytes())
    content[info.header_offset + 200] ^= 1  # inside the stored numbers: headers take less than 200 bytes
    path.write_bytes(content)
    with pytest.raises(FormatError, match="damaged"):
        HarsanyiEffects.load(path)


class Bomb:
    def __reduce__(self):
        return (Path("/tmp/taylorattr-bomb").touch, ())


def test_code_in_a_file_is_never_run(tmp_path, monkeypatch):
    fired = []
    monkeypatch.setattr(Path, "touch", lambda self: fired.append(self))
    np.savez(tmp_path / "bomb.npz", **{"header.json": np.array([Bomb()], dtype=object)})
    (tmp_path / "raw.npz").write_bytes(pickle.dumps(Bomb()))
    for name in ("bomb.npz", "raw.npz"):
        with pytest.raises(FormatError):
            Result.load(tmp_path / name)
    assert not fired


@pytest.mark.parametrize(
    ("change", "message"),
    (
        ({"format": "other"}, "not a taylorattr result"),
        ({"version": 99}, "format version 99; this release reads 1 … 1: upgrade"),
        ({"version": "1"}, "format version '1'"),
        ({"type": "Nothing"}, "no result is called 'Nothing'"),
        ({"fields": {}}, "do not fit together"),
        ({"fields": {"unheard": 1}}, "do not fit together"),
        ({"fields": []}, "do not fit together"),
    ),
)
def test_what_is_wrong_with_a_dict_is_said(change, message):
    with pytest.raises(FormatError, match=message):
        HarsanyiEffects.from_dict(harsanyi_effects().to_dict() | change)


def test_fields_that_contradict_each_other_are_refused():
    data = harsanyi_effects().to_dict()
    data["fields"]["names"] = {"tuple": ["a", "b", "c"]}
    with pytest.raises(FormatError, match=r"expected \(B, 8\)"):
        HarsanyiEffects.from_dict(data)
    data = harsanyi_effects().to_dict()
    data["fields"]["values"]["tensor"]["shape"] = [3, 3]
    with pytest.raises(FormatError):
        HarsanyiEffects.from_dict(data)


def test_another_type_is_refused(tmp_path):
    path = harsanyi_effects().save(tmp_path / "result.json")
    with pytest.raises(FormatError, match="a HarsanyiEffects, not a TaylorEffects"):
        TaylorEffects.load(path)


@pytest.mark.parametrize("suffix", (".json", ".npz"))
def test_a_result_that_cannot_be_written_leaves_the_old_file(tmp_path, suffix):
    path = harsanyi_effects().save(tmp_path / f"result{suffix}")
    before = path.read_bytes()
    with pytest.raises(TaylorAttrError, match="a object cannot be saved"):
        Sample(torch.zeros(1), notes={"thing": object()}).save(path)
    assert path.read_bytes() == before and len(list(tmp_path.iterdir())) == 1


def test_a_missing_file_stays_a_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError):
        Result.load(tmp_path / "nothing.json")


def test_result_types_register_themselves():
    assert RESULTS["HarsanyiEffects"] is HarsanyiEffects and "CoalitionTable" not in RESULTS
