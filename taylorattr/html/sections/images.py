"""Scores of images, laid out as the image is."""

from __future__ import annotations

from typing import Any

import numpy as np

from taylorattr.attribution import Attribution
from taylorattr.html.about import About
from taylorattr.html.given import Given
from taylorattr.html.pictures.heat import grey_picture, planes, signed_picture
from taylorattr.html.section import Section
from taylorattr.html.sections.methods import labelled


def build(given: Given, about: About) -> Section | None:
    """Return the section: the input, where it was given, and one picture per method."""
    labels = labelled([a.method for a in given.scores])
    rows = []
    for e in given.examples:
        pictures: list[dict[str, Any]] = []
        for attribution, label in zip(given.scores, labels, strict=True):
            plane = planes(attribution.scores, e)
            if plane is not None and not _by_rows(attribution, plane):
                largest = float(abs(plane).max())
                pictures.append({"uri": signed_picture(plane), "label": label, "largest": largest})
        if not pictures:
            continue
        image = planes(about.inputs, e)
        if image is not None:
            pictures.insert(0, {"uri": grey_picture(image), "label": "input", "largest": None})
        rows.append({"example": e, "pictures": pictures})
    if not rows:
        return None
    return Section("images", "Scores on the image", {"rows": rows})


def _by_rows(attribution: Attribution, plane: np.ndarray) -> bool:
    """Return whether each row is one player, as in a sentence of embedded tokens: that is no image."""
    return attribution.n == len(plane) and bool((plane == plane[:, :1]).all())
