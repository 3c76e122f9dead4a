"""A dispatch mode that writes down every ATen operation a function runs."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch._C._functorch import is_functionaltensor
from torch._ops import OpOverload
from torch.func import functionalize
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from taylorattr.errors import CaptureError
from taylorattr.program.arguments import leaves, map_leaves
from taylorattr.program.canonical import UNINITIALISED, canonical, out_of_place
from taylorattr.program.location import ModulePath, source_line
from taylorattr.program.memory import overlap, read_places, written_places
from taylorattr.program.program import Node, Note, Ref
from taylorattr.program.recorded_as import RECORDED_AS

aten = torch.ops.aten

_ESCAPES = {Tensor.numpy, Tensor.tolist, Tensor.__array__}
_METADATA_ONLY = {
    aten.squeeze_.default,
    aten.squeeze_.dim,
    aten.squeeze_.dims,
    aten.unsqueeze_.default,
    aten.transpose_.default,
    aten.t_.default,
    aten.detach_.default,
}


class Tape(TorchDispatchMode):
    """Everything that happened, in order: values are numbered as they appear, inputs first.

    Values are identified by the identity of their tensors, which are kept alive while recording. An
    in-place operation is written down out of place under a new number, and its tensor re-pointed.

    Attributes:
        nodes: All operations, dead and constant ones too.
        tensors: Value number -> tensor.
        active: Numbers of the values that depend on the inputs.
        constants: Numbers of the tensors that no recorded operation made.
        random: Numbers of the values that random operations made.
        notes: Branches, scalar reads and random operations.
        output: Number of the value the function returned.
    """

    def __init__(
        self, path: ModulePath, keep_values: bool = False, whole: frozenset[str] = frozenset()
    ) -> None:
        """An empty tape.

        Args:
            path: Follows the module that runs.
            keep_values: Whether values overwritten in place must survive.
            whole: Names of operations that are not written as what they are made of (`recorded_as`).
        """
        super().__init__()
        self.nodes: list[Node] = []
        self.tensors: list[Tensor] = []
        self.active: set[int] = set()
        self.constants: list[int] = []
        self.random: dict[int, Note] = {}
        self.notes: list[Note] = []
        self.output = -1
        self._path = path
        self._keep_values = keep_values
        self._whole = whole
        self._numbers: dict[int, int] = {}
        self._memory: dict[int, list[Tensor]] = {}
        self._outdated: dict[int, list[tuple[int, Tensor]]] = {}
        self._written: set[int] = set()
        self._saved: set[int] = set()
        self._marking = False
        self._finished = False

    def run(self, function: Callable[..., Any], inputs: tuple[Tensor, ...], functional: bool) -> None:
        """Record one call.

        Args:
            function: Function of the inputs returning one tensor.
            inputs: Tensors nobody else writes to.
            functional: Whether in-place operations and writes through views are rewritten by
                ``torch.func.functionalize``; without it (and inside composite kernels) the tape does so.
        """
        for x in inputs:
            self.active.add(self._number(x))

        def body(*xs: Tensor) -> Tensor:
            value = function(*xs)
            if not isinstance(value, Tensor):
                raise CaptureError(
                    f"the captured function returned {type(value).__name__}, expected one tensor; "
                    "choose the tensor that is analysed with target=..."
                )
            self._marking = True
            marked = value.clone()
            self._finished = True
            return marked

        with torch.no_grad(), _Escapes(self, functional), self:
            (functionalize(body) if functional else body)(*inputs)
        for storage in self._written:
            self._save(storage)

    def note_scalar(self, name: str, tensor: Tensor) -> None:
        """Write down that a tensor left torch, if it depends on the inputs.

        Args:
            name: How it left.
            tensor: The tensor.
        """
        if self._numbers.get(id(tensor)) in self.active:
            self.notes.append(Note("scalar", name, self._path.current, source_line()))

    def __torch_dispatch__(
        self, func: OpOverload, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Run one operation and write it down."""
        kwargs = kwargs or {}
        if self._finished:
            return func(*args, **kwargs)
        if _is_composite(func):
            with self:
                result = func.decompose(*args, **kwargs)
            if result is not NotImplemented:
                return result
        parts = RECORDED_AS.get(func.overloadpacket.__name__)
        if parts is not None and self._is_written_out(func, args, kwargs):
            with self:
                result = parts(self._is_active, *args, **kwargs)
            if result is not NotImplemented:
                return result
        refs, keywords = (map_leaves(Tensor, self._ref, given) for given in (args, kwargs))
        if func._schema.is_mutable:
            return self._write(func, args, kwargs, refs, keywords)
        result = func(*args, **kwargs)
        if func is aten.as_strided.default:
            self._record_as_places(args[0], result)
        elif any(True for _ in leaves(Tensor, result)):
            self._record(func, refs, keywords, result)
        elif any(ref.index in self.active for ref in leaves(Ref, (refs, keywords))):
            self._note_escape(func, result)
        return result

    def _is_active(self, value: Any) -> bool:
        """Return whether a tensor depends on the inputs; nothing else does."""
        return isinstance(value, Tensor) and self._numbers.get(id(value)) in self.active

    def _is_written_out(self, func: OpOverload, args: Any, kwargs: dict[str, Any]) -> bool:
        """Return whether an operation that has a function in `recorded_as` is to be run by it.

        Constants are computed by torch's own kernel, which is the fastest.
        """
        if func._schema.is_mutable or func.overloadpacket.__name__ in self._whole:
            return False
        return any(self._is_active(value) for value in leaves(Tensor, (args, kwargs)))

    def _record(self, func: OpOverload, args: Any, kwargs: dict[str, Any], result: Any) -> Any:
        """Write down an operation and number its results; return their references."""
        place = self._path.current, source_line()
        if func in UNINITIALISED:  # else the program would keep what happened to be there as a constant
            result.zero_()
        op, args, kwargs = canonical(func, args, kwargs, result, self.tensors)
        active = any(ref.index in self.active for ref in leaves(Ref, (*args, *kwargs.values())))
        out: Ref | tuple[Ref | None, ...]
        if isinstance(result, Tensor):
            out = Ref(self._number(result, new=True))
            numbers = [out.index]
        else:
            out = tuple(Ref(self._number(t, new=True)) if isinstance(t, Tensor) else None for t in result)
            numbers = [ref.index for ref in out if ref is not None]
        if active:
            self.active.update(numbers)
        if torch.Tag.nondeterministic_seeded in func.tags:
            self.random.update((i, Note("random", str(func), *place)) for i in numbers)
        if active and self._shape_depends_on_values(op, args):
            self.notes.append(Note("branch", str(func), *place))
        shape = tuple(next(leaves(Tensor, result)).shape)
        self.nodes.append(Node(op, tuple(args), kwargs, out, *place, shape=shape))
        if self._marking:
            self.output = numbers[0]
        return out

    def _write(self, func: OpOverload, args: Any, kwargs: dict[str, Any], refs: Any, keywords: Any) -> Any:
        """Run a mutating operation; write down its out-of-place counterpart under new numbers."""
        schema = func._schema.arguments
        names = [a.name for a in schema]
        written = [
            kwargs[n] if n in kwargs else args[i]
            for i, n in enumerate(names)
            if schema[i].is_write and (n in kwargs or i < len(args))
        ]
        targets = list(leaves(Tensor, written))
        pure = out_of_place(func)
        if pure is None or (len(written) > 1 and len(targets) != len(written)):
            raise CaptureError(
                f"{func} writes to its arguments and has no out-of-place form (module "
                f"'{self._path.current}', {source_line()}); write the model without it"
            )
        moves = func not in _METADATA_ONLY
        if moves:
            for target in targets:
                self._save(_storage(target))
        elif self._keep_values:  # the tensor changes its shape in place; its old value keeps the old one
            for target in targets:
                self.tensors[self._number(target)] = target.clone()
        result = func(*args, **kwargs)
        inputs = {
            n: keywords[n] if n in keywords else refs[i]
            for i, n in enumerate(names)
            if n in keywords or i < len(refs)
        }
        wanted = {n: inputs[n] for a in schema if not a.is_out and (n := a.name) in inputs}
        positional = [a.name for a in pure._schema.arguments if not a.kwarg_only and a.name in wanted]
        self._record(
            pure,
            tuple(wanted.pop(n) for n in positional),
            wanted,
            written[0] if len(written) == 1 else tuple(written),
        )
        if moves:
            for target in targets:
                self._outdate_aliases(target)
        return result

    def _save(self, storage: int) -> None:
        """Give constants (and kept values) that live in written memory a copy of their own."""
        self._written.add(storage)
        for tensor in self._memory.get(storage, ()):
            number = self._numbers[id(tensor)]
            if number not in self._saved and (self._keep_values or number not in self.active):
                self.tensors[number] = tensor.clone()
                self._saved.add(number)

    def _outdate_aliases(self, target: Tensor) -> None:
        """Remember that every other tensor on the written memory has a new value."""
        write = self._numbers[id(target)], target.detach()
        for tensor in self._memory[_storage(target)]:
            if tensor is not target and overlap(tensor, target):
                self._outdated.setdefault(id(tensor), []).append(write)

    def _ref(self, tensor: Tensor) -> Ref:
        for number, view in self._outdated.pop(id(tensor), ()):
            self._read_back(tensor, number, view)
        return Ref(self._number(tensor))

    def _read_back(self, tensor: Tensor, number: int, view: Tensor) -> None:
        """Write down what a tensor became when another view of its memory was written.

        Its elements are gathered from its old value and the written one, laid end to end.

        Raises:
            CaptureError: If the two views differ in dtype.
        """
        if tensor.dtype != view.dtype:
            raise CaptureError(
                f"module '{self._path.current}' at {source_line()} reads as {tensor.dtype} what was "
                f"written as {view.dtype} through another view of the same memory; write it out of place"
            )
        flat = [
            self._record(aten.view.default, (Ref(i), [-1]), {}, self.tensors[i].reshape(-1))
            for i in (self._numbers[id(tensor)], number)
        ]
        ends = torch.cat([self.tensors[ref.index] for ref in flat])
        both = self._record(aten.cat.default, (flat,), {}, ends)
        places = written_places(tensor, view)
        gathered = ends[places]
        picked = self._record(aten.index.Tensor, (both, [Ref(self._number(places))]), {}, gathered)
        self._record(aten.view.default, (picked, list(tensor.shape)), {}, tensor)

    def _record_as_places(self, tensor: Tensor, view: Tensor) -> None:
        """Write down ``as_strided`` as a choice of elements: in a program values have no place in memory.

        Raises:
            CaptureError: If the view reads memory outside the tensor.
        """
        places = read_places(tensor, view)
        if bool((places < 0).any()):
            raise CaptureError(
                f"as_strided in module '{self._path.current}' at {source_line()} reads memory outside its "
                "tensor; index the tensor instead"
            )
        flat = self._record(aten.view.default, (self._ref(tensor), [-1]), {}, tensor.reshape(-1))
        self._record(aten.index.Tensor, (flat, [Ref(self._number(places))]), {}, view)

    def _number(self, tensor: Tensor, new: bool = False) -> int:
        known = self._numbers.get(id(tensor))
        if known is not None and not new:
            return known
        if known is None:
            self._memory.setdefault(_storage(tensor), []).append(tensor)
        number = len(self.tensors)
        self._numbers[id(tensor)] = number
        self.tensors.append(tensor)
        if not new:
            self.constants.append(number)
        return number

    def _note_escape(self, func: OpOverload, result: Any) -> None:
        kind = "branch" if isinstance(result, bool) else "scalar"
        self.notes.append(Note(kind, str(func), self._path.current, source_line()))

    def _shape_depends_on_values(self, op: OpOverload, args: Any) -> bool:
        """Boolean indexing, nonzero, unique: the literal shapes that follow hold for this point only."""
        if op is not aten.index.Tensor:
            return torch.Tag.dynamic_output_shape in op.tags
        masks = [ref.index for ref in leaves(Ref, args[1])]
        return any(i in self.active and self.tensors[i].dtype == torch.bool for i in masks)


class _Escapes(TorchFunctionMode):
    """Notices tensors that leave torch without an operation (``.numpy()``).

    A tensor inside functionalize has no memory of its own to read, so the recording is given up there.
    """

    def __init__(self, tape: Tape, functional: bool) -> None:
        super().__init__()
        self._tape = tape
        self._functional = functional

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if func in _ESCAPES:
            if self._functional and is_functionaltensor(args[0]):
                raise CaptureError(f"Tensor.{func.__name__} under functionalization at {source_line()}")
            self._tape.note_scalar(f"Tensor.{func.__name__}", args[0])
        return func(*args, **(kwargs or {}))


@functools.cache
def _is_composite(func: OpOverload) -> bool:
    key = torch._C.DispatchKey.CompositeImplicitAutograd
    return torch._C._dispatch_has_kernel_for_dispatch_key(func.name(), key)


def _storage(tensor: Tensor) -> int:
    """Return the identity of a tensor's memory; a sparse one shares none, and is its own."""
    return tensor.untyped_storage()._cdata if tensor.layout == torch.strided else id(tensor)
