"""The fifteen attribution methods as their authors compute them, and the systems beside them.

Importing this registers them.
"""

from taylorattr.analysis.question import Question
from taylorattr.methods import extra, gradient, occlusion, relevance
from taylorattr.methods.method import (
    EXTENSIONS,
    METHODS,
    SYSTEMS,
    AttributionMethod,
    Scores,
    attribute,
    method,
)

__all__ = [
    "EXTENSIONS",
    "METHODS",
    "SYSTEMS",
    "AttributionMethod",
    "Question",
    "Scores",
    "attribute",
    "extra",
    "gradient",
    "method",
    "occlusion",
    "relevance",
]
