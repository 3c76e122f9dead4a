"""Many rows: with ``--out FOLDER`` they are explained in batches, by workers, and nothing is lost."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from torch import Tensor

from taylorattr.cli.arguments import Request
from taylorattr.cli.written_files import is_folder
from taylorattr.errors import OptionError

if TYPE_CHECKING:
    from taylorattr.datasets import DatasetResult


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of many rows."""
    many = parser.add_argument_group(
        "many rows",
        "With --out FOLDER (a name without suffix) the --rows, all unless told, are explained in batches "
        "that are written into the folder; the same call goes on where it was stopped.",
    )
    many.add_argument("--workers", type=int, default=0, metavar="N", help="worker processes (default: none)")
    many.add_argument("--engine", choices=["serial", "ray"], default="serial", help="ray: actors of Ray")
    many.add_argument("--address", metavar="A", help="of a Ray cluster (default: this machine)")
    many.add_argument("--batch-size", type=int, metavar="B", help="rows of one call (default: by memory)")


def require_sense(arguments: argparse.Namespace) -> None:
    """Refuse what goes with a folder only where there is none.

    Raises:
        OptionError: If something of the kind is given.
    """
    given = {
        "--workers": arguments.workers,
        "--engine ray": arguments.engine != "serial",
        "--address": arguments.address,
        "--batch-size": arguments.batch_size,
    }
    if not is_folder(arguments.out):
        for name, value in given.items():
            if value:
                raise OptionError(f"{name} goes with --out FOLDER, a name without suffix")


def explained(
    arguments: argparse.Namespace,
    request: Request,
    task: str,
    settings: dict[str, Any],
    *,
    over_references: bool = False,
) -> DatasetResult:
    """Return the results of a task for all rows of a request.

    Args:
        arguments: Of the command line.
        request: What is asked.
        task: Name of the task.
        settings: Arguments of the task besides the model and the rows.
        over_references: Whether baselines are a reference set, and not one per row.
    """
    from taylorattr.datasets import map_dataset  # all tasks take a while to import

    question = request.question
    baselines, each = settings.pop("baselines", question.baselines), {}
    parts = baselines if isinstance(baselines, tuple) else (baselines,)
    rows = question.inputs[0] if isinstance(question.inputs, tuple) else question.inputs
    own = all(isinstance(b, Tensor) and len(b) == len(rows) > 1 for b in parts)
    if own and not over_references:
        each["baselines"] = baselines
    elif baselines is not None:
        settings["baselines"] = baselines
    for name in ("target", "players", "dtype"):
        settings.setdefault(name, getattr(question, name))
    return map_dataset(
        task,
        question.model,
        question.inputs,
        each=each,
        out=arguments.out,
        batch_size=arguments.batch_size,
        workers=arguments.workers,
        engine=arguments.engine,
        address=arguments.address,
        num_threads=arguments.num_threads or 1,
        show_progress=not arguments.json,
        **settings,
    )
