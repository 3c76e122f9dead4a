"""Which computation a folder of results belongs to, and in what another one differs."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from taylorattr.aliases import Tensors
from taylorattr.analysis.question import Question
from taylorattr.datasets.job import Job
from taylorattr.datasets.rows import Batch, InputRows
from taylorattr.datasets.shards import FOLDER_VERSION, FORMAT_OF_FOLDERS, Sharding
from taylorattr.effects.fingerprint import fingerprint, state_digest
from taylorattr.errors import CheckpointError, TaylorAttrError, hearing

PROBED = 8
"""Examples at which the model is run again."""

PROBE_TOLERANCE = 1e-4
"""Difference of an output over the largest that is no other model: two machines' float32 differs so."""


def data_digest(batch: Batch) -> str:
    """Return a digest of a batch of the data, its arguments of each example's own included."""
    return fingerprint(batch.inputs, batch.own)


def manifest_of(job: Job, examples: InputRows, plan: Sharding, *, device: str | None) -> dict[str, Any]:
    """Return what the results depend on, as a JSON object.

    Args:
        job: What is computed.
        examples: The data.
        plan: How they are cut.
        device: Where workers put the model; None: where it is.
    """
    sample = examples.batch(0, 1)
    return {
        "format": FORMAT_OF_FOLDERS,
        "version": FOLDER_VERSION,
        "task": {"name": job.name, "code": _code(job.function)},
        "model": fingerprint(job.model),
        "state": state_digest(job.model),
        "settings": {
            name: {"value": _words(value), "digest": fingerprint(value)}
            for name, value in sorted(
                {**job.arguments, "num_threads": job.num_threads, "device": device}.items()
            )
        }
        | {f"each[{name!r}]": {"value": "one per example", "digest": ""} for name in sorted(sample.own)},
        "versions": versions(),
        "data": {"examples": len(examples), "inputs": _shape(sample.inputs)},
        "plan": {"count": plan.count, "batch_size": plan.batch_size, "per_shard": plan.per_shard},
        "probes": [value.hex() for value in probe(job, examples)],
    }


def _code(function: Any) -> str:
    """Return a digest of a function with what it reads; this package's are known by their version."""
    own = (getattr(function, "__module__", None) or "").partition(".")[0] == __name__.partition(".")[0]
    return f"{function.__module__}.{function.__qualname__}" if own else fingerprint(function)


def versions() -> dict[str, str]:
    """Return the versions of what computes the numbers."""
    package = sys.modules[__name__.partition(".")[0]]
    return {"taylorattr": package.__version__, "torch": torch.__version__, "numpy": np.__version__}


def probe(job: Job, examples: InputRows) -> list[float]:
    """Return a weighted sum of the model's outputs at a few examples of the data, NaN where it has none.

    Every output has a weight of its own, so that two that changed places are noticed. A folder holds these
    numbers, and whoever goes on with it computes them again.
    """
    numbers = np.unique(np.linspace(0, len(examples) - 1, min(PROBED, len(examples))).astype(np.int64))
    values = []
    for number in numbers.tolist():
        batch = examples.batch(number, number + 1)
        more = {**job.arguments, **batch.own}.get("additional_forward_args")
        try:
            with hearing():
                question = Question(
                    job.model,
                    batch.inputs,
                    target=_weighted,
                    additional_forward_args=more,
                    dtype=None,
                    integers_allowed=True,
                )
                values.append(float(question.game.f_input[0]))
        except TaylorAttrError:  # a model that the task itself will refuse, or takes in another way
            values.append(float("nan"))
    return values


def _weighted(output: Tensor) -> Tensor:
    flat = output.reshape(len(output), -1)
    weights = torch.linspace(1.0, 2.0, flat.shape[1], dtype=flat.dtype, device=flat.device)
    return (flat * weights).sum(1)


def require_same(path: object, known: Mapping[str, Any], asked: Mapping[str, Any]) -> None:
    """Refuse a folder of another computation.

    Args:
        path: The folder.
        known: Its manifest.
        asked: That of the computation.

    Raises:
        CheckpointError: With what differs.
    """
    differences = list(_differences(known, asked))
    if differences:
        raise CheckpointError(
            f"out={path} belongs to another computation: {'; '.join(differences)}. Choose another folder, or "
            "delete this one"
        )


def _differences(known: Mapping[str, Any], asked: Mapping[str, Any]) -> list[str]:
    """Return in words in what two computations differ."""
    words = []
    if known["task"] != asked["task"]:
        one, other = known["task"]["name"], asked["task"]["name"]
        words.append(
            f"the task is {one} there and {other} here" if one != other else f"the code of {one} changed"
        )
    states = known.get("state"), asked.get("state")
    if known["model"] != asked["model"]:
        words.append("the model has other parameters, buffers or code")
    elif None not in states and states[0] != states[1]:
        words.append("the model has another state beside its parameters, or other code")
    elif not _alike(known.get("probes", []), asked["probes"]):
        words.append("the model gives other outputs for the same examples")
    for kind, name in (("settings", ""), ("versions", "version of ")):
        for key in sorted(known[kind].keys() | asked[kind].keys()):
            one, other = known[kind].get(key), asked[kind].get(key)
            if one != other:
                words.append(f"{name}{key} is {_shown(one)} there and {_shown(other)} here")
    if known["data"] != asked["data"]:
        words.append(f"the data are {_data(known['data'])} there and {_data(asked['data'])} here")
    if known["plan"] != asked["plan"] and known["data"] == asked["data"]:
        words.append(
            f"batch_size is {known['plan']['batch_size']} there and {asked['plan']['batch_size']} here"
        )
    return words


def _alike(known: list[str], asked: list[str]) -> bool:
    one, other = (np.array([float.fromhex(value) for value in values]) for values in (known, asked))
    if one.shape != other.shape:
        return False
    scale = np.nanmax(np.abs(np.concatenate([one, other])), initial=0.0) if np.isfinite(other).any() else 0.0
    both = np.isnan(one) & np.isnan(other)
    return bool((both | (np.abs(one - other) <= PROBE_TOLERANCE * scale)).all())


def _shown(entry: Any) -> str:
    if entry is None:
        return "left out"
    if isinstance(entry, dict):
        return str(entry["value"])
    return str(entry)


def _data(entry: Mapping[str, Any]) -> str:
    return f"{entry['examples']} examples of {entry['inputs']}"


def _words(value: Any) -> str:
    if isinstance(value, Tensor | np.ndarray):
        return f"{str(value.dtype).removeprefix('torch.')} {tuple(value.shape)}"
    if isinstance(value, tuple) and any(isinstance(part, Tensor) for part in value):
        return " and ".join(map(_words, value))
    # an address would differ from process to process
    name = getattr(value, "__qualname__", None)
    simple = value is None or isinstance(value, bool | int | float | str | tuple | list | dict | torch.dtype)
    return name or (repr(value)[:80] if simple else type(value).__name__)


def _shape(inputs: Tensors) -> str:
    parts = inputs if isinstance(inputs, tuple) else (inputs,)
    return " and ".join(f"{str(x.dtype).removeprefix('torch.')} {tuple(x.shape[1:])}" for x in parts)
