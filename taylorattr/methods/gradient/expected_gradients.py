"""Expected Gradients: Integrated Gradients averaged over a reference set."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal

import torch

from taylorattr.analysis.game import Game, sum_over_players
from taylorattr.analysis.question import Question
from taylorattr.autodiff.gradient import Rows
from taylorattr.errors import OptionError
from taylorattr.maths.running_mean import RunningMean
from taylorattr.methods.gradient.integrated_gradients import Averages, Mode, averaged_gradients, say_error
from taylorattr.methods.gradient.sampling import require_sample_count, sample_mean
from taylorattr.methods.method import Scores, method
from taylorattr.methods.scores import float64


@method("expected_gradients", family="gradient", references=True, exactness="quadrature")
def expected_gradients(
    question: Question,
    *,
    mode: Literal["sample", "full"] = "sample",
    n_samples: int = 200,
    n_steps: int | None = None,
    tol: float | None = None,
) -> Scores:
    """Return E_b (x_i − b_i) ∫₀¹ ∂_i f(b + α(x − b)) dα: κ_i/|κ| of each term at each reference's own point.

    Args:
        question: What is asked; its references are the distribution of b, each equally likely.
        mode: ``sample`` draws a reference and a place α on the path for each sample, as the authors do;
            ``full`` integrates along the path from every reference.
        n_samples: Samples of each example (the same draws for all); with ``tol`` the largest number.
        n_steps: Of the quadrature in mode ``full``, as in ``integrated_gradients``.
        tol: ``sample``: stop when every standard error is below tol·Σ|scores|. ``full``: completeness error
            of each reference, as in ``integrated_gradients``.

    Returns:
        Scores of the elements; f(b) is averaged over all references. Standard errors: of the samples; in mode
        ``full`` of drawing the references themselves at random (None for a single one).

    Raises:
        OptionError: If an option is out of range.

    Source: eq. (21), (22); Erion et al. (2021), "Improving performance of deep learning models with axiomatic
    attribution priors and expected gradients", arXiv 1906.10670. The effects belong to each reference: in one
    fixed frame the shares are others.
    """
    if mode not in ("sample", "full"):
        raise OptionError(f"mode={mode!r}; expected 'sample' or 'full'")
    if mode == "sample" and n_steps is not None:
        raise OptionError("n_steps goes with mode='full'; mode='sample' takes n_samples")
    values = question.reference_values()
    f_baseline = float64(values).mean(1)
    said = {"mode": mode, "references": values.shape[1]}
    if mode == "full":
        elements, spread, paths = from_every_reference(question, values, n_steps, tol)
        return Scores(
            elements=elements, f_baseline=f_baseline, standard_errors=spread, diagnostics=said | paths
        )
    places = _Places(question, n_samples)
    found = sample_mean(question, places, n_samples, tol)
    return Scores(
        elements=found.elements,
        f_baseline=f_baseline,
        standard_errors=found.standard_errors,
        diagnostics=said | {"n_samples": found.count, "seed": question.seed},
    )


class _Places:
    """Draws of a reference and a place on the path, the same however they are cut."""

    def __init__(self, question: Question, n_samples: int) -> None:
        require_sample_count(n_samples)
        self._question = question
        generator = question.generator()
        rows = len(question.reference_rows(0)[0])
        self._which = torch.randint(rows, (n_samples,), generator=generator)
        self._alphas = torch.rand(n_samples, generator=generator, dtype=torch.float64)

    def __call__(self, samples: slice, examples: slice) -> tuple[Rows, Rows]:
        game = self._question.game
        points, steps = [], []
        for slot, x in enumerate(game.inputs):
            x = x[None, examples]
            b = _rows(self._question, slot, self._which[samples])[:, None]
            b = torch.where(game.maps[slot] >= 0, b, x)
            alpha = self._alphas[samples].to(x).reshape(-1, *([1] * (x.ndim - 1)))
            points.append(torch.lerp(b, x.expand_as(b), alpha))
            steps.append(x - b)
        return tuple(points), tuple(steps)


def _rows(question: Question, slot: int, which: torch.Tensor) -> torch.Tensor:
    references = question.game.baselines if question.references is None else question.reference_set
    return references[slot][which.to(references[slot].device)]


def from_every_reference(
    question: Question,
    values: torch.Tensor,
    n_steps: int | None,
    tol: float | None,
    mode: Mode = "auto",
    name: str = "expected_gradients",
) -> tuple[Rows, torch.Tensor | None, dict[str, Any]]:
    """Return the mean of Integrated Gradients over all references, its error, and how each was integrated.

    Args:
        question: What is asked, with its references.
        values: f of every reference, shape (B, R).
        n_steps: As in ``integrated_gradients``.
        tol: As in ``integrated_gradients``.
        mode: As in ``integrated_gradients``.
        name: Of the method, for its warnings.
    """
    game = question.game
    total = tuple(torch.zeros_like(x) for x in game.inputs)
    worst: Averages | None = None
    by_player = RunningMean()
    ways: list[str] = []
    counts: list[list[int]] = []
    for row in range(values.shape[1]):
        here = _from_reference(question, row, values[:, row])
        found, _ = averaged_gradients(here, n_steps=n_steps, tol=tol, mode=mode)
        ends = zip(found.averages, here.inputs, here.baselines, strict=True)
        scores = tuple(average * (x - b) for average, x, b in ends)
        for sum_, score in zip(total, scores, strict=True):
            sum_ += score
        ways.append(found.mode)
        counts.append(found.counts)
        by_player.add(sum_over_players(here, scores).cpu().double()[None].numpy())
        if worst is None or float(found.errors.max()) > float(worst.errors.max()):
            worst = found
    assert worst is not None
    say_error(worst, tol, name)
    spread = torch.from_numpy(by_player.error) if by_player.count > 1 else None
    paths = {"completeness_error": worst.errors.tolist(), "each_path": ways, "n_steps": counts}
    return tuple(sum_ / values.shape[1] for sum_ in total), spread, paths


def _from_reference(question: Question, row: int, values: torch.Tensor) -> Game:
    game = question.game
    which = torch.tensor([row])
    baselines = tuple(
        torch.where(owner >= 0, _rows(question, slot, which).expand_as(x), x)
        for slot, (x, owner) in enumerate(zip(game.inputs, game.maps, strict=True))
    )
    return replace(game, baselines=baselines, outputs=game.outputs.against(values))
