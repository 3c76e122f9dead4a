"""Model outputs kept on disk while a long evaluation runs, so that nothing is evaluated twice.

A checkpoint is a folder: ``manifest.json`` says which computation it belongs to, and every ``*.block`` file
holds the outputs of consecutive coalitions of one example behind a checksum that covers the computation,
the place and the numbers. Files are written under a temporary name and renamed. What a digest of the model
cannot see, a sample of the stored outputs does: it is evaluated again before any of them is used.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor

from taylorattr.analysis.game import Game, blocks
from taylorattr.analysis.guards import shaken
from taylorattr.analysis.masking import WORTH_FOLDING, CoalitionValues, coalition_bits
from taylorattr.atomic import replacing
from taylorattr.effects import rounding
from taylorattr.effects.fingerprint import DIGEST_BYTES
from taylorattr.errors import CheckpointError, FallbackWarning, warn
from taylorattr.files import read_json

FORMAT = "taylorattr-checkpoint"
CHECKPOINT_VERSION = 1
MANIFEST = "manifest.json"
BLOCK = re.compile(r"([0-9]{1,18})-([0-9]{1,18})-([0-9]{1,18})\.block")

INTERVAL = 5.0
"""Seconds after which evaluated outputs are written, unless told otherwise."""

LONGEST_BLOCK = 1 << 18
"""Outputs of one file at most: what has waited for a full disk is written without a copy of it all."""

DRAWN = 64
"""Stored outputs of an example that are drawn to be evaluated again, besides those of chosen coalitions."""

MOST_SINGLES = 64
"""Players at most that are looked at alone, and missing alone."""


class Checkpoint:
    """The folder of one computation; a context manager that writes what is pending when it closes.

    A disk that takes no more is no reason to lose what is in memory: it is warned of once, tried again with
    every later block, and what could not be written is evaluated again on resume.

    Args:
        path: The folder; made if it does not exist.
        identity: Digest of everything the outputs depend on (:mod:`taylorattr.effects.fingerprint`).
        probes: Outputs at known points, shape (P,); compared to a tolerance, because they tell apart
            computations that differ in what no digest reaches.
        table: Outputs by example and coalition, shape (examples, columns): filled by `restore`, read when
            blocks are written.
        state: Digest of what else the model is made of, None where it cannot be told; compared where both
            the folder and the caller have one.
        interval: Seconds after which evaluated outputs are written; None: `INTERVAL`.

    Raises:
        CheckpointError: If the folder holds something else, a damaged file, or another computation, or
            cannot be made.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        identity: str,
        probes: Tensor,
        table: Tensor,
        *,
        state: str | None = None,
        interval: float | None = None,
    ) -> None:
        self.path = Path(path)
        self.identity, self.table = identity, table
        self.interval = INTERVAL if interval is None else interval
        self._pending: list[tuple[int, int, int]] = []
        self._warned = False
        self._written = time.monotonic()
        try:
            self._open(probes.detach().to("cpu", torch.float64), state)
        except OSError as error:
            raise CheckpointError(
                f"checkpoint {self.path} cannot be made or read ({error.strerror or error}); choose a path "
                "where files can be written"
            ) from error

    def _open(self, probes: Tensor, state: str | None) -> None:
        manifest = self.path / MANIFEST
        if self.path.exists() and not self.path.is_dir():
            raise CheckpointError(
                f"checkpoint {self.path} is a file; expected a folder, or a path to make one at"
            )
        if not manifest.exists():
            # a process killed while it wrote the manifest leaves the file under its temporary name
            if self.path.is_dir() and any(not _unfinished(f) for f in self.path.iterdir()):
                raise CheckpointError(
                    f"checkpoint {self.path} is a folder without {MANIFEST} that holds other things; "
                    "choose another path"
                )
            self.path.mkdir(parents=True, exist_ok=True)
            content: dict[str, Any] = {
                "format": FORMAT,
                "version": CHECKPOINT_VERSION,
                "identity": self.identity,
                "state": state,
                "columns": self.table.shape[1],
                "examples": self.table.shape[0],
                "probes": [float(v).hex() for v in probes],
            }
            with replacing(manifest) as file:
                file.write(json.dumps(content, indent=1).encode())
            return
        try:
            content = read_json(manifest)
            kind, version, identity = content["format"], content["version"], content["identity"]
            known_state = content.get("state")
            known = torch.tensor([float.fromhex(v) for v in content["probes"]], dtype=torch.float64)
        except Exception as error:  # whatever a foreign manifest brings about
            raise CheckpointError(
                f"{manifest} is damaged ({type(error).__name__}); delete the folder to start afresh"
            ) from error
        if kind != FORMAT or version != CHECKPOINT_VERSION:
            raise CheckpointError(
                f"{manifest} is {kind} version {version}; this release reads {FORMAT} {CHECKPOINT_VERSION}"
            )
        scale = float(probes.abs().max()) if len(probes) else 0.0
        same = known.shape == probes.shape and bool(((known - probes).abs() <= 1e-4 * scale).all())
        same = same and (state is None or known_state is None or known_state == state)
        if identity != self.identity or not same:
            raise CheckpointError(
                f"checkpoint {self.path} belongs to another computation (model parameters or code, inputs, "
                "baselines, target, players, frame, max_order or dtype differ); choose another path, or "
                "delete the folder"
            )

    def restore(self) -> np.ndarray:
        """Fill in what was evaluated before.

        Returns:
            Shape (examples, columns), bool: what is known.

        Raises:
            CheckpointError: If a block is damaged or cannot be read.
        """
        table = self.table
        known = np.zeros(table.shape, dtype=bool)
        for file in sorted(self.path.glob("*.block")):
            match = BLOCK.fullmatch(file.name)
            example, start, stop = map(int, match.groups()) if match else (0, 0, 0)
            try:
                content = file.read_bytes()
            except OSError as error:
                raise CheckpointError(f"{file} cannot be read ({error.strerror or error})") from error
            digest, payload = content[:DIGEST_BYTES], memoryview(content)[DIGEST_BYTES:]
            fits = example < len(table) and start < stop <= table.shape[1]
            fits = fits and len(payload) == (stop - start) * table.element_size()
            if not fits or digest != self._digest(file.name, payload):
                raise CheckpointError(
                    f"{file} is damaged (its checksum does not fit); delete this file: its coalitions will "
                    "be evaluated again and all others kept"
                )
            self._bytes(example, start, stop)[:] = np.frombuffer(payload, dtype=np.uint8)
            known[example, start:stop] = True
        return known

    def add(self, example: int, start: int, stop: int) -> None:
        """Note that the table holds the outputs of these coalitions; they are written every few seconds."""
        if self._pending and self._pending[-1][::2] == (example, start):
            start = self._pending.pop()[1]
        self._pending.append((example, start, stop))
        if time.monotonic() - self._written >= self.interval:
            self.flush()

    def flush(self) -> None:
        """Write what is pending; what cannot be written stays pending, and is warned of once."""
        self._written = time.monotonic()
        try:
            while self._pending:
                example, start, end = self._pending[0]
                stop = min(end, start + LONGEST_BLOCK)
                self._write(example, start, stop)
                self._pending[:1] = [(example, stop, end)] if stop < end else []
        except OSError as error:
            if not self._warned:
                self._warned = True
                warn(
                    f"checkpoint {self.path} cannot be written ({error.strerror or error}); the computation "
                    "goes on in memory and its result is complete, but what is not written would be "
                    "evaluated again on resume. Make room there, or save the result elsewhere",
                    FallbackWarning,
                )

    def _write(self, example: int, start: int, stop: int) -> None:
        name = f"{example}-{start}-{stop}.block"
        payload = self._bytes(example, start, stop).data
        with replacing(self.path / name) as file:
            file.write(self._digest(name, payload))
            file.write(payload)

    def _bytes(self, example: int, start: int, stop: int) -> np.ndarray:
        """Return outputs of the table as the bytes they are, without a copy."""
        return self.table[example, start:stop].view(torch.uint8).numpy()

    def _digest(self, name: str, payload: memoryview) -> bytes:
        state = hashlib.blake2b(self.identity.encode(), digest_size=DIGEST_BYTES)
        state.update(name.encode())
        state.update(payload)
        return state.digest()

    def __enter__(self) -> Self:
        """Return self."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        """Write what is pending, also after an exception or Ctrl-C, which then says where to resume."""
        self.flush()
        if error is not None and not isinstance(error, CheckpointError):
            error.add_note(f"outputs evaluated so far are in {self.path}; the same call goes on from there")


def _unfinished(file: Path) -> bool:
    return file.name.startswith(".") and file.suffix == ".part"


def verify(
    store: Checkpoint, game: Game, masks: Callable[[list[int]], Tensor], known: np.ndarray, example: int
) -> int:
    """Evaluate a seeded sample of an example's stored outputs again: is it still the model that wrote them?

    Looked at are ∅ and N, players alone and missing alone (what a model retrained or reconfigured moves
    first), the last one stored, and 64 drawn ones. Outputs may differ by rounding: 1e3 units of the coarsest
    dtype the model computes in, or 30 times what rounding of its input does to an output. One that differs by
    more is evaluated once more as it was for the table, in large batches with folded players.

    Args:
        store: The checkpoint, restored.
        game: The game.
        masks: The coalitions of some columns (`CoalitionRows.at`).
        known: Which columns of the example are stored, shape (columns,), bool.
        example: Which example.

    Returns:
        How many outputs were evaluated again.

    Raises:
        CheckpointError: If one differs; names the folder, the coalition and both values.
    """
    columns = _sample(known, game.n, seed=int(store.identity[:12], 16) + example)
    if not columns:
        return 0
    stored = store.table[example, columns].double()
    coalitions = masks(columns)
    bits = coalition_bits(coalitions, game.n).to(device=game.device, dtype=game.dtype)
    points = game.points(bits, example)
    with torch.no_grad():
        again = _outputs(game, points, example)
        unit = max(game.scalar.coarsest_eps, 2 * float(rounding.hidden_precision(again)))
        allowed = 1e3 * unit * float(torch.cat([again.double().abs(), stored.abs()]).max())
        spread = (again.double() - stored).abs()
        if bool((spread <= allowed).all()):
            return len(columns)
        # a jump moves by as much under one rounding as under eight; it is no matter of conditioning
        one, eight = ((_outputs(game, shaken(points, k * unit), example) - again).abs() for k in (1, 8))
        allowed = max(allowed, 30 * float(torch.where(eight >= 3 * one, one, 0).max()))
        evaluate = CoalitionValues(game, example, fold=len(known) >= WORTH_FOLDING)
        spread = torch.minimum(spread, (evaluate(coalitions).cpu().double() - stored).abs())
    if bool((spread <= allowed).all()):
        return len(columns)
    k = int(spread.nan_to_num(torch.inf).argmax())
    present = [game.names[i] for i in bits[k].nonzero().reshape(-1).tolist()]
    listed = ", ".join(present[:6]) + (", …" if len(present) > 6 else "")
    raise CheckpointError(
        f"checkpoint {store.path} belongs to another computation: of example {example} with the players "
        f"{{{listed}}} at their input values and the rest at the baseline it holds the output "
        f"{float(stored[k]):.17g}, and the model now gives {float(again[k]):.17g}. Choose another path, or "
        "delete the folder"
    )


def _outputs(game: Game, points: tuple[Tensor, ...], example: int) -> Tensor:
    """Return f at points of one example, in small batches, on the CPU."""
    parts = [tuple(p[part] for p in points) for part in blocks(len(points[0]), rounding.SMALL_BATCH)]
    return torch.cat([game.scalar.values(p, torch.full((len(p[0]),), example)) for p in parts]).cpu()


def _sample(known: np.ndarray, n: int, seed: int) -> list[int]:
    """Return the columns that are evaluated again, sorted; none where nothing is stored."""
    count = int(np.count_nonzero(known))
    if not count:
        return []
    players = np.unique(np.linspace(0, n - 1, min(n, MOST_SINGLES)).astype(np.int64))
    last = len(known) - 1
    if len(known) == 1 << n:
        singles = [1 << int(i) for i in players]
        chosen = [0, last, *singles, *(last - one for one in singles)]
    else:  # by size: ∅, then the players in their order
        chosen = [0, last, *(1 + players).tolist()]
    generator = np.random.default_rng(seed)
    if count <= DRAWN or 16 * count < len(known):
        stored = np.flatnonzero(known)
        drawn = generator.choice(stored, size=min(DRAWN, count), replace=False)
    else:  # positions of all that is stored would take as much memory as the table
        drawn = generator.integers(0, len(known), size=64 * DRAWN)
        drawn = drawn[known[drawn]][:DRAWN]
    wanted = {*chosen, last - int(np.argmax(known[::-1])), *drawn.tolist()}
    return sorted(c for c in wanted if known[c])
