"""Numbers as a reader sees them; the page's data keep every digit."""

from __future__ import annotations

import math

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
    if 1e3 <= size < 1e9:
        text = f"{size:,.0f}" if digits <= 4 or size >= 1e5 else f"{size:,.1f}"
    elif 1e-4 <= size < 1e3:
        text = f"{size:.{digits}g}"
    else:
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
