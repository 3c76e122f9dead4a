"""The fifteen attribution methods as their authors compute them; importing this registers them."""

from taylorattr.analysis.question import Question
from taylorattr.methods import gradient, occlusion, relevance
from taylorattr.methods.method import METHODS, AttributionMethod, Scores, attribute, method

__all__ = [
    "METHODS",
    "AttributionMethod",
    "Question",
    "Scores",
    "attribute",
    "gradient",
    "method",
    "occlusion",
    "relevance",
]
