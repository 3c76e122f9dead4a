"""``zennit:EpsilonPlus``, ``zennit:Gradient`` and their kin as recipes for ``ta.audit``."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor

from taylorattr.compat.adapters.draws import SEEDS, fresh_draws
from taylorattr.compat.adapters.wrapped_model import OneInput, OneOutput
from taylorattr.criteria.audit.attributor import ADAPTERS, Binds, binds
from taylorattr.errors import MissingExtraError, OptionError
from taylorattr.methods.method import Exactness

ATTRIBUTORS: dict[str, Exactness] = {
    "Gradient": "closed",
    "SmoothGrad": "sampled",
    "IntegratedGradients": "quadrature",
    "Occlusion": "closed",
}
"""The attributors, and how they compute."""

RELEVANCE = (
    "EpsilonPlus",
    "EpsilonAlpha2Beta1",
    "EpsilonPlusFlat",
    "EpsilonAlpha2Beta1Flat",
    "EpsilonGammaBox",
    "ExcitationBackprop",
)
"""Composites that hand the output down; they start with it, so that scores are in its units."""

GRADIENTS = ("GuidedBackprop", "DeconvNet", "BetaSmooth")
"""Composites that change a gradient, and start with 1 as a gradient does."""


@ADAPTERS.register("zennit")
def zennit_method(name: str) -> Binds:
    """Return the recipe of one of zennit's attributors, or of the Gradient attributor with a composite.

    Settings go to the composite where it takes them, as ``epsilon``, and to the attributor otherwise, as
    ``n_iter``; ``composite`` is a composite's name or an object of the user. Integrated gradients and
    occlusion get the audit's baseline. A composite starts with the explained output, or with 1 where it only
    changes a gradient; ``attr_output``, a function of that output (m, 1), decides otherwise.

    Args:
        name: Of a class in ``zennit.attribution`` or ``zennit.composites``.

    Returns:
        The recipe.

    Raises:
        MissingExtraError: If zennit is not installed.
        OptionError: If it has no such attributor or composite.
    """
    known = (*ATTRIBUTORS, *RELEVANCE, *GRADIENTS)
    if name not in known:
        raise OptionError(f"zennit has no adapter for {name!r}; known: {', '.join(known)}")
    try:
        library = SimpleNamespace(
            attribution=importlib.import_module("zennit.attribution"),
            composites=importlib.import_module("zennit.composites"),
        )
    except ImportError as error:
        raise MissingExtraError(
            f"zennit:{name} needs zennit, which needs torchvision: pip install zennit ({error})"
        ) from error
    default_composite: dict[str, Any] = {} if name in ATTRIBUTORS else {"composite": name}
    attributor = name if name in ATTRIBUTORS else "Gradient"

    def make(
        model: Callable[..., Any], baselines: Any, target: Any, composite: Any = None, **settings: Any
    ) -> Callable[[Any], Any]:
        single = not isinstance(baselines, tuple)
        if not single and attributor == "Occlusion":
            raise OptionError(
                "zennit:Occlusion slides its window over one tensor, and the inputs are several"
            )
        # zennit's attributors take one tensor: several inputs are put side by side, their scores taken apart
        one_output = OneOutput(model, target, baselines)
        shapes = [] if single else [tuple(part.shape[1:]) for part in baselines]
        one_input = OneInput(one_output, shapes)
        start = baselines if single else one_input.joined(baselines)
        rules, settings = _composite(library.composites, composite, settings)
        kind = getattr(library.attribution, attributor)
        # relevance starts from the output itself (zennit's None), a gradient from ones
        relevance = attributor == "Occlusion" or (rules is not None and type(rules).__name__ not in GRADIENTS)
        settings = {"attr_output": None if relevance else torch.ones_like, **settings}
        settings |= _at_baseline(library.attribution, attributor, start)
        _check(f"zennit:{name}", kind, settings)
        method = kind(one_output if single else one_input, composite=rules, **settings)
        seeds = iter(SEEDS)

        def scores(rows: Any) -> Any:
            points = (rows if single else one_input.joined(rows)).detach().clone().requires_grad_()
            with fresh_draws(seeds):
                _, relevances = method(points)
            return relevances.detach() if single else one_input.split(relevances.detach())

        return scores

    return binds(
        make,
        nodes="n_iter" if name == "IntegratedGradients" else None,
        exactness=ATTRIBUTORS[attributor],
        parts=name not in ATTRIBUTORS or name == "Gradient",
        name=f"zennit:{name}",
        **default_composite,
    )


def _composite(library: Any, composite: Any, settings: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    """Return the composite with the settings it takes, and the settings that are left."""
    if not isinstance(composite, str):  # None, or an object of the user's
        return composite, settings
    if composite not in (*RELEVANCE, *GRADIENTS):
        raise OptionError(f"composite={composite!r}; known: {', '.join((*RELEVANCE, *GRADIENTS))}")
    kind = getattr(library, composite)
    known = inspect.signature(kind).parameters
    own = {key: value for key, value in settings.items() if key in known}
    missing = [key for key, p in known.items() if p.default is p.empty and key not in own]
    if missing:
        raise OptionError(f"zennit:{composite} needs {' and '.join(f'{key}=' for key in missing)}")
    # bounds of the input box come as numbers from the command line, and zennit computes with tensors
    tensors = {
        key: torch.as_tensor(value, dtype=torch.float64) if key in ("low", "high") else value
        for key, value in own.items()
    }
    return kind(**tensors), {key: value for key, value in settings.items() if key not in own}


def _at_baseline(library: Any, attributor: str, start: Tensor) -> dict[str, Any]:
    """Return the settings that bind an attributor to the baseline."""
    if attributor == "IntegratedGradients":
        return {"baseline_fn": lambda rows: start.to(rows).expand_as(rows)}
    if attributor == "Occlusion":

        def fill(rows: Tensor) -> Tensor:
            return start.to(rows).expand_as(rows)

        return {"occlusion_fn": lambda rows, mask: library.occlude_independent(rows, mask, fill_fn=fill)}
    return {}


def _check(name: str, kind: Any, settings: dict[str, Any]) -> None:
    """Refuse settings that an attributor does not have.

    Raises:
        OptionError: If there is one.
    """
    known = inspect.signature(kind).parameters
    for setting in settings:
        if setting not in known:
            raise OptionError(f"{name} has no setting {setting!r}; it has: {', '.join(known)}")
