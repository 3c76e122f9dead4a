"""The private copies of a model, held for as long as it stays as it is.

An analysis runs copies of the user's model. Who asks it again, a prepared model or a class made as captum's,
has them held, and made anew where anything of the model has changed: a weight (also by ``.data``, which no
counter of torch's shows), a buffer, an attribute, a hook, a part. What is inside an object that an attribute
refers to, a list of lists or a helper, is not looked at, nor are the numbers that a function refers to.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from functools import cached_property
from operator import is_
from typing import Any

import torch
from torch import Tensor, nn

from taylorattr.analysis.private_model import Bounded, ModelCopy, PrivateModel, own_modules

MOST_BYTES = 2**26
"""Size of a model's tensors up to which its copies are kept with it and compared number by number; those of
a larger one are kept by the object that asked for them, and compared by their sums."""

_SHARED: weakref.WeakKeyDictionary[nn.Module, HeldModel] = weakref.WeakKeyDictionary()


def held_model(model: Callable[..., Any], own: HeldModel | None = None) -> HeldModel | None:
    """Return the copies of a model as it is now, None where none are held: nobody can tell of a function.

    Args:
        model: Module or callable.
        own: What the asker held before.
    """
    if not isinstance(model, nn.Module) or isinstance(model, torch.jit.ScriptModule):
        return None
    try:
        held = own if own is not None and own.model is model else _SHARED.get(model)
        if held is not None and held.valid() and held.private.unwritten():
            held.established.discard("gradient")  # it may be wrong at these inputs and right at the last ones
            return held
        held = HeldModel(model)
        if held.small:
            _SHARED[model] = held
    except TypeError:  # a class of the user's without hash, or one that cannot be referred to weakly
        return None
    return held


class HeldModel:
    """Private copies of a model, what was established of them, and what the model was then.

    Args:
        model: A module, which is referred to weakly, so that what is held of it does not keep it; or a
            callable, of which the modules that it refers to are looked at.

    Attributes:
        private: The copies.
        established: What was checked of them, as in `Question`.
        small: Whether numbers are compared one by one.
    """

    def __init__(self, model: Callable[..., Any]) -> None:
        weakly = isinstance(model, nn.Module)
        self._model: Callable[[], Any] = weakref.ref(model) if weakly else lambda: model
        self._outermost = [] if weakly else own_modules(model)
        everything = [part for module in self._outermost or [model] for part in _modules(module)]
        # a module's own parts, not the module itself, are kept
        self._parts = everything[int(weakly) :]
        self._attributes = [_Attributes(part) for part in everything]
        tensors = _tensors(everything)
        self.small = sum(t.numel() * t.element_size() for t in tensors) <= MOST_BYTES
        self._numbers = [(tensor, _numbers(tensor, self.small)) for tensor in tensors]
        self.private = _WatchedCopies(model, weakly=weakly)
        self.private.scalars = Bounded()
        self.established: set[str] = set()

    @property
    def model(self) -> Callable[..., Any] | None:
        """The user's model; None once it is gone."""
        return self._model()

    def valid(self) -> bool:
        """Whether the model is what it was."""
        model = self.model
        if model is None:
            return False
        if self._outermost:
            now = own_modules(model)
            if len(now) != len(self._outermost) or not all(map(is_, now, self._outermost)):
                return False
        # attributes are compared by identity, parts and tensors among them: those are the ones from before
        everything = [model, *self._parts] if isinstance(model, nn.Module) else self._parts
        for part, attributes in zip(everything, self._attributes, strict=True):
            if not attributes.same(part):
                return False
        return all(_equal(tensor, before) for tensor, before in self._numbers)


class _WatchedCopies(PrivateModel):
    """Private copies with what each was when it was made.

    A model may keep something between calls: a value set by the first one, a cache, a running buffer. Copies
    that were written to would carry it from one question into the next, where new ones begin as the model is.
    """

    def copied(self, dtype: torch.dtype | None, device: torch.device | None) -> ModelCopy:
        """Return the copy in a dtype on a device, as it was made."""
        copied = super().copied(dtype, device)
        if all(known is not copied for known, *_ in self._made):
            parts = [part for module in copied.modules for part in module.modules()]
            attributes = [_Attributes(part) for part in parts]
            # nobody writes to the parameters of a copy
            numbers = [(t, _numbers(t, True)) for t in _tensors(parts) if not isinstance(t, nn.Parameter)]
            self._made.append((copied, parts, attributes, numbers))
        return copied

    @cached_property
    def _made(self) -> list[tuple[ModelCopy, list[nn.Module], list[_Attributes], list[tuple[Tensor, Any]]]]:
        return []

    def unwritten(self) -> bool:
        """Whether no call has left anything in the copies."""
        return all(
            all(a.same(part) for part, a in zip(parts, attributes, strict=True))
            and all(_equal(tensor, before) for tensor, before in numbers)
            for _, parts, attributes, numbers in self._made
        )


class _Attributes:
    """What a module refers to: its attributes, and the entries of those that are containers.

    Args:
        part: The module.
    """

    def __init__(self, part: nn.Module) -> None:
        attributes = part.__dict__
        self._names, self._values = tuple(attributes), tuple(attributes.values())
        self._containers = [c for c in self._values if isinstance(c, (dict, list, set))]
        self._lengths = list(map(len, self._containers))
        self._entries = [(c, _contents(c)) for c in self._containers if c]

    def same(self, part: nn.Module) -> bool:
        """Whether a module refers to the same; written for speed, since every call asks."""
        attributes = part.__dict__
        if tuple(attributes) != self._names or not all(map(is_, attributes.values(), self._values)):
            return False
        if list(map(len, self._containers)) != self._lengths:
            return False
        return all(all(map(is_, _contents(c), before)) for c, before in self._entries)


def _contents(container: Any) -> tuple[Any, ...]:
    return tuple(container.values()) if isinstance(container, dict) else tuple(container)


def _modules(model: Any) -> list[nn.Module]:
    """Return a module and all its parts; nothing for what is no module."""
    return list(model.modules()) if isinstance(model, nn.Module) else []


def _tensors(parts: list[nn.Module]) -> list[Tensor]:
    """Return the parameters, the buffers and the tensors among the attributes."""
    found: list[Tensor] = []
    for part in parts:
        state = part.__dict__
        for values in (state["_parameters"].values(), state["_buffers"].values(), state.values()):
            found += [value for value in values if isinstance(value, Tensor)]
    return found


def _numbers(tensor: Tensor, exactly: bool) -> Any:
    tensor = tensor.detach()
    if exactly or tensor.layout != torch.strided:
        return tensor.clone()
    return tensor.dtype, tensor.device, tensor.data_ptr(), tensor._version, tensor.sum()


def _equal(tensor: Tensor, before: Any) -> bool:
    if not isinstance(before, Tensor):
        now = _numbers(tensor, False)
        return now[:-1] == before[:-1] and torch.equal(now[-1], before[-1])
    try:
        return tensor.dtype == before.dtype and torch.equal(tensor, before)
    except RuntimeError:  # on another device
        return False
