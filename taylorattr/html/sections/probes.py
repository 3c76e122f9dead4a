"""Rules read from a black box."""

from __future__ import annotations

from taylorattr.allocation.rule import RULES
from taylorattr.criteria.probe.probed_rule import ProbedRule
from taylorattr.html.about import About
from taylorattr.html.given import Given
from taylorattr.html.section import Section
from taylorattr.html.table import Column, Table


def build(given: Given, about: About) -> Section | None:
    """Return the section: what each black box is, and where it differs."""
    if not given.probes:
        return None
    parts = [
        {
            "probe": probe,
            "nearest": RULES[probe.nearest].formula if probe.nearest in RULES else "",
            "misfits": _misfits(probe, place),
            "ratios": _ratios(probe, place),
        }
        for place, probe in enumerate(given.probes)
    ]
    tables = [table for part in parts for table in (part["misfits"], part["ratios"]) if table is not None]
    return Section("probes", "Probed rules", {"parts": parts}, tuple(tables))


def _misfits(probe: ProbedRule, place: int) -> Table | None:
    if not probe.misfits:
        return None
    columns = (
        Column("κ", "word"),
        Column("player", "count"),
        Column("read"),
        Column(probe.nearest or "nearest"),
    )
    rows = [[_kappa(kappa), player + 1, read, due] for kappa, player, read, due in probe.misfits]
    return Table(f"misfits-{place}", f"Where it differs from {probe.nearest}", columns, rows)


def _ratios(probe: ProbedRule, place: int) -> Table | None:
    """Return what was read from monomials in the first setting."""
    if not len(probe.ratios):
        return None
    n = probe.multi_indices.shape[1]
    columns = (Column("κ", "word"), *(Column(f"w of player {i + 1}", heat=True) for i in range(n)))
    rows = [
        [_kappa(kappa), *(float(w) for w in row)]
        for kappa, row in zip(probe.multi_indices.tolist(), probe.ratios[0], strict=True)
    ]
    return Table(f"ratios-{place}", "Ratios read from monomials, first setting", columns, rows)


def _kappa(kappa: tuple[int, ...] | list[int]) -> str:
    return f"({', '.join(map(str, kappa))})"
