"""``taylorattr check``: the three criteria of allocation rules on paper, and the table of their formulas."""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

from taylorattr.cli.method_arguments import allocation_rule
from taylorattr.errors import OptionError

SUMMARY = "say which of the three criteria an attribution method keeps, on paper"

FORMATS = ("text", "markdown", "latex", "json")

CRITERIA = ("coverage", "no_leak", "complete")
"""Those of `taylorattr.criteria.verdict.Criterion`, written again since their package loads sympy."""

DESCRIPTION = """\
Say of attribution methods, as ratios over effects, which criteria they keep: coverage (C1: every effect
reaches somebody), no leak (C2: nobody gets an effect he has no part in), complete (C3: each effect is handed
out exactly once), with a proof or the smallest counterexample.

The status is 1 if a criterion of --require does not hold without a condition.

examples:
  taylorattr check integrated_gradients occlusion_1
  taylorattr check shapley --require complete no_leak
  taylorattr check mypackage.rules:my_rule
  taylorattr check --all --format markdown
  taylorattr check --formulas --format latex
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the subcommand's arguments."""
    parser.add_argument(
        "methods",
        nargs="*",
        metavar="METHOD",
        help="method, method/variant, or package.module:name of a rule of your own or its factory",
    )
    parser.add_argument("--all", action="store_true", help="every rule there is")
    parser.add_argument(
        "--formulas",
        action="store_true",
        help="print the ratios instead: of the methods named, or of every rule",
    )
    parser.add_argument("--format", choices=FORMATS, default="text", help="default: text")
    parser.add_argument(
        "--frame", choices=("baseline", "input"), help="verdicts in this frame only (default: each there is)"
    )
    parser.add_argument(
        "--require",
        nargs="+",
        choices=CRITERIA,
        default=[],
        metavar="CRITERION",
        help=f"{', '.join(CRITERIA)}: exit with 1 if one does not hold, in --frame or in the frame that the "
        "ratio is stated in",
    )


def run(arguments: argparse.Namespace) -> int:
    """Print verdicts or formulas; return the exit status.

    Returns:
        The status: 0, or 1 if a required criterion does not hold.

    Raises:
        OptionError: If no rule is named, or one has no verdicts in the frame asked for.
    """
    # sympy, in which rules are written, takes longer to import than other subcommands take to answer
    from taylorattr.allocation import RULES
    from taylorattr.allocation.formulas import formulas
    from taylorattr.criteria import CriteriaTable, check

    if arguments.all and arguments.methods:
        raise OptionError("METHOD and --all are both given; name methods, or ask for all of them")
    if not arguments.methods and not arguments.all and not arguments.formulas:
        raise OptionError(f"name methods, or pass --all; known: {', '.join(RULES)}")
    rules = [allocation_rule(name) for name in arguments.methods] or list(RULES.values())
    if arguments.formulas:
        if arguments.frame or arguments.require:
            raise OptionError("--formulas prints ratios, not verdicts; leave out --frame and --require")
        _print(formulas(rules), arguments.format)
        return 0
    reports = [check(rule) for rule in rules]
    if arguments.frame:
        # a rule that was named and has no such frame is an error, of all rules it is left out
        reports = [r for r in reports if arguments.frame in r.frames or arguments.methods]
        reports = [report.in_frame(arguments.frame) for report in reports]
    _print(reports[0] if len(arguments.methods) == 1 else CriteriaTable(tuple(reports)), arguments.format)
    missed = [
        f"{report.rule}: {verdict!r}"
        for report in reports
        for criterion in arguments.require
        for verdict in report.of_frame(report.frames[0])
        if verdict.criterion == criterion and not verdict.holds
    ]
    for line in missed:
        print(f"required, but does not hold: {line}", file=sys.stderr)
    return int(bool(missed))


def _print(result: Any, form: str) -> None:
    """Print a report or a table in one of `FORMATS`."""
    writers = {
        "text": result.__repr__,
        "markdown": result.to_markdown,
        "latex": result.to_latex,
        "json": lambda: json.dumps(result.to_dict(), ensure_ascii=False),
    }
    print(writers[form]())
