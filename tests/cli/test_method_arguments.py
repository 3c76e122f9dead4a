"""Rules of one's own on the command line: named ``module:name``, run on a network, checked."""

import json

import numpy as np
import pytest
import torch

import taylorattr as ta
from taylorattr.cli import main
from taylorattr.cli.data import load

RULES = """
import taylorattr as ta

def weaker(S, strength):
    whole = sum(1 / strength[j] for j in S)
    return [1 / strength[i] / whole for i in S]


rule = ta.design.rule("to_the_weaker", weaker, attributes={"strength": [1 + k % 4 for k in range(16)]})
counted = ta.design.rule("counted_twice", "Indicator(kappa[i] > 0)*s")
of_rules = ta.RULES["semivalue/banzhaf"]
number = 3


def make():
    return ta.design.power_path([1, 2, 3], "from_a_factory")


def broken():
    raise RuntimeError("no coffee")
"""

NETS = """
import torch
from torch import nn


def cnn():
    generator = torch.Generator().manual_seed(0)
    layers = nn.Conv2d(1, 2, 3, stride=2), nn.ReLU()
    model = nn.Sequential(*layers, nn.Flatten(), nn.Linear(18, 10))
    with torch.no_grad():
        for p in model.parameters():
            p.copy_(torch.randn(p.shape, generator=generator) * 0.2)
    return model.eval()


def table(x):
    return x[:, 0] * x[:, 1] + x[:, 2] ** 2
"""


@pytest.fixture
def place(tmp_path, monkeypatch):
    (tmp_path / "rules_of_mine.py").write_text(RULES)
    (tmp_path / "nets_for_rules.py").write_text(NETS)
    (tmp_path / "t.csv").write_text("a,b,c\n1,2,3\n0.5,-1,2\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def on_table(*arguments):
    return main(
        ["attribute", *arguments, "--model", "nets_for_rules:table", "--data", "t.csv", "--rows", "0:2"]
    )


def test_a_rule_of_five_lines_attributes_a_cnn(place, capsys):
    arguments = "attribute rules_of_mine:rule --model nets_for_rules:cnn --data sklearn:digits"
    options = "--players grid:4x4 --target 3 --json --dtype float64"
    assert main([*arguments.split(), *options.split()]) == 0
    found = ta.Attribution.from_dict(json.loads(capsys.readouterr().out))
    assert found.method == "to_the_weaker" and found.player_scores.shape == (1, 16)
    assert found.diagnostics["way"] == "coalitions"
    # against the definition: the effects of all coalitions, shared in proportion to 1/strength
    import nets_for_rules

    x = load("sklearn:digits").tensors[0][:1].double()
    effects = ta.harsanyi(nets_for_rules.cnn(), x, target=3, players=ta.Players.grid(x, (4, 4)))
    members = np.arange(1, 1 << 16)[:, None] >> np.arange(16) & 1
    claims = members / (1 + np.arange(16) % 4)
    expected = effects.values[0, 1:].numpy() @ (claims / claims.sum(1, keepdims=True))
    assert np.abs(found.player_scores[0].numpy() - expected).max() <= 1e-9 * np.abs(expected).sum()
    assert float(found.gap.abs().max()) <= 1e-9 * np.abs(expected).sum()


def test_options_are_those_of_the_rule(place, capsys):
    assert on_table("rules_of_mine:make", "--set", "way=terms", "--set", "order=3", "--json") == 0
    found = ta.Attribution.from_dict(json.loads(capsys.readouterr().out))
    assert found.diagnostics["way"] == "terms" and found.diagnostics["order"] == 3
    # 1·2 is shared as 1 to 2, and 3² stays with c
    torch.testing.assert_close(found.player_scores[0], torch.tensor([2 / 3, 4 / 3, 9.0]).double())
    assert on_table("rules_of_mine:make", "--set", "node=3") == 2
    assert "from_a_factory has no option 'node'; its options: way=" in capsys.readouterr().err


def test_further_rules_go_by_their_names(place, capsys):
    assert on_table("semivalue/banzhaf", "--json") == 0
    banzhaf = ta.Attribution.from_dict(json.loads(capsys.readouterr().out))
    assert on_table("rules_of_mine:of_rules", "--json") == 0
    same = ta.Attribution.from_dict(json.loads(capsys.readouterr().out))
    assert torch.equal(banzhaf.player_scores, same.player_scores)
    # Beta(2, 1) has the moments M_1 = 2/3: 1·2 counts 2·2/3, in equal parts, and so does 3²
    assert on_table("measure/beta", "--set", "a=2", "--set", "b=1", "--json") == 0
    beta = ta.Attribution.from_dict(json.loads(capsys.readouterr().out))
    expected = torch.tensor([4 / 3, 4 / 3, 12.0]).double()
    torch.testing.assert_close(beta.player_scores[0], expected, rtol=1e-5, atol=0)  # computed in float32


@pytest.mark.parametrize(
    ("method", "message"),
    [
        ("measure/beta", "measure/beta reads 'a': first parameter of the Beta distribution"),
        ("lrp_epsilon/relu", "about the inputs of one unit"),
        ("shapely", "did you mean 'shapley'"),
        ("rules_of_mine:absent", "has no attribute 'absent'"),
        ("no_such_module:rule", "No module named"),
        ("rules_of_mine:number", "is int; expected a rule"),
        ("rules_of_mine:weaker", "is a function with arguments; expected a rule"),
        ("rules_of_mine:broken", "the factory raised RuntimeError: no coffee"),
    ],
)
def test_what_is_no_rule_is_said(place, capsys, method, message):
    assert on_table(method) == 2
    assert message in capsys.readouterr().err


def test_a_page_is_about_rules_too(place, capsys):
    given = "report --model nets_for_rules:table --data t.csv --methods rules_of_mine:make,shapley"
    assert main([*given.split(), "--out", "r.html", "--audit", "rules_of_mine:make"]) == 0
    assert "from_a_factory" in (place / "r.html").read_text(encoding="utf-8")


def test_check_takes_designed_rules(place, capsys):
    assert main(["check", "rules_of_mine:make", "--require", "complete", "no_leak", "coverage"]) == 0
    assert "complete holds (term level, frame baseline)" in capsys.readouterr().out
    assert main(["check", "rules_of_mine:rule", "rules_of_mine:counted", "--require", "complete"]) == 1
    printed = capsys.readouterr()
    assert printed.out.splitlines()[1].split() == "to_the_weaker X baseline ✓ ✓ ✓ ✓".split()
    assert "counted_twice: " in printed.err and "to_the_weaker" not in printed.err
    assert main(["check", "rules_of_mine:weaker"]) == 2
    assert "expected a rule" in capsys.readouterr().err
