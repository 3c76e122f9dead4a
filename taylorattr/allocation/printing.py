"""Print a ratio for a reader: one line of text with subscripts, or LaTeX."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import sympy as sp
from sympy.printing.latex import LatexPrinter
from sympy.printing.str import StrPrinter

from taylorattr.allocation.symbols import Expr

SUBSCRIPTS = {"i": "ᵢ", "j": "ⱼ", "i2": "ᵢ₂"}
GREEK = {
    "kappa": "κ", "Delta": "Δ", "sigma": "σ", "rho": "ρ", "alpha": "α", "beta": "β", "epsilon": "ε",
    "omega": "ω", "xi": "ξ", "mu": "μ",
}  # fmt: skip


class TextPrinter(StrPrinter):
    """One line of Unicode: κᵢ/m, Σⱼ, Πⱼ, 1[κᵢ > 0]."""

    printmethod = "_ratio_text"

    def _print_Symbol(self, expr: Any) -> str:
        head, mark, rest = str(expr.name).partition("_")
        sign = {"plus": "₊", "minus": "₋"}.get(rest, mark + rest)
        return f"{GREEK.get(head, head)}{sign}"

    def _print_Indexed(self, expr: Any) -> str:
        base = self._print_Symbol(sp.Symbol(str(expr.base.label)))
        marks = [str(self._print(k)) for k in expr.indices]
        if all(mark in SUBSCRIPTS for mark in marks):
            return base + "".join(SUBSCRIPTS[mark] for mark in marks)
        return f"{base}[{','.join(marks)}]"

    def _loop(self, sign: str, expr: Any) -> str:
        index = str(expr.limits[0][0])
        mark = SUBSCRIPTS.get(index, f"_{index}")
        body = self._print(expr.function)
        return f"{sign}{mark} {f'({body})' if expr.function.is_Add else body}"

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

    def _print_Piecewise(self, expr: Any) -> str:
        parts = []
        for value, when in expr.args:
            parts.append(
                f"{self._print(value)} " + ("else" if when == sp.true else f"if {self._print(when)}")
            )
        return "{" + "; ".join(parts) + "}"


class ShortLatexPrinter(LatexPrinter):
    """LaTeX in which sums and products over all players carry no limits."""

    def _print_Sum(self, expr: Any) -> str:
        return self._loop(r"\sum", expr)

    def _print_Product(self, expr: Any) -> str:
        return self._loop(r"\prod", expr)

    def _loop(self, sign: str, expr: Any) -> str:
        body = self._print(expr.function)
        body = rf"\left({body}\right)" if expr.function.is_Add else body
        return rf"{sign}_{{{expr.limits[0][0]}}} {body}"


def text(expression: Expr, where: Mapping[Expr, Expr] | None = None) -> str:
    """Return an expression as one line of text, its abbreviations after it."""
    printer = TextPrinter()

    def line(e: Any) -> str:
        powers = re.sub(r"\*\*(\d)\b", lambda found: "⁰¹²³⁴⁵⁶⁷⁸⁹"[int(found[1])], printer.doprint(e))
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
