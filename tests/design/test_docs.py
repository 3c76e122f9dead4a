"""What README and docs/design.md show of designed rules runs as it stands, and lists what there is."""

import re
from pathlib import Path

import torch

import taylorattr as ta
from taylorattr.design.build import CHEAPEST_FIRST

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/design.md").read_text(encoding="utf-8")


def test_the_rule_of_the_readme(capsys):
    text = (ROOT / "README.md").read_text(encoding="utf-8").split("## A rule of your own")[1]
    (code,) = re.findall(r"```\n(def .*?)```", text.split("\n## ")[0], re.S)
    model = torch.nn.Sequential(torch.nn.Linear(4, 16), torch.nn.Tanh(), torch.nn.Linear(16, 1)).eval()
    names = {"ta": ta, "model": model, "x": torch.rand(2, 4)}
    exec(code, names)
    assert "to_the_later: wᵢ(κ)" in capsys.readouterr().out
    # the family of the same idea gives the same scores, and proves what the function only shows
    family = ta.design.ordered([0, 0, 1, 2], "by_stage")
    ours, theirs = (
        ta.attribute(rule, model.double(), names["x"].double()) for rule in (names["rule"], family)
    )
    torch.testing.assert_close(ours.player_scores, theirs.player_scores)
    assert names["rule"].unproved and not family.unproved


def test_the_page_names_every_way_and_every_family():
    assert set(re.findall(r"^\| `(\w+)` \|", PAGE.split("## Run")[1].split("## Verify")[0], re.M)) >= set(
        CHEAPEST_FIRST
    )
    listed = PAGE.split("<!-- families -->")[1].split("<!-- /families -->")[0]
    assert re.findall(r"^\| `(\w+)`", listed, re.M) == list(ta.design.FAMILIES)


def test_links_of_the_page_lead_somewhere():
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", PAGE):
        assert (ROOT / "docs" / target).exists(), target


def test_the_listed_ways_are_those_of_the_rules():
    listed = PAGE.split("<!-- attributors -->")[1].split("<!-- /attributors -->")[0]
    for name, ways in re.findall(r"^\| `([^`]+)` \|.*\| ([^|]*) \|$", listed, re.M):
        if "`" in ways:
            found = dict.fromkeys(way.name for way in ta.design.attributor(name).ways)
            assert ways == ", ".join(f"`{way}`" for way in found), name
