"""What holds for every picture: texts are text and keep apart, nothing global changes, bad input is named."""

import sys
from dataclasses import replace

import matplotlib
import pytest
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

import taylorattr as ta
from taylorattr import plot
from taylorattr.analysis.players import Players
from taylorattr.errors import MissingExtraError, NonFiniteError, OptionError, PlayerError
from taylorattr.plot import style
from tests.plot import results

SIDE = {1: (1, 1), 5: (1, 5), 60: (6, 10)}


def heat(n, **given):
    x = torch.zeros(1, *SIDE[n])
    players = Players.elements(x, names=results.names(n))
    score = results.attribution(n, shape=SIDE[n], zero=given.pop("zero", False))
    return plot.heat_map(score, x, players=players, **given)


def flow(n, *, zero=False, single=False, **given):
    effects = results.taylor(n, 2, zero=zero)
    pair = [results.reformulation(rule, effects) for rule in ("integrated_gradients", "gradient_x_input")]
    return plot.allocation_flow(*pair[: 1 if single else 2], **given)


def methods(n, *, zero=False, notes=None, **given):
    scores = {
        name: results.attribution(16, seed=s, zero=zero, shape=(4, 4))
        for s, name in enumerate(results.names(n))
    }
    return plot.maps(scores, notes=dict.fromkeys(results.names(n)[:3], results.LONG), **given)


def signals(n, *, zero=False, **given):
    mip = results.inverted(SIDE[n])
    return plot.source_signal(
        mip, torch.rand(1, *SIDE[n], generator=torch.Generator().manual_seed(0)) * (not zero), **given
    )


PICTURES = {
    "maps": methods,
    "cascade": lambda n, zero=False, **k: plot.cascade(results.check(n, zero=zero), **k),
    "kept_neurons": lambda n, zero=False, **k: plot.kept_neurons(results.pruning(n, zero=zero), **k),
    "source_signal": signals,
    "by_order": lambda n, zero=False, **k: plot.by_order(results.taylor(n, 2, zero=zero), **k),
    "top_effects": lambda n, zero=False, **k: plot.top_effects(results.taylor(n, 2, zero=zero), **k),
    "allocation_flow": flow,
    "heat_map": heat,
    "sentence": lambda n, zero=False, **k: plot.sentence(results.taylor(n, 2, zero=zero), **k),
    "upset": lambda n, zero=False, **k: plot.upset(results.taylor(n, 2, zero=zero), **k),
    "comparison": lambda n, zero=False, **k: plot.comparison(
        [
            results.attribution(n, seed=s, zero=zero, method=m)
            for s, m in enumerate(("shapley", "$x_2$", "lrp"))
        ],
        **k,
    ),
    "waterfall": lambda n, zero=False, **k: plot.waterfall(
        results.taylor(n, 2, zero=zero), torch.linspace(0, 1, n)[None], **k
    ),
    "beeswarm": lambda n, zero=False, **k: plot.beeswarm(
        results.taylor(n, 2, batch=6, zero=zero),
        torch.rand(6, n, generator=torch.Generator().manual_seed(0)),
        **k,
    ),
    "importance": lambda n, zero=False, **k: plot.importance(results.taylor(n, 2, batch=6, zero=zero), **k),
    "dependence": lambda n, zero=False, **k: plot.dependence(
        results.taylor(n, 2, batch=6, zero=zero),
        torch.rand(6, n, generator=torch.Generator().manual_seed(0)),
        0,
        **k,
    ),
    "convergence": lambda n, zero=False, **k: plot.convergence(results.taylor(n, 2, zero=zero), **k),
}
OWN = {name: picture for name, picture in PICTURES.items() if name in plot.__all__}


@pytest.fixture(params=sorted(OWN))
def picture(request):
    return OWN[request.param]


@pytest.mark.every(3)
@pytest.mark.parametrize("n", (5, 60))
def test_no_two_texts_overlap_and_none_leaves_the_figure(picture, n):
    figure, _ = picture(n)
    assert results.collisions(figure) == []
    assert results.outside(figure) == []


@pytest.mark.every(3)
def test_texts_do_not_overlap_in_small_axes(picture):
    figure = Figure(figsize=(4.0, 3.0), layout="constrained")
    FigureCanvasAgg(figure)
    ax = figure.add_subplot()
    given = {"single": True} if picture is flow else {}
    assert picture(60, ax=ax, **given) == (figure, ax)
    assert results.collisions(figure) == []
    assert results.outside(figure) == []


@pytest.mark.every(3)
@pytest.mark.parametrize("n", (1, 5))
def test_all_zero_and_one_player_are_pictures_too(picture, n):
    for zero in (True, False):
        figure, _ = picture(n, zero=zero)
        figure.canvas.draw()


def test_names_are_text(picture):
    figure, _ = picture(5)
    found = [text for ax in results._all_axes(figure) for text in [*ax.texts, *ax.get_yticklabels()]]
    users = [text for text in found if "x_1" in text.get_text() or "frac" in text.get_text()]
    assert all(not text.get_parse_math() and not text.get_usetex() for text in users)
    assert all("\n" not in text.get_text() for text in users)


def test_nothing_global_changes(picture):
    before, state = dict(matplotlib.rcParams), torch.random.get_rng_state()
    had = "matplotlib.pyplot" in sys.modules
    picture(5)
    assert dict(matplotlib.rcParams) == before
    assert torch.equal(torch.random.get_rng_state(), state)
    assert ("matplotlib.pyplot" in sys.modules) == had


@pytest.mark.every(3)
def test_on_dark_paper_texts_can_be_read(picture):
    with matplotlib.rc_context(
        {"figure.facecolor": "black", "axes.facecolor": "black", "text.color": "white"}
    ):
        figure, _ = picture(5)
    own_paper = {text for ax in results._all_axes(figure) for text in ax.texts if text.get_bbox_patch()}
    for ax in results._all_axes(figure):
        for text in set(ax.texts) - own_paper:
            if text.get_color() == style.INK:  # dark texts stand on cells that are light
                assert ax.images or any(p.get_path() for p in ax.patches)
                assert picture in (PICTURES["comparison"], PICTURES["sentence"])


@pytest.mark.every(3)
def test_the_same_call_gives_the_same_picture(picture):
    first, second = (picture(5)[0] for _ in range(2))
    for figure in (first, second):
        figure.canvas.draw()
    assert bytes(first.canvas.buffer_rgba()) == bytes(second.canvas.buffer_rgba())


@pytest.mark.every(3)
def test_another_palette_by_argument_is_that_of_the_surrounding_block(picture):
    if picture in (PICTURES["beeswarm"], PICTURES["dependence"]):
        pytest.skip("its colours are values, not signs")
    by_argument, _ = picture(5, palette="orange-purple")
    with ta.plot.palette("orange-purple"):
        by_block, _ = picture(5)
    usual, _ = picture(5)
    drawn = []
    for figure in (by_argument, by_block, usual):
        figure.canvas.draw()
        drawn.append(bytes(figure.canvas.buffer_rgba()))
    assert drawn[0] == drawn[1] != drawn[2]


def test_an_unknown_palette_is_named(picture):
    with pytest.raises(OptionError, match="palette"):
        picture(5, palette="rainbow")


def test_an_example_that_is_not_there_is_named(picture):
    if picture in (PICTURES["beeswarm"], PICTURES["importance"], PICTURES["dependence"]):
        pytest.skip("of the whole batch")
    with pytest.raises(OptionError, match="examples 0 … 0"):
        picture(5, example=1)


def test_without_matplotlib_the_error_names_it(picture, monkeypatch):
    for name in ("matplotlib.figure", "matplotlib.backends.backend_agg"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(MissingExtraError, match="pip install matplotlib"):
        picture(5)


def test_numbers_that_are_not_finite_are_refused():
    effects = results.taylor(5, 2)
    effects.values[0, 3] = float("nan")
    scores = results.attribution(5)
    scores.player_scores[0, 1] = float("inf")
    draw = (plot.by_order, plot.top_effects, plot.upset, plot.sentence, plot.convergence)
    for function in draw:
        with pytest.raises(NonFiniteError, match="NaN or infinite"):
            function(effects)
    with pytest.raises(NonFiniteError, match="1 of 5 scores"):
        plot.comparison([scores])
    with pytest.raises(NonFiniteError):
        plot.allocation_flow(results.reformulation("integrated_gradients", effects))


def test_no_example_is_nothing_to_draw():
    empty = results.taylor(5, 2, batch=0)
    for function in (plot.by_order, plot.top_effects, plot.upset, plot.sentence, plot.convergence):
        with pytest.raises(OptionError, match="no example"):
            function(empty)


def test_no_player_is_nothing_to_draw():
    nobody = replace(results.harsanyi(1, labels=("a",)), names=(), values=torch.ones(1, 1))
    allocated = results.reformulation("shapley", nobody)
    for function in (plot.by_order, plot.top_effects, plot.upset, plot.sentence):
        with pytest.raises(PlayerError, match="no players"):
            function(nobody)
    with pytest.raises(PlayerError, match="no players"):
        plot.allocation_flow(allocated)
    with pytest.raises(PlayerError, match="no players"):
        plot.comparison([allocated.direct])


LABELS = {
    "repeated": ("the", "cat", "the", "cat", "the"),
    "thousands of characters": ("x" * 5000, "y " * 2500, "\n" * 50, "é" * 300, "z"),
    "alike in the middle of a line": tuple(f"{'a' * 90}{i}{'b' * 90}" for i in range(5)),
}


@pytest.mark.every(3)
@pytest.mark.parametrize("labels", LABELS.values(), ids=LABELS)
@pytest.mark.parametrize("name", sorted(set(OWN) - {"heat_map", "source_signal", "dependence"}))
def test_names_of_all_sorts_keep_apart_and_fit(name, labels):
    effects = results.taylor(5, 2, labels=labels)
    source = {
        "allocation_flow": lambda: results.reformulation("integrated_gradients", effects),
        "comparison": lambda: [results.attribution(5, labels=labels)],
        "maps": lambda: [results.attribution(5, method=label) for label in labels],
        "cascade": lambda: [results.check(5, labels=labels, method=label) for label in labels],
        "kept_neurons": lambda: results.pruning(5, labels=labels),
    }.get(name, lambda: effects)()
    figure, _ = getattr(plot, name)(source)
    assert results.collisions(figure) == [] and results.outside(figure) == []


@pytest.mark.slow
@pytest.mark.parametrize("name", ["by_order", "sentence", "top_effects", "upset"])
def test_a_hundred_thousand_effects_are_folded(name):
    effects = results.harsanyi(447, 2, labels=tuple(f"p{i}" for i in range(447)))  # 100,128
    figure, ax = getattr(plot, name)(effects)
    texts = [t.get_text() for a in results._all_axes(figure) for t in [*a.texts, *a.get_yticklabels()]]
    if name != "by_order":
        assert any("99,6" in text or "100,1" in text for text in [*texts, ax.get_title(loc="left")])


def test_results_of_another_kind_are_named():
    scores = results.attribution(5)
    for function in (plot.by_order, plot.upset, plot.convergence, plot.allocation_flow):
        with pytest.raises(OptionError, match="given an? Attribution|given Attribution"):
            function(scores)
    with pytest.raises(OptionError, match="TaylorEffects"):
        plot.comparison([results.taylor(5, 2)])


def test_dir_lists_the_public_names():
    assert dir(ta.plot) == sorted(plot.__all__)
    functions = {name for name in dir(ta.plot) if callable(getattr(plot, name)) and name != "PALETTES"}
    assert functions - {"palette"} == {*PICTURES, "network", "hypergraph", "graph_comparison"}


def test_an_audit_is_drawn_by_the_effects_that_it_measured():
    x = torch.tensor([[1.0, 2.0, -1.0]], dtype=torch.float64)

    def model(z):
        return z[:, 0] * z[:, 1] + 2 * z[:, 2] - z[:, 0] * z[:, 1] * z[:, 2]

    effects, audit = ta.harsanyi(model, x), ta.audit("occlusion_1", model, x)
    for draw in (plot.top_effects, plot.by_order, plot.upset, plot.sentence, plot.network, plot.hypergraph):
        drawn = []
        for source in (effects, audit):
            figure, _ = draw(source)
            drawn.append([text for text, _ in results.boxes(figure)])
        assert drawn[0] == drawn[1], draw.__name__


def test_scores_of_an_attribution_are_bars():
    scores = results.attribution(5)
    _, ax = plot.top_effects(scores, 3)
    largest = scores.player_scores[0].abs().sort(descending=True).values
    assert [abs(bar.get_width()) for bar in ax.patches[:3]] == pytest.approx(largest[:3].tolist())
    assert "5 scores" in ax.get_title(loc="left")
