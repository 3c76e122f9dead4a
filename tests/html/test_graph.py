"""The page's graph is what ``ta.plot.network`` draws, and nothing is lost."""

import numpy as np
import pytest
import torch

import taylorattr as ta
from taylorattr.graphs.others import OTHERS
from taylorattr.html.contents import EffectSource
from taylorattr.html.graph import RADIUS, UNITS_PER_POINT, graph_view
from taylorattr.html.still import DRAWN_EFFECTS, still
from taylorattr.plot.style import PALETTES
from tests.plot.results import harsanyi, taylor


def source(effects):
    return EffectSource.of(effects, 0)


@pytest.mark.parametrize("effects", [taylor(5, 3), harsanyi(12), taylor(75, 2)], ids=["5", "12", "75"])
def test_players_stand_where_the_matplotlib_picture_puts_them(effects):
    _, ax = ta.plot.network(effects)
    dots = ax.collections[0]
    view = graph_view(source(effects), 0, 10_000)
    positions = np.array([[p["x"], -p["y"]] for p in view["players"]]) / RADIUS
    assert positions == pytest.approx(
        np.asarray(dots.get_offsets()), abs=1e-5
    )  # rounded to a thousandth unit
    sizes = np.array([p["size"] for p in view["players"]]) / UNITS_PER_POINT
    shrunk = dots.get_sizes()[0] / sizes[0] ** 2  # small axes shrink all dots alike
    assert sizes**2 * shrunk == pytest.approx(dots.get_sizes(), rel=2e-2)  # diameters are rounded


def test_pairs_are_the_edges_of_the_matplotlib_picture():
    effects = taylor(6, 2)
    _, ax = ta.plot.network(effects, max_edges=1000)
    view = graph_view(source(effects), 0, 1000)
    palette = PALETTES["red-blue"]
    from matplotlib.colors import to_hex

    drawn = {}
    for patch in ax.patches:
        ends = patch.get_path().vertices[[0, 2]]
        drawn[frozenset(map(tuple, ends.round(4)))] = (
            to_hex(patch.get_edgecolor()),
            patch.get_path().vertices[1],
        )
    assert len(view["effects"]) == len(drawn) == 15
    for effect in view["effects"]:
        ends = [
            (view["players"][m]["x"] / RADIUS, -view["players"][m]["y"] / RADIUS) for m in effect["members"]
        ]
        colour, bend = drawn[frozenset(tuple(np.round(end, 4)) for end in ends)]
        assert colour == palette.of(effect["value"])
        assert bend == pytest.approx(0.35 * np.mean(ends, axis=0), abs=1e-4)


@pytest.mark.parametrize("most", [3, 40, 100_000])
@pytest.mark.parametrize("effects", [taylor(6, 3), harsanyi(6), harsanyi(9, 3), taylor(70, 2)])
def test_what_is_drawn_and_what_is_left_make_the_whole(effects, most):
    view = graph_view(source(effects), 0, most)
    table = effects.interactions if isinstance(effects, ta.TaylorEffects) else effects
    sizes = np.asarray(table.coalitions.sizes)
    several = table.values[0].numpy()[sizes >= 2]
    alone = sum(p["value"] for p in view["players"])
    drawn = sum(e["value"] for e in view["effects"])
    assert drawn + view["left"]["sum"] == pytest.approx(several.sum(), abs=1e-9)
    assert alone + drawn + view["left"]["sum"] == pytest.approx(float(table.total[0]), abs=1e-9)
    size = sum(e["size"] for e in view["effects"]) + view["left"]["size"]
    assert size == pytest.approx(np.abs(several).sum(), rel=1e-12)
    count = sum(e["count"] for e in view["effects"]) + view["left"]["count"]
    assert count == (several != 0).sum()
    strengths = [abs(e["value"]) for e in view["effects"]]
    assert strengths == sorted(strengths, reverse=True)


def test_many_players_are_folded_with_what_they_amount_to():
    effects = taylor(75, 2)
    view = graph_view(source(effects), 0, 1000)
    others = [p for p in view["players"] if p["others"]]
    assert [p["name"] for p in others] == ["15 others"]
    drawn = {p["name"] for p in view["players"]}
    folded = [float(v) for v, name in zip(effects.independent[0], effects.names, strict=True)
              if " ".join(name.split()) not in drawn]  # fmt: skip
    assert len(folded) == 15
    assert others[0]["value"] == pytest.approx(sum(folded))
    assert OTHERS not in drawn
    number = view["players"].index(others[0])
    joined = [effect for effect in view["effects"] if number in effect["members"]]
    assert joined
    for effect in joined:
        (other,) = (m for m in effect["members"] if m != number)
        assert effect["names"] == [view["players"][other]["name"], "one of 15 others, added up"]
        assert effect["count"] == 15


def test_marks_of_three_and_more_stay_inside_and_apart():
    view = graph_view(source(harsanyi(14, 4)), 0, 1000)
    marks = np.array([[e["x"], e["y"]] for e in view["effects"] if e["order"] >= 3]) / RADIUS
    assert len(marks) > 800
    assert np.linalg.norm(marks, axis=1).max() <= 0.8 + 1e-3
    strong = marks[:40]
    apart = np.linalg.norm(strong[:, None] - strong, axis=2) + np.eye(40)
    assert apart.min() > 0.12


def test_integrated_hessians_are_drawn_as_pairs():
    model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Tanh(), torch.nn.Linear(4, 1)).eval()
    hessians = ta.integrated_hessians(model, torch.rand(1, 3))
    view = graph_view(source(hessians), 0, 100)
    total = sum(p["value"] for p in view["players"]) + sum(e["value"] for e in view["effects"])
    assert total == pytest.approx(float(hessians.values.sum()), rel=1e-9)


def test_the_still_picture_begins_as_the_interactive_one():
    view = graph_view(source(harsanyi(8)), 0, 1000)
    picture = still(view)
    assert len(picture.edges) == DRAWN_EFFECTS
    assert [dot[:2] for dot in picture.dots] == [(p["x"], p["y"]) for p in view["players"]]
    assert picture.caption.startswith("The 40 strongest interactions of 247, ")
    left, top, width, height = picture.box
    assert left < -RADIUS and top < -RADIUS and left + width > RADIUS and top + height > RADIUS
