"""``ta.design.verify``: every law of the project on one rule."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

from taylorattr.allocation.rule import AllocationRule
from taylorattr.design.attributors import attributor
from taylorattr.design.designed import DesignedRule
from taylorattr.design.verify.law import LAWS, Broken, Kept, Law, NotApplicable, Outcome
from taylorattr.design.verify.subject import Subject
from taylorattr.design.verify.verification import LawResult, Verification
from taylorattr.errors import BudgetError, OptionError, VerificationError


def verify(
    rule: DesignedRule | AllocationRule | str,
    *,
    laws: Sequence[str] | None = None,
    seed: int = 0,
    raises: bool = True,
) -> Verification:
    """Hold a rule against the laws that every attribution rule obeys, in one line of a test.

    Verdicts are compared with an enumeration of their own, the attributor with Σ w_i(κ) I(κ) on random
    polynomials and networks (10), each way of computing with the ratio, and the machinery with itself:
    batches, dtypes, seeds, files. What is broken is shown in the smallest case that was found.

    Args:
        rule: A designed rule, a rule of ``ta.RULES``, or a name.
        laws: Names of ``ta.design.LAWS``; None: all.
        seed: Of everything that is drawn; the global generators are left alone.
        raises: Whether a broken law raises; False returns the report all the same.

    Returns:
        What each law says: kept, broken or not applicable, with the reason.

    Raises:
        VerificationError: If a law is broken; an ``AssertionError`` whose message is the report.
        OptionError: If a law is named that there is not, or the rule shares out no effects of players.

    Example:
        >>> import taylorattr as ta
        >>> halves = ta.design.rule("equal_parts", "Indicator(kappa[i] > 0)/s")
        >>> ta.design.verify(halves, laws=["verdicts", "allocation"]).holds
        True
    """
    subject = Subject(attributor(rule), seed)
    unknown = [name for name in laws or () if name not in LAWS]
    if unknown:
        raise OptionError(f"no law is called {unknown[0]!r}; known: {', '.join(LAWS)}")
    chosen = list(LAWS.values()) if laws is None else [LAWS[name] for name in laws]
    report = Verification(
        subject.designed.name,
        subject.designed.formula,
        seed,
        tuple(_looked_at(law, subject) for law in chosen),
    )
    if raises and not report.holds:
        raise VerificationError(repr(report))
    return report


def _looked_at(law: Law, subject: Subject) -> LawResult:
    outcome = _outcome(law, subject)
    found = {"law": law.name, "statement": law.statement}
    if isinstance(outcome, Kept):
        return LawResult(status="kept", found=outcome.looked_at, **found)
    if isinstance(outcome, NotApplicable):
        return LawResult(status="not applicable", found=outcome.reason, **found)
    return LawResult(status="broken", found=outcome.what, case=outcome.case, **found)


def _outcome(law: Law, subject: Subject) -> Outcome:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return law.look(subject)
        except BudgetError as error:
            return NotApplicable(str(error))
        except Exception as error:  # whatever a rule raises breaks the law
            return Broken(f"raised {type(error).__name__}: {error}")
