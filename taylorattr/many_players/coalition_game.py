"""``ta.coalition_game``: the game itself, to ask for values by coalition or to hand over to shapiq."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from taylorattr.aliases import AnyTarget, Baselines, Coalition, Tensors
from taylorattr.analysis.game import Game
from taylorattr.analysis.model_errors import analysis_door
from taylorattr.analysis.players import PlayersLike
from taylorattr.analysis.question import Question
from taylorattr.analysis.shared_parameters import shares_parameters
from taylorattr.errors import MissingExtraError, OptionError, ShapeError
from taylorattr.many_players.counted_values import CountedValues


class CoalitionGame:
    """v(T) = f(x on T, b elsewhere) for each example of a batch; made by `coalition_game`.

    Attributes:
        names: Names of the n players.
        n: Their number.
        batch: Number of examples B.
    """

    def __init__(self, game: Game) -> None:
        self.names, self.n, self.batch = game.names, game.n, game.batch
        self._values = [CountedValues(game, example) for example in range(game.batch)]

    def values(self, coalitions: Any, example: int = 0) -> np.ndarray:
        """Return v of coalitions; each is evaluated once, however often it is asked for.

        Args:
            coalitions: Bools or zeros and ones, (R, n) or (n,): who is at the input, others at the baseline.
            example: Which example.

        Returns:
            Shape (R,), float64, in units of the model output.

        Raises:
            ShapeError: If the coalitions do not fit the players.
            OptionError: If there is no such example.
        """
        rows = np.atleast_2d(np.asarray(coalitions, dtype=bool))
        if rows.ndim != 2 or rows.shape[1] != self.n:
            raise ShapeError(
                f"coalitions have shape {rows.shape}; expected (R, {self.n}), a column per player"
            )
        return self._of(example)(rows)

    def evaluations(self, example: int = 0) -> int:
        """Return how many outputs were computed for an example so far."""
        return self._of(example).evaluations

    def to_shapiq_game(self, example: int | None = None) -> Any:
        """Return one example's game as a ``shapiq.Game``, for every approximator and explainer of shapiq's.

        It is normalised to v(∅) = 0, as they expect.

        Args:
            example: Which example; None: the only one.

        Raises:
            OptionError: If there are several examples and none is chosen, or there is no such example.
            MissingExtraError: If shapiq is not installed.
        """
        if example is None and self.batch != 1:
            raise OptionError(f"there are {self.batch} examples; say which: to_shapiq_game(example=0)")
        return shapiq_game(self._of(example or 0), self.names)

    def _of(self, example: int) -> CountedValues:
        if not 0 <= example < self.batch:
            raise OptionError(f"example={example}; the game has examples 0 … {self.batch - 1}")
        return self._values[example]

    def __repr__(self) -> str:
        return f"CoalitionGame: {self.n} players, {self.batch} example(s)"


@shares_parameters
@analysis_door
def coalition_game(
    model: Callable[..., Any],
    inputs: Tensors,
    baselines: Baselines = None,
    *,
    target: AnyTarget = None,
    additional_forward_args: Any = None,
    players: PlayersLike = None,
    dtype: torch.dtype | None = torch.float64,
    internal_batch_size: int | None = None,
) -> CoalitionGame:
    """Return the game v(T) = f(x on T, b elsewhere) of a model: values by coalition, and shapiq's form of it.

    Args:
        model: As in `Question`.
        inputs: Tensor (B, …) or tuple of them; integers too.
        baselines: As in `Question`.
        target: As in `Question`.
        additional_forward_args: As in `Question`.
        players: As in `Question`.
        dtype: As in `Question`.
        internal_batch_size: As in `Question`.

    Returns:
        The game: ``values(coalitions)`` and ``to_shapiq_game()``.

    Raises:
        TaylorAttrError: As in `Question.game`.

    Example:
        >>> from taylorattr.toys import three_effects
        >>> coalition_game(three_effects(), torch.tensor([[1.0, 2.0]])).values([[1, 0], [1, 1]]).tolist()
        [3.0, 19.0]
    """  # noqa: DOC502 -- raised by the question
    question = Question(
        model,
        inputs,
        baselines,
        target=target,
        additional_forward_args=additional_forward_args,
        players=players,
        dtype=dtype,
        internal_batch_size=internal_batch_size,
        integers_allowed=True,
    )
    return CoalitionGame(question.game)


@dataclass(frozen=True)
class ShapiqAnswer:
    """What an approximator answered.

    Attributes:
        name: Its name.
        effects: Coalition -> its estimate, ∅ left out.
    """

    name: str
    effects: dict[Coalition, float]


def shapiq_module(name: str) -> Any:
    """Return a module of shapiq's.

    Raises:
        MissingExtraError: If shapiq is not installed.
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise MissingExtraError(
            "this needs shapiq, which is not installed: pip install 'taylorattr[shapiq]'"
        ) from error


def shapiq_game(v: CountedValues, names: tuple[str, ...] | None = None) -> Any:
    """Return one example's game as a ``shapiq.Game``, normalised to v(∅) = 0 as shapiq's methods expect.

    Args:
        v: The values.
        names: Names of the players.

    Raises:
        MissingExtraError: If shapiq is not installed.
    """
    base = shapiq_module("shapiq").Game

    class ModelGame(base):
        """v(T) of a model, asked for by coalition."""

        def value_function(self, coalitions: np.ndarray) -> np.ndarray:
            """Return v of coalitions, bool (R, n)."""
            return v(np.asarray(coalitions, dtype=bool).reshape(-1, v.n))

    return ModelGame(
        n_players=v.n,
        normalize=True,
        normalization_value=float(v(np.zeros((1, v.n), dtype=bool))[0]),
        player_names=None if names is None else list(names),
    )


def by_shapiq(name: str, v: CountedValues, index: str, order: int, budget: int, seed: int) -> ShapiqAnswer:
    """Return what an approximator of shapiq's makes of the game.

    Args:
        name: Name of a class in ``shapiq.approximator``.
        v: The values.
        index: Index asked of it.
        order: Largest size.
        budget: Values it may ask for.
        seed: Its random state.

    Raises:
        OptionError: If shapiq has no such approximator, or it does not take these arguments.
        MissingExtraError: If shapiq is not installed.
    """
    library = shapiq_module("shapiq.approximator")
    kind = getattr(library, name, None)
    if not isinstance(kind, type):
        known = sorted(n for n in library.__all__ if isinstance(getattr(library, n), type))
        raise OptionError(f"shapiq has no approximator {name!r}; it has {', '.join(known)}")
    try:
        approximator = kind(n=v.n, index=index, max_order=order, random_state=seed)
    except (TypeError, ValueError) as error:
        raise OptionError(f"shapiq's {name} does not take index={index!r}, order={order}: {error}") from error
    if approximator.index != index:  # those for one index take any name, and leave it unread
        raise OptionError(
            f"shapiq's {name} does not take index={index!r}: it answers with {approximator.index}"
        )
    found = approximator.approximate(budget, shapiq_game(v))
    effects = {
        tuple(sorted(int(i) for i in coalition)): float(found.values[place])
        for coalition, place in found.interaction_lookup.items()
        if len(coalition)
    }
    return ShapiqAnswer(name, effects)
