"""A model as a list of operations: captured once, walked by forwards and by every other algebra."""

from taylorattr.program.capture import capture, promote, verify
from taylorattr.program.norms import decompose_norms
from taylorattr.program.program import Node, Note, Program, Ref
from taylorattr.program.record import record
from taylorattr.program.walk import Algebra, Forward, replay, walk

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
