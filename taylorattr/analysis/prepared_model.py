"""PreparedModel: a model whose private copies outlast a question.

A fact of the model is established once: its copies, that its parameters are finite, that rows do not depend
on each other, which operations it runs. What a value can change is looked at in every question anew: whether
inputs and outputs are finite, whether the gradient is that of the values, whether a program that was
captured at other inputs gives the model's values at these.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from taylorattr.analysis.held_model import HeldModel
from taylorattr.analysis.model_errors import require_model
from taylorattr.errors import ModelChangedWarning, OptionError, warn


class PreparedModel:
    """A model whose copies and checks outlast a question; every function takes it in place of the model.

    Each thread has copies of its own: two analyses at once would see each other's hooks.

    Args:
        user_model: Module or callable on torch tensors; read and never changed.

    Raises:
        OptionError: If it is no model, or prepared already.
    """

    def __init__(self, user_model: Callable[..., Any]) -> None:
        if isinstance(user_model, PreparedModel):
            raise OptionError("the model is prepared already; pass the model itself, or use what you have")
        require_model(user_model)
        self.user_model = user_model
        self._of_thread = threading.local()

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run the user's model itself."""
        return self.user_model(*args, **kwargs)

    def __getstate__(self) -> dict[str, Any]:
        """Return what another process needs; copies are made there anew."""
        return {name: value for name, value in self.__dict__.items() if name != "_of_thread"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Start without copies."""
        self.__dict__.update(state)
        self._of_thread = threading.local()

    def held(self) -> HeldModel:
        """Return this thread's copies of the model as it is now.

        Warns:
            ModelChangedWarning: The model is another than when they were made.
        """
        held: HeldModel | None = getattr(self._of_thread, "held", None)
        if held is not None and not held.valid():
            held = None
            warn(
                "the model has changed since it was prepared (a tensor, an attribute, a hook or a part); it "
                "is copied and checked anew, and the answer is about the model as it is now",
                ModelChangedWarning,
            )
        if held is None or not held.private.unwritten():
            held = self._of_thread.held = HeldModel(self.user_model)
        # the gradient is compared with the values at the inputs of each question
        held.established.discard("gradient")
        return held
