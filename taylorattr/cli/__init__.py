"""The command line: one file per subcommand, each parses, calls the library and prints."""

from __future__ import annotations

import argparse
import sys
import warnings
from collections.abc import Sequence
from typing import NoReturn

from taylorattr.cli import attribute, audit, check, clone, decompose, demo, graph, mip_in, report
from taylorattr.errors import TaylorAttrError, TaylorAttrWarning

COMMANDS = {
    "demo": demo,
    "decompose": decompose,
    "attribute": attribute,
    "mip-in": mip_in,
    "graph": graph,
    "check": check,
    "audit": audit,
    "report": report,
}

DESCRIPTION = """\
Take a network's prediction apart: f(x) − f(baseline) as a sum of first-order effects, high-order
independent effects of one input, and interaction effects between several, which add up to the output.
"""


class _HelpFormatter(argparse.RawDescriptionHelpFormatter):
    """Keep the layout of descriptions and give options room, up to 100 columns."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=30, width=100)


class _Parser(argparse.ArgumentParser):
    """A parser that answers a wrong call in one line; --help has the rest."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong and exit with 2."""
        self.exit(2, f"{self.prog}: {' '.join(message.split())} (see {self.prog} --help)\n")


def parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command line."""
    top = _Parser(prog="taylorattr", description=DESCRIPTION, formatter_class=_HelpFormatter)
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, module in COMMANDS.items():
        sub = commands.add_parser(
            name, help=module.SUMMARY, description=module.DESCRIPTION, formatter_class=_HelpFormatter
        )
        module.add_arguments(sub)
        sub.set_defaults(run=module.run)
    for name, (package, summary) in clone.COMMANDS.items():  # listed here; `main` hands their arguments on
        commands.add_parser(name, help=summary, description=f"The same as python -m {package}.")
    return top


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status.

    Args:
        argv: Arguments after the program's name; None reads them from the process.

    Returns:
        0 when the command did its work, 2 when the call was wrong (one line says what and how to mend it),
        130 after Ctrl-C.
    """
    argv = sys.argv[1:] if argv is None else list(argv)
    with warnings.catch_warnings():
        warnings.simplefilter("always", TaylorAttrWarning)
        warnings.showwarning = _show_warning
        try:
            if argv and argv[0] in clone.COMMANDS:
                return clone.run(argv[0], argv[1:])
            arguments = parser().parse_args(argv)
            return arguments.run(arguments)
        except (TaylorAttrError, OSError) as error:
            print(f"taylorattr: {' '.join(str(error).split())}", file=sys.stderr)
            return 2
        except KeyboardInterrupt:
            print("taylorattr: interrupted", file=sys.stderr)
            return 130


def _show_warning(message, category, filename, lineno, file=None, line=None) -> None:  # noqa: ANN001
    """Print a warning as one line that starts with its kind; Python's own form shows a source line."""
    print(f"{category.__name__}: {' '.join(str(message).split())}", file=file or sys.stderr)
