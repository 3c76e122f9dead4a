"""``taylorattr demo``: run the example of the package, `taylorattr.demo`."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from taylorattr.cli.arguments import threads

SUMMARY = "train a small network on bundled data and take one prediction apart (no arguments needed)"

DESCRIPTION = """\
Train a small smooth network on the breast-cancer data bundled with scikit-learn (seconds), and take its
prediction for one held-out case apart: first-order effects, high-order independent effects and interaction
effects of the 30 features and of the 10 measurements behind them, which add up to the prediction. Beside them
stand the exact interaction effects of all 2^10 coalitions of measurements. Everything is computed twice, in
independent ways, and the largest difference is printed. One more case shows a series that does not converge.
At last fourteen attribution methods stand beside the weighted sums of these effects that they are, and one
HTML page shows all of it.

examples:
  taylorattr demo
  taylorattr demo --order 5 --out somewhere
"""

DEFAULT_ORDER = 4


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the subcommand's arguments."""
    parser.add_argument(
        "--order",
        type=int,
        default=DEFAULT_ORDER,
        metavar="K",
        help=f"largest order (default: {DEFAULT_ORDER})",
    )
    parser.add_argument(
        "--seed", type=int, default=0, help="seed of the data split and the network (default: 0)"
    )
    parser.add_argument(
        "--out",
        default="taylorattr-demo",
        metavar="DIR",
        help="where the files go (default: taylorattr-demo)",
    )
    parser.add_argument(
        "--json", action="store_true", help="print the measurements' effects as JSON instead of text"
    )
    parser.add_argument(
        "--num-threads", type=int, metavar="N", help="threads of one operation (default: torch's)"
    )


def run(arguments: argparse.Namespace) -> int:
    """Train, decompose, check, print and save; return 1 if two computations that must agree do not."""
    from taylorattr.demo.breast_cancer import study
    from taylorattr.demo.one_prediction import explain, text, write_files  # loads matplotlib and sympy

    folder = Path(arguments.out)
    with threads(arguments.num_threads):
        explanation = explain(study(arguments.seed), arguments.order)
        write_files(explanation, folder)
        if arguments.json:
            print(json.dumps(explanation.measurements.to_dict(), ensure_ascii=False))
        else:
            print(text(explanation))
            print(f"\nFiles: {folder / 'effects.json'}, {folder / 'effects.png'}")
            print(f"Report: {folder / 'report.html'} (one page with all of this; open it in a browser)")
    return 0 if explanation.agrees else 1
