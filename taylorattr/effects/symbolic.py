"""Exact effects of a sympy expression: every κ of a polynomial, J(S) of any expression by eq. (3)."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import torch
from torch import Tensor

from taylorattr.aliases import Coalition, Frame, MultiIndex
from taylorattr.effects.coalition_table import HarsanyiEffects
from taylorattr.effects.taylor_effects import TaylorEffects
from taylorattr.errors import (
    BudgetError,
    NonFiniteError,
    OptionError,
    ShapeError,
    require_frame,
    require_instance,
)
from taylorattr.maths.mobius import truncated_mobius_
from taylorattr.maths.multi_index import enumerate_up_to, support
from taylorattr.maths.subsets import Coalitions

MAX_COALITIONS = 1 << 16
"""Most coalitions evaluated symbolically: 16 symbols with the full table."""

LARGEST_SERIES = 64
"""Largest order of a series that is no polynomial; each order differentiates an expression that grows."""

MOST_MULTIPLIED_OUT = 1 << 20
"""Most terms of a series, and of a power that is multiplied out."""

LARGEST_EXPANDED_POWER = 10_000
"""Largest exponent that is multiplied out; the digits of its coefficients grow with it."""


@dataclass(frozen=True, eq=False, repr=False)
class SymbolicEffects:
    """Exact effects of an expression at one input and one baseline.

    Attributes:
        terms: κ -> I(κ), zero terms left out: every term of a polynomial, else those with |κ| ≤ order;
            rational where the expression is.
        harsanyi: S -> J(S) for every non-empty coalition, zeros included.
        names: The symbols, as text.
        frame: ``baseline`` or ``input``.
        order: Largest |κ| in terms.
        exhaustive: Whether terms holds every non-zero effect (the expression is a polynomial of degree
            ≤ order in the symbols), so that they add up to delta.
        f_input: f(x).
        f_baseline: f(b).
    """

    terms: dict[MultiIndex, Any]
    harsanyi: dict[Coalition, Any]
    names: tuple[str, ...]
    frame: Frame
    order: int
    exhaustive: bool
    f_input: Any
    f_baseline: Any

    @property
    def delta(self) -> Any:
        """f(x) − f(b), exact."""
        return self.f_input - self.f_baseline

    def to_taylor_effects(self, order: int | None = None) -> TaylorEffects:
        """Return the terms with |κ| ≤ order as float64 :class:`TaylorEffects` with one example.

        Args:
            order: At most the order of the terms, their default (1 if there are none).

        Raises:
            OptionError: If the order is larger than what was computed of a non-polynomial.
        """
        top = max(1, self.order) if order is None else order
        if top < 1 or (top > self.order and not self.exhaustive):
            raise OptionError(f"order={top}; the terms were computed for orders 1 … {self.order}")
        n = len(self.names)
        row = [float(self.terms.get(tuple(int(k) for k in kappa), 0)) for kappa in enumerate_up_to(n, top)]
        complete = self.exhaustive and all(sum(kappa) <= top for kappa in self.terms)
        reason = "polynomial, every term is here" if complete else "convergence was not examined"
        return TaylorEffects(
            values=torch.tensor([row], dtype=torch.float64),
            order=top,
            converged=torch.tensor([complete]),
            reasons=(reason,),
            **self._common(),
        )

    def to_harsanyi_effects(self) -> HarsanyiEffects:
        """Return J(S) as a full float64 table with one example, in bitmask order."""
        empty = self.f_baseline if self.frame == "baseline" else self.f_input
        row = [float(self.harsanyi[c] if c else empty) for c in Coalitions(len(self.names))]
        return HarsanyiEffects(values=torch.tensor([row], dtype=torch.float64), **self._common())

    def _common(self) -> dict[str, Any]:
        """Return the fields that Taylor and Harsanyi effects share, numbers as float64 tensors (1,)."""

        def vector(value: Any) -> Tensor:
            return torch.tensor([float(value)], dtype=torch.float64)

        return {
            "names": self.names,
            "frame": self.frame,
            "delta": vector(self.delta),
            "f_input": vector(self.f_input),
            "f_baseline": vector(self.f_baseline),
            "diagnostics": {"source": "symbolic"},
        }

    def __repr__(self) -> str:
        """List the exact terms, or the coalitions where no terms were computed."""
        head = f"SymbolicEffects: frame {self.frame}, f(b) = {self.f_baseline}, f(x) = {self.f_input}"
        lines = [f"{head}, delta = {self.delta}"]
        if self.order:
            what = "every term" if self.exhaustive else f"terms of order ≤ {self.order}"
            lines.append(f"  {what}: " + (", ".join(f"{k}: {v}" for k, v in self.terms.items()) or "none"))
        lines += [
            f"  J({', '.join(self.names[i] for i in c)}) = {v}" for c, v in self.harsanyi.items() if v != 0
        ]
        return "\n".join(lines)


def symbolic_effects(
    expr: Any,
    symbols: Sequence[Any],
    inputs: Sequence[Any] | Mapping[Any, Any],
    baselines: Sequence[Any] | Mapping[Any, Any] | None = None,
    *,
    order: int | None = None,
    frame: Frame = "baseline",
) -> SymbolicEffects:
    """Return the exact effects of a sympy expression.

    I(κ) = [t^κ] f(b + t∘Δ), eq. (1), (5), in frame ``input`` eq. (6); J(S) = Σ_{T⊆S} (−1)^{|S|−|T|} v(T),
    eq. (3), in frame ``input`` eq. (8). Numbers given as int, Fraction or sympy numbers stay exact;
    a float is taken as the binary fraction it is.

    Args:
        expr: The function, a sympy expression or a number; constants besides ``symbols`` must not remain.
            Text is refused: making an expression of text runs it.
        symbols: Its sympy symbols, in the order of the players.
        inputs: x, one number per symbol, or a mapping from symbol to number.
        baselines: b, likewise; None is zero.
        order: Largest |κ| of the terms. None: the degree for a polynomial, no terms otherwise.
        frame: ``baseline`` or ``input``.

    Returns:
        Terms, coalition effects and delta.

    Raises:
        OptionError: If the order or the frame is not possible, other symbols are left over, or something is
            no expression, symbol or number.
        ShapeError: If there is not one number per symbol.
        NonFiniteError: If the expression is not finite at some x_T, or not analytic where it is expanded.
        BudgetError: If there are too many symbols for the table of all coalitions, or too many terms.

    Example:
        >>> import sympy
        >>> x0, x1 = sympy.symbols("x0 x1")
        >>> symbolic_effects(3 * x0 + x1**2 + 3 * x0 * x1**2, (x0, x1), (1, 2)).harsanyi
        {(0,): 3, (1,): 4, (0, 1): 12}
    """
    import sympy  # here: it takes a second to import and only this function needs it

    require_frame(frame)
    require_instance("symbols", symbols, (tuple, list), "the variables, as sympy.symbols makes them")
    symbols = tuple(symbols)
    n = len(symbols)
    if n == 0:
        raise OptionError("symbols is empty; name the variables of the expression")
    for i, symbol in enumerate(symbols):
        if not isinstance(symbol, sympy.Symbol):
            raise OptionError(
                f"symbols[{i}] is a {type(symbol).__name__}; expected one that sympy.symbols makes"
            )
    if len(set(symbols)) < n:
        raise OptionError(f"symbols={symbols} names a variable twice; each symbol is one player")
    if 1 << n > MAX_COALITIONS:
        raise BudgetError(f"{n} symbols have 2**{n} coalitions; symbolic effects stop at {MAX_COALITIONS}")
    if order is not None and (not isinstance(order, int) or isinstance(order, bool) or order < 1):
        raise OptionError(f"order={order!r}; expected None or an integer ≥ 1")
    expression: Any = _exact(expr, "expr")
    left_over = expression.free_symbols - set(symbols)
    if left_over:
        named = ", ".join(sorted(map(str, left_over)))
        raise OptionError(f"the expression also contains {named}; add them to symbols or substitute numbers")
    x = _point(inputs, symbols, "inputs")
    b = [sympy.Integer(0)] * n if baselines is None else _point(baselines, symbols, "baselines")

    start, end, sign = (b, x, 1) if frame == "baseline" else (x, b, -1)
    steps = [q - p for p, q in zip(start, end, strict=True)]
    _require_few_terms(expression)
    coalitions = Coalitions(n, n)
    values = _values(expression, symbols, start, end, coalitions)
    f_start, f_end = values[0], values[-1]  # read before the transform, which is in place
    effects = truncated_mobius_(values, n, n)
    harsanyi = {c: sign * sympy.simplify(effects[i]) for i, c in enumerate(coalitions) if c}

    scale = [sympy.Dummy(f"t{i}", real=True) for i in range(n)]
    along = expression.subs(
        {s: p + t * d for s, p, t, d in zip(symbols, start, scale, steps, strict=True)}, simultaneous=True
    )
    if along.is_polynomial(*scale):
        monomials = dict(sympy.Poly(along, *scale).terms())
        degree = max((sum(k) for k in monomials), default=0)
        top = degree if order is None else order
        terms = {k: sign * c for k, c in monomials.items() if 1 <= sum(k) <= top and c != 0}
        exhaustive = top >= degree
    else:
        top = order or 0
        if top > LARGEST_SERIES or math.comb(n + top, n) > MOST_MULTIPLIED_OUT:
            raise BudgetError(
                f"order={top} of {n} symbols has too many terms, each a derivative; series stop at order "
                f"{LARGEST_SERIES} and {MOST_MULTIPLIED_OUT:,} terms"
            )
        terms = _coefficients(along, scale, top, sign) if top else {}
        exhaustive = False
    ordered = dict(sorted(terms.items(), key=lambda item: (sum(item[0]), [-k for k in item[0]])))
    f_input, f_baseline = (f_end, f_start) if frame == "baseline" else (f_start, f_end)
    names = tuple(str(s) for s in symbols)
    return SymbolicEffects(ordered, harsanyi, names, frame, top, exhaustive, f_input, f_baseline)


def _point(values: Sequence[Any] | Mapping[Any, Any], symbols: Sequence[Any], name: str) -> list[Any]:
    """Return x or b as exact numbers in the order of the symbols.

    Raises:
        ShapeError: If there is not one number per symbol.
        NonFiniteError: If one is not finite.
    """
    if isinstance(values, Mapping):
        missing = [str(s) for s in symbols if s not in values]
        if missing:
            raise ShapeError(f"{name} lack a number for {', '.join(missing)}")
        values = [values[s] for s in symbols]
    if len(values) != len(symbols):
        raise ShapeError(f"{name} hold {len(values)} numbers; expected one per symbol, {len(symbols)}")
    numbers = [_exact(value, f"{name}[{i}]") for i, value in enumerate(values)]
    for symbol, number in zip(symbols, numbers, strict=True):
        if not number.is_finite:
            raise NonFiniteError(f"{name}: {symbol} = {number} is not a finite number")
    return numbers


def _exact(value: Any, name: str) -> Any:
    """Return a number or expression as sympy has it; a finite float as the binary fraction it is.

    Raises:
        OptionError: If it is text, which sympy would run as code, or no number at all.
    """
    import sympy  # as above

    if isinstance(value, Tensor | np.ndarray) and value.ndim == 0:
        value = value.item()
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, sympy.Expr):
        return value
    if isinstance(value, int):
        return sympy.Integer(value)
    if isinstance(value, Fraction):
        return sympy.Rational(value.numerator, value.denominator)
    if isinstance(value, float):
        return sympy.Rational(value) if math.isfinite(value) else sympy.Float(value)
    if isinstance(value, str):
        raise OptionError(
            f"{name} is text; if you trust it, make an expression of it with sympy.sympify, which runs it"
        )
    raise OptionError(f"{name} is a {type(value).__name__}; expected a number or a sympy expression")


def _require_few_terms(expression: Any) -> None:
    """Raise BudgetError if a power would have too many terms once it is multiplied out."""
    import sympy  # as above

    for part in expression.atoms(sympy.Pow):
        if not part.exp.is_Integer or not part.free_symbols:
            continue
        exponent, letters = abs(int(part.exp)), len(part.free_symbols)
        # a shifted symbol b + tΔ has a constant too: one part more than symbols
        if exponent > LARGEST_EXPANDED_POWER or math.comb(exponent + letters, letters) > MOST_MULTIPLIED_OUT:
            raise BudgetError(
                f"{str(part)[:40]} has too many terms when it is multiplied out; exact effects stop at "
                f"{MOST_MULTIPLIED_OUT:,} terms and exponents of {LARGEST_EXPANDED_POWER:,}"
            )


def _values(
    expression: Any, symbols: Sequence[Any], start: list[Any], end: list[Any], coalitions: Coalitions
) -> np.ndarray:
    """Return v(T) of every coalition as an object array, so that sympy's exact numbers stay what they are.

    Raises:
        NonFiniteError: If one is not finite.
    """
    values = np.empty(len(coalitions), dtype=object)
    for position, present in enumerate(coalitions):
        point = {s: end[i] if i in present else start[i] for i, s in enumerate(symbols)}
        value = expression.subs(point, simultaneous=True)
        if value.is_finite is False or value.has(*_undefined()):
            raise NonFiniteError(f"the expression is {value} at {point}; move the input or the baseline")
        values[position] = value
    return values


def _undefined() -> tuple[Any, ...]:
    """Return what sympy has for values that are no finite number."""
    import sympy  # as above

    return sympy.nan, sympy.zoo, sympy.oo, -sympy.oo


def _coefficients(along: Any, scale: list[Any], order: int, sign: int) -> dict[MultiIndex, Any]:
    """Return sign·[t^κ] for 1 ≤ |κ| ≤ order, by repeated differentiation, each derivative taken once.

    Multi-indices come by order, so the derivative below, one less in the first variable, is known already.

    Raises:
        NonFiniteError: If the expression is not analytic where the series starts.
    """
    import sympy  # as above

    derivatives: dict[MultiIndex, Any] = {(0,) * len(scale): along}
    at_start = dict.fromkeys(scale, 0)
    # sympy differentiates |t| to sign(t), which is 0 at 0: a number, but no derivative
    kinks = [str(part) for part, edge in _edges(along) if edge.subs(at_start, simultaneous=True) == 0]
    if kinks:
        raise NonFiniteError(f"{kinks[0]} has a kink or a jump where the series starts; move that point")
    terms: dict[MultiIndex, Any] = {}
    for row in enumerate_up_to(len(scale), order):
        kappa = tuple(int(k) for k in row)
        i = support(kappa)[0]
        below = tuple(k - (j == i) for j, k in enumerate(kappa))
        derivatives[kappa] = sympy.diff(derivatives[below], scale[i])
        value = derivatives[kappa].subs(at_start, simultaneous=True)
        if value.is_finite is False or value.has(*_undefined()) or not value.is_number or _open(value):
            raise NonFiniteError(
                f"∂^{kappa} of the expression is {value} where the series starts, not a finite number"
            )
        value = sign * sympy.simplify(value) / math.prod(math.factorial(k) for k in kappa)
        if value != 0:
            terms[kappa] = value
    return terms


def _edges(expression: Any) -> Iterator[tuple[Any, Any]]:
    """Yield the parts of an expression with kinks or jumps, and for each what vanishes there."""
    import sympy  # as above

    for part in expression.atoms(sympy.Abs, sympy.sign, sympy.Heaviside):
        yield part, part.args[0]
    for part in expression.atoms(sympy.Max, sympy.Min):
        for i, j in itertools.combinations(part.args, 2):
            # two arguments that are equal make a kink only if they are the largest
            yield part, sympy.Piecewise((i - j, sympy.Eq(part, i)), (1, True))
    for part in expression.atoms(sympy.floor, sympy.ceiling):
        yield part, sympy.sin(sympy.pi * part.args[0])  # 0 at the integers
    for part in expression.atoms(sympy.Rel):
        yield part, part.lhs - part.rhs


def _open(value: Any) -> bool:
    """Return whether a derivative was left unevaluated, or is no function's value."""
    import sympy  # as above

    return value.has(sympy.Derivative, sympy.Subs, sympy.DiracDelta)
