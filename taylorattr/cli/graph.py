"""``taylorattr graph``: the interaction graph of predictions of the user's own model, as file or picture."""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

from taylorattr.atomic import replacing
from taylorattr.cli import arguments as shared
from taylorattr.cli import decompose
from taylorattr.effects.effects import HarsanyiEffects, TaylorEffects
from taylorattr.errors import OptionError
from taylorattr.maths.interaction_indices import INDICES, VALUES_ONLY

if TYPE_CHECKING:
    import networkx as nx

SUMMARY = "write the interaction graph of predictions: players as nodes, what pairs do together as edges"

SUFFIXES = (".graphml", ".gexf", ".json", ".dot", ".png")

FOLDED = tuple(name for name in INDICES if name not in VALUES_ONLY)

DESCRIPTION = f"""\
Write the interaction graph of predictions of your own model: nodes are players with what they do alone,
edges what pairs of them do together. The suffix of --out says how: {", ".join(SUFFIXES)} (a picture).

One row gives its graph. Several --rows give one graph of their mean, with bootstrap intervals. --compare
gives the graph of the difference to other rows, with a permutation test where both sides have two or more.

By default effects are Taylor's up to --order; --exact takes the Harsanyi effects of all coalitions, which
need no derivatives (2^n model calls, fewer with --max-order).

examples:
  taylorattr graph --model mynet:make --data x.npy --target 3 --out graph.graphml
  taylorattr graph --model mynet:make --data sklearn:digits --players grid:4x4 --target 7 --exact \\
      --index STII --top 40 --out digits.json --plot digits.png
  taylorattr graph --model mynet:make --data table.csv --drop label --rows 0:50 --compare 50:100 --out d.gexf
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the subcommand's arguments."""
    shared.add(parser, saves=f"write the graph: {', '.join(SUFFIXES)}")
    effects = parser.add_argument_group("effects")
    effects.add_argument("--order", type=int, default=3, metavar="K", help="largest |κ| (default: 3)")
    effects.add_argument(
        "--exact", action="store_true", help="exact effects J(S) of coalitions, no derivatives"
    )
    effects.add_argument(
        "--max-order", type=int, metavar="k", help="with --exact: only coalitions up to size k"
    )
    graph = parser.add_argument_group("graph")
    graph.add_argument(
        "--index",
        default="pair",
        choices=["pair", "total", *FOLDED, "hessian"],
        help="what an edge is: the pair's effect (default), Σ|J(S)| of all that hold the pair (total), all "
        f"orders folded into pairs ({', '.join(FOLDED)}; with --exact), second derivatives (hessian)",
    )
    graph.add_argument("--top", type=int, metavar="N", help="the N strongest edges (default: all)")
    graph.add_argument("--threshold", type=float, metavar="T", help="edges with |strength| ≥ T")
    graph.add_argument(
        "--min-share", type=float, metavar="S", help="the fewest edges with this share of Σ|strength|"
    )
    graph.add_argument("--compare", metavar="A:B", help="rows of --data on the other side of a difference")
    graph.add_argument("--plot", metavar="FILE.png", help="draw the graph as well")
    parser.set_defaults(checkpoint=None)


def run(arguments: argparse.Namespace) -> int:
    """Compute, print, write; return the exit status."""
    _require_sense(arguments)
    asked = shared.question(arguments)
    other = _other_side(arguments.compare, asked) if arguments.compare else None
    with shared.threads(arguments.num_threads):
        effects = decompose.compute(arguments, asked)
        graph = _graph(arguments, effects) if other is None else _compared(arguments, effects, other)
    from taylorattr.graphs import FORMATS, write_graph

    for path in filter(None, (arguments.out, arguments.plot)):
        if Path(path).suffix == ".png":
            _draw(graph, path)
        else:
            write_graph(graph, path)
    print(FORMATS[".json"].dumps(graph) if arguments.json else summary(graph))
    return 0


def _require_sense(arguments: argparse.Namespace) -> None:
    if arguments.out and Path(arguments.out).suffix not in SUFFIXES:
        raise OptionError(f"--out {arguments.out}: graphs are written as {', '.join(SUFFIXES)}")
    if arguments.plot and Path(arguments.plot).suffix != ".png":
        raise OptionError(f"--plot {arguments.plot}: pictures are written as .png")
    shared.require_folder("--plot", arguments.plot)
    if not arguments.exact and arguments.max_order is not None:
        raise OptionError("--max-order goes with --exact; Taylor effects are limited by --order")
    if arguments.index in FOLDED and (not arguments.exact or arguments.max_order is not None):
        raise OptionError(
            f"--index {arguments.index} needs the effects of all coalitions: add --exact, without --max-order"
        )
    if arguments.index == "hessian" and arguments.exact:
        raise OptionError("--index hessian is a part of Taylor effects: leave --exact out")
    if arguments.compare and (arguments.top, arguments.threshold, arguments.min_share) != (None, None, None):
        raise OptionError(
            "--compare takes every edge of both sides; --top, --threshold and --min-share do not apply"
        )
    from taylorattr.graphs.selection import Selection  # networkx takes 0.1 s to load

    Selection(arguments.top, arguments.threshold, arguments.min_share)  # refuses before anything is computed


def _graph(arguments: argparse.Namespace, effects: TaylorEffects | HarsanyiEffects) -> nx.Graph:
    from taylorattr.graphs import dataset_graph, interaction_graph

    asked = {"index": arguments.index, "top": arguments.top, "threshold": arguments.threshold}
    if effects.batch == 1:
        return interaction_graph(effects, **asked, min_share=arguments.min_share)
    return dataset_graph(effects, **asked, min_share=arguments.min_share, seed=arguments.seed)


def _other_side(rows: str, asked: shared.Question) -> shared.Question:
    first = asked.inputs[0] if isinstance(asked.inputs, tuple) else asked.inputs
    moved = tuple(t.to(first.device) for t in asked.data.rows(rows, option="--compare").tensors)
    return dataclasses.replace(asked, inputs=moved if isinstance(asked.inputs, tuple) else moved[0])


def _compared(
    arguments: argparse.Namespace, effects: TaylorEffects | HarsanyiEffects, other: shared.Question
) -> nx.Graph:
    from taylorattr.graphs import compare_graphs

    second = decompose.compute(arguments, other)
    return compare_graphs(effects, second, index=arguments.index, seed=arguments.seed).graph()


def summary(graph: nx.Graph, k: int = 10) -> str:
    """Return a text with what the graph is, and its strongest edges."""
    facts = graph.graph
    lines = [f"Interaction graph: {len(graph)} players, {graph.number_of_edges()} edges ({facts['kind']})"]
    said = {
        "inputs": "mean of {} inputs",
        "delta": "f(x) - f(b) = {:.6g}",
        "shown_share": "{:.1%} of the effects' size is in the graph",
        "distance": "distance of the two sides {:.6g}",
        "p_value": "p = {:.4g} for no difference between the sides",
        "below_rounding": "{} edges are no larger than rounding and left out",
    }
    lines += [f"  {text.format(facts[key])}" for key, text in said.items() if facts.get(key) not in (None, 0)]
    ranked = sorted(graph.edges(data=True), key=lambda edge: -edge[2]["weight"])[:k]
    for one, other, edge in ranked:
        doubt = f"  [{edge['low']:+.4g}, {edge['high']:+.4g}]" if "low" in edge else ""
        lines.append(f"    {edge['strength']:+.6g}{doubt}  {one} × {other}")
    return "\n".join(lines)


def _draw(graph: nx.Graph, path: str) -> None:
    from taylorattr.plot import network  # matplotlib is loaded only when a picture is asked for

    figure, _ = network(graph)
    with replacing(path) as file:
        figure.savefig(file, format="png", dpi=150)
