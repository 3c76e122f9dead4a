"""The laws, in the order in which they are looked at."""

from taylorattr.design.verify.laws import (
    allocation,
    computation,
    dummy,
    files,
    guarantees,
    linearity,
    networks,
    own_ratio,
    renaming,
    sums,
    verdicts,
    ways,
)  # isort: skip

__all__ = [
    "allocation",
    "computation",
    "dummy",
    "files",
    "guarantees",
    "linearity",
    "networks",
    "own_ratio",
    "renaming",
    "sums",
    "verdicts",
    "ways",
]
