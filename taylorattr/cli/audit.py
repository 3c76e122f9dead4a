"""``taylorattr audit``: is this attribution right, on this network?"""

from __future__ import annotations

import argparse
from typing import Any

from tqdm import tqdm

from taylorattr.analysis.inputs import input_tuple
from taylorattr.analysis.players import resolve_players
from taylorattr.analysis.question import Question
from taylorattr.cli import dataset
from taylorattr.cli.arguments import add_shared_arguments, read_request, threads
from taylorattr.cli.method_arguments import audited_method, option, references
from taylorattr.cli.written_files import is_folder, require_result_suffix
from taylorattr.errors import OptionError
from taylorattr.methods import AttributionMethod

SUMMARY = "measure whether an attribution method is reliable on your own network"

MOST_PLAYERS_COMPARED = 32
"""Most players at which, unless told, the shares of Integrated Gradients are measured beside the method's."""

DESCRIPTION = """\
Ask an attribution method for the scores of masked inputs of your own network, and say whether it gives
somebody every effect (coverage), nobody an effect he has no part in (no leak), and each effect exactly once
(complete); what is used wrongly; and, for methods by back-propagation, at which operation the sum breaks.

METHOD is a method of `taylorattr attribute`, also a rule of your own (package.module:rule); library:Name
(captum:DeepLift, shap:DeepExplainer, shapiq:AgnosticExplainer, zennit:EpsilonPlus; a wrong name is answered
with those it has); or
package.module:function of your own: a function (model, inputs, baselines, target) that returns the
scores of inputs (m, ...), or one (model, baselines, target) that returns such a function of the inputs.

The status is 1 if a criterion fails or the method is used wrongly, 3 if something is undecided, else 0.

examples:
  taylorattr audit --method deeplift_rescale --model mynet:make --data x.npy --target 3 --players grid:4x3
  taylorattr audit --method captum:DeepLift --model mynet:make --data x.npy --target 3 --players grid:4x3
  taylorattr audit --method mynet:my_attribution --model mynet:make --data table.csv --drop label --json
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the subcommand's arguments."""
    parser.add_argument("--method", required=True, metavar="METHOD", help="what is audited; see above")
    add_shared_arguments(parser, frame=False)
    how = parser.add_argument_group("method and audit")
    how.add_argument(
        "--set", action="append", default=[], metavar="OPTION=VALUE", help="an option of the method"
    )
    how.add_argument(
        "--references",
        metavar="R",
        help="reference set of a method that reads one: rows of the data such as 0:20, or a FILE",
    )
    how.add_argument(
        "--max-order", type=int, metavar="K", help="ask for coalitions of at most K players, and --samples"
    )
    how.add_argument(
        "--samples",
        type=int,
        default=512,
        metavar="M",
        help="where not all coalitions are asked for: how many are drawn (default: 512)",
    )
    how.add_argument(
        "--supports",
        type=int,
        default=0,
        metavar="M",
        help="likewise: effects of each order up to 6 that are drawn (default: 0)",
    )
    how.add_argument(
        "--tol", type=float, metavar="T", help="what is still right (default: by kind of method)"
    )
    how.add_argument(
        "--repeats", type=int, default=8, metavar="R", help="of a method that draws samples (default: 8)"
    )
    how.add_argument(
        "--beside",
        metavar="METHOD",
        help="a method to compare the asymmetry of shares with, where no sum fails, or none (default: "
        f"integrated_gradients up to {MOST_PLAYERS_COMPARED} players)",
    )
    dataset.add_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """Audit, print, save; return the exit status."""
    # rules on paper, in the same package, need sympy, which is slow to import
    from taylorattr.criteria import audit
    from taylorattr.criteria.audit.attributor import PackageMethod

    dataset.require_sense(arguments)
    if not is_folder(arguments.out):
        require_result_suffix(arguments.out)
    method, options = audited_method(arguments.method, arguments.set)
    request = read_request(arguments)
    baselines = request.question.baselines
    if method.references:
        rows = references(arguments, method, request)
        baselines = baselines if rows is None else rows
    elif arguments.references:
        raise OptionError(f"--references: {arguments.method} reads no reference set; use --baseline")
    settings = dict(option(spec, method) for spec in options)
    is_ours = isinstance(method, AttributionMethod)
    attributor = PackageMethod(method, settings) if is_ours else method.having(settings)
    asked: dict[str, Any] = {
        "baselines": baselines,
        "max_order": arguments.max_order,
        "samples": arguments.samples,
        "supports": arguments.supports,
        "tol": arguments.tol,
        "repeats": arguments.repeats,
        "beside": _method_beside(arguments.beside, request.question, method.name),
        "seed": arguments.seed,
    }
    if is_folder(arguments.out):
        known: dict[str, Any] = {"method": method.name, **settings} if is_ours else {"method": attributor}
        sets = method.references
        many = dataset.explained(arguments, request, "audit", asked | known, over_references=sets)
        report = many.concat()
        print(report.to_json() if arguments.json else report.summary())
        return report.exit_status
    silent = True if arguments.json else None  # tqdm's None: where nobody is at the terminal
    with (
        threads(arguments.num_threads),
        tqdm(desc="rows", unit="row", leave=False, disable=silent) as bar,
    ):
        report = audit(
            attributor,
            **request.arguments(**asked),
            progress=bar.update,
        )
    if arguments.out:
        report.save(arguments.out)
    print(report.to_json() if arguments.json else report.summary())
    return report.exit_status


def _method_beside(name: str | None, question: Question, audited: str) -> str | None:
    """Return the method whose shares are measured too: what ``--beside`` names, or the usual one."""
    if name is not None:
        return None if name == "none" else name
    n = len(resolve_players(question.players, input_tuple(question.inputs)).groups)
    usual = "integrated_gradients"
    return usual if n <= MOST_PLAYERS_COMPARED and audited != usual else None
