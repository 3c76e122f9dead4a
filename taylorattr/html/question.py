"""What was explained and with what: the model, the question, the versions, the values of the input."""

from __future__ import annotations

import platform
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from taylorattr.attribution import Attribution
from taylorattr.effects.fingerprint import fingerprint
from taylorattr.html.contents import Contents
from taylorattr.html.section import Column, Section, Table
from taylorattr.html.text import amount, count, listed

STRUCTURE_LINES = 80
"""Lines of a model's printed structure that are shown; a large network prints thousands."""

DIGEST_CHARACTERS = 16
"""Characters of a digest that are shown: 64 bits, enough to tell one's own models apart."""

LISTED_ELEMENTS = 200
"""Input elements up to which the values are listed."""


@dataclass(frozen=True)
class About:
    """The question behind the results, as far as it was said.

    Attributes:
        title: Heading of the page.
        model: A module, a callable, a name, or None.
        inputs: x, a tensor or a tuple of tensors (B, …), or None.
        baselines: b in a form that the library takes, or None.
        target: The target, or None.
        seed: Seed of whatever was drawn, or None.
    """

    title: str
    model: Any = None
    inputs: Any = None
    baselines: Any = None
    target: Any = None
    seed: int | None = None

    def facts(self) -> list[tuple[str, str]]:
        """Return what is known of the question, as pairs of a word and its meaning."""
        return [
            ("model", described_model(self.model)),
            ("target", "not given" if self.target is None else described_target(self.target)),
            ("input", described(self.inputs, "not given")),
            ("baseline", described(self.baselines, "not given")),
            *([] if self.seed is None else [("seed", str(self.seed))]),
        ]

    def structure(self) -> str:
        """Return the layers of a module, "" for anything else."""
        if not isinstance(self.model, nn.Module):
            return ""
        lines = str(self.model).splitlines()
        more = [f"… and {len(lines) - STRUCTURE_LINES} more lines"] if len(lines) > STRUCTURE_LINES else []
        return "\n".join([*lines[:STRUCTURE_LINES], *more])


def described_model(model: Any) -> str:
    """Return a model's class, size and digest; the digest is the same for the same numbers and code."""
    if model is None:
        return "not given"
    if isinstance(model, str):
        return model
    if not isinstance(model, nn.Module):
        name = getattr(model, "__qualname__", type(model).__qualname__)
        return f"{getattr(model, '__module__', '')}.{name}".lstrip(".")
    parameters = list(model.parameters())
    kinds = sorted({str(p.dtype).removeprefix("torch.") for p in parameters})
    size = count(sum(p.numel() for p in parameters), "parameter")
    what = ", ".join([size, *kinds])
    return f"{type(model).__name__}, {what}, digest {fingerprint(model)[:DIGEST_CHARACTERS]}"


def described_target(target: Any) -> str:
    """Return a target as its caller wrote it."""
    if isinstance(target, Tensor):
        return str(target.tolist())
    if callable(target):
        return getattr(target, "__qualname__", type(target).__qualname__)
    return str(target)


def described(values: Any, absent: str) -> str:
    """Return shape, type, range and digest of tensors; a number as itself."""
    if values is None:
        return absent
    if isinstance(values, (tuple, list)):
        # one entry per input tensor; a None among baselines means zeros, as everywhere in the library
        return "; ".join(described(value, "zeros") for value in values)
    if isinstance(values, (int, float)):
        return amount(float(values), False)
    if not isinstance(values, Tensor):
        return str(values)
    kind = str(values.dtype).removeprefix("torch.")
    text = f"{tuple(values.shape)} {kind}"
    if values.numel() and not values.dtype.is_complex:
        numbers = values.detach().double()
        text += f", {amount(float(numbers.min()))} … {amount(float(numbers.max()))}"
    return f"{text}, digest {fingerprint(values)[:DIGEST_CHARACTERS]}"


def versions() -> list[tuple[str, str]]:
    """Return versions of what wrote the page."""
    # not an import: the package's own __init__ imports this module
    own = getattr(sys.modules["taylorattr"], "__version__", "unknown")
    return [
        ("taylorattr", str(own)),
        ("torch", torch.__version__),
        ("numpy", np.__version__),
        ("Python", platform.python_version()),
        ("system", f"{platform.system()} {platform.machine()}"),
    ]


def now() -> str:
    """Return date and time of writing, UTC."""
    return datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")


def default_title(model: Any, methods: Sequence[str]) -> str:
    """Return a heading where none is given."""
    if isinstance(model, str):
        return f"What {model} counted"
    if isinstance(model, nn.Module):
        return f"A prediction of {type(model).__name__}, taken apart"
    return f"What {methods[0]} counted" if len(methods) == 1 else "A prediction, taken apart"


def question_section(contents: Contents, about: About) -> Section:
    """Return the section: facts of the question, contents of the page, values of the input."""
    facts = [
        *about.facts(),
        *_seeds(contents),
        ("players", _players(contents)),
        ("examples", _examples(contents)),
    ]
    values: list[tuple[int, Table]] = []
    if _listable(about.inputs):
        for example in contents.examples:
            if example < len(about.inputs):
                values.append((example, _value_table(about, example, contents)))
    return Section(
        key="question",
        title="What was explained",
        content={
            "facts": facts,
            "structure": about.structure(),
            "versions": versions(),
            "written": now(),
            "results": _result_list(contents),
            "values": values,
        },
        tables=tuple(table for _, table in values),
    )


def _players(contents: Contents) -> str:
    """Return how many players there are and the first of their names, once per distinct set of players."""
    distinct = list(
        dict.fromkeys(result.names for result in (*contents.sources, *contents.scores, *contents.audits))
    )
    if not distinct:
        return "none: verdicts on paper only"
    sets = []
    for names in distinct[:4]:
        few = ", ".join(names[:6]) + (", …" if len(names) > 6 else "")
        sets.append(f"{len(names)} ({few})")
    more = f"; and {len(distinct) - 4} more kinds" if len(distinct) > 4 else ""
    return "; ".join(sets) + more


def _examples(contents: Contents) -> str:
    """Return how many examples the results hold, and which of them are on the page."""
    if contents.batch == 1:
        return "one"
    if len(contents.examples) == contents.batch:
        return f"{contents.batch}, all on this page"
    which = listed(list(contents.examples))
    return f"{contents.batch} in the results; on this page: {which} (examples= chooses others)"


def _seeds(contents: Contents) -> list[tuple[str, str]]:
    """Return one fact with the seed of every method that drew something; none where nothing was drawn."""
    seeds = {a.method: a.diagnostics["seed"] for a in contents.scores if "seed" in a.diagnostics}
    if not seeds:
        return []
    return [("seeds of methods", ", ".join(f"{method} {seed}" for method, seed in seeds.items()))]


def _result_list(contents: Contents) -> list[tuple[str, str]]:
    """Return the results on the page as pairs of a kind and what it holds, kinds without any left out."""
    scores = ", ".join(a.method for a in contents.attributions)
    sums = ", ".join(r.method for r in contents.reformulations)
    rules = ", ".join(r.rule for r in contents.criteria)
    rows = [("effects", source.label) for source in contents.sources]
    rows += [("attributions", scores), ("reformulations", sums), ("criteria", rules)]
    rows += [("audit", report.method) for report in contents.audits]
    rows += [("probed rule", probe.name or "none that is known") for probe in contents.probes]
    rows += [("other result", type(result).__name__) for result in contents.others]
    return [row for row in rows if row[1]]


def _listable(inputs: Any) -> bool:
    """Return whether the values of an input are few real numbers, so that a table of them can be read."""
    return (
        isinstance(inputs, Tensor)
        and inputs.ndim >= 1
        and not inputs.dtype.is_complex
        and 0 < inputs[:1].numel() <= LISTED_ELEMENTS
    )


def _value_table(about: About, example: int, contents: Contents) -> Table:
    """Return one row per input element: its name or position, its value, the baseline's where it is known."""
    x: Tensor = about.inputs
    values = x[example].detach().cpu().double().reshape(-1).tolist()
    baseline = _baseline_values(about.baselines, x, example)
    names = next((a.names for a in contents.scores if _element_by_element(a, example, x)), None)
    if names is None:
        names = [", ".join(map(str, position)) for position in np.ndindex(*x.shape[1:])]
    columns = [Column("element", "text"), Column("x")]
    rows: list[list[Any]] = [[name, value] for name, value in zip(names, values, strict=True)]
    if baseline is not None:
        columns.append(Column("b"))
        rows = [[*row, start] for row, start in zip(rows, baseline, strict=True)]
    return Table(
        key=f"input-{example}",
        title=f"Input, example {example}" if contents.batch > 1 else "Input",
        columns=tuple(columns),
        rows=rows,
        note=count(len(rows), "element"),
    )


def _element_by_element(attribution: Attribution, example: int, x: Tensor) -> bool:
    """Return whether scores prove that player i is element i: they agree, and no two of them are alike.

    Results do not keep their players, and players may come in another order than elements: a wrong name
    beside a value would be worse than a position.
    """
    scores = attribution.scores
    if not isinstance(scores, Tensor) or scores.shape[1:] != x.shape[1:] or example >= attribution.batch:
        return False
    by_element = scores[example].double().reshape(-1)
    by_player = attribution.player_scores[example].double()
    if len(by_element) != len(by_player):
        return False
    # both were summed in the scores' dtype; 16 units in the last place, and distinct by four times that
    rounding = 16 * torch.finfo(scores.dtype).eps * by_player.abs().max()
    apart = by_player.sort().values.diff() > 4 * rounding
    return bool(((by_element - by_player).abs() <= rounding).all()) and bool(apart.all())


def _baseline_values(baselines: Any, x: Tensor, example: int) -> list[float] | None:
    """Return b of one example, element by element; None where it is not told or has another shape."""
    if isinstance(baselines, (int, float)):
        return [float(baselines)] * x[0].numel()
    if isinstance(baselines, Tensor) and baselines.shape[1:] == x.shape[1:] and len(baselines) in (1, len(x)):
        row = baselines[example if len(baselines) > 1 else 0]
        return row.detach().cpu().double().reshape(-1).tolist()
    return None
