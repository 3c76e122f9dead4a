"""``python -m proofs``: carry out the proofs and print a table."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from difflib import get_close_matches

from proofs.catalogue import THEOREMS
from proofs.refutations.catalogue import REFUTATIONS
from proofs.refutations.refutation import Refutation
from proofs.report import carry_out, divider, heading, lines, summary

DESCRIPTION = """\
Carry out the proofs and print a table: theorem, statement, what the steps cover, whether every step holds,
seconds. Then the refutations: false claims, each with the smallest case in which it fails. The status is 1 if
a proof does not hold, or a refutation does not refute.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status.

    Args:
        argv: Arguments after the program's name; None reads them from the process.

    Returns:
        0 if everything asked for is proved or refuted, 1 if not.
    """
    parser = argparse.ArgumentParser(prog="python -m proofs", description=DESCRIPTION)
    parser.add_argument("names", nargs="*", metavar="NAME", help="theorems and refutations; default all")
    parser.add_argument("--list", action="store_true", help="print names and statements only")
    parser.add_argument(
        "--steps", action="store_true", help="also print the steps and what leads to the general case"
    )
    parser.add_argument("--json", action="store_true", help="print a list of objects instead of the table")
    arguments = parser.parse_args(argv)

    entries = {**THEOREMS, **REFUTATIONS}
    for name in arguments.names:
        if name not in entries:
            near = get_close_matches(name, entries, n=1)
            hint = f"did you mean {near[0]!r}?" if near else "--list shows them all"
            parser.error(f"no theorem is called {name!r}; {hint}")
    theorems = [entries[name] for name in dict.fromkeys(arguments.names or entries)]

    if arguments.list:
        width = max(map(len, entries))
        for theorem in theorems:
            print(f"{theorem.name:{width}}  {theorem.source}: {theorem.statement}")
        return 0
    if arguments.json:
        outcomes = [carry_out(theorem) for theorem in theorems]
        print(json.dumps([outcome.to_dict() for outcome in outcomes], ensure_ascii=False, indent=2))
        return 0 if all(outcome.holds for outcome in outcomes) else 1
    print(*heading(), sep="\n")
    outcomes = []
    for before, theorem in zip([None, *theorems], theorems, strict=False):
        if isinstance(theorem, Refutation) and not isinstance(before, Refutation):
            print(*divider("claims that are false, and the smallest case in which they fail"), sep="\n")
        outcomes.append(carry_out(theorem))
        print(*lines(outcomes[-1], with_steps=arguments.steps), sep="\n", flush=True)
    print(summary(outcomes))
    return 0 if all(outcome.holds for outcome in outcomes) else 1


if __name__ == "__main__":
    sys.exit(main())
