"""What every result shares: plain-data form, files, and refusal of anything that is not one.

A result is a frozen dataclass whose fields are tensors, numbers, strings, tuples of these, JSON-able
dictionaries, or further results. Reading never executes code (no pickle); writing never leaves a
partial file where an older result stood.
"""

from __future__ import annotations

import dataclasses
import importlib
import json
import math
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor

from taylorattr.atomic import replacing
from taylorattr.effects.examples import Batched
from taylorattr.effects.field_types import require_types
from taylorattr.effects.notebook import text_html
from taylorattr.errors import FormatError, MissingExtraError, OptionError, require_instance
from taylorattr.files import parse_json, parsing, read_arrays, read_json, reading
from taylorattr.registry import Registry

FORMAT = "taylorattr-result"
VERSION = 1
HEADER = "header.json"
_DTYPES = {str(d).removeprefix("torch."): d for d in (
    torch.float64, torch.float32, torch.float16, torch.bfloat16,
    torch.int64, torch.int32, torch.int16, torch.uint8, torch.bool,
)}  # fmt: skip

RESULTS: Registry[type[Result]] = Registry("result type")

HOMES: Registry[str] = Registry("result type of another package")
"""Class name -> module that defines it, for results of packages that are imported when they are first needed.

The packages are above this one, so the whole package registers what they define; a name in a file is never
taken for a module.
"""


class Result(Batched):
    """Mixin of the frozen result dataclasses: ``to_dict``, ``from_dict``, ``save``, ``load``.

    Those about a batch can be cut and joined along their examples, `select` and `concat`.

    A subclass is registered under its class name when it is defined. ``load`` and ``from_dict``
    called on ``Result`` itself read any of them.
    """

    def __init_subclass__(cls, abstract: bool = False, **kwargs: Any) -> None:
        """Register the subclass, unless it is a base of results rather than one."""
        super().__init_subclass__(**kwargs)
        if not abstract:
            # dataclass(slots=True) defines a class twice; the second takes the first one's place
            RESULTS.register(cls.__name__, replace=True)(cls)

    def _repr_html_(self) -> str:
        """Return the result for a notebook."""
        return text_html(repr(self))

    def to_dict(self) -> dict[str, Any]:
        """Return the result as nested dictionaries, lists, strings and numbers (valid JSON)."""
        return _encode_result(self, _tensor_as_lists)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Self:
        """Return the result written by :meth:`to_dict`.

        Raises:
            FormatError: If data is not such a dictionary, comes from a later version of the format,
                or holds another type of result.
        """
        with parsing("a taylorattr result"):
            return _checked(cls, _decode_result(data, _tensor_from_lists))

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the result to ``path``: ``.npz`` (compact), ``.json`` (readable) or ``.html`` (a page).

        A page is for people and cannot be loaded again; :func:`taylorattr.report` puts several results into
        one. The file is written under a temporary name and renamed, so a failure leaves an older file as
        it was. Floating-point numbers are kept to the last bit in both formats.

        Returns:
            The path.

        Raises:
            OptionError: If the suffix is none of these.
        """
        require_instance("path", path, (str, os.PathLike), "the path of a file")
        path = Path(path)
        if path.suffix in WRITERS:
            WRITERS[path.suffix](self, path)
            return path
        path = _suffixed(path)
        if path.suffix == ".json":
            payload = json.dumps(self.to_dict(), ensure_ascii=False, allow_nan=False, indent=1).encode()
            with replacing(path) as file:
                file.write(payload)
            return path
        arrays = arrays_of(self)
        with replacing(path) as file:
            np.savez(file, **arrays)  # pyright: ignore[reportArgumentType]
        return path

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Return the result written to ``path`` by :meth:`save`; no code in the file is executed.

        Raises:
            FileError: If the file is damaged, was not written by :meth:`save`, comes from a later
                version of the format, or holds another type of result.
            FileNotFoundError: If there is no such file.
            OptionError: If the suffix is neither ``.npz`` nor ``.json``.
        """
        path = _suffixed(path)
        with reading(path, "a taylorattr result"):
            if path.suffix == ".json":
                result = _decode_result(read_json(path), _tensor_from_lists)
            else:
                result = result_of(read_arrays(path))
            return _checked(cls, result)


def arrays_of(result: Result) -> dict[str, np.ndarray]:
    """Return the arrays of a ``.npz`` file that holds a result: its tensors, and a header with the rest."""
    arrays: dict[str, np.ndarray] = {}

    def put(tensor: Tensor) -> dict[str, Any]:
        name = f"array{len(arrays)}"
        tensor = tensor.detach().cpu()
        if tensor.dtype is torch.bfloat16:  # which numpy does not have: its bits
            arrays[name] = tensor.contiguous().view(torch.int16).numpy()
            return {"array": name, "dtype": "bfloat16"}
        arrays[name] = tensor.numpy()
        return {"array": name}

    header = json.dumps(_encode_result(result, put), ensure_ascii=False, allow_nan=False)
    arrays[HEADER] = np.frombuffer(header.encode(), dtype=np.uint8)
    return arrays


def result_of(arrays: Mapping[str, np.ndarray]) -> Any:
    """Return the result that arrays hold, `arrays_of`; others beside them are passed over.

    Raises:
        FormatError: If they hold none.
    """
    header = parse_json(bytes(arrays[HEADER]).decode())
    return _decode_result(header, lambda node: _tensor_from_array(arrays[node["array"]], node))


def _suffixed(path: str | os.PathLike[str]) -> Path:
    require_instance("path", path, (str, os.PathLike), "the path of a file")
    path = Path(path)
    if path.suffix not in (".npz", ".json"):
        raise OptionError(f"{path} has the suffix {path.suffix!r}; results are kept as .npz or .json")
    return path


def _checked(cls: type[Any], result: Any) -> Any:
    if not isinstance(result, cls):
        raise FormatError(f"this is a {type(result).__name__}, not a {cls.__name__}; load it with that class")
    # entries of dictionaries have no declared types: those that a page needs are found by printing it
    repr(result)
    return result


def _encode_result(result: Any, put: Callable[[Tensor], dict[str, Any]]) -> dict[str, Any]:
    fields = {f.name: _encode(getattr(result, f.name), put) for f in dataclasses.fields(result) if f.init}
    return {"format": FORMAT, "version": VERSION, "type": type(result).__name__, "fields": fields}


def _encode(value: Any, put: Callable[[Tensor], dict[str, Any]]) -> Any:
    if isinstance(value, Result):
        return {"result": _encode_result(value, put)}
    if isinstance(value, Tensor):
        return {"tensor": put(value)}
    if isinstance(value, dict):
        return {"dict": {str(k): _encode(v, put) for k, v in value.items()}}
    if isinstance(value, tuple):
        return {"tuple": [_encode(v, put) for v in value]}
    if isinstance(value, list):
        return [_encode(v, put) for v in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return {"float": str(value)}
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    raise FormatError(
        f"a {type(value).__name__} cannot be saved in a result; use numbers, strings or tensors"
    )


def _decode_result(data: Any, get: Callable[[dict[str, Any]], Tensor]) -> Any:
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        raise FormatError(
            f"not a taylorattr result (no entry format={FORMAT!r}); expected what to_dict() or save() of a "
            "result wrote"
        )
    version = data.get("version")
    if not isinstance(version, int) or not 1 <= version <= VERSION:
        raise FormatError(f"format version {version!r}; this release reads 1 … {VERSION}: upgrade taylorattr")
    cls = _result_type(data.get("type"))
    try:
        fields = {k: _decode(v, get) for k, v in data["fields"].items()}
        require_types(cls, fields)
        return cls(**fields)
    except (FormatError, MissingExtraError):
        raise
    except Exception as error:  # whatever a class says of fields that were never its own
        raise FormatError(f"the fields of this {cls.__name__!r} do not fit together: {error}") from error


def _result_type(name: Any) -> type[Result]:
    """Return the class of that name; its module is imported when it has not been so far."""
    if not isinstance(name, str):
        raise FormatError(f"the type of the result is {name!r:.60}; expected the name of a class of results")
    if name not in RESULTS and name in HOMES:
        importlib.import_module(HOMES[name])
    if name not in RESULTS:
        raise FormatError(
            f"no result is called {name!r}; it may come from a later release: upgrade taylorattr"
        )
    return RESULTS[name]


def _decode(value: Any, get: Callable[[dict[str, Any]], Tensor]) -> Any:
    if isinstance(value, list):
        return [_decode(v, get) for v in value]
    if not isinstance(value, dict):
        return value
    (kind, content), = value.items()  # fmt: skip
    if kind == "result":
        return _decode_result(content, get)
    if kind == "tensor":
        return get(content)
    if kind == "dict":
        return {k: _decode(v, get) for k, v in content.items()}
    if kind == "tuple":
        return tuple(_decode(v, get) for v in content)
    if kind == "float":
        return float(content)
    raise FormatError(f"unknown kind of value {kind!r}")


def _tensor_as_lists(tensor: Tensor) -> dict[str, Any]:
    tensor = tensor.detach().cpu()
    name = str(tensor.dtype).removeprefix("torch.")
    if name not in _DTYPES:
        raise FormatError(f"a tensor of dtype {name} cannot be saved; known: {', '.join(_DTYPES)}")
    flat = tensor.reshape(-1).tolist()
    if tensor.dtype.is_floating_point:
        flat = [v if math.isfinite(v) else str(v) for v in flat]
    return {"dtype": name, "shape": list(tensor.shape), "data": flat}


def _tensor_from_array(array: np.ndarray, node: Mapping[str, Any]) -> Tensor:
    if array.dtype.name not in _DTYPES:
        raise FormatError(f"a tensor of {array.dtype} is not written by taylorattr")
    tensor = torch.from_numpy(array)
    return tensor.view(_DTYPES[node["dtype"]]) if "dtype" in node else tensor


def _tensor_from_lists(node: dict[str, Any]) -> Tensor:
    dtype = _DTYPES[node["dtype"]]
    data = [float(v) for v in node["data"]] if dtype.is_floating_point else node["data"]
    return torch.tensor(data, dtype=dtype).reshape(node["shape"])


WRITERS: Registry[Callable[[Any, Path], None]] = Registry("form of a result")
"""Suffix -> function of the result and the path, which writes the file whole or not at all.

A package above this one registers what it can write; ``.npz`` and ``.json``, which can be read back, are
written by :mod:`taylorattr.effects.result` itself.
"""
