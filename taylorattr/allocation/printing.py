"""Print a ratio for a reader: one line of text with subscripts, or LaTeX."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import sympy as sp
from sympy.printing.latex import LatexPrinter
from sympy.printing.printer import Printer
from sympy.printing.str import StrPrinter

from taylorattr.allocation.symbols import Expr

SUBSCRIPTS = {"i": "ᵢ", "j": "ⱼ", "i₂": "ᵢ₂", "p": "ₚ", "k": "ₖ"}
LOWER = str.maketrans("0123456789s+", "₀₁₂₃₄₅₆₇₈₉ₛ₊", "{}")
GREEK = {
    "kappa": "κ", "Delta": "Δ", "sigma": "σ", "rho": "ρ", "alpha": "α", "beta": "β", "epsilon": "ε",
    "omega": "ω", "xi": "ξ", "mu": "μ",
    "pi": "π", "tau": "τ", "gamma": "γ",
}  # fmt: skip
WORDS = {"low": ("l", "l"), "high": ("h", "h"), "slope": ("σ′(z)", r"\sigma'(z)")}
"""Quantities that a context calls by a word -> their sign in docs/theory.md, as text and in LaTeX."""


class PositiveFirst(Printer):
    """Sums that begin with what is added, if anything is."""

    def _as_ordered_terms(self, expr: Any, order: Any = None) -> list[Any]:
        terms = super()._as_ordered_terms(expr, order)
        first = next((t for t, term in enumerate(terms) if not term.could_extract_minus_sign()), 0)
        return [terms[first], *terms[:first], *terms[first + 1 :]]


class TextPrinter(PositiveFirst, StrPrinter):
    """One line of Unicode: κᵢ/m, Σⱼ, Πⱼ, 1[κᵢ > 0]."""

    printmethod = "_ratio_text"

    def _print_Symbol(self, expr: Any) -> str:
        if expr.name in WORDS:
            return WORDS[expr.name][0]
        head, mark, rest = str(expr.name).partition("_")
        head, digits = head.rstrip("0123456789"), head[len(head.rstrip("0123456789")) :]
        if re.fullmatch(r"[\ds+{}]+", rest):
            mark, rest = "", rest.translate(LOWER)
        sign = digits.translate(LOWER) + {"plus": "₊", "minus": "₋"}.get(rest, mark + rest)
        return f"{GREEK.get(head, head)}{sign}"

    def _print_Indexed(self, expr: Any) -> str:
        base = self._print_Symbol(sp.Symbol(str(expr.base.label)))
        marks = [str(self._print(k)) for k in expr.indices]
        if all(mark in SUBSCRIPTS for mark in marks):
            return base + "".join(SUBSCRIPTS[mark] for mark in marks)
        return f"{base}[{','.join(marks)}]"

    def _loop(self, sign: str, expr: Any) -> str:
        body = self._print(expr.function)
        signs = []
        for index, low, high in reversed(expr.limits):
            mark = SUBSCRIPTS.get(str(index), f"_{index}")
            if not _everything(low, high):
                mark = f"_{{{self._print(index)}={self._print(low)}…{self._print(high)}}}"
            signs.append(sign + mark)
        return f"{' '.join(signs)} {f'({body})' if expr.function.is_Add else body}"

    def _print_Sum(self, expr: Any) -> str:
        return f"({self._loop('Σ', expr)})"

    def _print_Product(self, expr: Any) -> str:
        return f"({self._loop('Π', expr)})"

    def _print_Relational(self, expr: Any) -> str:
        sign = {">": " > ", ">=": " ≥ ", "<": " < ", "<=": " ≤ ", "==": " = ", "!=": " ≠ "}[expr.rel_op]
        return f"{self._print(expr.lhs)}{sign}{self._print(expr.rhs)}"

    def _print_And(self, expr: Any) -> str:
        return " and ".join(self._print(a) for a in expr.args)

    def _print_Or(self, expr: Any) -> str:
        return " or ".join(self._print(a) for a in expr.args)

    def _print_binomial(self, expr: Any) -> str:
        return f"C({', '.join(str(self._print(a)) for a in expr.args)})"

    def _print_factorial(self, expr: Any) -> str:
        return f"({self._print(expr.args[0])})!"

    def _print_Max(self, expr: Any) -> str:
        return f"max({', '.join(str(self._print(a)) for a in expr.args)})"

    def _print_Min(self, expr: Any) -> str:
        return f"min({', '.join(str(self._print(a)) for a in expr.args)})"

    def _print_Piecewise(self, expr: Any) -> str:
        parts = []
        for value, when in expr.args:
            parts.append(
                f"{self._print(value)} " + ("else" if when == sp.true else f"if {self._print(when)}")
            )
        return "{" + "; ".join(parts) + "}"


class ShortLatexPrinter(PositiveFirst, LatexPrinter):
    """LaTeX in which sums and products over everything there is carry no limits."""

    def _print_Symbol(self, expr: Any, style: str = "plain") -> str:
        if expr.name in WORDS:
            return WORDS[expr.name][1]
        head, _, rest = str(expr.name).partition("_")
        sign = {"plus": "^{+}", "minus": "^{-}"}.get(rest)
        if sign is None:
            name = re.sub(r"[{}]", "", expr.name)
            letter = super()._print_Symbol(sp.Symbol(name), style)
            return rf"\mathrm{{{letter}}}" if len(name) > 1 and letter.isalpha() else letter
        return self._print(sp.Symbol(head)) + sign

    def _print_Indexed(self, expr: Any) -> str:
        marks = ",".join(str(self._print(index)) for index in expr.indices)
        return f"{{{self._print(sp.Symbol(str(expr.base.label)))}}}_{{{marks}}}"

    def _print_Sum(self, expr: Any) -> str:
        return self._loop(r"\sum", expr)

    def _print_Product(self, expr: Any) -> str:
        return self._loop(r"\prod", expr)

    def _loop(self, sign: str, expr: Any) -> str:
        body = self._print(expr.function)
        body = rf"\left({body}\right)" if expr.function.is_Add else body
        signs = []
        for index, low, high in reversed(expr.limits):
            if _everything(low, high):
                signs.append(rf"{sign}_{{{self._print(index)}}}")
            else:
                signs.append(rf"{sign}_{{{self._print(index)}={self._print(low)}}}^{{{self._print(high)}}}")
        return f"{' '.join(signs)} {body}"


def _everything(low: Any, high: Any) -> bool:
    """Whether an index runs over all players, nodes or whatever it counts."""
    return low == 1 and high.is_Symbol


def text(expression: Expr, where: Mapping[Expr, Expr] | None = None) -> str:
    """Return an expression as one line of text, its abbreviations after it."""
    printer = TextPrinter()

    def line(e: Any) -> str:
        powers = re.sub(r"\*\*(\d)\b", lambda match: "⁰¹²³⁴⁵⁶⁷⁸⁹"[int(match[1])], printer.doprint(e))
        return powers.replace("**", "^").replace("*", "·")

    rest = [f"{line(symbol)} = {line(value)}" for symbol, value in (where or {}).items()]
    return line(expression) + (f", with {', '.join(rest)}" if rest else "")


def latex(expression: Expr, where: Mapping[Expr, Expr] | None = None) -> str:
    """Return an expression in LaTeX, its abbreviations after it."""
    printer = ShortLatexPrinter()
    rest = [
        f"{printer.doprint(symbol)} = {printer.doprint(value)}" for symbol, value in (where or {}).items()
    ]
    return printer.doprint(expression) + (r",\quad " + r",\ ".join(rest) if rest else "")
