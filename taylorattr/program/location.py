"""Where in the user's code an operation was called: module path and source line."""

from __future__ import annotations

import os
import sys
import sysconfig
from collections.abc import Generator
from contextlib import contextmanager
from functools import partial
from types import CodeType, FunctionType
from typing import Any

import torch
from torch import nn

_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
_TORCH = os.path.dirname(os.path.abspath(torch.__file__)) + os.sep
_STDLIB = sysconfig.get_paths()["stdlib"] + os.sep
_SITE = (os.path.join(_STDLIB, "site-packages"), os.path.join(_STDLIB, "dist-packages"))
_foreign: dict[str, bool] = {}
_doors: set[CodeType] = set()


def ends_search(function: FunctionType) -> None:
    """Let nothing that calls this function be taken for a place in the user's model.

    What a worker computes would otherwise be located where its process was started.
    """
    _doors.add(function.__code__)


def source_line() -> str:
    """``file:line`` of the innermost frame outside torch, the standard library and this package.

    Returns:
        The place, or "" where there is no such frame, or none inside of a function that ends the search.
    """
    frame = sys._getframe(1)
    while frame is not None and frame.f_code not in _doors:
        name = frame.f_code.co_filename
        known = _foreign.get(name)
        if known is None:
            known = _foreign[name] = _is_foreign(name)
        if not known:
            return f"{name}:{frame.f_lineno}"
        frame = frame.f_back
    return ""


def _is_foreign(name: str) -> bool:
    if name.startswith("<"):
        return True
    path = os.path.abspath(name)
    if path.startswith(_STDLIB):
        return not path.startswith(_SITE) or path.startswith((_TORCH, _PACKAGE))
    return path.startswith((_TORCH, _PACKAGE))


class ModulePath:
    """Dotted path of the module whose forward is running, followed by hooks.

    Scripted modules refuse hooks; what runs inside them is located at their parent. A module reached
    by several names carries the first.

    Attributes:
        current: The innermost module, "" outside any.
    """

    def __init__(self) -> None:
        """Outside any module."""
        self._around: list[str] = []
        self.current = ""

    @contextmanager
    def following(self, module: nn.Module | None) -> Generator[None, None, None]:
        """Hook every submodule for the time of the context; no hook is left behind.

        Args:
            module: The module that is followed; None for a plain function.

        Yields:
            Nothing.
        """
        handles = []
        try:
            for path, part in module.named_modules() if module is not None else ():
                if isinstance(part, torch.jit.ScriptModule):
                    continue
                handles.append(part.register_forward_pre_hook(partial(self._entering, path), prepend=True))
                handles.append(part.register_forward_hook(self._leaving, always_call=True))
            yield
        finally:
            for handle in handles:
                handle.remove()
            self._around.clear()
            self.current = ""

    def _entering(self, path: str, module: nn.Module, args: Any) -> None:
        self._around.append(self.current)
        self.current = path

    def _leaving(self, module: nn.Module, args: Any, output: Any) -> None:
        if self._around:
            self.current = self._around.pop()
