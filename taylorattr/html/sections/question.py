"""What was explained, and with what."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from taylorattr.attribution import Attribution
from taylorattr.html.about import About, now, versions
from taylorattr.html.given import Given
from taylorattr.html.numbers import count, listed
from taylorattr.html.section import Section
from taylorattr.html.table import Column, Table

ELEMENTS = 200
"""Input elements up to which the values are listed."""


def build(given: Given, about: About) -> Section:
    """Return the section: facts of the question, contents of the page, values of the input."""
    facts = [*about.facts(), *_seeds(given), ("players", _players(given)), ("examples", _examples(given))]
    tables = tuple(_values(about, e, given) for e in given.examples) if _listable(about) else ()
    return Section(
        key="question",
        title="What was explained",
        content={
            "facts": facts,
            "structure": about.structure(),
            "versions": versions(),
            "written": now(),
            "results": _results(given),
            "values": [(e, table) for e, table in zip(given.examples, tables, strict=False) if table],
        },
        tables=tuple(table for table in tables if table is not None),
    )


def _players(given: Given) -> str:
    held = [
        *(source.names for source in given.sources),
        *(a.names for a in given.scores),
        *(a.names for a in given.audits),
    ]
    distinct = list(dict.fromkeys(held))
    if not distinct:
        return "none: verdicts on paper only"
    words = []
    for names in distinct[:4]:
        few = ", ".join(names[:6]) + (", …" if len(names) > 6 else "")
        words.append(f"{len(names)} ({few})")
    more = f"; and {len(distinct) - 4} more kinds" if len(distinct) > 4 else ""
    return "; ".join(words) + more


def _examples(given: Given) -> str:
    if given.batch == 1:
        return "one"
    if len(given.examples) == given.batch:
        return f"{given.batch}, all on this page"
    which = listed(list(given.examples))
    return f"{given.batch} in the results; on this page: {which} (examples= chooses others)"


def _seeds(given: Given) -> list[tuple[str, str]]:
    seeds = {a.method: a.diagnostics["seed"] for a in given.scores if "seed" in a.diagnostics}
    if not seeds:
        return []
    return [("seeds of methods", ", ".join(f"{method} {seed}" for method, seed in seeds.items()))]


def _results(given: Given) -> list[tuple[str, str]]:
    """Return what the page was given: kind and content."""
    scores = ", ".join(a.method for a in given.attributions)
    sums = ", ".join(r.method for r in given.reformulations)
    rules = ", ".join(r.rule for r in given.criteria)
    rows = [("effects", source.label) for source in given.sources]
    rows += [("attributions", scores), ("reformulations", sums), ("criteria", rules)]
    rows += [("audit", report.method) for report in given.audits]
    rows += [("probed rule", probe.name or "none that is known") for probe in given.probes]
    rows += [("other result", type(result).__name__) for result in given.others]
    return [row for row in rows if row[1]]


def _listable(about: About) -> bool:
    return (
        isinstance(about.inputs, Tensor)
        and about.inputs.ndim >= 1
        and not about.inputs.dtype.is_complex
        and 0 < about.inputs[:1].numel() <= ELEMENTS
    )


def _values(about: About, e: int, given: Given) -> Table | None:
    x: Tensor = about.inputs
    if e >= len(x):
        return None
    row = x[e].detach().cpu().double().reshape(-1)
    base = _baseline(about.baselines, x, e)
    labels = next((a.names for a in given.scores if _element_by_element(a, e, x)), None)
    labels = labels or [", ".join(map(str, place)) for place in _places(tuple(x.shape[1:]))]
    rows: list[list[Any]] = []
    for place, value in enumerate(row.tolist()):
        rows.append([labels[place], value] if base is None else [labels[place], value, float(base[place])])
    columns = [Column("element", "text"), Column("x")]
    return Table(
        key=f"input-{e}",
        title=f"Input, example {e}" if given.batch > 1 else "Input",
        columns=(*columns, *([] if base is None else [Column("b")])),
        rows=rows,
        note=count(len(rows), "element"),
    )


def _element_by_element(attribution: Attribution, e: int, x: Tensor) -> bool:
    """Return whether scores prove that player i is element i: they agree, and no two of them are alike."""
    scores = attribution.scores
    if not isinstance(scores, Tensor) or scores.shape[1:] != x.shape[1:] or e >= attribution.batch:
        return False
    elements, own = scores[e].double().reshape(-1), attribution.player_scores[e].double()
    if len(elements) != len(own):
        return False
    close = 16 * torch.finfo(scores.dtype).eps * own.abs().max()
    apart = own.sort().values.diff() > 4 * close
    return bool(((elements - own).abs() <= close).all()) and bool(apart.all())


def _baseline(baselines: Any, x: Tensor, e: int) -> Tensor | None:
    size = x[0].numel()
    if baselines is None:
        return None
    if isinstance(baselines, (int, float)):
        return torch.full((size,), float(baselines), dtype=torch.float64)
    if isinstance(baselines, Tensor) and baselines.shape[1:] == x.shape[1:] and len(baselines) in (1, len(x)):
        return baselines[e if len(baselines) > 1 else 0].detach().cpu().double().reshape(-1)
    return None


def _places(shape: tuple[int, ...]) -> list[tuple[int, ...]]:
    return [
        tuple(place.tolist())
        for place in torch.cartesian_prod(*map(torch.arange, shape)).reshape(-1, len(shape))
    ]
