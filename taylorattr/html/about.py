"""What was explained and with what: the model, the question, the versions."""

from __future__ import annotations

import platform
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy
import torch
from torch import Tensor, nn

from taylorattr.effects.fingerprint import fingerprint
from taylorattr.html.numbers import amount, count

STRUCTURE = 80
"""Lines of a model's structure that are shown."""

DIGITS = 16
"""Characters of a digest that are shown."""


@dataclass(frozen=True)
class About:
    """The question behind the results, as far as it was said.

    Attributes:
        title: Heading of the page.
        model: A module, a callable, a name, or None.
        inputs: x, a tensor or a tuple of tensors (B, …), or None.
        baselines: b in a form that the library takes, or None.
        target: The target, or None.
        seed: Seed of whatever was drawn, or None.
    """

    title: str
    model: Any = None
    inputs: Any = None
    baselines: Any = None
    target: Any = None
    seed: int | None = None

    def facts(self) -> list[tuple[str, str]]:
        """Return what is known of the question, as pairs of a word and its meaning."""
        return [
            ("model", described_model(self.model)),
            ("target", "not given" if self.target is None else described_target(self.target)),
            ("input", described(self.inputs, "not given")),
            ("baseline", described(self.baselines, "not given")),
            *([] if self.seed is None else [("seed", str(self.seed))]),
        ]

    def structure(self) -> str:
        """Return the layers of a module, "" for anything else."""
        if not isinstance(self.model, nn.Module):
            return ""
        lines = str(self.model).splitlines()
        more = [f"… and {len(lines) - STRUCTURE} more lines"] if len(lines) > STRUCTURE else []
        return "\n".join([*lines[:STRUCTURE], *more])


def described_model(model: Any) -> str:
    """Return a model's class, size and digest; the digest is the same for the same numbers and code."""
    if model is None:
        return "not given"
    if isinstance(model, str):
        return model
    if not isinstance(model, nn.Module):
        name = getattr(model, "__qualname__", type(model).__qualname__)
        return f"{getattr(model, '__module__', '')}.{name}".lstrip(".")
    parameters = list(model.parameters())
    kinds = sorted({str(p.dtype).removeprefix("torch.") for p in parameters})
    size = count(sum(p.numel() for p in parameters), "parameter")
    what = ", ".join([size, *kinds])
    return f"{type(model).__name__}, {what}, digest {fingerprint(model)[:DIGITS]}"


def described_target(target: Any) -> str:
    """Return a target as its caller wrote it."""
    if isinstance(target, Tensor):
        return str(target.tolist())
    if callable(target):
        return getattr(target, "__qualname__", type(target).__qualname__)
    return str(target)


def described(values: Any, absent: str) -> str:
    """Return shape, type, range and digest of tensors; a number as itself."""
    if values is None:
        return absent
    if isinstance(values, (tuple, list)):
        return "; ".join(described(value, "zeros") for value in values)
    if isinstance(values, (int, float)):
        return amount(float(values), False)
    if not isinstance(values, Tensor):
        return str(values)
    kind = str(values.dtype).removeprefix("torch.")
    text = f"{tuple(values.shape)} {kind}"
    if values.numel() and not values.dtype.is_complex:
        numbers = values.detach().double()
        text += f", {amount(float(numbers.min()))} … {amount(float(numbers.max()))}"
    return f"{text}, digest {fingerprint(values)[:DIGITS]}"


def versions() -> list[tuple[str, str]]:
    """Return versions of what wrote the page."""
    own = getattr(sys.modules["taylorattr"], "__version__", "unknown")
    return [
        ("taylorattr", str(own)),
        ("torch", torch.__version__),
        ("numpy", numpy.__version__),
        ("Python", platform.python_version()),
        ("system", f"{platform.system()} {platform.machine()}"),
    ]


def now() -> str:
    """Return date and time of writing, UTC."""
    return datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")


def default_title(model: Any, methods: Sequence[str]) -> str:
    """Return a heading where none is given."""
    if isinstance(model, str):
        return f"What {model} counted"
    if isinstance(model, nn.Module):
        return f"A prediction of {type(model).__name__}, taken apart"
    return f"What {methods[0]} counted" if len(methods) == 1 else "A prediction, taken apart"
