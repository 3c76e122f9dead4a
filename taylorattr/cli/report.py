"""``taylorattr report``: results, saved or computed now, as one HTML page."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from taylorattr.cli import arguments as shared
from taylorattr.cli.attribute import REFERENCE_ROWS, references
from taylorattr.cli.named import named_method
from taylorattr.effects.effects import TaylorEffects
from taylorattr.effects.harsanyi import harsanyi
from taylorattr.effects.result import Result
from taylorattr.effects.taylor import decompose
from taylorattr.errors import OptionError
from taylorattr.methods import attribute

if TYPE_CHECKING:
    from taylorattr.attribution import Attribution
    from taylorattr.reformulation import Reformulation

SUMMARY = "write one self-contained HTML page about predictions, or about saved results"

COMPARED = ("gradient_x_input", "integrated_gradients", "occlusion_1", "shapley")
"""Methods on the page unless others are named."""

EXACT_PLAYERS = 10
"""Up to so many players, exact effects of all coalitions stand beside Taylor's."""

DESCRIPTION = f"""\
Write one HTML page that opens offline and asks for nothing from outside: f(x) − f(baseline) by order, an
interactive graph, the effects, methods side by side with what they count, audits, and where the numbers
cannot be trusted.

Give FILEs that --out of other subcommands or .save(...) wrote (.json, .npz), or a model and data as for
`taylorattr decompose`: then Taylor effects up to --order are computed, exact effects too where there are at
most {EXACT_PLAYERS} players, and the scores of {", ".join(COMPARED)}. Both together make one page.

examples:
  taylorattr report effects.npz shapley.json audit.json --out page.html
  taylorattr report --model mynet:make --data x.npy --target 3 --out page.html
  taylorattr report --model mynet:make --data sklearn:digits --players grid:4x4 --target 7 --effects exact \\
      --methods shapley,occlusion_1 --audit deeplift_rescale --out digit.html
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the subcommand's arguments."""
    parser.add_argument("files", nargs="*", metavar="FILE", help="saved results, .json or .npz")
    shared.add(parser, saves="the page (default: report.html)", needed=False)
    found = parser.add_argument_group("what is computed of a model")
    found.add_argument("--order", type=int, default=3, metavar="K", help="largest |κ| (default: 3)")
    found.add_argument(
        "--effects",
        choices=("auto", "taylor", "exact", "both"),
        default="auto",
        help="Taylor effects, exact effects of coalitions, or both (auto: both up to "
        f"{EXACT_PLAYERS} players, else Taylor's)",
    )
    found.add_argument("--max-order", type=int, metavar="k", help="exact effects of coalitions up to size k")
    found.add_argument(
        "--methods",
        default=",".join(COMPARED),
        metavar="LIST",
        help=f"attribution methods, comma-separated, or none (default: {','.join(COMPARED)})",
    )
    found.add_argument(
        "--sums", action="store_true", help="each method beside the weighted sum of effects that it is, too"
    )
    found.add_argument(
        "--references",
        metavar="R",
        help="reference set of methods that read one: rows of the data (default: "
        f"{REFERENCE_ROWS}), or a FILE",
    )
    found.add_argument(
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
    shared.require_folder("--out", arguments.out)
    if bool(arguments.model) != bool(arguments.data):
        raise OptionError("--model and --data go together; without both, name FILEs of saved results")
    if not arguments.files and not arguments.model:
        raise OptionError(
            "there is nothing to report: name FILEs of saved results, or give --model and --data"
        )
    examples = _examples(arguments.examples)
    results: list[Result] = [Result.load(path) for path in arguments.files]
    said: dict[str, Any] = {}
    if arguments.model:
        asked = shared.question(arguments)
        with shared.threads(arguments.num_threads):
            results += computed(arguments, asked)
        said = {
            "model": asked.model,
            "inputs": asked.inputs,
            "baselines": 0.0 if asked.baselines is None else asked.baselines,
            "target": asked.keywords["target"],
            "seed": arguments.seed,
        }
    path = report(
        arguments.out,
        *results,
        title=arguments.title,
        examples=examples,
        max_effects=arguments.max_effects,
        **said,
    )
    if arguments.json:
        content = {"report": str(path), "results": [result.to_dict() for result in results]}
        print(json.dumps(content, ensure_ascii=False))
    else:
        kinds = ", ".join(type(result).__name__ for result in results)
        print(f"{path}: {path.stat().st_size / 1e6:.1f} MB, one page about {kinds}")
    return 0


def computed(arguments: argparse.Namespace, asked: shared.Question) -> list[Result]:
    """Return the effects, scores and audits that the arguments ask for."""
    show = not arguments.json
    methods = [named_method(name)[0] for name in _named(arguments.methods)]
    audited = _audited(arguments.audit)
    results: list[Result] = []
    if arguments.effects != "exact":
        results.append(
            decompose(
                asked.model,
                asked.inputs,
                asked.baselines,
                players=asked.players,
                order=arguments.order,
                seed=arguments.seed,
                show_progress=show,
                **asked.keywords,
            )
        )
    if _exact(arguments.effects, results):
        results.append(
            harsanyi(
                asked.model,
                asked.inputs,
                asked.baselines,
                players=asked.players,
                max_order=arguments.max_order,
                show_progress=show,
                **asked.keywords,
            )
        )
    results += [_scored(arguments, asked, method) for method in methods]
    keywords = {key: value for key, value in asked.keywords.items() if key != "frame"}
    for method in audited:
        from taylorattr.criteria import audit

        results.append(
            audit(
                method,
                asked.model,
                asked.inputs,
                asked.baselines,
                players=asked.players,
                max_order=arguments.max_order,
                seed=arguments.seed,
                **keywords,
            )
        )
    return results


def _exact(choice: str, results: list[Result]) -> bool:
    if choice == "auto":
        return isinstance(results[0], TaylorEffects) and results[0].n <= EXACT_PLAYERS
    return choice in ("exact", "both")


def _named(methods: str) -> list[str]:
    return [] if methods in ("none", "") else [name.strip() for name in methods.split(",")]


def _audited(methods: list[str]) -> list[Any]:
    from taylorattr.cli.audit import asked_method

    return [asked_method(spec)[0] for spec in methods]


def _scored(
    arguments: argparse.Namespace, asked: shared.Question, method: Any
) -> Attribution | Reformulation:
    baselines = asked.baselines
    if method.references:
        found = references(arguments, method, asked)
        baselines = baselines if found is None else found
    keywords = {key: value for key, value in asked.keywords.items() if key != "frame"}
    shared_by_both = {"players": asked.players, "seed": arguments.seed, **keywords}
    if arguments.sums:
        from taylorattr.reformulation import reformulate

        shared_by_both.pop("dtype")  # sums of effects are taken in float64
        return reformulate(
            method, asked.model, asked.inputs, baselines, order=arguments.order, **shared_by_both
        )
    return attribute(method, asked.model, asked.inputs, baselines, **shared_by_both)


def _examples(spec: str | None) -> list[int] | None:
    if spec is None:
        return None
    try:
        return [int(part) for part in spec.split(",")]
    except ValueError:
        raise OptionError(f"--examples {spec!r} is not of the form 0,3") from None
