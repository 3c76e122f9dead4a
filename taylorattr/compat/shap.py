"""Results as ``shap.Explanation``, for shap's plots."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np
from torch import Tensor

from taylorattr.analysis.players import element_names
from taylorattr.attribution import Attribution
from taylorattr.effects.coalition_table import HarsanyiEffects, InteractionIndex
from taylorattr.errors import MissingExtraError, OptionError


def explanation(result: Attribution | HarsanyiEffects | InteractionIndex, data: Any = None) -> Any:
    """Return a ``shap.Explanation`` with one value per example and player.

    Args:
        result: An attribution; exact effects, which give their Shapley values; or an index of single players
            (SV, Banzhaf).
        data: Value of each player to show beside its score, shape (B, n), or inputs (B, …) whose elements are
            the players; None for none. shap's scatter plot needs them.

    Returns:
        The explanation: values (B, n), base values f(b) (B,), data, the players' names.

    Raises:
        MissingExtraError: If shap is not installed.
        OptionError: If the result is another or holds interactions, or data have another shape.
    """
    try:
        shap = importlib.import_module("shap")
    except ImportError as error:
        raise MissingExtraError("an Explanation needs shap; pip install 'taylorattr[shap]'") from error
    values = _values(result)
    features = None
    if data is not None:
        features = data.detach().cpu().numpy() if isinstance(data, Tensor) else np.asarray(data)
        # the names say whether players are the elements: only then has each of them one number
        if features.ndim > 2 and list(result.names) == element_names([features.shape[1:]]):
            features = features.reshape(len(features), -1)
        if features.shape != values.shape:
            raise OptionError(
                f"data have shape {features.shape}; expected {values.shape}, one number per example and "
                "player (for players of several elements, their mean, say)"
            )
    base = result.f_baseline.double().numpy()
    return shap.Explanation(values=values, base_values=base, data=features, feature_names=list(result.names))


def _values(result: Any) -> np.ndarray:
    """Return one value per example and player, shape (B, n).

    Raises:
        OptionError: If the result has none.
    """
    if isinstance(result, Attribution):
        return result.player_scores.numpy()
    index = result.index("SV") if isinstance(result, HarsanyiEffects) else result
    if not isinstance(index, InteractionIndex) or index.max_order != 1:
        which = f" {index.index} of order {index.max_order}" if isinstance(index, InteractionIndex) else ""
        raise OptionError(
            f"a {type(result).__name__}{which} is no table of one score per player; pass an Attribution, "
            "exact effects, or their index('SV')"
        )
    return index.values[:, 1:].double().numpy()  # column 0 is the empty coalition
