"""The folder of a data set's results: shards on disk that no accident makes lie.

``manifest.json`` says which computation the folder belongs to. Batches are consecutive examples that are
computed together, shards are consecutive batches in one file; the extents of both are fixed by the manifest,
so that a result never depends on time, on the machine or on who computed it. A shard is a file of results
like any other (`taylorattr.Result.load` reads it) with a checksum over the computation, its place, its rows
of the data and all its numbers. While a shard is open its batches are written one by one, every few seconds.
Every file is written under a temporary name and renamed.

Any number of processes may work on one folder: whoever computes a shard holds a lock on it, which the system
releases when the process ends, in whatever way. The lock only saves work; without it both would write the
same bits.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import time
from collections.abc import Generator, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Self

import numpy as np

from taylorattr.atomic import replacing
from taylorattr.effects.fingerprint import DIGEST_BYTES
from taylorattr.effects.result import Result, arrays_of, result_of
from taylorattr.errors import CheckpointError, FallbackWarning, FileError, FormatError, TaylorAttrError, warn
from taylorattr.files import parse_json, read_arrays, read_json, reading

try:
    import fcntl
except ImportError:  # on Windows: two processes compute the same twice
    fcntl = None

FORMAT_OF_FOLDERS = "taylorattr-dataset"
FOLDER_VERSION = 1
MANIFEST_OF_SHARDS = "manifest.json"
LOCKS = ".locks"
ABOUT = "shard.json"
"""The member of a file that says what it is."""

MANIFEST_LOCK = 1 << 40
"""Place of the lock on the manifest, beyond those of all shards."""

POLL = 0.2
"""Seconds between looks at what another process computes."""


@dataclass(frozen=True)
class Sharding:
    """How the examples are cut.

    Attributes:
        count: Number of examples.
        batch_size: Examples of one call.
        per_shard: Batches of one file.
    """

    count: int
    batch_size: int
    per_shard: int

    @property
    def batches(self) -> int:
        """Number of batches."""
        return -(-self.count // self.batch_size)

    @property
    def shards(self) -> int:
        """Number of shards."""
        return -(-self.batches // self.per_shard)

    def extent(self, batch: int) -> tuple[int, int]:
        """Return the first example of a batch and the one after its last."""
        return batch * self.batch_size, min((batch + 1) * self.batch_size, self.count)

    def batches_of(self, shard: int) -> range:
        """Return the batches of a shard."""
        return range(shard * self.per_shard, min((shard + 1) * self.per_shard, self.batches))

    def extent_of(self, shard: int) -> tuple[int, int]:
        """Return the first example of a shard and the one after its last."""
        batches = self.batches_of(shard)
        return self.extent(batches[0])[0], self.extent(batches[-1])[1]


@dataclass(frozen=True)
class Piece:
    """What a file holds: the result of consecutive batches, and the digests of their rows of the data."""

    arrays: Mapping[str, np.ndarray]
    data: tuple[str, ...]

    @property
    def result(self) -> Result:
        """The result."""
        return result_of(self.arrays)


def write_piece(path: Path, piece: Piece, identity: str) -> None:
    """Write a file of results that belongs to a computation.

    Raises:
        OSError: If the disk takes no more; nothing of it is left.
    """
    about = {
        "identity": identity,
        "data": list(piece.data),
        "checksum": _checksum(path.name, piece.arrays, identity, piece.data),
    }
    member = np.frombuffer(json.dumps(about).encode(), dtype=np.uint8)
    with replacing(path) as file:
        np.savez(file, **piece.arrays, **{ABOUT: member})  # pyright: ignore[reportArgumentType]


def read_piece(path: Path, identity: str) -> Piece:
    """Return what a file holds.

    Raises:
        FileError: If it is damaged, or belongs to another computation or place.
        FormatError: The same, where it arises.
        FileNotFoundError: If there is none.
    """
    with reading(path, "a shard"):
        arrays = read_arrays(path)
        about = parse_json(bytes(arrays.pop(ABOUT)).decode())
        data = tuple(about["data"])
        if about["identity"] != identity:
            raise FormatError("it belongs to another computation")
        if about["checksum"] != _checksum(path.name, arrays, identity, data):
            raise FormatError("its checksum does not fit what it holds")
        return Piece(arrays, data)


def _checksum(name: str, arrays: Mapping[str, np.ndarray], identity: str, data: Iterable[str]) -> str:
    state = hashlib.blake2b(digest_size=DIGEST_BYTES)
    state.update("\n".join((identity, name, *data)).encode())
    for key, array in arrays.items():
        state.update(f"{key} {array.dtype.str} {array.shape};".encode())
        state.update(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)
    return state.hexdigest()


def joined(pieces: Iterable[Piece]) -> Piece:
    """Return consecutive pieces as one."""
    parts = list(pieces)
    if len(parts) == 1:
        return parts[0]
    whole = Result.concat([part.result for part in parts])
    return Piece(arrays_of(whole), tuple(digest for part in parts for digest in part.data))


class ShardFolder:
    """The results of one computation on disk; a context manager that writes what is pending when it closes.

    Args:
        path: The folder; made if it does not exist.
        plan: How the examples are cut.
        identity: Digest of the computation.
        interval: Seconds after which the finished batches of an open shard are written.
    """

    def __init__(self, path: Path, plan: Sharding, identity: str, interval: float) -> None:
        self.path, self.plan, self.identity, self.interval = path, plan, identity, interval
        self._open: dict[int, dict[int, Piece]] = {}
        self._unwritten: set[int] = set()
        self._written = time.monotonic()
        self._locks = _Locks(path)

    def file_of(self, shard: int) -> Path:
        """Return where a shard is."""
        return self.path / f"shard-{shard:06d}.npz"

    def _file_of_batch(self, batch: int) -> Path:
        return self.path / f"batch-{batch:06d}.npz"

    def stored(self, shard: int) -> Piece | None:
        """Return a finished shard; None where there is none, or a damaged or foreign one, with a word."""
        return self._read(self.file_of(shard), len(self.plan.batches_of(shard)))

    def _read(self, path: Path, batches: int) -> Piece | None:
        if not path.exists():
            return None
        try:
            piece = read_piece(path, self.identity)
            if len(piece.data) != batches:
                raise FileError(f"{path}: it holds {len(piece.data)} batches; expected {batches}")
        except FileNotFoundError:  # another process has put it into a shard
            return None
        except FileError as error:
            warn(f"{error}; what it should hold is computed again", FallbackWarning)
            return None
        return piece

    def claim(self, shard: int) -> bool:
        """Take a shard, and what others that were killed have finished of it, unless another works on it."""
        if not self._locks.take(shard):
            return False
        if self.file_of(shard).exists() and self.stored(shard) is not None:  # finished by another meanwhile
            self._locks.release(shard)
            return False
        found = {}
        for batch in self.plan.batches_of(shard):
            piece = self._read(self._file_of_batch(batch), 1)
            if piece is not None:
                found[batch] = piece
        self._remove_unfinished(shard)
        self._open[shard] = found
        return True

    def _remove_unfinished(self, shard: int) -> None:
        """Remove files that were being written by a process that was killed: nobody else holds the shard."""
        names = [
            self.file_of(shard).name,
            *(self._file_of_batch(b).name for b in self.plan.batches_of(shard)),
        ]
        for file in self.path.glob(".*.part"):
            if any(file.name.startswith(f".{name}.") for name in names):
                file.unlink(missing_ok=True)

    def known(self, shard: int) -> Mapping[int, Piece]:
        """Return the finished batches of a shard that was claimed."""
        return self._open[shard]

    def put(self, batch: int, piece: Piece) -> None:
        """Take in a batch; open shards are written every few seconds, batch by batch.

        Raises:
            CheckpointError: If the disk takes no more.
        """
        shard = batch // self.plan.per_shard
        self._open[shard][batch] = piece
        self._unwritten.add(batch)
        if not self.complete(shard) and time.monotonic() - self._written >= self.interval:
            self.flush()

    def complete(self, shard: int) -> bool:
        """Write a claimed shard whose batches are all there.

        Returns:
            Whether it is written.

        Raises:
            CheckpointError: If the disk takes no more.
        """
        if shard not in self._open:
            return True
        pieces, batches = self._open[shard], self.plan.batches_of(shard)
        if len(pieces) < len(batches):
            return False
        with self._writing():
            write_piece(self.file_of(shard), joined(pieces[batch] for batch in batches), self.identity)
        del self._open[shard]
        self._unwritten -= set(batches)
        for batch in batches:
            self._file_of_batch(batch).unlink(missing_ok=True)
        self._locks.release(shard)
        return True

    def flush(self) -> None:
        """Write the finished batches of open shards.

        Raises:
            CheckpointError: If the disk takes no more.
        """
        self._written = time.monotonic()
        with self._writing():
            for batch in sorted(self._unwritten):
                piece = self._open[batch // self.plan.per_shard][batch]
                write_piece(self._file_of_batch(batch), piece, self.identity)
                self._unwritten.discard(batch)

    @contextlib.contextmanager
    def _writing(self) -> Generator[None, None, None]:
        try:
            yield
        except OSError as error:
            raise CheckpointError(
                f"{error.filename or self.path} cannot be written ({error.strerror or error}); what is in "
                f"{self.path} is complete as far as it goes: make room, and the same call goes on from there"
            ) from error

    def __enter__(self) -> Self:
        """Return self."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        """Write what is pending, also after an exception or Ctrl-C, which then says how to go on."""
        try:
            if error is None:
                self.flush()
            elif not isinstance(error, CheckpointError):
                with contextlib.suppress(TaylorAttrError):
                    self.flush()
                error.add_note(f"what was finished is in {self.path}; the same call goes on from there")
        finally:
            self._locks.close()


class _Locks:
    """Locks by number on one file; of this process, and gone with it."""

    def __init__(self, path: Path) -> None:
        self._path = path / LOCKS
        self._file: IO[bytes] | None = None

    def take(self, number: int, *, wait: bool = False) -> bool:
        """Take a lock; return whether nobody else has it."""
        if fcntl is None:
            return True
        if self._file is None:
            self._file = open(self._path, "ab")  # as long as a lock is held
        try:
            fcntl.lockf(self._file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB), 1, number)
        except OSError:
            return False
        return True

    def release(self, number: int) -> None:
        """Let others have it."""
        if fcntl is not None and self._file is not None:
            fcntl.lockf(self._file, fcntl.LOCK_UN, 1, number)

    def close(self) -> None:
        """Let others have all."""
        if self._file is not None:
            self._file.close()
            self._file = None


@contextlib.contextmanager
def manifest_lock(path: Path) -> Generator[None, None, None]:
    """Hold the lock on the manifest of a folder, which is made where there is none.

    Raises:
        CheckpointError: If the folder cannot be made.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
        locks = _Locks(path)
        locks.take(MANIFEST_LOCK, wait=True)
    except OSError as error:
        raise CheckpointError(
            f"out={path} cannot be made or read ({error.strerror or error}); choose a folder where files can "
            "be written"
        ) from error
    try:
        yield
    finally:
        locks.close()


def read_manifest(path: Path) -> dict[str, Any] | None:
    """Return the manifest of a folder; None where it is empty.

    Raises:
        CheckpointError: If the folder holds other things, or the manifest is damaged.
    """
    file = path / MANIFEST_OF_SHARDS
    if not file.exists():
        strangers = [f for f in path.iterdir() if f.name != LOCKS and f.suffix != ".part"]
        if strangers:
            raise CheckpointError(
                f"out={path} is a folder without {MANIFEST_OF_SHARDS} that holds other things, such as "
                f"{strangers[0].name}; choose another"
            )
        return None
    try:
        manifest = read_json(file)
        known = manifest["format"] == FORMAT_OF_FOLDERS and manifest["version"] == FOLDER_VERSION
        plan_in(manifest)
        identity_of(manifest)
    except Exception as error:  # whatever a foreign manifest brings about
        raise CheckpointError(
            f"{file} is damaged ({type(error).__name__}); delete the folder to start afresh"
        ) from error
    if not known:
        raise CheckpointError(
            f"{file} is {manifest['format']!r:.40} version {manifest['version']!r:.10}; this release reads "
            f"{FORMAT_OF_FOLDERS} {FOLDER_VERSION}"
        )
    return manifest


def write_manifest(path: Path, manifest: Mapping[str, Any]) -> None:
    """Write the manifest of a folder.

    Raises:
        CheckpointError: If the disk takes no more.
    """
    try:
        with replacing(path / MANIFEST_OF_SHARDS) as file:
            file.write(json.dumps(manifest, indent=1, ensure_ascii=False).encode())
    except OSError as error:
        raise CheckpointError(f"out={path} cannot be written ({error.strerror or error})") from error


def plan_in(manifest: Mapping[str, Any]) -> Sharding:
    """Return how the examples of a folder are cut."""
    plan = manifest["plan"]
    return Sharding(int(plan["count"]), int(plan["batch_size"]), int(plan["per_shard"]))


def identity_of(manifest: Mapping[str, Any]) -> str:
    """Return a digest of what the numbers of a folder depend on."""
    parts = {name: manifest[name] for name in ("task", "model", "settings", "versions", "data", "plan")}
    text = json.dumps(parts, sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=DIGEST_BYTES).hexdigest()
