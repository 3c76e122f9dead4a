"""Read what ``--data``, ``--rows``, ``--drop``, ``--baseline`` and ``--names`` name."""

from __future__ import annotations

import csv
import io
import math
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from taylorattr.errors import (
    DtypeError,
    FileError,
    MissingExtraError,
    OptionError,
    PrecisionWarning,
    warn,
)
from taylorattr.files import read_array, read_arrays, read_json, read_text, reading

SUFFIXES = (".npy", ".npz", ".csv")
"""Of files that hold data."""

SKLEARN = ("breast_cancer", "diabetes", "digits", "iris", "wine")
"""Data sets that scikit-learn bundles: nothing is downloaded."""


@dataclass(frozen=True)
class Data:
    """Arrays of one data set, all with the same number of rows, and the names of the columns if any."""

    tensors: tuple[Tensor, ...]
    names: tuple[str, ...] | None = None

    def __len__(self) -> int:
        return self.tensors[0].shape[0]

    def mean(self) -> tuple[Tensor, ...]:
        """Return the mean over the rows, shape (1, …) per tensor.

        Raises:
            DtypeError: If a tensor holds integers, whose mean is not an input of the model.
        """
        for tensor in self.tensors:
            if not tensor.is_floating_point():
                raise DtypeError(
                    f"--baseline mean needs floating-point data, got {tensor.dtype}; "
                    "give an integer baseline as a number or a file"
                )
        return tuple(tensor.mean(0, keepdim=True) for tensor in self.tensors)

    def rows(self, spec: str, *, option: str = "--rows") -> Data:
        """Return the rows ``start:stop``, ``start:`` or ``index``.

        Returns:
            The data of these rows.

        Raises:
            OptionError: If the specification cannot be read or selects nothing.
        """
        try:
            parts = [int(part) if part else None for part in spec.split(":")]
            chosen = slice(*parts) if len(parts) > 1 else slice(parts[0], (parts[0] or 0) + 1 or None)
        except (ValueError, TypeError):
            raise OptionError(f"{option} {spec!r} is not of the form 5, 0:8 or 100:") from None
        selected = tuple(tensor[chosen] for tensor in self.tensors)
        if selected[0].shape[0] == 0:
            raise OptionError(f"{option} {spec} selects none of the {len(self)} rows; rows count from 0")
        return replace(self, tensors=selected)

    def standardized(self) -> Data:
        """Return columns of mean 0 and standard deviation 1 over all rows; constant ones become 0."""
        scaled = []
        for tensor in self.tensors:
            wide = tensor.double()
            deviation = wide.std(0, correction=0)  # of these rows, which are no sample of others
            scaled.append(
                ((wide - wide.mean(0)) / torch.where(deviation > 0, deviation, 1.0)).to(tensor.dtype)
            )
        return replace(self, tensors=tuple(scaled))


def load(spec: str, drop: list[str] | None = None, *, option: str = "--data") -> Data:
    """Read ``FILE.npy``, ``FILE.npz`` (its arrays are the inputs), ``FILE.csv`` or ``sklearn:NAME``.

    Floating-point data become float32, the dtype most models are trained in, unless a number would become
    infinite or 0 there; integers become int64, or float64 with a warning where they are larger.

    Returns:
        The data.

    Raises:
        FileError: If the file cannot be read, with the reason.
        OptionError: If the kind of data or a column to drop is unknown.
    """
    if spec.startswith("sklearn:"):
        return _dropped(_sklearn(spec.removeprefix("sklearn:")), drop, spec)
    path = Path(spec)
    if not path.is_file():
        raise FileError(f"{option} {spec}: there is no such file; give .npy, .npz, .csv or sklearn:NAME")
    if path.suffix == ".csv":
        return _csv(path, drop or [], f"{option} {path}")
    readers = {".npy": _npy, ".npz": _npz}
    if path.suffix not in readers:
        raise FileError(f"{option} {spec}: {path.suffix or 'no suffix'} is not .npy, .npz or .csv")
    return _dropped(readers[path.suffix](path, f"{option} {path}"), drop, spec)


def baseline(spec: str, data: Data) -> None | float | int | tuple[Tensor, ...]:
    """Read ``zeros``, ``mean`` (over all rows of the data), a number, or a data file of one or B rows.

    Returns:
        Baselines as the library takes them.

    Raises:
        OptionError: If it is none of these.
    """
    if spec == "zeros":
        return None
    if spec == "mean":
        return data.mean()
    try:
        return int(spec)
    except ValueError:
        pass
    try:
        return float(spec)
    except ValueError:
        pass
    if Path(spec).suffix not in SUFFIXES:
        raise OptionError(f"--baseline {spec!r} is not zeros, mean, a number or a .npy, .npz or .csv file")
    return load(spec, option="--baseline").tensors


def names(path: str) -> tuple[str, ...]:
    """Read names from a JSON list or from a text file with one name a line.

    Returns:
        The names.

    Raises:
        FileError: If there is no such file or it holds no list of names.
    """
    named = f"--names {path}"
    if not Path(path).is_file():
        raise FileError(f"{named}: there is no such file")
    if path.endswith(".json"):
        listed = read_json(path, named)
        if not isinstance(listed, list) or not all(isinstance(name, str) for name in listed):
            raise FileError(f"{named}: expected a JSON list of strings")
        return tuple(listed)
    return tuple(line.strip() for line in read_text(path, named).splitlines() if line.strip())


def _tensor(array: np.ndarray, origin: str) -> Tensor:
    """Return floating-point numbers as float32, integers as int64 where they fit, bools as they are.

    Raises:
        FileError: If the array holds anything else, or nothing.
    """
    if array.ndim == 0 or array.size == 0:
        raise FileError(f"{origin} has shape {array.shape}; expected examples along the first dimension")
    if array.dtype.kind == "f":
        return torch.from_numpy(_as_short_as_it_holds(array))
    if array.dtype.kind in "iu":
        if array.dtype == np.uint64 and array.max() > np.iinfo(np.int64).max:
            warn(
                f"{origin} holds {array.max()}, above int64; its integers are read as float64",
                PrecisionWarning,
            )
            return torch.from_numpy(array.astype(np.float64))
        return torch.from_numpy(array.astype(np.int64, copy=False))
    if array.dtype.kind == "b":
        return torch.from_numpy(array)
    raise FileError(f"{origin} holds {array.dtype}, expected floating-point or integer numbers")


def _as_short_as_it_holds(array: np.ndarray) -> np.ndarray:
    """Return numbers as float32; as float64 where one of them would become infinite or 0."""
    with np.errstate(over="ignore", under="ignore"):
        single = array.astype(np.float32, copy=False)
    lost = (np.isinf(single) & np.isfinite(array)) | ((single == 0) & (array != 0))
    return array.astype(np.float64, copy=False) if lost.any() else single


def _npy(path: Path, named: str) -> Data:
    """Return the array of a ``.npy`` file, called `named` in messages."""
    return Data((_tensor(read_array(path, named), named),))


def _npz(path: Path, named: str) -> Data:
    """Return the arrays of a ``.npz`` file in their order, called `named` in messages.

    Raises:
        FileError: If the arrays have different numbers of rows.
    """
    tensors = tuple(_tensor(array, f"{named}[{key}]") for key, array in read_arrays(path, named).items())
    if not tensors or len({t.shape[:1] for t in tensors}) != 1:
        shapes = [tuple(t.shape) for t in tensors]
        raise FileError(f"{named}: expected arrays with the same number of rows, got shapes {shapes}")
    return Data(tensors)


def _csv(path: Path, drop: list[str], named: str) -> Data:
    """Return a table, called `named` in messages; a first line with a word in it is a header.

    Raises:
        FileError: If it is empty or no UTF-8 text, or has lines of other lengths or cells without numbers.
        OptionError: If a column to drop is unknown, or there is no header.
    """
    text = read_text(path, named)
    with reading(named, "a readable .csv table"):
        rows = [row for row in csv.reader(io.StringIO(text, newline="")) if row]
    if not rows:
        raise FileError(f"{named}: the file is empty")
    header = None if all(map(_is_number, rows[0])) else tuple(cell.strip() for cell in rows[0])
    if header is None and drop:
        raise OptionError(f"--drop {drop[0]!r} needs a header, and the first line of {path} holds numbers")
    columns = _kept_columns(header, drop, str(path)) if header else range(len(rows[0]))
    first = 1 if header else 0
    values = np.empty((len(rows) - first, len(columns)), dtype=np.float64)
    for r, row in enumerate(rows[first:]):
        if len(row) != len(rows[0]):
            line = r + first + 1
            raise FileError(f"{named}: line {line} has {len(row)} cells, the first has {len(rows[0])}")
        for c, column in enumerate(columns):
            values[r, c] = float(row[column]) if _is_number(row[column]) else math.nan
            if not math.isfinite(values[r, c]):
                cell = f"line {r + first + 1}, column {header[column] if header else column}"
                raise FileError(
                    f"{named}: {row[column][:40]!r} at {cell} is not a number; leave the column out with "
                    "--drop"
                )
    return Data((_tensor(values, named),), tuple(header[c] for c in columns) if header else None)


def _kept_columns(header: tuple[str, ...], drop: list[str], origin: str) -> list[int]:
    """Return the numbers of the columns that are not dropped.

    Raises:
        OptionError: If a column to drop is not in the header, or stands there more than once.
    """
    for name in drop:
        if name not in header:
            raise OptionError(f"--drop {name!r}: the columns of {origin} are {', '.join(header)}")
        if header.count(name) > 1:
            columns = ", ".join(str(i + 1) for i, label in enumerate(header) if label == name)
            raise OptionError(
                f"--drop {name!r}: columns {columns} of {origin} are all called so; rename them"
            )
    return [i for i, name in enumerate(header) if name not in drop]


def _is_number(cell: str) -> bool:
    """Return whether a cell is a number as tables write it; Python would read 1_0 and ١ as numbers, too."""
    try:
        float(cell)
    except ValueError:
        return False
    return cell.isascii() and "_" not in cell


def _sklearn(name: str) -> Data:
    """Return a bundled data set; digits as images (1, 8, 8), scaled from 0…16 to [0, 1].

    Raises:
        OptionError: If it is not one of `SKLEARN`.
        MissingExtraError: If scikit-learn is not installed.
    """
    if name not in SKLEARN:
        raise OptionError(f"sklearn:{name} is not one of the bundled sets {', '.join(SKLEARN)}")
    try:
        from sklearn import datasets  # the demo extra
    except ImportError as error:
        raise MissingExtraError("sklearn: data need scikit-learn; install taylorattr[demo]") from error
    bundle = getattr(datasets, f"load_{name}")()
    if name == "digits":
        return Data((torch.from_numpy(bundle.images[:, None] / 16.0).float(),))
    return Data((torch.from_numpy(bundle.data).float(),), tuple(str(n) for n in bundle.feature_names))


def _dropped(data: Data, drop: list[str] | None, spec: str) -> Data:
    """Return a table without some of its columns.

    Raises:
        OptionError: If the data are no table with names, or a name is unknown.
    """
    if not drop:
        return data
    if data.names is None or len(data.tensors) != 1 or data.tensors[0].dim() != 2:
        raise OptionError(f"--drop needs a table with column names, and {spec} has none")
    kept = _kept_columns(data.names, drop, spec)
    return Data((data.tensors[0][:, kept],), tuple(data.names[i] for i in kept))
