"""``shap:DeepExplainer``, ``GradientExplainer`` and ``KernelExplainer`` as recipes for ``ta.audit``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from taylorattr.autodiff.players import Players
from taylorattr.autodiff.rng import preserved_rng
from taylorattr.criteria.attributor import ADAPTERS
from taylorattr.criteria.bound_callable import Binds, binds
from taylorattr.criteria.subject import Exactness
from taylorattr.errors import MissingExtraError, OptionError

EXPLAINERS: dict[str, Exactness] = {
    "DeepExplainer": "closed",
    "GradientExplainer": "sampled",
    "KernelExplainer": "sampled",
}
"""Explainers that take a torch model or a function, and how they compute."""


class Selected(nn.Module):
    """A model with one output, the one that is explained, shape (B, 1)."""

    def __init__(self, model: Callable[..., Tensor], target: Any) -> None:
        """Keep the model as a submodule, so that its layers are found."""
        super().__init__()
        self.model, self.target = model, target

    def forward(self, *rows: Tensor) -> Tensor:
        """Return the output of the target."""
        output: Any = self.model(*rows)
        if callable(self.target):
            chosen: Any = self.target(output)
            return chosen[:, None]
        if self.target is None:
            return output.reshape(len(output), -1)[:, :1]
        place: tuple[Any, ...] = self.target if isinstance(self.target, tuple) else (self.target,)
        return output[(slice(None), *place)][:, None]


@ADAPTERS.register("shap")
def shap_method(name: str) -> Binds:
    """Return the recipe of one of shap's explainers.

    ``KernelExplainer`` shares out the game of the players, so it gives one score per player; the others score
    elements. Every call leaves the global generators as they were.

    Args:
        name: ``DeepExplainer``, ``GradientExplainer`` or ``KernelExplainer``.

    Returns:
        The recipe; further settings go to ``shap_values``.

    Raises:
        MissingExtraError: If shap is not installed.
        OptionError: If there is no adapter for that explainer.
    """
    if name not in EXPLAINERS:
        raise OptionError(f"shap has no adapter for {name!r}; known: {', '.join(EXPLAINERS)}")
    try:
        import shap as library
    except ImportError as error:
        raise MissingExtraError(f"shap:{name} needs shap: pip install shap") from error

    def make(
        model: Callable[..., Any], baselines: Any, target: Any, players: Players, **settings: Any
    ) -> Callable[[Any], Any]:
        selected = Selected(model, target).eval()
        draws = iter(range(2**31))

        def scores(rows: Any) -> Any:
            with preserved_rng():
                seed = next(draws)
                torch.manual_seed(seed)
                np.random.seed(seed)
                if name == "KernelExplainer":
                    return by_player(library, selected, rows, baselines, players, settings)
                explainer = getattr(library, name)(selected, _listed(baselines))
                if name == "DeepExplainer":
                    settings.setdefault("check_additivity", False)
                found = explainer.shap_values(_listed(rows), **settings)
            return _shaped(found, rows)

        return scores

    return binds(
        make,
        references=name != "KernelExplainer",
        exactness=EXPLAINERS[name],
        parts=name == "DeepExplainer",
        name=f"shap:{name}",
    )


def by_player(
    library: Any, model: nn.Module, rows: Any, baselines: Any, players: Players, settings: dict[str, Any]
) -> np.ndarray:
    """Return Kernel SHAP's score of each player for each row, shape (m, n)."""
    ends, starts = _tuple(rows), _tuple(baselines)
    n = len(players.groups)
    owner = torch.full((sum(e[0].numel() for e in ends),), n, dtype=torch.int64)
    for player, group in enumerate(players.groups):
        owner[list(group)] = player
    owners = owner.split([e[0].numel() for e in ends])
    found = []
    for k in range(len(ends[0])):

        def game(masks: np.ndarray, k: int = k) -> np.ndarray:
            present = torch.cat(
                [torch.from_numpy(masks) > 0.5, torch.ones(len(masks), 1, dtype=torch.bool)], 1
            )
            points = [
                torch.where(present[:, o].reshape(-1, *e.shape[1:]), e[k : k + 1], s)
                for o, e, s in zip(owners, ends, starts, strict=True)
            ]
            with torch.no_grad():
                return model(*points)[:, 0].cpu().numpy()

        explainer = library.KernelExplainer(game, np.zeros((1, n)))
        given = {"silent": True, "l1_reg": False, **settings}
        found.append(np.asarray(explainer.shap_values(np.ones((1, n)), **given)).reshape(n))
    return np.stack(found)


def _tuple(value: Any) -> tuple[Tensor, ...]:
    return value if isinstance(value, tuple) else (value,)


def _listed(value: Any) -> Any:
    """Return several inputs as the list that shap expects."""
    return list(value) if isinstance(value, tuple) else value


def _shaped(found: Any, rows: Any) -> Any:
    """Return scores without shap's dimension of the one output, in the structure of the rows."""
    parts = found if isinstance(found, list) else [found]
    shaped = tuple(
        np.asarray(part).reshape(tuple(row.shape)) for part, row in zip(parts, _tuple(rows), strict=True)
    )
    return shaped if isinstance(rows, tuple) else shaped[0]
