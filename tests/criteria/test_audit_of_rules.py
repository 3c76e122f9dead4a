"""Designed rules are audited and probed as methods of this package are."""

import numpy as np
import pytest
import torch

import taylorattr as ta
from taylorattr.cli import main

X = torch.tensor([[1.0, -0.5, 0.8], [0.3, 1.2, -0.7]])

OWN = """
import taylorattr as ta


def half(S):
    return [1 / len(S) if len(S) != 2 else 0.25] * len(S)


rule = ta.design.rule("halves_of_pairs", half)


def make():
    return ta.design.power_path([1, 2, 3], "made_by_a_factory")


def model(x):
    return x[:, 0] * x[:, 1] + x[:, 2] ** 2
"""


def model(x):
    return torch.tanh(x[:, 0] * x[:, 1]) + x[:, 2] ** 2 * x[:, 0] + x[:, 1]


def statuses(report):
    return {verdict.criterion: verdict.status for verdict in report.verdicts}


@pytest.fixture
def halves():
    return ta.design.rule("half_of_pairs", lambda S: [1 / len(S) if len(S) != 2 else 0.25] * len(S))


def test_what_a_rule_guarantees_is_measured_on_a_network():
    rule = ta.design.power_path([1, 2, 3], "uneven_path")
    found = ta.audit(rule, model, X)
    assert statuses(found) == {"coverage": "holds", "no_leak": "holds", "complete": "holds"}
    assert not found.misuse and float(found.deficit.max()) <= 1e-9  # float64 binding: ladder to 1e-6
    by_name = ta.audit("uneven_path", model, X)
    assert torch.equal(found.allocation, by_name.allocation)
    # A_i({0, 2}) of x₂²x₀ is its share κ_i p_i/Σκ_j p_j = (1, 6)/7
    effect = float(X[0, 2] ** 2 * X[0, 0])
    shares = found.allocation[0, :, 0b101].numpy() / effect
    np.testing.assert_allclose(shares, [1 / 7, 0, 6 / 7], atol=1e-6)


def test_what_a_rule_lacks_is_found(halves):
    found = ta.audit(halves, model, X[:1])
    assert statuses(found) == {"coverage": "holds", "no_leak": "holds", "complete": "fails"}
    effects = ta.harsanyi(model, X[:1]).values[0, 1:].numpy()
    sizes = np.array([mask.bit_count() for mask in range(1, 8)])
    given = found.allocation[0, :, 1:].sum(0).numpy()
    np.testing.assert_allclose(given, np.where(sizes == 2, effects / 2, effects), atol=1e-12)


def test_a_sampled_rule_is_audited_as_such():
    rule = ta.design.weighted_shapley([1, 2, 3], "by_weight")
    found = ta.audit(rule, model, X[:1], way="samples")
    assert statuses(found)["complete"] == "holds"  # orders telescope, so sums are exact
    assert "sampled" in found.summary()


def test_options_of_a_rule_are_checked(halves):
    with pytest.raises(ta.errors.OptionError, match="half_of_pairs has no way 'path'"):
        ta.audit(halves, model, X[:1], way="path")


def test_an_interaction_index_is_refused():
    pairs = ta.design.interaction("sii", 2, "pairs_too")
    with pytest.raises(ta.errors.OptionError, match="pairs_too gives scores to x0 × x2, x1 × x2; an audit"):
        ta.audit(pairs, model, X[:1])


def test_a_rule_is_recognised_by_probing_it(halves):
    assert ta.probe(halves).name == "half_of_pairs"
    assert ta.probe(ta.design.power_path([2, 2, 2], "equal_path")).name == "integrated_gradients"


@pytest.fixture
def place(tmp_path, monkeypatch):
    (tmp_path / "audited_rules.py").write_text(OWN)
    (tmp_path / "t.csv").write_text("a,b,c\n1,2,3\n")
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(("name", "status"), [("rule", 1), ("make", 0)])
def test_on_the_command_line(place, capsys, name, status):
    given = ["--model", "audited_rules:model", "--data", "t.csv"]
    assert main(["audit", "--method", f"audited_rules:{name}", *given]) == status
    text = capsys.readouterr().out
    assert ("✗ complete  fails" in text) == bool(status)


def test_settings_reach_a_rule_on_the_command_line(place, capsys):
    given = ["--model", "audited_rules:model", "--data", "t.csv", "--set", "way=terms", "--set", "order=4"]
    assert main(["audit", "--method", "audited_rules:make", *given]) == 0
    assert "kind of method: unknown" in capsys.readouterr().out
    assert main(["audit", "--method", "semivalue/banzhaf", *given[:4]]) == 0  # pairs only: equals Shapley


def test_too_few_nodes_are_told_from_a_fault_of_the_rule():
    rule = ta.design.power_path([1, 2, 3], "coarse_path")
    found = ta.audit(rule, lambda x: torch.exp(2 * x.sum(1)), X[:1], n_steps=1)
    assert statuses(found)["complete"] == "fails" and "numerical, use ≥" in found.summary()
