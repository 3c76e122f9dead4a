"""A fitted MIP-IN in a file: settings and weights of the inverses, never the model nor any data."""

from __future__ import annotations

import json
import math
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from taylorattr.atomic import replacing
from taylorattr.errors import FileError, FormatError, OptionError, require_instance
from taylorattr.files import parse_json, read_arrays, reading
from taylorattr.memory import available
from taylorattr.methods.extra.mip_in.chain import Chain
from taylorattr.methods.extra.mip_in.inverses import FittedInverse, weight_shapes
from taylorattr.methods.extra.mip_in.signals import Inverses

FORMAT, VERSION, HEADER = "taylorattr-mip-in", 1, "header.json"

WHAT = "a fitted MIP-IN"


@dataclass(frozen=True)
class Saved:
    """What a file holds.

    Attributes:
        settings: Arguments of the object.
        fingerprint: Of the model's chain.
        input_shape: Of one example.
        errors: Relative error of every fitted inverse.
        samples: Number of examples it was fitted to.
        arrays: ``weight0``, ``bias0``, … by position in the chain.
    """

    settings: dict[str, Any]
    fingerprint: str
    input_shape: tuple[int, ...]
    errors: dict[str, float]
    samples: int
    arrays: dict[str, np.ndarray]


def write_fitted(
    path: str | os.PathLike[str],
    inverses: Inverses,
    settings: dict[str, Any],
    errors: dict[str, float],
    samples: int,
) -> Path:
    """Write a fitted object whole or not at all.

    Returns:
        The path.

    Raises:
        OptionError: If the suffix is not ``.npz``.
    """
    place = _npz(path)
    arrays: dict[str, np.ndarray] = {}
    for i, inverse in inverses.fitted.items():
        for name, tensor in ((f"weight{i}", inverse.weight), (f"bias{i}", inverse.bias)):
            if tensor is not None:
                arrays[name] = tensor.cpu().numpy()
    header = {
        "format": FORMAT,
        "version": VERSION,
        "settings": settings,
        "fingerprint": inverses.chain.fingerprint(),
        "input_shape": list(inverses.chain.input_shape),
        "errors": errors,
        "samples": samples,
    }
    text = json.dumps(header, ensure_ascii=False, allow_nan=False)
    arrays[HEADER] = np.frombuffer(text.encode(), dtype=np.uint8)
    with replacing(place) as file:
        np.savez(file, **arrays)  # pyright: ignore[reportArgumentType]
    return place


def read_fitted(path: str | os.PathLike[str]) -> Saved:
    """Return what a file holds; nothing in it is executed.

    Raises:
        FileError: If it is damaged or too large.
        FormatError: As that.
        FileNotFoundError: If there is no such file.
        OptionError: If the suffix is not ``.npz``.
    """
    place = _npz(path)
    with reading(place, WHAT):
        arrays = read_arrays(place)
        header = parse_json(bytes(arrays.pop(HEADER)).decode())
        if header["format"] != FORMAT:
            raise FormatError(f"the format is {header['format']!r:.60}, not {FORMAT}")
        if header["version"] != VERSION:
            raise FormatError(f"format version {header['version']!r:.60}; this release reads {VERSION}")
        saved = Saved(
            settings=header["settings"],
            fingerprint=header["fingerprint"],
            input_shape=tuple(header["input_shape"]),
            errors=header["errors"],
            samples=header["samples"],
            arrays=arrays,
        )
        _require_sound(saved)
    return saved


def inverses_of(saved: Saved, chain: Chain, path: str | os.PathLike[str]) -> Inverses:
    """Return the inverses in a file for the chain of the model that was given beside it.

    Raises:
        FileError: If the file belongs to another model, or its weights do not fit.
        FormatError: As that.
    """
    if chain.fingerprint() != saved.fingerprint:
        raise FileError(
            f"{path} was fitted to another model: operations or weights differ (a model trained further is "
            "another one). Load it with that model, or fit anew"
        )
    fitted = {}
    with reading(path, WHAT):
        names = set(saved.arrays)
        for i, layer in enumerate(chain.layers):
            if layer.kind not in ("linear", "convolution"):
                continue
            weight_shape, bias_shape = weight_shapes(layer)
            bias = None
            if saved.settings["bias"]:
                bias = _tensor(saved.arrays, f"bias{i}", bias_shape, chain)
                names.discard(f"bias{i}")
            fitted[i] = FittedInverse(_tensor(saved.arrays, f"weight{i}", weight_shape, chain), bias)
            names.discard(f"weight{i}")
        if names:
            raise FormatError(f"it holds {min(names)!r:.60}, which belongs to no layer")
        return Inverses(chain, fitted, saved.settings["local"], saved.settings["pool"])


def _tensor(arrays: dict[str, np.ndarray], name: str, shape: tuple[int, ...], chain: Chain) -> Tensor:
    """Return weights of the shape and dtype of a layer."""
    if name not in arrays:
        raise FormatError(f"it lacks {name}")
    tensor = torch.from_numpy(arrays[name])
    if tensor.shape != shape or tensor.dtype != chain.dtype:
        raise FormatError(
            f"{name} is {tuple(tensor.shape)} of {tensor.dtype}; expected {shape} of {chain.dtype}"
        )
    if not bool(tensor.isfinite().all()):
        raise FormatError(f"{name} holds NaN or infinity")
    return tensor.to(chain.device)


def _require_sound(saved: Saved) -> None:
    """Refuse a header whose entries are of another kind than they should be.

    Raises:
        FormatError: If one is, or announces inputs that no memory holds.
    """
    shape = saved.input_shape
    numbers = all(isinstance(size, int) and not isinstance(size, bool) and size > 0 for size in shape)
    if not shape or not numbers or 64 * math.prod(shape) > available(64 * math.prod(shape)):
        raise FormatError(f"the inputs' shape is {shape!r:.60}")
    for what, value, kind in (
        ("settings", saved.settings, dict),
        ("fingerprint", saved.fingerprint, str),
        ("errors", saved.errors, dict),
        ("samples", saved.samples, int),
    ):
        require_instance(what, value, kind, f"a {kind.__name__}")
    for error in saved.errors.values():
        require_instance("errors", error, (int, float), "numbers")


def _npz(path: str | os.PathLike[str]) -> Path:
    require_instance("path", path, (str, os.PathLike), "the path of a file")
    place = Path(path)
    if place.suffix != ".npz":
        raise OptionError(f"{place}: a fitted MIP-IN is kept as .npz")
    return place
