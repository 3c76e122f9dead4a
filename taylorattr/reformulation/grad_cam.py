"""Grad-CAM as weighted Taylor effects of the head in the cells of the feature maps."""

from __future__ import annotations

import warnings
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from taylorattr.allocation.grad_cam import cells
from taylorattr.allocation.rule import RULES
from taylorattr.analysis.layers import activation_and_gradient, find_layer, replaced_output
from taylorattr.analysis.players import Players
from taylorattr.analysis.question import Question
from taylorattr.analysis.scalar import ScalarModel
from taylorattr.effects.taylor import taylor_effects
from taylorattr.effects.taylor_effects import TaylorEffects
from taylorattr.errors import DivergenceWarning, TaylorAttrWarning, warn
from taylorattr.maths.multi_index import count_up_to
from taylorattr.reformulation.answer import Answer, MethodRequest, Rows, kinks, shared_out, smooth
from taylorattr.reformulation.gradient_methods import doubts, unsure
from taylorattr.reformulation.truncation import POINTS, lagrange_bound

MOST_CELL_TERMS = 50_000
"""Most terms of the cells; the order is lowered to stay below."""


class Head(nn.Module):
    """The network behind a layer, as a function of the layer's feature maps.

    The layer's output is replaced in the private copy; what bypasses the layer stays as it is at the input.
    It stands for its own copies: it lives on a private copy already, whose parts know each other.
    """

    def __init__(self, scalar: ScalarModel, module: Any, inputs: Rows) -> None:
        """Keep the inputs that what bypasses the layer is computed from."""
        super().__init__()
        self.scalar, self.module, self.inputs = scalar, module, inputs
        self.eval()

    def __deepcopy__(self, memo: dict[int, Any]) -> Head:
        """Return the head itself."""
        return self

    def forward(self, maps: Tensor, example: Tensor) -> Tensor:
        """Return f with the layer's output given, shape (R,); ``example`` says whose input each row has."""
        rows = tuple(x.to(maps.dtype)[example] for x in self.inputs)
        with replaced_output(self.module, lambda output: maps):
            return self.scalar.values(rows, example)


def grad_cam(request: MethodRequest) -> Answer:
    """Return the positions' scores from the cells' effects, eq. (23), (24).

    In frame b the series of the head from A = 0: Σ_k κ_(k,p) behind global average pooling, else the ratio of
    the general head, by coefficients where cells are 0. In frame x, and where kinks lie between 0 and A, the
    first-order effects at A, which are everything for any head.
    """
    facts = request.direct.diagnostics
    game = request.against(request.starts[0]).game
    path, module = find_layer(request.question.model, game.scalar, facts["layer"])
    examples = torch.arange(game.batch)
    maps, _ = activation_and_gradient(game.scalar, path, module, game.inputs, examples)
    table = _Cells(Head(game.scalar, module, game.inputs), maps, request)
    pooled = str(facts["head"]).startswith("global")
    remarks: list[str] = []
    answer = None
    if request.frame != "input":
        answer = _from_zero(table, pooled, remarks)
    if answer is None:
        answer = _from_the_input(table, remarks)
    if facts["relu"]:
        clipped = answer.allocated.player_scores.relu()
        answer.allocated = replace(answer.allocated, player_scores=clipped)
        remarks.append("the final ReLU is a gate behind the allocation, applied to both")
    direct = request.direct
    answer.allocated = replace(
        answer.allocated, f_input=direct.f_input, f_baseline=direct.f_baseline, names=direct.names
    )
    channels, positions = table.channels, table.positions
    kind = "position" if positions == 1 else "positions"
    head = (
        f"players are the {channels * positions} cells ({channels} channels, {positions} {kind}) of {path!r}"
    )
    answer.remarks = (head, *remarks, *answer.remarks)
    return answer


class _Cells:
    """The cells of the feature maps as players of the head."""

    def __init__(self, head: Head, maps: Tensor, request: MethodRequest) -> None:
        self.head, self.maps, self.request = head, maps, request
        self.channels, self.positions = maps.shape[1], maps[0, 0].numel()
        self.still = maps == 0
        self.moved = maps + self.still
        names = ["A[" + ",".join(map(str, at)) + "]" for at in np.ndindex(*maps.shape[1:])]
        self.question = Question(
            head,
            (maps,),
            players=Players.elements(maps, names=names),
            additional_forward_args=(torch.arange(len(maps)),),
            show_progress=request.question.show_progress,
        )
        self.numbers = torch.from_numpy(cells(self.channels, self.positions))

    def effects(
        self, far: Rows, near: Rows, order: int, frame: Any = "baseline", diagnose: bool = False
    ) -> TaylorEffects:
        return taylor_effects(
            self.question.with_inputs(far, near), order, frame, diagnose=diagnose, every_kink=True
        )

    def silent(self, what: str) -> str:
        """Say what becomes of cells at 0."""
        return f"{int(self.still[0].sum())} cells of example 0 are 0 and {what}"

    def affordable(self, order: int) -> int:
        """Return the largest order up to the given one whose table is small enough."""
        n = self.channels * self.positions
        return max((k for k in range(1, order + 1) if count_up_to(n, k) <= MOST_CELL_TERMS), default=1)


def tails(head: Head, maps: Tensor, order: int) -> Tensor:
    """Return what terms above an order may add to L_p, shape (B, Z), by Lagrange's form.

    L_p is the derivative of y(sA + εD_p) in ε at s = 1, ε = 0, with D_p the channels' activations at p, the
    same at each of the Z positions, over Z. So two variables are enough: the tail is the coefficient of s^K ε
    at some place of the segment, eq. (59).
    """
    flat = maps.flatten(2)
    batch, _, positions = flat.shape
    example, p = (
        part.reshape(-1)
        for part in torch.meshgrid(torch.arange(batch), torch.arange(positions), indexing="ij")
    )

    def along(t: Tensor, example: Tensor, p: Tensor) -> Tensor:
        a = flat.to(t)[example]
        at = p.to(t.device)[:, None, None].expand(-1, a.shape[1], 1)
        step = a.gather(2, at).expand_as(a) / positions
        s, epsilon = t[:, 0, None, None], t[:, 1, None, None]
        return head((s * a + epsilon * step).reshape(-1, *maps.shape[1:]), example)

    def linear_in_epsilon(kappas: np.ndarray, example: int) -> np.ndarray:
        return (kappas[:, 1:] == 1).astype(np.float64)

    end = maps.new_tensor([[1.0, 0.0]]).expand(len(example), 2)
    both = (torch.ones_like(end),)
    question = Question(along, (end,), additional_forward_args=(example, p))
    start = (torch.zeros_like(end),)
    bound = lagrange_bound(question, linear_in_epsilon, (end,), start, order, direction=both)
    return bound.reshape(batch, positions)


def _from_zero(table: _Cells, pooled: bool, remarks: list[str]) -> Answer | None:
    """Return the allocation of the series at A = 0, or None if kinks lie between it and A."""
    order = table.affordable(table.request.order)
    zeros = (torch.zeros_like(table.maps),)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", TaylorAttrWarning)  # said below, where the series is used at all
        first = table.effects((table.maps,), zeros, 1, diagnose=True)
    bent = [e for e in range(len(table.maps)) if kinks(first, e)]
    if bent and table.request.frame is None:
        remarks.append(
            f"example {bent[0]}: {kinks(first, bent[0])}, so no series leads from A = 0 to A and the frame "
            "of the input is used, where first order is everything"
        )
        return None
    doubt, _ = unsure([first])
    if doubt:
        warn(
            f"the series of the head from A = 0 may not reach A: {doubt}; frame='input' needs none",
            DivergenceWarning,
        )
    context: dict[str, Any] = {"c": table.numbers}
    name, far = "grad_cam", table.maps
    if not pooled:
        name, far = "grad_cam/general", table.maps
        context["A"] = table.maps.flatten(2)
        if bool(table.still.any()):
            name, far = "grad_cam/coefficients", table.moved
            remarks.append(table.silent("enter by their coefficients, at 1 in place of 0"))
    effects = replace(table.effects((far,), zeros, order), converged=first.converged, reasons=first.reasons)
    rule = RULES[name]
    answer = shared_out(rule, [effects], [context])
    if order < table.request.order:
        remarks.append(
            f"order {order} instead of {table.request.order}: more terms than {MOST_CELL_TERMS:,} otherwise; "
            "frame='input' needs first order only"
        )
    if table.request.bound:
        answer.errors["truncation"] = smooth(first) * tails(table.head, table.maps, order)
        answer.remarks += (
            f"truncation at order {order}: Lagrange's form, the largest next order among {POINTS} points, "
            "eq. (59)",
        )
    answer.remarks += doubts([effects], rule)
    return answer


def _from_the_input(table: _Cells, remarks: list[str]) -> Answer:
    effects = table.effects((table.maps,), (table.maps - table.moved,), 1, "input")
    context = {"c": table.numbers, "A": table.maps.flatten(2)}
    if bool(table.still.any()):
        remarks.append(table.silent("enter from 0 to −1"))
    return shared_out(RULES["grad_cam/input"], [effects], [context])
