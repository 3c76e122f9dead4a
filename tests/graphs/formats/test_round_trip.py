"""Every format reads back exactly what it wrote, whatever names hold; damage is told, and leaves no file."""

import io
import json
from pathlib import Path

import networkx as nx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from taylorattr.errors import FormatError, OptionError
from taylorattr.graphs import FORMATS, interaction_graph, interaction_hypergraph, read_graph, write_graph
from taylorattr.graphs.formats import dot, graphml
from taylorattr.graphs.formats.flat import escaped, unescaped
from taylorattr.plot.style import PALETTES

from ..tables import harsanyi_of

HARD = [
    "", " ", "radius", 'say "a"', "a\\nb", "line\nline\r\n", "<script>&amp;]]>", "🦊 π", "tab\t",
    "\x00\x1b\x85",
    "\u2028", "\ud800", "\ufffe", "\\j[1]", "\\e", "--", "n0", "]; }", "null", " lead and trail ", "a;b,c",
    "é" * 300,
]  # fmt: skip
ANY_TEXT = st.text(st.characters(codec=None), max_size=8) | st.sampled_from(HARD)
FINITE = st.floats(allow_nan=False, allow_infinity=False, width=64)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | FINITE | ANY_TEXT,
    lambda inner: st.lists(inner, max_size=2).map(tuple),
    max_leaves=4,
)


def same(one, other):
    """Equal and of equal type: 1, 1.0 and True are three things."""
    return type(one) is type(other) and (
        len(one) == len(other) and all(map(same, one, other)) if isinstance(one, tuple) else one == other
    )


def assert_same(one, other):
    assert list(one) == list(other)
    for a, b in [(one.graph, other.graph), *((one.nodes[n], other.nodes[n]) for n in one)]:
        assert a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    assert {frozenset(e) for e in one.edges} == {frozenset(e) for e in other.edges}
    for edge in one.edges:
        a, b = one.edges[edge], other.edges[edge]
        assert a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)


@given(ANY_TEXT)
def test_an_escaped_text_is_plain_and_comes_back(text):
    plain = escaped(text)
    assert unescaped(plain) == text
    assert plain and len(plain.splitlines()) == 1 and plain.encode()
    if text.isalnum() and text.isascii():
        assert plain == text


@pytest.mark.parametrize("suffix", FORMATS)
@given(st.lists(ANY_TEXT, min_size=1, max_size=5, unique=True), st.integers(0, 2**32 - 1))
def test_graphs_of_players_with_any_name(suffix, names, seed):
    values = np.random.default_rng(seed).normal(size=1 << len(names)) * 10.0 ** np.random.default_rng(
        seed
    ).integers(-9, 9)
    effects = harsanyi_of(values, names)
    kind = FORMATS[suffix]
    for graph in (interaction_graph(effects), interaction_hypergraph(effects, top=6)):
        assert_same(graph, kind.loads(kind.dumps(graph)))


@pytest.mark.parametrize("suffix", FORMATS)
@given(
    st.dictionaries(
        ANY_TEXT.filter(
            lambda k: k not in ("key", "id", "source", "target", "node_default", "edge_default", "name")
        ),
        VALUES,
        max_size=4,
    )
)
def test_attributes_keep_value_and_type(suffix, attributes):
    graph = nx.Graph()
    graph.graph.update(attributes)
    graph.add_node("a", name="a")
    graph.add_node(("b", 3))
    graph.add_edge("a", ("b", 3))
    graph.nodes["a"].update(attributes)
    graph.edges["a", ("b", 3)].update(attributes)
    kind = FORMATS[suffix]
    assert_same(graph, kind.loads(kind.dumps(graph)))


@pytest.fixture
def graph():
    return interaction_graph(harsanyi_of(np.arange(8.0), ["a", 'quote"', "new\nline"]))


@pytest.mark.parametrize("suffix", FORMATS)
def test_files(suffix, graph, tmp_path):
    path = write_graph(graph, tmp_path / f"graph{suffix}")
    assert_same(graph, read_graph(path))
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(FormatError, match="graph"):
        read_graph(path)


def test_other_programs_read_them(graph):
    read = nx.parse_graphml(FORMATS[".graphml"].dumps(graph))
    assert [n for _, n in read.nodes(data="name")] == ["a", 'quote"', "new\\u000aline"]
    read = nx.read_gexf(io.BytesIO(FORMATS[".gexf"].dumps(graph).encode()))
    assert read.edges["n0", "n1"]["weight"] == 3.0
    data = json.loads(FORMATS[".json"].dumps(graph))
    assert [node["id"] for node in data["nodes"]] == ["a", 'quote"', "new\nline"]
    read = nx.node_link_graph(data, edges="edges")
    assert read.edges["a", 'quote"'] == graph.edges["a", 'quote"']


def test_nothing_is_left_where_nothing_could_be_written(graph, tmp_path):
    graph.graph["broken"] = float("nan")
    with pytest.raises(FormatError, match="an attribute is nan"):
        write_graph(graph, tmp_path / "graph.json")
    graph.graph["broken"] = object()
    for suffix in FORMATS:
        with pytest.raises(FormatError, match="an attribute is a object"):
            write_graph(graph, tmp_path / f"graph{suffix}")
    assert not list(tmp_path.iterdir())
    del graph.graph["broken"]
    with pytest.raises(FileNotFoundError):
        write_graph(graph, tmp_path / "nowhere" / "graph.json")
    with pytest.raises(OptionError, match=r"kept as .graphml, .gexf, .json, .dot"):
        write_graph(graph, tmp_path / "graph.txt")
    with pytest.raises(FormatError, match="undirected"):
        write_graph(nx.DiGraph(graph), tmp_path / "graph.dot")


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize(
    "text", ["", "{}", "<a/>", "graph {\n}\n", "[1]", 'graph x {\n  n0 [taylorattr="["];\n}']
)
def test_foreign_text_is_refused(suffix, text):
    with pytest.raises(FormatError):
        FORMATS[suffix].loads(text)


def test_a_tree_of_files_has_one_format_each():
    folder = Path(__file__).parents[3] / "taylorattr/graphs/formats"
    assert {"graphml.py", "gexf.py", "node_link.py", "dot.py", "adjacency.py"} <= {
        p.name for p in folder.iterdir()
    }


@pytest.mark.parametrize("word", ["node_default", "edge_default"])
def test_a_word_of_graphml_is_refused_by_name(word):
    with pytest.raises(FormatError, match=f"called '{word}', a word of the format"):
        graphml.dumps(nx.Graph(**{word: {"a": 1}}))


def test_signs_have_the_colours_of_the_pictures():
    palette = PALETTES["red-blue"]
    assert (dot.POSITIVE, dot.NEGATIVE) == (palette.positive, palette.negative)
