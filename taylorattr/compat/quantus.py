"""The function Quantus calls for explanations: ``metric(..., explain_func=explain)``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from taylorattr.errors import ShapeError
from taylorattr.methods import attribute


def explain(
    model: Callable[..., Any],
    inputs: Any,
    targets: Any,
    *,
    method: str = "integrated_gradients",
    device: str | torch.device | None = None,
    **options: Any,
) -> np.ndarray:
    """Return an attribution as Quantus wants it.

    Args:
        model: Module on torch tensors.
        inputs: Batch, array or tensor (B, …).
        targets: One class per example, shape (B,), or one for all.
        method: Name in ``ta.METHODS``.
        device: Where the inputs are put; None: where they are.
        **options: Of ``ta.attribute`` and the method, such as ``baselines``; baselines and references may be
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
    scores = attribute(method, model, x, target=target, **options).scores
    if not isinstance(scores, torch.Tensor):
        raise ShapeError(f"{method} gives no scores shaped like one input; Quantus needs a single tensor")
    return scores.detach().cpu().numpy()
