"""Results as objects of other libraries: shap's explanations and frames of pandas."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from torch import Tensor

from taylorattr.errors import MissingExtraError, ShapeError


def shap_explanation(values: Tensor, start: Tensor, inputs: Any, names: Sequence[str]) -> Any:
    """Return ``shap.Explanation`` of values per player, or per pair of players.

    Args:
        values: Shape (B, n), or (B, n, n).
        start: f(b), shape (B,): shap's base value.
        inputs: Values of the players, (B, n): a tensor, an array or a frame; None: none are known.
        names: Names of the n players.

    Returns:
        The explanation; with inputs all of shap's plots take it.

    Raises:
        MissingExtraError: If shap is not installed.
        ShapeError: If the inputs are not a value per example and player.
    """
    try:
        Explanation = importlib.import_module("shap").Explanation
    except ImportError as error:
        raise MissingExtraError("to_shap() needs shap, which is not installed: pip install shap") from error
    data = None
    if inputs is not None:
        data = inputs.detach().cpu().numpy() if isinstance(inputs, Tensor) else np.asarray(inputs)
        if data.ndim < 1 or len(data) != len(values) or data.size != len(values) * len(names):
            raise ShapeError(
                f"inputs have shape {tuple(data.shape)}; shap's plots need a value per example and player: "
                f"({len(values)}, {len(names)}). Leave inputs out where players are groups"
            )
        data = data.reshape(len(values), len(names))
    return Explanation(
        values.detach().cpu().double().numpy(),
        base_values=start.detach().cpu().double().numpy(),
        data=data,
        feature_names=list(names),
    )


def pair_matrix(values: Tensor, pairs: Tensor) -> Tensor:
    """Return shap's interaction values, shape (B, n, n): half of each pair's index on both of its places.

    The diagonal is what is left of each player's value, so that rows sum to values and everything to the sum
    of values.

    Args:
        values: Shapley values, shape (B, n).
        pairs: Index of the pairs in lexicographic order, shape (B, n(n−1)/2).
    """
    n = values.shape[1]
    rows, columns = np.triu_indices(n, 1)
    matrix = values.new_zeros(len(values), n, n)
    matrix[:, rows, columns] = matrix[:, columns, rows] = pairs / 2
    matrix.diagonal(dim1=1, dim2=2).copy_(values - matrix.sum(2))
    return matrix


def frame(values: Tensor, columns: Sequence[str]) -> Any:
    """Return a ``pandas.DataFrame`` with a row per example.

    Raises:
        MissingExtraError: If pandas is not installed.
    """
    try:
        pandas = importlib.import_module("pandas")
    except ImportError as error:
        raise MissingExtraError(
            "to_frame() needs pandas, which is not installed: pip install pandas"
        ) from error
    return pandas.DataFrame(values.detach().cpu().numpy(), columns=list(columns))
