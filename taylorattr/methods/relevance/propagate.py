"""Walk a recorded program backwards with a rule table, and take the balance of every example on the way."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import torch
from torch import Tensor

from taylorattr.errors import NonFiniteError, ShapeError
from taylorattr.methods.relevance import linear_map
from taylorattr.methods.relevance.balance import Entry, Ledger, Sizes
from taylorattr.methods.relevance.recording import Recording
from taylorattr.methods.relevance.rule import Pulled, Relevance, Rule, RuleTable
from taylorattr.methods.relevance.site import Site, finite_difference
from taylorattr.program.program import Node, Ref

LedgerT = TypeVar("LedgerT", bound=Ledger)


def propagate(
    recording: Recording,
    rules: RuleTable,
    seed: Tensor | None = None,
    *,
    ledger: Ledger | None = None,
    as_multipliers: bool = False,
    selected_only: bool = False,
) -> list[Tensor]:
    """Return the contribution of every input element to Σ seed·(f(x) − f(b)), or to Σ seed·f(x).

    Multipliers are carried from the output to the inputs; values used several times add theirs up. Rules are
    linear in the multiplier, so any initial relevance is only a seed.

    Args:
        recording: The program with its values; with a reference for difference rules, without for LRP.
        rules: The rule of each operation.
        seed: Multiplier of the output, shape (B,); ones where None.
        ledger: Receives the balance of every operation.
        as_multipliers: Whether to return m itself; what rules of relevances give is left out.
        selected_only: Whether a multiplier of 0 gives 0 through an infinite slope as well, as in the branch
            that a guard does not select. Done where the scores are not finite without.

    Returns:
        One tensor per input, in its shape: m·(x − b), or m·x without a reference.

    Raises:
        MissingRuleError: If an operation has no rule; names it, its module and line.
        NonFiniteError: If a rule gives NaN or infinity all the same; names the operation.
    """
    program = recording.program
    if seed is None:
        seed = torch.ones_like(recording.output)
    multipliers: dict[int, Tensor] = {program.output.index: seed.expand_as(recording.output)}
    relevances: dict[int, Tensor] = {}
    clipped: dict[int, Tensor] = {}
    with torch.no_grad():
        for node in reversed(program.nodes):
            site = site_of(recording, node, ledger)
            ms = [multipliers.pop(i, None) if i is not None else None for i in site.outs]
            rs = [relevances.pop(i, None) if i is not None else None for i in site.outs]
            opened = False
            if any(r is not None for r in rs):
                moved = _pass_on(site, rs, ledger)
                if moved is None:
                    if ledger is not None:
                        ledger.open(site, ms, rs)
                        opened = True
                    ms = [_converted(site, m, r, k) for k, (m, r) in enumerate(zip(ms, rs, strict=True))]
                else:
                    _add_all(relevances, moved)
            if all(m is None for m in ms):
                continue
            if ledger is not None and not opened:
                ledger.open(site, ms)
            rule = rules.find(site)
            if ledger is None and ms[0] is not None and _gate_may_wait(site, rule):
                (z,) = site.operands
                multipliers[z], clipped[z] = ms[0], site.y
                continue
            gate = clipped.pop(site.outs[0], None) if site.outs[0] is not None else None
            if gate is not None and ms[0] is not None:
                pulled = rule.pull_gated(site, ms[0], gate)
            else:
                pulled = rule.pull_all(site, ms)
            if selected_only:
                pulled = _finite(site, rule, ms[0], pulled)
            if isinstance(pulled, Relevance):
                pairs = [(i, r) for i, r in zip(site.operands, pulled, strict=True) if r is not None]
                _add_all(relevances, pairs)
            else:
                pairs = by_value(site, pulled, rule)
                _add_all(multipliers, pairs)
            handed = [(i, g, isinstance(pulled, Relevance)) for i, g in pairs]
            if ledger is not None:
                ledger.close(site, rule, handed)
        inputs = [ref.index for ref in program.inputs]
        if as_multipliers:
            return [multipliers.get(i, torch.zeros_like(recording.values[i])) for i in inputs]
        scores = [_score(recording, i, multipliers, relevances) for i in inputs]
    if ledger is None and not selected_only and not all(bool(torch.isfinite(s.sum())) for s in scores):
        return propagate(recording, rules, seed, selected_only=True)
    return scores


def _finite(site: Site, rule: Rule, m: Tensor | None, pulled: Pulled | Relevance) -> Pulled | Relevance:
    """Return what a rule gave with 0 where the multiplier is 0 and the slope infinite.

    Raises:
        NonFiniteError: If something else is NaN or infinite.
    """

    def mended(part: Tensor | None) -> Tensor | None:
        if part is None or bool(torch.isfinite(part).all()):
            return part
        if m is not None and m.shape == part.shape:
            part = torch.where((m == 0) & ~torch.isfinite(part), 0.0, part)
        if not bool(torch.isfinite(part).all()):
            raise NonFiniteError(
                f"rule {rule.name!r} has no finite slope at {site.place}: a value lies where its derivative, "
                "or the operation itself, is infinite. Move the input or the baseline off that point, or use "
                "ta.harsanyi, shapley or occlusion_1, which need no slope"
            )
        return part

    if isinstance(pulled, dict):
        return {i: part for i, g in pulled.items() if (part := mended(g)) is not None}
    parts = [mended(part) for part in pulled]
    return Relevance(parts) if isinstance(pulled, Relevance) else parts


def site_of(recording: Recording, node: Node, ledger: Ledger | None = None) -> Site:
    """Return the site of an operation."""
    return Site(
        node,
        recording.values,
        recording.reference,
        recording.active,
        recording.readers,
        recording.makers,
        recording.program.learned,
        ledger.note if ledger is not None and ledger.asks_for_shares else None,
        recording.facts_of(node),
    )


def by_value(site: Site, pulled: Pulled, rule: Rule) -> list[tuple[int, Tensor]]:
    """Return what a rule gave as pairs of value number and multiplier, shapes checked.

    Raises:
        ShapeError: If a multiplier has not the shape of its operand.
    """
    if isinstance(pulled, dict):
        pairs = list(pulled.items())
    else:
        if len(pulled) not in (0, len(site.operands)):
            raise ShapeError(
                f"rule {rule.name!r} at {site.place} returned {len(pulled)} multipliers for "
                f"{len(site.operands)} operands"
            )
        pairs = [(i, g) for i, g in zip(site.operands, pulled, strict=False) if g is not None]
    for i, g in pairs:
        if g.shape != site.values[i].shape:
            raise ShapeError(
                f"rule {rule.name!r} at {site.place} returned a multiplier of shape {tuple(g.shape)} for an "
                f"operand of shape {tuple(site.values[i].shape)}"
            )
    return pairs


def _gate_may_wait(site: Site, rule: Rule) -> bool:
    """Whether a ReLU may leave its gate to the operation before it, whose only result it alone reads."""
    if not rule.gates(site):
        return False
    (z,) = site.operands
    maker = site.makers.get(z)
    return maker is not None and isinstance(maker.out, Ref) and len(site.readers[z]) == 1


def _add_all(total: dict[int, Tensor], pairs: Sequence[tuple[int, Tensor]]) -> None:
    for i, g in pairs:
        total[i] = total[i] + g if i in total else g


def _pass_on(
    site: Site, rs: Sequence[Tensor | None], ledger: Ledger | None
) -> list[tuple[int, Tensor]] | None:
    """Relevances through a rearrangement, or an affine map of one operand element by element."""
    kind = site.kind
    if kind == "move":
        parts = zip(site.operands, linear_map.pull(site, rs), strict=True)
        moved = [(i, r) for i, r in parts if r is not None]
    elif (
        kind in ("scale", "sum", "batch_norm")
        and site.entrywise
        and len(site.operands) == 1
        and rs[0] is not None
        and site.x[0].shape == site.y.shape
    ):
        moved = [(site.operands[0], rs[0])]
    else:
        return None
    if ledger is not None:
        ledger.open(site, [None] * len(rs), rs)
        if kind == "move":
            _note_constants(site, rs)
        ledger.close(site, "relevance passed on", [(i, r, True) for i, r in moved])
    return moved


def _note_constants(site: Site, rs: Sequence[Tensor | None]) -> None:
    """What a rearrangement puts where no operand stands takes its relevance with it."""
    for r, one, zero in zip(rs, site.at_level(1.0), site.at_level(0.0), strict=False):
        if r is not None:
            site.give_up("constant", r, 1 - torch.where(torch.isinf(one), 0.0, one - zero))


def _converted(site: Site, m: Tensor | None, r: Tensor | None, k: int) -> Tensor | None:
    """A relevance as a multiplier, where it must pass an operation that mixes values."""
    if r is None:
        return m
    index = site.outs[k]
    assert index is not None
    y = site.values[index]
    as_m = torch.where(y == 0, 0.0, r / torch.where(y == 0, 1.0, y))
    if site.note is not None:
        site.note("zero value", r - as_m * y)
    return as_m if m is None else m + as_m


def _score(
    recording: Recording, index: int, multipliers: dict[int, Tensor], relevances: dict[int, Tensor]
) -> Tensor:
    x = recording.values[index] if index in recording.values else None
    assert x is not None
    total = torch.zeros_like(x)
    if index in multipliers:
        m = multipliers[index]
        if recording.reference is None:
            total = m * x
        else:
            total = m * finite_difference(x, recording.reference[index])
    return total + relevances[index] if index in relevances else total


_TOLERANCE = {torch.float64: 1e-10, torch.float32: 1e-5}


def balance_of(recording: Recording, rules: RuleTable, example: int) -> Ledger:
    """Return the balance of one example's relevance: the walk again, seeded with that example alone."""
    return _walked(recording, rules, example, Ledger())


def growth_of(recording: Recording, rules: RuleTable, example: int, scores: Sequence[Tensor]) -> Entry | None:
    """Return the operation at which Σ|relevance| of one example grows most, None where none has any.

    That example's rows are walked by themselves, where this gives its scores again; else the whole batch is,
    seeded with that example alone.

    Args:
        recording: Of some examples.
        rules: Their rules.
        example: Which one.
        scores: What the walk of all gave to the inputs, (B, …).
    """
    if recording.batch > 1:
        alone, sizes = recording.alone(example), Sizes()
        try:
            own = propagate(alone, rules, ledger=sizes)
        except Exception:  # rows that do not lie along the first dimension, or a size that is written down
            own = []
        if len(own) == len(scores) and all(map(_close, own, (s[example : example + 1] for s in scores))):
            return sizes.largest_growth()
    return _walked(recording, rules, example, Sizes()).largest_growth()


def _close(a: Tensor, b: Tensor) -> bool:
    return a.shape == b.shape and float((a - b).abs().max()) <= 1e-3 * float(b.abs().max())


def _walked(recording: Recording, rules: RuleTable, example: int, ledger: LedgerT) -> LedgerT:
    seed = torch.zeros_like(recording.output)
    seed[example] = 1.0
    propagate(recording, rules, seed, ledger=ledger)
    return ledger


def balances(recording: Recording, rules: RuleTable) -> list[Ledger]:
    """Return the balance of each example.

    Every sum is taken row by row in one walk of the whole batch, for each dimension that may hold the
    examples. Rules are linear in the seed, so a second walk with unequal weights shows which one does: there
    its sums are the weights times the first. Where none does, each example gets a walk of its own.

    Args:
        recording: The program with its values.
        rules: Its rules.

    Returns:
        One ledger of single sums per example.
    """
    count = recording.batch
    if count == 1:
        return [balance_of(recording, rules, 0)]
    weights = torch.linspace(0.5, 1.5, count, dtype=torch.float64).flip(0) * 0.75
    weights[1::2] += 1.0
    whole, weighted = Ledger(count), Ledger(count)
    propagate(recording, rules, ledger=whole)
    propagate(recording, rules, weights.to(recording.output), ledger=weighted)
    tolerance = _TOLERANCE.get(recording.output.dtype, 1e-2)
    if whole.settle(weighted, weights.to(recording.output.dtype), tolerance):
        return [whole.row(e) for e in range(count)]
    return [balance_of(recording, rules, e) for e in range(count)]
