"""``taylorattr prove`` and ``bench``: other names of ``python -m proofs`` and ``python -m benchmarks``.

The two lie in the source tree and not in the installed package. They read their own arguments, ``--help``
included, so nothing of theirs is repeated here.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import taylorattr
from taylorattr.errors import OptionError

COMMANDS = {
    "prove": ("proofs", "carry out the proofs (in a clone of the repository)"),
    "bench": ("benchmarks", "run the benchmarks (in a clone of the repository)"),
}
"""Name -> package of the source tree, and what its command does."""


def run(command: str, arguments: Sequence[str]) -> int:
    """Run a package of the clone in the user's working directory.

    Args:
        command: A name in `COMMANDS`.
        arguments: What stands after the name, handed on as it is.

    Returns:
        Its exit status.

    Raises:
        OptionError: If the package does not run from a clone.
    """
    package, _ = COMMANDS[command]
    root = Path(taylorattr.__file__).parent.parent
    if not (root / package / "__main__.py").is_file():
        raise OptionError(
            f"the {package} lie in the source tree; clone the repository and run this command there"
        )
    # -P leaves the working directory out of sys.path: a folder of the same name there is not ours
    path = os.pathsep.join(filter(None, [str(root), os.environ.get("PYTHONPATH")]))
    call = [sys.executable, "-P", "-m", package, *arguments]
    return subprocess.call(call, env={**os.environ, "PYTHONPATH": path})
