"""Pictures of results: every function accepts ``ax=``, returns ``(fig, ax)`` and never shows a window."""

from taylorattr.plot.by_order import by_order
from taylorattr.plot.style import PALETTES, palette
from taylorattr.plot.top_effects import top_effects

__all__ = ["PALETTES", "by_order", "palette", "top_effects"]
