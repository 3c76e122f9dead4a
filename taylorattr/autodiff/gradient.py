"""∇f at many rows: one forward and one backward pass for a block of them."""

from __future__ import annotations

import torch
from torch import Tensor

from taylorattr.analysis.game import Game
from taylorattr.analysis.observe import observe
from taylorattr.analysis.rng import preserved_rng
from taylorattr.analysis.scalar import ScalarModel
from taylorattr.errors import DtypeError, NonFiniteError
from taylorattr.memory import available

Rows = tuple[Tensor, ...]
"""One tensor (R, …) per input tensor."""

_CACHE_BYTES = {"cpu": 4 * 2**20, "cuda": 512 * 2**20}
_ROWS = {"cpu": (16, 2048), "cuda": (64, 2**14)}


def value_and_gradient(scalar: ScalarModel, xs: Rows, examples: Tensor) -> tuple[Tensor, Rows]:
    """Return f and ∇f of each row.

    Args:
        scalar: The model.
        xs: Input tensors (R, …); not changed.
        examples: Shape (R,), int64: whose target and extra arguments each row uses.

    Returns:
        Values (R,) and gradients shaped like xs, both detached. Where f does not depend on an input, its
        gradient is 0.

    Raises:
        DtypeError: If the output carries no gradient although it changes with the input: the model leaves
            torch's differentiable operations (numpy, detach, no_grad, rounding to integers).
        NonFiniteError: If a gradient is NaN or infinite; names the first row and element.
    """
    leaves = tuple(x.detach().clone().requires_grad_() for x in xs)
    with torch.inference_mode(False), torch.enable_grad():
        values = scalar.values(leaves, examples)
        if values.requires_grad:
            gradients = torch.autograd.grad(values.sum(), leaves, materialize_grads=True)
        else:
            _refuse_hidden_dependence(scalar, leaves, examples, values)
            gradients = tuple(torch.zeros_like(x) for x in leaves)
    for i, gradient in enumerate(gradients):
        _require_finite(gradient, i, examples)
    return values.detach(), tuple(g.detach() for g in gradients)


def gradient_rows(game: Game, passes: int = 1) -> int:
    """Return how many rows of one example's kind a forward and backward pass should take at a time.

    Args:
        game: The game; its `internal_batch_size` has the last word.
        passes: Number of such passes whose graphs are kept at once.

    Returns:
        At least 1: the widest intermediate tensors of a call stay in cache, all of them in memory.
    """
    if game.internal_batch_size is not None:
        return game.internal_batch_size
    with torch.no_grad(), preserved_rng():
        seen = observe(lambda: game.scalar.values(game.input(0), torch.tensor([0])))
    kind = "cuda" if game.device.type == "cuda" else "cpu"
    low, high = _ROWS[kind]
    fitting = _CACHE_BYTES[kind] // max(seen.widest, 1)
    memory = available() // max(1, 3 * passes * seen.total) if kind == "cpu" else high
    return max(1, min(max(low, fitting), high, memory))


def _refuse_hidden_dependence(scalar: ScalarModel, xs: Rows, examples: Tensor, values: Tensor) -> None:
    with torch.no_grad():
        moved = tuple(x * 0.5 + 0.25 for x in xs)
        if torch.equal(scalar.values(moved, examples), values.detach()):
            return
    raise DtypeError(
        "the model's output carries no gradient although it changes with the input: somewhere it leaves "
        "torch's differentiable operations (.numpy(), .item(), .detach(), torch.no_grad(), rounding). Write "
        "that part in torch, or use occlusion_1, shapley or ta.harsanyi, which need no gradient"
    )


def _require_finite(gradient: Tensor, i: int, examples: Tensor) -> None:
    if bool(torch.isfinite(gradient).all()):
        return
    first = (~torch.isfinite(gradient)).nonzero()[0].tolist()
    raise NonFiniteError(
        f"the gradient with respect to input {i} is {float(gradient[tuple(first)])} for example "
        f"{int(examples[first[0]])} at index {first[1:]}: a square root, norm, logarithm or quotient at its "
        "singular point; move the input or the baseline away from it, or add a small constant there"
    )
