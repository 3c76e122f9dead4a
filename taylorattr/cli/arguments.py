"""The arguments that every subcommand about a model shares, and the question that they ask."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import re
from collections.abc import Generator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from taylorattr.analysis.players import Players
from taylorattr.analysis.question import Question
from taylorattr.cli import data as data_files
from taylorattr.cli.model_files import load_fitting
from taylorattr.cli.written_files import is_folder, require_folder
from taylorattr.errors import FileError, OptionError
from taylorattr.files import read_json, reading

DTYPES = {"float64": torch.float64, "float32": torch.float32}


@dataclasses.dataclass(frozen=True)
class Request:
    """What is asked, as read from the command line.

    Attributes:
        question: Model, inputs, baselines, target, players and dtype.
        data: All rows of the data, of which the inputs are some.
        frame: ``baseline`` or ``input``; None where the subcommand leaves no choice.
    """

    question: Question
    data: data_files.Data
    frame: str | None = None

    def arguments(self, **changes: Any) -> dict[str, Any]:
        """Return the question as arguments of a public function, which builds its own of them.

        Args:
            **changes: Arguments that differ, or that only this function takes.
        """
        names = ("model", "inputs", "baselines", "target", "players", "dtype")
        return {name: getattr(self.question, name) for name in names} | changes

    def framed_arguments(self, **changes: Any) -> dict[str, Any]:
        """Return the arguments of a function that takes a frame too."""
        return self.arguments(**({} if self.frame is None else {"frame": self.frame}), **changes)


def add_shared_arguments(
    parser: argparse.ArgumentParser,
    *,
    frame: bool = True,
    saves: str = "save the result: .json, .npz or .html",
    needed: bool = True,
) -> None:
    """Add model, data, target, baseline, players and the settings of the run.

    Args:
        parser: Of the subcommand.
        frame: Whether the frame can be chosen.
        saves: Help of ``--out``.
        needed: Whether a model and data have to be given.
    """
    what = parser.add_argument_group("what is analysed")
    what.add_argument(
        "--model",
        required=needed,
        metavar="M",
        help="package.module:factory (a module, a class or a function that makes one; the current directory "
        "is importable) or a torch.export file, NAME.pt2",
    )
    what.add_argument("--weights", metavar="FILE", help="state dict for the model: .pt, .pth or .safetensors")
    what.add_argument(
        "--data",
        required=needed,
        metavar="D",
        help=".npy, .npz (its arrays are the inputs, in order), .csv (a header gives names), or sklearn:NAME "
        f"with NAME one of {', '.join(data_files.SKLEARN)} (digits: images (1, 8, 8) in [0, 1])",
    )
    what.add_argument("--drop", action="append", metavar="COL", help="leave a column out, such as the label")
    what.add_argument(
        "--standardize", action="store_true", help="mean 0, standard deviation 1 per column, over all rows"
    )
    what.add_argument("--rows", metavar="A:B", help="examples to explain (default: 0:1; all into a folder)")
    what.add_argument(
        "--target", metavar="T", help="output entry, such as 3 or 0,2; none for one output per row"
    )
    what.add_argument(
        "--baseline",
        default="zeros",
        metavar="B",
        help="zeros (default), mean (of all rows), NUMBER, or a FILE, taken as it is",
    )
    what.add_argument(
        "--players",
        default="elements",
        metavar="P",
        help="which elements move together: elements or columns (default, one player each), grid:4x4 (16 "
        "equal patches of an image), patch:2x2 (of 2 by 2 pixels), tokens (dimension 1), or FILE.json: "
        '{"name": [index or column name, ...], ...}',
    )
    what.add_argument("--names", metavar="FILE", help="names of the players: a JSON list or one name a line")
    run = parser.add_argument_group("how")
    if frame:
        run.add_argument(
            "--frame",
            default="baseline",
            choices=["baseline", "input"],
            help="where the effects are expanded",
        )
    run.add_argument(
        "--dtype", default="float64", choices=sorted(DTYPES), help="precision (default: float64)"
    )
    run.add_argument("--device", default="cpu", help="cpu (default), cuda, cuda:1, mps")
    run.add_argument("--seed", type=int, default=0, help="seed of everything drawn at random (default: 0)")
    run.add_argument(
        "--num-threads", type=int, metavar="N", help="threads of one operation (default: torch's)"
    )
    out = parser.add_argument_group("output")
    out.add_argument("--json", action="store_true", help="print the result as JSON instead of text")
    out.add_argument("--out", metavar="FILE", help=saves)


def read_request(arguments: argparse.Namespace) -> Request:
    """Return what is asked of the library, after reading the files; nothing is computed yet.

    Raises:
        OptionError: If an argument cannot be read or does not fit the data.
    """
    if not is_folder(arguments.out):
        require_folder("--out", arguments.out)
    device = device_named(arguments.device)
    data = data_files.load(arguments.data, arguments.drop)
    if arguments.standardize:
        data = data.standardized()
    if arguments.rows is None:
        arguments.rows = ":" if is_folder(arguments.out) else "0:1"
    chosen = data.rows(arguments.rows)
    inputs = tuple(t.to(device) for t in chosen.tensors)
    baselines = data_files.baseline(arguments.baseline, data)
    if isinstance(baselines, tuple):
        baselines = single(tuple(t.to(device) for t in baselines))
    elif len(inputs) > 1 and baselines is not None:
        baselines = (baselines,) * len(inputs)
    names = data_files.names(arguments.names) if arguments.names else None
    question = Question(
        model=load_fitting(arguments.model, arguments.weights, inputs, arguments.data),
        inputs=single(inputs),
        baselines=baselines,
        target=target(arguments.target),
        players=_players(arguments.players, chosen, names),
        dtype=DTYPES[arguments.dtype],
    )
    return Request(question, data, getattr(arguments, "frame", None))


def target(spec: str | None) -> None | int | tuple[int, ...]:
    """Read ``3`` or ``0,2``.

    Returns:
        The target in captum's form.

    Raises:
        OptionError: If it is neither.
    """
    if spec is None:
        return None
    try:
        parts = tuple(int(part) for part in spec.split(","))
    except ValueError:
        raise OptionError(f"--target {spec!r} is not of the form 3 or 0,2") from None
    return parts[0] if len(parts) == 1 else parts


def single(tensors: tuple[Tensor, ...]) -> Tensor | tuple[Tensor, ...]:
    """Return a lone tensor as itself: the library gives results the structure of the inputs."""
    return tensors if len(tensors) > 1 else next(iter(tensors))


def _players(spec: str, data: data_files.Data, names: tuple[str, ...] | None) -> Players | None:
    """Read ``elements``, ``columns``, ``grid:RxC``, ``patch:HxW``, ``tokens`` or a JSON file of groups.

    Returns:
        The players of one example; None for its elements without names, which every function takes for
        granted, and which Grad-CAM, whose players are positions of a layer, does not refuse.

    Raises:
        OptionError: If it is none of these.
        FileError: If the JSON file does not hold groups.
    """
    x: Any = single(data.tensors)
    size = re.fullmatch(r"(grid|patch):(\d+)x(\d+)", spec)
    if spec == "elements" and data.names is None and names is None:
        return None
    if spec in ("elements", "columns"):
        return Players.elements(x, names=data.names if names is None else names)
    if spec == "tokens":
        return Players.tokens(x, names=names)
    if size:
        make = Players.grid if size[1] == "grid" else Players.patches
        players = make(x, (int(size[2]), int(size[3])))
    elif spec.endswith(".json"):
        players = _groups(spec, data)
    else:
        raise OptionError(
            f"--players {spec!r} is not elements, columns, grid:4x4, patch:2x2, tokens or a .json file"
        )
    return Players(players.groups, names=names, rest=players.rest) if names else players


def _groups(path: str, data: data_files.Data) -> Players:
    """Return groups of columns, each named by its number or by the data's header.

    Raises:
        FileError: If the file is not JSON, holds something else, or names a column that is not there.
    """
    named = f"--players {path}"
    if not Path(path).is_file():
        raise FileError(f"{named}: there is no such file")
    groups = read_json(path, named)
    if not isinstance(groups, dict) or not all(isinstance(group, list) for group in groups.values()):
        raise FileError(f'{named}: expected {{"name": [index or column name, ...], ...}}')
    column_of = {name: i for i, name in enumerate(data.names or ())}
    columns: dict[str, list[int]] = {}
    for name, group in groups.items():
        unknown = [entry for entry in group if not _is_column(entry, column_of)]
        if unknown:
            raise FileError(f"{named}: {unknown[0]!r:.60} in {name!r} is no index and no column of the data")
        columns[name] = [entry if isinstance(entry, int) else column_of[entry] for entry in group]
    with reading(named, "groups of players"):
        return Players.columns(columns)


def _is_column(entry: Any, column_of: dict[str, int]) -> bool:
    """Return whether an entry of a group is an index or a name of a column; true and false are neither."""
    return entry in column_of if isinstance(entry, str) else type(entry) is int


def device_named(spec: str) -> torch.device:
    """Return a device on which a tensor can be made.

    Raises:
        OptionError: If there is none of this name.
    """
    try:
        device = torch.device(spec)
        torch.empty(0, device=device)  # a device that torch knows may still be absent
    except (RuntimeError, AssertionError) as error:
        first = str(error).splitlines()[0]
        raise OptionError(f"--device {spec}: {first}; use cpu, or a device this torch can reach") from error
    return device


@contextlib.contextmanager
def threads(count: int | None) -> Generator[None]:
    """Use ``count`` threads per operation inside, the previous number after.

    Raises:
        OptionError: If the number is below 1.
    """
    if count is None:
        yield
        return
    if count < 1:
        raise OptionError(f"--num-threads {count}: expected at least 1")
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
