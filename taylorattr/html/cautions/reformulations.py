"""Cautions about reformulations: differences that nothing explains, bounds that explain nothing."""

from __future__ import annotations

from taylorattr.html.cautions.caution import Caution, by_sentence
from taylorattr.html.numbers import amount
from taylorattr.reformulation.result import Reformulation


def of_reformulation(result: Reformulation) -> list[Caution]:
    """Return the cautions of one reformulation."""
    about = f"{result.method} as a sum of effects"
    batch = result.direct.batch
    sizes = result.difference.abs().amax(1) if result.difference.numel() else result.direct.delta * 0
    unexplained, wide = [], []
    for e in range(batch):
        largest = amount(float(sizes[e]), False)
        if not bool(result.explained[e].all()):
            unexplained.append((e, f"A difference of {largest} from the direct scores is not explained."))
        elif bool(result.wide[e].any()):
            wide.append((e, f"The bound of the difference {largest} is wider than all scores together."))
    return [
        *by_sentence(
            about,
            unexplained,
            batch,
            "Do not read the weighted sum as the method on this network.",
            grave=True,
        ),
        *by_sentence(about, wide, batch, "It is true and explains nothing: raise order, or lower the noise."),
    ]
