"""Which criteria of a rule are proved, so that what is built of it may rest on them."""

from __future__ import annotations

from collections.abc import Sequence

from taylorattr.criteria.verdict import Criterion
from taylorattr.design.designed import DesignedRule
from taylorattr.design.guarantees import proved


def keeps(rule: DesignedRule, criterion: Criterion) -> bool:
    """Return whether a criterion of terms is proved for a rule in its own frame, without a condition."""
    verdict = rule.report.verdict(criterion, frame=rule.rule.frames[0])
    return verdict.holds and proved(verdict)


def shared(rules: Sequence[DesignedRule], criterion: Criterion, statement: str) -> dict[str, str]:
    """Return {criterion: statement} if every rule is proved to keep it, else nothing."""
    return {criterion: statement} if all(keeps(rule, criterion) for rule in rules) else {}
