"""Which functions of a model are curved, seen from one call: quicker than a capture that would be in vain."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from torch import Tensor
from torch.overrides import TorchFunctionMode

from taylorattr.program.arguments import leaves
from taylorattr.program.operations import CURVED_FUNCTIONS


def curved_functions(function: Callable[[tuple[Tensor, ...]], Any], inputs: Sequence[Tensor]) -> set[str]:
    """Return the curved torch functions that are applied to something that depends on the inputs.

    A curved function of constants (a softmax over learned weights of a mixture) curves nothing. What goes an
    unseen way (scripted code, in-place writes through a view) is missed; the capture finds it.

    Args:
        function: Takes the tuple of inputs.
        inputs: The point.

    Returns:
        Their names, as in ``torch.nn.functional``.
    """
    copies = tuple(x.detach().clone() for x in inputs)
    with _Following(copies) as watch:
        function(copies)
    return watch.names


class _Following(TorchFunctionMode):
    """Marks tensors that depend on the inputs: an attribute dies with its tensor and keeps nothing alive."""

    _MARK = "_taylorattr_depends_on_the_inputs"

    def __init__(self, inputs: Sequence[Tensor]) -> None:
        super().__init__()
        self.names: set[str] = set()
        for x in inputs:
            setattr(x, self._MARK, True)

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        if any(hasattr(t, self._MARK) for t in leaves(Tensor, (args, kwargs))):
            name = getattr(func, "__name__", "").rstrip("_")
            if name in CURVED_FUNCTIONS:
                self.names.add(name)
            written = args[:1] if name in ("__setitem__", "copy") else ()
            for tensor in leaves(Tensor, (result, written)):
                setattr(tensor, self._MARK, True)
        return result
