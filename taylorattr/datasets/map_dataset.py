"""``ta.map_dataset``: a task for every example of a data set, by any number of workers, nothing lost."""

from __future__ import annotations

import concurrent.futures as futures
import os
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from torch import Tensor
from tqdm.auto import tqdm

from taylorattr.analysis.players import Players
from taylorattr.datasets import engines
from taylorattr.datasets.dataset_result import DatasetResult
from taylorattr.datasets.job import Answer, Job, Task, job_of, using_threads
from taylorattr.datasets.manifest import data_digest, manifest_of, require_same
from taylorattr.datasets.rows import Data, InputRows, Key, rows_of
from taylorattr.datasets.shards import (
    POLL,
    Piece,
    ShardFolder,
    Sharding,
    identity_of,
    joined,
    manifest_lock,
    plan_in,
    read_manifest,
    write_manifest,
)
from taylorattr.effects.checkpoint import INTERVAL
from taylorattr.errors import (
    CheckpointError,
    OptionError,
    Said,
    TaylorAttrWarning,
    require_instance,
    require_number,
    require_whole_number,
    warn,
)
from taylorattr.memory import available

LARGEST_BATCH = 64
"""Examples of a batch at most, unless told otherwise."""

BATCH_BYTES = 8 << 20
"""Bytes of a batch's results at most, unless one example has more."""

BATCHES_OF_A_SHARD = 8
"""Batches in one file."""


def map_dataset(
    task: Task,
    model: Any,
    data: Data,
    *,
    inputs: Key | Sequence[Key] | None = None,
    each: Mapping[str, Any] | None = None,
    out: str | os.PathLike[str] | None = None,
    batch_size: int | None = None,
    workers: int = 0,
    executor: futures.Executor | None = None,
    engine: Literal["serial", "ray"] = "serial",
    address: str | None = None,
    num_gpus: float = 0,
    num_threads: int = 1,
    save_every: float = INTERVAL,
    show_progress: bool = False,
    **arguments: Any,
) -> DatasetResult:
    """Explain, audit or test a model on every example of a data set.

    Examples are cut into batches, and what is computed for a batch depends on nothing but the batch: results
    are the same to the last bit whatever the engine, the number of workers and the accidents on the way. With
    ``out=`` they are written into a folder, and the same call goes on where it was stopped or killed.

    Args:
        task: ``decompose``, ``harsanyi``, ``attribute``, ``audit``, ``integrated_hessians``,
            ``interactions``, ``reformulate``, ``prune``, a protocol of `taylorattr.evaluation` by its name,
            ``interaction_graph`` (``harsanyi``, or ``decompose`` where ``order=`` is given), or a function of
            model and inputs with such a result.
        model: Module or callable on torch tensors, or prepared; workers need one that pickle takes.
        data: Tensor (N, …) or tuple of tensors, numpy array, DataFrame, path of a ``.npy`` or ``.npz`` file
            (mapped into memory), ``torch.utils.data`` set, or loader that does not shuffle.
        inputs: Which fields of the data are inputs of the model: names of columns or arrays, places in a
            tuple. None: of the items of a torch data set the first, of other data all that ``each`` does not
            take. The columns of a DataFrame make one tensor, in the dtype of the model's parameters.
        each: Arguments that every example has for itself, such as ``target`` or ``baselines``: argument -> a
            field of the data; a tensor, array, list or result with N entries; or a function of a batch of
            inputs.
        out: Folder for the shards; made if it does not exist. None: all results stay in memory.
        batch_size: Examples of one call; None: 64, fewer where the results of one example are large. A folder
            keeps its own.
        workers: Number of worker processes; 0: this process. With Ray of actors, 0 for one per CPU.
        executor: Any ``concurrent.futures.Executor`` instead.
        engine: ``ray``: actors of Ray, on this machine or a cluster.
        address: Of the Ray cluster; None: one that runs, else one is started here for the call.
        num_gpus: GPUs of each Ray actor; above 0 model and inputs are moved there.
        num_threads: Threads of one operation, in this process as in every worker: sums that are split
            otherwise have other last bits.
        save_every: Seconds after which finished batches of an unfinished shard are written.
        show_progress: Whether to show progress with rate and time left.
        **arguments: Of the task, shared by all examples. A ``target`` that is a list or tensor with N entries
            is one per example. A batch draws with ``seed`` plus its number.

    Returns:
        The results, loaded when they are asked for.

    Raises:
        OptionError: If an argument is unknown or out of range.
        CheckpointError: If the folder cannot be written, or belongs to another computation: what differs.
        ShapeError: If fields of the data have different lengths.
        MissingExtraError: If Ray is asked for and not installed.
        ModelError: If a batch killed its worker again and again.
        TaylorAttrError: What the task raises.

    Warns:
        TaylorAttrWarning: What was said of single batches, once per kind; a damaged shard that is computed
            again; a worker that died.

    Example:
        >>> import torch
        >>> effects = map_dataset("harsanyi", lambda x: x[:, 0] * x[:, 1], torch.rand(100, 2), batch_size=40)
        >>> len(effects), effects[:3].values.shape, effects.concat().batch
        (100, torch.Size([3, 4]), 100)
    """
    require_whole_number("workers", workers, 0)
    require_whole_number("num_threads", num_threads)
    require_whole_number("batch_size", batch_size, optional=True)
    require_number("save_every", save_every)
    compute = _engine(workers, executor, engine, address, num_gpus)
    rows = rows_of(data)
    own = dict(each or {})
    target: Any = arguments.get("target")
    one_each = isinstance(target, list) or (isinstance(target, Tensor) and target.ndim == 1)
    if one_each and len(target) == len(rows):
        own["target"] = arguments.pop("target")
    job = job_of(task, model, arguments, own, num_threads)
    examples = InputRows(rows, job.model, inputs, own)
    job = _with_names(job, examples)
    device = "cuda" if num_gpus else None
    if out is None:
        plan = _plan(job, examples, batch_size)
        return _in_memory(job, examples, plan, compute, show_progress)
    require_instance("out", out, (str, os.PathLike), "the path of a folder, or None")
    path = Path(out)
    if path.exists() and not path.is_dir():
        raise CheckpointError(f"out={path} is a file; expected a folder, or a path to make one at")
    with manifest_lock(path):
        known = read_manifest(path)
        if known is not None and batch_size is None and known["data"]["examples"] == len(examples):
            plan = plan_in(known)
        else:
            plan = _plan(job, examples, batch_size)
        asked = manifest_of(job, examples, plan, device=device)
        if known is None:
            write_manifest(path, asked)
        else:
            require_same(path, known, asked)
    with ShardFolder(path, plan, identity_of(asked), save_every) as folder:
        _Run(job, examples, folder, compute, show_progress).run()
    return DatasetResult.open(path)


def _engine(
    workers: int, executor: futures.Executor | None, engine: str, address: str | None, num_gpus: float
) -> engines.Engine:
    if engine not in ("serial", "ray"):
        raise OptionError(f"engine={engine!r}; expected 'serial' or 'ray', and workers= for worker processes")
    if executor is not None:
        require_instance("executor", executor, futures.Executor, "a concurrent.futures.Executor")
    if executor is not None and (workers or engine == "ray"):
        raise OptionError("executor= brings its own workers; leave workers= and engine= out")
    if engine != "ray" and (address is not None or num_gpus):
        raise OptionError("address= and num_gpus= belong to engine='ray'")
    if engine == "ray":
        engines.require_ray()
        return engines.on_ray(workers, address, num_gpus)
    if executor is not None:
        return engines.executor(executor)
    return engines.processes(workers) if workers else engines.serial


def _with_names(job: Job, examples: InputRows) -> Job:
    """Return the job with the columns of a table as players, where nobody said other ones."""
    if not examples.table or "players" in {**job.arguments, **examples.each} or not job.takes("players"):
        return job
    first = examples.batch(0, 1).inputs
    players = Players.elements(first, names=tuple(map(str, examples.inputs)))
    return Job(job.name, job.function, job.model, {**job.arguments, "players": players}, job.num_threads)


def _plan(job: Job, examples: InputRows, batch_size: int | None) -> Sharding:
    """Return how the examples are cut; nothing of it depends on time or on the number of workers."""
    if batch_size is None:
        # the size of a result is known when there is one
        with using_threads(job.num_threads):
            arrays, _ = job.answer(0, examples.batch(0, 1))
        size = sum(array.nbytes for array in arrays.values())
        batch_size = max(
            1, min(LARGEST_BATCH, len(examples), BATCH_BYTES // size, available(size) // (8 * size))
        )
    return Sharding(len(examples), batch_size, BATCHES_OF_A_SHARD)


def _in_memory(
    job: Job, examples: InputRows, plan: Sharding, compute: engines.Engine, show_progress: bool
) -> DatasetResult:
    """Return the results of all batches, held in memory."""
    pieces: dict[int, Piece] = {}
    said: dict[int, list[Said]] = {}

    def requests() -> Iterator[engines.Request]:
        return ((number, examples.batch(*plan.extent(number))) for number in range(plan.batches))

    with tqdm(total=plan.count, unit="example", disable=not show_progress) as bar:
        for number, (arrays, heard) in compute(job, requests()):
            pieces[number], said[number] = Piece(arrays, ()), heard
            start, stop = plan.extent(number)
            bar.update(stop - start)
    _say(said, plan)
    shards = [joined(pieces[number] for number in plan.batches_of(s)).result for s in range(plan.shards)]
    starts = [plan.extent_of(shard)[0] for shard in range(plan.shards)]
    return DatasetResult([lambda result=result: result for result in shards], [*starts, plan.count], job.name)


class _Run:
    """The computation of what a folder lacks."""

    def __init__(
        self, job: Job, examples: InputRows, folder: ShardFolder, compute: engines.Engine, show_progress: bool
    ) -> None:
        self.job, self.examples, self.folder, self.compute = job, examples, folder, compute
        self.plan = folder.plan
        self.left = set(range(self.plan.shards))
        self.digests: dict[int, str] = {}
        self.said: dict[int, list[Said]] = {}
        self.bar = tqdm(total=self.plan.count, unit="example", disable=not show_progress)

    def run(self) -> None:
        """Compute what is missing; shards that another process has are waited for, or taken where it dies."""
        with self.bar:
            while self.left:
                before = set(self.left)
                requests = self._requests()
                answers = self.compute(self.job, requests)
                try:
                    for number, answer in answers:
                        self._take(number, answer)
                finally:
                    close = getattr(answers, "close", None)
                    if close is not None:
                        close()
                if self.left == before:
                    time.sleep(POLL)
        _say(self.said, self.plan)

    def _requests(self) -> Iterator[engines.Request]:
        """Yield the batches that nobody has computed or works on."""
        for shard in sorted(self.left):
            piece = self.folder.stored(shard)
            if piece is not None:
                self._check(shard, piece)
                self._done(shard)
                continue
            if not self.folder.claim(shard):
                continue
            known = self.folder.known(shard)
            for number in self.plan.batches_of(shard):
                batch = self.examples.batch(*self.plan.extent(number))
                digest = data_digest(batch)
                if number in known:
                    if known[number].data == (digest,):
                        self._progress(number)
                        continue
                    self._refuse(number)
                self.digests[number] = digest
                yield number, batch
            if self.folder.complete(shard):
                self.left.discard(shard)

    def _take(self, number: int, answer: Answer) -> None:
        """Take in an answer."""
        arrays, heard = answer
        self.said[number] = heard
        self.folder.put(number, Piece(arrays, (self.digests.pop(number),)))
        self._progress(number)
        if self.folder.complete(number // self.plan.per_shard):
            self.left.discard(number // self.plan.per_shard)

    def _check(self, shard: int, piece: Piece) -> None:
        """Refuse a finished shard of other data."""
        for number, known in zip(self.plan.batches_of(shard), piece.data, strict=True):
            if data_digest(self.examples.batch(*self.plan.extent(number))) != known:
                self._refuse(number)

    def _refuse(self, number: int) -> None:
        start, stop = self.plan.extent(number)
        raise CheckpointError(
            f"out={self.folder.path} belongs to another computation: the examples {start} … {stop - 1} of "
            "the data, or what each of them has for itself, are others there. Choose another folder, or "
            "delete this one"
        )

    def _progress(self, number: int) -> None:
        start, stop = self.plan.extent(number)
        self.bar.update(stop - start)

    def _done(self, shard: int) -> None:
        start, stop = self.plan.extent_of(shard)
        self.bar.update(stop - start)
        self.left.discard(shard)


def _say(said: Mapping[int, Sequence[Said]], plan: Sharding) -> None:
    """Issue the warnings of single batches: of each kind the first, and how many batches have more of it."""
    first: dict[type[TaylorAttrWarning], str] = {}
    counts: Counter[type[TaylorAttrWarning]] = Counter()
    for number in sorted(said):
        start, stop = plan.extent(number)
        where = f"examples {start} … {stop - 1}, counted from 0 there: " if plan.batches > 1 else ""
        for category in dict.fromkeys(category for _, category in said[number]):
            message = next(message for message, kind in said[number] if kind is category)
            first.setdefault(category, where + message)
            counts[category] += 1
    for category, message in first.items():
        others = counts[category] - 1
        warn(message + f". {others} more of {plan.batches} batches likewise" * (others > 0), category)
