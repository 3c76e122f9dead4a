"""Exceptions and warnings.

Every message says what was given, what was expected and what to do next. Exceptions subclass
the builtin a caller would already catch.
"""

import sys
import warnings
from collections import Counter
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any, TypeAlias


class TaylorAttrError(Exception):
    """Base of every error raised by this package."""


class ShapeError(TaylorAttrError, ValueError):
    """Shapes, batch sizes or structures that do not fit together."""


class DtypeError(TaylorAttrError, TypeError):
    """A dtype the computation cannot use, for example integer inputs where derivatives are needed."""


class NonFiniteError(TaylorAttrError, ValueError):
    """NaN or infinity in an input, a baseline, a parameter or an output."""


class TargetError(TaylorAttrError, ValueError):
    """A target that is missing, out of range or of the wrong form."""


class PlayerError(TaylorAttrError, ValueError):
    """Players that overlap, leave elements out, or carry names that do not fit."""


class OptionError(TaylorAttrError, ValueError):
    """An option outside its range: order, frame, index name, number of nodes."""


class BudgetError(TaylorAttrError, ValueError):
    """A table or a number of model calls beyond the limit, estimated before starting."""


class CaptureError(TaylorAttrError, RuntimeError):
    """The model could not be captured as a program, or its replay differs from the model."""


class MissingRuleError(TaylorAttrError, NotImplementedError):
    """An operation of the captured program has no rule."""


class UnsupportedLayerError(MissingRuleError):
    """A layer has no inverse, so that no signal can be sent back through it."""


class NotFittedError(TaylorAttrError, RuntimeError):
    """What is to be fitted to data first was used before that."""


class NondeterministicModelError(TaylorAttrError, RuntimeError):
    """The model gives different outputs for the same input."""


class InputMutationError(TaylorAttrError, RuntimeError):
    """The model writes to its input."""


class FormatError(TaylorAttrError, ValueError):
    """Data that are not in the form they should have, such as a saved result that cannot be read back."""


class FileError(FormatError):
    """A file that cannot be read as what it should be; the message begins with its path."""


class CheckpointError(FileError):
    """A checkpoint file that is damaged or belongs to another computation."""


class MethodError(TaylorAttrError, RuntimeError):
    """An attribution method of another library, or of the user, raised; its own error is the cause."""


class ModelError(TaylorAttrError, RuntimeError):
    """The user's model raised; the message says where and with what it was called, its error is the cause."""


class VerificationError(TaylorAttrError, AssertionError):
    """A rule breaks a law that every attribution rule obeys; the message is the report."""


class MissingExtraError(TaylorAttrError, ImportError):
    """An optional dependency is absent; the message names the extra that brings it."""


def require_whole_number(name: str, value: object, least: int = 1, *, optional: bool = False) -> None:
    """Refuse what is no whole number from `least` on; None is one where the argument is optional.

    Raises:
        OptionError: Names the argument and what was given.
    """
    if value is None and optional:
        return
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        expected = "a positive integer" if least == 1 else f"an integer ≥ {least}"
        raise OptionError(f"{name}={value!r}; expected {expected}{' or None' if optional else ''}")


MOST_REPETITIONS = 10_000_000
"""Samples, resamples, quadrature nodes or repeats of a call: above it, a slip of the keyboard."""


def require_repetitions(name: str, value: object, least: int = 1, *, optional: bool = False) -> None:
    """Refuse what is no whole number from `least` to `MOST_REPETITIONS`: more would run for days.

    Raises:
        OptionError: Names the argument and what was given.
    """
    require_whole_number(name, value, least, optional=optional)
    if isinstance(value, int) and value > MOST_REPETITIONS:
        raise OptionError(f"{name}={value!r}; expected at most {MOST_REPETITIONS:,}")


def require_number(name: str, value: object, *, above: float = 0.0, optional: bool = False) -> None:
    """Refuse what is no real number above a bound; infinity is one, NaN is not.

    Raises:
        OptionError: Names the argument and what was given.
    """
    if value is None and optional:
        return
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not value > above:
        raise OptionError(
            f"{name}={value!r}; expected a number above {above:g}{' or None' if optional else ''}"
        )


def require_instance(name: str, value: object, kinds: type | tuple[type, ...], expected: str) -> None:
    """Refuse what is of another type.

    Raises:
        OptionError: Names the argument, its type and what was expected.
    """
    if not isinstance(value, kinds):
        what = f"the class {value.__name__}" if isinstance(value, type) else f"a {type(value).__name__}"
        raise OptionError(f"{name} is {what}; expected {expected}")


def require_frame(frame: str) -> None:
    """Refuse what is none of the two frames.

    Raises:
        OptionError: Says what each of them is.
    """
    if frame not in ("baseline", "input"):
        raise OptionError(f"frame={frame!r}; it is 'baseline' (expand at b) or 'input' (expand at x)")


def require_per_example(table: Any, **vectors: Any) -> None:
    """Refuse vectors that do not hold one entry per row of a table (B, …).

    Raises:
        ShapeError: Names the vector, its shape and what was expected.
    """
    for name, vector in vectors.items():
        if vector.shape != table.shape[:1]:
            raise ShapeError(f"{name} has shape {tuple(vector.shape)}; expected ({table.shape[0]},)")


class TaylorAttrWarning(UserWarning):
    """Base of every warning issued by this package."""


class TrainingModeWarning(TaylorAttrWarning):
    """The model was in training mode; it is analysed in eval behaviour."""


class KinkWarning(TaylorAttrWarning):
    """Orders ≥ 2 of a Taylor decomposition miss what happens at kinks (ReLU, max, abs, clamp)."""


class DivergenceWarning(TaylorAttrWarning):
    """The Taylor series does not reach the input; its terms cannot be trusted as effects."""


class ConvergenceWarning(TaylorAttrWarning):
    """What was trained or fitted explains hardly anything of what it was trained for."""


class FallbackWarning(TaylorAttrWarning):
    """A slower computation is used, and why."""


class PrecisionWarning(TaylorAttrWarning):
    """The numbers carry less precision than asked for."""


class HeldInputWarning(TaylorAttrWarning):
    """Integer inputs beside floating-point ones have no derivatives and are held at their values."""


class ModelChangedWarning(TaylorAttrWarning):
    """A prepared model is another than when it was prepared; it is copied and checked anew."""


class ZeroDifferenceWarning(TaylorAttrWarning):
    """Input and baseline coincide, so every effect is zero."""


Said: TypeAlias = tuple[str, type[TaylorAttrWarning]]
"""A warning: message and category."""

_HEARD: ContextVar[list[Said] | None] = ContextVar("heard", default=None)


@contextmanager
def hearing() -> Generator[list[Said]]:
    """Collect this package's warnings instead of issuing them, for `say_once`; of this thread only.

    Yields:
        What was said so far.
    """
    heard: list[Said] = []
    token = _HEARD.set(heard)
    try:
        yield heard
    finally:
        _HEARD.reset(token)


def say_once(said: Sequence[Sequence[Said]]) -> None:
    """Issue the warnings heard against each of several references, whose answers are averaged.

    What is said of all is issued as it is, and of the rest the first of each kind, with its number and how
    many more there are. That an input equals one of several references is no fault.

    Args:
        said: What was said against each reference.
    """
    alike = [warning for warning in said[0] if all(warning in heard for heard in said)]
    for message, category in alike:
        warn(message, category)
    first: dict[type[TaylorAttrWarning], str] = {}
    counts: Counter[type[TaylorAttrWarning]] = Counter()
    for number, heard in enumerate(said):
        single = [w for w in heard if w not in alike and w[1] is not ZeroDifferenceWarning]
        counts.update({category for _, category in single})
        for message, category in single:
            first.setdefault(category, f"against reference {number}: {message}")
    for category, message in first.items():
        others = counts[category] - 1
        warn(message + f". {others} more of {len(said)} references likewise" * (others > 0), category)


def warn(message: str, category: type[TaylorAttrWarning]) -> None:
    """Issue a warning that points at the line of the user's code which called this package."""
    heard = _HEARD.get()
    if heard is not None:
        heard.append((message, category))
        return
    package = str(Path(__file__).parent)
    frame, level = sys._getframe(1), 2
    while frame.f_back is not None and (
        frame.f_code.co_filename.startswith(package)
        # what a dataclass writes: the call of its __post_init__
        or (frame.f_code.co_filename, frame.f_code.co_name) == ("<string>", "__init__")
    ):
        frame, level = frame.f_back, level + 1
    warnings.warn(message, category, stacklevel=level)
