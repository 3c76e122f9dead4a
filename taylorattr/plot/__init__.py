"""Pictures of results: every function accepts ``ax=``, returns ``(fig, ax)`` and never shows a window."""

from taylorattr.plot.effects import by_order, top_effects

__all__ = ["by_order", "top_effects"]
