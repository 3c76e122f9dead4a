"""A model as a list of operations: captured once, walked by forwards and by every other algebra."""

from .capture import capture
from .norms import decompose_norms
from .program import Node, Note, Program, Ref
from .promote import promote
from .record import record
from .verify import verify
from .walk import Algebra, Forward, replay, walk

__all__ = [
    "Algebra",
    "Forward",
    "Node",
    "Note",
    "Program",
    "Ref",
    "capture",
    "decompose_norms",
    "promote",
    "record",
    "replay",
    "verify",
    "walk",
]
