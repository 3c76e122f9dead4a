"""Which operations are affine, and how the degree of a polynomial grows along a program."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from taylorattr.errors import TaylorAttrError
from taylorattr.program.arguments import leaves, named
from taylorattr.program.operations import moving_arguments, operation_of
from taylorattr.program.program import Node, Program
from taylorattr.program.walk import walk


class NotPolynomialError(TaylorAttrError):
    """The program has an operation that is no polynomial of its arguments."""


def is_affine(kind: type[Any], node: Node, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    """Return whether an operation is affine in its moving arguments together.

    Args:
        kind: The type that marks an argument as moving; everything else is constant.
        node: The operation.
        args: Its positional arguments.
        kwargs: Its keyword arguments.
    """
    row = operation_of(node)
    return row is not None and row.is_affine_in(moving_arguments(kind, node.op, args, kwargs))


def polynomial_degree(program: Program) -> int:
    """Return an upper bound of the degree of a program that is a polynomial of its inputs.

    Sums have the largest degree of their terms, products the sum of their factors', integer powers a
    multiple.

    Raises:
        NotPolynomialError: Names the first operation that is no polynomial, and where it stands.
    """
    return walk(program, [_Degree(1)] * len(program.inputs), _Degrees()).value


@dataclass(frozen=True)
class _Degree:
    value: int


class _Degrees:
    def apply(self, node: Node, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Return the degree of the operation's result, one for each of several."""
        degree = _Degree(self._of(node, args, kwargs))
        return [degree] * len(node.out) if isinstance(node.out, tuple) else degree

    def _of(self, node: Node, args: tuple[Any, ...], kwargs: dict[str, Any]) -> int:
        row, by_name = operation_of(node), named(node.op, args, kwargs)
        moving = moving_arguments(_Degree, node.op, args, kwargs)
        if row is not None and row.factors and set(moving) <= set(row.affine_arguments):
            product = sum(_largest(by_name, group) for group in row.factors)
            return max(product, _largest(by_name, row.added))
        if node.name == "square":
            return 2 * _largest(by_name, moving)
        if node.name == "pow" and moving == ("self",):
            power = by_name["exponent"]
            if isinstance(power, (int, float)) and power == int(power) and power >= 0:
                return int(power) * by_name["self"].value
        raise NotPolynomialError(
            f"{node.op} ({node.where or 'unknown line'}) is no polynomial of its arguments"
        )


def _largest(by_name: dict[str, Any], group: Iterable[str]) -> int:
    """Return the largest degree among some arguments, 0 where all are constant."""
    return max((d.value for name in group for d in leaves(_Degree, by_name.get(name))), default=0)
