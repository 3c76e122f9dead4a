"""A method bound to one example and one baseline, and the scores with which it answers.

`AuditedExample` makes the masked rows, a `Bound` method answers them with `BatchScores`: one number per
player, and of scores per element what is needed to recognise misuse.
"""

from __future__ import annotations

import traceback
from abc import ABC, abstractmethod
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from taylorattr.analysis.game import Game, sum_over_players
from taylorattr.analysis.question import Question
from taylorattr.criteria.audit.coalitions import masked_rows
from taylorattr.errors import MethodError, NonFiniteError, ShapeError, TaylorAttrError
from taylorattr.methods.method import Exactness

NORMS = ("the largest |score|", "Σ|score|", "Σ score", "the length ‖score‖")
"""What a row's scores may have been divided by, in the order of `BatchScores.norms`."""

METHOD_ERROR_LETTERS = 300
"""Letters of a method's own error message that are repeated."""


@dataclass(frozen=True)
class AuditedExample:
    """One example against one baseline.

    Attributes:
        question: What is asked, with this baseline.
        example: Which example.
        established: As in `Question`, of the masked inputs of this example. Of them a sample is evaluated in
            a second batch from the first call on: the user's own rows all were.
    """

    question: Question
    example: int
    established: set[str] = field(default_factory=lambda: {"rows"})

    @property
    def model(self) -> Callable[..., Any]:
        """The user's model."""
        return self.question.model

    @property
    def game(self) -> Game:
        """The game with this baseline."""
        return self.question.game

    @property
    def target(self) -> Any:
        """The target of this example alone: an int or tuple, None, or the callable."""
        selector = self.game.scalar.selector
        if selector.each is None and selector.common is None:
            return selector.function
        entries = selector.common if selector.each is None else tuple(selector.each[self.example].tolist())
        assert entries is not None
        return entries[0] if len(entries) == 1 else entries

    def rows(self, present: np.ndarray, *, own_dtype: bool) -> Any:
        """Return x_T in the structure of the inputs, in the user's dtypes or in that of the analysis.

        Args:
            present: Coalitions (m, n), bool; or numbers t: the points b + t∘Δ.
            own_dtype: Whether in the dtypes the user gave: a bound callable's model knows no other.
        """
        if present.dtype == np.bool_:
            rows = masked_rows(self.game, present, self.example)
        else:
            rows = self.game.points(torch.from_numpy(present).to(self.game.device), self.example)
        if own_dtype:
            rows = tuple(r.to(x.dtype) for r, x in zip(rows, self.question.rows, strict=True))
        return rows if self.question.as_tuple else rows[0]

    def baseline(self) -> Any:
        """Return b (1, …) in the structure of the inputs, in the dtype of the analysis."""
        parts = self.game.baseline(self.example)
        return parts if self.question.as_tuple else parts[0]

    def extra_for(self, count: int) -> Any:
        """Return the additional forward arguments for that many rows; None where there are none."""
        k = self.example
        return self.game.scalar.arguments.for_rows(
            lambda part: part[k : k + 1].expand(count, *part.shape[1:]), count
        )

    def asked_at(self, rows: Any, count: int, **changes: Any) -> Question:
        """Return the question about masked rows of this example, on the same private copies of the model.

        Args:
            rows: What `rows` returned.
            count: How many.
            **changes: Attributes of the question that differ.
        """
        return self.question.with_inputs(
            rows,
            self.baseline(),
            target=self.target,
            players=self.game.players,
            additional_forward_args=self.extra_for(count),
            dtype=self.game.dtype,
            references=None,
            show_progress=False,
            input_later=False,
            baseline_later=False,
            established=self.established,
            held={
                place: x[self.example : self.example + 1].expand(count, *x.shape[1:])
                for place, x in self.question.held.items()
            },
            **changes,
        )


@dataclass
class BatchScores:
    """Scores of m rows, summed inside each player.

    Attributes:
        players: a_i(x_T), shape (m, n), float64.
        eps: Unit roundoff of what the method returned.
        values: f(x_T) as the method saw it, shape (m,); None where it does not say.
        norms: `NORMS` of each row's elements, shape (m, 4); None where the method gives players' scores.
        smallest: Smallest element of each row, (m,); None likewise.
        off: Σ|a_e| over the elements that stand at the baseline, (m,); None likewise.
        repeated: Whether all elements of each player carry the same score, in every row.
        drawn: Whether the method says that it draws samples.
    """

    players: np.ndarray
    eps: float
    values: np.ndarray | None = None
    norms: np.ndarray | None = None
    smallest: np.ndarray | None = None
    off: np.ndarray | None = None
    repeated: bool = False
    drawn: bool = False


class Bound(ABC):
    """A method bound to one example and one baseline.

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
    def read(self, present: np.ndarray, seed: int = 0) -> BatchScores:
        """Return the scores of the masked rows of coalitions (m, n)."""

    def refined(self, nodes: int) -> Bound | None:
        """Return the same method with that many nodes; None where it has no nodes."""
        return None


def read_scores(game: Game, returned: Any, present: np.ndarray) -> BatchScores:
    """Return what a callable answered, summed inside each player.

    Args:
        game: The game.
        returned: Tensor, array or tuple of them: shaped like the rows, or (m, n) with one score per player.
        present: Coalitions of the rows, shape (m, n).

    Returns:
        The scores.

    Raises:
        ShapeError: If the scores have neither shape.
        NonFiniteError: If a score is NaN or infinite.
    """
    returned = returned if isinstance(returned, (tuple, list)) else (returned,)
    parts = tuple(_tensor(part) for part in returned)
    m, shapes = len(present), [tuple(owner.shape) for owner in game.maps]
    eps = max(torch.finfo(part.dtype).eps / 2 for part in parts)
    cpu = tuple(part.detach().cpu().double() for part in parts)
    if not all(bool(torch.isfinite(part).all()) for part in cpu):
        raise NonFiniteError(
            "the method returned NaN or infinite scores for a masked input; it divides by something that "
            "vanishes where an input equals its baseline"
        )
    # where both shapes are possible, as for one element per player, they mean the same
    if [tuple(p.shape) for p in cpu] == [(m, *shape) for shape in shapes]:
        return _from_elements(game, cpu, present, eps)
    if len(cpu) == 1 and tuple(cpu[0].shape) == (m, game.n):
        return BatchScores(cpu[0].numpy(), eps)
    raise ShapeError(
        f"the method returned scores of shape {[tuple(p.shape) for p in cpu]} for {m} rows; expected the "
        f"shape of the rows, {[(m, *shape) for shape in shapes]}, or one score per player, {(m, game.n)}"
    )


def _tensor(part: Any) -> Tensor:
    """Return scores as a floating-point tensor; integers, such as counts, become doubles."""
    if not isinstance(part, (Tensor, np.ndarray)):
        raise ShapeError(f"the method returned a {type(part).__name__}; expected a tensor or a tuple of them")
    tensor = part if isinstance(part, Tensor) else torch.from_numpy(np.ascontiguousarray(part))
    return tensor if tensor.is_floating_point() else tensor.double()


def _from_elements(game: Game, parts: tuple[Tensor, ...], present: np.ndarray, eps: float) -> BatchScores:
    """Return the scores of players from those of elements; elements of no player are left out."""
    m = len(present)
    flat = torch.cat([part.reshape(m, -1) for part in parts], dim=1).numpy()
    owner = np.concatenate([part.reshape(-1).cpu().numpy() for part in game.maps])
    owned = np.flatnonzero(owner >= 0)
    scores, owner = flat[:, owned], owner[owned]
    size = np.abs(scores)
    total = sum_over_players(game, tuple(part.to(game.device) for part in parts)).cpu().numpy()
    elements_of = np.bincount(owner, minlength=game.n)
    first = np.zeros(game.n, dtype=np.int64)
    first[owner[::-1]] = np.arange(len(owner))[::-1]  # the last write wins: a player's first element
    return BatchScores(
        players=total,
        eps=eps,
        norms=np.stack([size.max(1), size.sum(1), scores.sum(1), np.sqrt((scores**2).sum(1))], axis=1),
        smallest=scores.min(1),
        off=np.where(present[:, owner], 0.0, size).sum(1),
        repeated=bool(elements_of.max() > 1) and bool((scores == scores[:, first[owner]]).all()),
    )


@contextmanager
def raised_by(method: str) -> Generator[None, None, None]:
    """Turn whatever a block raises into a `MethodError`, apart from errors of this package.

    Args:
        method: Name of the method that the block runs.

    Yields:
        Nothing.

    Raises:
        MethodError: With the method, its own error and the line that raised it.
    """
    try:
        yield
    except Exception as error:  # a method may raise whatever it likes
        if isinstance(error, TaylorAttrError):
            raise
        last = traceback.extract_tb(error.__traceback__)[-1]
        message = " ".join(str(error).split())
        if len(message) > METHOD_ERROR_LETTERS:
            message = f"{message[:METHOD_ERROR_LETTERS]}…"
        raise MethodError(
            f"{method} raised {type(error).__name__}: {message} "
            f"({Path(last.filename).name}, line {last.lineno})"
        ) from error
