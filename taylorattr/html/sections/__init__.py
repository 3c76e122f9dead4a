"""Sections of the page, in reading order; each appears where there is something for it to show."""

from __future__ import annotations

from collections.abc import Callable

from taylorattr.html.about import About
from taylorattr.html.given import Given
from taylorattr.html.section import Section
from taylorattr.html.sections import (
    audit,
    criteria,
    delta,
    effects,
    graph,
    images,
    methods,
    others,
    probes,
    question,
    reformulations,
    trust,
)

SECTIONS: tuple[Callable[[Given, About], Section | None], ...] = (
    question.build,
    trust.build,
    delta.build,
    graph.build,
    effects.build,
    methods.build,
    images.build,
    reformulations.build,
    criteria.build,
    audit.build,
    probes.build,
    others.build,
)


def sections(given: Given, about: About) -> list[Section]:
    """Return the sections that there is something for."""
    built = (build(given, about) for build in SECTIONS)
    return [section for section in built if section is not None]
