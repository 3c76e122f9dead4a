"""``captum:DeepLift`` and its kin: captum's classes as recipes for ``ta.audit``."""

from __future__ import annotations

import inspect
import random
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from taylorattr.autodiff.players import Players
from taylorattr.autodiff.rng import preserved_rng
from taylorattr.criteria.attributor import ADAPTERS
from taylorattr.criteria.bound_callable import Binds, binds
from taylorattr.criteria.subject import Exactness
from taylorattr.errors import MissingExtraError, OptionError

EXACTNESS: dict[str, Exactness] = {
    "IntegratedGradients": "quadrature",
    "Saliency": "closed",
    "InputXGradient": "closed",
    "Deconvolution": "closed",
    "GuidedBackprop": "closed",
    "DeepLift": "closed",
    "DeepLiftShap": "closed",
    "LRP": "closed",
    "FeatureAblation": "closed",
    "ShapleyValues": "closed",
    "GradientShap": "sampled",
    "ShapleyValueSampling": "sampled",
    "KernelShap": "sampled",
    "Lime": "sampled",
}
"""The classes that score inputs, and how they compute."""

BY_OPERATIONS = ("DeepLift", "DeepLiftShap", "LRP")
"""Classes whose rules act on operations, so that parts of a model tell where a sum breaks."""

REFERENCES = ("DeepLiftShap", "GradientShap")
"""Classes whose baselines are a set."""


@ADAPTERS.register("captum")
def captum_method(name: str) -> Binds:
    """Return the recipe of one of captum's classes.

    Every call gets random numbers of its own and leaves the global generators as they were. Where the class
    takes a feature mask it is that of the players, and a group's score, which captum repeats on each of its
    elements, is divided among them.

    Args:
        name: Of a class in ``captum.attr``.

    Returns:
        The recipe; further settings go to the class's ``attribute``.

    Raises:
        MissingExtraError: If captum is not installed.
        OptionError: If it has no such class of scores of the inputs.
    """
    try:
        import captum.attr as library
    except ImportError as error:
        raise MissingExtraError(f"captum:{name} needs captum: pip install captum") from error
    if name not in EXACTNESS or not hasattr(library, name):
        raise OptionError(f"captum has no adapter for {name!r}; known: {', '.join(EXACTNESS)}")

    def make(
        model: Callable[..., Any], baselines: Any, target: Any, players: Players, **settings: Any
    ) -> Callable[[Any], Any]:
        method = getattr(library, name)(model)
        known = inspect.signature(method.attribute).parameters
        if "baselines" in known:
            settings["baselines"] = _twice(baselines) if name == "DeepLiftShap" else baselines
        masked = "feature_mask" in known
        draws = iter(range(2**31))

        def scores(rows: Any) -> Any:
            parts = rows if isinstance(rows, tuple) else (rows,)
            given = dict(settings)
            sizes: tuple[Tensor, ...] = ()
            if masked:
                mask, sizes = feature_mask(players, parts)
                given["feature_mask"] = mask if isinstance(rows, tuple) else mask[0]
            with preserved_rng():
                seed = next(draws)
                torch.manual_seed(seed)
                np.random.seed(seed)
                random.seed(seed)
                found = method.attribute(rows, target=target, **given)
            if not sizes:
                return found
            divided = tuple(f / s for f, s in zip(_tuple(found), sizes, strict=True))
            return divided if isinstance(rows, tuple) else divided[0]

        return scores

    nodes = "n_steps" if name == "IntegratedGradients" else None
    return binds(
        make,
        references=name in REFERENCES,
        nodes=nodes,
        exactness=EXACTNESS[name],
        parts=name in BY_OPERATIONS,
        name=f"captum:{name}",
    )


def feature_mask(players: Players, rows: tuple[Tensor, ...]) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
    """Return captum's feature mask of the players, and the size of each element's group.

    Args:
        players: The players; elements of none form one more group.
        rows: Tensors (m, …).

    Returns:
        Masks (1, …) of int64, and sizes (1, …) in the dtype of the rows, one per input tensor.
    """
    total = sum(row[0].numel() for row in rows)
    owner = torch.full((total,), len(players.groups), dtype=torch.int64)
    size = torch.ones(total, dtype=torch.float64)
    for g, group in enumerate(players.groups):
        owner[list(group)], size[list(group)] = g, float(len(group))
    masks, sizes, start = [], [], 0
    for row in rows:
        stop = start + row[0].numel()
        masks.append(owner[start:stop].reshape(1, *row.shape[1:]).to(row.device))
        sizes.append(size[start:stop].reshape(1, *row.shape[1:]).to(row.device, row.dtype))
        start = stop
    return tuple(masks), tuple(sizes)


def _twice(baselines: Any) -> Any:
    """Return one baseline as a set of two equal ones: the class refuses a single row."""
    parts = tuple(b.expand(2, *b.shape[1:]) for b in _tuple(baselines))
    return parts if isinstance(baselines, tuple) else parts[0]


def _tuple(value: Any) -> tuple[Tensor, ...]:
    return value if isinstance(value, tuple) else (value,)
