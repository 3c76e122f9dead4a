"""Prediction Difference: what the output loses on average when one player is drawn from a reference set."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from tqdm.auto import tqdm

from taylorattr.analysis.game import blocks
from taylorattr.analysis.masking import CoalitionValues
from taylorattr.analysis.question import Question
from taylorattr.analysis.shared_rows import columns_at
from taylorattr.errors import NonFiniteError, OptionError, PrecisionWarning, warn
from taylorattr.maths.running_mean import RunningMean
from taylorattr.methods.method import Scores, method

FORMS = ("difference", "log_odds")

NOTE = (
    "log-odds form: the logit of a mean is not a mean of logits, so these scores are no allocation of the "
    "effects of f nor of logit f, eq. (26), and the gap compares numbers in different units"
)


MOST_CALLS = 16
"""Model calls after which what they gave is taken in."""

FEWEST_REFERENCES = 16
"""References taken before a tolerance is looked at for the first time; then at least at every doubling."""


@method("prediction_difference", family="occlusion", references=True, integers=True)
def prediction_difference(
    question: Question, *, form: str = "difference", tol: float | None = None
) -> Scores:
    """f(x) − the mean of f(x with one player replaced by that of a reference), for each player.

    a_i = f(x) − E_r f(x with i from r) = E_r Σ_{S∋i} J_r(S): Occlusion-1 averaged over baselines, as
    marginal replacement leaves the other players as they are; docs/theory.md §4, row 8.

    Args:
        question: What is asked; n·R outputs per example are evaluated.
        form: ``difference``, or ``log_odds``: logit f(x) − logit E_r f(…) in natural logarithms, for outputs
            that are probabilities; no allocation of effects, eq. (26).
        tol: Take the references in a random order of the seed, and stop, example by example, when every
            standard error of the differences is at most this share of their Σ|scores|; None: take all.

    Returns:
        Scores of the players, with the standard errors of drawing the references at random (None for a
        single reference).

    Raises:
        OptionError: If ``form`` is unknown, ``tol`` is not positive, or log-odds are asked of an output
            outside (0, 1).
        NonFiniteError: If an output is NaN or infinite.

    Warns:
        PrecisionWarning: A tolerance was asked for, and all references do not reach it.

    Source: Robnik-Šikonja, Kononenko (2008); Zintgraf, Cohen, Adel, Welling (2017).
    """
    if form not in FORMS:
        raise OptionError(f"form={form!r}; expected 'difference' or 'log_odds'")
    if tol is not None and not 0 < tol < float("inf"):
        raise OptionError(f"tol={tol!r}; expected a positive number, a share of Σ|scores|, or None")
    game = question.game
    count = 0 if question.references is None else len(question.references[0])
    base = question.reference_values().double().cpu().mean(1)
    total = game.batch * count * game.n
    with tqdm(total=total, unit="out", disable=not question.show_progress) as bar, torch.no_grad():
        losses = _losses(question, tol, bar)
    scores = torch.from_numpy(np.stack([mean.mean for mean in losses]))
    errors = torch.from_numpy(np.stack([mean.error for mean in losses]))
    taken = [mean.count for mean in losses]
    diagnostics = {"references": count, "form": form, "outputs_per_example": max(taken) * game.n}
    if tol is not None:
        diagnostics |= {"references_taken": taken, "tol": tol, "seed": question.seed}
        _say_unreached(scores, errors, tol, count)
    if form == "log_odds":
        scores, errors = _log_odds(game.f_input.double().cpu(), scores, errors)
        diagnostics["note"] = NOTE
    return Scores(
        players=scores,
        standard_errors=errors if count > 1 else None,
        f_baseline=base,
        diagnostics=diagnostics,
    )


def _losses(question: Question, tol: float | None, bar: tqdm) -> list[RunningMean]:
    """Return f(x) − f(x with i from r) of each player over the references, all or until a tolerance.

    Every example takes its next references, and the model's calls are filled with those of all. Examples that
    share a row of the inputs take them together, unless each stops at a tolerance of its own.
    """
    game, references = question.game, question.reference_set
    order = torch.arange(len(references[0]))
    if tol is not None:
        order = torch.randperm(len(order), generator=question.generator())
    rows = CoalitionValues(game, 0, fold=False).rows
    fitting = max(1, rows // game.n)
    shared = game.scalar.columns if tol is None else 1
    losses = [RunningMean() for _ in range(game.batch)]
    f_input = game.f_input.double().cpu()
    while True:
        firsts = range(0, game.batch, shared)
        open_ = [e for e in firsts if losses[e].count < len(order) and not _reached(losses[e], tol)]
        if not open_:
            return losses
        parts = list[Tensor]()
        for mean in (losses[e] for e in open_):
            size = fitting if tol is None else min(fitting, max(FEWEST_REFERENCES, mean.count))
            parts.append(order[mean.count : mean.count + size])
            if sum(map(len, parts)) * game.n >= MOST_CALLS * rows:
                break  # the others' turn comes: what waits for its example stays small
        open_ = open_[: len(parts)]
        counts = [len(part) for part in parts]
        example = torch.tensor(open_).repeat_interleave(torch.tensor(counts))
        reference = torch.cat(parts)
        table = torch.empty(len(example) * game.n, shared, dtype=torch.float64)
        for flat in blocks(len(table), rows):
            place = torch.arange(flat.start, flat.stop)
            draw = place // game.n
            values = _replaced(question, references, example[draw], place % game.n, reference[draw], shared)
            table[flat] = values.double().cpu()
            bar.update(values.numel())
        for e, own in zip(open_, table.reshape(-1, game.n, shared).split(counts), strict=True):
            for k in range(shared):
                losses[e + k].add((f_input[e + k] - own[:, :, k]).numpy())


def _reached(losses: RunningMean, tol: float | None) -> bool:
    if tol is None or losses.count < FEWEST_REFERENCES:
        return False
    return bool(losses.error.max() <= tol * abs(losses.mean).sum())


def _say_unreached(scores: Tensor, errors: Tensor, tol: float, count: int) -> None:
    largest, size = errors.amax(1), scores.abs().sum(1)
    bad = (largest > tol * size).nonzero().reshape(-1).tolist()
    if bad:
        warn(
            f"with all {count} references the largest standard error of example {bad[0]} is "
            f"{float(largest[bad[0]] / size[bad[0]]):.2g} of Σ|scores|, above tol={tol:g}; pass more "
            "references or a larger tol",
            PrecisionWarning,
        )


def _replaced(
    question: Question,
    references: tuple[Tensor, ...],
    example: Tensor,
    player: Tensor,
    reference: Tensor,
    shared: int,
) -> Tensor:
    """Return f(x with one player from a reference) for triples of example, player and reference, (R, K).

    K examples from each on share its row.

    Raises:
        NonFiniteError: If an output is NaN or infinite.
    """
    game = question.game
    points = []
    for x, rows, owner in zip(game.inputs, references, game.maps, strict=True):
        chosen = owner == player.reshape(-1, *(1,) * owner.ndim).to(owner.device)
        points.append(torch.where(chosen, rows[reference.to(x.device)], x[example.to(x.device)]))
    scalar, rows = game.scalar, tuple(points)
    values = columns_at(scalar, rows, example) if shared > 1 else scalar.values(rows, example)[:, None]
    if not bool(torch.isfinite(values).all()):
        bad, k = (~torch.isfinite(values)).nonzero()[0].tolist()
        raise NonFiniteError(
            f"the model's output is {float(values[bad, k])} for example {int(example[bad]) + k} with player "
            f"{game.names[int(player[bad])]!r} taken from reference {int(reference[bad])}; check the model "
            "there, or leave that reference out"
        )
    return values


def _log_odds(f_input: Tensor, scores: Tensor, errors: Tensor) -> tuple[Tensor, Tensor]:
    """Turn differences of probabilities into differences of log-odds; errors by the delta method."""
    replaced = f_input[:, None] - scores
    inside = (replaced > 0) & (replaced < 1) & ((f_input > 0) & (f_input < 1))[:, None]
    if not bool(inside.all()):
        example, player = (~inside).nonzero()[0].tolist()
        raise OptionError(
            f"form='log_odds' needs probabilities strictly between 0 and 1; example {example} has f(x) = "
            f"{float(f_input[example]):.6g} and mean {float(replaced[example, player]):.6g} with one player "
            "replaced. Analyse the softmax or sigmoid of the output, or use form='difference'"
        )
    return torch.logit(f_input)[:, None] - torch.logit(replaced), errors / (replaced * (1 - replaced))
