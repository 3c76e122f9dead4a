"""Which operations of the table an engine does not take, and why: refused by name, never silently.

A refusal is by name, or by kind where a whole kind is outside what an engine can do. Operations that torch
itself writes out with others (``Composite`` in its dispatcher) are never recorded, so no engine meets them.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

from taylorattr.program.program import Node

Engine: TypeAlias = Literal["taylor", "relevance", "layerwise", "paths"]
"""Taylor arithmetic, relevance rules, one-layer ratios, integrals along paths by pieces."""

_NO_SERIES = "its Taylor coefficients have no recursion here; engine='nested' differentiates it"
_MIXES = "it mixes its inputs in a way no one-layer ratio of the methods divides"


def _for_all(names: str, reason: str) -> dict[str, str]:
    """Return a reason for each of the names, which are separated by spaces."""
    return dict.fromkeys(names.split(), reason)


BY_NAME: dict[Engine, dict[str, str]] = {
    "taylor": _for_all(
        "lgamma digamma polygamma sinc erfinv special_erfinv special_entr special_log_ndtr special_i0 "
        "special_i0e special_i1 special_i1e special_erfcx",
        _NO_SERIES,
    ),
    "relevance": {
        "histc": "a histogram is a step function of every entry at once; count with sums of sigmoids",
    },
    "layerwise": _for_all(
        "lgamma digamma polygamma sinc erfinv special_erfinv special_entr special_log_ndtr special_i0 "
        "special_i0e special_i1 special_i1e special_erfcx log_sigmoid",
        "how far its Taylor series reaches is not written down here",
    )
    | _for_all("frac nan_to_num", "it jumps, and no one-layer ratio divides a jump"),
    "paths": {},
}
"""Engine -> operation (all overloads) -> why, and what to do."""

BY_KIND: dict[Engine, dict[str, str]] = {
    "taylor": {},
    "relevance": {},
    "layerwise": {
        "product": "a product of activations is divided by no one-layer ratio of the methods",
        "matmul": "a product of activations is divided by no one-layer ratio of the methods",
        "glu": "a gate is a product of activations, which no one-layer ratio of the methods divides",
        "quotient": _MIXES,
        "softmax": _MIXES,
        "log_softmax": _MIXES,
        "logsumexp": _MIXES,
        "normalise": _MIXES,
        "moment": _MIXES,
        "prod": _MIXES,
        "order": _MIXES,
        "pair": _MIXES,
    },
    "paths": {},
}
"""Engine -> kind in use -> why."""


def refusal(engine: Engine, node: Node) -> str:
    """Return why an engine refuses an operation by name, "" where it does not."""
    return BY_NAME[engine].get(node.name, "")
