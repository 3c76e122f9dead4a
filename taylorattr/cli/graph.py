"""``taylorattr graph``: the interaction graph of predictions of the user's own model, as file or picture."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from taylorattr.atomic import replacing
from taylorattr.cli import comparison, dataset, decompose
from taylorattr.cli.arguments import Request, add_shared_arguments, read_request, threads
from taylorattr.cli.written_files import is_folder, require_folder
from taylorattr.effects.coalition_table import HarsanyiEffects
from taylorattr.effects.taylor_effects import TaylorEffects
from taylorattr.errors import OptionError
from taylorattr.many_players.interaction_list import Interactions
from taylorattr.many_players.interactions import interactions
from taylorattr.maths.interaction_indices import INDICES, VALUES_ONLY

if TYPE_CHECKING:
    import networkx as nx

    from taylorattr.graphs import GraphComparison

SUMMARY = "write the interaction graph of predictions: players as nodes, what pairs do together as edges"

GRAPH_SUFFIXES = (".graphml", ".gexf", ".json", ".dot", ".png")

GRAPH_OF_MANY = "graph.json"
"""File of the graph in the folder of many rows."""

FOLDED = tuple(name for name in INDICES if name not in VALUES_ONLY)

DESCRIPTION = f"""\
Write the interaction graph of predictions of your own model: nodes are players with what they do alone,
edges what pairs of them do together. The suffix of --out says how: {", ".join(GRAPH_SUFFIXES)} (a picture).

One row gives its graph. Several --rows give one graph of their mean, with bootstrap intervals. --compare,
--compare-model, --compare-weights and --compare-target give the graph of the difference to another side:
other rows, another model, other weights, another output entry, or several of these at once. Where a side has
two rows or more there is a permutation test: rows change sides, or with the same rows on both sides, the two
results of each row do.

By default effects are Taylor's up to --order; --exact takes the Harsanyi effects of all coalitions, which
need no derivatives (2^n model calls, fewer with --max-order).

examples:
  taylorattr graph --model mynet:make --data x.npy --target 3 --out graph.graphml
  taylorattr graph --model mynet:make --data sklearn:digits --players grid:4x4 --target 7 --exact \\
      --index STII --top 40 --out digits.json --plot digits.png
  taylorattr graph --model mynet:make --data table.csv --drop label --rows 0:50 --compare 50:100 --out d.gexf
  taylorattr graph --model mynet:make --data x.npy --target 3 --rows 0:20 --compare-target 8 --out two.png
  taylorattr graph --model mynet:make --weights before.pt --compare-weights after.pt --data x.npy --rows 0:20
  taylorattr graph --model mynet:make --data wide.csv --budget 5000 --top 50 --out wide.json
  taylorattr graph --model mynet:small --compare-model mynet:large --data x.npy --rows 0:20 --out models.json
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the subcommand's arguments."""
    add_shared_arguments(parser, saves=f"write the graph: {', '.join(GRAPH_SUFFIXES)}")
    effects = parser.add_argument_group("effects")
    effects.add_argument("--order", type=int, default=3, metavar="K", help="largest |κ| (default: 3)")
    effects.add_argument(
        "--exact", action="store_true", help="exact effects J(S) of coalitions, no derivatives"
    )
    effects.add_argument(
        "--max-order", type=int, metavar="k", help="with --exact: only coalitions up to size k"
    )
    effects.add_argument(
        "--budget",
        type=int,
        metavar="N",
        help="for hundreds of players: pairs by the way that N model outputs allow (ta.interactions)",
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
    graph.add_argument("--plot", metavar="FILE.png", help="draw the graph as well")
    comparison.add_arguments(parser)
    dataset.add_arguments(parser)
    parser.set_defaults(checkpoint=None)  # which `decompose.compute` reads


def run(arguments: argparse.Namespace) -> int:
    """Compute, print, write; return the exit status."""
    _require_sense(arguments)
    request = read_request(arguments)
    other = comparison.other_side(arguments, request) if comparison.is_compared(arguments) else None
    if is_folder(arguments.out):
        return _many(arguments, request)
    with threads(arguments.num_threads):
        effects = _effects(arguments, request)
        compared = None if other is None else _compared(arguments, effects, other)
        graph = _graph(arguments, effects) if compared is None else compared.graph()
    from taylorattr.graphs import FORMATS, write_graph

    for path in filter(None, (arguments.out, arguments.plot)):
        if Path(path).suffix == ".png":
            _draw(graph if compared is None else compared, path)
        else:
            write_graph(graph, path)
    print(FORMATS[".json"].dumps(graph) if arguments.json else summary(graph))
    return 0


def _require_sense(arguments: argparse.Namespace) -> None:
    """Refuse arguments that do not go together, before anything is computed.

    Raises:
        OptionError: If there are any.
    """
    dataset.require_sense(arguments)
    if arguments.budget is not None:
        _require_sense_of_budget(arguments)
    if is_folder(arguments.out) and comparison.is_compared(arguments):
        raise OptionError("a comparison is written into one file; --out FOLDER is for the graph of many rows")
    if arguments.out and not is_folder(arguments.out) and Path(arguments.out).suffix not in GRAPH_SUFFIXES:
        raise OptionError(f"--out {arguments.out}: graphs are written as {', '.join(GRAPH_SUFFIXES)}")
    if arguments.plot and Path(arguments.plot).suffix != ".png":
        raise OptionError(f"--plot {arguments.plot}: pictures are written as .png")
    require_folder("--plot", arguments.plot)
    if not arguments.exact and arguments.max_order is not None:
        raise OptionError("--max-order goes with --exact; Taylor effects are limited by --order")
    if arguments.index in FOLDED and (not arguments.exact or arguments.max_order is not None):
        raise OptionError(
            f"--index {arguments.index} needs the effects of all coalitions: add --exact, without --max-order"
        )
    if arguments.index == "hessian" and arguments.exact:
        raise OptionError("--index hessian is a part of Taylor effects: leave --exact out")
    if comparison.is_compared(arguments) and (arguments.top, arguments.threshold, arguments.min_share) != (
        None,
        None,
        None,
    ):
        raise OptionError(
            "a comparison takes every edge of both sides; --top, --threshold and --min-share do not apply"
        )
    from taylorattr.graphs.selection import Selection  # networkx takes 0.1 s to load

    Selection(arguments.top, arguments.threshold, arguments.min_share)  # refuses before anything is computed


def _require_sense_of_budget(arguments: argparse.Namespace) -> None:
    """Refuse what does not go with a budget.

    Raises:
        OptionError: If there is anything.
    """
    if arguments.exact or arguments.max_order is not None or arguments.index != "pair":
        raise OptionError("--budget measures pairs by the way that it allows; leave --exact and --index out")
    if is_folder(arguments.out) or comparison.is_compared(arguments):
        raise OptionError("--budget is for the graph of one row: which pairs are measured differs by row")


def _effects(
    arguments: argparse.Namespace, request: Request
) -> TaylorEffects | HarsanyiEffects | Interactions:
    """Return the effects the arguments ask for.

    Raises:
        OptionError: If a budget is given with several rows, or with the input's frame.
    """
    if arguments.budget is None:
        return decompose.compute(arguments, request)
    if request.frame == "input":
        raise OptionError("--budget measures effects in the frame baseline; leave --frame out")
    found = interactions(**request.arguments(), budget=arguments.budget, seed=arguments.seed)
    if found.batch > 1:
        raise OptionError("--budget is for the graph of one row: which pairs are measured differs by row")
    if not arguments.json:
        print(f"{found.way[0]}: {found.confidence[0]['sentence']}")
    return found


def _many(arguments: argparse.Namespace, request: Request) -> int:
    """Compute all rows into a folder, and beside them the graph of their mean; return the exit status."""
    from taylorattr.graphs import FORMATS, write_graph

    effects = decompose.compute_many(arguments, request)
    graph = effects.interaction_graph(**_edges(arguments), seed=arguments.seed)
    write_graph(graph, Path(arguments.out) / GRAPH_OF_MANY)
    if arguments.plot:
        _draw(graph, arguments.plot)
    print(FORMATS[".json"].dumps(graph) if arguments.json else summary(graph))
    return 0


def _edges(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return which edges are asked for."""
    return {name: getattr(arguments, name) for name in ("index", "top", "threshold", "min_share")}


def _graph(
    arguments: argparse.Namespace, effects: TaylorEffects | HarsanyiEffects | Interactions
) -> nx.Graph:
    """Return the graph of one row, or of the mean of several."""
    from taylorattr.graphs import dataset_graph, interaction_graph

    edges = _edges(arguments)
    if effects.batch == 1:
        return interaction_graph(effects, **edges)
    return dataset_graph(effects, **edges, seed=arguments.seed)


def _compared(
    arguments: argparse.Namespace,
    effects: TaylorEffects | HarsanyiEffects | Interactions,
    other: comparison.OtherSide,
) -> GraphComparison:
    """Return the comparison of effects with those of the other side, which are computed here."""
    from taylorattr.graphs import compare_graphs

    second = decompose.compute(arguments, other.request)
    return compare_graphs(
        effects,
        second,
        index=arguments.index,
        paired=other.paired,
        seed=arguments.seed,
        labels=other.labels,
    )


def summary(graph: nx.Graph, k: int = 10) -> str:
    """Return a text with what the graph is, and its strongest edges."""
    facts = graph.graph
    lines = [f"Interaction graph: {len(graph)} players, {graph.number_of_edges()} edges ({facts['kind']})"]
    if "labels" in facts:
        first, second = facts["labels"]
        lines.append(f"  {second} ({facts['inputs_b']} inputs) minus {first} ({facts['inputs_a']} inputs)")
    sentences = {
        "inputs": "mean of {} inputs",
        "delta": "f(x) - f(b) = {:.6g}",
        "shown_share": "{:.1%} of the effects' size is in the graph",
        "distance": "distance of the two sides {:.6g}",
        "relative_distance": "that is {:.1%} of the size of both sides",
        "p_value": "p = {:.4g} for no difference between the sides"
        + (" (same rows: exchanged in pairs)" if facts.get("paired") else ""),
        "below_rounding": "{} edges are no larger than rounding and left out",
    }
    lines += [
        f"  {text.format(facts[key])}" for key, text in sentences.items() if facts.get(key) not in (None, 0)
    ]
    ranked = sorted(graph.edges(data=True), key=lambda edge: -edge[2]["weight"])[:k]
    for one, other, edge in ranked:
        interval = f"  [{edge['low']:+.4g}, {edge['high']:+.4g}]" if "low" in edge else ""
        lines.append(f"    {edge['strength']:+.6g}{interval}  {one} × {other}")
    return "\n".join(lines)


def _draw(graph: nx.Graph | GraphComparison, path: str) -> None:
    """Write a picture of a graph, or of two and their difference."""
    from taylorattr.graphs import GraphComparison
    from taylorattr.plot import graph_comparison, network  # matplotlib is loaded only for a picture

    figure, _ = graph_comparison(graph) if isinstance(graph, GraphComparison) else network(graph)
    with replacing(path) as file:
        figure.savefig(file, format="png", dpi=150)
