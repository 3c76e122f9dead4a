"""Are the interactions that an explanation names there? Coalitions are deleted together, and one by one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, TypeAlias

import torch
from torch import Tensor

from taylorattr.aliases import AnyTarget, Baselines, Coalition, Tensors
from taylorattr.analysis.game import blocks
from taylorattr.analysis.inputs import require_finite
from taylorattr.analysis.players import PlayersLike
from taylorattr.effects.coalition_table import HarsanyiEffects
from taylorattr.effects.examples import in_rows
from taylorattr.errors import OptionError, PlayerError, ShapeError, require_whole_number
from taylorattr.evaluation.coalition_curves import coalition_table
from taylorattr.evaluation.followed_output import Output, follow
from taylorattr.evaluation.protocol_result import Measured
from taylorattr.evaluation.ranking import permutations, ranking, score_tensor
from taylorattr.program.isolate import preserved_rng

Interactions: TypeAlias = HarsanyiEffects | Mapping[Coalition, Any]
"""Effects of this package, or coalition -> effect of each example, (B,) or a number, of any explanation."""

Values: TypeAlias = Callable[[Tensor, int], Tensor]
"""(members (K, n) bool, example) -> v of each coalition, (K,) float64."""


@dataclass(frozen=True, eq=False, repr=False)
class InteractionDeletion(Measured):
    """What deleting a coalition takes away, beside what deleting its members one by one predicts.

    With joint(S) = v(N) − v(N∖S) and separate(S) = Σ_{i∈S} [v(N) − v(N∖{i})], both 0 apart only where effects
    hold two members of S or more: joint − separate = −Σ_T (|T∩S| − 1) J(T) over these T.

    Measures: ``excess``, the mean of |joint − separate| over the coalitions an explanation ranks highest;
    ``random``, the same for random coalitions of equal sizes; ``gain`` = excess − random, positive where the
    explanation finds what interacts; ``error``, the mean of |joint − predicted|, what the explanation's
    effects predict being Σ_{T∩S≠∅} J(T); ``explained`` = 1 − Σ (joint − predicted)² / Σ (joint − separate)²,
    1 where they predict all that single deletions miss, NaN where these miss nothing.

    Attributes:
        members: Members of each coalition, shape (B, K, n), bool.
        joint: Shape (B, K), float64, in units of the output.
        separate: Likewise.
        predicted: Likewise.
        random_joint: Likewise, of random coalitions.
        random_separate: Likewise.
        names: Names of the n players.
        method: Name of the explanation.
        target: Class followed, (B,) int64; None where there is none, or values came from a table.
        diagnostics: What a reader must know; JSON-able.
    """

    example_axes: ClassVar = in_rows("members joint separate predicted random_joint random_separate target")

    members: Tensor
    joint: Tensor
    separate: Tensor
    predicted: Tensor
    random_joint: Tensor
    random_separate: Tensor
    names: tuple[str, ...]
    method: str
    target: Tensor | None = None
    diagnostics: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check that the parts fit together."""
        numbers = (self.joint, self.separate, self.predicted, self.random_joint, self.random_separate)
        shape = self.members.shape[:2]
        if self.members.ndim != 3 or any(part.shape != shape for part in numbers):
            raise ShapeError(
                f"members {tuple(self.members.shape)} and numbers do not fit; expected (B, K, n), (B, K)"
            )

    @property
    def measures(self) -> tuple[str, ...]:
        """Names of the numbers per example."""
        return ("excess", "random", "gain", "error", "explained")

    def coalitions(self, example: int) -> list[tuple[str, ...]]:
        """Return the names of the members of each coalition of an example, the highest first."""
        return [
            tuple(self.names[i] for i in row.nonzero().flatten().tolist()) for row in self.members[example]
        ]

    def _measure(self, name: str) -> Tensor:
        missed, left = self.joint - self.separate, self.joint - self.predicted
        random = (self.random_joint - self.random_separate).abs().mean(1)
        if name == "random":
            return random
        if name == "error":
            return left.abs().mean(1)
        if name == "explained":
            whole = missed.square().sum(1)
            return 1 - left.square().sum(1) / torch.where(whole > 0, whole, torch.nan)
        excess = missed.abs().mean(1)
        return excess if name == "excess" else excess - random

    def _question(self) -> tuple[tuple[str, Any], ...]:
        return (
            ("players", self.names),
            ("number of coalitions", self.members.shape[1]),
            ("target", self.target),
            ("change of the output", self.diagnostics.get("delta")),
        )

    def __repr__(self) -> str:
        """Show the measures with their standard errors over examples."""
        batch, count, n = self.members.shape
        head = f"InteractionDeletion of {self.method}: {batch} example(s), {count} coalitions of {n} players"
        return "\n".join([head, *self._rows()])


def interaction_deletion(
    model: Callable[..., Any] | None,
    inputs: Tensors | None,
    effects: Interactions,
    baselines: Baselines = None,
    *,
    values: HarsanyiEffects | Tensor | None = None,
    target: AnyTarget = None,
    output: Output = "logit",
    players: PlayersLike = None,
    top: int = 10,
    additional_forward_args: Any = None,
    internal_batch_size: int | None = None,
    seed: int = 0,
    name: str | None = None,
) -> InteractionDeletion:
    """Delete the coalitions an explanation ranks highest, and compare with deleting their members one by one.

    An explanation by interactions says that players act together. If it is right, replacing a coalition S of
    a large |J(S)| changes the output otherwise than the changes of its members, each alone, add up to; for a
    random coalition of as many players this is less so. The protocol is this package's.

    Args:
        model: Module or callable; never changed. None with ``values``.
        inputs: Tensor (B, …) or tuple of them. None with ``values``.
        effects: What is judged: effects of ``ta.harsanyi`` or ``ta.decompose(…).interactions``, in frame
            ``baseline``, full or truncated; or a mapping from coalitions of players, (0, 3), to the effects
            (B,).
        baselines: What deleted players are replaced with.
        values: A table v (B, 2^n) in bitmask order, or full effects, to read v from without a model.
        target: None: the class predicted at x (or the only output); captum's forms; or a callable.
        output: ``logit`` or ``probability``.
        players: Which elements are deleted together; the players of the effects.
        top: Coalitions of two members or more per example, by |J(S)|; as many as there are where these are
            fewer.
        additional_forward_args: What the model takes after the inputs.
        internal_batch_size: Rows per model call; None: chosen from memory.
        seed: Of ties and random coalitions.
        name: Of the explanation, as the result shows it.

    Returns:
        The changes of the output per example and coalition.

    Raises:
        OptionError: If an option is out of range, or there is neither a model nor values.
        ShapeError: If effects and examples do not fit, or no coalition has two members.
        PlayerError: If the effects are of other players.
        TaylorAttrError: What :func:`taylorattr.analysis.question.Question.game` finds.

    Example:
        >>> product = torch.tensor([[0.0, 1.0, 1.0, 5.0]])  # v of ∅, 0, 1 and 01: J(01) = 3
        >>> found = interaction_deletion(None, None, {(0, 1): 3.0, (0,): 1.0, (1,): 1.0}, values=product)
        >>> found.joint.item(), found.separate.item(), found.mean("explained")
        (5.0, 8.0, 1.0)
    """
    require_whole_number("top", top)
    game, watched, diagnostics = None, None, {}
    if values is not None:
        table = coalition_table(values).detach().cpu().double()
        batch, n = len(table), table.shape[1].bit_length() - 1
        names = tuple(f"x{i}" for i in range(n))
        if isinstance(effects, HarsanyiEffects) and effects.n == n:
            names = effects.names

        def read(members: Tensor, example: int) -> Tensor:
            return table[example, (members.long() << torch.arange(n)).sum(1)]

    elif model is None or inputs is None:
        raise OptionError("pass model and inputs, or values=, a table (B, 2**n) of the model's outputs")
    else:
        followed = follow(
            model,
            inputs,
            baselines,
            target=target,
            output=output,
            players=players,
            additional_forward_args=additional_forward_args,
            dtype=None,
            internal_batch_size=internal_batch_size,
        )
        game, watched, diagnostics = followed.game, followed.target, dict(followed.diagnostics)
        batch, n, names = game.batch, game.n, game.names

        def read(members: Tensor, example: int) -> Tensor:
            parts = blocks(len(members), followed.rows)
            rows = [followed.game.values(members[p].to(game.dtype), example).cpu().double() for p in parts]
            return torch.cat(rows)

    sets, sizes = _interactions(effects, batch, n, names)
    several = sets.sum(1) >= 2
    if not bool(several.any()):
        raise ShapeError("effects: no coalition has two members; there is no interaction to judge")
    strength = sizes[:, several]
    count = min(top, strength.shape[1])
    order = ranking(strength, "abs", seed=seed)[:, :count]
    members = sets[several][order]
    shuffled = permutations((batch, count, n), seed + 1)
    # the first |S| players of a random permutation
    random = shuffled.argsort(-1) < members.sum(-1, keepdim=True)
    numbers: dict[str, list[Tensor]] = {
        "joint": [],
        "separate": [],
        "random_joint": [],
        "random_separate": [],
    }
    change = []
    with preserved_rng(), torch.no_grad():
        for example in range(batch):
            everyone = torch.ones(1, n, dtype=torch.bool)
            asked = torch.cat(
                [everyone, ~everyone, ~torch.eye(n, dtype=torch.bool), ~members[example], ~random[example]]
            )
            outputs = read(asked, example)
            lost = outputs[0] - outputs
            change.append(float(lost[1]))
            alone, together, by_chance = lost[2:].split([n, count, count])
            numbers["joint"].append(together)
            numbers["separate"].append(members[example].double() @ alone)
            numbers["random_joint"].append(by_chance)
            numbers["random_separate"].append(random[example].double() @ alone)
    stacked = {key: torch.stack(parts) for key, parts in numbers.items()}
    require_finite(stacked["joint"], "the change of the output")
    meet = (members.double() @ sets.double().T) > 0  # (B, K, C): which effects lose a member
    return InteractionDeletion(
        members=members,
        predicted=(meet * sizes[:, None]).sum(-1),
        names=tuple(names),
        method=name or (type(effects).__name__ if isinstance(effects, HarsanyiEffects) else "effects"),
        target=watched if isinstance(watched, Tensor) else None,
        diagnostics=diagnostics | {"seed": seed, "delta": change},
        **stacked,
    )


def _interactions(effects: Interactions, batch: int, n: int, names: tuple[str, ...]) -> tuple[Tensor, Tensor]:
    """Return members (C, n), bool, and effects (B, C), float64, of all coalitions but ∅."""
    if isinstance(effects, HarsanyiEffects):
        if effects.n != n or effects.batch != batch:
            raise PlayerError(
                f"effects of {effects.n} players and {effects.batch} example(s); the model is asked about "
                f"{n} players and {batch} example(s): compute them with the same players= and inputs"
            )
        if effects.names != names:
            raise PlayerError(
                "the effects' players have other names than those of players=; give both the same"
            )
        if effects.frame != "baseline":
            raise OptionError(
                "effects in frame 'input' predict what is added, not what is deleted: "
                "effects.in_frame('baseline')"
            )
        coalitions, table = list(effects.coalitions), effects.values.detach().cpu().double()
    elif isinstance(effects, Mapping) and effects:
        coalitions = [tuple(c) if isinstance(c, tuple | list | frozenset) else (c,) for c in effects]
        columns = [score_tensor(torch.as_tensor(v).reshape(-1), "effects").double() for v in effects.values()]
        if any(len(column) not in (1, batch) for column in columns):
            raise ShapeError(f"effects: a coalition has neither one number nor {batch}, one per example")
        table = torch.stack([column.cpu().expand(batch) for column in columns], 1)
    else:
        raise OptionError(
            f"effects are a {type(effects).__name__}; expected HarsanyiEffects, or a mapping (0, 3) -> effect"
        )
    members = torch.zeros(len(coalitions), n, dtype=torch.bool)
    for row, coalition in enumerate(coalitions):
        if any(not isinstance(i, int) or not 0 <= i < n for i in coalition):
            raise PlayerError(f"effects: coalition {coalition!r}; players are numbered 0 … {n - 1}")
        members[row, list(coalition)] = True
    there = members.any(1)
    return members[there], table[:, there]
