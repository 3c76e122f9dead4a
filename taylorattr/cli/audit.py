"""``taylorattr audit``: is this attribution right, on this network?"""

from __future__ import annotations

import argparse
import inspect
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tqdm import tqdm

from taylorattr.cli import arguments as shared
from taylorattr.cli.attribute import option, references
from taylorattr.cli.named import designed, imported, is_rule, named_method
from taylorattr.errors import OptionError
from taylorattr.methods import AttributionMethod
from taylorattr.methods.method import find

SUMMARY = "measure whether an attribution method is reliable on your own network"

COMPARED = 32
"""Most players at which the shares of Integrated Gradients are measured beside unasked."""

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
    shared.add(parser, frame=False)
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
        f"integrated_gradients up to {COMPARED} players)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Audit, print, save; return the exit status."""
    # rules on paper, in the same package, need sympy, which is slow to import
    from taylorattr.criteria import audit
    from taylorattr.criteria.audit.attributor import PackageMethod

    if arguments.out and Path(arguments.out).suffix not in (".json", ".npz", ".html"):
        raise OptionError(f"--out {arguments.out}: results are saved as .json, .npz or .html")
    method, given = asked_method(arguments.method, arguments.set)
    asked = shared.question(arguments)
    baselines = asked.baselines
    if method.references:
        rows = references(arguments, method, asked)
        baselines = baselines if rows is None else rows
    elif arguments.references:
        raise OptionError(f"--references: {arguments.method} reads no reference set; use --baseline")
    settings = dict(option(spec, method) for spec in given)
    ours = isinstance(method, AttributionMethod)
    asked_of = PackageMethod(method, settings) if ours else method.having(settings)
    plain = arguments.players == "elements" and asked.data.names is None and not arguments.names
    silent = True if arguments.json else None  # None: where nobody is at the terminal
    with (
        shared.threads(arguments.num_threads),
        tqdm(desc="rows", unit="row", leave=False, disable=silent) as bar,
    ):
        report = audit(
            asked_of,
            asked.model,
            asked.inputs,
            baselines,
            players=None if plain else asked.players,
            max_order=arguments.max_order,
            samples=arguments.samples,
            supports=arguments.supports,
            tol=arguments.tol,
            repeats=arguments.repeats,
            beside=_beside(arguments.beside, asked, method.name),
            seed=arguments.seed,
            progress=bar.update,
            **asked.keywords,
        )
    if arguments.out:
        report.save(arguments.out)
    print(report.to_json() if arguments.json else report.summary())
    return report.exit_status


def _beside(wanted: str | None, asked: shared.Question, method: str) -> str | None:
    if wanted is not None:
        return None if wanted == "none" else wanted
    if asked.players is not None:
        n = len(asked.players.groups)
    else:
        parts = asked.inputs if isinstance(asked.inputs, tuple) else (asked.inputs,)
        n = sum(part[0].numel() for part in parts)
    usual = "integrated_gradients"
    return usual if n <= COMPARED and method != usual else None


def asked_method(spec: str, settings: Sequence[str] = ()) -> tuple[Any, list[str]]:
    """Return what ``--method`` names, and the settings that are left for its options.

    Args:
        spec: A name that `taylorattr attribute` takes, ``library:Name`` or ``package.module:name``.
        settings: ``name=value`` each.

    Returns:
        A method of this package or a rule of the user's as one, or a recipe of `binds`.

    Raises:
        OptionError: If it is none of these.
    """
    module, colon, name = spec.partition(":")
    if not colon:
        return named_method(spec, settings)
    # rules on paper, in the same package, need sympy, which is slow to import
    from taylorattr.compat.adapters import ADAPTERS, binds

    if module in ADAPTERS:
        return ADAPTERS[module](name), list(settings)
    try:
        found = imported(spec, "--method")
    except OptionError as error:
        unknown = error.__cause__
        if isinstance(unknown, ModuleNotFoundError) and unknown.name == module:
            ready = ", ".join(ADAPTERS)
            raise OptionError(f"{error}; libraries with ready methods: {ready}") from unknown
        raise
    if is_rule(found):
        return find(designed(found, f"--method {spec}")), list(settings)
    try:
        signature = inspect.signature(found)
    except (TypeError, ValueError) as error:
        raise OptionError(f"--method {spec}: {error}") from error
    parameters = signature.parameters
    if not parameters:
        return find(designed(found, f"--method {spec}")), list(settings)
    try:
        signature.bind_partial(*range(4 if "inputs" in parameters else 3))
    except TypeError as error:
        raise OptionError(
            f"--method {spec} takes {signature}; expected (model, inputs, baselines, target), which returns "
            "scores, or (model, baselines, target), which returns a function of inputs that does"
        ) from error
    if "inputs" not in parameters:
        return binds(found, name=spec), list(settings)

    def make(model: Any, baselines: Any, target: Any, **options: Any) -> Any:
        return lambda rows: found(model, rows, baselines, target, **options)

    return binds(make, name=spec), list(settings)
