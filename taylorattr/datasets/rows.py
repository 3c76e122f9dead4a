"""The rows of a data set, whatever holds it: tensors, arrays on disk, tables, torch data sets and loaders.

A batch is what one call of the task gets: the inputs of consecutive examples, and the arguments that each
example has for itself.
"""

from __future__ import annotations

import math
import os
import zipfile
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset, IterableDataset, RandomSampler, default_collate

from taylorattr.aliases import Tensors
from taylorattr.effects.examples import Batched, batch_of
from taylorattr.errors import DtypeError, FileError, OptionError, ShapeError
from taylorattr.files import LONGEST_HEADER, read_arrays, reading

Data: TypeAlias = Any
"""A tensor or a tuple of tensors, a numpy array, a DataFrame, the path of a ``.npy`` or ``.npz`` file, or a
``torch.utils.data`` set or loader."""

Key: TypeAlias = str | int
"""A field of the data: the name of a column or array, or the place in a tuple."""

Fields: TypeAlias = dict[Key, Any]
"""Field -> its values for consecutive examples, or for all."""


class Batch(NamedTuple):
    """Consecutive examples.

    Attributes:
        inputs: Of the model, as the public functions take them.
        own: Argument -> its values for these examples.
        start: Number of the first of them in the data.
    """

    inputs: Tensors
    own: dict[str, Any]
    start: int = 0


class Rows(ABC):
    """The examples of a data set in their order.

    Attributes:
        names: Names of the columns of a table, else None.
    """

    names: tuple[str, ...] | None = None

    @abstractmethod
    def __len__(self) -> int:
        """Return the number of examples."""

    @abstractmethod
    def fields(self, start: int, stop: int) -> Fields:
        """Return the fields of some examples."""


class _Columns(Rows):
    """Fields that are all there, in memory or mapped from a file, each with one row per example."""

    def __init__(self, columns: Fields) -> None:
        lengths = {key: len(column) for key, column in columns.items()}
        if not columns or len(set(lengths.values())) > 1:
            raise ShapeError(
                f"the data have fields of lengths {lengths}; expected the same number of examples in each"
            )
        self._columns = columns

    def __len__(self) -> int:
        return len(next(iter(self._columns.values())))

    def fields(self, start: int, stop: int) -> Fields:
        return {key: column[start:stop] for key, column in self._columns.items()}


class _Table(Rows):
    """A DataFrame: a field per column, of which those that are inputs become one tensor."""

    def __init__(self, frame: Any) -> None:
        self._frame = frame
        self.columns = tuple(str(column) for column in frame.columns)
        if len(set(self.columns)) < len(self.columns):
            raise OptionError("two columns of the table have one name; rename them")

    def __len__(self) -> int:
        return len(self._frame)

    def fields(self, start: int, stop: int) -> Fields:
        part = self._frame[start:stop]  # rows, in pandas and in polars
        return {
            name: part[column].to_numpy()
            for name, column in zip(self.columns, self._frame.columns, strict=True)
        }


class _Items(Rows):
    """A map-style data set: items are fetched one by one and put together as a loader would."""

    def __init__(self, items: Any) -> None:
        self._items = items

    def __len__(self) -> int:
        return len(self._items)

    def fields(self, start: int, stop: int) -> Fields:
        return _by_key(default_collate([self._items[i] for i in range(start, stop)]))


class _Stream(Rows):
    """Batches that come in their order; whoever goes back to an earlier example begins anew."""

    def __init__(self, count: int, batches: Callable[[], Iterable[Any]]) -> None:
        self._count, self._batches = count, batches
        self._iterator: Iterator[Any] = iter(())
        self._at = count  # of the first example that is held
        self._held: list[Fields] = []

    def __len__(self) -> int:
        return self._count

    def fields(self, start: int, stop: int) -> Fields:
        if start < self._at:
            self._iterator, self._at, self._held = iter(self._batches()), 0, []
        while self._held and self._at + _length(self._held[0]) <= start:
            self._at += _length(self._held.pop(0))
        until = self._at + sum(map(_length, self._held))
        while until < stop:
            try:
                fields = _by_key(next(self._iterator))
            except StopIteration:
                raise ShapeError(
                    f"the data end after {until} examples, and their length is {self._count}; __len__ has to "
                    "count them"
                ) from None
            until += _length(fields)
            if until <= start:  # passed over
                self._at = until
            else:
                self._held.append(fields)
        keys = self._held[0].keys()
        joined = {key: _joined([fields[key] for fields in self._held]) for key in keys}
        return {key: values[start - self._at : stop - self._at] for key, values in joined.items()}


def rows_of(data: Data) -> Rows:
    """Return the rows of a data set.

    Raises:
        OptionError: If it is none, has no length, or comes in another order every time.
        FileError: If a file is no array.
        ShapeError: If it is empty, or its fields have different lengths.
    """
    rows = _rows_of(data)
    if not len(rows):
        raise ShapeError("the data hold no example")
    return rows


def _rows_of(data: Data) -> Rows:
    if isinstance(data, Tensor | np.ndarray):
        return _Columns({0: data})
    if isinstance(data, tuple) and data and all(isinstance(part, Tensor | np.ndarray) for part in data):
        return _Columns(dict(enumerate(data)))
    if isinstance(data, str | os.PathLike):
        return _Columns(_mapped(Path(data)))
    if hasattr(data, "columns") and hasattr(data, "__getitem__"):
        return _Table(data)
    if isinstance(data, DataLoader):
        if isinstance(data.sampler, RandomSampler):
            raise OptionError(
                "the loader shuffles, and results stand in the order of the data; pass one with shuffle=False"
            )
        return _Stream(_count(data.dataset), lambda: data)
    if isinstance(data, IterableDataset):
        return _Stream(_count(data), lambda: (default_collate([item]) for item in data))
    if isinstance(data, Dataset):
        return _Items(data)
    raise OptionError(
        f"data is a {type(data).__name__}; expected a tensor or a tuple of tensors, a numpy array, a "
        "DataFrame, the path of a .npy or .npz file, or a torch.utils.data set or loader"
    )


def _count(data: Any) -> int:
    try:
        return len(data)
    except TypeError:
        raise OptionError(
            f"a {type(data).__name__} has no length, so nobody knows when all is done; give it __len__"
        ) from None


def _by_key(item: Any) -> Fields:
    """Return the fields of what a data set or loader yields."""
    if isinstance(item, Mapping):
        return dict(item)
    if isinstance(item, tuple | list):
        return dict(enumerate(item))
    return {0: item}


def _length(fields: Fields) -> int:
    return len(next(iter(fields.values())))


def _joined(parts: list[Any]) -> Any:
    if len(parts) == 1:
        return parts[0]
    if isinstance(parts[0], Tensor):
        return torch.cat(parts)
    return [entry for part in parts for entry in part]


def _mapped(path: Path) -> Fields:
    """Return the arrays of a file, mapped into memory where they lie in it as they are.

    Raises:
        FileError: If it is neither ``.npy`` nor ``.npz``, or damaged.
    """
    if path.suffix == ".npy":
        with reading(path, "a readable .npy file of plain numbers"):
            return {0: np.load(path, mmap_mode="r", allow_pickle=False, max_header_size=LONGEST_HEADER)}
    if path.suffix != ".npz":
        raise FileError(f"{path}: {path.suffix or 'no suffix'} is not .npy or .npz")
    with reading(path, "a readable .npz file of plain numbers"), zipfile.ZipFile(path) as archive:
        members = archive.infolist()
        if any(member.compress_type != zipfile.ZIP_STORED for member in members):
            return {name: array for name, array in read_arrays(path).items()}
        return {member.filename.removesuffix(".npy"): _mapped_member(path, member) for member in members}


def _mapped_member(path: Path, member: zipfile.ZipInfo) -> np.ndarray:
    """Return an array of an archive that stores it as it is."""
    with open(path, "rb") as file:
        file.seek(member.header_offset + 26)  # lengths of the name and of what follows it in the local header
        name, extra = np.frombuffer(file.read(4), dtype="<u2")
        file.seek(member.header_offset + 30 + int(name) + int(extra))
        version = np.lib.format.read_magic(file)
        read = (
            np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        )
        shape, by_columns, dtype = read(file, max_header_size=LONGEST_HEADER)
        if dtype.hasobject or math.prod(shape) * dtype.itemsize > member.file_size:
            raise FileError(f"{path}[{member.filename}] holds no plain numbers of shape {shape}")
        order = "F" if by_columns else "C"
        return np.memmap(path, dtype=dtype, mode="r", offset=file.tell(), shape=shape, order=order)


class InputRows:
    """Rows with what of them is input, and what is an argument of each example's own.

    Args:
        rows: Of the data.
        model: Of a table the inputs become one tensor, in the dtype of its parameters.
        inputs: Fields that are inputs; None: of what a torch data set yields the first, of other data all
            that no argument takes.
        each: Argument -> a field, a tensor, array, list or result with one entry per example, or a function
            of the inputs of a batch.

    Raises:
        OptionError: If a field does not exist or something has no entry for each example.
    """

    def __init__(
        self,
        rows: Rows,
        model: Any,
        inputs: Key | Sequence[Key] | None = None,
        each: Mapping[str, Any] | None = None,
    ) -> None:
        self.rows, self.each = rows, dict(each or {})
        first = rows.fields(0, 1)
        taken = {key for key in self.each.values() if isinstance(key, str | int)}
        if inputs is None:
            rest = [key for key in first if key not in taken]
            inputs = rest[:1] if isinstance(rows, _Items | _Stream) and rest[:1] == [0] else rest
        self.inputs = (inputs,) if isinstance(inputs, str | int) else tuple(inputs)
        unknown = [key for key in (*self.inputs, *taken) if key not in first]
        if unknown or not self.inputs:
            what = f"the data have no field {unknown[0]!r}" if unknown else "no field is left for the inputs"
            raise OptionError(f"{what}; their fields are {', '.join(map(repr, first))}")
        for name, values in self.each.items():
            count = _entries(values)
            if count is not None and count != len(rows):
                raise OptionError(f"each[{name!r}] has {count} entries for {len(rows)} examples")
        self.table = isinstance(rows, _Table)
        parameters = model.parameters() if isinstance(model, nn.Module) else ()
        floating = (p.dtype for p in parameters if p.is_floating_point())
        self._dtype = next(floating, torch.get_default_dtype())

    def __len__(self) -> int:
        return len(self.rows)

    def batch(self, start: int, stop: int) -> Batch:
        """Return the examples from start to stop, which are cut at the last."""
        stop = min(stop, len(self))
        fields = self.rows.fields(start, stop)
        parts = tuple(as_tensor(fields[key], key) for key in self.inputs)
        if self.table:
            parts = (torch.stack([part.to(self._dtype) for part in parts], dim=1),)
        inputs = parts if len(parts) > 1 else next(iter(parts))
        own = {name: _own(values, fields, inputs, start, stop) for name, values in self.each.items()}
        return Batch(inputs, own, start)


def as_tensor(values: Any, key: Key) -> Tensor:
    """Return a field as a tensor of its own; arrays mapped from a file are copied.

    Raises:
        DtypeError: If it holds no numbers.
    """
    if isinstance(values, Tensor):
        return values
    array = np.asarray(values)
    if array.dtype.kind not in "fiub" or array.dtype.itemsize > 8:
        raise DtypeError(f"field {key!r} of the data holds {array.dtype}; expected numbers")
    try:
        return torch.from_numpy(np.array(array, dtype=array.dtype.newbyteorder("=")))
    except TypeError:
        raise DtypeError(
            f"field {key!r} of the data holds {array.dtype}, which torch does not have"
        ) from None


def _entries(values: Any) -> int | None:
    """Return for how many examples there is an entry; None where that is not known before."""
    if isinstance(values, str | int) or callable(values):
        return None
    if isinstance(values, Batched):
        return batch_of(values)
    if isinstance(values, tuple) and values and all(isinstance(value, Tensor) for value in values):
        return len(next(iter(values)))
    if isinstance(values, Tensor | np.ndarray | list | tuple):
        return len(values)
    raise OptionError(
        f"{type(values).__name__} in each=; expected a field of the data, a tensor, array, list or result "
        "with one entry per example, or a function of the inputs"
    )


def _own(values: Any, fields: Fields, inputs: Tensors, start: int, stop: int) -> Any:
    """Return an argument for the examples from start to stop."""
    if isinstance(values, str | int):
        column = fields[values]
        return column if isinstance(column, list) else as_tensor(column, values)
    if isinstance(values, Batched):
        return values.select(slice(start, stop))
    if callable(values):
        return values(inputs)
    if isinstance(values, tuple) and values and all(isinstance(value, Tensor) for value in values):
        return tuple(value[start:stop] for value in values)
    return as_tensor(values[start:stop], "each") if isinstance(values, np.ndarray) else values[start:stop]
