"""Files that the command line writes: refused before anything is computed for them."""

from __future__ import annotations

import os
from pathlib import Path

from taylorattr.errors import OptionError

RESULT_SUFFIXES = (".json", ".npz", ".html")
"""How results are saved."""


def is_folder(path: str | None) -> bool:
    """Return whether ``--out`` names a folder for the results of many rows: it has no suffix."""
    return bool(path) and not Path(str(path)).suffix


def require_result_suffix(path: str | None) -> None:
    """Refuse a name of ``--out`` that says no format of results.

    Raises:
        OptionError: If its suffix is another.
    """
    if path and Path(path).suffix not in RESULT_SUFFIXES:
        raise OptionError(
            f"--out {path}: results are saved as .json, .npz or .html; many rows go into a folder, a name "
            "without suffix, by decompose, attribute, audit and graph"
        )


def require_folder(option: str, path: str | None) -> None:
    """Refuse a file that cannot be written.

    Raises:
        OptionError: If there is no such folder, it is read-only, or the path is a folder itself.
    """
    if not path:
        return
    folder = Path(path).parent
    if not folder.is_dir():
        raise OptionError(f"{option} {path}: there is no folder {folder}; make it first")
    if Path(path).is_dir():
        raise OptionError(f"{option} {path}: this is a folder; give the name of a file in it")
    if not os.access(folder, os.W_OK):
        raise OptionError(f"{option} {path}: the folder {folder} cannot be written to; choose another")
