"""Numbers and names as text of a page: few digits for readers, every digit for scripts, never markup."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from markupsafe import Markup
from torch import Tensor

SUPERSCRIPTS = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")


def number(value: float | None, sign: bool = False, digits: int = 4) -> str:
    """Return a few digits of a number: +0.01234, 1,234, −1.2·10⁻⁷; an em dash for None.

    Args:
        value: The number.
        sign: Whether a plus is written.
        digits: How many digits count.
    """
    if value is None:
        return "—"
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else "∞" if value > 0 else "−∞"
    if value == 0:
        return "0"
    size = abs(value)
    # plain notation where it is short, powers of ten elsewhere
    if 1e3 <= size < 1e9:
        text = f"{size:,.0f}" if digits <= 4 or size >= 1e5 else f"{size:,.1f}"
    elif 1e-4 <= size < 1e3:
        text = f"{size:.{digits}g}"
    else:
        # a mantissa of digits − 1 figures: "·10⁻⁷" is already long in a cell
        mantissa, exponent = f"{size:.{max(digits - 2, 0)}e}".split("e")
        text = f"{mantissa}·10{str(int(exponent)).translate(SUPERSCRIPTS)}"
    return ("−" if value < 0 else "+" if sign else "") + text


def percent(share: float | None) -> str:
    """Return a share in per cent with three digits: 12.3 %, 0.04 %, 150 %."""
    if share is None:
        return "—"
    if not math.isfinite(share):
        return number(share)
    if share == 0:
        return "0 %"
    size = abs(100 * share)
    if size < 0.01:
        return "< 0.01 %"
    text = f"{size:.2f}" if size < 1 else f"{size:.1f}" if size < 100 else f"{size:,.0f}"
    return ("−" if share < 0 else "") + text + " %"


def amount(value: float, sign: bool = True) -> str:
    """Return three digits of a number inside a sentence."""
    return number(value, sign, 3)


def count(number_of: int, one: str, many: str | None = None) -> str:
    """Return ``1 player``, ``1,000 players``."""
    return f"{number_of:,} {one if number_of == 1 else many or one + 's'}"


def listed(numbers: list[int], most: int = 8) -> str:
    """Return ``0, 1, 2 and 5``; of a long list the first few and how many there are."""
    if len(numbers) > most:
        return f"{', '.join(map(str, numbers[:most]))} and {len(numbers) - most} more"
    words = [str(n) for n in numbers]
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


UNSAFE_IN_SCRIPT = {ord("<"): "\\u003c", ord(">"): "\\u003e", ord("&"): "\\u0026"}
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
    return Markup(text.translate(UNSAFE_IN_SCRIPT))


def plain(value: Any) -> Any:
    """Return a value as JSON can hold it."""
    if isinstance(value, Tensor):
        value = value.detach().cpu().tolist()
    # a tensor became a list above; numpy's scalars are no Python numbers to json
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
