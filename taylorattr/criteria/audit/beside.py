"""The pair asymmetry of another method on the same network, to read a method's own beside it."""

from __future__ import annotations

from taylorattr.criteria.audit.asymmetry import pair_asymmetry
from taylorattr.criteria.audit.masked_rows import limited_masks
from taylorattr.criteria.audit.measured import effects, measure
from taylorattr.criteria.audit.named_method import ByName
from taylorattr.criteria.audit.subject import Subject
from taylorattr.errors import TaylorAttrError

LONGEST = 160
"""Letters of an error that are shown."""


def beside_it(method: str, subject: Subject, seed: int) -> tuple[float | None, str]:
    """Return the pair asymmetry of a method, from the coalitions of at most two players.

    Args:
        method: A name in ``ta.METHODS``.
        subject: The example with its baseline and model.
        seed: Of a method that draws.

    Returns:
        The number, and why there is none: a comparison that cannot be made costs no audit.
    """
    n = subject.game.n
    pairs = limited_masks(n, min(n, 2))
    try:
        other = measure(ByName(method, {}).bind(subject), subject, pairs, seed=seed)
    except (TaylorAttrError, RuntimeError) as error:  # such as a model without a gradient
        said = " ".join(str(error).split())[:LONGEST]
        return None, f"the pair asymmetry of {method} beside it could not be measured: {said}"
    J, A = (effects(part, n, min(n, 2)) for part in (other.v, other.a))
    return pair_asymmetry(J, A, pairs), ""
