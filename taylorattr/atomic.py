"""Write a file whole or not at all: under a temporary name, then renamed over the old one."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Generator
from pathlib import Path
from typing import IO


@contextlib.contextmanager
def replacing(path: str | os.PathLike[str]) -> Generator[IO[bytes], None, None]:
    """Yield a binary file that takes the place of path when the block ends without an exception.

    If the block raises, the temporary file is removed and whatever stood at path is untouched.

    Args:
        path: Destination; its folder must exist.

    Yields:
        The open temporary file, in the destination's folder.

    Raises:
        OSError: No file can be made there, or the disk takes no more; the message names the destination.
    """
    target = Path(path)
    try:
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.", suffix=".part")
    except OSError as error:
        named = _named(error, target)
        raise named from error
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())  # on the disk before the name: else a power cut could leave an empty file
        mask = os.umask(0)  # a mask can only be read by setting one
        os.umask(mask)
        os.chmod(name, 0o666 & ~mask)  # mkstemp makes 0600; an ordinary file is expected
        os.replace(name, target)  # atomic, since both are in one folder
    except BaseException as error:
        with contextlib.suppress(OSError):
            os.unlink(name)
        # an archive whose last write failed is closed once more, which raises something else
        reason = error.__context__ if isinstance(error, ValueError) else error
        if isinstance(reason, OSError) and reason.filename in (None, name):
            named = _named(reason, target)
            raise named from error
        raise


def _named(error: OSError, target: Path) -> OSError:
    """Return an error of the same kind whose message names the destination."""
    if error.errno is None:
        return OSError(f"{target} cannot be written: {error}")
    return type(error)(error.errno, error.strerror, str(target))
