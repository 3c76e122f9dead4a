"""Files made to be misread: every one is refused by name, and nothing in it is read as something else."""

import io
import json
import sys
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np
import pytest
import torch

import taylorattr as ta
from taylorattr.cli import data as data_files
from taylorattr.cli import main
from taylorattr.errors import PrecisionWarning, TaylorAttrError
from tests.laws.test_readers_fuzz import WrongCallError, command, on_a_table

DEEP = "[" * 200_000
DATA = command("attribute", "occlusion_1", "--model", "tests.laws.test_readers_fuzz:total", "--data", "FILE")
PLAYERS, NAMES = on_a_table("--players", "FILE"), on_a_table("--names", "FILE")


def header(shape: str, descr: str = "<f8", end: str = "}") -> bytes:
    """An .npy file that is a header alone."""
    text = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, {end}\n".encode()
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text


def array(values: Any) -> bytes:
    out = io.BytesIO()
    np.save(out, values)
    return out.getvalue()


def archive(**members: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as file:
        for name, content in members.items():
            file.writestr(name.replace("__", ".") + ".npy", content)
    return out.getvalue()


def doubled() -> bytes:
    """An archive with two members of one name."""
    out = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(out, "w") as file:
        warnings.simplefilter("ignore")
        for k in range(2):
            file.writestr("a.npy", array(np.full((2, 3), float(k))))
    return out.getvalue()


def dot(facts: str, node: str = "") -> bytes:
    return f'graph interactions {{\n  graph [taylorattr="{facts}"];\n{node}}}\n'.encode()


def gexf(facts: str) -> bytes:
    return f'<gexf xmlns="http://gexf.net/1.3"><meta><creator>taylorattr</creator><description>{facts}</description></meta></gexf>'.encode()  # noqa: E501


def node_link(**graph: Any) -> bytes:
    return json.dumps({"graph": graph, "nodes": [{"id": "a"}], "edges": []}).encode()


Reader = Callable[[Path], Any]

HOSTILE: dict[str, tuple[str, bytes, Reader]] = {
    "deep JSON, graph": (".json", DEEP.encode(), ta.graphs.read_graph),
    "deep JSON, rule": (".json", DEEP.encode(), ta.design.load),
    "deep JSON, result": (".json", DEEP.encode(), ta.Result.load),
    "deep JSON, objects": (".json", b'{"a":' * 100_000, ta.Result.load),
    "deep JSON, players": (".json", DEEP.encode(), PLAYERS),
    "deep JSON, names": (".json", DEEP.encode(), NAMES),
    "deep JSON in DOT": (".dot", dot(DEEP), ta.graphs.read_graph),
    "deep JSON in GEXF": (".gexf", gexf(DEEP), ta.graphs.read_graph),
    "a dictionary as a node": (".dot", dot("{}", '  n0 [x, taylorattr="{\\"key\\": \\"\\\\\\\\j{}\\"}"];\n'), ta.graphs.read_graph),  # noqa: E501
    "an encoding that there is not": (".gexf", b'<?xml version="1.0" encoding="utf-99"?><a/>', ta.graphs.read_graph),  # noqa: E501
    "entities that grow": (".graphml", b'<!DOCTYPE a [<!ENTITY a "' + b"x" * 10_000 + b'"><!ENTITY b "' + b"&a;" * 10_000 + b'">]><a>&b;</a>', ta.graphs.read_graph),  # noqa: E501
    "a huge array": (".npy", header("(10000000000000,)"), DATA),
    "a huge array of nothing": (".npy", header("(0, 10000000000000)"), DATA),
    "a negative shape": (".npy", header("(-1,)"), DATA),
    "a broken header": (".npy", header("(2,", end=" "), DATA),
    "no dimension": (".npy", array(np.float64(3)), DATA),
    "objects": (".npy", header("(1,)", "|O"), DATA),
    "complex numbers": (".npy", array(np.ones((2, 2), complex)), DATA),
    "dates": (".npy", array(np.zeros(2, "datetime64[s]")), DATA),
    "half an archive": (".npz", archive(a=array(np.ones((2, 3))))[:100], DATA),
    "a huge array in an archive": (".npz", archive(a=header("(10000000000000,)")), DATA),
    "a member that is no array": (".npz", archive(a=b"x"), DATA),
    "two members of one name": (".npz", doubled(), DATA),
    "a huge header of a result": (".npz", archive(header__json=header("(10000000000000,)", "|u1")), ta.Result.load),  # noqa: E501
    "a broken header of a result": (".npz", archive(header__json=header("(2,", end=" ")), ta.Result.load),
    "a cell of 200,000 letters": (".csv", b"a" * 200_000 + b"\n1\n", DATA),
    "a cell that is not finite": (".csv", b"a,b\nnan,1\n", DATA),
    "a player twice": (".json", b'{"a": [0], "b": [1, 2], "a": [3]}', PLAYERS),
    "players of lists": (".json", b'{"a": [[1]]}', PLAYERS),
    "players of bools": (".json", b'{"a": [true, 0], "b": [2, 3]}', PLAYERS),
    "players of floats": (".json", b'{"a": [0.0, 1.0], "b": [2, 3]}', PLAYERS),
    "a rule's key twice": (".json", b'{"format": "taylorattr-rule", "version": 1, "name": "a", "name": "b", "made_by": "rule", "arguments": {"ratio": "kappa[i]/m"}}', ta.design.load),  # noqa: E501
    "not UTF-8": (".json", b'"\xff\xfe"', ta.design.load),
    "a result's type is a list": (".json", b'{"format": "taylorattr-result", "version": 1, "type": [], "fields": {}}', ta.Result.load),  # noqa: E501
    "infinity in a graph": (".json", b'{"graph": {"x": Infinity}, "nodes": [], "edges": []}', ta.graphs.read_graph),  # noqa: E501
}  # fmt: skip
"""What is in the file, and who reads it."""


@pytest.mark.parametrize("what", HOSTILE)
def test_a_hostile_file_is_refused_by_name(what: str, tmp_path: Path) -> None:
    suffix, content, read = HOSTILE[what]
    path = tmp_path / f"hostile{suffix}"
    path.write_bytes(content)
    with pytest.raises(TaylorAttrError) as caught:
        read(path)
    assert path.name in str(caught.value) or str(tmp_path) in str(caught.value)


@pytest.mark.parametrize(
    "word", ["incoming_graph_data", "backend", "self", "node", "name", "__networkx_cache__"]
)
@pytest.mark.parametrize("suffix", [".json", ".dot", ".gexf", ".graphml"])
def test_an_attribute_of_a_graph_is_nothing_else(word: str, suffix: str, tmp_path: Path) -> None:
    graph = nx.Graph()
    graph.add_node("a", name="a")
    graph.graph[word] = (("p", "q"),) if word == "incoming_graph_data" else "networkx"
    path = ta.graphs.write_graph(graph, tmp_path / f"graph{suffix}")
    before = set(sys.modules)
    found = ta.graphs.read_graph(path)
    assert list(found) == ["a"] and found.graph[word] == graph.graph[word]
    assert not {m for m in set(sys.modules) - before if "backend" in m}


def test_a_graph_with_a_foreign_backend_imports_nothing(tmp_path: Path) -> None:
    path = tmp_path / "graph.json"
    path.write_bytes(node_link(backend="antigravity"))
    try:
        assert list(ta.graphs.read_graph(path)) == ["a"]
    except TaylorAttrError:
        pass
    assert "antigravity" not in sys.modules


def test_attributes_of_an_adjacency_are_nothing_else() -> None:
    found = ta.graphs.from_adjacency(np.eye(2), incoming_graph_data=[("p", "q")])
    assert list(found) == ["x0", "x1"]


def test_a_missing_file_stays_a_missing_file(tmp_path: Path) -> None:
    for read in (ta.Result.load, ta.design.load, ta.graphs.read_graph):
        with pytest.raises(FileNotFoundError):
            read(tmp_path / "nothing.json")
    with pytest.raises(WrongCallError):
        DATA(tmp_path / "nothing.npy")


def test_integers_and_floats_are_read_as_they_are(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.array([[3, 2**62]], dtype=np.int64))
    words = ["attribute", "occlusion_1", "--model", "tests.laws.test_readers_fuzz:total", "--baseline", "0"]
    assert main([*words, "--data", str(tmp_path / "x.npy")]) == 0


@pytest.mark.parametrize("suffix", [".npy", ".npz", ".csv"])
def test_floats_keep_their_size(suffix: str, tmp_path: Path) -> None:
    path, values = tmp_path / f"x{suffix}", np.array([[1e300, 1e-300], [0.1, 0.0]])
    path.write_bytes({
        ".npy": lambda: array(values), ".npz": lambda: archive(a=array(values)),
        ".csv": lambda: b"a,b\n1e300,1e-300\n0.1,0\n",
    }[suffix]())  # fmt: skip
    (found,) = data_files.load(str(path)).tensors
    assert torch.equal(found, torch.from_numpy(values))


def test_unsigned_integers_keep_their_sign(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.array([[2**64 - 1, 1]], dtype=np.uint64))
    with pytest.warns(PrecisionWarning, match=r"18446744073709551615, above int64"):
        (found,) = data_files.load(str(tmp_path / "x.npy")).tensors
    assert found.tolist() == [[2.0**64, 1.0]]


FIELDS: dict[str, Any] = {
    "names": [3, "ab", [1, 2], ["a"], [["a"], "b"], None, {"a": 1}],
    "frame": ["x", 3, None, []],
    "delta": ["x", 3, None, [1.0]],
    "f_input": ["x", None],
    "values": ["x", 3, None],
    "diagnostics": [[], "x", 3],
    "max_order": ["2", -1, 2.5, [1]],
    "order": ["2", -1, 2.5, None],
    "reasons": [3, "x", [1]],
    "converged": ["x", 3],
    "method": [3, None, []],
    "standard_errors": ["x", 3],
}


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize(
    "kind", ["HarsanyiEffects", "TaylorEffects", "Attribution", "InteractionIndex", "IntegratedHessians"]
)
def test_fields_of_another_type_are_refused_on_reading(kind: str, field: str) -> None:
    def f(x: torch.Tensor) -> torch.Tensor:
        return x.prod(1) + x[:, 0].sin()

    x = torch.tensor([[0.5, 1.5]], dtype=torch.float64)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made = {
            "HarsanyiEffects": lambda: ta.harsanyi(f, x),
            "TaylorEffects": lambda: ta.decompose(f, x, order=2),
            "Attribution": lambda: ta.attribute("integrated_gradients", f, x),
            "InteractionIndex": lambda: ta.harsanyi(f, x).index("SII"),
            "IntegratedHessians": lambda: ta.integrated_hessians(f, x),
        }[kind]()
    data = made.to_dict()
    if field not in data["fields"]:
        pytest.skip("no such field")
    for value in FIELDS[field]:
        if value is None and data["fields"][field] is None:
            continue
        wrong = json.loads(json.dumps(data))
        wrong["fields"][field] = value
        if value == 3 and isinstance(data["fields"][field], int):
            continue
        with pytest.raises(TaylorAttrError):
            ta.Result.from_dict(wrong)
