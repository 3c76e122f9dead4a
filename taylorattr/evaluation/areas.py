"""Numbers of a curve: what the outputs along a sequence of replacements amount to."""

from __future__ import annotations

from typing import Literal

from torch import Tensor

from taylorattr.errors import OptionError, ShapeError, require_instance


def aopc(curves: Tensor) -> Tensor:
    """Return the area over a perturbation curve, 1/(L+1) Σ_{k=0..L} (c_0 − c_k).

    Args:
        curves: Outputs after k replacements, shape (…, L+1).

    Returns:
        Shape (…), in units of the output; large where the output falls early.

    Raises:
        ShapeError: If a curve has fewer than two points.

    Source: Samek et al. (2017), "Evaluating the visualization of what a deep neural network has learned",
    arXiv 1509.06321.
    """
    _require_points(curves)
    return (curves[..., :1] - curves).mean(-1)


def auc(curves: Tensor) -> Tensor:
    """Return the area under equally spaced points by the trapezoidal rule, on [0, 1], shape (…).

    Args:
        curves: Shape (…, L+1).

    Raises:
        ShapeError: If a curve has fewer than two points.
    """
    _require_points(curves)
    inner = curves[..., 1:-1].sum(-1)
    return (inner + (curves[..., 0] + curves[..., -1]) / 2) / (curves.shape[-1] - 1)


def aup(curves: Tensor, power: Literal[1, 2] = 1, *, average: bool = False) -> Tensor:
    """Return the area under the prediction recovery error curve, Σ_{k=1..n} |c_n − c_k|^power.

    Args:
        curves: v of the k players added first, shape (…, n+1), k = 0 … n: :func:`recovery_curve`. c_n is the
            prediction that is to be recovered.
        power: 1 for absolute errors, as in the paper; 2 for squared ones.
        average: Whether to divide by n: the mean absolute or mean squared error, comparable between numbers
            of players.

    Returns:
        Shape (…), in units of the output to that power; small where few players recover the prediction.

    Raises:
        OptionError: If power is neither 1 nor 2.
        ShapeError: If a curve has fewer than two points.

    Source: Kwon and Zou (2022), "WeightedSHAP", arXiv 2209.13429, where players are added by |score|.
    """
    _require_points(curves)
    if power not in (1, 2):
        raise OptionError(f"power={power!r}; it is 1 (absolute errors) or 2 (squared errors)")
    errors = (curves[..., -1:] - curves[..., 1:]).abs() ** power
    return errors.mean(-1) if average else errors.sum(-1)


def relative_change(curves: Tensor) -> Tensor:
    """Return 100·|c_0 − c_k| / |c_0|: by how many per cent the output has changed, shape (…, L+1).

    NaN or infinite where the output at the input is 0.
    """
    _require_points(curves)
    return 100 * (curves[..., :1] - curves).abs() / curves[..., :1].abs()


def _require_points(curves: Tensor) -> None:
    """Raise ShapeError unless there is a point before and one after a replacement."""
    require_instance("curves", curves, Tensor, "a tensor (…, L+1): torch.as_tensor(curves)")
    if curves.ndim == 0 or curves.shape[-1] < 2:
        raise ShapeError(f"curves have shape {tuple(curves.shape)}; expected (…, L+1) with at least 2 points")
