"""One result for each of several outputs of a model, computed together."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Generic, Self, TypeVar

from taylorattr.aliases import Output, Outputs, Tensors
from taylorattr.analysis.question import Question
from taylorattr.analysis.several_outputs import about_outputs
from taylorattr.effects.examples import ExampleIndex
from taylorattr.effects.references import over_references
from taylorattr.effects.result import Result
from taylorattr.errors import OptionError, ShapeError, TaylorAttrError, hearing, warn

R = TypeVar("R")

SHOWN = 4
"""Outputs whose result `repr` shows."""

LINES = 6
"""Lines of it."""


@dataclass(frozen=True, eq=False, repr=False)
class ByOutput(Result, Mapping[Output, R], Generic[R]):
    """A mapping from each output asked about, in that order, to its result; it cannot be changed.

    Attributes:
        outputs: The outputs: numbers, or tuples of indices.
        results: Their results, in the same order.
    """

    outputs: tuple[int | tuple[int, ...], ...]
    results: tuple[Any, ...]

    def __post_init__(self) -> None:
        """Check that there is one result for each output.

        Raises:
            ShapeError: If there is not.
        """
        if len(self.outputs) != len(self.results) or len(set(self.outputs)) < len(self.outputs):
            raise ShapeError(
                f"{len(self.results)} results for the outputs {self.outputs}; expected one for each, and no "
                "output twice"
            )

    def __getitem__(self, output: Output) -> R:
        """Return the result of an output.

        Raises:
            OptionError: If it was not asked about.
        """
        if output not in self.outputs:
            raise OptionError(f"no output {output!r} was asked about; there are {list(self.outputs)}")
        return self.results[self.outputs.index(output)]

    def __contains__(self, output: object) -> bool:
        """Return whether an output was asked about."""
        return output in self.outputs

    def __iter__(self) -> Iterator[Output]:
        """Iterate over the outputs in the order in which they were asked about."""
        return iter(self.outputs)

    def __len__(self) -> int:
        """Return the number of outputs."""
        return len(self.outputs)

    def select(self, examples: ExampleIndex) -> Self:
        """Return the results for some of the examples; see the results' own ``select``."""
        return dataclasses.replace(
            self, results=tuple(_each(result, lambda one: one.select(examples)) for result in self.results)
        )

    @classmethod
    def concat(cls, results: Iterable[Self]) -> Self:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Return the results for the examples of several, in their order.

        Raises:
            OptionError: If there are none, or they are about different outputs.
        """
        parts = list(results)
        if not parts or any(part.outputs != parts[0].outputs for part in parts):
            raise OptionError("expected results by output, all about the same outputs in the same order")
        columns = zip(*(part.results for part in parts), strict=True)
        return dataclasses.replace(parts[0], results=tuple(map(_joined, columns)))

    def __repr__(self) -> str:
        """Show the outputs, and the results of the first few."""
        kinds = sorted({type(one).__name__ for result in self.results for one in _parts(result)})
        lines = [f"ByOutput: {len(self)} outputs, {', '.join(kinds)} for each"]
        for output, result in list(zip(self.outputs, self.results, strict=True))[:SHOWN]:
            text = "\n".join(repr(one) for one in _parts(result)).splitlines()
            more = ["…"] if len(text) > LINES else []
            lines += [f"  output {output}", *(f"    {line}" for line in text[:LINES] + more)]
        if len(self) > SHOWN:
            lines.append(f"  … and the outputs {', '.join(map(str, self.outputs[SHOWN:]))}")
        return "\n".join(lines)


def answered(
    question: Question,
    effects: Callable[[Question], R],
    references: Tensors | None,
    outputs: Outputs | None,
) -> R:
    """Return a question's effects, averaged over references and for each of several outputs as asked for.

    Args:
        question: What is asked.
        effects: A question against one baseline -> a result, or a tuple of results.
        references: Reference set (R, …), None for none.
        outputs: As in `Question`.
    """

    def answer(asked: Question) -> Any:
        if references is None:
            return effects(asked)
        several = list[bool]()

        def parts(one: Question, _: int) -> tuple[Any, ...]:
            result = effects(one)
            several.append(isinstance(result, tuple))
            return _parts(result)

        means = over_references(asked, references, parts)
        return means if several[0] else means[0]

    return answer(question) if outputs is None else by_output(question, outputs, answer)


def by_output(
    question: Question, outputs: Outputs, answer: Callable[[Question], Any], *, a_set: bool = False
) -> Any:
    """Return the answers to a question about several outputs, each as if it were asked alone: a `ByOutput`.

    Args:
        question: What is asked, without a target.
        outputs: As in `Question`.
        answer: A question -> a result about its examples, or a tuple of results.
        a_set: Whether the baselines are a reference set, which all examples share.

    Raises:
        TaylorAttrError: What `answer` and `about_outputs` raise.
    """
    asked, named = about_outputs(question, outputs, a_set=a_set)

    def example(found: re.Match[str]) -> str:
        row, column = divmod(int(found[1]), len(named))
        return f"example {row} (output {named[column]})"

    def in_users_numbers(message: str) -> str:
        return re.sub(r"\bexample (\d+)", example, message)

    try:
        with hearing() as heard:
            result = answer(asked)
    except TaylorAttrError as error:
        error.args = tuple(in_users_numbers(a) if isinstance(a, str) else a for a in error.args)
        raise
    for message, category in heard:
        warn(in_users_numbers(message), category)
    each = [slice(k, None, len(named)) for k in range(len(named))]
    return ByOutput(named, tuple(_each(result, lambda one, part=part: one.select(part)) for part in each))


def _parts(result: Any) -> tuple[Any, ...]:
    """Return a tuple of results, or the one result in a tuple."""
    return result if isinstance(result, tuple) else (result,)


def _each(result: Any, change: Callable[[Any], Any]) -> Any:
    """Return a result changed, or each of a tuple of them."""
    return tuple(map(change, result)) if isinstance(result, tuple) else change(result)


def _joined(results: tuple[Any, ...]) -> Any:
    """Return one result for the examples of several, or a tuple of such."""
    if isinstance(results[0], tuple):
        return tuple(map(_joined, zip(*results, strict=True)))
    return type(results[0]).concat(results)
