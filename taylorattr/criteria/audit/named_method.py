"""One of ``ta.METHODS``, or a designed rule, as an audit hears it."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from taylorattr.attribution import Attribution
from taylorattr.criteria.audit.reading import Reading
from taylorattr.criteria.audit.subject import Attributor, Bound, Exactness, Subject
from taylorattr.errors import OptionError, TaylorAttrWarning
from taylorattr.methods import AttributionMethod, attribute
from taylorattr.methods.method import AnyMethod, find

EXACTNESS: dict[str, Exactness] = {
    "smooth_grad": "sampled",
    "integrated_gradients": "quadrature",
    "expected_gradients": "quadrature",
}
"""What is no closed form; whoever gives standard errors is sampled."""

WAYS: dict[str, Exactness] = {
    "coalitions": "closed",
    "method": "closed",
    "path": "quadrature",
    "measured": "quadrature",
    "terms": "unknown",
    "parts": "unknown",
}
"""How a designed rule computes, by the way that it takes."""


class ByName(Attributor):
    """One of ``ta.METHODS``, or a designed rule, with its options.

    Args:
        method: Name or rule.
        options: Its options.

    Raises:
        OptionError: If there is no such method.
    """

    def __init__(self, method: AnyMethod, options: dict[str, Any]) -> None:
        self.method = find(method)
        super().__init__(self.method.name, self.method.references)
        self.options = options

    def bind(self, subject: Subject) -> Bound:
        """Bind it.

        Returns:
            The method, ready to be asked.

        Raises:
            OptionError: For Grad-CAM, whose players are cells of a layer.
        """
        if self.name == "grad_cam":
            raise OptionError(
                "grad_cam shares out the cells of a layer, not the input: audit it on the head, with the "
                "feature maps as inputs (1, K, H, W), baseline 0 and a callable that returns its map"
            )
        return Named(self.method, self.options, subject)


class Named(Bound):
    """A method of this package asked for the scores of masked rows."""

    def __init__(self, method: AttributionMethod, options: dict[str, Any], subject: Subject) -> None:
        self.method, self.options, self.subject = method, options, subject
        self.name = method.name
        self.exactness = EXACTNESS.get(method.name, "closed")
        self.compared, self.repeated = 3, 0
        self._mode: dict[str, Any] = {}

    def read(self, present: np.ndarray, seed: int = 0) -> Reading:
        """Return its scores, with f(x_T) as its own record of the model gives it.

        Returns:
            The scores.

        Raises:
            OptionError: If coalitions receive, as by an interaction index.
        """
        game, count = self.subject.game, len(present)
        rows = self.subject.rows(present, own_dtype=False)
        result = self.ask(rows, count, seed)
        if self.name == "integrated_gradients":
            self._keep_mode(result.diagnostics["mode"])
        if self.method.family == "rule":
            self._keep_way(result.diagnostics)
        if result.names != self.subject.game.names:
            raise OptionError(
                f"{self.name} gives scores to {', '.join(result.names[-2:])}; an audit is about methods "
                "whose scores are those of the players"
            )
        drawn = result.standard_errors is not None
        if drawn:
            self.exactness = "sampled"
        return Reading(
            players=result.player_scores.numpy(),
            eps=torch.finfo(game.dtype).eps / 2,
            values=result.f_input.numpy(),
            drawn=drawn,
            facts={k: v for k, v in result.diagnostics.items() if k in ("mode", "n_steps", "way")},
        )

    def ask(self, rows: Any, count: int, seed: int = 0, **more: Any) -> Attribution:
        """Return the attribution of rows, every example with this subject's target and arguments."""
        extra = tuple(
            part.expand(count, *part.shape[1:]) if isinstance(part, Tensor) and part.ndim else part
            for part in self.subject.extra
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", TaylorAttrWarning)
            return attribute(
                self.method,
                self.subject.model,
                rows,
                self.subject.baseline(),
                target=self.subject.target,
                players=self.subject.game.players,
                additional_forward_args=extra or None,
                dtype=self.subject.game.dtype,
                seed=seed,
                **(self._mode | self.options | more),
            )

    def _keep_mode(self, mode: str) -> None:
        """Let every later call integrate as the first one did; ``auto`` looks at the whole batch."""
        self.exactness = "closed" if mode == "exact" else "quadrature"
        if not {"mode", "n_steps", "tol", "rule"} & set(self.options):
            self._mode = {"mode": mode}

    def _keep_way(self, facts: Mapping[str, Any]) -> None:
        """Let every later call compute a designed rule as the first one did; ``auto`` looks at the batch."""
        way = facts["way"]
        exact = "relative" not in facts.get("error", {}) if way == "path" else facts.get("mode") == "exact"
        self.exactness = "closed" if exact else WAYS.get(way, "unknown")
        if way == "method" and facts.get("mode", "exact") != "exact":
            self.exactness = "quadrature"
        self._mode = {"way": way}

    def refined(self, nodes: int) -> Bound | None:
        """Return Integrated Gradients, or a rule of a path, with that many nodes at every row."""
        if self._mode.get("way") == "path" and self.exactness == "quadrature":
            options = {k: v for k, v in self.options.items() if k != "tol"}
            return Named(self.method, options | {"n_steps": nodes, "way": "path"}, self.subject)
        if self.name != "integrated_gradients":
            return None
        options = {k: v for k, v in self.options.items() if k not in ("tol", "mode", "n_steps")}
        return Named(self.method, options | {"n_steps": nodes, "mode": "quadrature"}, self.subject)
