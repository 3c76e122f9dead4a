"""A digest of everything the outputs of a computation depend on: numbers, parameters, and code."""

from __future__ import annotations

import functools
import hashlib
import types
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

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
