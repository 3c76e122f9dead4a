"""What a method of the user or of another library raises, as one sentence; its own error stays the cause."""

from __future__ import annotations

import traceback
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from taylorattr.errors import MethodError, TaylorAttrError

LONGEST = 300
"""Letters of the method's own message that are shown."""


@contextmanager
def raised_by(method: str) -> Generator[None, None, None]:
    """Turn whatever a block raises into a `MethodError`, apart from errors of this package.

    Args:
        method: Name of the method that the block runs.

    Yields:
        Nothing.

    Raises:
        MethodError: With the method, its own error and the line that raised it.
    """
    try:
        yield
    except Exception as error:  # a method may raise whatever it likes
        if isinstance(error, TaylorAttrError):
            raise
        last = traceback.extract_tb(error.__traceback__)[-1]
        said = " ".join(str(error).split())
        raise MethodError(
            f"{method} raised {type(error).__name__}: {said[:LONGEST]}{'…' if len(said) > LONGEST else ''} "
            f"({Path(last.filename).name}, line {last.lineno})"
        ) from error
