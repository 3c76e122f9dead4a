"""``taylorattr decompose``: Taylor effects of the user's own model and data."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from taylorattr.atomic import replacing
from taylorattr.cli import dataset
from taylorattr.cli.arguments import Request, add_shared_arguments, read_request, threads
from taylorattr.cli.written_files import is_folder, require_folder, require_result_suffix
from taylorattr.effects.coalition_table import HarsanyiEffects
from taylorattr.effects.harsanyi import harsanyi
from taylorattr.effects.taylor import decompose
from taylorattr.effects.taylor_effects import TaylorEffects
from taylorattr.errors import OptionError

if TYPE_CHECKING:
    from taylorattr.datasets import DatasetResult

SUMMARY = "take predictions of your model apart into Taylor or exact interaction effects"

DESCRIPTION = """\
Take predictions of your own model apart.

By default the Taylor effects I(κ) up to --order are computed: first-order effects, high-order independent
effects of one player, interaction effects between several, what is left over, and whether the series reaches
the input at all. With --exact the Harsanyi interaction effects J(S) are computed instead; they need no
derivatives and are exact for every model, ReLU networks included, at 2^n model calls for n players
(fewer with --max-order).

examples:
  taylorattr decompose --model mynet:make --data x.npy --target 3 --order 3
  taylorattr decompose --model mynet:make --weights w.pt --data sklearn:digits --players grid:4x4 \\
      --target 7 --exact --rows 0:2 --out effects.npz --plot effects.png
  taylorattr decompose --model net.pt2 --data table.csv --drop label --standardize --baseline mean --json
  taylorattr decompose --model mynet:make --data x.npy --rows : --target 3 --out effects --workers 2
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the subcommand's arguments."""
    add_shared_arguments(parser)
    effects = parser.add_argument_group("effects")
    effects.add_argument("--order", type=int, default=3, metavar="K", help="largest |κ| (default: 3)")
    effects.add_argument(
        "--exact", action="store_true", help="exact effects J(S) of coalitions, no derivatives"
    )
    effects.add_argument(
        "--max-order", type=int, metavar="k", help="with --exact: only coalitions up to size k"
    )
    effects.add_argument(
        "--checkpoint", metavar="PATH", help="with --exact: keep evaluated blocks, resume from them"
    )
    effects.add_argument(
        "--top", type=int, default=10, metavar="N", help="effects printed per example (default: 10)"
    )
    effects.add_argument("--plot", metavar="FILE.png", help="draw the first example's effects")
    dataset.add_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """Compute, print, save; return the exit status."""
    if not arguments.exact and (arguments.max_order is not None or arguments.checkpoint):
        raise OptionError(
            "--max-order and --checkpoint go with --exact; Taylor effects are limited by --order"
        )
    many = is_folder(arguments.out)
    dataset.require_sense(arguments)
    if many and arguments.checkpoint:
        raise OptionError("--out FOLDER keeps what is finished by itself: leave --checkpoint out")
    if not many:
        require_result_suffix(arguments.out)
    require_folder("--plot", arguments.plot)
    request = read_request(arguments)
    if many:
        return _many(arguments, request)
    with threads(arguments.num_threads):
        effects = compute(arguments, request)
    if arguments.out:
        effects.save(arguments.out)
    if arguments.plot:
        _draw(effects, arguments.plot, arguments.top)
    print(
        json.dumps(effects.to_dict(), ensure_ascii=False)
        if arguments.json
        else effects.summary(arguments.top)
    )
    return 0


def _many(arguments: argparse.Namespace, request: Request) -> int:
    """Compute all rows into a folder and print what they are on average; return the exit status."""
    result = compute_many(arguments, request)
    if arguments.plot:
        _draw(result[0], arguments.plot, arguments.top)
    statistics = result.statistics()
    text = f"{result!r}\n{statistics.summary(arguments.top)}"
    print(json.dumps(statistics.to_dict(), ensure_ascii=False) if arguments.json else text)
    return 0


def compute_many(arguments: argparse.Namespace, request: Request) -> DatasetResult:
    """Return the effects of all rows, which are in the folder of ``--out`` then."""
    frame: dict[str, Any] = {} if request.frame is None else {"frame": request.frame}
    if arguments.exact:
        return dataset.explained(arguments, request, "harsanyi", frame | {"max_order": arguments.max_order})
    settings = frame | {"order": arguments.order, "seed": arguments.seed}
    return dataset.explained(arguments, request, "decompose", settings)


def compute(arguments: argparse.Namespace, request: Request) -> TaylorEffects | HarsanyiEffects:
    """Return the effects the arguments ask for."""
    everything = request.framed_arguments(show_progress=not arguments.json)
    if arguments.exact:
        return harsanyi(**everything, max_order=arguments.max_order, checkpoint=arguments.checkpoint)
    return decompose(**everything, order=arguments.order, seed=arguments.seed)


def _draw(effects: TaylorEffects | HarsanyiEffects, path: str, bars: int) -> None:
    """Write a picture of the first example's effects, in the format of the suffix."""
    from taylorattr.plot import top_effects  # matplotlib is loaded only when a picture is asked for

    figure, _ = top_effects(effects, bars)
    with replacing(path) as file:
        figure.savefig(file, format=Path(path).suffix[1:] or "png", dpi=150)
