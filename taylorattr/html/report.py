"""``ta.report``: results as one self-contained HTML page."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from taylorattr.atomic import replacing
from taylorattr.effects.result import Result
from taylorattr.errors import OptionError, require_instance
from taylorattr.html.contents import contents_of
from taylorattr.html.page import render
from taylorattr.html.question import About, default_title

SUFFIXES = (".html", ".htm")


def report(
    path: str | os.PathLike[str],
    *results: Result,
    model: Any = None,
    title: str | None = None,
    inputs: Any = None,
    baselines: Any = None,
    target: Any = None,
    seed: int | None = None,
    examples: Sequence[int] | None = None,
    max_effects: int | None = None,
) -> Path:
    """Write results as one HTML file that opens offline and asks for nothing from outside.

    Sections appear for what is given: f(x) − f(b) by order, an interactive graph and tables for effects;
    scores side by side with ratios and verdicts for attributions; sums of effects for reformulations;
    criteria, audits and probed rules; anything else as the text it prints. Cautions about numbers that cannot
    be trusted come first. What was explained is only known as far as it is said here: results do not keep the
    model or its input.

    Args:
        path: Where the page goes, ``.html`` or ``.htm``.
        *results: Any mix of ``TaylorEffects``, ``HarsanyiEffects``, ``InteractionIndex``,
            ``IntegratedHessians``, ``SymbolicEffects``, ``Attribution``, ``Reformulation``,
            ``CriteriaReport``, ``AuditReport``, ``ProbedRule`` and other results; several of each, batches.
        model: What was explained: a module (its class, size, digest and layers are shown), a callable, or a
            name.
        title: Heading; None makes one.
        inputs: x, a tensor or a tuple of tensors; the values are listed for up to 200 elements.
        baselines: b, in a form that the library takes.
        target: The output that was explained.
        seed: Of whatever was drawn.
        examples: Which examples of a batch; None: the first four.
        max_effects: Effects of one example that are listed and drawn, largest first; None: 1,000. The others
            are added up, and the page says how many there are and what they amount to.

    Returns:
        The path.

    Raises:
        OptionError: There is no result, something is none, an option is out of range, or the suffix is
            another.
        OSError: The file cannot be written; nothing half-written is left, and an older file stays.
    """
    page_path = checked(path)  # before minutes of computing that could not be written
    contents = contents_of(results, examples, max_effects)
    methods = [result.method for result in (*contents.scores, *contents.audits)]
    about = About(
        title=default_title(model, methods) if title is None else str(title),
        model=model,
        inputs=inputs,
        baselines=baselines,
        target=target,
        seed=seed,
    )
    write(page_path, render(contents, about))
    return page_path


def checked(path: str | os.PathLike[str]) -> Path:
    """Return the path, refusing one that could not be written before anything is computed for it.

    Raises:
        OptionError: If the suffix is none of a page.
        FileNotFoundError: If its folder does not exist.
        IsADirectoryError: If it is a folder itself.
    """
    require_instance("path", path, (str, os.PathLike), "the path of a page, .html")
    page_path = Path(path)
    if page_path.suffix.lower() not in SUFFIXES:
        raise OptionError(f"{page_path} has the suffix {page_path.suffix!r}; a report is written as .html")
    if not page_path.parent.is_dir():
        raise FileNotFoundError(
            f"{page_path} cannot be written: there is no folder {page_path.parent}; make it first"
        )
    if page_path.is_dir():
        raise IsADirectoryError(f"{page_path} cannot be written: it is a folder; name a file in it")
    return page_path


def write(path: Path, page: str) -> None:
    """Write the page whole or not at all.

    Raises:
        OSError: If it cannot be written.
    """
    try:
        with replacing(path) as file:
            file.write(page.encode("utf-8"))
    except OSError as error:
        # of the same class, so that callers can tell a full disk from a folder they may not write to
        raise type(error)(f"{path} cannot be written: {error.strerror or error}") from error
