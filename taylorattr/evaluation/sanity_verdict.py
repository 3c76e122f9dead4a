"""Does a map pass the sanity checks? What a cascade and a label test say together."""

from __future__ import annotations

from dataclasses import dataclass

from taylorattr.effects.result import Result
from taylorattr.errors import OptionError
from taylorattr.evaluation.sanity_checks import SanityCheck

PASSING = 0.3
"""Magnitude of the signed rank correlation below which a check is passed."""

INPUT_DOMINATED = 0.5
"""Rank correlation of magnitudes from which on a passing map is said to follow the input."""

ACCURACY_OF_LABELS = 0.95
"""Share of permuted labels that the second model should have learned by heart."""


@dataclass(frozen=True, eq=False, repr=False)
class SanityVerdict(Result):
    """What a cascade and a label test say together; see :func:`sanity_verdict`.

    Attributes:
        passes: Whether all signed rank correlations are below 0.3 in magnitude.
        method: Name of the map.
        signed: Mean signed rank correlation by test.
        absolute: Mean rank correlation of magnitudes by test; NaN where it was not measured.
        caveat: What a reader must not overlook; empty where there is nothing.
    """

    passes: bool
    method: str
    signed: dict[str, float]
    absolute: dict[str, float]
    caveat: str = ""

    def __repr__(self) -> str:
        """Show the verdict, the numbers behind it and the caveat."""
        numbers = ", ".join(
            f"{test} {self.signed[test]:.2f} (magnitudes {self.absolute[test]:.2f})" for test in self.signed
        )
        verdict = f"{self.method} {'passes' if self.passes else 'fails'} the sanity checks: {numbers}"
        return f"{verdict}. {self.caveat}" if self.caveat else verdict


def sanity_verdict(cascade: SanityCheck, labels: SanityCheck | None = None) -> SanityVerdict:
    """Return whether a map passes: |mean signed rank correlation| < 0.3 in the full cascade and with labels.

    The threshold is a choice of this package and a screen, not a judgement. A map that is the input times
    something passes on its signs while its magnitudes hardly change: the caveat says so. Smooth positive
    maps, such as Grad-CAM's, correlate with each other whatever the network.

    Args:
        cascade: Of :func:`parameter_randomisation` with ``order="cascading"``.
        labels: Of :func:`label_randomisation`; None: the verdict is about the weights alone, and says so.

    Returns:
        The verdict with its numbers and its caveat.

    Raises:
        OptionError: If the checks are of another kind, of two methods, or without signed rank correlation.
    """
    tests = {"cascading": cascade} | ({} if labels is None else {"labels": labels})
    for kind, check in tests.items():
        if not isinstance(check, SanityCheck) or check.randomised != kind or "spearman" not in check.kinds:
            raise OptionError(
                "a verdict needs a cascading parameter_randomisation(…) and a label_randomisation(…), both "
                "with the similarity 'spearman'"
            )
    if labels is not None and labels.method != cascade.method:
        raise OptionError(f"the checks are of two methods, {cascade.method} and {labels.method}")
    signed = {kind: check.mean("spearman") for kind, check in tests.items()}
    absolute = {
        kind: check.mean("absolute") if "absolute" in check.kinds else float("nan")
        for kind, check in tests.items()
    }
    passes = all(abs(value) < PASSING for value in signed.values())  # NaN, all maps constant, does not pass
    caveats = []
    if passes and max(absolute.values()) >= INPUT_DOMINATED:
        follows = cascade.diagnostics.get("follows_input", float("nan"))
        caveats.append(
            f"Its magnitudes keep a rank correlation of {max(absolute.values()):.2f}: where the map is large "
            f"is dominated by the input (correlation with |x| {follows:.2f}), and only the signs depend on "
            "what was learned."
        )
    if labels is None:
        caveats.append("No label test was made: this is about the weights alone.")
    elif labels.diagnostics.get("train_accuracy", 1.0) < ACCURACY_OF_LABELS:
        caveats.append(
            f"The model of permuted labels learned {labels.diagnostics['train_accuracy']:.0%} of them, less "
            f"than {ACCURACY_OF_LABELS:.0%}: the label test says less."
        )
    undefined = sum(check.undefined("spearman") for check in tests.values())
    if undefined:
        caveats.append(f"Constant maps have no correlation: {undefined} left out.")
    return SanityVerdict(passes, cascade.method, signed, absolute, " ".join(caveats))
