"""``taylorattr report``: results, saved or computed now, as one HTML page."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from taylorattr.cli.arguments import Request, add_shared_arguments, read_request, threads
from taylorattr.cli.method_arguments import REFERENCE_ROWS, attribution_method, audited_method, references
from taylorattr.cli.written_files import require_folder
from taylorattr.effects.harsanyi import harsanyi
from taylorattr.effects.result import Result
from taylorattr.effects.taylor import decompose
from taylorattr.effects.taylor_effects import TaylorEffects
from taylorattr.errors import OptionError
from taylorattr.methods import AttributionMethod, attribute

if TYPE_CHECKING:
    from taylorattr.attribution import Attribution
    from taylorattr.reformulation import Reformulation

SUMMARY = "write one self-contained HTML page about predictions, or about saved results"

DEFAULT_METHODS = ("gradient_x_input", "integrated_gradients", "occlusion_1", "shapley")
"""Methods on the page unless others are named."""

MOST_PLAYERS_EXACT = 10
"""Up to so many players (1,024 model outputs), exact effects of all coalitions stand beside Taylor's."""

DESCRIPTION = f"""\
Write one HTML page that opens offline and asks for nothing from outside: f(x) − f(baseline) by order, an
interactive graph, the effects, methods side by side with what they count, audits, and where the numbers
cannot be trusted.

Give FILEs that --out of other subcommands or .save(...) wrote (.json, .npz), or a model and data as for
`taylorattr decompose`: then Taylor effects up to --order are computed, exact effects too where there are at
most {MOST_PLAYERS_EXACT} players, and the scores of {", ".join(DEFAULT_METHODS)}.
Both together make one page.

examples:
  taylorattr report effects.npz shapley.json audit.json --out page.html
  taylorattr report --model mynet:make --data x.npy --target 3 --out page.html
  taylorattr report --model mynet:make --data sklearn:digits --players grid:4x4 --target 7 --effects exact \\
      --methods shapley,occlusion_1 --audit deeplift_rescale --out digit.html
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the subcommand's arguments."""
    parser.add_argument("files", nargs="*", metavar="FILE", help="saved results, .json or .npz")
    add_shared_arguments(parser, saves="the page (default: report.html)", needed=False)
    computed_group = parser.add_argument_group("what is computed of a model")
    computed_group.add_argument("--order", type=int, default=3, metavar="K", help="largest |κ| (default: 3)")
    computed_group.add_argument(
        "--effects",
        choices=("auto", "taylor", "exact", "both"),
        default="auto",
        help="Taylor effects, exact effects of coalitions, or both (auto: both up to "
        f"{MOST_PLAYERS_EXACT} players, else Taylor's)",
    )
    computed_group.add_argument(
        "--max-order", type=int, metavar="k", help="exact effects of coalitions up to size k"
    )
    computed_group.add_argument(
        "--methods",
        default=",".join(DEFAULT_METHODS),
        metavar="LIST",
        help=f"attribution methods, comma-separated, or none (default: {','.join(DEFAULT_METHODS)})",
    )
    computed_group.add_argument(
        "--sums", action="store_true", help="each method beside the weighted sum of effects that it is, too"
    )
    computed_group.add_argument(
        "--references",
        metavar="R",
        help="reference set of methods that read one: rows of the data (default: "
        f"{REFERENCE_ROWS}), or a FILE",
    )
    computed_group.add_argument(
        "--audit", action="append", default=[], metavar="METHOD", help="audit a method, as `taylorattr audit`"
    )
    page = parser.add_argument_group("page")
    page.add_argument("--title", help="heading of the page")
    page.add_argument(
        "--examples", metavar="LIST", help="examples shown, such as 0,3 (default: the first four)"
    )
    page.add_argument(
        "--max-effects", type=int, metavar="N", help="effects of one example shown (default: 1000)"
    )
    parser.set_defaults(out="report.html")


def run(arguments: argparse.Namespace) -> int:
    """Load or compute, write, say where the page lies; return the exit status."""
    from taylorattr.html.report import SUFFIXES, report  # templates and rules are slow to import

    if Path(arguments.out).suffix.lower() not in SUFFIXES:
        raise OptionError(f"--out {arguments.out}: a report is written as .html")
    require_folder("--out", arguments.out)
    if bool(arguments.model) != bool(arguments.data):
        raise OptionError("--model and --data go together; without both, name FILEs of saved results")
    if not arguments.files and not arguments.model:
        raise OptionError(
            "there is nothing to report: name FILEs of saved results, or give --model and --data"
        )
    examples = _examples(arguments.examples)
    results: list[Result] = [Result.load(path) for path in arguments.files]
    about: dict[str, Any] = {}
    if arguments.model:
        request = read_request(arguments)
        with threads(arguments.num_threads):
            results += computed(arguments, request)
        question = request.question
        about = {
            "model": question.model,
            "inputs": question.inputs,
            "baselines": 0.0 if question.baselines is None else question.baselines,
            "target": question.target,
            "seed": arguments.seed,
        }
    path = report(
        arguments.out,
        *results,
        title=arguments.title,
        examples=examples,
        max_effects=arguments.max_effects,
        **about,
    )
    if arguments.json:
        content = {"report": str(path), "results": [result.to_dict() for result in results]}
        print(json.dumps(content, ensure_ascii=False))
    else:
        kinds = ", ".join(type(result).__name__ for result in results)
        print(f"{path}: {path.stat().st_size / 1e6:.1f} MB, one page about {kinds}")
    return 0


def computed(arguments: argparse.Namespace, request: Request) -> list[Result]:
    """Return the effects, scores and audits that the arguments ask for."""
    # names first: a wrong one is answered before anything is computed
    methods = [attribution_method(name)[0] for name in _listed(arguments.methods)]
    audited = [audited_method(spec)[0] for spec in arguments.audit]
    everything = request.framed_arguments(show_progress=not arguments.json)
    results: list[Result] = []
    if arguments.effects != "exact":
        results.append(decompose(**everything, order=arguments.order, seed=arguments.seed))
    if _exact(arguments.effects, results):
        results.append(harsanyi(**everything, max_order=arguments.max_order))
    results += [_scored(arguments, request, method) for method in methods]
    for method in audited:
        from taylorattr.criteria import audit

        max_order, seed = arguments.max_order, arguments.seed
        results.append(audit(method, **request.arguments(), max_order=max_order, seed=seed))
    return results


def _exact(choice: str, results: list[Result]) -> bool:
    """Return whether exact effects are computed too; for ``auto`` the Taylor effects say how many players."""
    if choice == "auto":
        return isinstance(results[0], TaylorEffects) and results[0].n <= MOST_PLAYERS_EXACT
    return choice in ("exact", "both")


def _listed(methods: str) -> list[str]:
    """Return the names in ``a,b`` or ``none``."""
    return [] if methods in ("none", "") else [name.strip() for name in methods.split(",")]


def _scored(
    arguments: argparse.Namespace, request: Request, method: AttributionMethod
) -> Attribution | Reformulation:
    """Return a method's scores, with ``--sums`` beside the sum of effects that they are."""
    everything = request.arguments(seed=arguments.seed)
    if method.references:
        rows = references(arguments, method, request)
        everything |= {} if rows is None else {"baselines": rows}
    if arguments.sums:
        from taylorattr.reformulation import reformulate

        everything.pop("dtype")  # sums of effects are taken in float64
        return reformulate(method, **everything, order=arguments.order)
    return attribute(method, **everything)


def _examples(spec: str | None) -> list[int] | None:
    """Return the numbers in ``0,3``.

    Raises:
        OptionError: If it is not of this form.
    """
    if spec is None:
        return None
    try:
        return [int(part) for part in spec.split(",")]
    except ValueError:
        raise OptionError(f"--examples {spec!r} is not of the form 0,3") from None
