"""What any method says of each element, for protocols that compare maps with each other or with a place."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn

from taylorattr.aliases import AnyTarget, Tensors
from taylorattr.analysis.game import blocks
from taylorattr.attribution import Attribution
from taylorattr.errors import OptionError, ShapeError, ZeroDifferenceWarning, require_instance
from taylorattr.evaluation.followed_output import Followed, follow
from taylorattr.evaluation.ranking import score_tensor
from taylorattr.evaluation.region_scores import Maps
from taylorattr.program.isolate import untouched

Method: TypeAlias = Callable[[Any, Any], Any]
"""(inputs, target) -> map: of this library, another one, or the user's own."""

Factory: TypeAlias = Callable[[nn.Module], Method]
"""model -> method: for protocols that change the model and want the map of what it has become."""

ROWS_OF_CLASSES = 256
"""Examples per call where classes are read from a model."""


def method_map(maps: Maps, inputs: Tensors, target: Any) -> tuple[Tensor, str]:
    """Return a map with one number per place and its method's name.

    Args:
        maps: A method, called once with all inputs; an Attribution; or a map itself.
        inputs: Tensor (B, …) or tuple of them.
        target: What a method is called with.

    Returns:
        float64 on the CPU: (B, H, W) for images (B, …, H, W), the signed sum over channels; (B, n) for
        anything else, several input tensors beside each other.

    Raises:
        ShapeError: If the map does not fit the inputs.
        NonFiniteError: If a number of it is NaN or infinite.
    """
    name = "map"
    if not isinstance(maps, Attribution) and callable(maps):
        name = getattr(maps, "__name__", type(maps).__name__)
        maps = maps(inputs, target)
    if isinstance(maps, Attribution):
        name, scores = maps.method, maps.scores
        maps = maps.player_scores if scores is None else scores
    parts = inputs if isinstance(inputs, tuple) else (inputs,)
    if isinstance(maps, tuple) and len(maps) == len(parts):
        flat = [_placed(values, x) for values, x in zip(maps, parts, strict=True)]
        return (flat[0] if len(flat) == 1 else torch.cat([f.flatten(1) for f in flat], 1)), name
    if isinstance(maps, (tuple, str)) or maps is None:
        raise ShapeError(
            f"the map is a {type(maps).__name__}; expected an Attribution, a tensor or array shaped like the "
            "inputs, or a method (x, target) -> such a map"
        )
    return _placed(maps, parts[0]), name


def _placed(values: Any, x: Tensor) -> Tensor:
    """Return one number per place of a map of one input tensor."""
    flat = score_tensor(values, "the maps").detach().cpu().double()
    if len(flat) != len(x):
        raise ShapeError(f"the map has {len(flat)} rows, the inputs {len(x)}; expected one map per example")
    if flat.ndim == 2:
        return flat
    if x.ndim >= 4 and flat.shape == x.shape:
        return flat.flatten(1, -3).sum(1)
    one_channel = (len(x), 1, *x.shape[-2:])
    if x.ndim >= 4 and flat.shape in (one_channel, (len(x), *x.shape[-2:])):
        return flat.reshape(len(x), *x.shape[-2:])
    if flat.shape == x.shape:
        return flat if x.ndim == 3 else flat.flatten(1)
    if flat.shape == (len(x),) and x.ndim == 1:
        return flat[:, None]
    raise ShapeError(
        f"the map has shape {tuple(flat.shape)}; expected that of the inputs, {tuple(x.shape)}, one number "
        "per pixel, or (B, n), one per player"
    )


def image_maps(maps: Tensor, protocol: str) -> Tensor:
    """Return maps that are known to be images, (B, H, W).

    Raises:
        ShapeError: If they are not.
    """
    if maps.ndim != 3:
        raise ShapeError(
            f"{protocol} needs maps of images, (B, H, W); the map has shape {tuple(maps.shape)}: pass inputs "
            "(B, C, H, W) and a method with a number per pixel"
        )
    return maps


def random_map(like: Tensor, seed: int) -> Tensor:
    """Return independent normal numbers shaped like a map: the control beside every protocol."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(like.shape, generator=generator, dtype=torch.float64)


def method_of(maps: Any, model: nn.Module) -> Method:
    """Return the method that a factory makes for a model.

    Raises:
        OptionError: If it is no factory, or gives no method.
    """
    expected = "a factory model -> method, such as lambda net: lambda x, target: ta.attribute(…, net, x, …)"
    if not callable(maps):
        raise OptionError(
            f"maps is a {type(maps).__name__}; this protocol changes the model, so it needs {expected}"
        )
    try:
        inspect.signature(maps).bind(model)
    except TypeError:
        raise OptionError(f"maps cannot be called with the model alone; expected {expected}") from None
    except ValueError:  # builtins have no signature to look at
        pass
    method = maps(model)
    if not callable(method) or isinstance(method, Attribution):
        raise OptionError(f"maps(model) gave a {type(method).__name__}; expected {expected}")
    return method


def followed_logit(
    model: Callable[..., Any],
    inputs: Tensors,
    target: AnyTarget = None,
    *,
    additional_forward_args: Any = None,
    baselines: Any = 0,
    internal_batch_size: int | None = None,
) -> Followed:
    """Return the model bound to the logit of a target: None is the class it predicts at the input.

    Raises:
        TaylorAttrError: As :func:`taylorattr.evaluation.followed_output.follow`.
    """
    with warnings.catch_warnings():
        # no player is replaced here, so that an input of zeros is as good as any
        warnings.simplefilter("ignore", ZeroDifferenceWarning)
        return follow(
            model,
            inputs,
            baselines,
            target=target,
            output="logit",
            players=None,
            additional_forward_args=additional_forward_args,
            dtype=None,
            internal_batch_size=internal_batch_size,
        )


def labels_of(labels: Any, batch: int, name: str) -> Tensor:
    """Return class labels as (B,) int64.

    Raises:
        OptionError: If they are no integers.
        ShapeError: If there is not one per example.
    """
    try:
        found = torch.as_tensor(labels)
    except (TypeError, ValueError, RuntimeError):
        raise OptionError(f"{name} is a {type(labels).__name__}; expected class labels (B,)") from None
    if found.is_floating_point() or found.is_complex() or found.dtype is torch.bool:
        raise OptionError(f"{name} is {found.dtype}; expected class labels, integers (B,)")
    if found.shape != (batch,):
        raise ShapeError(f"{name} has shape {tuple(found.shape)}; expected ({batch},), one label per example")
    return found.detach().cpu().long()


def predicted_classes(model: Callable[..., Any], inputs: Tensor) -> Tensor:
    """Return the class of the largest output of each row, (B,) int64; a module is run in eval behaviour.

    Raises:
        ShapeError: If the outputs are not (B, K) with K ≥ 2.
    """
    require_instance("inputs", inputs, Tensor, "a tensor (B, …)")
    module = model if isinstance(model, nn.Module) else None
    with untouched(module), torch.no_grad():
        if module is not None:
            module.eval()
        outputs = torch.cat([model(inputs[part]) for part in blocks(len(inputs), ROWS_OF_CLASSES)])
    if outputs.ndim != 2 or outputs.shape[1] < 2:
        raise ShapeError(
            f"the model gives outputs {tuple(outputs.shape)}; expected (B, K), a number per class"
        )
    return outputs.argmax(1).cpu()
