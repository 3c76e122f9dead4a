"""``python -m proofs``: carry out the proofs and print a table."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from difflib import get_close_matches

from proofs.catalogue import THEOREMS
from proofs.report import carry_out, heading, lines, summary

DESCRIPTION = """\
Carry out the proofs and print a table: theorem, statement, what the steps cover, whether every step holds,
seconds. The status is 1 if one does not.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status.

    Args:
        argv: Arguments after the program's name; None reads them from the process.

    Returns:
        0 if everything asked for is proved, 1 if not.
    """
    parser = argparse.ArgumentParser(prog="python -m proofs", description=DESCRIPTION)
    parser.add_argument("names", nargs="*", metavar="NAME", help="theorems; default all")
    parser.add_argument("--list", action="store_true", help="print names and statements only")
    parser.add_argument(
        "--steps", action="store_true", help="also print the steps and what leads to the general case"
    )
    parser.add_argument("--json", action="store_true", help="print a list of objects instead of the table")
    arguments = parser.parse_args(argv)

    for name in arguments.names:
        if name not in THEOREMS:
            near = get_close_matches(name, THEOREMS, n=1)
            hint = f"did you mean {near[0]!r}?" if near else "--list shows them all"
            parser.error(f"no theorem is called {name!r}; {hint}")
    theorems = [THEOREMS[name] for name in dict.fromkeys(arguments.names or THEOREMS)]

    if arguments.list:
        width = max(map(len, THEOREMS))
        for theorem in theorems:
            print(f"{theorem.name:{width}}  {theorem.source}: {theorem.statement}")
        return 0
    if arguments.json:
        outcomes = [carry_out(theorem) for theorem in theorems]
        print(json.dumps([outcome.to_dict() for outcome in outcomes], ensure_ascii=False, indent=2))
        return 0 if all(outcome.proved for outcome in outcomes) else 1
    print(*heading(), sep="\n")
    outcomes = []
    for theorem in theorems:
        outcomes.append(carry_out(theorem))
        print(*lines(outcomes[-1], with_steps=arguments.steps), sep="\n", flush=True)
    print(summary(outcomes))
    return 0 if all(outcome.proved for outcome in outcomes) else 1


if __name__ == "__main__":
    sys.exit(main())
