"""``taylorattr attribute``: scores of the inputs by one of the attribution methods or a designed rule."""

from __future__ import annotations

import argparse
import json
from typing import Any

from taylorattr.cli import dataset
from taylorattr.cli.arguments import add_shared_arguments, read_request, threads
from taylorattr.cli.method_arguments import REFERENCE_ROWS, attribution_method, option, references
from taylorattr.cli.written_files import is_folder, require_result_suffix
from taylorattr.effects.result import Result
from taylorattr.errors import OptionError
from taylorattr.methods import EXTENSIONS, METHODS, SYSTEMS, attribute

SUMMARY = "share a prediction among its inputs by an attribution method"

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
  taylorattr attribute prune_grad --model mynet:make --data x.npy --set sparsity=0.9 --set refine=pgd
  taylorattr attribute grad_cam --model mynet:make --data sklearn:digits --target 7 --set layer=features.3
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the subcommand's arguments."""
    parser.add_argument(
        "method",
        metavar="METHOD",
        nargs="?",
        help=f"one of {', '.join((*METHODS, *SYSTEMS, *EXTENSIONS))}; another rule of `taylorattr check "
        "--all` that is about players, such as semivalue/banzhaf; or package.module:rule of your own",
    )
    parser.add_argument("--method", dest="named", metavar="METHOD", help="METHOD by name instead")
    add_shared_arguments(parser, frame=False)
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
    dataset.add_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """Compute, print, save; return the exit status."""
    if (arguments.method is None) == (arguments.named is None):
        raise OptionError("expected one METHOD: taylorattr attribute shapley …, or --method shapley")
    method, specs = attribution_method(arguments.method or arguments.named, arguments.set)
    options = dict(option(spec, method) for spec in specs)
    if arguments.top < 0:
        raise OptionError(f"--top {arguments.top}: expected 0 or more")
    dataset.require_sense(arguments)
    if not is_folder(arguments.out):
        require_result_suffix(arguments.out)
    request = read_request(arguments)
    against: dict[str, Any] = {}
    rows = references(arguments, method, request)
    if rows is not None and method.references:
        against = {"baselines": rows}
    elif rows is not None:
        if request.question.baselines is not None:
            raise OptionError("--baseline and --references are both given; references are the baselines")
        against = {"references": rows}  # the method has one baseline, and is averaged over these
    if is_folder(arguments.out):
        known = method.name in {*METHODS, *SYSTEMS, *EXTENSIONS}
        settings = {"method": method.name if known else method, "seed": arguments.seed, **against, **options}
        sets = method.references
        many = dataset.explained(arguments, request, "attribute", settings, over_references=sets)
        statistics = many.statistics()
        text = f"{many!r}\n{statistics.summary(arguments.top)}"
        print(json.dumps(statistics.to_dict(), ensure_ascii=False) if arguments.json else text)
        return 0
    with threads(arguments.num_threads):
        result = attribute(
            method,
            **request.arguments(**against),
            seed=arguments.seed,
            show_progress=not arguments.json,
            **options,
        )
    if arguments.out:
        result.save(arguments.out)
    if arguments.json:
        print(json.dumps(result.to_dict(), ensure_ascii=False))
        return 0
    print(result.summary(arguments.top))
    for report in result.diagnostics.values():  # of a system: what it did on the way
        if isinstance(report, Result):
            print(report)
    return 0
