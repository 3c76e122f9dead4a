"""What a computation depends on, as a digest: tensors, numbers, functions with what they read, modules.

Two digests are made. `fingerprint` holds what can never differ between two processes that do the same, and
marks every block of a checkpoint. `state_digest` looks further, into private attributes, compiled objects and
the code of whole classes, where a model may also keep counters and caches; no digest is better than a wrong
one there, so it is None where it is in doubt.
"""

from __future__ import annotations

import functools
import hashlib
import sys
import sysconfig
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


def state_digest(*parts: Any) -> str | None:
    """Return a digest that sees more of a user's model than `fingerprint` does.

    Private attributes, ``__slots__`` and what an object hands to pickle (the arrays of a compiled tree)
    count; of classes and modules that are not installed packages all methods and class attributes, and the
    constants a function reads as ``module.NAME``.

    Returns:
        The digest; None where an object cannot be walked.
    """
    digest = _WholeDigest()
    try:
        digest.add(parts)
    except Exception:  # properties, descriptors and __reduce__ of strangers may raise anything
        return None
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
        elif isinstance(value, np.ndarray) and value.dtype.names:  # bytes between the fields hold anything
            self._pairs("fields", {name: value[name] for name in value.dtype.names})
        elif isinstance(value, np.ndarray) and value.dtype.hasobject:  # its bytes are addresses
            self.add(value.tolist())
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
        elif isinstance(value, types.FunctionType):
            if not _of_a_library(value):
                self._function(value)
        elif isinstance(value, type):
            self._class(value)
        elif not isinstance(value, types.ModuleType) and not _of_a_library(type(value)):
            self._object(value)

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

    def _object(self, value: Any) -> None:
        self.add(_code_of(type(value), "__call__"))
        self._pairs("attributes", _public(value))

    def _class(self, kind: type) -> None:
        """A class counts by its name."""

    def _function(self, function: types.FunctionType) -> None:
        self.add([function.__code__, function.__defaults__, function.__kwdefaults__])
        read = {name: function.__globals__.get(name) for name in sorted(_names(function.__code__))}
        self._pairs("reads", read | _closure(function))


class _WholeDigest(_Digest):
    """The walk of `state_digest`."""

    def add(self, value: Any) -> None:
        if isinstance(value, (set, frozenset)) and not all(isinstance(v, (str, int, float)) for v in value):
            self.say(f"set of {len(value)};")  # what else prints itself may print its address
        else:
            super().add(value)

    def _module(self, module: nn.Module) -> None:
        super()._module(module)
        private = {k: v for k, v in sorted(vars(module).items()) if k.startswith("_")}
        self._pairs("private", {k: v for k, v in private.items() if k not in _OF_EVERY_MODULE})
        self._code_of_classes(type(module))

    def _object(self, value: Any) -> None:
        attributes = getattr(value, "__dict__", None)
        self._pairs("attributes", dict(sorted((attributes or {}).items())))
        if attributes is None or _pickles_its_own_way(type(value)):
            self._pickled(value)
        self._code_of_classes(type(value))

    def _pickled(self, value: Any) -> None:
        """Add what an object hands to pickle; a lock or a generator hands out nothing."""
        try:
            reduced = value.__reduce_ex__(2)
        except Exception:
            return
        if isinstance(reduced, str):
            return self.add(reduced)
        _, arguments, state, items, pairs = (*reduced[:5], *(None,) * (5 - len(reduced[:5])))
        self.add([arguments, state, list(items or ()), list(pairs or ())])

    def _code_of_classes(self, kind: type) -> None:
        for base in kind.__mro__:
            self.add(base)

    def _class(self, kind: type) -> None:
        if _installed(kind.__module__):
            return
        for name, member in sorted(vars(kind).items()):
            if isinstance(member, (staticmethod, classmethod)):
                member = member.__func__
            elif isinstance(member, property):
                member = member.fget
            elif name.startswith("__") and not isinstance(member, types.FunctionType):
                continue  # __doc__, __module__, __dict__
            self.add([name, member])

    def _function(self, function: types.FunctionType) -> None:
        if _installed(function.__module__):
            self._pairs("reads", _closure(function))
            return
        super()._function(function)
        names = _names(function.__code__)
        for name in sorted(names):
            self._read_from(function.__globals__.get(name), names)

    def _read_from(self, module: Any, names: set[str]) -> None:
        """Add what a function reads out of an imported module of the user's."""
        if not isinstance(module, types.ModuleType) or _installed(module.__name__):
            return
        for name in sorted(names & vars(module).keys()):
            member = vars(module)[name]
            self.add([name, member])
            if member is not module:
                self._read_from(member, names - {name})


_OF_EVERY_MODULE = frozenset(nn.Module().__dict__)
"""Private attributes of every torch module: its tables of parameters, buffers, submodules and hooks."""


@functools.cache
def _installed(module: str | None) -> bool:
    """Whether a module belongs to Python or an installed package, which change only by an installation."""
    top = (module or "builtins").partition(".")[0]
    if top in ("__main__", "__mp_main__"):
        return False
    file = getattr(sys.modules.get(top), "__file__", None)
    places = tuple(sysconfig.get_path(kind) for kind in ("stdlib", "purelib", "platlib"))
    return top == __name__.partition(".")[0] or file is None or file.startswith(places)


def _pickles_its_own_way(kind: type) -> bool:
    ways = ("__getstate__", "__reduce__", "__reduce_ex__", "__slots__")
    return any(way in vars(base) for base in kind.__mro__[:-1] for way in ways)


def _closure(function: types.FunctionType) -> dict[str, Any]:
    """Return the variables of enclosing functions that a function reads; None for one not assigned yet."""
    read = {}
    for cell, name in zip(function.__closure__ or (), function.__code__.co_freevars, strict=True):
        try:
            read[name] = cell.cell_contents
        except ValueError:
            read[name] = None
    return read


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
