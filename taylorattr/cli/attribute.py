"""``taylorattr attribute``: scores of the inputs by one of the attribution methods or a designed rule."""

from __future__ import annotations

import argparse
import ast
import json
from pathlib import Path
from typing import Any

from taylorattr.cli import arguments as shared
from taylorattr.cli import data as data_files
from taylorattr.cli.named import named_method
from taylorattr.errors import OptionError
from taylorattr.methods import METHODS, AttributionMethod, attribute
from taylorattr.methods.option_types import fits

SUMMARY = "share a prediction among its inputs by an attribution method"

REFERENCE_ROWS = "0:100"
"""Rows of the data that serve as reference set where a method needs one and none is named."""

DESCRIPTION = """\
Share f(x) − f(baseline) of your own model among its inputs by one attribution method, or by a rule of your
own: what ta.design.rule(...) returned in a module of yours.

The scores are printed with their gap: what they leave over of f(x) − f(baseline).

examples:
  taylorattr attribute integrated_gradients --model mynet:make --data x.npy --target 3
  taylorattr attribute shapley --model mynet:make --data sklearn:digits --players grid:4x4 --target 7
  taylorattr attribute integrated_gradients --model mynet:make --data x.npy --set n_steps=64 --set rule=left
  taylorattr attribute expected_gradients --model mynet:make --data table.csv --drop label --references 0:200
  taylorattr attribute measure/beta --set a=2 --set b=1 --model mynet:make --data x.npy --target 3
  taylorattr attribute mynet:my_rule --set tol=1e-3 --model mynet:make --data x.npy --target 3
  taylorattr attribute grad_cam --model mynet:make --data sklearn:digits --target 7 --set layer=features.3
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the subcommand's arguments."""
    parser.add_argument(
        "method",
        metavar="METHOD",
        help=f"one of {', '.join(METHODS)}; another rule of `taylorattr check --all` that is about players, "
        "such as semivalue/banzhaf; or package.module:rule of your own",
    )
    shared.add(parser, frame=False)
    scores = parser.add_argument_group("method")
    scores.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="OPTION=VALUE",
        help="an option of the method, such as n_steps=64; of a rule way=, n_steps=, tol=, samples=, order=, "
        "max_evaluations=, and what it reads; an unknown one is answered with those it has",
    )
    scores.add_argument(
        "--references",
        metavar="R",
        help="reference set: rows of the data such as 0:200, or a FILE, taken as it is; a method with one "
        f"baseline is averaged over it, a method that reads a set takes {REFERENCE_ROWS} unless told",
    )
    scores.add_argument(
        "--top", type=int, default=10, metavar="N", help="scores printed per example (default: 10)"
    )


def run(arguments: argparse.Namespace) -> int:
    """Compute, print, save; return the exit status."""
    method, settings = named_method(arguments.method, arguments.set)
    options = dict(option(spec, method) for spec in settings)
    if arguments.top < 0:
        raise OptionError(f"--top {arguments.top}: expected 0 or more")
    if arguments.out and Path(arguments.out).suffix not in (".json", ".npz", ".html"):
        raise OptionError(f"--out {arguments.out}: results are saved as .json, .npz or .html")
    asked = shared.question(arguments)
    given: dict[str, Any] = {"baselines": asked.baselines}
    rows = references(arguments, method, asked)
    if rows is not None and method.references:
        given = {"baselines": rows}
    elif rows is not None:
        if asked.baselines is not None:
            raise OptionError("--baseline and --references are both given; references are the baselines")
        given = {"references": rows}
    plain = arguments.players == "elements" and asked.data.names is None and not arguments.names
    with shared.threads(arguments.num_threads):
        result = attribute(
            method,
            asked.model,
            asked.inputs,
            players=None if plain else asked.players,
            seed=arguments.seed,
            show_progress=not arguments.json,
            **given,
            **asked.keywords,
            **options,
        )
    if arguments.out:
        result.save(arguments.out)
    print(
        json.dumps(result.to_dict(), ensure_ascii=False) if arguments.json else result.summary(arguments.top)
    )
    return 0


def option(spec: str, method: AttributionMethod) -> tuple[str, Any]:
    """Read ``name=value``; the value is a Python literal (8, 0.1, True, None, [1, 2]) or else a word.

    Where the option takes words and no such literal, as ``layer=2.10``, the value is the word.

    Returns:
        Name and value.

    Raises:
        OptionError: If there is no equals sign.
    """
    name, equals, value = spec.partition("=")
    if not equals or not name:
        raise OptionError(f"--set {spec!r} is not of the form n_steps=64")
    try:
        literal = ast.literal_eval(value)
    except (ValueError, SyntaxError):
        return name, value
    kind = method.option_types.get(name, Any)
    return name, value if fits(value, kind) and not fits(literal, kind) else literal


def references(arguments: argparse.Namespace, method: AttributionMethod, asked: shared.Question) -> Any:
    """Return the reference set, None where there is none.

    Raises:
        OptionError: If a method that reads a set is given a single baseline besides.
    """
    spec = arguments.references
    if method.references and spec is None and asked.baselines is not None:
        return None  # the baseline is a set of one
    if method.references and asked.baselines is not None:
        raise OptionError(f"{method.name} takes --references or --baseline, not both")
    if spec is None and not method.references:
        return None
    spec = spec or REFERENCE_ROWS
    if Path(spec).suffix in (".npy", ".npz", ".csv"):
        table = data_files.load(spec, option="--references")
    else:
        table = asked.data.rows(spec, option="--references")
    first = asked.inputs[0] if isinstance(asked.inputs, tuple) else asked.inputs
    tensors = tuple(t.to(first.device) for t in table.tensors)
    return tensors if len(tensors) > 1 else next(iter(tensors))
