"""Data and text on their way into a page: whatever a user named, it stays text."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from markupsafe import Markup
from torch import Tensor

UNSAFE = {ord("<"): "\\u003c", ord(">"): "\\u003e", ord("&"): "\\u0026"}
"""Characters that could end a script element or begin an entity, as JSON writes them."""


def json_for_html(value: Any) -> Markup:
    """Return JSON that may stand inside a ``<script type="application/json">`` element.

    The text is ASCII: ``<``, ``>``, ``&`` and every character beyond ASCII (U+2028 and U+2029 among them) are
    escapes, so that names come out of the page as they went in. JSON has no NaN: it becomes the string "NaN",
    the infinities "Infinity" and "-Infinity".

    Args:
        value: Numbers, strings, tensors, and lists, tuples and mappings of these.
    """
    text = json.dumps(plain(value), ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return Markup(text.translate(UNSAFE))


def plain(value: Any) -> Any:
    """Return a value as JSON can hold it."""
    if isinstance(value, Tensor):
        value = value.detach().cpu().tolist()
    if isinstance(value, (np.ndarray, np.generic)):
        value = value.tolist()
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return value


def printable(text: str) -> str:
    """Return a text of any number of lines in which what cannot be printed is a �.

    Control characters, direction marks and lone surrogates would change how the rest of a page reads, or
    could not be written to a file at all.
    """
    return "".join(c if c.isprintable() or c in "\n\t" else "�" for c in text)
