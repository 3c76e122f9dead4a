"""The parameters that all analyses share, described once and written into the documentation of each."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from typing import Any, TypeVar

from taylorattr.analysis.question import Question

Function = TypeVar("Function", bound=Callable[..., Any])

_WIDTH = 110
_MARK = re.compile(r"^( +)(\w+): As in `Question`\.(.*(?:\n\1    .*)*)", re.MULTILINE)


def _attributes(documentation: str) -> dict[str, str]:
    """Return the description of every attribute that a docstring lists, each as one line."""
    section = inspect.cleandoc(documentation).partition("Attributes:\n")[2]
    entries = re.findall(r"^ {4}(\w+): (.*(?:\n {8}.*)*)", section, re.MULTILINE)
    return {name: " ".join(text.split()) for name, text in entries}


SHARED = _attributes(Question.__doc__ or "") | {  # python -OO strips docstrings
    "outputs": "Several outputs to ask about at once, by number or by tuples of indices, or ``all``; then "
    "without target. Evaluations run the model once for all; the answer is a ``ByOutput``, a "
    "mapping from each output to what asking about it alone returns; type checkers need a ``cast`` to it."
}
"""Parameter -> what `Question` says of it, and what all functions say that ask it about several outputs."""


def shares_parameters(function: Function) -> Function:
    """Write what `Question` says of its attributes into the documentation of a function that takes them.

    In the docstring an entry ``target: As in `Question`.`` becomes the description of ``target``; what else
    the entry says stays behind it. So ``help`` shows every parameter in full, and each is described once.

    Returns:
        The function itself.
    """

    def described(match: re.Match[str]) -> str:
        indent, name, more = match.groups()
        first, *words = f"{name}: {SHARED[name]}{more}".split()
        lines = [indent + first]
        for word in words:
            if len(lines[-1]) + 1 + len(word) > _WIDTH:
                lines.append(f"{indent}    {word}")
            else:
                lines[-1] += f" {word}"
        return "\n".join(lines)

    if function.__doc__:
        function.__doc__ = _MARK.sub(described, function.__doc__)
    return function
