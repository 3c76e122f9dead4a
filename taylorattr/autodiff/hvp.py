"""Hessian-vector products."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from taylorattr.aliases import AnyTarget, Tensors
from taylorattr.analysis.game import blocks
from taylorattr.analysis.inputs import require_finite, require_plain
from taylorattr.analysis.model_errors import analysis_door
from taylorattr.analysis.question import Question
from taylorattr.analysis.scalar import ScalarModel
from taylorattr.analysis.shared_parameters import shares_parameters
from taylorattr.autodiff.captured import AGREEMENT, capture_at
from taylorattr.autodiff.curvature import Curvature, Rows
from taylorattr.autodiff.hessian import unit_rows
from taylorattr.autodiff.polynomial.engine import MANY_PLAYERS
from taylorattr.autodiff.second_order import hessian_vectors, selected_hessians
from taylorattr.autodiff.unseen import require_finite_derivatives, say_kinks
from taylorattr.errors import ShapeError, require_whole_number
from taylorattr.memory import available
from taylorattr.program.program import Program

_ROWS = 64


@shares_parameters
@analysis_door
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
        NonFiniteError: If an entry is NaN or infinite; names the operation that is singular at the input.

    Warns:
        KinkWarning: The model has kinks, at which second derivatives see nothing.

    Further errors are those of `Question.game`. As in `hessian`, by the Taylor walk on the captured model:
    one tangent forward and one adjoint back, a few gradients, after a capture per target; where the model
    cannot be captured or an operation has no rule, by double backward passes. Attention works on CPU.

    Source: Pearlmutter (1994), "Fast exact multiplication by the Hessian".
    """
    require_whole_number("internal_batch_size", internal_batch_size, optional=True)
    question = Question(
        model, inputs, target=target, additional_forward_args=additional_forward_args, dtype=dtype
    )
    scalar, x = question.point
    given = vectors if isinstance(vectors, tuple) else (vectors,)
    # there is no way along what is held, whatever stands in its place
    parts = tuple(part for place, part in enumerate(given) if place not in question.held)
    if len(parts) != len(x):
        count = len(x) + len(question.held)
        raise ShapeError(f"{len(given)} vectors for {count} input tensors; expected one for each")
    directions = []
    for part, point in zip(parts, x, strict=True):
        if not isinstance(part, Tensor):
            raise ShapeError(
                f"vectors are a {type(part).__name__}; expected tensors like the inputs, {tuple(point.shape)}"
            )
        require_plain(part, "vectors")
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
        require_finite_derivatives("the Hessian-vector product", programs, scalar, at, flat)
    result = question.with_held(result, lambda held: torch.zeros_like(held, dtype=scalar.dtype))
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
                    _take_selected_branches(found, program, points, vectors)
                else:
                    rowwise = Curvature(scalar, points, rows).reverse(tuple(w[None] for w in vectors))
                    found, fits = tuple(part[0] for part in rowwise), torch.ones(len(rows), dtype=torch.bool)
                for whole, part in zip(result, found, strict=True):
                    whole[rows[fits]] = part[fits.to(part.device)]
                for e in rows[fits].tolist():
                    programs[e] = program
                waiting = [*waiting, *rows[~fits].tolist()]
    return result, programs


def _take_selected_branches(products: Rows, program: Program, points: Rows, vectors: Rows) -> None:
    """Write over products that are not finite what a walk forward gives, in which a guard selects.

    It takes the whole Hessian, and so is done for few elements only.
    """
    flat = torch.cat([part.reshape(len(part), -1) for part in products], dim=1)
    if flat.shape[1] > MANY_PLAYERS or bool(torch.isfinite(flat.sum())):
        return
    for r in (~torch.isfinite(flat)).any(1).nonzero().reshape(-1).tolist():
        point = tuple(p[r : r + 1] for p in points)
        again = selected_hessians(program, point, flat.shape[1], unit_rows(point), available())
        if again is None:
            return
        vector = torch.cat([v[r].reshape(-1) for v in vectors])
        parts = torch.split(again[0][0] @ vector, [p[0].numel() for p in products])
        for whole, part in zip(products, parts, strict=True):
            whole[r] = part.reshape(whole[r].shape)


def _alike(scalar: ScalarModel) -> list[list[int]]:
    """Return the examples in groups with one target and the same extra arguments."""
    if not scalar.varies:
        return [list(range(scalar.batch))]
    if any(scalar.arguments.per_example) or scalar.selector.each is None:
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
