"""Grad-CAM as weighted Taylor effects of the head in the cells of the feature maps, from A = 0."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from taylorattr.allocation.allocate import allocate
from taylorattr.allocation.grad_cam import cells
from taylorattr.allocation.rule import RULES
from taylorattr.autodiff.game import bind
from taylorattr.autodiff.layers import activation_and_gradient, find_layer, replaced_output
from taylorattr.autodiff.scalar import ScalarModel
from taylorattr.effects.taylor import decompose
from taylorattr.reformulation.request import Answer, Request
from taylorattr.reformulation.rounding import rounding
from taylorattr.reformulation.truncation import lagrange_bound


class Head:
    """The network behind a layer, as a function of the layer's feature maps.

    The layer's output is replaced in the private copy; what bypasses the layer stays as it is at the input.
    """

    def __init__(self, scalar: ScalarModel, module: Any, inputs: tuple[Tensor, ...]) -> None:
        """Keep the inputs that what bypasses the layer is computed from."""
        self.scalar, self.module, self.inputs = scalar, module, inputs

    def __call__(self, maps: Tensor, example: Tensor) -> Tensor:
        """Return f with the layer's output given, shape (R,); ``example`` says whose input each row has."""
        rows = tuple(x.to(maps.dtype)[example] for x in self.inputs)
        with replaced_output(self.module, lambda output: maps):
            return self.scalar.values(rows, example)


def grad_cam(request: Request) -> Answer:
    """Σ_k κ_(k,p) behind global average pooling, else (1/Z) Σ_kΣ_q κ_(k,q) A_p^k/A_q^k, eq. (23), (24)."""
    said = request.direct.diagnostics
    shared = {name: value for name, value in request.shared.items() if name != "players"}
    game = bind(request.model, request.inputs, None, dtype=torch.float64, **shared)
    path, module = find_layer(request.model, game.scalar, said["layer"])
    examples = torch.arange(game.batch)
    maps, _ = activation_and_gradient(game.scalar, path, module, game.inputs, examples)
    head = Head(game.scalar, module, game.inputs)
    pooled = str(said["head"]).startswith("global")
    rule = RULES["grad_cam" if pooled else "grad_cam/general"]
    channels, positions = maps.shape[1], maps[0, 0].numel()
    context: dict[str, Any] = {"c": cells(channels, positions)}
    if not pooled:
        context["A"] = maps.flatten(2)

    def expand(far: tuple[Tensor, ...], near: tuple[Tensor, ...], order: int) -> Any:
        return decompose(
            head, far, near, order=order, with_tails=False, diagnose=False,
            additional_forward_args=(examples,),
        )  # fmt: skip

    effects = decompose(
        head, maps, 0.0, order=request.order, with_tails=False, additional_forward_args=(examples,),
        show_progress=request.show_progress,
    )  # fmt: skip
    allocated = allocate(rule, effects, context)
    remarks = [f"effects are those of the {channels * positions} cells of layer {path!r}, from A = 0"]
    if said.get("relu"):
        allocated = replace(allocated, player_scores=allocated.player_scores.relu())
        remarks.append("the final ReLU is a gate behind the allocation, applied to both")
    answer = Answer(allocated, rule, (effects,), (context,), remarks=tuple(remarks))
    answer.errors = {"rounding": rounding(rule, context, effects)}
    if request.bound:
        zeros = (torch.zeros_like(maps),)
        answer.errors["truncation"] = lagrange_bound(rule, context, expand, (maps,), zeros, request.order)
    if not bool(effects.converged.all()):
        e = int((~effects.converged).nonzero()[0])
        answer.remarks += (f"example {e}: {effects.reasons[e]}",)
    return answer
