"""Which operations are affine, and how the degree of a polynomial grows along a program."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from taylorattr.errors import TaylorAttrError
from taylorattr.program.arguments import leaves
from taylorattr.program.program import Node, Program
from taylorattr.program.walk import walk

JOINTLY_AFFINE = {
    "add", "sub", "rsub", "neg", "view", "_unsafe_view", "reshape", "t", "transpose", "permute", "unsqueeze",
    "squeeze", "expand", "select", "slice", "cat", "stack", "flatten", "sum", "mean", "clone", "alias",
    "contiguous", "constant_pad_nd", "avg_pool1d", "avg_pool2d", "avg_pool3d", "_adaptive_avg_pool2d",
    "adaptive_avg_pool1d", "adaptive_avg_pool2d", "_adaptive_avg_pool3d", "flip", "roll", "repeat",
    "upsample_nearest2d", "upsample_bilinear2d", "reflection_pad2d", "replication_pad2d", "unbind", "split",
    "split_with_sizes", "chunk", "narrow", "diagonal", "movedim", "cumsum", "slice_scatter", "select_scatter",
    "reflection_pad1d", "reflection_pad3d", "replication_pad1d", "replication_pad3d", "pixel_shuffle",
    "pixel_unshuffle", "channel_shuffle", "upsample_nearest1d", "upsample_nearest3d", "upsample_linear1d",
    "upsample_trilinear3d", "upsample_bicubic2d", "im2col", "col2im", "unfold", "tril", "triu", "trace",
    "diag_embed", "rot90",
}  # fmt: skip
"""Operations affine in all their tensor arguments together."""

PRODUCTS = {
    "mul": (0, 1), "mm": (0, 1), "bmm": (0, 1), "mv": (0, 1), "dot": (0, 1), "matmul": (0, 1), "div": (0,),
    "convolution": (0,), "linear": (0,), "addmm": (1, 2), "baddbmm": (1, 2), "index": (0,),
    "index_select": (0,), "gather": (0,),
}  # fmt: skip
"""Operations affine in any one of these arguments, the other tensors being constant."""

_WITH_SUMMAND = ("addmm", "baddbmm")

MASKS = {"where": 0, "masked_fill": 1}
"""Operations affine in all their other arguments together, the mask at this place being constant."""


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
    name = node.op.overloadpacket.__name__
    if name in JOINTLY_AFFINE:
        return True
    if name in MASKS:
        return not any(True for _ in leaves(kind, args[MASKS[name]]))
    places = factors(kind, name, args)
    if kwargs.get("rounding_mode") is not None or any(True for _ in leaves(kind, kwargs)):
        return False
    return name in PRODUCTS and len(places) <= 1 and set(places) <= set(PRODUCTS[name])


def factors(kind: type[Any], name: str, args: tuple[Any, ...]) -> list[int]:
    """Return the positions of moving arguments that are multiplied; the first of addmm is a summand."""
    places = [i for i, a in enumerate(args) if any(True for _ in leaves(kind, a))]
    return places[1:] if name in _WITH_SUMMAND and places[:1] == [0] else places


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
        name = node.op.overloadpacket.__name__
        degrees = [d.value for d in leaves(_Degree, (args, kwargs))]
        if is_affine(_Degree, node, args, kwargs):
            return max(degrees)
        places = factors(_Degree, name, args)
        if name in PRODUCTS and set(places) <= set(PRODUCTS[name]) and kwargs.get("rounding_mode") is None:
            product = sum(args[i].value for i in places)
            return max(product, degrees[0]) if name in _WITH_SUMMAND else product
        if name == "square":
            return 2 * degrees[0]
        if name == "pow" and len(degrees) == 1 and isinstance(args[0], _Degree):
            power = args[1]
            if isinstance(power, (int, float)) and power == int(power) and power >= 0:
                return int(power) * degrees[0]
        place = node.where or "unknown line"
        raise NotPolynomialError(f"{node.op} ({place}) is no polynomial of its arguments")
