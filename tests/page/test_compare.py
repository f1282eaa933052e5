"""The panel Compare in a real Chromium: what is looked at, what a mark says, where names find room."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page, expect

from tests import serving
from tests.browser import Visit, address, idle, sights
from tests.demo.test_compare import write_figures

pytestmark = pytest.mark.browser

PANEL = "#panel-compare"
SHOWN = f"{PANEL} [data-pane]:not([hidden])"
PLOTS = ("table", "codes", "likelihood", "parzen", "frechet", "speed", "cover")


@pytest.fixture(scope="module")
def figures(tmp_path_factory: pytest.TempPathFactory) -> Iterator[serving.Page]:
    folder = tmp_path_factory.mktemp("compare")
    with serving.page(folder, [write_figures(folder / "models")]) as running:
        yield running


def looked_at(page: Page) -> list[str | None]:
    panes = page.locator(SHOWN).all()
    return [pane.get_attribute("data-pane") for pane in panes]


def settled(page: Page) -> None:
    """Two frames on: names have been moved apart."""
    page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")


# Names over each other, over a mark that is not theirs, or beyond the window.
COLLISIONS = """([panel, wide]) => {
    const box = element => element.getBoundingClientRect();
    const cross = (a, b, low, high) => a[low] < b[high] - 1 && b[low] < a[high] - 1;
    const over = (a, b) => cross(a, b, 'left', 'right') && cross(a, b, 'top', 'bottom');
    const plots = [...document.querySelectorAll(`${panel} [data-pane]:not([hidden]) .scatter`)];
    return plots.flatMap(plot => {
        const marks = [...plot.querySelectorAll('.mark:not(.crowded)')];
        const names = marks.map(mark => [mark.dataset.mark, box(mark.querySelector('.name'))]);
        const dots = [...plot.querySelectorAll('.mark')].map(
            mark => [mark.dataset.mark, box(mark.querySelector('.dot, .ring'))]);
        return names.flatMap(([id, name], k) => [
            ...names.slice(k + 1).filter(([, other]) => over(name, other)).map(([other]) => `${id} ${other}`),
            ...dots.filter(([at, dot]) => at !== id && over(name, dot)).map(([at]) => `${id} on ${at}`),
            ...(name.left < 0 || name.right > wide ? [`${id} beyond`] : []),
        ]);
    });
}"""


def test_what_is_looked_at_is_in_the_address_and_asks_nobody(
    figures: serving.Page, visit: Callable[..., Visit]
) -> None:
    page = visit(figures).open("?tab=compare")
    panel = page.locator(PANEL)
    expect(panel.locator(".beside tbody tr:not(.kind)")).to_have_count(4)
    assert looked_at(page) == ["table"]
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    for plot in PLOTS[1:]:
        panel.locator(f"label:has([name=plot][value={plot}])").click()
        expect(page.locator(SHOWN)).to_have_count(1)
        assert looked_at(page) == [plot]
        assert f"plot={plot}" in address(page)
    assert asked == []  # all of it was there
    assert panel.get_attribute("data-waiting") is None

    # The data set is a choice where generators are held against each other, and nowhere else.
    panel.get_by_text("FASHION-MNIST", exact=True).click()
    assert "dataset=fashion-mnist" in address(page)
    expect(page.locator(SHOWN)).to_contain_text("No figure of this kind was measured")
    panel.locator("label:has([name=plot][value=codes])").click()
    expect(panel.locator("[data-whose]")).to_be_hidden()
    panel.locator("label:has([name=plot][value=frechet])").click()
    expect(page.locator(f"{SHOWN} .mark")).to_have_count(1)
    expect(page.locator(f"{SHOWN} .mark")).to_have_attribute("data-mark", "coat")

    # From the keyboard: one stop of the Tab key, the arrows inside.
    panel.locator("[name=plot][value=frechet]").focus()
    page.keyboard.press("ArrowRight")
    assert looked_at(page) == ["speed"]


@pytest.mark.parametrize("plot", PLOTS)
def test_every_plot_has_an_address(figures: serving.Page, visit: Callable[..., Visit], plot: str) -> None:
    visitor = visit(figures)
    asked: list[str] = []
    visitor.page.on("request", lambda request: "queue/join" in request.url and asked.append(request.url))
    page = visitor.open(f"?tab=compare&plot={plot}")
    expect(page.locator(f'{SHOWN}[data-pane="{plot}"]')).to_have_count(1)
    idle(page)
    assert asked == []  # so nobody waits either
    assert page.locator(PANEL).get_attribute("data-waiting") is None


def test_an_address_that_asks_for_nothing_known_shows_the_table(
    figures: serving.Page, visit: Callable[..., Visit]
) -> None:
    page = visit(figures).open("?tab=compare&plot=horoscope&dataset=atlantis")
    expect(page.locator(SHOWN)).to_have_count(1)
    assert looked_at(page) == ["table"]
    page = visit(figures).open("?tab=compare&plot=cover&dataset=atlantis")
    expect(page.locator(f'{SHOWN}[data-dataset="mnist"]')).to_have_count(1)


def test_a_figure_tells_protocol_seed_and_the_papers_to_pointer_and_keyboard(
    figures: serving.Page, visit: Callable[..., Visit]
) -> None:
    page = visit(figures).open("?tab=compare&plot=frechet")
    tooltip = page.get_by_role("tooltip")
    mark = page.locator(f"{SHOWN} [data-mark=gan]")
    mark.locator(".dot").hover()
    expect(tooltip).to_contain_text("Tiny gan")
    expect(tooltip).to_contain_text("8.354")
    expect(tooltip).to_contain_text("how frechet_ratio_to_real is had; seed 0")
    expect(mark).to_have_class(re.compile("looked"))
    page.mouse.move(5, 5)
    expect(tooltip).to_be_hidden()
    page.locator(f"{SHOWN} [data-mark=gan]").focus()
    page.keyboard.press("Tab")
    expect(page.locator(f"{SHOWN} [data-mark=other]")).to_be_focused()
    expect(tooltip).to_contain_text("Tiny other")
    page.keyboard.press("Escape")
    expect(tooltip).to_be_hidden()

    # The list beneath points at its mark; the table tells the same as the plots.
    page.locator(f"{SHOWN} [data-key=other] b").hover()
    expect(page.locator(f"{SHOWN} [data-mark=other]")).to_have_class(re.compile("looked"))
    page.locator(f"{PANEL} label:has([name=plot][value=table])").click()
    page.locator(f"{SHOWN} [data-row^='gan parzen'] .ours > span").hover()
    expect(tooltip).to_contain_text("215.3 ± 2.2, the paper 225")
    expect(page.locator(f"{SHOWN} [data-row^='gan parzen']")).to_contain_text("short by 9.7")
    link = page.locator(f"{SHOWN} [data-row^='gan parzen'] a")
    expect(link).to_have_attribute("href", "https://example.org/paper")


def test_the_speed_is_measured_on_a_press(figures: serving.Page, visit: Callable[..., Visit]) -> None:
    page = visit(figures).open("?tab=compare&plot=speed")
    pane = page.locator(SHOWN)
    expect(pane.locator(".waiting")).to_have_count(2)
    expect(pane.locator(".compare-key")).to_contain_text("not timed yet")
    pane.get_by_role("button", name="Time them").click()
    expect(pane.locator(".waiting")).to_have_count(0)
    for figure in pane.locator(".compare-key b").all():
        assert re.fullmatch(r"[\d.,]+ ms", figure.inner_text())
    assert looked_at(page) == ["speed"]
    # What was measured stays while another plot is looked at.
    page.locator(f"{PANEL} label:has([name=plot][value=cover])").click()
    page.locator(f"{PANEL} label:has([name=plot][value=speed])").click()
    expect(pane.locator(".waiting")).to_have_count(0)


def test_the_switch_changes_names_and_numbers(figures: serving.Page, visit: Callable[..., Visit]) -> None:
    page = visit(figures).open("?tab=compare&plot=codes")
    page.locator("[data-lang=fr]").click()
    expect(page.locator(f"{SHOWN} [data-mark=autoencoder] .name")).to_have_text("Petit autoencoder")
    expect(page.locator(f"{SHOWN} [data-key=autoencoder] b")).to_have_text("1,9 ± 0,010")


def test_names_find_room_and_nothing_scrolls_sideways(
    site: serving.Page, visit: Callable[..., Visit]
) -> None:
    page = visit(site).open("?tab=compare")
    if not page.locator(f"{PANEL} [data-pane]").count():
        pytest.skip("no figure was measured on the files that ship")
    for plot in PLOTS:
        page.locator(f"{PANEL} label:has([name=plot][value={plot}])").click()
        settled(page)
        for sight in sights(page, f"compare-{plot}"):
            sight.fits(PANEL)
            assert page.evaluate(COLLISIONS, [PANEL, sight.width]) == [], (plot, sight)
