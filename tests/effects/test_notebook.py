"""Results in a notebook: the numbers that print, bars to their scale, names as text, no scripts."""

import re

import pytest
import torch

import taylorattr as ta

X = torch.tensor([[1.0, 2.0, -1.0]] * 5, dtype=torch.float64)
NAMES = ("<script>alert(1)</script>", "a & b", "c")


def model(x):
    return 3 * x[:, 0] + x[:, 1] * x[:, 2] - x[:, 2]


@pytest.fixture(params=["harsanyi", "index", "decompose", "attribute"])
def result(request):
    players = ta.Players.elements(X, names=NAMES)
    if request.param == "decompose":
        return ta.decompose(model, X, players=players, order=2)
    if request.param == "attribute":
        return ta.attribute("occlusion_1", model, X, players=players)
    effects = ta.harsanyi(model, X, players=players)
    return effects if request.param == "harsanyi" else effects.index("SII")


def test_the_largest_entries_stand_in_a_table_with_bars_to_scale(result):
    page = result._repr_html_()
    first = page.split("</table>")[0]
    top = result.top(10)[0]
    assert [float(v) for v in re.findall(r">([+-][\d.]+)</td>", first)] == pytest.approx(
        [e.value for e in top]
    )
    widths = [float(w) for w in re.findall(r"margin-left:[\d.]+px;width:([\d.]+)px", first)]
    assert widths == pytest.approx([60 * abs(e.value / top[0].value) for e in top], abs=0.06)
    lefts = [float(v) for v in re.findall(r"margin-left:([\d.]+)px", first)]
    assert [left == 60 for left in lefts] == [e.value > 0 for e in top]
    assert page.count("<table") == 3 and "… and 2 more examples" in page


def test_names_are_text_and_there_is_no_script(result):
    page = result._repr_html_()
    assert "<script" not in page and "&lt;script&gt;" in page and "a &amp; b" in page
    assert page.count("<div") == page.count("</div>")


def test_what_must_be_known_is_said():
    scores = ta.attribute("occlusion_1", model, X)
    assert float(scores.relative_gap[0]) > 0.01 and "⚠ the gap is" in scores._repr_html_()
    exact = ta.attribute("shapley", model, X)
    assert "⚠" not in exact._repr_html_()
    series = ta.decompose(lambda x: torch.atan(3 * x).sum(1), X, order=3)
    assert "⚠ not converged" in series._repr_html_()


def test_other_results_are_as_they_print():
    report = ta.audit("shapley", model, X[:1])
    page = report._repr_html_()
    assert page.startswith("<pre") and "shapley" in page


@pytest.mark.slow
def test_cells_of_a_notebook_show_pictures_and_tables(monkeypatch):
    monkeypatch.delenv("MPLBACKEND", raising=False)  # the kernel chooses its own
    nbformat, nbclient = pytest.importorskip("nbformat"), pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    start = "import torch, taylorattr as ta\ne = ta.harsanyi(torch.nn.Linear(4, 1), torch.rand(1, 4))"
    cells = [start, "fig, ax = ta.plot.top_effects(e)", "ta.plot.waterfall(e)[0];", "e"]
    book = nbformat.v4.new_notebook()
    book.cells = [nbformat.v4.new_code_cell(cell) for cell in cells]
    nbclient.NotebookClient(book, timeout=120, kernel_name="python3").execute()
    shown = [{kind for out in cell.outputs for kind in out.get("data", {})} for cell in book.cells[1:]]
    assert "image/png" in shown[0] and "image/png" in shown[1] and "text/html" in shown[2]
