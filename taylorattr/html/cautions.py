"""Where the numbers of a page cannot be trusted, in sentences: the first thing that a reader sees."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from taylorattr.attribution import Attribution
from taylorattr.criteria.audit.audit_report import AuditReport
from taylorattr.effects.coalition_table import HarsanyiEffects, InteractionIndex
from taylorattr.effects.integrated_hessians import IntegratedHessians
from taylorattr.effects.taylor_effects import TaylorEffects
from taylorattr.html.by_order import open_ended
from taylorattr.html.contents import Contents, EffectSource
from taylorattr.html.criteria import CRITERION_NAMES
from taylorattr.html.section import Section
from taylorattr.html.text import amount, count, listed, percent
from taylorattr.reformulation.result import Reformulation

TOLERATED_REMAINDER = 0.02
"""Share of f(x) − f(b) that a truncated table may leave without a word: less than a picture can show."""

CANCELLED = 1e-3
"""|f(x) − f(b)| / Σ|effects| below which shares of f(x) − f(b) say little."""

TOLERATED_GAP = 1e-3
"""Completeness gap that needs no word, relative to Σ|scores|, or to Σ|entries| of integrated Hessians.

It lies above the rounding of float32 sums and below any gap that a method's definition makes.
"""

DOUBTFUL_ERRORS = 2.0
"""Standard errors from 0 below which the sign of a score is not known (95 per cent)."""


@dataclass(frozen=True)
class Caution:
    """One warning.

    Attributes:
        about: The result it speaks of.
        sentence: What is wrong.
        advice: What to do; empty where there is nothing.
        grave: Whether the numbers should not be used as they are.
        examples: Numbers of the examples; empty where it holds for all.
    """

    about: str
    sentence: str
    advice: str = ""
    grave: bool = False
    examples: tuple[int, ...] = ()

    @property
    def where(self) -> str:
        """The examples in words."""
        if not self.examples:
            return ""
        return f"example{'s' if len(self.examples) > 1 else ''} {listed(list(self.examples))}"


def trust_section(contents: Contents) -> Section:
    """Return the section of all cautions; its template says so where there is none."""
    # one entry per result and gravity; advice that several lines in a row share is written once
    entries: dict[tuple[str, bool], dict[str, Any]] = {}
    for caution in cautions(contents):
        entry = {"about": caution.about, "grave": caution.grave, "lines": []}
        lines = entries.setdefault((caution.about, caution.grave), entry)["lines"]
        if lines and lines[-1]["advice"] == caution.advice:
            lines[-1]["advice"] = ""
        lines.append({"where": caution.where, "sentence": caution.sentence, "advice": caution.advice})
    return Section(
        key="trust",
        title="Before trusting the numbers",
        content={"cautions": list(entries.values())},
        short="Trust",
    )


def cautions(contents: Contents) -> list[Caution]:
    """Return everything a reader must know before trusting the numbers, the gravest first."""
    every = [
        *(caution for source in contents.sources for caution in _of_effects(source)),
        *(caution for attribution in contents.scores for caution in _of_attribution(attribution)),
        *_of_gaps(contents.scores),
        *(caution for result in contents.reformulations for caution in _of_reformulation(result)),
        *(caution for report in contents.audits for caution in _of_audit(report)),
    ]
    # results of one question share their diagnostics, so that the same sentence may come several times
    return sorted(dict.fromkeys(every), key=lambda caution: not caution.grave)


def _by_sentence(
    about: str, sentences: Iterable[tuple[int, str]], batch: int, advice: str = "", grave: bool = False
) -> list[Caution]:
    """Return one caution per sentence, with all examples that it is true of.

    Args:
        about: The result.
        sentences: Example and sentence.
        batch: Number of examples; the examples are named where there are several.
        advice: What to do.
        grave: Whether the numbers should not be used.
    """
    examples: dict[str, list[int]] = {}
    for example, sentence in sentences:
        examples.setdefault(sentence, []).append(example)
    return [
        Caution(about, sentence, advice, grave, tuple(numbers) if batch > 1 else ())
        for sentence, numbers in examples.items()
    ]


def _of_effects(source: EffectSource) -> list[Caution]:
    """Return the cautions of effects: what they lack, what cancels, how they were computed."""
    effects, about = source.effects, source.label
    result = _not_finite(
        about, "effects", [e for e in range(source.batch) if not source.finite(e)], source.batch
    )
    if isinstance(effects, TaylorEffects):
        result += _of_series(effects, about)
    elif isinstance(effects, IntegratedHessians):
        result += _of_hessians(effects, about)
    else:
        result += _of_table(effects, about)
    if not isinstance(effects, IntegratedHessians):
        result += _by_sentence(
            about, _cancelled(effects), source.batch, "Read the effects themselves, not shares of delta."
        )
    return [*result, *_of_diagnostics(about, effects.diagnostics)]


def _not_finite(about: str, what: str, examples: list[int], batch: int) -> list[Caution]:
    """Return one grave caution for the examples in which some numbers are not finite."""
    return _by_sentence(
        about,
        [(e, f"Some {what} are NaN or infinite.") for e in examples],
        batch,
        "Look for the input or the operation they come from.",
        grave=True,
    )


def _of_series(effects: TaylorEffects, about: str) -> list[Caution]:
    """Return cautions about convergence and about what lies above the last order."""
    doubted = [
        (e, f"The series is not seen to reach the input: {reason}.")
        for e, reason in enumerate(effects.reasons)
        if not bool(effects.converged[e])
    ]
    left = [
        (e, f"Orders above {effects.order} hold {percent(float(share))} of f(x) − f(b).")
        for e, share in enumerate(effects.remainder_share)
        if float(share) > TOLERATED_REMAINDER
    ]
    return [
        *_by_sentence(
            about,
            doubted,
            effects.batch,
            "Use ta.harsanyi, which is exact, a baseline nearer to the input, or a smooth model.",
            grave=True,
        ),
        *_by_sentence(about, left, effects.batch, "Compute more orders, or group players."),
    ]


def _of_hessians(effects: IntegratedHessians, about: str) -> list[Caution]:
    """Return cautions about entries that do not add up to f(x) − f(b)."""
    sentences = []
    for e, gap in enumerate(effects.gap.tolist()):
        if abs(gap) > TOLERATED_GAP * float(effects.values[e].abs().sum()):
            sentences.append((e, f"The entries miss f(x) − f(b) by {amount(gap)}."))
    return _by_sentence(about, sentences, len(effects.delta), "Take more nodes along the path.")


def _of_table(effects: HarsanyiEffects | InteractionIndex, about: str) -> list[Caution]:
    """Return cautions about tables of coalitions that lack effects or drown in rounding."""
    # an index is another way to share f(x) − f(b) out: its table lacks nothing, and has no bound of rounding
    if isinstance(effects, InteractionIndex):
        return []
    result: list[Caution] = []
    if open_ended(effects):
        missing = []
        for e, (total, delta) in enumerate(zip(effects.total.tolist(), effects.delta.tolist(), strict=True)):
            if abs(total - delta) > TOLERATED_REMAINDER * abs(delta):
                words = f"it holds {amount(total)} of f(x) − f(b) = {amount(delta)}"
                missing.append((e, f"The table lacks effects: {words}."))
        result += _by_sentence(about, missing, effects.batch, "Raise max_order or order, or group players.")
    if effects.error_bound is not None:
        result += _by_sentence(
            about,
            _below_rounding(effects, effects.error_bound),
            effects.batch,
            "Compute in float64, or read lower orders only.",
        )
    return result


def _below_rounding(effects: HarsanyiEffects, bounds: torch.Tensor) -> Iterator[tuple[int, str]]:
    """Yield example and sentence where whole orders are no larger than their bound, column k for order k."""
    for e in range(effects.batch):
        orders = []
        for k in range(1, effects.largest_order + 1):
            row = effects.order_values(k)[e]
            # effects that are exactly 0 are what a sum of zeros gives: no rounding made them
            if row.numel() and bool((row.abs() <= bounds[e, k]).all()) and bool((row != 0).any()):
                orders.append(k)
        if orders:
            words = f"order{'s' if len(orders) > 1 else ''} {listed(orders, effects.largest_order)}"
            yield e, f"Every effect of {words} is no larger than what rounding may do to it."


def _cancelled(effects: TaylorEffects | HarsanyiEffects | InteractionIndex) -> Iterator[tuple[int, str]]:
    """Yield example and sentence where effects nearly add up to 0, so that shares of their sum explode."""
    first = 0 if isinstance(effects, TaylorEffects) else 1  # tables of coalitions begin with ∅
    for e in range(effects.batch):
        size = float(torch.nan_to_num(effects.values[e, first:]).abs().sum())
        delta = float(effects.delta[e])
        if size > 0 and abs(delta) < CANCELLED * size:
            many = count(effects.values.shape[1] - first, "effect")
            yield e, f"The {many} cancel: f(x) − f(b) is {percent(abs(delta) / size)} of their size."


def _of_attribution(attribution: Attribution) -> list[Caution]:
    """Return the cautions of one attribution: numbers that are none, signs that samples leave open."""
    about = attribution.method
    scores = attribution.player_scores
    bad = [e for e in range(attribution.batch) if not bool(torch.isfinite(scores[e]).all())]
    result = _not_finite(about, "scores", bad, attribution.batch)
    if attribution.standard_errors is not None:
        unsure = (scores.abs() < DOUBTFUL_ERRORS * attribution.standard_errors).sum(1).tolist()
        errors = f"{DOUBTFUL_ERRORS:.0f} standard errors"
        sentences = [
            (e, f"{count(many, 'score')} of {attribution.n} lie within {errors} of 0.")
            for e, many in enumerate(unsure)
            if many
        ]
        result += _by_sentence(
            about, sentences, attribution.batch, "Draw more samples before reading their signs."
        )
    return [*result, *_of_diagnostics(about, attribution.diagnostics)]


def _of_gaps(attributions: Sequence[Attribution]) -> list[Caution]:
    """Return one caution that lists all scores which do not add up to f(x) − f(b).

    A gap is no fault where a method's definition makes one, so that one line for all methods is enough.
    """
    gaps = "; ".join(dict.fromkeys(words for words in map(_gap, attributions) if words))
    if not gaps:
        return []
    return [
        Caution(
            "scores with a gap",
            f"These do not add up to f(x) − f(b): {gaps}.",
            "The criteria on paper say which methods should have a gap.",
        )
    ]


def _gap(attribution: Attribution) -> str:
    """Return method and gap of the example where it is most of the scores, "" where there is none."""
    shares = attribution.relative_gap.nan_to_num(nan=0.0, posinf=float("inf"))
    if not len(shares) or float(shares.max()) <= TOLERATED_GAP:
        return ""
    worst = int(shares.argmax())
    share = float(shares[worst])
    size = "all scores are 0" if share == float("inf") else f"{percent(share)} of Σ|scores|"
    where = f" in example {worst}" if attribution.batch > 1 else ""
    words = f"{attribution.method}, gap {amount(float(attribution.gap[worst]))}{where} ({size}"
    if attribution.zero_baseline:
        words += f"; {amount(float(attribution.conservation[worst]))} from f(x)"
    return f"{words})"


def _of_reformulation(result: Reformulation) -> list[Caution]:
    """Return cautions about differences that nothing explains, and about bounds that explain nothing."""
    about = f"{result.method} as a sum of effects"
    batch = result.direct.batch
    # a table without players has no largest difference
    sizes = result.difference.abs().amax(1) if result.difference.numel() else result.direct.delta * 0
    unexplained, wide = [], []
    for e in range(batch):
        largest = amount(float(sizes[e]), False)
        if not bool(result.explained[e].all()):
            unexplained.append((e, f"A difference of {largest} from the direct scores is not explained."))
        elif bool(result.wide[e].any()):
            wide.append((e, f"The bound of the difference {largest} is wider than all scores together."))
    return [
        *_by_sentence(
            about,
            unexplained,
            batch,
            "Do not read the weighted sum as the method on this network.",
            grave=True,
        ),
        *_by_sentence(
            about, wide, batch, "It is true and explains nothing: raise order, or lower the noise."
        ),
    ]


def _of_audit(report: AuditReport) -> list[Caution]:
    """Return the cautions of one audit: wrong uses, criteria that fail, what could not be decided."""
    about = f"{report.method}, as it was audited"
    result = [Caution(about, f"Wrong use, {m.kind}: {m.sentence}", grave=True) for m in report.misuse]
    for verdict in report.verdicts:
        name = CRITERION_NAMES[verdict.criterion]
        if verdict.status == "fails":
            result.append(Caution(about, f"{name} fails: {verdict.statement}", grave=True))
        elif verdict.status == "undecided":
            words = f"{name} is undecided: {verdict.statement}"
            result.append(Caution(about, words, "Raise repeats or samples."))
    return result


def _of_diagnostics(about: str, diagnostics: Mapping[str, Any]) -> list[Caution]:
    """Return what readers of the numbers must know of how they were computed."""
    sentences = []
    if diagnostics.get("was_training"):
        sentences.append("The model was in training mode; a copy was analysed in eval mode.")
    if diagnostics.get("promoted") is False:
        sentences.append("The model could not be run in the precision that was asked for.")
    if "lowest_dtype" in diagnostics:
        sentences.append(
            f"A part of the model computes in {diagnostics['lowest_dtype']} "
            f"({diagnostics.get('lowered_by', '')}): the numbers carry less precision than their type."
        )
    if "moved" in diagnostics:
        sentences.append(f"The analysis ran on {diagnostics['moved']}, since the device has no float64.")
    if diagnostics.get("of_truncated"):
        sentences.append("The index was taken of a table that lacks effects; what it lacks counts as zero.")
    if diagnostics.get("held_inputs"):
        places = ", ".join(f"inputs[{place}]" for place in diagnostics["held_inputs"])
        sentences.append(f"Integers have no derivatives: {places} held at the input, with scores of 0.")
    if diagnostics.get("spread"):
        sentences.append(
            f"Effects are the mean over {diagnostics['references']} references; over them, a single effect "
            f"has a standard deviation of up to {max(map(max, diagnostics['spread'])):.3g}."
        )
    if diagnostics.get("no_dependence"):
        sentences.append(f"Inputs that the output does not depend on: {diagnostics['no_dependence']}.")
    notes = diagnostics.get("notes", [])
    notes = [*notes] if isinstance(notes, (list, tuple)) else [notes]
    if "note" in diagnostics:  # of prediction_difference alone, and of files of earlier versions
        notes.append(diagnostics["note"])
    sentences += [f"{str(note).strip().removesuffix('.')}." for note in notes]
    result = [Caution(about, sentence) for sentence in sentences]
    equal = diagnostics.get("zero_difference")
    if equal:  # the numbers of the examples, or True for all
        examples = tuple(equal) if isinstance(equal, (list, tuple)) else ()
        words = "Input and baseline coincide, so every effect is 0."
        result.append(Caution(about, words, "Choose another baseline.", True, examples))
    return result
