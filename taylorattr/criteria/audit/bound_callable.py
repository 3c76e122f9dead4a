"""A callable as an audit hears it: bound by the user, or by a recipe that can bind it again."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from taylorattr.analysis.model_copy import copy_model
from taylorattr.criteria.audit.method_error import raised_by
from taylorattr.criteria.audit.reading import Reading, read_scores
from taylorattr.criteria.audit.subject import Attributor, Bound, Exactness, Subject
from taylorattr.errors import OptionError


class Binds(Attributor):
    """A recipe of a callable rows (m, …) -> scores (m, …); see `binds`."""

    def __init__(
        self,
        make: Callable[..., Callable[[Any], Any]],
        settings: dict[str, Any],
        name: str,
        references: bool = False,
        nodes: str | None = None,
        exactness: Exactness = "unknown",
        parts: bool = True,
        compared: int = 24,
        row_by_row: bool = False,
    ) -> None:
        super().__init__(name, references)
        self.make, self.settings, self.nodes, self.parts = make, settings, nodes, parts
        self.compared, self.row_by_row = compared, row_by_row
        self.exactness: Exactness = "quadrature" if nodes and exactness == "unknown" else exactness

    @property
    def option_types(self) -> dict[str, Any]:
        """Annotations of the recipe's settings: none that anything is checked against."""
        return {}

    def having(self, settings: dict[str, Any]) -> Binds:
        """Return the recipe with more or other settings."""
        found = copy.copy(self)
        found.settings = self.settings | settings
        return found

    def bind(self, subject: Subject) -> Bound:
        """Call the recipe with a copy of the model in the dtype of the analysis and one baseline.

        Returns:
            The callable it makes, with the coalitions of the subject.

        Raises:
            OptionError: If there are additional forward arguments, which a recipe is not passed.
            MethodError: If the recipe raises.
        """
        if subject.extra:
            raise OptionError(
                "ta.binds passes no additional_forward_args; give make= a model that holds them, or a setting"
            )
        model = copy_model(subject.model, dtype=subject.game.dtype, device=subject.game.device).function
        settings = dict(self.settings)
        if "players" in inspect.signature(self.make).parameters:
            settings.setdefault("players", subject.game.players)
        with raised_by(self.name):
            function = self.make(model, subject.baseline(), subject.target, **settings)
        setting = self.nodes
        again = None if setting is None else lambda count: self.having({setting: count}).bind(subject)
        bound = Listening(self.name, function, subject, self.exactness, True, again)
        bound.compared, bound.row_by_row = self.compared, self.row_by_row
        return bound


def binds(
    make: Callable[..., Callable[[Any], Any]],
    *,
    references: bool = False,
    nodes: str | None = None,
    exactness: Exactness = "unknown",
    parts: bool = True,
    compared: int = 24,
    row_by_row: bool = False,
    name: str | None = None,
    **settings: Any,
) -> Binds:
    """Return a recipe for ``ta.audit`` that binds a method of any library by itself.

    An audit can bind it to a float64 copy of the model, to each baseline of a reference set, and with more
    nodes, none of which is possible with a callable that is bound already::

        def make(model, baselines, target):
            return lambda rows: captum.attr.DeepLift(model).attribute(rows, baselines, target=target)

        ta.audit(ta.binds(make), model, x, baseline, target=3)

    Args:
        make: ``make(model, baselines, target, **settings)`` returns rows (m, …) -> scores (m, …); baselines
            are (1, …), rows and scores in the structure of the inputs. If it has a parameter ``players``, it
            is passed the ``ta.Players``.
        references: Whether baselines are a reference set (R, …), each to be audited by itself, eq. (21).
        nodes: Name of the setting that counts the nodes of a quadrature.
        exactness: ``closed``, ``quadrature``, ``sampled`` or ``unknown``; decides the default tolerance.
        parts: Whether the recipe may be called with parts of the model, to find the operation at which a sum
            breaks; False for methods that do not work by operations, such as occlusion.
        compared: How many rows are asked for again, three at a time, to see whether a row's scores depend on
            what else is in the batch; 3 where every call is dear.
        row_by_row: Whether a batch costs as much as its rows one by one; an audit then repeats less.
        name: Shown in the report; None: that of make.
        **settings: Passed to make.

    Returns:
        What ``ta.audit`` takes as method.
    """
    shown = name or getattr(make, "__name__", type(make).__name__)
    return Binds(make, settings, shown, references, nodes, exactness, parts, compared, row_by_row)


class BoundCallable(Attributor):
    """A callable the user has bound to model, baseline and target."""

    def __init__(self, function: Callable[[Any], Any]) -> None:
        super().__init__(getattr(function, "__name__", type(function).__name__))
        self.function = function

    def bind(self, subject: Subject) -> Bound:
        """Bind the coalitions to it; the rest is the user's."""
        bound = Listening(self.name, self.function, subject, "unknown", False, None)
        bound.blind = (
            "a bound callable cannot be bound in float64, to each reference, or with more nodes: pass "
            "ta.binds(make) for these",
        )
        return bound


class Listening(Bound):
    """A callable asked for the scores of masked rows."""

    def __init__(
        self,
        name: str,
        function: Callable[[Any], Any],
        subject: Subject,
        exactness: Exactness,
        in_float64: bool,
        again: Callable[[int], Bound] | None,
    ) -> None:
        self.name, self.function, self.subject, self.again = name, function, subject, again
        self.exactness, self.in_float64 = exactness, in_float64

    def read(self, present: np.ndarray, seed: int = 0) -> Reading:
        """Call it; a callable draws as it likes, so the seed is not passed on.

        Returns:
            Its scores.

        Raises:
            MethodError: If the callable raises.
        """
        rows = self.subject.rows(present, own_dtype=not self.in_float64)
        with raised_by(self.name):
            given = self.function(rows)
        found = read_scores(self.subject.game, given, present)
        parts = rows if isinstance(rows, tuple) else (rows,)
        given = [torch.finfo(r.dtype).eps / 2 for r in parts if r.is_floating_point()]
        scalar = self.subject.game.scalar
        native = scalar.dtype if self.in_float64 else scalar.native
        found.eps = max(found.eps, *given, torch.finfo(native).eps / 2)
        return found

    def refined(self, nodes: int) -> Bound | None:
        """Bind again with that many nodes, where the recipe names the setting."""
        return None if self.again is None else self.again(nodes)
