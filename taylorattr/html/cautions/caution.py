"""One sentence of warning, and the examples it speaks of."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from taylorattr.html.numbers import listed


@dataclass(frozen=True)
class Caution:
    """One warning.

    Attributes:
        about: The result it speaks of.
        sentence: What was seen.
        advice: What to do; empty where there is nothing.
        grave: Whether the numbers should not be used as they are.
        examples: Numbers of the examples; empty where it holds for all.
    """

    about: str
    sentence: str
    advice: str = ""
    grave: bool = False
    examples: tuple[int, ...] = ()

    @property
    def where(self) -> str:
        """The examples in words."""
        if not self.examples:
            return ""
        return f"example{'s' if len(self.examples) > 1 else ''} {listed(list(self.examples))}"


def by_sentence(
    about: str, found: Iterable[tuple[int, str]], batch: int, advice: str = "", grave: bool = False
) -> list[Caution]:
    """Return one caution per sentence, with all examples that it was said of.

    Args:
        about: The result.
        found: Example and sentence.
        batch: Number of examples; the examples are named where there are several.
        advice: What to do.
        grave: Whether the numbers should not be used.
    """
    said: dict[str, list[int]] = {}
    for example, sentence in found:
        said.setdefault(sentence, []).append(example)
    return [
        Caution(about, sentence, advice, grave, tuple(examples) if batch > 1 else ())
        for sentence, examples in said.items()
    ]
