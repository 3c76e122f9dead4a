"""The examples of a result: take some of them, and put parts together again.

What a result holds for every example is told apart from what it holds for all by a declaration of its class,
and for the entries of its diagnostics by their names below: shapes alone would mistake three players for
three examples.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate
from typing import Any, ClassVar, Self, TypeAlias, cast

import numpy as np
import torch
from torch import Tensor

from taylorattr.errors import OptionError

ExampleIndex: TypeAlias = int | slice | Sequence[int] | np.ndarray | Tensor
"""One example, or several by a slice, by their numbers, or by a mask (B,) of bools."""

EACH = frozenset({
    "balance", "completeness_error", "engine", "examples", "n_steps", "order_sizes", "orders_below_rounding",
    "reasons", "references_taken", "relative", "remainder", "remainder_of_the_series", "rounding",
    "series_not_known_to_converge", "shares", "spread", "tail_share", "trusted", "zero_maps",
})  # fmt: skip
"""Diagnostics that are lists with one entry per example, or lists of such lists; other values are for all."""

NUMBERS = frozenset({"larger_than_output", "no_dependence", "nothing_shared", "zero_difference"})
"""Diagnostics that are numbers of examples; left out where there are none."""

BY_NUMBER = "remainders"
"""The entry that is a dictionary by the number of the example, as a string."""

LISTS_OF_DIAGNOSTICS = ("each_reference", "parts")

BATCHES = "batches"
"""Where results differ in what holds for all their examples, the entry that says it of each: a list of
``{"examples": how many, "diagnostics": …}`` in the order of the examples."""


class Batched:
    """Mixin of frozen dataclasses with one row per example: `select` and `concat`.

    Of what was computed for a batch as a whole, such as how often the model was evaluated, every part says
    what the batch said.
    """

    example_axes: ClassVar[Mapping[str, int]] = {}
    """Field -> dimension that counts the examples; tuples without tensors have one entry per example. Empty
    where a result is about no batch."""

    def select(self, examples: ExampleIndex) -> Self:
        """Return the result for some of the examples, in the order in which they are named.

        Args:
            examples: A number (negative from the end), a slice, numbers, or a mask (B,) of bools.

        Raises:
            OptionError: If there is no such example, none is chosen, or the result is about no batch.
        """
        batch = batch_of(self)
        index = positions(examples, batch)
        changes = {name: _taken(getattr(self, name), axis, index) for name, axis in self.example_axes.items()}
        diagnostics: dict[str, Any] | None = vars(self).get("diagnostics")
        if diagnostics is not None:
            changes["diagnostics"] = _select_diagnostics(diagnostics, index, batch)
        return dataclasses.replace(cast("Any", self), **changes | self._selected(index))

    @classmethod
    def concat(cls, results: Iterable[Self]) -> Self:
        """Return one result for the examples of several, in their order.

        ``type(r).concat(r.select(i) for i in range(B))`` is ``r`` again.

        Raises:
            OptionError: If there are none, they are of different kinds, or they differ in something that is
                not a matter of the examples, such as the players or the order.
        """
        parts: list[Any] = list(results)
        if not parts or not all(isinstance(part, cls) for part in parts):
            kinds = sorted({type(part).__name__ for part in parts})
            raise OptionError(f"got {', '.join(kinds) or 'no results'}; expected results {cls.__name__}")
        kind = type(parts[0])
        if any(type(part) is not kind for part in parts):
            raise OptionError("results of different types are no parts of one")
        counts = [batch_of(part) for part in parts]
        names = [field.name for field in dataclasses.fields(kind) if field.init]
        columns = {name: [getattr(part, name) for part in parts] for name in names}
        by_example = {*kind.example_axes, "diagnostics"}
        own = kind._concatenated(parts, counts)
        for name in names:
            if name not in by_example | own.keys():
                _require_same(kind, name, columns[name])
        changes = {name: values[0] for name, values in columns.items()}
        for name, axis in kind.example_axes.items():
            if name not in own:
                changes[name] = _joined(name, columns[name], axis)
        if "diagnostics" in columns:
            changes["diagnostics"] = _concat_diagnostics(columns["diagnostics"], counts)
        return kind(**changes | own)

    def _selected(self, index: list[int]) -> dict[str, Any]:
        """Return the fields of these examples that go by a rule of their own."""
        return {}

    @classmethod
    def _concatenated(cls, parts: Sequence[Any], counts: Sequence[int]) -> dict[str, Any]:
        """Return the joined fields that go by a rule of their own."""
        return {}


def in_rows(fields: str) -> dict[str, int]:
    """Return the axes of fields, named as in a named tuple, whose first dimension counts the examples."""
    return dict.fromkeys(fields.split(), 0)


def positions(examples: ExampleIndex, batch: int) -> list[int]:
    """Return which of B examples are meant, as numbers from 0 on.

    Raises:
        OptionError: If there is no such example, or none is chosen.
    """
    if isinstance(examples, slice):
        index = list(range(batch))[examples]
    else:
        try:
            numbers = np.asarray(examples.cpu() if isinstance(examples, Tensor) else examples)
        except (TypeError, ValueError):
            numbers = np.array([None])
        if numbers.dtype == bool and numbers.shape == (batch,):
            numbers = np.flatnonzero(numbers)
        if numbers.dtype.kind not in "iu" and numbers.size or numbers.ndim > 1:
            raise OptionError(
                f"examples={examples!r:.60}; expected a number, a slice, a list of numbers or {batch} bools"
            )
        index = [int(number) for number in numbers.reshape(-1)]
    outside = [number for number in index if not -batch <= number < batch]
    if outside or not index:
        what = f"there is no example {outside[0]}" if outside else "no example is chosen"
        raise OptionError(f"{what}; the result holds {batch}, counted from 0")
    return [number % batch for number in index]


def same(one: Any, other: Any) -> bool:
    """Return whether two values of results are equal to the last bit; NaN is equal to itself."""
    if isinstance(one, Tensor) and isinstance(other, Tensor):
        return (
            one.dtype == other.dtype and one.shape == other.shape and torch.equal(one.isnan(), other.isnan())
        ) and torch.equal(one.nan_to_num(0.0), other.nan_to_num(0.0))
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(value, other[key]) for key, value in one.items())
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, Batched):
        names = [field.name for field in dataclasses.fields(cast("Any", one)) if field.init]
        return all(same(getattr(one, name), getattr(other, name)) for name in names)
    if isinstance(one, float):
        return one == other or (math.isnan(one) and math.isnan(other))
    return bool(one == other)


def batch_of(result: Batched) -> int:
    """Return the number of examples.

    Raises:
        OptionError: If the result is about no batch.
    """
    for name, axis in result.example_axes.items():
        value = getattr(result, name)
        if isinstance(value, Tensor):
            return value.shape[axis]
        if isinstance(value, Batched):
            return batch_of(value)
    raise OptionError(f"a {type(result).__name__} has no examples to choose from or to put together")


def _by_tensor(value: tuple[Any, ...]) -> bool:
    """Return whether a tuple consists of tables of all examples, rather than of one entry per example."""
    return all(isinstance(v, Tensor) or (isinstance(v, Batched) and v.example_axes) for v in value)


def _taken(value: Any, axis: int, index: list[int]) -> Any:
    """Return some examples of a field."""
    if value is None:
        return None
    if isinstance(value, Tensor):
        return value.index_select(axis, torch.tensor(index, device=value.device))
    if isinstance(value, Batched):
        return value.select(index)
    if isinstance(value, dict):
        return {key: _taken(entry, axis, index) for key, entry in value.items()}
    if _by_tensor(value):
        return tuple(_taken(entry, axis, index) for entry in value)
    return tuple(value[i] for i in index)


def _joined(name: str, values: list[Any], axis: int) -> Any:
    """Return a field for all examples."""
    first = values[0]
    if all(value is None for value in values):
        return None
    if any(type(value) is not type(first) for value in values):
        raise OptionError(f"one of the results has no {name}; compute them with the same settings")
    if isinstance(first, Tensor):
        shapes = {(*v.shape[:axis], *v.shape[axis + 1 :]) for v in values}
        if len(shapes) > 1:
            raise OptionError(f"{name} of the results has different shapes for one example: {shapes}")
        return torch.cat(values, axis)
    if isinstance(first, Batched):
        return type(first).concat(values)
    if isinstance(first, dict):
        if any(value.keys() != first.keys() for value in values):
            raise OptionError(f"the results have different entries in {name}")
        return {key: _joined(f"{name}[{key!r}]", [v[key] for v in values], axis) for key in first}
    if all(map(_by_tensor, values)):
        if len({len(value) for value in values}) > 1:
            raise OptionError(f"the results have different numbers of {name}")
        return tuple(_joined(name, list(entries), axis) for entries in zip(*values, strict=True))
    return tuple(entry for value in values for entry in value)


def _require_same(kind: type, name: str, values: list[Any]) -> None:
    """Refuse results that differ in what is not a matter of the examples."""
    for value in values[1:]:
        if not same(values[0], value):
            raise OptionError(
                f"results with {name}={values[0]!r:.60} and {name}={value!r:.60} are no parts of one "
                f"{kind.__name__}; compute them with the same settings"
            )


Path: TypeAlias = tuple[str | int, ...]
"""Where an entry of nested diagnostics is."""


def _leaves(value: Any, path: Path = ()) -> dict[Path, Any]:
    """Return the entries of nested diagnostics by their place."""
    inner: Iterable[tuple[str | int, Any]] = ()
    if isinstance(value, dict) and path[-1:] != (BY_NUMBER,):
        inner = value.items()
    elif isinstance(value, list) and path[-1:] and path[-1] in LISTS_OF_DIAGNOSTICS:
        inner = enumerate(value)
    leaves = {place: leaf for key, entry in inner for place, leaf in _leaves(entry, (*path, key)).items()}
    return leaves if leaves or not path else {path: value}


def _nested(leaves: Mapping[Path, Any]) -> Any:
    """Return the diagnostics with these entries: the way back from `_leaves`."""
    if leaves.keys() == {()}:
        return leaves[()]
    inner = {
        key: {path[1:]: leaf for path, leaf in leaves.items() if path[0] == key}
        for key in dict.fromkeys(path[0] for path in leaves)
    }
    if inner and all(isinstance(key, int) for key in inner):
        return [_nested(entries) for _, entries in sorted(inner.items(), key=lambda pair: int(pair[0]))]
    return {key: _nested(entries) for key, entries in inner.items()}


def _per_example(path: Path, value: Any, batch: int) -> bool:
    """Return whether an entry is about single examples."""
    name = path[-1]
    if name in NUMBERS or name == BY_NUMBER or (isinstance(value, Batched) and value.example_axes):
        return True
    return name in EACH and isinstance(value, list) and (_columns(path, value) or len(value) == batch)


def _columns(path: Path, value: list[Any]) -> bool:
    """Return whether an entry is a list, per baseline, of lists per example: the nodes of several paths."""
    return path[-1] == "n_steps" and bool(value) and all(isinstance(entry, list) for entry in value)


def _select_diagnostics(diagnostics: dict[str, Any], index: list[int], batch: int) -> dict[str, Any]:
    """Return what diagnostics say of some of B examples."""
    whole = {key: value for key, value in diagnostics.items() if key != BATCHES}
    leaves = {}
    for path, value in _leaves(whole).items():
        if not _per_example(path, value, batch):
            leaves[path] = value
            continue
        chosen = _entry_of(path, value, index)
        if chosen is not None:
            leaves[path] = chosen
    runs = [(1, leaves)]
    if BATCHES in diagnostics:
        owner = [k for k, run in enumerate(diagnostics[BATCHES]) for _ in range(run["examples"])]
        said = [_leaves(run["diagnostics"]) for run in diagnostics[BATCHES]]
        runs = [(1, said[owner[i]]) for i in index]
        return _nested(leaves | _of_batches(runs))
    return _nested(leaves)


def _entry_of(path: Path, value: Any, index: list[int]) -> Any:
    """Return an entry for some examples; None where nothing is left to say."""
    if path[-1] in NUMBERS:
        return [new for new, old in enumerate(index) if old in value] or None
    if path[-1] == BY_NUMBER:
        return {str(new): value[str(old)] for new, old in enumerate(index) if str(old) in value} or None
    if isinstance(value, Batched):
        return value.select(index)
    if _columns(path, value):
        return [[column[i] for i in index] for column in value]
    entries = [value[i] for i in index]
    return None if all(entry is None for entry in entries) else entries


def _concat_diagnostics(parts: list[dict[str, Any]], counts: Sequence[int]) -> dict[str, Any]:
    """Return what diagnostics of several results say of all their examples."""
    own = [_leaves({key: v for key, v in part.items() if key != BATCHES}) for part in parts]
    paths = dict.fromkeys(path for leaves in own for path in leaves)
    singular = [
        {
            path
            for path in leaves
            if _per_example(path, leaves[path], count)
        }
        for leaves, count in zip(own, counts, strict=True)
    ]  # fmt: skip
    joined: dict[Path, Any] = {}
    for path in paths:
        if all(path in known or path not in leaves for known, leaves in zip(singular, own, strict=True)):
            joined[path] = _join_entries(path, [leaves.get(path) for leaves in own], counts)
    runs: list[tuple[int, dict[Path, Any]]] = []
    for part, leaves, count in zip(parts, own, counts, strict=True):
        shared = {path: value for path, value in leaves.items() if path not in joined}
        for run in part.get(BATCHES, [{"examples": count, "diagnostics": {}}]):
            runs.append((run["examples"], shared | _leaves(run["diagnostics"])))
    return _nested(joined | _of_batches(runs))


def _join_entries(path: Path, values: list[Any], counts: Sequence[int]) -> Any:
    """Return an entry about single examples for all of them; None stands for a part that says nothing."""
    starts = [0, *accumulate(counts)]
    if path[-1] in NUMBERS:
        return [start + e for start, numbers in zip(starts, values, strict=False) for e in numbers or ()]
    if path[-1] == BY_NUMBER:
        return {
            str(start + int(e)): entry
            for start, entries in zip(starts, values, strict=False)
            for e, entry in (entries or {}).items()
        }
    known = next(value for value in values if value is not None)
    if isinstance(known, Batched):
        return type(known).concat(values)
    if _columns(path, known):
        return [[n for column in columns for n in column] for columns in zip(*values, strict=True)]
    filled = [[None] * count if v is None else v for v, count in zip(values, counts, strict=True)]
    return [entry for value in filled for entry in value]


def _of_batches(runs: list[tuple[int, dict[Path, Any]]]) -> dict[Path, Any]:
    """Return what holds for all runs of examples at its place, and the rest by runs of equal ones."""
    first = runs[0][1]
    paths = dict.fromkeys(path for _, leaves in runs for path in leaves)
    common = {
        path for path in paths
        if all(path in leaves and same(first.get(path), leaves[path]) for _, leaves in runs)
    }  # fmt: skip
    result = {path: first[path] for path in paths if path in common}
    if len(common) == len(paths):
        return result
    rest = [
        (count, {path: leaf for path, leaf in leaves.items() if path not in common}) for count, leaves in runs
    ]
    batches: list[tuple[int, dict[Path, Any]]] = []
    for count, leaves in rest:
        if batches and same(_nested(batches[-1][1]), _nested(leaves)):
            batches[-1] = (batches[-1][0] + count, batches[-1][1])
        else:
            batches.append((count, leaves))
    said = [{"examples": count, "diagnostics": _nested(leaves)} for count, leaves in batches]
    return result | {(BATCHES,): said}
