"""Who computes the batches: this process, worker processes, an executor of the user's, or Ray.

An engine takes batches one after another and gives answers in any order. What an answer holds depends on the
job and the batch alone.
"""

from __future__ import annotations

import concurrent.futures as futures
import contextlib
import functools
import hashlib
import importlib
import math
import multiprocessing
import os
import pickle
import tempfile
import threading
from collections import Counter, deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures.process import BrokenProcessPool
from typing import Any, TypeAlias

import torch
from torch import nn

from taylorattr.datasets.job import Answer, Job, using_threads
from taylorattr.datasets.rows import Batch
from taylorattr.errors import FallbackWarning, MissingExtraError, ModelError, OptionError, warn

Request: TypeAlias = tuple[int, Batch]
"""Number of a batch, and the batch."""

Engine: TypeAlias = Callable[[Job, Iterable[Request]], Iterator[tuple[int, Answer]]]

MOST_DEATHS = 3
"""How often a batch may be under way when a worker dies before it is taken for the cause."""

AHEAD = 2
"""Batches that wait for each worker, so that none waits for this process."""


def serial(job: Job, requests: Iterable[Request]) -> Iterator[tuple[int, Answer]]:
    """Compute the batches in this process."""
    for number, batch in requests:
        with using_threads(job.num_threads):
            answer = job.answer(number, batch)
        yield number, answer


# ------------------------------------------------------------------------------------- worker processes


def processes(workers: int) -> Engine:
    """Return the engine of that many processes, started afresh (spawned), which share the model.

    A worker that is killed costs the batches that were under way: they are computed again by new workers.
    """
    return functools.partial(_in_processes, workers)


def _in_processes(workers: int, job: Job, requests: Iterable[Request]) -> Iterator[tuple[int, Answer]]:
    with _mapped_job(job) as file:
        yield from _by_workers(workers, file, requests)


def _by_workers(workers: int, file: str, requests: Iterable[Request]) -> Iterator[tuple[int, Answer]]:
    """Yield the answers of workers that read the job from a file."""
    deaths: Counter[int] = Counter()
    again: deque[Request] = deque()
    source = iter(requests)
    while True:
        under_way: dict[futures.Future[Answer], Request] = {}
        pool = futures.ProcessPoolExecutor(
            workers,
            mp_context=multiprocessing.get_context("spawn"),
            initializer=_start_worker,
            initargs=(file,),
        )
        try:
            yield from _answers(pool, _answer_of_worker, source, again, under_way, AHEAD * workers)
            return
        except BrokenProcessPool:
            again.extend(request for _, request in sorted((r[0], r) for r in under_way.values()))
            deaths.update(number for number, _ in under_way.values())
            _require_lives(deaths, workers)
            warn(
                f"a worker process died; {len(under_way)} batch(es) that were under way are computed again",
                FallbackWarning,
            )
        finally:
            # also of a generator that is closed: nobody waits for what is under way
            started = list((getattr(pool, "_processes", None) or {}).values())
            pool.shutdown(wait=not under_way, cancel_futures=True)
            for process in started if under_way else ():
                process.terminate()


def _answers(
    pool: futures.Executor,
    call: Callable[[int, bytes], Answer],
    source: Iterator[Request],
    again: deque[Request],
    under_way: dict[futures.Future[Answer], Request],
    most: int,
) -> Iterator[tuple[int, Answer]]:
    """Yield answers of a pool that is kept busy with at most that many batches."""
    while True:
        while len(under_way) < most:
            request = again.popleft() if again else next(source, None)
            if request is None:
                break
            try:
                future = pool.submit(call, request[0], pickle.dumps(request[1]))
            except BrokenProcessPool:
                again.appendleft(request)
                raise
            under_way[future] = request
        if not under_way:
            return
        done, _ = futures.wait(under_way, return_when=futures.FIRST_COMPLETED)
        for future in done:
            answer = future.result()  # a broken pool leaves the request among those under way
            number, _ = under_way.pop(future)
            yield number, answer


def _require_lives(deaths: Counter[int], workers: int) -> None:
    """Stop where the same batch is under way whenever a worker dies.

    Raises:
        ModelError: With the batch.
    """
    number, count = deaths.most_common(1)[0] if deaths else (0, MOST_DEATHS)
    if count >= MOST_DEATHS:
        when = f"{count} times while batch {number} was under way" if deaths else "before they had a batch"
        raise ModelError(
            f"worker processes died {when}. A batch may need more memory than there is: pass a smaller "
            f"batch_size=, fewer workers than {workers}, or workers=0 to see what happens. And a script has "
            "to start workers under `if __name__ == '__main__':`"
        )


@contextlib.contextmanager
def _mapped_job(job: Job) -> Generator[str, None, None]:
    """Write the job into a file that all workers map into memory, so that they share its tensors."""
    handle, name = tempfile.mkstemp(prefix="taylorattr-", suffix=".job")
    try:
        with os.fdopen(handle, "wb") as file, _sending():
            torch.save(job, file)
        yield name
    finally:
        os.unlink(name)


@contextlib.contextmanager
def _sending() -> Generator[None, None, None]:
    """Say what to do where a job cannot be sent to another process.

    Raises:
        OptionError: If it cannot.
        OSError: If the disk takes no more.
    """
    try:
        yield
    except OSError:
        raise
    except Exception as error:  # pickle raises whatever the model's own code does
        raise OptionError(
            f"the job cannot be sent to worker processes ({type(error).__name__}: {error}); define the model "
            "and functions at the top level of a module that can be imported, or leave workers= out"
        ) from error


_WORKER: dict[str, Job] = {}
"""The job of this worker process, by the digest of what was sent."""


def _start_worker(file: str) -> None:
    """Take the job, once for a process, and end with the process that started this one."""
    # written a moment ago by the parent; changes of parameters would stay in this process
    job: Job = torch.load(file, mmap=True, weights_only=False)
    _WORKER[""] = job
    torch.set_num_threads(job.num_threads)
    parent = multiprocessing.parent_process()
    if parent is not None:  # one that is killed cannot tell its workers
        threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: Any) -> None:
    parent.join()
    os._exit(1)


def _answer_of_worker(number: int, batch: bytes) -> Answer:
    return _WORKER[""].answer(number, pickle.loads(batch))


# ------------------------------------------------------------------------------- executors of the user's


def executor(pool: futures.Executor) -> Engine:
    """Return the engine of any executor; threads share the model, processes get it with every batch."""
    return functools.partial(_in_executor, pool)


def _in_executor(
    pool: futures.Executor, job: Job, requests: Iterable[Request]
) -> Iterator[tuple[int, Answer]]:
    workers = getattr(pool, "_max_workers", None) or os.cpu_count() or 1
    under_way: dict[futures.Future[Answer], Request] = {}
    if isinstance(pool, futures.ThreadPoolExecutor):
        call: Callable[[int, bytes], Answer] = functools.partial(_answer_of_thread, job)
    else:
        with _sending():
            content = pickle.dumps(job)
        call = functools.partial(_answer_elsewhere, hashlib.blake2b(content).hexdigest(), content)
    # threads that an executor starts later inherit the number of this one
    with using_threads(job.num_threads):
        try:
            yield from _answers(pool, call, iter(requests), deque(), under_way, AHEAD * workers)
        finally:
            for future in under_way:
                future.cancel()


def _answer_of_thread(job: Job, number: int, batch: bytes) -> Answer:
    torch.set_num_threads(job.num_threads)
    return job.answer(number, pickle.loads(batch))


def _answer_elsewhere(digest: str, content: bytes, number: int, batch: bytes) -> Answer:
    """Answer in a process about which nothing is known, which keeps the last job it was sent."""
    if digest not in _WORKER:
        _WORKER.clear()
        _WORKER[digest] = pickle.loads(content)
    job = _WORKER[digest]
    with using_threads(job.num_threads):
        return job.answer(number, pickle.loads(batch))


# ---------------------------------------------------------------------------------------------------- Ray


def on_ray(workers: int, address: str | None, num_gpus: float) -> Engine:
    """Return the engine of Ray actors, each with the model: of this machine or of a cluster."""
    return functools.partial(_on_ray, workers, address, num_gpus)


class _Actor:
    """What a Ray worker is: it holds the job, and is started again where its process dies."""

    def __init__(self) -> None:
        self._job: Job | None = None

    def answer(self, held: list[Any], on_gpu: bool, number: int, batch: Batch) -> Answer:
        """Answer; the job is fetched from the object store at the first call, by an actor made anew too."""
        if self._job is None:
            job: Job = require_ray().get(held[0])
            torch.set_num_threads(job.num_threads)
            if on_gpu and isinstance(job.model, nn.Module):
                job.model.to("cuda")
            self._job = job
        return self._job.answer(number, _moved(batch, "cuda") if on_gpu else batch)


def _moved(value: Any, device: str) -> Any:
    """Return a batch with all its tensors on a device."""
    if isinstance(value, torch.Tensor):
        return value.to(device)
    if isinstance(value, Batch):
        return Batch(_moved(value.inputs, device), _moved(value.own, device), value.start)
    if isinstance(value, dict):
        return {key: _moved(entry, device) for key, entry in value.items()}
    return tuple(_moved(entry, device) for entry in value) if isinstance(value, tuple) else value


def _on_ray(
    workers: int, address: str | None, num_gpus: float, job: Job, requests: Iterable[Request]
) -> Iterator[tuple[int, Answer]]:
    ray = require_ray()
    with _cluster(ray, workers, address):
        there = ray.cluster_resources()
        room = min(there.get("CPU", 1), there.get("GPU", 0) / num_gpus if num_gpus else math.inf)
        count = workers or max(1, int(room))
        options = {"num_cpus": 1, "num_gpus": num_gpus, "max_restarts": -1, "max_task_retries": MOST_DEATHS}
        kind = ray.remote(**options)(_Actor)
        held = ray.put(job)
        actors = [kind.remote() for _ in range(count)]
        source, under_way = iter(requests), {}
        idle = deque(actor for actor in actors for _ in range(AHEAD))
        try:
            while True:
                while idle and (request := next(source, None)) is not None:
                    actor = idle.popleft()
                    reference = actor.answer.remote([held], num_gpus > 0, request[0], ray.put(request[1]))
                    under_way[reference] = (request[0], actor)
                if not under_way:
                    return
                done, _ = ray.wait(list(under_way), num_returns=1)
                number, actor = under_way.pop(done[0])
                idle.append(actor)
                try:
                    arrays, said = ray.get(done[0])
                except ray.exceptions.RayTaskError as error:
                    raise error.cause from error
                except ray.exceptions.RayError as error:
                    raise ModelError(
                        f"batch {number} was not computed in {MOST_DEATHS + 1} attempts, its worker died: "
                        f"{error}; pass a smaller batch_size="
                    ) from error
                # arrays of the object store cannot be written to
                yield number, ({name: array.copy() for name, array in arrays.items()}, said)
        finally:
            for actor in actors:
                ray.kill(actor)


def require_ray() -> Any:
    """Return the module.

    Raises:
        MissingExtraError: If it is not installed.
    """
    try:
        return importlib.import_module("ray")
    except ImportError as error:
        raise MissingExtraError(
            "engine='ray' needs ray, which is not installed: pip install 'taylorattr[ray]'"
        ) from error


@contextlib.contextmanager
def _cluster(ray: Any, workers: int, address: str | None) -> Generator[None, None, None]:
    """Connect to a cluster, or start one on this machine; one that was there before stays."""
    if ray.is_initialized():
        yield
        return
    local = {"include_dashboard": False, "num_cpus": workers or None}
    ray.init(**({"address": address} if address else local), log_to_driver=False, logging_level="ERROR")
    try:
        yield
    finally:
        ray.shutdown()
