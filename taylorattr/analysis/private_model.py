"""The user's model as an analysis runs it: private copies in eval behaviour, one for each dtype and device.

Everything the analysis runs, promotes or hooks is a copy. Parameters, buffers, mode, hooks and gradient flags
of the user's model are only read. `PrivateModel` keeps the copies, so that each is made once.
"""

from __future__ import annotations

import copy
import functools
import itertools
import types
import weakref
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple

import torch
from torch import Tensor, fx, nn
from torch.nn.parameter import is_lazy

from taylorattr.analysis.exported import fixed_batch_size, in_fixed_batches, is_exported
from taylorattr.errors import NonFiniteError, ShapeError

_DEPTH = 4
_ATOMS = (bool, int, float, complex, str, bytes, type(None), torch.dtype, torch.device)
_LIBRARIES = {"torch", "numpy", "scipy", "math", "builtins", "functools", "itertools", "collections"}


@dataclass(frozen=True)
class ModelCopy:
    """What runs in place of the user's model.

    Attributes:
        function: The callable to run: the module's copy, or the user's function bound to copies.
        modules: Private copies of the outermost modules that were found.
        was_training: Whether any module of the user's was in training mode.
        converted: Whether any tensor has another dtype or device than the user's.
    """

    function: Callable[..., Any]
    modules: tuple[nn.Module, ...]
    was_training: bool
    converted: bool = False


def copy_model(
    model: Callable[..., Any], *, dtype: torch.dtype | None = None, device: torch.device | None = None
) -> ModelCopy:
    """Copy a module, or the modules and tensors a callable refers to.

    A callable may be a function, lambda, bound method, ``functools.partial`` or object. Modules and tensors
    are found in its closure, in the globals its code names, in its arguments, defaults and attributes;
    the copy is the same code bound to their copies. What it reaches in other ways is used as it is.

    Args:
        model: Module or callable on tensors.
        dtype: Floating dtype of the copy; None keeps every tensor's own.
        device: Device of the copy; None keeps every tensor's own.

    Returns:
        The copy, with gradients of its parameters switched off.

    Raises:
        ShapeError: If a lazy module has never been run, so its parameters have no shape.
    """
    copier = _Copier(dtype, device)
    with torch.inference_mode(False), torch.no_grad():
        # the outermost modules first: a layer that is held beside its model is then a part of the copy
        for module in [] if isinstance(model, nn.Module) else own_modules(model):
            copier(module)
        function = copier(_unwrapped(model))
    return ModelCopy(function, tuple(copier.modules), copier.was_training, copier.converted)


def own_modules(model: Callable[..., Any]) -> list[nn.Module]:
    """Return the user's outermost modules that `copy_model` would copy; nothing is copied."""
    finder = _Copier(None, None, copying=False)
    finder(_unwrapped(model))
    inside = {id(part) for module in finder.modules for part in itertools.islice(module.modules(), 1, None)}
    return [module for module in finder.modules if id(module) not in inside]


def _unwrapped(model: Any) -> Any:
    """Return the model inside torch.compile, DataParallel and DistributedDataParallel."""
    while True:
        if type(model).__name__ == "OptimizedModule":
            model = model._orig_mod
        elif isinstance(model, (nn.DataParallel, nn.parallel.DistributedDataParallel)):
            model = model.module
        elif isinstance(model, types.FunctionType) and hasattr(model, "_torchdynamo_orig_callable"):
            model = getattr(model, "_torchdynamo_orig_callable")  # noqa: B009  (set by torch.compile)
        else:
            return model


class _Copier:
    """Copies what a model refers to, each thing once; with ``copying=False`` only finds the modules.

    Args:
        dtype: Floating dtype of the copies; None keeps every tensor's own.
        device: Device of the copies; None keeps every tensor's own.
        copying: Whether to copy.
    """

    def __init__(
        self, dtype: torch.dtype | None, device: torch.device | None, *, copying: bool = True
    ) -> None:
        self.dtype, self.device, self.copying = dtype, device, copying
        self.modules: list[nn.Module] = []
        self.was_training = self.converted = False
        self._done: dict[int, Any] = {}
        self._sources: list[Any] = []  # keeps ids in `_done` alive

    def __call__(self, value: Any, depth: int = 0) -> Any:
        """Return a private version of value, or value itself when nothing in it needs one."""
        if id(value) in self._done:
            return self._done[id(value)]
        self._sources.append(value)
        self._done[id(value)] = value
        if isinstance(value, nn.Module):
            inner = _unwrapped(value)
            known = inner is not value and id(inner) in self._done
            result: Any = self._done[id(inner)] if known else self._module(inner)
        elif isinstance(value, Tensor):
            result = self._tensor(value)
        elif depth > _DEPTH or isinstance(value, (type, types.ModuleType)):
            result = value
        elif isinstance(value, types.FunctionType):
            result = self._function(value, depth + 1)
        elif isinstance(value, types.MethodType):
            owner = self(value.__self__, depth + 1)
            result = value if owner is value.__self__ else types.MethodType(value.__func__, owner)
        elif type(value) is functools.partial:
            parts = (value.func, value.args, value.keywords)
            copies = tuple(self(part, depth + 1) for part in parts)
            same = all(a is b for a, b in zip(parts, copies, strict=True))
            result = value if same else functools.partial(copies[0], *copies[1], **copies[2])
        elif type(value) in (list, tuple):
            items = [self(item, depth + 1) for item in value]
            same = all(a is b for a, b in zip(value, items, strict=True))
            result = value if same else type(value)(items)
        elif type(value) is dict:
            result = self._mapping(value, depth + 1)
        else:
            result = self._object(value, depth + 1)
        self._done[id(value)] = result
        return result

    def _tensor(self, tensor: Tensor) -> Tensor:
        """Return a tensor's copy in the dtype and on the device of the copies; a parameter stays one."""
        if not self.copying:
            return tensor
        dtype = tensor.dtype
        if self.dtype is not None and tensor.is_floating_point():
            dtype = self.dtype
        elif self.dtype is torch.float64 and tensor.is_complex():
            dtype = torch.complex128
        device = tensor.device if self.device is None else self.device
        self.converted = self.converted or dtype != tensor.dtype or device != tensor.device
        result = tensor.detach().to(device=device, dtype=dtype, copy=True)
        return nn.Parameter(result, requires_grad=False) if isinstance(tensor, nn.Parameter) else result

    def _module(self, module: nn.Module) -> nn.Module:
        """Return the copy of a module in eval behaviour, its tensors promoted before they are copied."""
        for name, parameter in module.named_parameters():
            if is_lazy(parameter):
                raise ShapeError(
                    f"parameter {name!r} has no shape yet (lazy module): run the model once on a batch, "
                    "then pass it"
                )
        if not self.copying:
            self.modules.append(module)
            return module
        memo: dict[int, Any] = {}
        for part in module.modules():
            for name, value in part.__dict__.items():
                if name != "_modules" and not name.endswith("_hooks"):
                    memo.update((id(tensor), self._tensor(tensor)) for tensor in _tensors_in(value))
        try:
            result = _deep_copy(module, dict(memo))
        except Exception:  # attributes that refuse deepcopy: locks, streams, generators
            result = self._replica(module, memo)
        self._convert_rest(result)
        self._share_parts(module, result)
        # a frozen ScriptModule has no mode left: it was frozen in eval behaviour
        was_training = any(getattr(part, "training", False) for part in module.modules())
        try:
            result.eval()
            self.was_training = self.was_training or (was_training and not is_exported(module))
        except NotImplementedError:  # an exported program has its mode built in
            pass
        self.modules.append(result)
        return result

    def _share_parts(self, module: nn.Module, result: nn.Module) -> None:
        """Make what else refers to a part of a module, or to what its hooks hold, refer to the copy's.

        A function may hold a layer beside its model, and read what a hook on it has stored.
        """
        parts, copies = list(module.modules()), list(result.modules())
        if len(parts) != len(copies):  # a module that is copied in a way of its own
            return
        self._sources += parts
        self._done.update(zip(map(id, parts), copies, strict=True))
        for part, copied in zip(parts, copies, strict=True):
            for name in ("_forward_pre_hooks", "_forward_hooks"):
                hooks, private = part.__dict__.get(name) or {}, copied.__dict__.get(name)
                for key, hook in hooks.items():
                    if private is None or private is hooks or key not in private:
                        continue
                    owner, private_owner = hook, private[key]
                    if isinstance(hook, types.MethodType):
                        owner, private_owner = hook.__self__, getattr(private_owner, "__self__", None)
                    if private_owner is owner:  # a function: deepcopy takes it as it is
                        private[key] = self(hook, 1)
                    else:
                        self._sources.append(owner)
                        self._done.setdefault(id(owner), private_owner)

    def _replica(self, module: nn.Module, memo: dict[int, Any]) -> nn.Module:
        """Return a module of the same class with its own tensors and submodules; other attributes shared."""
        replica = type(module).__new__(type(module))
        self._done[id(module)] = memo[id(module)] = replica
        attributes: dict[str, Any] = {}
        for name, value in module.__dict__.items():
            if name in ("_parameters", "_buffers"):
                attributes[name] = {k: None if t is None else memo[id(t)] for k, t in value.items()}
            elif name == "_modules":
                attributes[name] = {
                    k: None if m is None else memo.get(id(m)) or self._replica(m, memo)
                    for k, m in value.items()
                }
            elif isinstance(value, Tensor):
                attributes[name] = memo[id(value)]
            elif isinstance(value, dict):  # hooks and the like: own mapping, same entries
                attributes[name] = copy.copy(value)
            else:
                attributes[name] = self(value, _DEPTH - 1)
        replica.__dict__.update(attributes)
        return replica

    def _convert_rest(self, module: nn.Module) -> None:
        """Promote what the prepared tensors did not reach: scripted modules, parameter subclasses."""
        if any(
            self.device not in (None, tensor.device)
            or (tensor.is_floating_point() and self.dtype not in (None, tensor.dtype))
            for tensor in (*module.parameters(), *module.buffers())
        ):
            self.converted = True
            module._apply(
                lambda t: t.to(device=self.device, dtype=self.dtype if t.is_floating_point() else None)
            )
        for parameter in module.parameters():
            parameter.requires_grad_(False)

    def _mapping(self, value: dict[Any, Any], depth: int) -> dict[Any, Any]:
        """Return a dict of private versions, the dict itself where no entry needs one."""
        items = {key: self(item, depth) for key, item in value.items()}
        return value if all(items[key] is value[key] for key in value) else items

    def _function(self, function: types.FunctionType, depth: int) -> types.FunctionType:
        """Return the same code bound to private versions of its closure, globals and defaults."""
        if (function.__module__ or "").partition(".")[0] in _LIBRARIES:
            return function
        changed = False
        cells = []
        for cell in function.__closure__ or ():
            try:
                content = cell.cell_contents
            except ValueError:  # a name not assigned yet
                cells.append(cell)
                continue
            private = self(content, depth)
            changed = changed or private is not content
            cells.append(cell if private is content else types.CellType(private))
        names = {name for name in _global_names(function.__code__) if name in function.__globals__}
        own = {name: function.__globals__[name] for name in names}
        copies = self._mapping(own, depth)
        defaults = self(function.__defaults__, depth)
        keywords = self(function.__kwdefaults__, depth)
        if not changed and copies is own and defaults is function.__defaults__:
            if keywords is function.__kwdefaults__:
                return function
        scope = function.__globals__ if copies is own else {**function.__globals__, **copies}
        result = types.FunctionType(function.__code__, scope, function.__name__, defaults, tuple(cells))
        result.__kwdefaults__ = keywords
        return result

    def _object(self, value: Any, depth: int) -> Any:
        """Return an object with private versions of its attributes, itself where none needs one."""
        attributes = getattr(value, "__dict__", None)
        if not isinstance(attributes, dict) or type(value).__module__.partition(".")[0] in _LIBRARIES:
            return value
        copies = self._mapping(attributes, depth)
        if copies is attributes or not self.copying:
            return value
        result = copy.copy(value)
        result.__dict__.update(copies)
        return result


def _deep_copy(module: nn.Module, memo: dict[int, Any]) -> nn.Module:
    """Return ``copy.deepcopy(module, memo)``, faster where no part says itself how it is copied.

    Every part is made empty first; then each is filled, those inside before those around them.
    """
    parts = list(module.modules())
    if not all(_copied_by_default(type(part)) for part in parts):
        return copy.deepcopy(module, memo)
    memo.update((id(part), type(part).__new__(type(part))) for part in parts)
    for part in reversed(parts):
        state: dict[str, Any] = {}
        for name, value in part.__dict__.items():
            kind = type(value)
            if isinstance(value, _ATOMS) or (kind is tuple and all(isinstance(v, _ATOMS) for v in value)):
                state[name] = value  # sizes and strides: deepcopy returns them as they are, after a long look
            elif id(value) in memo:
                state[name] = memo[id(value)]
            elif not value and kind in (dict, OrderedDict, set):  # hooks, mostly
                memo[id(value)] = state[name] = kind()
            elif kind is dict and all(isinstance(key, str) for key in value):  # parameters, buffers, parts
                memo[id(value)] = state[name] = entries = {}
                for key, item in value.items():
                    entries[key] = memo[id(item)] if id(item) in memo else copy.deepcopy(item, memo)
            elif name != "_compiled_call_impl":
                state[name] = copy.deepcopy(value, memo)
        memo[id(part)].__setstate__(state)
    return memo[id(module)]


@functools.cache
def _copied_by_default(kind: type) -> bool:
    """Return whether a class leaves copying to its instances' attributes."""
    return (
        getattr(kind, "__getstate__", None) is getattr(nn.Module, "__getstate__", None)
        and kind.__reduce_ex__ is object.__reduce_ex__
        and kind.__reduce__ is object.__reduce__
        and not any(hasattr(kind, name) for name in ("__deepcopy__", "__getnewargs__", "__getnewargs_ex__"))
        and not any("__slots__" in c.__dict__ for c in kind.__mro__[:-1])
    )


def _tensors_in(value: Any, depth: int = 0) -> Iterator[Tensor]:
    """Yield the tensors in nested lists, tuples and dicts."""
    if type(value) in (Tensor, nn.Parameter, nn.Buffer):
        yield value
    elif isinstance(value, (list, tuple, dict)) and depth < 3:
        for item in value.values() if isinstance(value, dict) else value:
            yield from _tensors_in(item, depth + 1)


def _global_names(code: types.CodeType) -> set[str]:
    """Return the global names that code uses, with those of the functions defined in it."""
    names = set(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            names |= _global_names(constant)
    return names


class ModelFacts(NamedTuple):
    """What a model is made of.

    Attributes:
        dtypes: Floating dtypes of its parameters and buffers.
        device: Where the first of them lies; None if there is none.
        fixed_batch: Rows that every call must have, for a program exported with a literal batch size; else
            None.
    """

    dtypes: list[torch.dtype]
    device: torch.device | None
    fixed_batch: int | None


class Bounded(dict[Any, Any]):
    """A dictionary of at most `MOST` entries: the first to come are the first to go."""

    MOST = 32

    def __setitem__(self, key: Any, value: Any) -> None:
        """Set an entry, and give up the oldest one if there are too many."""
        super().__setitem__(key, value)
        while len(self) > self.MOST:
            del self[next(iter(self))]

    def setdefault(self, key: Any, default: Any = None) -> Any:
        """Return the entry, set first where there is none."""
        if key not in self:
            self[key] = default
        return self[key]


class PrivateModel:
    """A model that is never run itself: what runs are copies of it, which this keeps.

    Looking at the parameters and copying them is what costs before the first number of an analysis.
    Everything that is asked of the same model (other inputs, other baselines, its effects beside its scores)
    shares one of these, so that it is paid once.

    Args:
        user_model: Module or callable on torch tensors; read and never changed.
        weakly: Whether this does not keep the user's model alive.

    Attributes:
        recordings: Operations that were recorded of the copies, by what decides them; for whoever runs them
            again.
        programs: Programs that were captured of the copies, likewise.
        scalars: The copies as scalar functions, with what was seen when they were tried, by what decides it;
            None where nobody asks again.
    """

    def __init__(self, user_model: Callable[..., Any], *, weakly: bool = False) -> None:
        self._refer: Callable[[], Any] = weakref.ref(user_model) if weakly else lambda: user_model
        self.recordings: dict[Any, Any] = {}
        self.programs: dict[Any, list[Any]] = Bounded()
        self.scalars: dict[Any, Any] | None = None
        self._copies: dict[tuple[torch.dtype | None, torch.device | None], ModelCopy] = {}

    @property
    def user_model(self) -> Callable[..., Any]:
        """The user's model."""
        return self._refer()

    @cached_property
    def facts(self) -> ModelFacts:
        """What the user's model is made of, after a look for values that no analysis survives.

        Raises:
            NonFiniteError: If a parameter is NaN or infinite, or a buffer is NaN.
            ShapeError: If one of them is on the meta device.
        """
        modules = own_modules(self.user_model)
        only = modules[0] if len(modules) == 1 else None
        tensors = _checked_tensors(modules)
        return ModelFacts(
            dtypes=[tensor.dtype for tensor in tensors if tensor.is_floating_point()],
            device=tensors[0].device if tensors else None,
            fixed_batch=fixed_batch_size(only) if isinstance(only, fx.GraphModule) else None,
        )

    def copied(self, dtype: torch.dtype | None, device: torch.device | None) -> ModelCopy:
        """Return the copy in a dtype on a device; None keeps what each tensor has.

        Raises:
            ShapeError: If a lazy module has never been run, so its parameters have no shape.
        """
        if (dtype, device) in self._copies:
            return self._copies[dtype, device]
        copied = copy_model(self.user_model, dtype=dtype, device=device)
        if self.facts.fixed_batch is not None:
            copied = replace(copied, function=in_fixed_batches(copied.function, self.facts.fixed_batch))
        self._copies[dtype, device] = copied
        if not copied.converted:  # a copy in the model's own dtypes serves where those are asked for
            self._copies.setdefault((None, device), copied)
        return copied

    def has_copy(self, dtype: torch.dtype) -> bool:
        """Return whether there is a copy in a dtype already."""
        return any(kept == dtype for kept, _ in self._copies)

    def discard(self, copied: ModelCopy) -> None:
        """Forget a copy that failed while it ran: what it holds may be half written."""
        self._copies = {key: kept for key, kept in self._copies.items() if kept is not copied}


def _checked_tensors(modules: list[nn.Module]) -> list[Tensor]:
    """Return all parameters and buffers, having looked for values that no analysis survives."""
    tensors: list[Tensor] = []
    for module in modules:
        named = [("parameter", *pair) for pair in module.named_parameters()]
        for kind, name, tensor in [*named, *(("buffer", *pair) for pair in module.named_buffers())]:
            if tensor.device.type == "meta":
                raise ShapeError(
                    f"{kind} {name!r} is on the meta device and holds no numbers; load the weights first: "
                    "model.to_empty(device='cpu') and model.load_state_dict(…)"
                )
            tensors.append(tensor)
            values = tensor.detach()
            if kind == "parameter":
                # a sum first: one pass, no temporaries; it is infinite also where finite entries overflow
                fine = bool(values.sum().isfinite()) or bool(values.isfinite().all())
            else:  # infinities are common there: attention masks
                fine = not values.is_floating_point() or not bool(values.isnan().any())
            if not fine:
                bad = int((~values.isfinite() if kind == "parameter" else values.isnan()).sum())
                raise NonFiniteError(
                    f"{kind} {name!r} holds NaN{' or infinity' * (kind == 'parameter')} ({bad} of "
                    f"{tensor.numel()} entries); check how the model was trained or loaded"
                )
    return tensors
