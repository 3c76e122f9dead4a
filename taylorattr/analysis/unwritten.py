"""Does a model leave the tensors it is given as they are?"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from taylorattr.errors import InputMutationError


def require_unwritten(given: Sequence[Tensor], kept: Sequence[Tensor], versions: Sequence[int]) -> None:
    """Compare what a model was given with what it was, after the call.

    Args:
        given: Tensors the model was called with.
        kept: The same values, in memory the model cannot reach.
        versions: Version counters of `given` before the call; writes through NumPy do not move them.

    Raises:
        InputMutationError: If one of them was written to; names it.
    """
    for i, (now, before, version) in enumerate(zip(given, kept, versions, strict=True)):
        if now._version != version or not torch.equal(now, before):
            name = f"inputs[{i}]" if len(given) > 1 else "inputs"
            raise InputMutationError(
                f"the model writes to {name} (an in-place operation on its argument, such as x += 1 or "
                "ReLU(inplace=True) as first layer); make it work on a copy: x = x.clone()"
            )
