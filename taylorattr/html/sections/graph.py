"""The interactive graph: players on a circle, what they do together between them."""

from __future__ import annotations

from taylorattr.errors import TaylorAttrError
from taylorattr.html.about import About
from taylorattr.html.given import Given
from taylorattr.html.pictures.graph_view import graph_view
from taylorattr.html.pictures.still import still
from taylorattr.html.section import Section


def build(given: Given, about: About) -> Section | None:
    """Return the section: one graph per result and example, drawn by the page's script."""
    if not given.sources:
        return None
    views, refused, stills = {}, [], []
    for source in given.sources:
        for e in given.shown(source.batch):
            try:
                view = graph_view(source, e, given.most)
            except TaylorAttrError as error:
                refused.append({"source": source, "example": e, "reason": str(error)})
                continue
            key = f"{source.key}-{e}"
            views[key] = view
            label = f"{source.label}, example {e}" if given.batch > 1 else source.label
            stills.append({"key": key, "picture": still(view), "label": label})
    drawn = [s for s in given.sources if any(key.startswith(f"{s.key}-") for key in views)]
    return Section(
        key="graph",
        title="Interaction graph",
        content={"sources": drawn, "refused": refused, "stills": stills},
        data=views,
        short="Graph",
    )
