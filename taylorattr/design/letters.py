"""The letters in which a formula of a ratio is written."""

from taylorattr.allocation.symbols import Indicator, choose, i, indexed, j, kappa, m, n, product, q, s, total

__all__ = ["Indicator", "choose", "i", "indexed", "j", "kappa", "m", "n", "product", "q", "s", "total"]
