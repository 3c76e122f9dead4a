"""What a rule is fitted for: deletion, recovery, steadiness over baselines, agreement, or one's own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import torch
from torch import Tensor

from taylorattr.design.fit.examples import Examples
from taylorattr.errors import NonFiniteError, OptionError, ShapeError
from taylorattr.evaluation.areas import aopc, aup
from taylorattr.evaluation.coalition_curves import deletion_curve, recovery_curve
from taylorattr.evaluation.followed_output import Output
from taylorattr.evaluation.objectives import Agreement, agreement, baseline_variance
from taylorattr.evaluation.ranking import Rank, ranking
from taylorattr.evaluation.smooth_curves import expected_aup, expected_deletion_aopc
from taylorattr.registry import Registry

Function: TypeAlias = Callable[[Tensor, Examples], Any]
"""Scores (B, n) and the examples they belong to -> a number per example (B,), or one number."""

Smooth: TypeAlias = Callable[[Tensor, Examples, float], Tensor]
"""Scores, examples, temperature -> a number per example, differentiable in the scores."""

SMOOTH_PLAYERS = 12
"""Up to so many players expected curves are followed, n·2^n operations for every example and step."""

TIE_SEED = 0
"""Of the permutations that break ties: the same for all rules."""


@dataclass(frozen=True)
class Objective:
    """A number that is made large or small.

    Attributes:
        function: ``function(scores, examples)``: scores (B, n), float64, and the `Examples` they belong to
            (``inputs``, ``truth``, ``table`` of all coalitions, ``delta``, ``take``). It returns a number per
            example (B,), of which the mean is taken, or one number. With ``references=`` the scores are
            (R, B, n), one set per baseline.
        maximise: Whether large is good.
        differentiable: Whether torch differentiates the function in the scores, so that it is followed by
            gradients. Otherwise it is only evaluated.
        name: What it is called.
        smooth: A smooth stand-in with a temperature, followed while the function itself is what is reported;
            None: the function.
        reads: What it reads: ``curves`` of coalitions, the ``truth``, several ``baselines``; else empty.
    """

    function: Function
    maximise: bool
    differentiable: bool = False
    name: str = "own objective"
    smooth: Smooth | None = None
    reads: Literal["", "curves", "truth", "baselines"] = ""

    @property
    def sign(self) -> float:
        """+1 where large is good, else −1."""
        return 1.0 if self.maximise else -1.0

    def follows(self, examples: Examples) -> bool:
        """Return whether it has a gradient on these examples that can be afforded."""
        smooth = examples.source.tabled and examples.n <= SMOOTH_PLAYERS
        return self.differentiable and (self.reads != "curves" or smooth)

    def values(self, scores: Tensor, examples: Examples, at: str) -> Tensor:
        """Return the objective as it is: shape (B,), or () where it is one number.

        Args:
            scores: Shape (R, B, n).
            examples: What they belong to.
            at: Parameters, for the message.

        Raises:
            NonFiniteError: Names the first example and the parameters.
            ShapeError: If it is neither one number nor one per example.
        """
        with torch.no_grad():
            return self._checked(self.function(examples.fold(scores), examples), examples, at)

    def followed(self, scores: Tensor, examples: Examples, temperature: float, at: str) -> Tensor:
        """Return the mean of what is followed by gradients."""
        folded = examples.fold(scores)
        if self.smooth is None:
            return self._checked(self.function(folded, examples), examples, at).mean()
        return self._checked(self.smooth(folded, examples, temperature), examples, at).mean()

    def _checked(self, result: Any, examples: Examples, at: str) -> Tensor:
        """Return values of the objective if they are finite and one per example, or one in all.

        Raises:
            ShapeError: If there are not as many.
            NonFiniteError: If one is NaN or infinite; names the example.
        """
        values = torch.as_tensor(result, dtype=torch.float64)
        if values.shape not in ((), (len(examples),)):
            raise ShapeError(
                f"the objective {self.name!r} gives shape {tuple(values.shape)}; expected one number, or "
                f"({len(examples)},): one per example"
            )
        finite = torch.isfinite(values.detach())
        if bool(finite.all()):
            return values
        if values.ndim == 0:
            who, value = f"{len(examples)} example(s)", float(values)
        else:
            first = int((~finite).nonzero()[0])
            who, value = f"example {examples.where[first]}", float(values[first])
        raise NonFiniteError(
            f"the objective {self.name!r} is {value} for {who} at {at}; leave that example out, or give an "
            "objective that is finite for every rule of the family"
        )


def deletion(rank: Rank = "signed", output: Output = "logit") -> Objective:
    """Return the area over the deletion curve, 1/(n+1) Σ_k [v(N) − v(N∖S_k)]: large is good.

    Args:
        rank: Whether the k largest scores are deleted, or the largest magnitudes (``abs``).
        output: ``logit``: the number that the scores explain; ``probability``: softmax of its class.
    """
    _require_output(output)

    def hard(scores: Tensor, examples: Examples) -> Tensor:
        return _each(scores, lambda r, s: aopc(_curve(s, examples, rank, output, r, deleted=True)))

    def smooth(scores: Tensor, examples: Examples, temperature: float) -> Tensor:
        tables = examples.tables(output)
        return _each(scores, lambda r, s: expected_deletion_aopc(tables[r], s, temperature, rank=rank))

    return Objective(hard, True, True, "deletion", smooth, "curves")


def recovery(rank: Rank = "abs", output: Output = "logit", power: Literal[1, 2] = 1) -> Objective:
    """Return the area under the prediction recovery error curve, AUP = Σ_k |v(N) − v(S_k)|: small is good.

    Args:
        rank: Whether magnitudes order the players, as in the paper, or scores (``signed``).
        output: As in `deletion`.
        power: 1 for absolute errors, 2 for squared ones.

    Source: Kwon and Zou (2022), "WeightedSHAP", arXiv 2209.13429.
    """
    _require_output(output)

    def hard(scores: Tensor, examples: Examples) -> Tensor:
        return _each(scores, lambda r, s: aup(_curve(s, examples, rank, output, r, deleted=False), power))

    def smooth(scores: Tensor, examples: Examples, temperature: float) -> Tensor:
        tables = examples.tables(output)
        return _each(scores, lambda r, s: expected_aup(tables[r], s, temperature, power, rank=rank))

    return Objective(hard, False, True, "recovery", smooth, "curves")


def steadiness() -> Objective:
    """Return Σ_i Var_r(s_i)/Σ_i E_r(s_i²) over the baselines of ``references=``: small is good."""
    return Objective(
        lambda scores, examples: baseline_variance(scores),
        False,
        True,
        "baseline_variance",
        reads="baselines",
    )


def agreeing(kind: Agreement = "pearson") -> Objective:
    """Return the agreement with the attributions of ``truth=``: large is good.

    Args:
        kind: ``pearson``, ``cosine``, or ``spearman``, which has no gradient.
    """
    return Objective(
        lambda scores, examples: agreement(scores, _truth(examples).expand_as(scores), kind),
        True,
        kind != "spearman",
        "agreement",
        reads="truth",
    )


OBJECTIVES: Registry[Callable[..., Objective]] = Registry("objective")
OBJECTIVES.register("deletion")(deletion)
OBJECTIVES.register("recovery")(recovery)
OBJECTIVES.register("aup")(recovery)
OBJECTIVES.register("baseline_variance")(steadiness)
OBJECTIVES.register("agreement")(agreeing)


def objective_of(given: Any, maximise: bool | None, differentiable: bool) -> Objective:
    """Return what a user calls an objective as one.

    Raises:
        OptionError: If it is none, or it is not said whether large is good.
    """
    if isinstance(given, str) or isinstance(given, Objective):
        if maximise is not None or differentiable:
            raise OptionError(
                "maximise= and differentiable= are for a function of one's own; an objective knows both"
            )
        return OBJECTIVES[given]() if isinstance(given, str) else given
    if not callable(given):
        raise OptionError(
            f"the objective is a {type(given).__name__}; expected {', '.join(OBJECTIVES)}, an Objective, or "
            "a function (scores, examples) -> numbers"
        )
    if maximise is None:
        raise OptionError("whether your objective is to be large is not said: pass maximise=True or False")
    return Objective(given, maximise, differentiable, getattr(given, "__name__", "own objective"))


def _curve(
    scores: Tensor, examples: Examples, rank: Rank, output: Output, start: int, *, deleted: bool
) -> Tensor:
    """Return the curve of scores (B, n) under one baseline, off the table or by running the model."""
    source = examples.source
    if source.tabled:
        read = deletion_curve if deleted else recovery_curve
        return read(examples.tables(output)[start], scores, rank=rank, seed=TIE_SEED)
    if examples.rows is not None:
        raise OptionError("curves of some of the examples need the table of coalitions; group with players=")
    order = ranking(scores, rank, seed=TIE_SEED)
    return source.nested(order, output, start, bring_back=not deleted)


def _each(scores: Tensor, measured: Callable[[int, Tensor], Tensor]) -> Tensor:
    """Return the mean over baselines of what is measured on (B, n)."""
    if scores.ndim == 2:
        return measured(0, scores)
    return torch.stack([measured(start, each) for start, each in enumerate(scores)]).mean(0)


def _truth(examples: Examples) -> Tensor:
    """Return the attributions to agree with."""
    truth = examples.truth
    if truth is None:
        raise OptionError("agreement is with given attributions: pass truth=, shape (B, n)")
    return truth


def _require_output(output: str) -> None:
    """Raise OptionError unless an output is the logit or the probability."""
    if output not in ("logit", "probability"):
        raise OptionError(f"output={output!r}; it is 'logit' (what the scores explain) or 'probability'")
