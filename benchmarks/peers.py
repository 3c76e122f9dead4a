"""Other libraries: used where they are installed, left out of the table where they are not.

captum, shapiq and shap come with the test extra; ``pip install --no-deps path-explain`` is enough for
path_explain.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
from types import ModuleType

DISTRIBUTIONS = {"shapiq": "shapiq", "shap": "shap", "captum": "captum", "path_explain": "path-explain"}
"""Library -> name under which it is published."""


def load(name: str) -> ModuleType | None:
    """Return the module of that name, or None where it is not installed or cannot be imported."""
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


def load_file(distribution: str, path: str) -> ModuleType | None:
    """Return one file of an installed distribution as a module, without what its package imports besides.

    Args:
        distribution: Name of the distribution.
        path: The file, relative to where packages are installed.

    Returns:
        The module, or None where the distribution is not installed.
    """
    try:
        located = importlib.metadata.distribution(distribution).locate_file(path)
        specification = importlib.util.spec_from_file_location(distribution, str(located))
        if specification is None or specification.loader is None:
            return None
        module = importlib.util.module_from_spec(specification)
        specification.loader.exec_module(module)
    except (ImportError, FileNotFoundError):
        return None
    return module


def versions() -> dict[str, str]:
    """Return the installed version of each library, "absent" for those that are not there."""
    installed = {}
    for name, distribution in DISTRIBUTIONS.items():
        try:
            installed[name] = importlib.metadata.version(distribution)
        except importlib.metadata.PackageNotFoundError:
            installed[name] = "absent"
    return installed
