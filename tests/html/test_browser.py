"""The page in a real browser: it stays quiet, asks for nothing, and does what its controls say."""

import csv
import io
import json
import time

import pytest

import taylorattr as ta
from tests.html.browser import Page, open_browser
from tests.html.pages import HOSTILE
from tests.plot.results import harsanyi, taylor

GRAPH = "document.getElementById('graph-canvas').cytoscape"


@pytest.fixture(scope="module")
def page():
    driver = open_browser()
    try:
        yield Page(driver)
    finally:
        driver.quit()


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    effects = harsanyi(14, 4, labels=tuple(f"player {i}" for i in range(14)))
    return ta.report(tmp_path_factory.mktemp("many") / "many.html", effects)


def shown(page):
    return page.run(
        f"return {GRAPH}.elements('[effect]').filter(e => !e.hasClass('off')).map(e => e.data('effect'))"
    )


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_it_loads_quietly_and_asks_for_nothing(page, full, tmp_path, dark):
    page.show(full, dark=dark)
    assert page.text("#graph-shown")
    assert page.run("return document.getElementById('graph-canvas').dataset.ready") == "true"
    assert page.complaints() == []
    assert [url for url in page.requests() if not url.startswith("data:")] == []
    assert page.screenshot(tmp_path / "page.png").stat().st_size > 20_000


def test_the_policy_forbids_what_the_page_does_not_need(page, full):
    page.show(full)
    page.run(
        "const i = new Image(); i.src = 'http://127.0.0.1:9/x.png'; document.body.append(i); fetch('http://127.0.0.1:9/')"
    )
    time.sleep(0.2)
    refused = [line for line in page.complaints() if "Content Security Policy" in line]
    assert any("img-src" in line for line in refused)
    assert any("connect-src" in line or "default-src" in line for line in refused)


def test_names_stay_text_everywhere(page, full):
    page.show(full)
    assert page.driver.title == HOSTILE[1]
    assert page.text("h1") == HOSTILE[1]
    assert page.run("return document.querySelectorAll('img').length") == 0
    assert page.run("return document.querySelectorAll('main script').length") == 0
    cells = page.all("#effects td bdi")
    assert HOSTILE[0] in cells and HOSTILE[1] in cells
    data = page.run("return Report.tables['effects-s0-0'].rows.map(row => row[0])")
    assert set(HOSTILE) <= set(data), "downloads carry names as they were given"
    for word in ("<script>", "onerror"):
        page.put("#graph-search", word)
        assert page.text("#graph-found").startswith("1 player")
        assert page.text("#graph-detail b") in HOSTILE
    page.put("#graph-search", "")
    page.run(f"{GRAPH}.getElementById('p0').emit('mouseover')")
    assert page.text("#graph-tip b") == HOSTILE[0]
    assert page.complaints() == []


def test_the_order_slider_hides_larger_coalitions(page, full):
    page.show(full)
    page.put("#graph-threshold", "0")
    sizes = page.run("return Report.graphs['s0-0'].effects.map(e => e.order)")
    for most in (1, 2, 3):
        page.put("#graph-order", str(most))
        assert sorted(set(shown(page))) == [k for k, size in enumerate(sizes) if size <= most]
        drawn = page.run("return Number(document.getElementById('graph-canvas').dataset.shown)")
        assert drawn == sum(size <= most for size in sizes)


def test_the_threshold_slider_keeps_what_is_at_least_as_large(page, full):
    page.show(full)
    page.put("#graph-order", "3")
    values = [abs(v) for v in page.run("return Report.graphs['s0-0'].effects.map(e => e.value)")]
    counts = []
    for step in (0, 60, 120, 200):
        page.put("#graph-threshold", str(step))
        level = min(values) * (max(values) / min(values)) ** (step / 200) * (1 - 1e-9)
        kept = sorted(set(shown(page)))
        assert kept == [k for k, value in enumerate(values) if value >= level]
        counts.append(len(kept))
    assert counts[0] == len(values) and counts[-1] == 1
    assert counts == sorted(counts, reverse=True)


def test_search_lights_the_players_found_and_dims_the_others(page, full):
    page.show(full)
    page.put("#graph-threshold", "0")
    page.put("#graph-search", "quoted")
    lit = page.run(f"return {GRAPH}.elements('.player.hot').map(e => e.data('player'))")
    assert lit == [2]
    touching = page.run(f"return {GRAPH}.elements('[effect].hot').map(e => e.data('effect'))")
    members = page.run("return Report.graphs['s0-0'].effects.map(e => e.members)")
    assert set(touching) == {k for k, who in enumerate(members) if 2 in who}
    page.put("#graph-search", "nobody")
    assert page.text("#graph-found") == "no player has this in its name"
    page.put("#graph-search", "")
    assert page.run(f"return {GRAPH}.elements('.dim').length") == 0


def test_the_keyboard_steps_through_what_is_shown(page, full):
    page.show(full)
    page.run("document.getElementById('graph-canvas').focus()")
    assert page.run("return document.activeElement.id") == "graph-canvas"
    page.press("#graph-canvas", "ArrowRight")
    first = page.text("#graph-detail")
    page.press("#graph-canvas", "ArrowRight")
    assert page.text("#graph-detail") != first
    page.press("#graph-canvas", "ArrowLeft")
    assert page.text("#graph-detail") == first
    strongest = page.run("return Math.max(...Report.graphs['s0-0'].players.map(p => Math.abs(p.value)))")
    assert f"{strongest:.4g}" in first
    page.press("#graph-canvas", "Escape")
    assert page.run(f"return {GRAPH}.elements('.hot').length") == 0
    before = page.run(f"return {GRAPH}.zoom()")
    page.press("#graph-canvas", "+")
    assert page.run(f"return {GRAPH}.zoom()") > before


def test_every_control_has_a_name_and_can_be_reached(page, full):
    page.show(full)
    nameless = page.run(
        "return [...document.querySelectorAll('button, input, select, summary, [tabindex]')]"
        ".filter(e => e.tabIndex < 0 || !(e.textContent.trim() || e.getAttribute('aria-label')"
        " || e.closest('label')?.textContent.trim())).map(e => e.outerHTML.slice(0, 90))"
    )
    assert nameless == []


def test_a_click_on_a_head_sorts_its_table(page, full):
    page.show(full)
    frame = '[data-table="effects-s0-0"]'
    page.run(f"document.querySelector('{frame} th:nth-child(3) button').click()")
    rows = page.run("return Report.tables['effects-s0-0'].rows")
    order = sorted(range(len(rows)), key=lambda k: -rows[k][2])
    names = page.all(f"{frame} tbody td:first-child")
    assert names[0] == rows[order[0]][0].replace("\n", " ")
    assert page.run(f"return document.querySelector('{frame} th:nth-child(3)').ariaSort") == "descending"
    page.run(f"document.querySelector('{frame} th:nth-child(3) button').click()")
    assert page.all(f"{frame} tbody td:first-child") == names[::-1]
    foot = page.all(f"{frame} tfoot td:first-child")
    assert foot == ["sum of all"]


def test_a_filter_keeps_the_rows_that_hold_a_word(page, full):
    page.show(full)
    frame = '[data-table="effects-s0-0"]'
    page.put(f"{frame} input", "quoted")
    kept = page.run(
        f"return [...document.querySelectorAll('{frame} tbody tr')].filter(r => !r.hidden)"
        ".map(r => r.cells[0].textContent)"
    )
    assert kept and all("quoted" in name for name in kept)
    rows = page.run("return Report.tables['effects-s0-0'].rows")
    assert len(kept) == sum("quoted" in row[0] for row in rows)


def downloaded(page, frame, label):
    """Text that a click on a download hands to the browser."""
    return page.driver.execute_async_script(
        "const done = arguments[2], made = URL.createObjectURL;"
        "URL.createObjectURL = (blob) => { blob.text().then(done); return made(blob); };"
        "HTMLAnchorElement.prototype.click = () => {};"
        "[...document.querySelectorAll(arguments[0] + ' .tools button')]"
        ".find(b => b.textContent === arguments[1]).click();",
        frame, label,
    )  # fmt: skip


def test_downloads_hold_every_digit_and_names_stay_text(page, full):
    page.show(full)
    frame = '[data-table="effects-s1-0"]'
    table = json.loads(downloaded(page, frame, "JSON"))
    saved = page.run("return Report.tables['effects-s1-0']")
    assert table == saved
    page.show(full)
    rows = list(csv.reader(io.StringIO(downloaded(page, frame, "CSV"), newline="")))
    assert rows[0] == saved["columns"]
    values = {row[0]: row[2] for row in rows[1:]}
    for row in saved["rows"]:
        name = "'" + row[0] if row[0].startswith("=") else row[0]
        assert float(values[name]) == row[2]
    assert any(name.startswith("'=HYPERLINK") for name in values), "a spreadsheet would run it"


def test_one_example_of_a_batch_at_a_time(page, full):
    page.show(full)
    visible = (
        "return [...document.querySelectorAll('[data-example]')].filter(e => !e.hidden)"
        ".map(e => e.dataset.example)"
    )
    assert set(page.run(visible)) == {"0"}
    first = page.run(f"return {GRAPH}.elements('[player]').map(e => e.data('size'))")
    page.put("#example", "1")
    assert set(page.run(visible)) == {"1"}
    assert page.run(f"return {GRAPH}.elements('[player]').map(e => e.data('size'))") != first


def test_another_result_is_drawn_when_it_is_chosen(page, full):
    page.show(full)
    page.put("#graph-source", "s1")
    assert page.run("return Number(document.getElementById('graph-order').max)") == 5
    assert (
        page.run(f"return {GRAPH}.elements('.several').length") == 16
    )  # subsets of five of size three and more


def test_tables_are_there_without_scripts(page, full, tmp_path):
    page.show(full, scripts=False)
    try:
        page.screenshot(tmp_path / "plain.png")
        root = page.driver.execute_cdp_cmd("DOM.getDocument", {"depth": 1})["root"]["nodeId"]

        def count(css):
            found = page.driver.execute_cdp_cmd("DOM.querySelectorAll", {"nodeId": root, "selector": css})
            return len(found["nodeIds"])

        assert count("#effects tbody tr") > 20
        assert count("[data-example]:not([hidden])") > 4
        assert count("button:not([hidden] *)") == 0, "a control that does nothing is not shown"
        assert count(".still svg circle") == 5 * 2 * 2
    finally:
        page.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})


def test_paper_is_light_and_holds_the_still_picture(page, full):
    page.show(full, dark=True)
    features = [{"name": "prefers-color-scheme", "value": "dark"}]
    page.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print", "features": features})
    style = "return getComputedStyle(document.querySelector(arguments[0]))[arguments[1]]"
    assert page.run(style, "body", "backgroundColor") == "rgb(255, 255, 255)"
    assert page.run(style, "#graph-view", "display") == "none"
    assert page.run(style, ".still", "display") == "block"
    assert page.run(style, "nav.sections", "display") == "none"


@pytest.mark.parametrize("width", [390, 1280])
def test_nothing_sticks_out_of_the_page(page, full, width):
    page.show(full, width=width)
    assert page.run("return document.documentElement.scrollWidth") <= width


def test_a_thousand_coalitions_stay_responsive(page, many, tmp_path):
    page.show(many)
    assert page.run("return Report.graphs['s0-0'].effects.length") == 1000
    assert "456 more are too small to be drawn" in page.text("#graph-shown")
    script = (
        "const s = document.getElementById('graph-threshold'); const t = performance.now();"
        "for (const v of [200, 150, 100, 50, 0]) { s.value = v; s.dispatchEvent(new Event('input')); }"
        "return (performance.now() - t) / 5"
    )
    assert page.run(script) < 500, "a step of a slider, in milliseconds, on a shared machine"
    assert len(set(shown(page))) == 1000
    frames = page.driver.execute_async_script(
        f"const done = arguments[0], cy = {GRAPH}; let n = 0; const t = performance.now();"
        "const next = () => { cy.panBy({x: 1, y: 0}); if (++n < 8) requestAnimationFrame(next);"
        " else done((performance.now() - t) / 8); };"
        "requestAnimationFrame(next);"
    )
    assert frames < 1000, "a frame while everything is dragged, in milliseconds"
    page.screenshot(tmp_path / "many.png")
    assert page.complaints() == []


def test_what_was_hidden_stays_hidden_when_a_graph_is_drawn_again(page, many):
    page.show(many)
    before = sorted(set(shown(page)))
    page.put("#graph-source", "s0")
    assert sorted(set(shown(page))) == before
    assert page.run("return Number(document.getElementById('graph-canvas').dataset.shown)") == len(before)


def test_only_what_is_shown_is_built(page, many):
    page.show(many)
    built = page.run(f"return new Set({GRAPH}.elements('[effect]').map(e => e.data('effect'))).size")
    assert built == page.run("return Number(document.getElementById('graph-canvas').dataset.shown)") < 60
    page.put("#graph-threshold", "0")
    assert len(set(shown(page))) == 1000


def overlaps(page):
    """Pairs of names in the picture whose boxes meet; turned names are left out."""
    boxes = page.run(
        f"return {GRAPH}.elements('.label').map(e => e.renderedBoundingBox({{includeNodes: false}}))"
        ".map(b => [b.x1, b.y1, b.x2, b.y2])"
    )
    pairs = [(a, b) for k, a in enumerate(boxes) for b in boxes[k + 1 :]]
    return [
        (a, b)
        for a, b in pairs
        if min(a[2], b[2]) - max(a[0], b[0]) > 2 and min(a[3], b[3]) - max(a[1], b[1]) > 2
    ]


@pytest.mark.parametrize("count", [1, 2, 5, 14])
def test_names_do_not_meet(page, tmp_path, count):
    path = ta.report(tmp_path / "p.html", taylor(count, 2))
    for width in (1280, 390):
        page.show(path, width=width)
        assert overlaps(page) == []
        page.screenshot(tmp_path / f"{count}-{width}.png")
    assert page.complaints() == []
