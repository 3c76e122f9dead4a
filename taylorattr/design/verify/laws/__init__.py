"""The laws; importing this registers them."""

from taylorattr.design.verify.laws import axioms, computation, criteria, scores

__all__ = ["axioms", "computation", "criteria", "scores"]
