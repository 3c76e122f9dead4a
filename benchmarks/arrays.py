"""How far two results are apart."""

from __future__ import annotations

from typing import Any

import numpy as np


def relative(result: Any, reference: Any) -> float:
    """Return max |result − reference| / max |reference|.

    Args:
        result: Array or tensor.
        reference: Array or tensor of the same number of entries.

    Returns:
        The largest difference, relative to the largest entry of the reference.
    """
    a, b = (np.asarray(value, dtype=np.float64).reshape(-1) for value in (result, reference))
    return float(np.abs(a - b).max() / np.abs(b).max())
