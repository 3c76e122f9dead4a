"""Recovery and deletion curves of a model: players brought back, or taken away, by their scores."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar

import torch
from torch import Tensor

from taylorattr.aliases import AnyTarget, Baselines, Tensors
from taylorattr.analysis.players import PlayersLike
from taylorattr.effects.examples import in_rows
from taylorattr.errors import ShapeError
from taylorattr.evaluation.areas import aopc, auc, aup
from taylorattr.evaluation.followed_output import Output, follow, nested_outputs
from taylorattr.evaluation.protocol_result import Measured
from taylorattr.evaluation.ranking import Rank, ranking, tied_share
from taylorattr.evaluation.region_scores import Maps, region_scores
from taylorattr.program.isolate import preserved_rng


@dataclass(frozen=True, eq=False, repr=False)
class PlayerCurves(Measured):
    """v(S_k) and v(N∖S_k) for the k players of largest score, k = 0 … n.

    Measures: ``aup`` = Σ_{k=1..n} |f(x) − v(S_k)|, ``mae`` = aup/n, ``mse`` likewise with squares (small is
    good); ``recovery``, the area under v(S_k) by trapezia (large is good); ``deletion``,
    1/(n+1) Σ_k [f(x) − v(N∖S_k)] (large is good).

    Attributes:
        recovery: From f(b) to f(x), shape (B, n+1), float64.
        deletion: From f(x) to f(b), likewise.
        method: Name of the map.
        rank: ``signed`` or ``abs``.
        output: ``probability``, ``logit`` or ``target``.
        target: Class followed, (B,) int64; None where there is none.
        diagnostics: What a reader must know; JSON-able. ``tied`` is the mean share of players whose score
            another has too, so that luck orders them.
    """

    example_axes: ClassVar = in_rows("recovery deletion target")

    recovery: Tensor
    deletion: Tensor
    method: str
    rank: str
    output: str
    target: Tensor | None = None
    diagnostics: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check that the parts fit together."""
        if self.recovery.ndim != 2 or self.recovery.shape != self.deletion.shape:
            raise ShapeError(
                f"recovery {tuple(self.recovery.shape)} and deletion {tuple(self.deletion.shape)}; expected "
                "(B, n+1) of both"
            )

    @property
    def f_input(self) -> Tensor:
        """f(x), shape (B,)."""
        return self.recovery[:, -1]

    @property
    def f_baseline(self) -> Tensor:
        """f(b), shape (B,)."""
        return self.recovery[:, 0]

    @property
    def measures(self) -> tuple[str, ...]:
        """Names of the numbers per example."""
        return ("aup", "mae", "mse", "recovery", "deletion")

    def _measure(self, name: str) -> Tensor:
        """Return one of the areas, or of the errors of recovery, shape (B,)."""
        if name == "recovery":
            return auc(self.recovery)
        if name == "deletion":
            return aopc(self.deletion)
        return aup(self.recovery, 2 if name == "mse" else 1, average=name != "aup")

    def _question(self) -> tuple[tuple[str, Any], ...]:
        """Return the settings, and the outputs that maps do not change: at inputs and baselines."""
        ends = torch.stack([self.f_input, self.f_baseline])
        return (
            ("number of players", self.recovery.shape[1]),
            ("output", self.output),
            ("target", self.target),
            ("outputs at inputs and baselines", ends),
            ("rank", self.rank),
        )

    def __repr__(self) -> str:
        """Show the areas with their standard errors over examples."""
        batch, points = self.recovery.shape
        settings = f"{points - 1} players, {self.rank} ranks, {self.output}"
        title = f"PlayerCurves of {self.method}: {batch} example(s), {settings}"
        return "\n".join([title, *self._rows()])


def player_curves(
    model: Callable[..., Any],
    inputs: Tensors,
    maps: Maps,
    baselines: Baselines = None,
    *,
    target: AnyTarget = None,
    output: Output = "logit",
    players: PlayersLike = None,
    rank: Rank = "signed",
    additional_forward_args: Any = None,
    dtype: torch.dtype | None = None,
    seed: int = 0,
    internal_batch_size: int | None = None,
    name: str | None = None,
) -> PlayerCurves:
    """Run a model on the 2n nested coalitions that scores name, and return recovery and deletion.

    From a full table of effects :func:`recovery_curve` and :func:`deletion_curve` read the same without a
    model call.

    Args:
        model: Module or callable on torch tensors; never changed, analysed in eval behaviour.
        inputs: Tensor (B, …) or tuple of them.
        maps: A method (x, target) -> map, an Attribution, or an array shaped like the inputs or (B, n).
        baselines: None (zeros), number, tensor (1, …) or (B, …), or a tuple of these.
        target: None for the class predicted at x (or the only output); captum's forms; or a callable.
        output: ``logit``: the output itself; ``probability``: softmax over dimension 1.
        players: Which elements move together.
        rank: ``signed``, or ``abs`` as in the paper on AUP.
        additional_forward_args: What the model takes after the inputs.
        dtype: Of the analysis; None: the model's own.
        seed: Of the permutations that break ties.
        internal_batch_size: Rows per model call; None: chosen from memory.
        name: Of the map, as the result shows it; None: the attribution's method or the function's name.

    Returns:
        The curves per example with their areas.

    Raises:
        OptionError: If an option is out of range.
        ShapeError: If map and inputs do not fit.
        TargetError: If there is no class or probability to follow.
        NonFiniteError: NaN or infinity in a map or an output.
        TaylorAttrError: What :func:`taylorattr.analysis.question.Question.game` finds.

    Source: Kwon and Zou (2022), arXiv 2209.13429, for the recovery error.
    """
    followed = follow(
        model,
        inputs,
        baselines,
        target=target,
        output=output,
        players=players,
        additional_forward_args=additional_forward_args,
        dtype=dtype,
        internal_batch_size=internal_batch_size,
    )
    scores, map_name = region_scores(maps, followed.game, inputs, followed.target)
    order = ranking(scores, rank, seed=seed)
    counts = torch.arange(followed.game.n + 1)
    with preserved_rng():
        recovery = nested_outputs(followed, order, counts, bring_back=True)
        deletion = nested_outputs(followed, order, counts)
    return PlayerCurves(
        recovery=recovery,
        deletion=deletion,
        method=map_name if name is None else name,
        rank=rank,
        output="target" if callable(target) else output,
        target=followed.target if isinstance(followed.target, Tensor) else None,
        diagnostics=followed.diagnostics | {"tied": float(tied_share(scores, rank).mean()), "seed": seed},
    )
