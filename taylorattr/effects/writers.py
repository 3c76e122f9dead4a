"""Further forms in which ``Result.save`` writes: for people, or for other programs; by suffix."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from taylorattr.registry import Registry

WRITERS: Registry[Callable[[Any, Path], None]] = Registry("form of a result")
"""Suffix -> function of the result and the path, which writes the file whole or not at all.

A package above this one registers what it can write; ``.npz`` and ``.json``, which can be read back, are
written by :mod:`taylorattr.effects.result` itself.
"""
