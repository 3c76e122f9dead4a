"""A model as a list of operations: the types every interpreter of a captured program shares."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from torch import Tensor
from torch._ops import OpOverload


@dataclass(frozen=True, slots=True)
class Ref:
    """A value of the program, by its number."""

    index: int


@dataclass(slots=True)
class Node:
    """One ATen operation: op(*args, **kwargs), tensors replaced by Ref, everything else literal.

    Attributes:
        op: The out-of-place ATen overload.
        args: Positional arguments.
        kwargs: Keyword arguments.
        out: The value produced; a tuple for operations with several results, None for one unused.
        module: Dotted path of the innermost module that ran the operation, "" outside any.
        where: Source line of the user's code, ``file:line``.
        last_use: Numbers of the values no later node needs.
        shape: Shape of the value at capture, of the first one where there are several.
    """

    op: OpOverload
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    out: Ref | tuple[Ref | None, ...]
    module: str = ""
    where: str = ""
    last_use: tuple[int, ...] = ()
    shape: tuple[int, ...] = ()

    @property
    def name(self) -> str:
        """The operation without namespace and overload, for example ``relu``."""
        return self.op.overloadpacket.__name__


@dataclass(frozen=True, slots=True)
class Note:
    """Something a reader of the program must know, with its place in the user's code.

    Attributes:
        kind: ``branch`` (a Python branch on a value: the program holds for this point only),
            ``scalar`` (an input-dependent number was read into Python and is frozen),
            ``random`` (an operation that draws random numbers).
        op: Name of the operation.
        module: Dotted path of the module.
        where: ``file:line``.
    """

    kind: Literal["branch", "scalar", "random"]
    op: str
    module: str
    where: str


@dataclass(slots=True)
class Program:
    """Operations in execution order; values 0 … k−1 are the inputs.

    Attributes:
        inputs: The input values, in the order of the captured function's arguments.
        constants: Tensors that do not depend on the inputs, by value number.
        nodes: The operations that depend on the inputs.
        output: The value the captured function returned, shape (1,) at batch size 1.
        notes: What a reader must know.
        values: Value number -> tensor, when the recorder was asked to keep them; else empty.
        prelude: Operations between constants only, already evaluated into ``constants``; kept so that
            promotion evaluates them anew in the wider dtype.
        sources: Tensors only the prelude reads, by value number.
        learned: Numbers of the constants that are parameters or computed from some: the weights of layers, as
            opposed to tables and filters that the model's author wrote down. All where there are none.
        unshared: Numbers of the constants that may hold numbers of single examples: matrices from outside the
            model, and what is computed from them.
        plan: What :func:`taylorattr.program.walk.walk` prepared at its first use; nobody else's business.
            A program is not changed after its first walk.
        lowered: What the polynomial engine prepared at its first use (``autodiff.polynomial.lowered``).
    """

    inputs: tuple[Ref, ...]
    constants: dict[int, Tensor]
    nodes: list[Node]
    output: Ref
    notes: list[Note] = field(default_factory=list)
    values: dict[int, Tensor] = field(default_factory=dict)
    prelude: list[Node] = field(default_factory=list)
    sources: dict[int, Tensor] = field(default_factory=dict)
    learned: frozenset[int] = frozenset()
    unshared: frozenset[int] = frozenset()
    plan: Any = field(default=None, repr=False, compare=False)
    lowered: Any = field(default=None, repr=False, compare=False)
