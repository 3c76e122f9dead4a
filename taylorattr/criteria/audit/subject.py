"""Subject, Attributor, Bound: one example against one baseline, a method, and the two together."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
import torch

from taylorattr.analysis.game import Game
from taylorattr.analysis.target import TargetSelector
from taylorattr.criteria.audit.masked_rows import masked_rows
from taylorattr.criteria.audit.reading import Reading

Exactness: TypeAlias = Literal["closed", "quadrature", "sampled", "unknown"]
"""How a method computes: a closed form (rules, enumeration), nodes on a path, random draws, or not known."""


@dataclass(frozen=True)
class Subject:
    """One example against one baseline.

    Attributes:
        model: The user's model.
        game: The game with this baseline.
        example: Which example.
        target: The target of this example.
        extra: Additional forward arguments of this example; tensors (1, …) are one row each.
        dtypes: Dtypes of the inputs as the user gave them.
        as_tuple: Whether the inputs were given as a tuple.
    """

    model: Callable[..., Any]
    game: Game
    example: int
    target: Any
    extra: tuple[Any, ...]
    dtypes: tuple[torch.dtype, ...]
    as_tuple: bool

    def rows(self, present: np.ndarray, *, own_dtype: bool) -> Any:
        """Return x_T in the structure of the inputs, in the user's dtypes or in that of the analysis.

        Args:
            present: Coalitions (m, n), bool; or numbers t: the points b + t∘Δ.
            own_dtype: Whether in the dtypes the user gave.
        """
        if present.dtype == np.bool_:
            rows = masked_rows(self.game, present, self.example)
        else:
            rows = self.game.points(torch.from_numpy(present).to(self.game.device), self.example)
        if own_dtype:
            rows = tuple(r.to(d) for r, d in zip(rows, self.dtypes, strict=True))
        return rows if self.as_tuple else rows[0]

    def baseline(self) -> Any:
        """Return b (1, …) in the structure of the inputs, in the dtype of the analysis."""
        parts = self.game.baseline(self.example)
        return parts if self.as_tuple else parts[0]


class Bound(ABC):
    """A method bound to one subject.

    Attributes:
        exactness: How it computes.
        in_float64: Whether it was bound in the dtype of the analysis.
        blind: What an audit of it cannot do, in words.
        compared: How many rows are computed again in small batches.
        repeated: How many rows are asked for twice, at most; 0: the method is known to give one answer.
        row_by_row: Whether a batch costs as much as its rows one by one.
    """

    exactness: Exactness = "unknown"
    in_float64: bool = True
    blind: tuple[str, ...] = ()
    compared: int = 24
    repeated: int = 512
    row_by_row: bool = False

    @abstractmethod
    def read(self, present: np.ndarray, seed: int = 0) -> Reading:
        """Return the scores of the masked rows of coalitions (m, n)."""

    def refined(self, nodes: int) -> Bound | None:
        """Return the same method with that many nodes; None where it has no nodes."""
        return None


class Attributor(ABC):
    """What `audit` is given, before it is bound.

    Args:
        name: Shown in the report.
        references: Whether baselines are a reference set, each of which is audited by itself.
    """

    def __init__(self, name: str, references: bool = False) -> None:
        self.name, self.references = name, references

    @abstractmethod
    def bind(self, subject: Subject) -> Bound:
        """Bind to one example and one baseline."""


def target_of(selector: TargetSelector, example: int) -> Any:
    """Return the target of one example alone: an int or tuple, None, or the callable."""
    if selector.each is None and selector.common is None:
        return selector.function
    entries = selector.common if selector.each is None else tuple(selector.each[example].tolist())
    assert entries is not None
    return entries[0] if len(entries) == 1 else entries
