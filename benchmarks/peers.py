"""Other libraries: used where they are installed, left out of the table where they are not."""

from __future__ import annotations

import importlib
import importlib.metadata
from types import ModuleType

LIBRARIES = {"shapiq": "shapiq", "shap": "shap", "path_explain": "path-explain"}


def load(name: str) -> ModuleType | None:
    """Return the module of that name, or None where it is not installed or cannot be imported."""
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


def versions() -> dict[str, str]:
    """Return the installed version of each library, "absent" for those that are not there."""
    found = {}
    for name, distribution in LIBRARIES.items():
        try:
            found[name] = importlib.metadata.version(distribution)
        except importlib.metadata.PackageNotFoundError:
            found[name] = "absent"
    return found
