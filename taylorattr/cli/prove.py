"""``taylorattr prove``: carry out the proofs of the source tree."""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

import taylorattr
from taylorattr.errors import OptionError

SUMMARY = "carry out the proofs (in a clone of the repository)"

DESCRIPTION = """\
Carry out the proofs with sympy and print a table: theorem, statement, what is covered, proved, refuted (a
claim shown to be false) or FAILED, seconds. The status is 1 if one fails. They lie in the source tree, not in
the installed package, so this works in a clone.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the subcommand's arguments."""
    parser.add_argument("names", nargs="*", metavar="NAME", help="theorems and refutations; default all")
    parser.add_argument("--list", action="store_true", help="print names and statements only")
    parser.add_argument(
        "--steps", action="store_true", help="also print the steps and what leads to the general case"
    )
    parser.add_argument("--json", action="store_true", help="print a list of objects instead of the table")


def run(arguments: argparse.Namespace) -> int:
    """Run ``python -m proofs`` in the clone and return its exit status.

    Returns:
        The status: 0, or 1 if a proof fails, or 2 if a name is unknown.

    Raises:
        OptionError: If the package does not run from a clone.
    """
    root = Path(taylorattr.__file__).parent.parent
    if not (root / "proofs" / "__main__.py").is_file():
        raise OptionError(
            "the proofs lie in the source tree; clone the repository and run this command there"
        )
    options = [f"--{name}" for name in ("list", "steps", "json") if getattr(arguments, name)]
    return subprocess.call([sys.executable, "-m", "proofs", *options, *arguments.names], cwd=root)
