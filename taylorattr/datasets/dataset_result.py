"""DatasetResult: the results of a whole data set, in memory or on disk, read a shard at a time."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeAlias, overload

import networkx as nx
import numpy as np
import torch
from torch import Tensor

from taylorattr.attribution import Attribution
from taylorattr.criteria.audit.audit_report import AuditReport
from taylorattr.datasets.shards import ShardFolder, identity_of, plan_in, read_manifest, read_piece
from taylorattr.datasets.statistics import mean_and_deviation, quantiles_of
from taylorattr.effects.coalition_table import CoalitionTable
from taylorattr.effects.examples import ExampleIndex, batch_of, positions
from taylorattr.effects.integrated_hessians import IntegratedHessians
from taylorattr.effects.result import Result
from taylorattr.effects.taylor_effects import TaylorEffects
from taylorattr.errors import CheckpointError, FileError, OptionError, require_instance
from taylorattr.evaluation.protocol_result import Measured
from taylorattr.graphs.dataset_graph import dataset_graph
from taylorattr.many_players.interaction_list import Interactions
from taylorattr.memory import available

Field: TypeAlias = str | Callable[[Any], Tensor] | None
"""Which numbers of every example: a field of the results, a function result -> (B, …), or None: the effects
or scores, of protocols their measures."""

SHARDS_HELD = 2
"""Shards that stay in memory after they were read from disk."""


@dataclass(frozen=True, eq=False, repr=False)
class EffectStatistics(Result):
    """What the effects or scores of a data set are on average, and how they spread.

    Attributes:
        names: Of the M columns.
        count: Number of examples N.
        mean: Shape (M,), float64.
        deviation: Standard deviation over the examples, N − 1 in the denominator, shape (M,).
        levels: Of the quantiles.
        quantiles: Shape (levels, M).
    """

    names: tuple[str, ...]
    count: int
    mean: Tensor
    deviation: Tensor
    levels: tuple[float, ...]
    quantiles: Tensor

    @property
    def standard_error(self) -> Tensor:
        """Of the mean, deviation/√N, shape (M,)."""
        return self.deviation / self.count**0.5

    def __repr__(self) -> str:
        """Show the columns of the largest means with their spread."""
        return self.summary()

    def summary(self, k: int = 10) -> str:
        """Return a text with the k columns whose mean is largest in size."""
        order = self.mean.abs().nan_to_num(-1.0).argsort(descending=True, stable=True)[:k].tolist()
        width = max((len(self.names[i]) for i in order), default=0)
        head = "".join(f"{f'{level:.0%}':>11}" for level in self.levels)
        lines = [f"{self.count} examples, {len(self.names)} columns"]
        lines.append(f"  {'':<{width}} {'mean':>11} {'deviation':>11}{head}")
        for i in order:
            numbers = (self.mean[i], self.deviation[i], *self.quantiles[:, i])
            lines.append(f"  {self.names[i]:<{width}} " + " ".join(f"{float(n):>+10.4g}" for n in numbers))
        return "\n".join(lines)


class DatasetResult(Sequence[Any]):
    """The results of N examples in their order; one example, or some, are results of the task's usual type.

    A folder that :func:`taylorattr.map_dataset` wrote is opened by :meth:`open`. Whatever is asked, at most
    two shards are in memory at a time, unless all is asked for.
    """

    def __init__(self, loaders: Sequence[Callable[[], Result]], extents: Sequence[int], task: str) -> None:
        """Take the shards.

        Args:
            loaders: Return the result of each shard.
            extents: First example of each shard, and the number of all.
            task: Name of the task.
        """
        self.task = task
        self._extents = list(extents)
        self._load = lru_cache(maxsize=SHARDS_HELD)(lambda shard: loaders[shard]())

    @classmethod
    def open(cls, path: str | os.PathLike[str]) -> DatasetResult:
        """Return the results in a folder; nothing is computed.

        Raises:
            FileError: If it is no folder of results.
            CheckpointError: If not all of them are there yet.
        """
        require_instance("path", path, (str, os.PathLike), "the path of a folder")
        folder = Path(path)
        manifest = read_manifest(folder) if folder.is_dir() else None
        if manifest is None:
            raise FileError(f"{folder} is no folder that map_dataset wrote")
        plan, identity = plan_in(manifest), identity_of(manifest)
        store = ShardFolder(folder, plan, identity, 0.0)
        files = [store.file_of(shard) for shard in range(plan.shards)]
        missing = sum(not file.exists() for file in files)
        if missing:
            raise CheckpointError(
                f"{missing} of {plan.shards} shards in {folder} are not there yet; call map_dataset with the "
                "same arguments to compute them"
            )
        loaders = [lambda file=file: read_piece(file, identity).result for file in files]
        starts = [plan.extent_of(shard)[0] for shard in range(plan.shards)]
        return cls(loaders, [*starts, plan.count], str(manifest["task"]["name"]))

    def __len__(self) -> int:
        """Return the number of examples N."""
        return self._extents[-1]

    def shards(self) -> Iterator[Any]:
        """Yield the results of one shard after another, many examples each."""
        for shard in range(len(self._extents) - 1):
            yield self._load(shard)

    def __iter__(self) -> Iterator[Any]:
        """Yield the result of one example after another."""
        for result in self.shards():
            for example in range(batch_of(result)):
                yield result.select(example)

    @overload
    def __getitem__(self, examples: int) -> Any: ...
    @overload
    def __getitem__(self, examples: slice) -> Any: ...
    def __getitem__(self, examples: ExampleIndex) -> Any:
        """Return one result with these examples, in the order in which they are named; see `select`."""
        return self.select(examples)

    def select(self, examples: ExampleIndex) -> Any:
        """Return one result with these examples, in the order in which they are named.

        Args:
            examples: A number (negative from the end), a slice, numbers, or a mask (N,) of bools.

        Raises:
            OptionError: If there is no such example, or none is chosen.
        """
        index = np.array(positions(examples, len(self)))
        owner = np.searchsorted(self._extents, index, side="right") - 1
        parts = []
        for shard in np.unique(owner):
            parts.append(self._load(int(shard)).select(index[owner == shard] - self._extents[shard]))
        whole = type(parts[0]).concat(parts)
        # examples of one shard stand together there; they go back to where they were asked for
        order = np.argsort(np.argsort(owner, kind="stable"), kind="stable")
        return whole if (order == np.arange(len(order))).all() else whole.select(order)

    def concat(self) -> Any:
        """Return one result with all examples; they have to fit into memory."""
        parts = list(self.shards())
        return type(parts[0]).concat(parts)

    def statistics(
        self, of: Field = None, *, quantiles: Sequence[float] = (0.05, 0.5, 0.95)
    ) -> EffectStatistics:
        """Return mean, standard deviation and quantiles over the examples, of every effect or score.

        Args:
            of: Which numbers; see `Field`.
            quantiles: Their levels, each in [0, 1].

        Returns:
            The statistics, exact, from as many passes over the shards as memory asks for.

        Raises:
            OptionError: If the results have no such field, or a level is out of range.
        """
        levels = tuple(float(level) for level in quantiles)
        if not all(0 <= level <= 1 for level in levels):
            raise OptionError(f"quantiles={levels}; expected levels between 0 and 1")

        def blocks() -> Iterable[np.ndarray]:
            return (numbers_of(result, of).flatten(1).numpy() for result in self.shards())

        count, mean, deviation = mean_and_deviation(blocks())
        entries = max(available() // 64, 1 << 16)
        table = quantiles_of(blocks, count, len(mean), levels, entries)
        tables = (torch.from_numpy(array) for array in (mean, deviation, table))
        names = names_of(self._load(0), of, len(mean))
        return EffectStatistics(names, count, next(tables), next(tables), levels, next(tables))

    def interaction_graph(self, **options: Any) -> nx.Graph:
        """Return the mean interaction graph with intervals over the examples.

        Args:
            **options: Of `taylorattr.graphs.dataset_graph`: index, present, top, threshold, min_share, level,
                n_bootstrap, seed, of_truncated.

        Raises:
            OptionError: If an option is out of range, or the results have no graph.
        """
        return dataset_graph(_Shards(self), **options)

    def summary(self, k: int = 10) -> str:
        """Return a text with the k effects or scores largest on average, and their spread."""
        return f"{self!r}\n{self.statistics().summary(k)}"

    def __repr__(self) -> str:
        """Show what it holds."""
        kind, shards = type(self._load(0)).__name__, len(self._extents) - 1
        return f"DatasetResult of {self.task}: {len(self)} examples ({kind}) in {shards} shard(s)"


class _Shards(Sequence[Any]):
    """The shards as a sequence that is read one by one: a graph keeps pairs, not effects."""

    def __init__(self, whole: DatasetResult) -> None:
        self._whole = whole

    def __len__(self) -> int:
        return len(self._whole._extents) - 1

    def __getitem__(self, shard: Any) -> Any:
        if not 0 <= shard < len(self):
            raise IndexError(shard)
        return self._whole._load(shard)


def numbers_of(result: Any, of: Field) -> Tensor:
    """Return numbers of every example, shape (B, …), float64.

    Raises:
        OptionError: If the result has no such field.
    """
    if callable(of):
        return of(result).detach().cpu().double()
    if of is None and isinstance(result, Measured):
        return torch.stack([result.measure(name) for name in result.measures], dim=1)
    if isinstance(result, Interactions) and of in (None, "values", "errors", "status"):
        raise OptionError(
            "which coalitions were looked at differs by example: read .concat(), or give a function"
        )
    name = of or _usual_field(result)
    values = getattr(result, name, None)
    if not isinstance(values, Tensor) or values.shape[:1] != (batch_of(result),):
        raise OptionError(f"a {type(result).__name__} has no {name!r} of every example")
    return values.detach().cpu().double().reshape(len(values), -1)


def _usual_field(result: Any) -> str:
    if isinstance(result, CoalitionTable | TaylorEffects | IntegratedHessians):
        return "values"
    if isinstance(result, Attribution):
        return "player_scores"
    if isinstance(result, AuditReport):
        return "player_leak"
    raise OptionError(f"say which numbers of a {type(result).__name__} are meant: of=")


def names_of(result: Any, of: Field, columns: int) -> tuple[str, ...]:
    """Return what the columns of `numbers_of` are called; numbers where they have no names."""
    names: Sequence[str] = ()
    if of is None and isinstance(result, Measured):
        names = result.measures
    elif of in (None, "values") and isinstance(result, CoalitionTable | TaylorEffects):
        names = [result.label(column) for column in range(columns)]
    elif of in (None, "values") and isinstance(result, IntegratedHessians):
        names = [f"{one} × {other}" for one in result.names for other in result.names]
    elif columns == len(getattr(result, "names", ())):
        names = result.names
    elif columns == 1 and isinstance(of, str):
        names = (of,)
    return tuple(names) if len(names) == columns else tuple(map(str, range(columns)))
