"""Sub-networks of a model that cannot be traced: one module's output is replaced by a new input.

What bypasses the module is held at x. A fault that needs two live branches does not show.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from taylorattr.criteria.blame.blamed_operation import Blame, Cut
from taylorattr.criteria.blame.cuts import Cuts, Example, SumCheck, last_fault

LEAF = "leaf"
"""Name of the value that replaces an output."""


class ModelBehind(nn.Module):
    """The model with the n-th output of one module replaced by the argument.

    Args:
        model: A copy of the model.
        path: Of the module.
        call: Which of its calls, from 0.
        inputs: The example that the rest of the model sees, each (1, …).
    """

    def __init__(self, model: nn.Module, path: str, call: int, inputs: tuple[Tensor, ...]) -> None:
        super().__init__()
        self.model = model
        self.path, self.call, self.inputs = path, call, inputs
        self.eval()

    def forward(self, leaf: Tensor) -> Any:
        """Return the model's output where the module had given `leaf`."""
        calls = 0

        def replace(module: nn.Module, args: Any, output: Any) -> Any:
            nonlocal calls
            calls += 1
            return leaf if calls == self.call + 1 else None

        rows = leaf.shape[0] // max(1, self.inputs[0].shape[0])
        inputs = tuple(x.repeat(rows, *([1] * (x.ndim - 1))) for x in self.inputs)
        # modules in front of the leaf run too, and some libraries' hooks ask for gradients there
        inputs = tuple(x.requires_grad_() if x.is_floating_point() else x for x in inputs)
        handle = self.model.get_submodule(self.path).register_forward_hook(replace)
        try:
            return self.model(*inputs)
        finally:
            handle.remove()


def module_calls(
    model: nn.Module, inputs: tuple[Tensor, ...]
) -> tuple[list[tuple[str, int]], dict[tuple[str, int], Tensor]]:
    """Return every call of a module without children whose output is a tensor, in order, with the outputs.

    Args:
        model: A copy of the model.
        inputs: One example.
    """
    order: list[tuple[str, int]] = []
    outputs: dict[tuple[str, int], Tensor] = {}
    counts: dict[str, int] = {}
    handles: list[RemovableHandle] = []

    def keep(path: str) -> Callable[[nn.Module, Any, Any], None]:
        """Return a hook that keeps the outputs of the module at a path, call by call."""

        def hook(module: nn.Module, args: Any, output: Any) -> None:
            call = (path, counts.get(path, 0))
            counts[path] = call[1] + 1
            if isinstance(output, Tensor):
                order.append(call)
                outputs[call] = output.detach().clone()

        return hook

    try:
        for path, module in model.named_modules():
            if path and not any(True for _ in module.children()):
                handles.append(module.register_forward_hook(keep(path)))
        with torch.no_grad():
            model(*(x.clone() for x in inputs))
    finally:
        for handle in handles:
            handle.remove()
    return order, outputs


def label(call: tuple[str, int], modules: Mapping[str, int]) -> str:
    """Return the name of a call."""
    path, number = call
    return path if modules[path] == 1 else f"{path} (use {number + 1})"


def by_substitution(
    check: SumCheck,
    model: nn.Module,
    rows: list[tuple[tuple[Tensor, ...], tuple[Tensor, ...]]],
    targets: list[Any],
    whole: Cut,
    reason: str,
) -> Blame:
    """Return the module in front of which the sum breaks, from cuts behind every module.

    Walking from the output towards the inputs, as with suffixes of a traced model.

    Args:
        check: The method.
        model: A copy of the model.
        rows: Examples at x and at b, each one row.
        targets: What of each is explained.
        whole: The cut of the whole model.
        reason: Why it could not be traced.
    """
    runs = [(module_calls(model, x), module_calls(model, b)) for x, b in rows]
    calls = [call for call in runs[0][0][0] if all(call in one[1] and call in two[1] for one, two in runs)]
    uses = {path: sum(p == path for p, _ in calls) for path, _ in calls}
    labels = [label(call, uses) for call in calls]

    def measure(k: int) -> Cut:
        """Return the cut behind call k: of the examples the one that is furthest off."""
        of_examples = [
            check.cut(
                "substitution",
                labels[k],
                ModelBehind(copy.deepcopy(model), *calls[k], x),
                (LEAF,),
                [Example({LEAF: one[1][calls[k]]}, {LEAF: two[1][calls[k]]}, target)],
                reads_out=False,
            )
            for (x, _), (one, two), target in zip(rows, runs, targets, strict=True)
        ]
        return max(of_examples, key=lambda cut: (cut.status == "breaks", cut.gap))

    cuts = Cuts(measure, "refused" if whole.status == "refused" else "breaks")
    short = reason.split("\n")[0][:120]
    last = (last_fault(cuts, len(calls)) or (-1, 0)) if calls else None
    if last is None:
        name, after, why = (
            "",
            None,
            f"the model can be taken apart neither by tracing ({short}) nor between modules",
        )
    else:
        wrong, right = last
        after = cuts[wrong] if wrong >= 0 else whole
        name = labels[min(right, len(calls) - 1)]
        start = f"`{labels[wrong]}`" if wrong >= 0 else "the inputs"
        where = f"between {start} and the output of `{name}`" if right < len(calls) else f"behind `{name}`"
        numbers = after.message if after.status == "refused" else f"{after.total:.6g} of {after.due:.6g} due"
        why = (
            f"the sum breaks {where}: {numbers}; found by replacing outputs of modules, since the model "
            f"cannot be traced ({short})"
        )
    return Blame(
        found="untraced" if last is None else "refused" if whole.status == "refused" else "found",
        operation=name,
        last=name,
        first="",
        alone=(),
        refused=(),
        law=check.law,
        before=None if last is None else cuts.measured.get(last[1]),
        after=after,
        cuts=(whole, *(cut for _, cut in sorted(cuts.measured.items()))),
        statement=why,
        weak=True,
    )
