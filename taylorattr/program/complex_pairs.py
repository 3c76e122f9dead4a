"""Operations on complex values as operations on their real and imaginary parts.

Relevance divides a result between operands by their signs and sizes, which complex numbers do not have. So a
recording that a rule table walks holds every complex value as two real ones, and a Fourier transform as what
it is to them: a product with the matrices of cosines and sines.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch._ops import OpOverload

from taylorattr.errors import MissingRuleError
from taylorattr.program.operations import TABLE, argument_names

LONGEST_TRANSFORM = 4096
"""Entries along one dimension whose Fourier transform is written as a matrix: 128 MiB each of float64."""


@dataclass(frozen=True)
class Pair:
    """A complex value by its parts, real tensors of one shape."""

    re: Tensor
    im: Tensor


def pair_of(value: Tensor) -> Pair:
    """Return the parts of a complex tensor, in memory of their own."""
    parts = torch.view_as_real(value.detach().resolve_conj().resolve_neg())
    return Pair(parts[..., 0].contiguous(), parts[..., 1].contiguous())


def on_pairs(op: OpOverload, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
    """Run an operation some of whose arguments or results are complex.

    Args:
        op: The operation.
        args: Its positional arguments, complex tensors as `Pair`.
        kwargs: Its keyword arguments, likewise.

    Returns:
        What the operation returns, complex tensors as `Pair`.

    Raises:
        MissingRuleError: If it is not written in parts here.
    """
    name = op.overloadpacket.__name__
    if name in _BY_NAME:
        return _BY_NAME[name](*args, **kwargs)
    row = TABLE.get(name)
    if row is not None and row.kind in ("move", "sum"):
        return _part_by_part(op, args, kwargs, set(row.affine_arguments))
    if row is not None and row.kind in ("product", "matmul") and len(args) == 2 and not kwargs:
        return _bilinear(op, *args)
    raise MissingRuleError(
        f"{op} of complex values has no rule; write the model with real and imaginary parts"
    )


def _part_by_part(op: OpOverload, args: Sequence[Any], kwargs: dict[str, Any], names: set[str]) -> Any:
    """Run a rearrangement or a sum on the real parts and on the imaginary ones.

    Args:
        op: The operation.
        args: Its positional arguments.
        kwargs: Its keyword arguments.
        names: Arguments in which it is affine; what stands elsewhere (sizes, masks, weights) goes to both.

    Returns:
        One pair, or one for each result.
    """

    def part(real: bool) -> Any:
        def of(value: Any) -> Any:
            if isinstance(value, Pair):
                return value.re if real else value.im
            if isinstance(value, (list, tuple)):
                return [of(v) for v in value]
            if isinstance(value, complex):
                return value.real if real else value.imag
            if isinstance(value, Tensor) and not real:
                return torch.zeros_like(value)
            return 0 if isinstance(value, (int, float)) and not real else value

        positional = [
            of(value) if name in names else value
            for name, value in zip(argument_names(op), args, strict=False)
        ]
        return op(*positional, **{n: of(v) if n in names else v for n, v in kwargs.items()})

    re, im = part(True), part(False)
    if isinstance(re, Tensor):
        return Pair(re, im)
    return tuple(Pair(r, i) for r, i in zip(re, im, strict=True))


def _parts(value: Any) -> tuple[Any, Any]:
    """Return real and imaginary part, None for an imaginary part that is not there."""
    if isinstance(value, Pair):
        return value.re, value.im
    if isinstance(value, complex):
        return value.real, value.imag
    return value, None


def _bilinear(op: Callable[[Any, Any], Tensor], one: Any, two: Any) -> Pair:
    """(a + ib)(c + id) = ac − bd + i(ad + bc), for any product."""
    (a, b), (c, d) = _parts(one), _parts(two)
    if d is None:
        return Pair(op(a, c), op(b, c))
    if b is None:
        return Pair(op(a, c), op(a, d))
    return Pair(op(a, c) - op(b, d), op(a, d) + op(b, c))


def _product(one: Any, two: Any) -> Pair:
    return _bilinear(torch.mul, *_tensors(one, two))


def _tensors(one: Any, two: Any) -> Iterator[Any]:
    """Numbers beside tensors, which torch's functions take as their second argument only, as tensors."""
    like = next(part for value in (one, two) for part in _parts(value) if isinstance(part, Tensor))
    for value in (one, two):
        if isinstance(value, complex):
            yield Pair(like.new_tensor(value.real), like.new_tensor(value.imag))
        else:
            yield like.new_tensor(value) if isinstance(value, (int, float)) else value


def _quotient(one: Any, two: Any) -> Pair:
    """z/w = z·w̄/|w|²."""
    one, two = _tensors(one, two)
    if not isinstance(two, Pair):
        return Pair(one.re / two, one.im / two)
    size = two.re * two.re + two.im * two.im
    product = _product(one, Pair(two.re, -two.im))
    return Pair(product.re / size, product.im / size)


def _power(base: Any, exponent: Any) -> Pair:
    if not isinstance(base, Pair) or exponent not in (1, 2, 3, 4):
        raise MissingRuleError(f"aten.pow of complex values has no rule for the exponent {exponent}")
    result = base
    for _ in range(int(exponent) - 1):
        result = _product(result, base)
    return result


def _cast(value: Any, *, dtype: torch.dtype | None = None, **_: Any) -> Any:
    """A cast between real and complex numbers, or between two precisions of complex ones."""
    if not isinstance(value, Pair):
        assert dtype is not None
        real = value.to(dtype.to_real())
        return Pair(real, torch.zeros_like(real))
    if dtype is None or dtype.is_complex:
        real_dtype = value.re.dtype if dtype is None else dtype.to_real()
        return Pair(value.re.to(real_dtype), value.im.to(real_dtype))
    return value.re.to(dtype)


def _polar(size: Tensor, angle: Tensor) -> Pair:
    return Pair(size * angle.cos(), size * angle.sin())


def _transform(count: int, inverse: bool, normalisation: int, like: Tensor) -> Pair:
    """Return e^{∓2πijk/n} as two matrices (n, n), scaled by 1, 1/√n or 1/n.

    Raises:
        MissingRuleError: If the matrices would be too large.
    """
    if count > LONGEST_TRANSFORM:
        raise MissingRuleError(
            f"a Fourier transform of {count} entries is a matrix of {count}² numbers to relevance, which "
            f"takes {LONGEST_TRANSFORM} at most; use the gradient methods, or shorten the transform"
        )
    k = torch.arange(count, device=like.device)
    # reduced as integers: the angle of a large product would lose its digits
    angle = (k.unsqueeze(1) * k).remainder(count).to(torch.float64) * (2 * math.pi / count)
    scale = count ** (-normalisation / 2)
    sign = 1 if inverse else -1
    return Pair((angle.cos() * scale).to(like.dtype), (angle.sin() * (sign * scale)).to(like.dtype))


def _along(x: Tensor, matrix: Tensor, dim: int) -> Tensor:
    return (x.movedim(dim, -1) @ matrix).movedim(-1, dim)


def _complex_to_complex(z: Pair, dims: Sequence[int], normalisation: int, forward: bool) -> Pair:
    for dim in dims:
        matrix = _transform(z.re.shape[dim], not forward, normalisation, z.re)
        z = _bilinear(lambda x, w, dim=dim: _along(x, w, dim), z, matrix)
    return z


def _real_to_complex(x: Tensor, dims: Sequence[int], normalisation: int, onesided: bool) -> Pair:
    *others, last = dims
    count = x.shape[last]
    matrix = _transform(count, False, normalisation, x)
    width = count // 2 + 1 if onesided else count
    z = Pair(_along(x, matrix.re[:, :width], last), _along(x, matrix.im[:, :width], last))
    return _complex_to_complex(z, others, normalisation, True)


def _complex_to_real(z: Pair, dims: Sequence[int], normalisation: int, count: int) -> Tensor:
    """The other half of the frequencies is the conjugate: those that have one count twice."""
    *others, last = dims
    z = _complex_to_complex(z, others, normalisation, False)
    width = count // 2 + 1
    matrix = _transform(count, True, normalisation, z.re)
    twice = torch.full((width, 1), 2.0, dtype=z.re.dtype, device=z.re.device)
    twice[0] = 1
    if count % 2 == 0:
        twice[-1] = 1
    return _along(z.re, matrix.re[:width] * twice, last) - _along(z.im, matrix.im[:width] * twice, last)


_BY_NAME: dict[str, Callable[..., Any]] = {
    "complex": Pair,
    "polar": _polar,
    "view_as_complex": lambda x: Pair(x.select(-1, 0), x.select(-1, 1)),
    "view_as_real": lambda z: torch.stack([z.re, z.im], -1),
    **dict.fromkeys(
        ("_conj", "_conj_physical", "conj_physical", "_conj_copy"),
        lambda z: Pair(z.re, -z.im) if isinstance(z, Pair) else z,
    ),
    "_to_copy": _cast,
    "mul": _product,
    "div": _quotient,
    "reciprocal": lambda z: _quotient(1.0, z),
    "square": lambda z: _product(z, z),
    "pow": _power,
    "abs": lambda z: torch.linalg.vector_norm(torch.stack([z.re, z.im], -1), 2, -1),
    "angle": lambda z: torch.atan2(z.im, z.re),
    "exp": lambda z: _polar(z.re.exp(), z.im),
    "_fft_c2c": _complex_to_complex,
    "_fft_r2c": _real_to_complex,
    "_fft_c2r": _complex_to_real,
}
