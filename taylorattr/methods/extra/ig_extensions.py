"""Integrated Gradients of several baselines, and of patches that move as one: extensions of this project.

arXiv 2008.09695 (first version) builds on Integrated Gradients for the sake of unbiased baselines and of
interactions inside a region, in forms that are not used here. These forms are derived from the same two aims,
and are this project's own, not that paper's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from taylorattr.analysis.game import blocks
from taylorattr.analysis.question import REFERENCE_ROWS, Question
from taylorattr.analysis.scalar import is_row_of_classes
from taylorattr.analysis.targets import tensor_output
from taylorattr.errors import OptionError, require_whole_number
from taylorattr.maths.path_rules import PathRule
from taylorattr.methods.gradient.expected_gradients import from_every_reference
from taylorattr.methods.gradient.integrated_gradients import Mode, integrated_gradients
from taylorattr.methods.method import Scores, method
from taylorattr.methods.scores import float64


@method("ig_multi", family="extension", references=True, exactness="quadrature", chooses_mode=True)
def ig_multi(
    question: Question,
    *,
    n_baselines: int = 32,
    labels: Any = None,
    n_steps: int | None = None,
    tol: float | None = None,
    mode: Mode = "auto",
) -> Scores:
    """Return (1/|B|) Σ_{b∈B} IG_i(x; b): Integrated Gradients without a baseline chosen by hand.

    Of a larger set, as many rows of every class are drawn as there are places, so that no class is the
    baseline more than another. Complete against the mean of f(b). With places on the paths drawn as well it
    would be ``expected_gradients``; over all rows it is that method in mode ``full``.

    Args:
        question: What is asked; its references, such as training data, shape (R, …), are the set.
        n_baselines: |B| at most, drawn with the question's seed; a smaller set is taken whole.
        labels: Classes of the R references; None: the model's predictions, or none for one output.
        n_steps: As in ``integrated_gradients``.
        tol: As in ``integrated_gradients``, for each baseline.
        mode: As in ``integrated_gradients``.

    Returns:
        Scores of the elements, with the standard error of each player's mean over the baselines.

    Raises:
        OptionError: If an option is out of range, or there are not R labels.

    Source: this project, after arXiv 1703.01365 and 2008.09695; the ratio is κ_i/|κ| at each baseline.
    """
    require_whole_number("n_baselines", n_baselines)
    count = len(question.reference_set[0])
    rows = _balanced(question, labels, count, n_baselines)
    asked = question
    if len(rows) < count:
        assert question.references is not None
        asked = replace(question, references=tuple(r[rows] for r in question.references))
    values = asked.reference_values()
    elements, errors, paths = from_every_reference(asked, values, n_steps, tol, mode, "ig_multi")
    exact = set(paths["each_path"]) == {"exact"}
    return Scores(
        elements=elements,
        f_baseline=float64(values).mean(1),
        standard_errors=errors,
        diagnostics=paths
        | {"mode": "exact" if exact else "quadrature", "baselines": rows, "seed": question.seed},
    )


@method("ig_patch", family="extension", exactness="quadrature", chooses_mode=True)
def ig_patch(
    question: Question,
    *,
    n_steps: int | None = None,
    tol: float | None = None,
    rule: PathRule = "gauss_legendre",
    mode: Mode = "auto",
) -> Scores:
    """Return Σ_{i∈patch} IG_i(x; b): exactly Integrated Gradients of the patches' own coordinates, at 1.

    With t_P from 0 to 1 moving all elements of a patch P from b to x at once, f̃(t) = f(b + Σ_P t_P Δ_P) has
    ∂f̃/∂t_P = Σ_{i∈P} Δ_i ∂_i f, and on its path from 0 to 1 the input is on its path from b to x. So
    interactions inside a patch are part of that patch's independent effect.

    Args:
        question: What is asked; its players are the patches, as ``ta.Players.patches(x, (2, 2))`` makes them.
        n_steps: As in ``integrated_gradients``.
        tol: As in ``integrated_gradients``.
        rule: As in ``integrated_gradients``.
        mode: As in ``integrated_gradients``.

    Returns:
        Scores of the elements, which are added up over each patch.

    Raises:
        OptionError: If there are no players, or an option is out of range.

    Source: this project, after arXiv 1703.01365 and 2008.09695; the ratio is κ_P/|κ| of the patches' terms.
    """
    _require_patches(question)
    return integrated_gradients(question, n_steps=n_steps, tol=tol, rule=rule, mode=mode)


@method("ig_patch_multi", family="extension", references=True, exactness="quadrature", chooses_mode=True)
def ig_patch_multi(
    question: Question,
    *,
    n_baselines: int = 32,
    labels: Any = None,
    n_steps: int | None = None,
    tol: float | None = None,
    mode: Mode = "auto",
) -> Scores:
    """Return (1/|B|) Σ_{b∈B} Σ_{i∈patch} IG_i(x; b): patches, and baselines that are not chosen by hand.

    Args:
        question: As in ``ig_multi`` and ``ig_patch``.
        n_baselines: As in ``ig_multi``.
        labels: As in ``ig_multi``.
        n_steps: As in ``integrated_gradients``.
        tol: As in ``integrated_gradients``, for each baseline.
        mode: As in ``integrated_gradients``.

    Returns:
        Scores of the elements, with the standard error of each patch's mean over the baselines.

    Raises:
        OptionError: If there are no players, an option is out of range, or there are not R labels.

    Source: this project, as `ig_multi` and `ig_patch`.
    """
    _require_patches(question)
    return ig_multi(question, n_baselines=n_baselines, labels=labels, n_steps=n_steps, tol=tol, mode=mode)


def _require_patches(question: Question) -> None:
    if question.players is None:
        raise OptionError(
            "ig_patch adds up over patches, and no players are named; pass players=ta.Players.patches(x, "
            "(2, 2)) for patches of 2×2 pixels, any other groups, or ask integrated_gradients"
        )


def _balanced(question: Question, labels: Any, count: int, most: int) -> list[int]:
    """Return which of `count` references are taken: of every class as many, up to one, as of any other."""
    given = None if labels is None else torch.as_tensor(labels).reshape(-1).tolist()
    if given is not None and len(given) != count:
        raise OptionError(f"labels holds {len(given)} classes for {count} references; expected one for each")
    if count <= most:
        return list(range(count))
    classes = _predicted(question) if given is None else given
    order = torch.randperm(count, generator=question.generator()).tolist()
    turns: dict[Any, int] = {}
    places = []
    for row in order:  # the k-th row of its class is taken in round k
        turns[classes[row]] = turns.get(classes[row], -1) + 1
        places.append(turns[classes[row]])
    ranked = sorted(range(count), key=lambda place: places[place])
    return sorted(order[place] for place in ranked[:most])


def _predicted(question: Question) -> Sequence[int]:
    """Return the model's class of each reference; one class for all where its outputs are no classes."""
    references, found = question.reference_set, []
    with torch.no_grad():
        for part in blocks(len(references[0]), question.internal_batch_size or REFERENCE_ROWS):
            rows: tuple[Tensor, ...] = tuple(r[part] for r in references)
            output = question.game.scalar.output(rows, torch.zeros(len(rows[0]), dtype=torch.int64))
            if not is_row_of_classes(output):
                return [0] * len(references[0])
            found += tensor_output(output).argmax(1).tolist()
    return found
