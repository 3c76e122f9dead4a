"""A method of this package as a black box for `probe`."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from taylorattr.criteria.probe.monomials import AttributeFn
from taylorattr.errors import OptionError, TaylorAttrWarning
from taylorattr.methods import attribute
from taylorattr.methods.method import AnyMethod, find


class Shifted(nn.Module):
    """y -> f(b + y), for methods that know no baseline but 0."""

    def __init__(self, f: Callable[[Tensor], Tensor], baseline: Tensor) -> None:
        super().__init__()
        self.f = f
        self.baseline = baseline
        self.eval()

    def forward(self, y: Tensor) -> Tensor:
        """Return the value at b + y."""
        return self.f(self.baseline + y)


def black_box(method: AnyMethod, *, reference_offsets: Any = None, **options: Any) -> AttributeFn:
    """Return a method of this package as ``attribute_fn(f, x, b) -> (n,)``, each call with a fresh seed.

    A method that knows no baseline but 0 is asked about y -> f(b + y).

    Args:
        method: Its name, or a designed rule.
        reference_offsets: For methods over a reference set: references less b, shape (R, n); None: b itself.
        **options: Its options.

    Raises:
        OptionError: No such method, or one that explains a layer and not the input (``grad_cam``).
    """
    entry = find(method)
    if entry.name == "grad_cam":
        raise OptionError(
            "grad_cam explains the positions of a layer, which monomials and single units do not have; "
            "ta.check('grad_cam') says what it does with the cells' effects"
        )
    seeds = itertools.count()

    def of(f: Any, x: Tensor, b: Tensor) -> Tensor:
        seed = next(seeds)
        with warnings.catch_warnings():  # about functions that nobody but the probe has
            warnings.simplefilter("ignore", TaylorAttrWarning)
            return answer(f, x, b, seed)

    def answer(f: Any, x: Tensor, b: Tensor, seed: int) -> Tensor:
        if entry.zero_baseline:
            shifted = Shifted(f, b) if bool(b.any()) else f
            return attribute(entry, shifted, x - b, seed=seed, **options).player_scores[0]
        start = b
        if entry.references:
            # two equal rows are one reference, and no set that was forgotten
            moved = np.zeros((2, x.shape[1])) if reference_offsets is None else np.asarray(reference_offsets)
            start = b + torch.as_tensor(moved, dtype=b.dtype)
        return attribute(entry, f, x, start, seed=seed, **options).player_scores[0]

    return of
