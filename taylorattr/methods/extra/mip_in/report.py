"""Is a source signal complete and minimal? Both measured on held-out inputs."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from taylorattr.effects.result import Result
from taylorattr.errors import ShapeError, require_whole_number
from taylorattr.methods.extra.mip_in.inverses import fit_linear
from taylorattr.methods.extra.mip_in.signals import TOPS, Inverses, Top
from taylorattr.methods.scores import float64

LEAST_AGREEMENT = 0.9
"""Of the source signal's class with the input's, for a complete one."""

MOST_ABOVE_CHANCE = 0.2
"""By how much the distractor's class may agree with the input's more often than 1/K, for a minimal one."""

PROBE_ROUNDS = 100
"""Of L-BFGS, at most."""


@dataclass(frozen=True, eq=False, repr=False)
class SourceReport(Result):
    """Completeness and minimality of a source signal s, with the distractor d = x − s.

    Φ is the model, or the layers above the feature map that was inverted, and then x, s and d are at that
    map; c is the class that Φ predicts at x. R²(a | b) is 1 − Σ‖a − â‖² / Σ‖a − ā‖², â a ridge regression
    with an intercept from b, fitted to other examples than those it is judged on; top is S_L.

    *Completeness*: s keeps what x tells about the output. *Minimality*: s holds nothing else about x. The two
    words are the paper's, what is measured for them is this project's choice.

    Attributes:
        samples: Number of examples N.
        classes: Number of outputs K.
        agreement: Share of examples with argmax Φ(s) = argmax Φ(x).
        source_probability: Mean probability of c at s.
        input_probability: Mean probability of c at x.
        top_from_source: R²(top | s).
        top_from_input: R²(top | x), the ceiling for a signal no easier to read than x; s is denoised, and may
            lie above it.
        source_from_top: R²(s | top), the share of s that the output predicts linearly: 1 for a global
            inverse without switches, lower with masks, which come from x.
        input_from_top: R²(x | top), which must be smaller.
        distractor_agreement: Share of examples with argmax Φ(d) = argmax Φ(x); about 1/K says that the
            network reads nothing in d.
        distractor_probability: Mean probability of c at d: where it is about 1/K, an agreement is one of
            logits near 0.
        probe_accuracy: Share of held-out examples whose class c a logistic regression reads from d.
        majority: Share of the most frequent c: what a probe of nothing reaches.
        held_out: How regressions were judged, in words.
    """

    samples: int
    classes: int
    agreement: float
    source_probability: float
    input_probability: float
    top_from_source: float
    top_from_input: float
    source_from_top: float
    input_from_top: float
    distractor_agreement: float
    distractor_probability: float
    probe_accuracy: float
    majority: float
    held_out: str

    @property
    def complete(self) -> bool:
        """Whether the agreement is at least 0.9."""
        return self.agreement >= LEAST_AGREEMENT

    @property
    def minimal(self) -> bool:
        """Whether R²(x | top) < R²(s | top), and Φ(d) agrees in at most 1/K + 0.2 of the examples."""
        return (
            self.input_from_top < self.source_from_top
            and self.distractor_agreement <= 1 / self.classes + MOST_ABOVE_CHANCE
        )

    def __repr__(self) -> str:
        """Show every number with what it says, and the caveats."""
        most = 1 / self.classes + MOST_ABOVE_CHANCE
        lines = [
            f"Source signal of {self.samples} examples, {self.classes} outputs; regressions {self.held_out}",
            f"  complete: {_word(self.complete)} (agreement ≥ {LEAST_AGREEMENT})",
            f"    the model decides at s as at x           {self.agreement:.3f} of the examples",
            f"    mean probability of that class           {self.source_probability:.3f} at s, "
            f"{self.input_probability:.3f} at x",
            f"    R² of the top signal                     {self.top_from_source:.3f} from s, "
            f"{self.top_from_input:.3f} from x",
            f"  minimal: {_word(self.minimal)} (R² of s above that of x, agreement on d ≤ {most:.2f})",
            f"    R² from the top signal                   {self.source_from_top:.3f} of s, "
            f"{self.input_from_top:.3f} of x",
            f"    the model decides at d as at x           {self.distractor_agreement:.3f}, "
            f"chance {1 / self.classes:.3f}",
            f"    mean probability of the class at d        {self.distractor_probability:.3f}",
            f"    a logistic probe on d reads the class    {self.probe_accuracy:.3f}, "
            f"without looking {self.majority:.3f}",
        ]
        if self.probe_accuracy > self.majority + MOST_ABOVE_CHANCE:
            lines.append(
                "  caveat: the distractor still tells the class to a probe, whatever the network reads in it"
            )
        chance = 1 / self.classes
        if self.distractor_agreement > most and self.distractor_probability < chance + MOST_ABOVE_CHANCE / 2:
            lines.append("  caveat: the model decides at d as at x, yet with logits near 0")
        if self.source_from_top < LEAST_AGREEMENT:
            lines.append(
                "  caveat: masks and switches put parts of x into s that the output does not determine"
            )
        return "\n".join(lines)


def source_report(
    inverses: Inverses, top: Top, ridge: float, x: Tensor, fit_rows: Tensor | None, folds: int
) -> SourceReport:
    """Return completeness and minimality on held-out inputs; see :meth:`MIPIN.report`.

    Raises:
        ShapeError: If there are too few examples for the folds.
    """
    require_whole_number("folds", folds, 2)
    if fit_rows is None and len(x) < 2 * folds:
        raise ShapeError(
            f"{len(x)} examples for {folds} folds; pass at least {2 * folds}, or fit_rows= to fit the "
            "regressions to"
        )
    judged = _Signals.of(inverses, top, x)
    if fit_rows is None:
        fold = torch.arange(len(x)) % folds  # in the order given: nothing is drawn
        learnt, held_out = judged, f"in {folds} folds"
        splits = [((fold != k).nonzero()[:, 0], (fold == k).nonzero()[:, 0]) for k in range(folds)]
    else:
        learnt, held_out = _Signals.of(inverses, top, fit_rows), f"fitted to {len(fit_rows)} others"
        splits = [(torch.arange(len(fit_rows)), torch.arange(len(x)))]

    def r2(name: str, given: str) -> float:
        missed, a = 0.0, judged.flat(name)
        for others, rows in splits:
            by = fit_linear(learnt.flat(given)[others], learnt.flat(name)[others], ridge, bias=True)
            assert by.bias is not None
            guess = judged.flat(given)[rows] @ by.weight.mT + by.bias
            missed += float((guess - a[rows]).square().sum())
        present = float((a - a.mean(0)).square().sum())
        return 1 - missed / present if present else float("nan")

    c, k = judged.classes, judged.logits.shape[1]
    read_rightly = 0
    for others, rows in splits:
        guess = _probe(
            learnt.flat("distractor")[others], learnt.classes[others], judged.flat("distractor")[rows], k
        )
        read_rightly += int((guess == c[rows]).sum())
    at_source, at_distractor = (_outputs(inverses, z) for z in (judged.source, judged.distractor))
    return SourceReport(
        samples=len(x),
        classes=k,
        agreement=_share(at_source.argmax(1) == c),
        source_probability=_probability(at_source, c),
        input_probability=_probability(judged.logits, c),
        top_from_source=r2("top", "source"),
        top_from_input=r2("top", "bottom"),
        source_from_top=r2("source", "top"),
        input_from_top=r2("bottom", "top"),
        distractor_agreement=_share(at_distractor.argmax(1) == c),
        distractor_probability=_probability(at_distractor, c),
        probe_accuracy=read_rightly / len(x),
        majority=int(c.bincount().max()) / len(x),
        held_out=held_out,
    )


@dataclass(frozen=True)
class _Signals:
    """What regressions are between, float64 on the CPU: values at the bottom (N, …), top signals (N, K)."""

    bottom: Tensor
    source: Tensor
    distractor: Tensor
    top: Tensor
    logits: Tensor
    classes: Tensor

    @classmethod
    def of(cls, inverses: Inverses, top: Top, rows: Tensor) -> _Signals:
        chain = inverses.chain
        with torch.no_grad():
            bottoms = [chain.bottom(part) for part in chain.parts(rows)]
            bottom = float64(torch.cat(bottoms))
            source = float64(torch.cat([inverses.read(part, TOPS[top]) for part in bottoms]))
            logits = float64(torch.cat([chain.forward(part) for part in bottoms]))
        return cls(bottom, source, bottom - source, TOPS[top](logits), logits, logits.argmax(1))

    def flat(self, name: str) -> Tensor:
        return getattr(self, name).flatten(1)


def _outputs(inverses: Inverses, bottom: Tensor) -> Tensor:
    """Return the logits of values at the bottom."""
    with torch.no_grad():
        parts = inverses.chain.parts(bottom)
        return float64(torch.cat([inverses.chain.forward(part) for part in parts]))


def _share(holds: Tensor) -> float:
    return float(holds.double().mean())


def _probability(logits: Tensor, classes: Tensor) -> float:
    return float(logits.softmax(1).gather(1, classes[:, None]).mean())


def _word(holds: bool) -> str:
    return "pass" if holds else "fail"


def _probe(learnt: Tensor, classes: Tensor, judged: Tensor, k: int) -> Tensor:
    """Return the classes that a logistic regression with penalty ‖W‖²/2N reads from rows, shape (M,).

    Rows are divided by their root mean square, so that the penalty does not depend on units.
    """
    scale = learnt.square().mean().sqrt().clamp_min(torch.finfo(learnt.dtype).tiny)
    features = learnt / scale
    weight, offset = (torch.zeros(shape, dtype=learnt.dtype) for shape in ((k, learnt.shape[1]), (k,)))
    with torch.enable_grad():
        parameters = [weight.requires_grad_(), offset.requires_grad_()]
        optimiser = torch.optim.LBFGS(parameters, max_iter=PROBE_ROUNDS, line_search_fn="strong_wolfe")

        def loss() -> Tensor:
            optimiser.zero_grad()
            fit = F.cross_entropy(F.linear(features, weight, offset), classes)
            value = fit + weight.square().sum() / (2 * len(learnt))
            value.backward()
            return value

        optimiser.step(loss)  # pyright: ignore[reportArgumentType]
    return F.linear(judged / scale, weight, offset).argmax(1).detach()
