"""Model outputs kept on disk while a long evaluation runs, so that nothing is evaluated twice.

A checkpoint is a folder: ``manifest.json`` says which computation it belongs to, and every ``*.block`` file
holds the outputs of consecutive coalitions of one example behind a checksum that covers the computation,
the place and the numbers. Files are written under a temporary name and renamed.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import os
import re
import time
import types
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor, nn

from taylorattr.atomic import replacing
from taylorattr.errors import CheckpointError
from taylorattr.files import read_json

FORMAT = "taylorattr-checkpoint"
VERSION = 1
MANIFEST = "manifest.json"
BLOCK = re.compile(r"([0-9]{1,18})-([0-9]{1,18})-([0-9]{1,18})\.block")


class Checkpoint:
    """The folder of one computation; a context manager that writes what is pending when it closes.

    Args:
        path: The folder; made if it does not exist.
        identity: Digest of everything the outputs depend on (:mod:`taylorattr.effects.checkpoint`).
        probes: Outputs at known points, shape (P,); compared to a tolerance, because they tell apart
            computations that differ in what no digest reaches.
        columns: Number of coalitions per example.
        examples: Number of examples.
        interval: Seconds after which evaluated outputs are written.

    Raises:
        CheckpointError: If the folder holds something else, a damaged file, or another computation.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        identity: str,
        probes: Tensor,
        *,
        columns: int,
        examples: int,
        interval: float = 5.0,
    ) -> None:
        self.path = Path(path)
        self.identity = identity
        self.columns, self.examples, self.interval = columns, examples, interval
        self._pending: list[Tensor] = []
        self._example = self._start = 0
        self._written = time.monotonic()
        self._open(probes.detach().to("cpu", torch.float64))

    def _open(self, probes: Tensor) -> None:
        manifest = self.path / MANIFEST
        if self.path.exists() and not self.path.is_dir():
            raise CheckpointError(
                f"checkpoint {self.path} is a file; expected a folder, or a path to make one at"
            )
        if not manifest.exists():
            if self.path.is_dir() and any(self.path.iterdir()):
                raise CheckpointError(
                    f"checkpoint {self.path} is a folder without {MANIFEST} that holds other things; "
                    "choose another path"
                )
            self.path.mkdir(parents=True, exist_ok=True)
            content = {
                "format": FORMAT,
                "version": VERSION,
                "identity": self.identity,
                "columns": self.columns,
                "examples": self.examples,
                "probes": [float(v).hex() for v in probes],
            }
            with replacing(manifest) as file:
                file.write(json.dumps(content, indent=1).encode())
            return
        try:
            content = read_json(manifest)
            kind, version, identity = content["format"], content["version"], content["identity"]
            known = torch.tensor([float.fromhex(v) for v in content["probes"]], dtype=torch.float64)
        except Exception as error:  # whatever a foreign manifest brings about
            raise CheckpointError(
                f"{manifest} is damaged ({type(error).__name__}); delete the folder to start afresh"
            ) from error
        if kind != FORMAT or version != VERSION:
            raise CheckpointError(
                f"{manifest} is {kind} version {version}; this release reads {FORMAT} {VERSION}"
            )
        scale = float(probes.abs().max()) if len(probes) else 0.0
        same = known.shape == probes.shape and bool(((known - probes).abs() <= 1e-4 * scale).all())
        if identity != self.identity or not same:
            raise CheckpointError(
                f"checkpoint {self.path} belongs to another computation (model parameters, inputs, "
                "baselines, target, players, frame, max_order or dtype differ); choose another path, or "
                "delete the folder"
            )

    def restore(self, table: Tensor) -> np.ndarray:
        """Fill in what was evaluated before.

        Args:
            table: Shape (examples, columns); written to.

        Returns:
            Shape (examples, columns), bool: what is known.

        Raises:
            CheckpointError: If a block is damaged.
        """
        known = np.zeros(table.shape, dtype=bool)
        for file in sorted(self.path.glob("*.block")):
            match = BLOCK.fullmatch(file.name)
            example, start, stop = map(int, match.groups()) if match else (0, 0, 0)
            content = file.read_bytes()
            digest, payload = content[:DIGEST_BYTES], content[DIGEST_BYTES:]
            fits = example < self.examples and start < stop <= self.columns
            fits = fits and len(payload) == (stop - start) * table.element_size()
            if not fits or digest != self._digest(file.name, payload):
                raise CheckpointError(
                    f"{file} is damaged (its checksum does not fit); delete this file: its coalitions will "
                    "be evaluated again and all others kept"
                )
            raw = torch.frombuffer(bytearray(payload), dtype=table.dtype)
            table[example, start:stop] = raw
            known[example, start:stop] = True
        return known

    def add(self, example: int, start: int, values: Tensor) -> None:
        """Keep the outputs of the coalitions from position ``start`` on; written every few seconds."""
        waiting = sum(map(len, self._pending))
        if self._pending and (example, start) != (self._example, self._start + waiting):
            self.flush()
        if not self._pending:
            self._example, self._start = example, start
        self._pending.append(values.detach().cpu())
        if time.monotonic() - self._written >= self.interval:
            self.flush()

    def flush(self) -> None:
        """Write what is pending."""
        if self._pending:
            values = torch.cat(self._pending)
            name = f"{self._example}-{self._start}-{self._start + len(values)}.block"
            payload = values.contiguous().view(torch.uint8).numpy().tobytes()
            with replacing(self.path / name) as file:
                file.write(self._digest(name, payload) + payload)
            self._pending = []
        self._written = time.monotonic()

    def _digest(self, name: str, payload: bytes) -> bytes:
        state = hashlib.blake2b(self.identity.encode(), digest_size=DIGEST_BYTES)
        state.update(name.encode())
        state.update(payload)
        return state.digest()

    def __enter__(self) -> Self:
        """Return self."""
        return self

    def __exit__(self, *exception: object) -> None:
        """Write what is pending, also after an exception or Ctrl-C, which goes on unless writing fails."""
        with contextlib.suppress(OSError) if exception[0] is not None else contextlib.nullcontext():
            self.flush()


DIGEST_BYTES = 32

_LIBRARIES = {"torch", "numpy", "math", "builtins", "functools", "itertools", "operator"}
"""Objects of these packages count by their name."""


def fingerprint(*parts: Any) -> str:
    """Return a digest of tensors, numbers, strings, modules, functions and containers of these.

    Tensors and numbers count to the last bit. A function counts by its code, its defaults and the variables
    it reads (closure and globals); a module by its class, the code of its forward, parameters, buffers,
    hooks, submodules and public attributes; another object by its type and public attributes.
    """
    digest = _Digest()
    digest.add(parts)
    return digest.state.hexdigest()


class _Digest:
    def __init__(self) -> None:
        self.state = hashlib.blake2b(digest_size=DIGEST_BYTES)
        self._seen: dict[int, int] = {}
        self._alive: list[Any] = []

    def say(self, text: str) -> None:
        self.state.update(text.encode())

    def add(self, value: Any) -> None:
        if value is None or isinstance(value, (bool, int, float, complex, str, bytes)):
            self.say(f"{type(value).__name__} {value!r};")
        elif isinstance(value, Tensor):
            self._tensor(value)
        elif isinstance(value, (np.ndarray, np.generic)):
            self.say(f"array {value.dtype} {value.shape};")
            self.state.update(np.ascontiguousarray(value).tobytes())
        elif isinstance(value, dict):
            self._pairs("dict", {str(key): item for key, item in value.items()})
        elif isinstance(value, (tuple, list)):
            self.say(f"sequence {len(value)};")
            for item in value:
                self.add(item)
        elif isinstance(value, (set, frozenset)):
            self.say(f"set {sorted(map(repr, value))};")
        elif isinstance(value, types.CodeType):
            self.state.update(value.co_code)
            self.add(value.co_names)
            self.add(value.co_consts)
        else:
            self._once(value)

    def _once(self, value: Any) -> None:
        """Add what may refer to itself; a second meeting counts by its place."""
        if id(value) in self._seen:
            self.say(f"again {self._seen[id(value)]};")
            return
        self._seen[id(value)] = len(self._seen)
        self._alive.append(value)
        name = getattr(value, "__qualname__", type(value).__qualname__)
        self.say(f"object {getattr(value, '__module__', type(value).__module__)} {name};")
        if isinstance(value, nn.Module):
            self._module(value)
        elif isinstance(value, functools.partial):
            self.add([value.func, value.args, value.keywords])
        elif isinstance(value, types.MethodType):
            self.add([value.__func__, value.__self__])
        elif isinstance(value, types.FunctionType) and not _of_a_library(value):
            self._function(value)
        elif not isinstance(value, (type, types.ModuleType, types.FunctionType)) and not _of_a_library(
            type(value)
        ):
            self.add(_code_of(type(value), "__call__"))
            self._pairs("attributes", _public(value))

    def _tensor(self, tensor: Tensor) -> None:
        array = tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy()
        self.say(f"tensor {tensor.dtype} {tuple(tensor.shape)};")
        self.state.update(array.data)

    def _pairs(self, kind: str, pairs: dict[str, Any]) -> None:
        self.say(f"{kind} {len(pairs)};")
        for key, item in pairs.items():
            self.add(key)
            self.add(item)

    def _module(self, module: nn.Module) -> None:
        self.add(getattr(module, "code", None) if isinstance(module, torch.jit.ScriptModule) else None)
        self.add(_code_of(type(module), "forward"))
        self.add([dict(module.named_parameters(recurse=False)), dict(module.named_buffers(recurse=False))])
        self._pairs("attributes", {k: v for k, v in _public(module).items() if k != "training"})
        self.add([list(module._forward_pre_hooks.values()), list(module._forward_hooks.values())])
        self._pairs("children", dict(module.named_children()))

    def _function(self, function: types.FunctionType) -> None:
        self.add([function.__code__, function.__defaults__, function.__kwdefaults__])
        read = {name: function.__globals__.get(name) for name in sorted(_names(function.__code__))}
        for cell, name in zip(function.__closure__ or (), function.__code__.co_freevars, strict=True):
            try:
                read[name] = cell.cell_contents
            except ValueError:  # a name not assigned yet
                read[name] = None
        self._pairs("reads", read)


def _code_of(kind: type, method: str) -> types.CodeType | None:
    function = None if _of_a_library(kind) else getattr(kind, method, None)
    return function.__code__ if isinstance(function, types.FunctionType) else None


def _of_a_library(value: Any) -> bool:
    return (getattr(value, "__module__", None) or "").partition(".")[0] in _LIBRARIES


def _public(value: Any) -> dict[str, Any]:
    return {k: v for k, v in sorted(getattr(value, "__dict__", {}).items()) if not k.startswith("_")}


def _names(code: types.CodeType) -> set[str]:
    inner = [_names(c) for c in code.co_consts if isinstance(c, types.CodeType)]
    return set(code.co_names).union(*inner)
