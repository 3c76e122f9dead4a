"""Everything that cannot be fitted is refused before anything is computed, in words."""

import sys

import pytest
import torch

import taylorattr as ta
from taylorattr.design.fit import agreeing, deletion
from taylorattr.errors import BudgetError, MissingExtraError, NonFiniteError, OptionError, ShapeError
from tests.design.fit.models import every_pair, inputs

TWO = ["integrated_gradients", "shapley"]


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"objective": "deletions"}, "did you mean 'deletion'"),
        ({"objective": 3}, "the objective is a int"),
        ({"objective": lambda s, e: s[:, 0]}, "pass maximise=True or False"),
        ({"objective": "deletion", "maximise": True}, "for a function of one's own"),
        ({"family": "weighted_shapely"}, "did you mean 'weighted_shapley'"),
        ({"family": ta.design.owen}, "the family is owen"),
        ({"family": ["shapley"]}, "two different rules or more"),
        ({"family": ["shapley", "shapley"]}, "two different rules or more"),
        ({"family": ["shapley", "occlusion_1"], "complete": True}, "not all of these rules are complete"),
        ({"largest": 2}, "has no option 'largest'"),
        ({"family": "sharing", "largest": 9}, "largest=9; expected a whole number, from 2 to 3"),
        ({"family": "sharing", "by": "players"}, "'sizes' or by 'coalitions'"),
        ({"family": "measure", "nodes": [0.5, 1.5]}, r"in \[0, 1\]"),
        ({"family": "measure", "nodes": 1}, "nodes=1"),
        ({"family": "measure", "shape": "gamma"}, "'masses' at places or as 'beta'"),
        ({"family": "power_path", "n_steps": 0}, "n_steps=0"),
        ({"family": "degree_tilted", "order": 1}, "order=1"),
        ({"restarts": 0}, "restarts=0; expected a whole number, at least 1"),
        ({"budget": 2.5}, "budget=2.5"),
        ({"level": 1.0}, "level=1.0"),
        ({"held_out": 1.5}, "a share between 0 and 1"),
        ({"held_out": "half"}, "held_out is str"),
        ({"held_out": [0, 9]}, "example 9 of 6"),
        ({"held_out": [0, 0]}, "an example twice"),
        ({"held_out": [0]}, "1 are held out"),
        ({"held_out": range(6)}, "0 are left to fit on"),
        ({"held_out": {"target": 0}}, "has no 'inputs'"),
        ({"held_out": {"inputs": inputs(3, 3), "labels": 0}}, "an entry 'labels'"),
        ({"held_out": {"inputs": inputs(1, 3)}}, "which has no spread"),
        ({"objective": "agreement"}, "pass truth="),
        ({"objective": "baseline_variance"}, "as references="),
        ({"references": torch.zeros(2, 3), "baselines": 0.0}, "both given"),
        ({"against": "nobody"}, "no allocation rule is called 'nobody'"),
        ({"name": "shapley"}, "a built-in rule, which keeps its name"),
    ],
    ids=lambda value: value[:40] if isinstance(value, str) else "-".join(value),  # no addresses
)
def test_options_out_of_range(changed, words):
    calls = []
    plain = every_pair(3)

    def model(rows):
        calls.append(len(rows))
        return plain(rows)

    settings = {"objective": "deletion", "family": "weighted_shapley", "name": "f", **changed}
    with pytest.raises(OptionError, match=words):
        ta.design.fit(model=model, inputs=inputs(6, 3), **settings)
    assert len(calls) <= 4  # the model is tried, and nothing is fitted


def test_shapes_that_do_not_fit():
    model, x = every_pair(3), inputs(6, 3)
    with pytest.raises(ShapeError, match=r"truth has shape \(5, 3\); expected \(6, n\)"):
        ta.design.fit("agreement", "semivalue", model, x, truth=torch.rand(5, 3))
    with pytest.raises(ShapeError, match="truth has 2 columns, and there are 3 players"):
        ta.design.fit("agreement", "semivalue", model, x, truth=torch.rand(6, 2))
    with pytest.raises(ShapeError, match=r"gives shape \(3, 3\); expected one number, or \(3,\)"):
        ta.design.fit(lambda s, e: s, "semivalue", model, x, maximise=True)
    with pytest.raises(NonFiniteError, match="example 5"):
        x[5, 1] = torch.nan  # it may be held out: said before the fit in any case
        ta.design.fit("deletion", "semivalue", model, x, held_out=[4, 5])


def test_too_many_coalitions():
    with pytest.raises(BudgetError, match=r"16,777,216 model outputs for each of 3 .* max_evaluations"):
        ta.design.fit("deletion", "sharing", lambda x: x.sum(1), inputs(6, 24))
    with pytest.raises(OptionError, match=r"has 2\d\d\d free numbers .* no gradient"):
        ta.design.fit(
            agreeing("spearman"), "sharing", lambda x: x.sum(1), inputs(4, 9), truth=torch.rand(4, 9),
            by="coalitions", largest=9,
        )  # fmt: skip


def test_without_the_package_for_evolution_it_is_named_and_gradients_go_on(monkeypatch):
    monkeypatch.setitem(sys.modules, "cma", None)  # as if it were not installed
    model, x = every_pair(3), inputs(6, 3)
    looked_at = []

    def own(scores, examples):
        looked_at.append(scores)
        return scores[:, 0]

    for family in ("weighted_shapley", "power_path"):
        with pytest.raises(MissingExtraError, match=r'pip install "taylorattr\[fit\]"'):
            ta.design.fit(own, family, model, x, maximise=True, name="f")
    assert not looked_at
    assert ta.design.fit("deletion", "weighted_shapley", model, x, name="f", restarts=1, budget=5).fitted


def test_settings_of_objectives():
    with pytest.raises(OptionError, match="'logit'"):
        deletion(output="odds")
    with pytest.raises(OptionError, match="'spearman'"):
        ta.design.fit(agreeing("kendall"), "semivalue", every_pair(3), inputs(6, 3), truth=torch.rand(6, 3))
