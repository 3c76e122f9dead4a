"""``taylorattr bench``: run the benchmarks of the source tree."""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

import taylorattr
from taylorattr.errors import OptionError

SUMMARY = "run the benchmarks (in a clone of the repository)"

DESCRIPTION = """\
Run the benchmarks: each row measures ours, a floor and a peer in one process, and prints their ratios.
They lie in the source tree, not in the installed package, so this works in a clone.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the subcommand's arguments."""
    parser.add_argument(
        "--only", action="append", default=[], metavar="NAME", help="rows whose name holds this"
    )
    parser.add_argument("--quick", action="store_true", help="leave out the long rows")
    parser.add_argument("--markdown", metavar="FILE", help="write the table to a file")


def run(arguments: argparse.Namespace) -> int:
    """Run ``python -m benchmarks`` in the clone and return its exit status.

    Returns:
        The status.

    Raises:
        OptionError: If the package does not run from a clone.
    """
    root = Path(taylorattr.__file__).parent.parent
    if not (root / "benchmarks" / "__main__.py").is_file():
        raise OptionError(
            "the benchmarks lie in the source tree; clone the repository and run this command there"
        )
    options = [option for name in arguments.only for option in ("--only", name)]
    options += ["--quick"] if arguments.quick else []
    options += ["--markdown", str(Path(arguments.markdown).resolve())] if arguments.markdown else []
    return subprocess.call([sys.executable, "-m", "benchmarks", *options], cwd=root)
