"""Results and rules are read back as they were written."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import torch

from taylorattr.attribution import Attribution
from taylorattr.design.build import file
from taylorattr.design.files import load, save
from taylorattr.design.verify.law import Broken, Kept, NotApplicable, Outcome, law
from taylorattr.design.verify.laws.networks import network
from taylorattr.design.verify.subject import Subject
from taylorattr.errors import FormatError, OptionError
from taylorattr.maths.multi_index import enumerate_up_to


@law("results_saved", "a saved attribution is read back to the last bit")
def results_saved(subject: Subject) -> Outcome:
    """Write scores in both formats and read them."""
    if subject.obstacle:
        return NotApplicable(subject.obstacle)
    answer = subject.attribute(*network(subject, "tanh", 0))
    with tempfile.TemporaryDirectory() as folder:
        for name in ("scores.npz", "scores.json"):
            back = Attribution.load(answer.save(Path(folder) / name))
            if (
                not torch.equal(back.player_scores, answer.player_scores)
                or back.to_dict() != answer.to_dict()
            ):
                return Broken(f"what {name} holds differs from what was written")
    return Kept(".npz and .json")


@law("rule_saved", "a saved rule is made again with the same ratios")
def rule_saved(subject: Subject) -> Outcome:
    """Write the rule, read it, and compare ratios and verdicts; the rule keeps its place in the registry."""
    designed = subject.designed
    kappas = enumerate_up_to(subject.n, subject.order if subject.n <= 5 else 2).astype(int)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rule.json"
        try:
            save(designed, path)
        except FormatError as error:
            return NotApplicable(str(error))
        try:
            back = load(path)
        finally:
            _in_its_place(subject)
    first, second = (each.rule.exact_ratios(kappas, subject.context or None) for each in (designed, back))
    if (first != second).any():
        row = int(np.flatnonzero((first != second).any(axis=1))[0])
        return Broken("the rule that is read has other ratios", f"κ = {tuple(kappas[row].tolist())}")
    marks = [[v.status for v in each.report.verdicts] for each in (designed, back)]
    return (
        Kept(f"{len(kappas)} ratios")
        if marks[0] == marks[1]
        else Broken("the rule that is read has other verdicts")
    )


def _in_its_place(subject: Subject) -> None:
    try:
        file(subject.designed)
    except OptionError:  # a built-in rule is filed for good
        return
