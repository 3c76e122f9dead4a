"""The function Quantus calls for explanations: ``metric(..., explain_func=explain)``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from taylorattr.attribution import Attribution
from taylorattr.errors import ShapeError
from taylorattr.evaluation.method_maps import Method
from taylorattr.methods import attribute


def explain(
    model: Callable[..., Any],
    inputs: Any,
    targets: Any,
    *,
    method: str | Callable[..., Method] = "integrated_gradients",
    device: str | torch.device | None = None,
    **options: Any,
) -> np.ndarray:
    """Return an attribution as Quantus wants it.

    Args:
        model: Module on torch tensors.
        inputs: Batch, array or tensor (B, …).
        targets: One class per example, shape (B,), or one for all.
        method: Name in ``ta.METHODS`` or ``ta.SYSTEMS``, or a factory model -> method, the method
            (x, target) -> map: whatever it prepares or trains it does for the model it is given, which
            Quantus changes in its randomisation metrics.
        device: Where the inputs are put; None: where they are.
        **options: Of ``ta.attribute`` and the method, or of the factory, such as ``baselines``; baselines and
        references may be
            arrays.

    Returns:
        Scores shaped like the inputs, NumPy; for Grad-CAM the map (B, 1, …).

    Raises:
        ShapeError: If the method has no scores in the structure of one input tensor.

    Example:
        >>> model = torch.nn.Linear(2, 2, bias=False).eval()
        >>> explain(model, np.ones((3, 2), dtype=np.float32), [0, 1, 1]).shape
        (3, 2)
    """
    x = torch.as_tensor(inputs)  # Quantus hands over NumPy arrays, in the dtype it was given
    x = x if device is None else x.to(device)
    for name in ("baselines", "references"):
        if isinstance(options.get(name), np.ndarray):
            options[name] = torch.as_tensor(options[name], dtype=x.dtype, device=x.device)
    labels = torch.as_tensor(targets)
    target: Any = labels.tolist() if labels.ndim else int(labels)  # a list is one class per example
    if callable(method):
        found = method(model, **options)(x, target if isinstance(target, int) else torch.tensor(target))
    else:
        found = attribute(method, model, x, target=target, **options)
    scores = found.scores if isinstance(found, Attribution) else found
    if not isinstance(scores, torch.Tensor):
        name = method if isinstance(method, str) else getattr(method, "__name__", "the method")
        raise ShapeError(f"{name} gives no scores shaped like one input; Quantus needs a single tensor")
    return scores.detach().cpu().numpy()
