"""``captum:DeepLift`` and its kin: captum's classes as recipes for ``ta.audit``."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from taylorattr.analysis.players import Players
from taylorattr.compat.adapters.draws import SEEDS, fresh_draws
from taylorattr.criteria.audit.attributor import ADAPTERS, Binds, binds
from taylorattr.errors import BudgetError, MissingExtraError, OptionError
from taylorattr.methods.method import Exactness

EXACTNESS: dict[str, Exactness] = {
    "IntegratedGradients": "quadrature",
    "Saliency": "closed",
    "InputXGradient": "closed",
    "Deconvolution": "closed",
    "GuidedBackprop": "closed",
    "DeepLift": "closed",
    "DeepLiftShap": "closed",
    "LRP": "closed",
    "GuidedGradCam": "closed",
    "FeatureAblation": "closed",
    "Occlusion": "closed",
    "ShapleyValues": "closed",
    "GradientShap": "sampled",
    "ShapleyValueSampling": "sampled",
    "KernelShap": "sampled",
    "Lime": "sampled",
}
"""The classes that score inputs, and how they compute."""

NO_SCORES = {
    "FeaturePermutation": "permutes a feature among the rows of a batch: no row has scores of its own",
    "NoiseTunnel": "wraps another class: bind both in make= of ta.binds",
}
"""Classes without an adapter, and why."""

MOST_PLAYERS_IN_ALL_ORDERS = 8
"""Most players (8! = 40,320 orders) that ``ShapleyValues``, which goes through n! orders, is asked about."""

PERTURBED_ROWS_PER_CALL = 1024
"""Rows per call of the model, where a class can join several perturbations of a batch."""

ROW_BY_ROW = ("KernelShap", "Lime")
"""Classes that fit a model of its own to every row."""

BY_OPERATIONS = ("InputXGradient", "DeepLift", "DeepLiftShap", "LRP")
"""Classes whose rules act on operations, so that parts of a model tell where a sum breaks."""

REFERENCES = ("DeepLiftShap", "GradientShap")
"""Classes whose baselines are a set."""


@ADAPTERS.register("captum")
def captum_method(name: str) -> Binds:
    """Return the recipe of one of captum's classes.

    Every call gets random numbers of its own and leaves the global generators as they were. Where the class
    takes a feature mask it is that of the players, and a group's score, which captum repeats on each of its
    elements, is divided among them. Classes that perturb inputs get as many perturbations per call of the
    model as `PERTURBED_ROWS_PER_CALL` allows, which changes no number. ``Occlusion`` needs
    ``sliding_window_shapes=``, and ``GuidedGradCam`` a ``layer=``, by its path.

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
    if name in NO_SCORES:
        raise OptionError(f"captum:{name} {NO_SCORES[name]}")
    if name not in EXACTNESS or not hasattr(library, name):
        raise OptionError(f"captum has no adapter for {name!r}; known: {', '.join(EXACTNESS)}")

    def make(
        model: Callable[..., Any], baselines: Any, target: Any, players: Players, **settings: Any
    ) -> Callable[[Any], Any]:
        _affordable(name, players)
        layers = (_layer(model, settings.pop("layer", None)),) if name == "GuidedGradCam" else ()
        method = getattr(library, name)(model, *layers)
        known = inspect.signature(method.attribute).parameters
        settings = _checked(name, settings, known)
        if "baselines" in known:
            settings["baselines"] = _twice(baselines) if name == "DeepLiftShap" else baselines
        takes_mask = "feature_mask" in known
        seeds = iter(SEEDS)

        def scores(rows: Any) -> Any:
            parts = rows if isinstance(rows, tuple) else (rows,)
            options = dict(settings)
            group_sizes: tuple[Tensor, ...] = ()
            if takes_mask:
                mask, group_sizes = feature_mask(players, parts)
                options["feature_mask"] = mask if isinstance(rows, tuple) else mask[0]
            if "perturbations_per_eval" in known:
                options.setdefault("perturbations_per_eval", max(PERTURBED_ROWS_PER_CALL // len(parts[0]), 1))
            with fresh_draws(seeds):
                attributions = method.attribute(rows, target=target, **options)
            if not group_sizes:
                return attributions
            # captum repeats a group's score on each of its elements, an audit adds up the elements
            divided = tuple(a / s for a, s in zip(_tuple(attributions), group_sizes, strict=True))
            return divided if isinstance(rows, tuple) else divided[0]

        return scores

    nodes = "n_steps" if name == "IntegratedGradients" else None
    return binds(
        make,
        references=name in REFERENCES,
        nodes=nodes,
        exactness=EXACTNESS[name],
        parts=name in BY_OPERATIONS,
        compared=3 if name == "ShapleyValues" else 24,
        row_by_row=name in ROW_BY_ROW,
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


def _affordable(name: str, players: Players) -> None:
    """Refuse a class whose cost cannot be paid.

    Raises:
        BudgetError: If captum would go through the orders of too many players.
    """
    n = len(players.groups)
    if name == "ShapleyValues" and n > MOST_PLAYERS_IN_ALL_ORDERS:
        raise BudgetError(
            f"captum:ShapleyValues asks for all {n}! = {math.factorial(n):.2g} orders of {n} players (limit "
            f"{MOST_PLAYERS_IN_ALL_ORDERS}); group elements with players=, or audit "
            "captum:ShapleyValueSampling, or shapley, which needs 2^n values"
        )


def _checked(name: str, settings: dict[str, Any], known: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings of the class, lists as the tuples that captum expects."""
    for setting in settings:
        if setting not in known and "kwargs" not in known:
            raise OptionError(f"captum:{name} has no setting {setting!r}; it has: {', '.join(known)}")
    if name == "Occlusion" and "sliding_window_shapes" not in settings:
        raise OptionError(
            "captum:Occlusion needs sliding_window_shapes=, the shape of its window for one example, such as "
            "(1, 7, 7)"
        )
    return {key: tuple(value) if isinstance(value, list) else value for key, value in settings.items()}


def _layer(model: Any, path: Any) -> nn.Module:
    """Return the layer at a path such as ``features.3``.

    Raises:
        OptionError: If there is none.
    """
    layers = dict(model.named_modules()) if isinstance(model, nn.Module) else {}
    path = str(path)  # a digit, from the command line, is a name here
    if path not in layers:
        raise OptionError(
            f"captum:GuidedGradCam: layer={path} is no layer of the model; expected one of: "
            f"{', '.join(key for key in layers if key)}"
        )
    return layers[path]


def _twice(baselines: Any) -> Any:
    """Return one baseline as a set of two equal ones: the class refuses a single row."""
    parts = tuple(b.expand(2, *b.shape[1:]) for b in _tuple(baselines))
    return parts if isinstance(baselines, tuple) else parts[0]


def _tuple(value: Any) -> tuple[Tensor, ...]:
    return value if isinstance(value, tuple) else (value,)
