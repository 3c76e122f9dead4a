"""A method's own scores beside the weighted sum of effects they are: where methods and allocation meet."""

from __future__ import annotations

from taylorattr.reformulation.reformulate import reformulate
from taylorattr.reformulation.result import Reformulation

__all__ = ["Reformulation", "reformulate"]
