"""Read files that anybody may have written: whatever is wrong with one becomes a `FileError` that names it.

Readers of every format work inside :func:`reading`. What a file claims of itself is checked before memory is
taken: how deep its JSON goes, and whether the shape of an array fits the bytes that follow.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import re
import zipfile
from collections.abc import Generator
from pathlib import Path
from typing import IO, Any

import numpy as np

from taylorattr.errors import FileError, FormatError, MissingExtraError, TaylorAttrError
from taylorattr.memory import available

DEEPEST_JSON = 200
"""Lists and objects inside each other at most in JSON; what is read is walked recursively."""

LARGEST_TEXT = 1 << 30
"""Bytes of a file that is read as text at most."""

LONGEST_HEADER = 10_000
"""Bytes of the header of an array at most; numpy parses it as Python."""

MOST_MEMBERS = 100_000
"""Arrays of an archive at most."""

LARGEST_EMPTY = 1 << 31
"""Product of the other sizes of an array with a size of 0 at most: more is no shape that anybody meant."""

LONGEST_REASON = 300
"""Characters of another library's error that a message repeats."""


@contextlib.contextmanager
def parsing(what: str) -> Generator[None, None, None]:
    """Turn any failure inside into a `FormatError`, whichever library it comes from.

    Args:
        what: What is parsed, with its article, such as ``a graph``.

    Raises:
        FormatError: Something went wrong; errors of this package stay as they are.
        FileNotFoundError: There is no such file.
        TaylorAttrError: What was raised inside.
    """
    try:
        yield
    except (TaylorAttrError, FileNotFoundError):
        raise
    # libraries raise nearly every kind of exception on damaged files, RecursionError and MemoryError too
    except Exception as error:
        reason = f"{type(error).__name__}: {error}"[:LONGEST_REASON]
        raise FormatError(
            f"not {what} ({reason}); it is damaged or was written by another program"
        ) from error


@contextlib.contextmanager
def reading(
    path: str | os.PathLike[str], what: str, error_type: type[FileError] = FileError
) -> Generator[None, None, None]:
    """Turn any failure inside into a `FileError`, whichever library it comes from.

    Args:
        path: The file, or how messages call it.
        what: What the file should be, with its article, such as ``a graph``.
        error_type: Class of the error.

    Raises:
        FileError: Whatever went wrong, with the path in front.
        FileNotFoundError: There is no such file.
        MissingExtraError: A library that this kind of file needs is not installed.
    """
    try:
        with parsing(what):
            yield
    except (FileError, MissingExtraError):
        raise
    except TaylorAttrError as error:
        raise error_type(f"{path}: {error}") from error


def read_text(path: str | os.PathLike[str], named: str = "") -> str:
    """Return the text of a file in UTF-8, with or without a mark in front.

    Args:
        path: The file.
        named: How messages call it, its path unless given; the same in the readers below.

    Raises:
        FileError: If it is too large or no UTF-8.
    """
    named = named or str(path)
    with reading(named, "UTF-8 text"):
        if os.path.getsize(path) > LARGEST_TEXT:
            raise FileError(f"{named} has more than {LARGEST_TEXT:,} bytes")
        # surrogates are left to the parser of the format
        return Path(path).read_bytes().decode("utf-8-sig")


def read_json(path: str | os.PathLike[str], named: str = "") -> Any:
    """Return the value of a JSON file.

    Raises:
        FileError: See :func:`parse_json`.
    """
    text = read_text(path, named)
    try:
        return parse_json(text)
    except ValueError as error:
        raise FileError(
            f"{named or path} is no JSON ({error}); it is damaged or was written by another program"
        ) from error


def parse_json(text: str) -> Any:
    """Return the value of a JSON text that this package may have written.

    Raises:
        ValueError: If it is no JSON, has two entries of one name, numbers that are not finite, or lists
            inside lists beyond `DEEPEST_JSON`.
    """
    if _depth(text) > DEEPEST_JSON:
        raise ValueError(f"more than {DEEPEST_JSON} lists or objects inside each other")
    # only an exponent of three digits or as many digits can overflow: other texts are spared a call a number
    may_overflow = re.search(r"[eE]\+?\d{3}|\d{309}", text)
    return json.loads(
        text,
        object_pairs_hook=_unique,
        parse_constant=_not_finite,
        parse_float=_finite if may_overflow else None,
    )


def _depth(text: str) -> int:
    """Return how many lists and objects of a JSON text lie inside each other at most."""
    content = text.encode("utf-8", "surrogatepass")
    if content.count(b"[") + content.count(b"{") <= DEEPEST_JSON:
        return 0
    # all by functions that run in C: strings go, then everything but brackets
    if b"\\" in content:
        content = re.sub(rb"\\.", b"", content, flags=re.DOTALL)
    outside = b"".join(content.split(b'"')[::2])
    brackets = outside.translate(None, bytes(set(range(256)) - set(b"[]{}")))
    opening = brackets.translate(bytes.maketrans(b"[{]}", b"\x01\x01\xff\xff"))
    return int(np.cumsum(np.frombuffer(opening, dtype=np.int8), dtype=np.int64).max(initial=0))


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return the object of these entries; json itself would keep the last of one name."""
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"two entries are called {twice!r}")
    return found


def _not_finite(text: str) -> float:
    raise ValueError(f"{text} is no number of JSON")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text[:40]} is too large for a number")
    return value


def read_array(path: str | os.PathLike[str], named: str = "") -> np.ndarray:
    """Return the array of a ``.npy`` file of plain numbers.

    Raises:
        FileError: If it is none.
    """
    with reading(named or path, "a readable .npy file of plain numbers"), open(path, "rb") as file:
        return _array(file, os.fstat(file.fileno()).st_size)


def read_arrays(path: str | os.PathLike[str], named: str = "") -> dict[str, np.ndarray]:
    """Return the arrays of a ``.npz`` file, by name and in their order.

    Raises:
        FileError: If it is none, holds other things, or more than there is memory for.
    """
    named = named or str(path)
    with reading(named, "a readable .npz file of plain numbers"), zipfile.ZipFile(path) as archive:
        members = archive.infolist()
        names = [member.filename.removesuffix(".npy") for member in members]
        if len(members) > MOST_MEMBERS:
            raise FileError(f"{named} has more than {MOST_MEMBERS:,} members")
        if len(set(names)) < len(names):
            raise FileError(f"two arrays of {named} have one name")
        # what members unpack to, as the archive says; a member that lies about it does not fit its header
        size = sum(member.file_size for member in members)
        if size > available():
            raise FileError(f"the arrays of {named} take {size:,} bytes, more than there is memory for")
        arrays = {}
        for name, member in zip(names, members, strict=True):
            with archive.open(member) as file:
                arrays[name] = _array(file, member.file_size)
        return arrays


def _array(file: IO[bytes], size: int) -> np.ndarray:
    """Return an array from a file of that many bytes, once its header fits them.

    Raises:
        ValueError: If the header does not fit, or announces something else than plain numbers.
    """
    version = np.lib.format.read_magic(file)
    readers = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }
    if version not in readers:
        raise ValueError(f"arrays of version {version} are not read")
    shape, _, dtype = readers[version](file, max_header_size=LONGEST_HEADER)
    if dtype.hasobject or dtype.names is not None:
        raise ValueError(f"it holds {dtype}, no plain numbers")
    wrong = [length for length in shape if isinstance(length, bool) or length < 0]
    if wrong or math.prod(length or 1 for length in shape) > (size if all(shape) else LARGEST_EMPTY):
        raise ValueError(f"the shape {shape} is impossible in {size:,} bytes")
    follow = size - file.tell()
    if math.prod(shape) * dtype.itemsize != follow:
        raise ValueError(
            f"shape {shape} of {dtype} takes another number of bytes than the {follow:,} there are"
        )
    file.seek(0)
    return np.lib.format.read_array(file, allow_pickle=False, max_header_size=LONGEST_HEADER)
