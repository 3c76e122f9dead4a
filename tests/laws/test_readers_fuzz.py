"""Every reader answers with one of the package's errors, or with an object that can be used.

A valid file of each format is damaged at random, seeded: bytes flipped, cut out, repeated; JSON values
replaced, keys doubled; members of an archive dropped, their headers rewritten. A reader may refuse such a
file in the package's words, naming it, or return something that prints and writes itself; any other
exception, and an object that dies later, is a fault. By default 4,000 damaged files are tried, 100,000 under
``-m slow``; ``benchmarks/RELIABILITY.md`` keeps the counts.
"""

import collections
import contextlib
import io
import json
import random
import traceback
import warnings
import zipfile
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch

import taylorattr as ta
from taylorattr.cli import main
from taylorattr.errors import TaylorAttrError
from taylorattr.graphs.formats import node_link

COUNTS: dict[str, int] = {
    "result.json": 10_000,
    "result.npz": 15_000,
    "rule.json": 2_000,
    "graph.json": 10_000,
    "graph.graphml": 10_000,
    "graph.gexf": 10_000,
    "graph.dot": 10_000,
    "data.npy": 6_000,
    "data.npz": 5_000,
    "data.csv": 5_000,
    "names.json": 3_000,
    "names.txt": 2_000,
    "players.json": 4_000,
    "checkpoint": 3_000,
    "checkpoint.block": 2_000,
    "weights.pt": 3_000,
    "weights.safetensors": 3_000,
    "mip_in.npz": 2_000,
}
"""Damaged files of each format in a thorough run, 100,000 together; fewer where using one takes long."""

QUICK_PART = 25
"""A quick run tries one in so many."""


class Format(NamedTuple):
    """A kind of file: valid examples, how one is read, and what must work on what was read."""

    suffix: str
    valid: Callable[[Path], list[bytes]]
    read: Callable[[Path], Any]
    use: Callable[[Any], Any]
    late: bool = False
    """Whether what was read may still not fit the rest of the call, which the package then says."""


# ---------------------------------------------------------------------------------------------- damage

TOKENS = [
    b"",
    b"\x00",
    b"\xff\xfe",
    b"nan",
    b"inf",
    b"-1",
    b"1e999",
    b"9" * 25,
    b"0x1.8p3",
    b"null",
    b"true",
    b"{}",
    b"[]",
    b'""',
    b"[" * 60,
    b'{"a":',
    b"\\u0000",
    b"\\ud800",
    b'"\\ud800"',
    b"__class__",
    b"'",
    b'"',
    b"\n\n",
    b"<",
    b"&#x0;",
    b"&lt;",
    b"10000000000000",
    b"-0",
    b"1_0",
    "\u0661".encode(),
    b"\r",
    b",",
    b";",
    b"|O",
    b"<c16",
    b"<f2",
    b">f8",
    b"<M8[s]",
    b"|V8",
    b"|b1",
    b"|S3",
    b"<U2",
]
"""What a damaged or hostile file may hold in place of something else."""

VALUES: list[Any] = [
    None,
    True,
    False,
    0,
    -1,
    1,
    2**31,
    2**63,
    2**64,
    10**30,
    0.5,
    -0.0,
    1e308,
    float("inf"),
    float("nan"),
    "",
    "x",
    "nan",
    "0x1.8p3",
    "\x00",
    "\ud800",
    [],
    {},
    [[]],
    [{}],
    {"": ""},
    {"a": {"a": {"a": 1}}},
    ["x"] * 3,
    [0, 1],
    [[0, 1], [2]],
    {"tensor": {"dtype": "float64", "shape": [-1], "data": []}},
    {"tuple": []},
    {"dict": 3},
    {"float": "x"},
    {"float": "1"},
    {"result": 1},
    {"tuple": [1, None]},
]
"""Values of other types, sizes and shapes than a field expects."""


def damaged_bytes(content: bytes, draw: random.Random) -> bytes:
    """Return bytes with one to four local changes."""
    out = bytearray(content)
    for _ in range(draw.choice((1, 1, 1, 2, 4))):
        place = draw.randrange(len(out) + 1)
        end = min(len(out), place + draw.choice((1, 1, 2, 8, 64)))
        kind = draw.randrange(7)
        if kind == 0 and out:
            out[place % len(out)] ^= 1 << draw.randrange(8)
        elif kind == 1:
            del out[place:end]
        elif kind == 2:
            out[place:place] = out[place:end]
        elif kind == 3:
            del out[place:]
        elif kind == 4:
            out[place:end] = draw.choice(TOKENS)
        elif kind == 5:
            out[place:place] = draw.choice(TOKENS)
        elif out:
            out[place % len(out)] = draw.randrange(256)
    return bytes(out)


def damaged_json(tree: Any, draw: random.Random) -> Any:
    """Return a copy of parsed JSON in which one value or key, anywhere, is another."""
    tree = json.loads(json.dumps(tree))
    places: list[tuple[Any, Any]] = []

    def collect(node: Any) -> None:
        keys = list(node) if isinstance(node, dict) else range(len(node)) if isinstance(node, list) else ()
        for key in keys:
            places.append((node, key))
            collect(node[key])

    collect(tree)
    if not places:
        return draw.choice(VALUES)
    node, key = draw.choice(places)
    kind = draw.randrange(6)
    if kind == 0:
        del node[key]
    elif kind == 1 and isinstance(node, dict):
        node[str(draw.choice(VALUES))] = node.pop(key)
    elif kind == 2 and isinstance(node, list):
        node.insert(key, draw.choice(VALUES))
    elif kind == 3:  # something of the file itself where something else of it is expected
        other, place = draw.choice(places)
        node[key] = json.loads(json.dumps(other[place]))
    else:
        node[key] = draw.choice(VALUES)
    return tree


def damaged_array(content: bytes, draw: random.Random) -> bytes:
    """Return an .npy file with another header or other bytes behind it."""
    size = int.from_bytes(content[8:10], "little")
    header, body = content[10 : 10 + size].decode("latin1"), content[10 + size :]
    kind = draw.randrange(5)
    shapes = (
        "()",
        "(0,)",
        "(-1,)",
        "(10000000000000,)",
        "(2, 10000000000)",
        "(1.5,)",
        "None",
        "(2,",
        "([3],)",
        "(True,)",
    )
    if kind == 0:
        header = header.replace("'shape': (", f"'shape': {draw.choice(shapes)} #(", 1)
    elif kind == 1:
        descr = (
            "|O",
            "<c16",
            "<f2",
            ">f8",
            "<M8[s]",
            "|V8",
            "|b1",
            "|S3",
            "<U2",
            "<u8",
            "<i1",
            "x",
            "[('a', '<f8')]",
        )
        header = header.replace("'descr': '", f"'descr': '{draw.choice(descr)}' #", 1)
    elif kind == 2:
        header = header.replace("False", draw.choice(("True", "None", "0", "x")))
    elif kind == 3:
        header = damaged_bytes(header.encode("latin1"), draw).decode("latin1")
    else:
        body = damaged_bytes(body, draw)
    raw = header.encode("latin1")[:60_000]
    return content[:8] + len(raw).to_bytes(2, "little") + raw + body


def damaged_archive(content: bytes, draw: random.Random) -> bytes:
    """Return an .npz file whose members are damaged, missing or others, behind right checksums."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    name = draw.choice(list(members))
    kind = draw.randrange(6)
    if kind == 0:
        del members[name]
    elif kind == 1:
        members[draw.choice((name + ".txt", "../x.npy", "x.npy", "header.json", "y"))] = members.pop(name)
    elif kind == 2 and "header.json.npy" in members:
        array = np.load(io.BytesIO(members["header.json.npy"]))
        tree = damaged_json(json.loads(bytes(array)), draw)
        out = io.BytesIO()
        np.save(out, np.frombuffer(json.dumps(tree).encode(), dtype=np.uint8))
        members["header.json.npy"] = out.getvalue()
    elif kind == 3:
        members[name] = damaged_bytes(members[name], draw)
    else:
        members[name] = damaged_array(members[name], draw)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for key, value in members.items():
            archive.writestr(key, value)
    return out.getvalue()


def damaged(content: bytes, suffix: str, draw: random.Random) -> bytes:
    """Return a damaged file: its structure or its bytes."""
    if draw.random() < 0.6:
        if suffix == ".json":
            text = json.dumps(damaged_json(json.loads(content), draw))
            return text.encode() if draw.random() < 0.9 else text.replace('": ', '": 0, "k": ', 1).encode()
        if suffix == ".npy":
            return damaged_array(content, draw)
        if suffix == ".npz":
            return damaged_archive(content, draw)
    return damaged_bytes(content, draw)


# ---------------------------------------------------------------------------------------------- formats


def product(x: torch.Tensor) -> torch.Tensor:
    return x.prod(1) + x[:, 0].sin()


def results(suffix: str) -> Callable[[Path], list[bytes]]:
    """Results of several types, written by the package."""

    def valid(folder: Path) -> list[bytes]:
        x = torch.tensor([[0.5, 1.5], [1.0, -2.0]], dtype=torch.float64)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            made = [
                ta.harsanyi(product, x),
                ta.decompose(product, x, order=2),
                ta.attribute("integrated_gradients", product, x),
                ta.harsanyi(product, x).index("k-SII", 2),
            ]
        return [r.save(folder / f"r{i}{suffix}").read_bytes() for i, r in enumerate(made)]

    return valid


def graphs(suffix: str) -> Callable[[Path], list[bytes]]:
    def valid(folder: Path) -> list[bytes]:
        effects = ta.harsanyi(product, torch.tensor([[0.5, 1.5]], dtype=torch.float64))
        graph = ta.interaction_graph(effects)
        graph.nodes["x0"]["place"] = (1, 2)
        graph.graph["note"] = None
        return [ta.graphs.write_graph(graph, folder / f"g{suffix}").read_bytes()]

    return valid


def use_graph(graph: Any) -> None:
    """Write it again: what was read can be kept."""
    node_link.dumps(graph)


def use_result(result: Any) -> None:
    """What everybody does next: look at it, keep it, take the players' scores."""
    repr(result)
    json.dumps(result.to_dict())
    for name in ("top_effects", "by_order", "player_scores", "relative_gap"):
        found = getattr(result, name, None)
        if callable(found):
            found()


def rules(folder: Path) -> list[bytes]:
    made = [
        ta.design.rule("fuzzed", "kappa[i]/m"),
        ta.design.measure("midpoint:2", "fuzzed"),
        ta.design.weighted_shapley([1, 2], "fuzzed"),
        ta.design.mix(["shapley", "integrated_gradients"], [Fraction(1, 2), Fraction(1, 2)], name="fuzzed"),
    ]
    return [json.dumps(ta.design.to_dict(rule)).encode() for rule in made]


class WrongCallError(TaylorAttrError):
    """The command line's answer to a wrong call: one line."""


def total(x: torch.Tensor, *more: torch.Tensor) -> torch.Tensor:
    """A model that takes whatever the file holds."""
    return sum((z.flatten(1).double().sum(1) for z in (x, *more)), torch.zeros(len(x), dtype=torch.float64))


def network() -> torch.nn.Module:
    return torch.nn.Linear(3, 1)


def command(*words: str) -> Callable[[Path], Any]:
    """Return what runs a command of the command line on a file.

    Raises:
        WrongCallError: The call was answered as wrong, in one line.
    """

    def run(path: Path) -> int:
        said, shown = io.StringIO(), io.StringIO()
        with contextlib.redirect_stderr(said), contextlib.redirect_stdout(shown):
            try:
                status = main([str(path) if word == "FILE" else word for word in words])
            except SystemExit as end:
                status = end.code if isinstance(end.code, int) else 2
        lines = [line for line in said.getvalue().splitlines() if "Warning" not in line]
        if status == 0:
            return status
        if status != 2 or len(lines) != 1:
            raise RuntimeError(f"exit status {status} with {len(lines)} lines")
        raise WrongCallError(lines[0])

    return run


def saved_table(folder: Path) -> Path:
    path = folder / "table.npy"
    np.save(path, np.arange(8.0, dtype=np.float32).reshape(2, 4))
    return path


def on_a_table(*words: str) -> Callable[[Path], Any]:
    """Return what runs the command line with a good table and a file for something else."""

    def run(path: Path) -> int:
        data = "--data", str(saved_table(path.parent))
        return command("attribute", "occlusion_1", "--model", f"{__name__}:total", *data, *words)(path)

    return run


def archive(*arrays: np.ndarray) -> bytes:
    out = io.BytesIO()
    np.savez(out, *arrays)
    return out.getvalue()


def array(values: np.ndarray) -> bytes:
    out = io.BytesIO()
    np.save(out, values)
    return out.getvalue()


def checkpoint(folder: Path) -> list[bytes]:
    ta.harsanyi(product, torch.ones(1, 2), checkpoint=folder / "kept")
    return [(folder / "kept" / "manifest.json").read_bytes()]


def resume(path: Path) -> Any:
    """Resume from a folder whose manifest is the file."""
    folder = path.parent / "resumed"
    folder.mkdir(exist_ok=True)
    (folder / "manifest.json").write_bytes(path.read_bytes())
    try:
        return ta.harsanyi(product, torch.ones(1, 2), checkpoint=folder)
    finally:
        for file in folder.iterdir():
            file.unlink()


def block(folder: Path) -> list[bytes]:
    ta.harsanyi(product, torch.ones(1, 2), checkpoint=folder / "kept")
    return [next((folder / "kept").glob("*.block")).read_bytes()]


def resume_block(path: Path) -> Any:
    folder = path.parent / "kept"
    file = next(folder.glob("*.block"))
    before = file.read_bytes()
    file.write_bytes(path.read_bytes())
    try:
        return ta.harsanyi(product, torch.ones(1, 2), checkpoint=folder)
    finally:
        file.write_bytes(before)


def weights(folder: Path) -> list[bytes]:
    out = io.BytesIO()
    torch.save(network().state_dict(), out)
    return [out.getvalue()]


def safe_weights(folder: Path) -> list[bytes]:
    return [pytest.importorskip("safetensors.torch").save(network().state_dict())]


def convolutional() -> torch.nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        nn = torch.nn
        return nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Flatten(), nn.Linear(18, 2)).eval()


def inverses(folder: Path) -> list[bytes]:
    """Inverses of all layers, and of those above one, with biases."""
    rows = torch.rand(20, 1, 5, 5, generator=torch.Generator().manual_seed(0))
    return [
        ta.MIPIN(convolutional(), top="logits", steps=2, **options).fit(rows).save(path).read_bytes()
        for path, options in ((folder / "a.npz", {}), (folder / "b.npz", {"layer": "1", "bias": True}))
    ]


DATA = command("attribute", "occlusion_1", "--model", f"{__name__}:total", "--data", "FILE")


def WEIGHTS(path: Path) -> Any:  # noqa: N802 - stands beside DATA
    table = path.parent / "rows.npy"
    np.save(table, np.ones((1, 3), np.float32))
    words = "--model", f"{__name__}:network", "--data", str(table), "--target", "0"
    return command("attribute", "gradient_x_input", *words, "--weights", "FILE")(path)


FORMATS: dict[str, Format] = {
    "result.json": Format(".json", results(".json"), ta.Result.load, use_result),
    "result.npz": Format(".npz", results(".npz"), ta.Result.load, use_result),
    "rule.json": Format(".json", rules, ta.design.load, repr),
    **{
        f"graph{s}": Format(s, graphs(s), ta.graphs.read_graph, use_graph)
        for s in (".json", ".graphml", ".gexf", ".dot")
    },
    "data.npy": Format(
        ".npy",
        lambda _: [array(np.arange(6.0).reshape(2, 3)), array(np.ones((2, 2), np.float32))],
        DATA,
        int,
        late=True,
    ),
    "data.npz": Format(".npz", lambda _: [archive(np.ones((2, 3)), np.ones((2, 1)))], DATA, int, late=True),
    "data.csv": Format(".csv", lambda _: [b"a,b\n1,2\n3,4\n", b"1,2.5\n3,-4e-3\n"], DATA, int, late=True),
    "names.json": Format(
        ".json", lambda _: [b'["a", "b", "c", "d"]'], on_a_table("--names", "FILE"), int, late=True
    ),
    "names.txt": Format(
        ".txt", lambda _: ["größe\nb\nc\nd\n".encode()], on_a_table("--names", "FILE"), int, late=True
    ),
    "players.json": Format(
        ".json",
        lambda _: [b'{"left": [0, 1], "right": [2, 3]}'],
        on_a_table("--players", "FILE"),
        int,
        late=True,
    ),
    "checkpoint": Format(".json", checkpoint, resume, repr),
    "checkpoint.block": Format(".block", block, resume_block, repr),
    "weights.pt": Format(".pt", weights, WEIGHTS, int, late=True),
    "weights.safetensors": Format(".safetensors", safe_weights, WEIGHTS, int, late=True),
    "mip_in.npz": Format(
        ".npz",
        inverses,
        lambda path: ta.MIPIN.load(path, convolutional()),
        lambda mip: mip.contrast(torch.ones(1, 1, 5, 5), 1),
    ),
}


class Outcome(NamedTuple):
    """What a reader made of damaged files.

    Attributes:
        read: Files that gave an object which can be used.
        refused: Files that were refused in the package's words, the file named.
        faults: What else happened, by exception and place -> how often.
    """

    read: int
    refused: int
    faults: collections.Counter[str]

    @property
    def short(self) -> int:
        """Files with any other answer."""
        return sum(self.faults.values())


def place_of(error: BaseException) -> str:
    """Return where an exception left the package: file and function."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [f for f in frames if "/taylorattr/" in f.filename] or list(frames)
    return f"{Path(own[-1].filename).name}:{own[-1].name}"


def tried(kind: Format, path: Path) -> str:
    """Return ``read``, ``refused``, or what is wrong with the reader's answer to one file."""
    try:
        found = kind.read(path)
    except TaylorAttrError as error:
        named = path.name in str(error) or str(path.parent) in str(error) or kind.late
        return "refused" if named else f"no file named: {str(error)[:70]}"
    except Exception as error:
        return f"reading: {type(error).__name__} in {place_of(error)}"
    try:
        kind.use(found)
    except Exception as error:
        if kind.late and isinstance(error, TaylorAttrError):
            return "refused"
        return f"using what was read: {type(error).__name__} in {place_of(error)}: {str(error)[:50]}"
    return "read"


def outcome(name: str, count: int, folder: Path, seed: int = 0) -> Outcome:
    """Return what the reader of a format makes of so many damaged files, written to a folder."""
    kind = FORMATS[name]
    valid = kind.valid(folder)
    path = folder / f"damaged{kind.suffix}"
    answers: collections.Counter[str] = collections.Counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for number in range(count):
            draw = random.Random(f"{name} {seed} {number}")
            path.write_bytes(damaged(draw.choice(valid), kind.suffix, draw))
            answers[tried(kind, path)] += 1
    read, refused = answers.pop("read", 0), answers.pop("refused", 0)
    return Outcome(read, refused, answers)


def require_no_faults(name: str, found: Outcome) -> None:
    listed = "\n".join(f"{count:6d}  {what}" for what, count in found.faults.most_common(20))
    total = found.read + found.refused + found.short
    assert not found.short, f"{name}: {found.short} of {total} damaged files fell short\n{listed}"


@pytest.mark.parametrize("name", FORMATS)
def test_valid_files_are_read_and_can_be_used(name: str, tmp_path: Path) -> None:
    kind = FORMATS[name]
    for number, content in enumerate(kind.valid(tmp_path)):
        path = tmp_path / f"valid{number}{kind.suffix}"
        path.write_bytes(content)
        assert tried(kind, path) == "read"


@pytest.mark.parametrize("name", FORMATS)
def test_a_damaged_file_is_refused_by_name_or_read_whole(name: str, tmp_path: Path) -> None:
    require_no_faults(name, outcome(name, COUNTS[name] // QUICK_PART, tmp_path))


@pytest.mark.slow
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("name", FORMATS)
def test_a_hundred_thousand_damaged_files(name: str, tmp_path: Path) -> None:
    found = outcome(name, COUNTS[name], tmp_path, seed=1)
    print(f"{name}: {COUNTS[name]:,} damaged files, {found.read:,} read, {found.refused:,} refused")
    require_no_faults(name, found)
