"""One recorded operation with its values at x, and at b where there is a reference."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from taylorattr.errors import MissingRuleError
from taylorattr.program.arguments import leaves, map_leaves, named, operands, results
from taylorattr.program.operations import Kind, argument_names, only_adds_up, operation_of
from taylorattr.program.program import Node, Ref

Values = Mapping[int, Tensor]
"""Value number -> tensor, constants included."""


class Site:
    """An operation where relevance is handed on.

    Args:
        node: The operation.
        values: Every value of the run at x.
        reference: Every value of the run at b; None for rules against 0.
        active: Numbers of the values that depend on the inputs.
        readers: Value number -> operations that read it.
        makers: Value number -> operation that made it.
        learned: Numbers of the constants that come from parameters.
        note: Receives ``(share, amount)`` where relevance is given up on purpose; None when nobody asks.
        facts: What is known of the operation whatever its values, to be read and added to; None: nothing.

    Attributes:
        operands: Numbers of the floating values it reads that depend on the inputs, in order, repeated.
        switches: Numbers of the masks and indices it reads that depend on the inputs.
        outs: Numbers of the results, None for those nobody reads.
    """

    def __init__(
        self,
        node: Node,
        values: Values,
        reference: Values | None,
        active: frozenset[int],
        readers: Mapping[int, Sequence[Node]],
        makers: Mapping[int, Node],
        learned: frozenset[int] = frozenset(),
        note: Callable[[str, Tensor], None] | None = None,
        facts: dict[str, Any] | None = None,
    ) -> None:
        self.node = node
        self.values = values
        self.reference = reference
        self.active = active
        self.readers = readers
        self.makers = makers
        self.learned = learned
        self.note = note
        self._facts = facts = {} if facts is None else facts
        if "operands" not in facts:
            reads = [i for i in operands(node) if i in active]
            floating = [values[i].is_floating_point() for i in reads]
            facts["operands"] = tuple(i for i, f in zip(reads, floating, strict=True) if f)
            facts["switches"] = tuple(i for i, f in zip(reads, floating, strict=True) if not f)
            out = node.out
            refs = (out,) if isinstance(out, Ref) else out
            facts["outs"] = tuple(ref.index if ref else None for ref in refs)
        self.operands: tuple[int, ...] = facts["operands"]
        self.switches: tuple[int, ...] = facts["switches"]
        self.outs: tuple[int | None, ...] = facts["outs"]
        self.memo: dict[str, Any] = {}  # what a rule worked out for this operation and may need again

    def __repr__(self) -> str:
        """Name, module and line."""
        return f"Site({self.place})"

    @property
    def name(self) -> str:
        """The operation without namespace and overload, for example ``relu``."""
        return self.node.name

    @property
    def place(self) -> str:
        """The operation and where it was called."""
        node = self.node
        return f"{node.op} (module '{node.module}', {node.where or 'no source line'})"

    @property
    def kind(self) -> Kind | None:
        """What the operation is to a rule, by the table of operations and by which arguments are active.

        None for an operation that the table does not have, and for functions of three values.
        """
        if "kind" not in self._facts:
            self._facts["kind"] = self._found_kind()
        return self._facts["kind"]

    def _found_kind(self) -> Kind | None:
        row = operation_of(self.node)
        if row is None:
            return None
        node = self.node
        arguments = (*zip(argument_names(node.op), node.args, strict=False), *node.kwargs.items())
        moving = [
            name for name, value in arguments if any(ref.index in self.operands for ref in leaves(Ref, value))
        ]
        kind = row.kind_in_use(moving, bool(self.switches))
        pools = kind == "weights" and only_adds_up(node, moving, self.values, self.learned)
        return "sum" if pools else kind

    @property
    def entrywise(self) -> bool:
        """Whether every entry of the result depends on one entry of each operand."""
        row = operation_of(self.node)
        return row is not None and row.entrywise

    @property
    def x(self) -> list[Tensor]:
        """The operands at x."""
        return [self.values[i] for i in self.operands]

    @property
    def b(self) -> list[Tensor]:
        """The operands at b; a leading dimension 1 serves the whole batch."""
        return [self._at_b[i] for i in self.operands]

    @property
    def y(self) -> Tensor:
        """The first result at x."""
        return self.values[results(self.node)[0]]

    @property
    def y0(self) -> Tensor:
        """The first result at b."""
        return self._at_b[results(self.node)[0]]

    @property
    def _at_b(self) -> Values:
        if self.reference is None:
            raise MissingRuleError(f"the rule at {self.place} asks for a reference; this method has none")
        return self.reference

    @cached_property
    def named(self) -> dict[str, Any]:
        """The arguments by their schema names, at x, defaults filled in."""
        return named(self.node.op, *self.arguments())

    def is_operand(self, name: str) -> bool:
        """Whether an argument is a floating value that depends on the inputs."""
        if "arguments" not in self._facts:
            self._facts["arguments"] = named(self.node.op, self.node.args, self.node.kwargs)
        argument = self._facts["arguments"].get(name)
        return isinstance(argument, Ref) and argument.index in self.operands

    def arguments(
        self, replacing: Sequence[Tensor] | None = None, *, at_b: bool = False
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Return the arguments with tensors in place of references.

        Args:
            replacing: Tensors for the operands, in their order; None for the recorded ones.
            at_b: Whether the recorded ones are those at b.

        Returns:
            Positional and keyword arguments.
        """
        values = self._at_b if at_b else self.values
        stream = iter(replacing) if replacing is not None else None
        wanted = set(self.operands)

        def tensor(ref: Ref) -> Tensor:
            return next(stream) if stream is not None and ref.index in wanted else values[ref.index]

        return map_leaves(Ref, tensor, (self.node.args, self.node.kwargs))

    def call(self, operands: Sequence[Tensor] | None = None) -> Any:
        """Run the operation at other operands; the first result where there are several.

        Args:
            operands: Tensors for the operands; None: those at x.

        Returns:
            The first result.
        """
        args, kwargs = self.arguments(operands)
        result = self.node.op(*args, **kwargs)
        return result if isinstance(result, Tensor) else result[0]

    def at_zero(self) -> list[Tensor]:
        """Every result with all operands 0, the other arguments as recorded: an affine map's constant."""
        return self.at_level(0.0)

    def at_level(self, level: float) -> list[Tensor]:
        """Every result with one number in every entry of all operands, the other arguments as recorded."""
        if self.name == "as_strided":  # reads memory, and rearranges only
            return [torch.full_like(self.y, level)]
        filled = [torch.full(x.shape, level, dtype=x.dtype, device=x.device) for x in self.x]
        args, kwargs = self.arguments(filled)
        result = self.node.op(*args, **kwargs)
        return [result] if isinstance(result, Tensor) else list(result)

    def give_up(self, share: str, m: Tensor, value: Tensor) -> None:
        """Write the relevance m·value down as given up on purpose, where the balance is asked for.

        Args:
            share: Its name, for example ``bias``.
            m: Multiplier of the result.
            value: The part of the result that no operand stands for; infinite entries count where m ≠ 0.
        """
        if self.note is not None:
            self.note(share, torch.where(m == 0, 0.0, m * value))

    def function(self) -> Callable[[Tensor], Tensor]:
        """Return the operation as a function of its only operand."""
        return lambda z: self.call([z])

    def refuse(self, why: str) -> MissingRuleError:
        """Return the error that says why relevance cannot pass here.

        Args:
            why: The reason, and what to do.
        """
        return MissingRuleError(f"no relevance rule at {self.place}: {why}")


def fit(m: Tensor, like: Tensor) -> Tensor:
    """Sum a multiplier over the dimensions along which its operand was broadcast."""
    return m if m.shape == like.shape else m.sum_to_size(like.shape)


def same_at_both_ends(site: Site) -> bool:
    """Whether the masks and indices that an operation reads agree at x and b."""
    if site.reference is None:
        return True
    return all(bool((site.values[i] == site.reference[i]).all()) for i in site.switches)


def finite_difference(x: Tensor, b: Tensor) -> Tensor:
    """Return x − b, 0 where both are the same infinity."""
    delta = x - b
    return torch.where(x == b, 0.0, delta) if bool(torch.isnan(delta.sum())) else delta
