"""Hessian-vector products."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from taylorattr.aliases import AnyTarget, Tensors
from taylorattr.analysis.game import blocks
from taylorattr.analysis.inputs import require_finite
from taylorattr.analysis.model_errors import says_model_errors
from taylorattr.analysis.question import Question
from taylorattr.analysis.scalar import ScalarModel
from taylorattr.analysis.shared_parameters import shares_parameters
from taylorattr.autodiff.captured import AGREEMENT, capture_at
from taylorattr.autodiff.curvature import Curvature, Rows
from taylorattr.autodiff.second_order import hessian_vectors
from taylorattr.autodiff.unseen import say_kinks, say_singular
from taylorattr.errors import OptionError, ShapeError
from taylorattr.program.program import Program

_ROWS = 64


@shares_parameters
@says_model_errors
def hvp(
    model: Callable[..., Any],
    inputs: Tensors,
    vectors: Tensors,
    *,
    target: AnyTarget = None,
    additional_forward_args: Any = None,
    dtype: torch.dtype | None = torch.float64,
    internal_batch_size: int | None = None,
) -> Tensors:
    """Return ∇²f(x_e) v_e of each example without forming the Hessian.

    Args:
        model: As in `Question`.
        inputs: As in `Question`.
        vectors: Directions, structured like the inputs, each (B, …) or (1, …).
        target: As in `Question`.
        additional_forward_args: As in `Question`.
        dtype: As in `Question`.
        internal_batch_size: Examples per pass; None: 64.

    Returns:
        Structured and shaped like the inputs, in the analysis dtype, in units of [f][v]/[x]². For a piecewise
        linear network it is zero: what happens at the kinks shows in ta.harsanyi.

    Raises:
        ShapeError: If the vectors do not fit the inputs.
        OptionError: If internal_batch_size is below 1.

    Warns:
        KinkWarning: The model has kinks, at which second derivatives see nothing.
        PrecisionWarning: A product is not finite; names the operation that is singular at the input.

    Further errors are those of `Question.game`. As in `hessian`, by the Taylor walk on the captured model:
    one tangent forward and one adjoint back, a few gradients, after a capture per target; where the model
    cannot be captured or an operation has no rule, by double backward passes. Attention works on CPU.

    Source: Pearlmutter (1994), "Fast exact multiplication by the Hessian".
    """
    if internal_batch_size is not None and internal_batch_size < 1:
        raise OptionError(f"internal_batch_size={internal_batch_size}; expected a positive integer or None")
    scalar, x = Question(
        model, inputs, target=target, additional_forward_args=additional_forward_args, dtype=dtype
    ).point
    parts = vectors if isinstance(vectors, tuple) else (vectors,)
    if len(parts) != len(x):
        raise ShapeError(f"{len(parts)} vectors for {len(x)} input tensors; expected one for each")
    directions = []
    for part, point in zip(parts, x, strict=True):
        if part.ndim != point.ndim or part.shape[1:] != point.shape[1:] or len(part) not in (1, len(point)):
            one = "" if len(point) == 1 else f" or {(1, *point.shape[1:])}"
            raise ShapeError(
                f"vectors have shape {tuple(part.shape)}; expected {tuple(point.shape)}{one}, like the inputs"
            )
        require_finite(part, "vectors")
        directions.append(part.detach().to(point).expand(point.shape))
    with torch.inference_mode(False):
        result, programs = _products(scalar, x, tuple(directions), internal_batch_size or _ROWS)
        flat = torch.cat([part.reshape(scalar.batch, -1) for part in result], dim=1)
        at = [tuple(p[e : e + 1] for p in x) for e in range(scalar.batch)]
        say_kinks("Hessian-vector products", programs, scalar, at, flat)
        say_singular("the Hessian-vector product", programs, at, flat)
    return result if isinstance(inputs, tuple) else result[0]


def _products(scalar: ScalarModel, x: Rows, v: Rows, size: int) -> tuple[Rows, list[Program | str]]:
    """Return H v of each example, and the program each was walked on or why there is none.

    A program serves all examples of the same function at which it gives the model's values.
    """
    result = tuple(torch.empty_like(p) for p in x)
    programs: list[Program | str] = [""] * scalar.batch
    for waiting in _alike(scalar):
        while waiting:
            first = waiting[0]
            program = capture_at(scalar, tuple(p[first : first + 1] for p in x), first)
            alone = isinstance(program, Program) and bool(program.notes)
            turn, waiting = (waiting[:1], waiting[1:]) if alone else (waiting, [])
            for block in blocks(len(turn), size):
                rows = torch.tensor(turn[block])
                points, vectors = tuple(p[rows] for p in x), tuple(w[rows] for w in v)
                if isinstance(program, Program):
                    values, found = hessian_vectors(program, points, vectors)
                    fits = _agree(values, scalar, points, rows, first)
                else:
                    rowwise = Curvature(scalar, points, rows).reverse(tuple(w[None] for w in vectors))
                    found, fits = tuple(part[0] for part in rowwise), torch.ones(len(rows), dtype=torch.bool)
                for whole, part in zip(result, found, strict=True):
                    whole[rows[fits]] = part[fits.to(part.device)]
                for e in rows[fits].tolist():
                    programs[e] = program
                waiting = [*waiting, *rows[~fits].tolist()]
    return result, programs


def _alike(scalar: ScalarModel) -> list[list[int]]:
    """Return the examples in groups with one target and the same extra arguments."""
    if not scalar.varies:
        return [list(range(scalar.batch))]
    per_example = any(isinstance(a, Tensor) and a.ndim and len(a) == scalar.batch for a in scalar.extra)
    if per_example or scalar.selector.each is None:
        return [[e] for e in range(scalar.batch)]
    groups: dict[tuple[int, ...], list[int]] = {}
    for e, target in enumerate(scalar.selector.each.tolist()):
        groups.setdefault(tuple(target), []).append(e)
    return list(groups.values())


@torch.no_grad()
def _agree(found: Tensor, scalar: ScalarModel, points: Rows, examples: Tensor, captured: int) -> Tensor:
    """Return for which examples the program captured at one of them gives the model's value, on the CPU."""
    own = examples == captured
    if bool(own.all()):
        return own
    values = scalar.values(points, examples)
    tolerance = AGREEMENT.get(scalar.dtype, 1e-2) * values.abs().clamp_min(1e-30)
    return own | ((found - values).abs() <= tolerance).cpu()
