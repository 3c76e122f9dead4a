"""From what the user passes as method to what an audit can bind."""

from __future__ import annotations

import copy
import inspect
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from taylorattr.analysis.model_copy import copy_model
from taylorattr.attribution import Attribution
from taylorattr.criteria.audit.bound_method import (
    Attributor,
    AuditedExample,
    BatchScores,
    Bound,
    Exactness,
    raised_by,
    read_scores,
)
from taylorattr.errors import OptionError, TaylorAttrWarning
from taylorattr.methods import attribute
from taylorattr.methods.method import AnyMethod, Attributes, AttributionMethod, find
from taylorattr.registry import Registry

ADAPTERS: Registry[Callable[[str], Binds]] = Registry("library with an adapter")
"""Library -> (name of its method -> recipe), such as ``ADAPTERS["captum"]("DeepLift")``; see `compat`."""


def attributor(method: Any, options: dict[str, Any]) -> Attributor:
    """Return what the user named or passed.

    Args:
        method: A name in ``ta.METHODS``, a designed rule or its name, ``library:Name`` of a registered
            adapter, an `Attributor`, such as what `binds` returns, or a callable.
        options: Options of a method by name; settings that `binds` adds.

    Returns:
        The method, not yet bound.

    Raises:
        OptionError: If it is none of these, or takes no options.
    """
    if isinstance(method, str) and ":" in method:
        library, _, name = method.partition(":")
        if library not in ADAPTERS:
            raise OptionError(
                f"no adapter for {library!r} is registered (known: {', '.join(ADAPTERS) or 'none'}): import "
                "taylorattr.compat.adapters, or pass ta.binds(make)"
            )
        method = ADAPTERS[library](name)
    if isinstance(method, str | AttributionMethod | Attributes):
        return PackageMethod(method, options)
    if isinstance(method, Binds):
        return method.having(options)
    if isinstance(method, Attributor) and not options:
        return method
    if not callable(method):
        raise OptionError(
            f"method is a {type(method).__name__}; expected a name in ta.METHODS, a designed rule, a "
            "callable rows (m, …) -> scores (m, …), or ta.binds(make)"
        )
    if options:
        raise OptionError(
            f"a bound callable takes no options, and {next(iter(options))!r} was given; bind them in it, or "
            "use ta.binds(make, option=…)"
        )
    return UserCallable(method)


EXACTNESS: dict[str, Exactness] = {
    "smooth_grad": "sampled",
    "integrated_gradients": "quadrature",
    "expected_gradients": "quadrature",
}
"""What is no closed form; whoever gives standard errors is sampled."""

EXACTNESS_OF_WAY: dict[str, Exactness] = {
    "coalitions": "closed",
    "method": "closed",
    "path": "quadrature",
    "measured": "quadrature",
    "terms": "unknown",
    "parts": "unknown",
}
"""How a designed rule computes, by the way that it takes."""


class PackageMethod(Attributor):
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

    def bind(self, subject: AuditedExample) -> Bound:
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
        return BoundPackageMethod(self.method, self.options, subject)


class BoundPackageMethod(Bound):
    """A method of this package asked for the scores of masked rows."""

    def __init__(self, method: AttributionMethod, options: dict[str, Any], subject: AuditedExample) -> None:
        self.method, self.options, self.subject = method, options, subject
        self.name = method.name
        self.exactness = EXACTNESS.get(method.name, "closed")
        self.compared, self.repeated = 3, 0
        self._mode: dict[str, Any] = {}

    def read(self, present: np.ndarray, seed: int = 0) -> BatchScores:
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
        return BatchScores(
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
        self.exactness = "closed" if exact else EXACTNESS_OF_WAY.get(way, "unknown")
        if way == "method" and facts.get("mode", "exact") != "exact":
            self.exactness = "quadrature"
        self._mode = {"way": way}

    def refined(self, nodes: int) -> Bound | None:
        """Return Integrated Gradients, or a rule of a path, with that many nodes at every row."""
        if self._mode.get("way") == "path" and self.exactness == "quadrature":
            options = {k: v for k, v in self.options.items() if k != "tol"}
            return BoundPackageMethod(self.method, options | {"n_steps": nodes, "way": "path"}, self.subject)
        if self.name != "integrated_gradients":
            return None
        options = {k: v for k, v in self.options.items() if k not in ("tol", "mode", "n_steps")}
        return BoundPackageMethod(
            self.method, options | {"n_steps": nodes, "mode": "quadrature"}, self.subject
        )


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

    def bind(self, subject: AuditedExample) -> Bound:
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
        bound = BoundFunction(self.name, function, subject, self.exactness, True, again)
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


class UserCallable(Attributor):
    """A callable the user has bound to model, baseline and target."""

    def __init__(self, function: Callable[[Any], Any]) -> None:
        super().__init__(getattr(function, "__name__", type(function).__name__))
        self.function = function

    def bind(self, subject: AuditedExample) -> Bound:
        """Bind the coalitions to it; the rest is the user's."""
        bound = BoundFunction(self.name, self.function, subject, "unknown", False, None)
        bound.blind = (
            "a bound callable cannot be bound in float64, to each reference, or with more nodes: pass "
            "ta.binds(make) for these",
        )
        return bound


class BoundFunction(Bound):
    """A callable asked for the scores of masked rows."""

    def __init__(
        self,
        name: str,
        function: Callable[[Any], Any],
        subject: AuditedExample,
        exactness: Exactness,
        in_float64: bool,
        again: Callable[[int], Bound] | None,
    ) -> None:
        self.name, self.function, self.subject, self.again = name, function, subject, again
        self.exactness, self.in_float64 = exactness, in_float64

    def read(self, present: np.ndarray, seed: int = 0) -> BatchScores:
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
