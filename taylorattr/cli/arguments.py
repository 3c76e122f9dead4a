"""The arguments every subcommand that analyses a model shares, and what they stand for."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import re
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from taylorattr.analysis.fixed_batch import fixed_batch_size, in_fixed_batches
from taylorattr.analysis.players import Players
from taylorattr.cli import data as data_files
from taylorattr.cli import model as model_files
from taylorattr.errors import FormatError, OptionError

DTYPES = {"float64": torch.float64, "float32": torch.float32}


@dataclass(frozen=True)
class Question:
    """What is analysed: arguments for the library, as read from the command line."""

    model: Any
    inputs: Any
    baselines: Any
    players: Players | None
    keywords: dict[str, Any]
    data: data_files.Data


def add(
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
    what.add_argument("--rows", default="0:1", metavar="A:B", help="examples to explain (default: 0:1)")
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


def question(arguments: argparse.Namespace) -> Question:
    """Read the files and build the library's arguments.

    Returns:
        What the library is asked.

    Raises:
        OptionError: If an argument cannot be read or does not fit the data.
    """
    require_folder("--out", arguments.out)
    device = _device(arguments.device)
    table = data_files.load(arguments.data, arguments.drop)
    if arguments.standardize:
        table = table.standardized()
    chosen = table.rows(arguments.rows)
    inputs = tuple(t.to(device) for t in chosen.tensors)
    baseline = data_files.baseline(arguments.baseline, table)
    if isinstance(baseline, tuple):
        baseline = _single(tuple(t.to(device) for t in baseline))
    elif len(inputs) > 1 and baseline is not None:
        baseline = (baseline,) * len(inputs)
    names = data_files.names(arguments.names) if arguments.names else None
    return Question(
        model=fitting_model(arguments.model, arguments.weights, inputs, arguments.data),
        inputs=_single(inputs),
        baselines=baseline,
        players=players(arguments.players, chosen, names),
        keywords={"target": target(arguments.target), "dtype": DTYPES[arguments.dtype]}
        | ({"frame": arguments.frame} if hasattr(arguments, "frame") else {}),
        data=table,
    )


def require_folder(option: str, path: str | None) -> None:
    """Refuse a file that cannot be written, before anything is computed for it.

    Raises:
        OptionError: If there is no such folder, it is read-only, or the path is a folder itself.
    """
    if not path:
        return
    folder = Path(path).parent
    if not folder.is_dir():
        raise OptionError(f"{option} {path}: there is no folder {folder}; make it first")
    if Path(path).is_dir():
        raise OptionError(f"{option} {path}: this is a folder; give the name of a file in it")
    if not os.access(folder, os.W_OK):
        raise OptionError(f"{option} {path}: the folder {folder} cannot be written to; choose another")


def fitting_model(
    spec: str, weights: str | None, inputs: tuple[Tensor, ...], data: str, *, prefix: str = "--"
) -> Any:
    """Load a model onto the device of the inputs.

    Args:
        spec: Name or file of the model.
        weights: File of its weights, or None.
        inputs: What it has to run on.
        data: Where the inputs come from, for messages.
        prefix: Of the options ``model`` and ``weights`` in messages.

    Returns:
        The model.

    Raises:
        OptionError: If it cannot be loaded or does not run on a row.
    """
    model = model_files.load(spec, weights, prefix=prefix)
    if isinstance(model, torch.nn.Module):
        model = model.to(inputs[0].device)
    _require_fit(model, inputs, f"{prefix}model {spec} does not run on a row of {data}")
    return model


def _require_fit(model: Any, inputs: tuple[Tensor, ...], what: str) -> None:
    """Run the model on the first row in its own dtype; say in one line why it does not run.

    Raises:
        OptionError: If it raises anything.
    """
    fixed = fixed_batch_size(model) if isinstance(model, torch.nn.Module) else None
    function = model if fixed is None else in_fixed_batches(model, fixed)
    own = model.parameters() if isinstance(model, torch.nn.Module) else ()
    dtype = next((p.dtype for p in own if p.is_floating_point()), None)
    row = [x[:1].to(dtype) if dtype and x.is_floating_point() else x[:1].clone() for x in inputs]
    try:
        with torch.no_grad():
            function(*row)
    except Exception as error:  # a model may refuse its input in any way it likes
        shapes = " and ".join(f"{tuple(x.shape)} of {x.dtype}" for x in row)
        raise OptionError(
            f"{what}, {shapes}: {type(error).__name__}: {error}. The arrays of --data are the model's "
            "inputs; a label column is left out with --drop"
        ) from error


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


def players(spec: str, data: data_files.Data, names: tuple[str, ...] | None) -> Players | None:
    """Read ``elements``, ``columns``, ``grid:RxC``, ``patch:HxW``, ``tokens`` or a JSON file of groups.

    Returns:
        The players of one example.

    Raises:
        OptionError: If it is none of these.
        FormatError: If the JSON file does not hold groups.
    """
    x: Any = _single(data.tensors)
    size = re.fullmatch(r"(grid|patch):(\d+)x(\d+)", spec)
    if spec in ("elements", "columns"):
        labels = data.names if names is None else names
        return Players.elements(x, names=labels)
    if spec == "tokens":
        return Players.tokens(x, names=names)
    if size:
        make = Players.grid if size[1] == "grid" else Players.patches
        made = make(x, (int(size[2]), int(size[3])))
    elif spec.endswith(".json"):
        made = _groups(spec, data)
    else:
        raise OptionError(
            f"--players {spec!r} is not elements, columns, grid:4x4, patch:2x2, tokens or a .json file"
        )
    return Players(made.groups, names=names, rest=made.rest) if names else made


def _groups(path: str, data: data_files.Data) -> Players:
    try:
        groups = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise FormatError(f"--players {path}: not a readable JSON file ({error})") from error
    if not isinstance(groups, dict) or not all(isinstance(group, list) for group in groups.values()):
        raise FormatError(f'--players {path}: expected {{"name": [index or column name, ...], ...}}')
    place = {name: i for i, name in enumerate(data.names or ())}
    columns: dict[str, list[int]] = {}
    for name, group in groups.items():
        unknown = [entry for entry in group if not isinstance(entry, int) and entry not in place]
        if unknown:
            raise FormatError(
                f"--players {path}: {unknown[0]!r} in {name!r} is no index and no column of the data"
            )
        columns[name] = [entry if isinstance(entry, int) else place[entry] for entry in group]
    return Players.columns(columns)


def _single(tensors: tuple[Tensor, ...]) -> Tensor | tuple[Tensor, ...]:
    """Return a lone tensor as itself: the library gives back what it was given."""
    return tensors if len(tensors) > 1 else next(iter(tensors))


def _device(spec: str) -> torch.device:
    try:
        device = torch.device(spec)
        torch.empty(0, device=device)
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
