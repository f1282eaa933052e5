"""The page in a real headless Chromium: what a visitor sees, does and gets.

With ``WRITE_DOCS=1`` the README's picture is written to ``docs/``.
"""

from __future__ import annotations

import io
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from playwright.sync_api import Locator, Page, expect

from onnx_models import processors
from tests import serving, tiny
from tests.browser import SLOW_CLOSING, Visit, address, change, idle, sights, source

pytestmark = pytest.mark.browser

ROOT = Path(__file__).resolve().parents[2]
Pixels = NDArray[np.uint8]


# ------------------------------------------------------------------------------------------- what is served


@pytest.fixture(scope="module")
def strangers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model nobody has heard of, one whose file is gone, one whose description is broken."""
    directory = tmp_path_factory.mktemp("strangers") / "models"
    graphs = tiny.rbm(seed=21) | tiny.gan(seed=22)
    tiny.write_strangers(directory, graphs)
    return directory


@pytest.fixture(scope="module")
def strange_site(
    shipped: Path, strangers: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[serving.Page]:
    with serving.page(tmp_path_factory.mktemp("strange"), [shipped, strangers]) as running:
        yield running


# ----------------------------------------------------------------------------------------------- helpers


def pixels(image: Locator) -> Pixels:
    """The ink of a picture on the page, uint8 [height, width], as the browser holds it."""
    return np.asarray(Image.open(io.BytesIO(_decode(source(image)))))[..., -1]


def _decode(uri: str) -> bytes:
    import base64

    assert uri.startswith("data:image/png;base64,")
    return base64.b64decode(uri.partition(",")[2])


def draw_seven(page: Page) -> None:
    box = page.locator(".paper canvas").bounding_box()
    assert box is not None
    path = [(80, 70), (200, 70), (190, 110), (160, 170), (140, 220)]
    page.mouse.move(box["x"] + path[0][0], box["y"] + path[0][1])
    page.mouse.down()
    for x, y in path[1:]:
        page.mouse.move(box["x"] + x, box["y"] + y, steps=5)
    page.mouse.up()


def drag(page: Page, slider: Locator, share: float) -> None:
    """Drag a slider's thumb to a share of its length, by way of many values."""
    slider.scroll_into_view_if_needed()  # the mouse reaches only what is on the screen
    box = slider.bounding_box()
    assert box is not None
    y = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + 8, y)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * share, y, steps=12)
    page.mouse.up()


SEEN = "#panel-draw .seen img"
MADE = "#panel-dream [data-sheet=made] [role=img]"


# ------------------------------------------------------------------------------------------ the first paint


def test_first_paint_has_pictures_without_a_click(site: serving.Page, visit: Callable[..., Visit]) -> None:
    page = visit(site).open()
    expect(page.locator("#panel-draw .card img").first).to_be_visible()
    assert page.locator(".tile img").count() >= 3
    assert page.locator("#panel-draw .card img").count() >= 4
    for image in page.locator("#panel-draw .card img, .tile img").all():
        assert np.ptp(pixels(image)) > 0  # not blank
    page.get_by_role("tab", name="Dream").click()
    expect(page.locator(MADE).first).to_be_visible()
    assert page.locator(MADE).count() == 25
    assert page.locator("#panel-dream .neighbours [role=img]").count() == 6


def test_the_header_says_what_really_runs(site: serving.Page, visit: Callable[..., Visit]) -> None:
    import onnxruntime

    page = visit(site).open()
    expect(page.locator(".runtime")).to_contain_text(f"CPU · onnxruntime {onnxruntime.__version__}")
    expect(page.locator(".runtime")).to_contain_text(re.compile(r"[\d.]+ ms"))
    threads = re.compile(rf"\(threads: {processors.available()}\)")
    expect(page.locator(".runtime .hint")).to_have_attribute("aria-label", threads)


def test_who_cooks_and_its_hint_stay_on_one_line(site: serving.Page, visit: Callable[..., Visit]) -> None:
    page = visit(site).open()
    places = """() => [...document.querySelectorAll(".runtime > span:not(.cook), .cook > *")]
        .map((element) => element.getBoundingClientRect())
        .map(({ left, right, top, bottom }) => [left, right, (top + bottom) / 2])"""
    for sight in sights(page, "header"):
        *words, who, hint = page.evaluate(places)
        assert abs(who[2] - hint[2]) < 6, sight
        assert 4 <= hint[0] - who[1] <= 20, sight
        below = who[2] > words[-1][2] + 6
        assert below or who[0] - words[-1][1] >= 4, sight


def test_nothing_of_gradio_is_left_to_see(site: serving.Page, visit: Callable[..., Visit]) -> None:
    page = visit(site).open()
    assert page.locator("footer:visible").count() == 0
    assert "gradio" not in page.locator("body").inner_text().lower()
    assert page.title() == "Latent Lineage: from RBM to StyleGAN"


def test_the_page_is_set_in_the_typeface_that_it_brings(
    site: serving.Page, visit: Callable[..., Visit]
) -> None:
    """Catches a file that the browser refuses, a rule that names another family, uneven figures."""
    page = visit(site).open("?lang=fr")
    faces = page.evaluate(
        "document.fonts.load('16px \"IBM Plex Sans\"', 'aψ').then(all => all.map(f => f.status))"
    )
    assert faces == ["loaded", "loaded"]
    assert page.evaluate("document.fonts.check('16px \"IBM Plex Sans\"', 'é œ ψ 0,7 · − ±')")
    families = page.evaluate(
        """() => [...new Set([...document.querySelectorAll('main *')]
            .filter(e => e.offsetParent && !e.closest('math')).map(e => getComputedStyle(e).fontFamily))]"""
    )
    assert all(each.split(",")[0].strip("'\"") == "IBM Plex Sans" for each in families), families
    # Every figure is as wide as every other, in any weight.
    widths = page.evaluate(
        """() => [400, 600, 650].map(weight => new Set([...'0123456789'].map(figure => {
            const span = document.querySelector('main').appendChild(document.createElement('span'));
            span.style.cssText = `position: absolute; font: ${weight} 200px 'IBM Plex Sans'`;
            span.textContent = figure;
            const { width } = span.getBoundingClientRect();
            span.remove();
            return width;
        })).size)"""
    )
    assert widths == [1, 1, 1]


# ---------------------------------------------------------------------------------------------------- draw


def test_a_drawn_digit_is_rebuilt_differently_by_two_networks(
    site: serving.Page, visit: Callable[..., Visit]
) -> None:
    page = visit(site).open()
    page.get_by_role("button", name="Clear").click()
    before = page.locator(SEEN).get_attribute("src")
    draw_seven(page)
    change(page, SEEN, before)
    idle(page)  # the answer to the last point of the stroke
    seen = pixels(page.locator(SEEN)).astype(float)
    # As MNIST was prepared: in a box of 20 pixels, the centre of mass in the middle.
    rows, columns = np.nonzero(seen > 25)
    assert max(np.ptp(rows), np.ptp(columns)) <= 20
    middle = (np.indices(seen.shape) * seen).sum(axis=(1, 2)) / seen.sum()
    assert np.abs(middle - 13.5).max() < 1.0
    first, second = (pixels(page.locator("#panel-draw [data-card] > img").nth(k)) for k in (0, 1))
    assert np.ptp(first) > 30
    assert np.ptp(second) > 30
    assert np.abs(first.astype(int) - second).mean() > 1


def test_undo_and_clear(site: serving.Page, visit: Callable[..., Visit]) -> None:
    page = visit(site).open()
    example = page.locator(SEEN).get_attribute("src")
    draw_seven(page)
    change(page, SEEN, example)
    page.get_by_role("button", name="Undo").click()
    page.wait_for_function(
        f"before => document.querySelector('{SEEN}').getAttribute('src') === before", arg=example
    )
    page.get_by_role("button", name="Clear").click()
    expect(page.locator(".prompt")).to_be_visible()  # an empty sheet says what to do
    page.get_by_role("button", name="Undo").click()
    expect(page.locator(".prompt")).to_be_hidden()
    # The example that was there before can be had again, though nothing new is asked of the server.
    page.get_by_role("button", name="Clear").click()
    page.get_by_role("button", name="Example: a 2").click()
    expect(page.locator(".prompt")).to_be_hidden()
    page.wait_for_function(
        """() => { const canvas = document.querySelector('.paper canvas');
            const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
            return data.some((value, k) => k % 4 === 3 && value > 0); }"""
    )


def test_an_example_is_taken_pixel_by_pixel(site: serving.Page, visit: Callable[..., Visit]) -> None:
    page = visit(site).open()
    before = page.locator(SEEN).get_attribute("src")
    page.get_by_role("button", name="Example: a 7").click()
    change(page, SEEN, before)
    assert "example=" in address(page)
    seven = page.locator(SEEN).get_attribute("src")
    page.get_by_role("button", name="Others").click()
    page.get_by_role("button", name="Example: a 7").click()
    change(page, SEEN, seven)


def test_damage_changes_what_the_networks_see(site: serving.Page, visit: Callable[..., Visit]) -> None:
    page = visit(site).open()
    whole = pixels(page.locator(SEEN))
    source = page.locator(SEEN).get_attribute("src")
    page.get_by_text("Cut", exact=True).click()
    change(page, SEEN, source)
    cut = pixels(page.locator(SEEN))
    assert not cut[:, 20:].any()
    assert (cut[:, :14] == whole[:, :14]).all()
    source = page.locator(SEEN).get_attribute("src")
    page.get_by_text("Salt", exact=True).click()
    change(page, SEEN, source)
    salted = pixels(page.locator(SEEN))
    assert 0.25 < (salted[whole == 0] == 255).mean() < 0.55  # 40 percent of the pixels, by chance
    source = page.locator(SEEN).get_attribute("src")
    page.get_by_text("Brush", exact=True).click()
    change(page, SEEN, source)
    draw_seven(page)
    idle(page)
    brushed = pixels(page.locator(SEEN))
    assert (brushed <= whole).all()
    assert (brushed < whole).any() or not whole[7, 8:20].any()


def test_the_steps_slider_lengthens_the_film(site: serving.Page, visit: Callable[..., Visit]) -> None:
    page = visit(site).open()
    frames = page.locator("#panel-draw [data-strip=rbm] li")
    assert frames.count() == 10
    drag(page, page.get_by_role("slider", name="Gibbs steps"), 0.6)
    last = page.locator("#panel-draw [data-strip=rbm] .moment").last
    expect(last).not_to_have_text("9")
    idle(page)
    expect(last).to_have_text(page.locator("#panel-draw output[for=steps]").inner_text())
    first, final = pixels(frames.first.locator("[role=img]")), pixels(frames.last.locator("[role=img]"))
    assert (first != final).any()
    assert page.locator("#panel-draw .curve polyline").first.get_attribute("points")


def test_the_filters_come_when_they_are_asked_for(site: serving.Page, visit: Callable[..., Visit]) -> None:
    page = visit(site).open()
    assert page.locator(".filters img").count() == 0
    page.locator(".drawer summary").first.click()
    expect(page.locator(".filters img").first).to_be_visible()


def test_a_lesson_opens_and_stays_open_while_answers_change(
    site: serving.Page, visit: Callable[..., Visit]
) -> None:
    page = visit(site).open()
    assert page.locator(".lesson:visible").count() == 0
    button = page.locator("#panel-draw [data-lesson]").first
    button.click()
    lesson = page.locator("#panel-draw .lesson:visible")
    expect(lesson.locator("math")).to_be_visible()
    expect(lesson.locator("a")).to_have_attribute("href", re.compile("^https?://"))
    before = page.locator(SEEN).get_attribute("src")
    page.get_by_role("button", name="Example: a 3").click()
    change(page, SEEN, before)
    expect(button).to_have_attribute("aria-expanded", "true")
    expect(lesson).to_be_visible()


def test_a_question_mark_says_its_sentence(site: serving.Page, visit: Callable[..., Visit]) -> None:
    page = visit(site).open()
    page.locator("#panel-draw .hint").first.focus()
    expect(page.get_by_role("tooltip")).to_contain_text("784 pixels")
    page.keyboard.press("Escape")
    expect(page.get_by_role("tooltip")).to_be_hidden()


# --------------------------------------------------------------------------------------------------- dream


def test_dragging_the_seed_changes_the_pictures_and_ends_at_the_last_value(
    site: serving.Page, visit: Callable[..., Visit]
) -> None:
    page = visit(site).open("?tab=dream")
    before = source(page.locator(MADE).first)
    drag(page, page.get_by_role("slider", name="Seed").first, 0.5)
    change(page, MADE, before)
    seed = page.locator("#dream-seed").input_value()
    assert seed != "7"
    assert f"seed={seed}" in address(page)
    idle(page)
    expect(page.locator("#panel-dream .way li").first).to_have_text(f"seed {seed}")
    # The same seed from the address: the drag ended on its last value, not on one that overtook it.
    dragged = source(page.locator(MADE).first)
    other = visit(site).open(f"?tab=dream&seed={seed}")
    expect(other.locator("#panel-dream .way li").first).to_have_text(f"seed {seed}")
    assert source(other.locator(MADE).first) == dragged


def test_no_answer_is_lost_while_gradio_closes_its_stream(
    site: serving.Page, visit: Callable[..., Visit]
) -> None:
    """Catches a desk that waits for ever: its question believed a stream open that was being closed."""
    visitor = visit(site)
    visitor.page.add_init_script(SLOW_CLOSING)
    page = visitor.open("?tab=dream")
    picture = "#panel-dream .sheet [role=img]"
    page.wait_for_selector(picture)
    for _ in range(3):
        before = source(page.locator(picture).first)
        page.locator("#panel-dream [data-surprise=seed]").click()
        change(page, picture, before)
    assert page.evaluate("window.closings") >= 2


def test_nothing_but_leaving_excuses_a_complaint(site: serving.Page, visit: Callable[..., Visit]) -> None:
    """Gradio aborts its own stream when a page is left while an answer is due, and complains of that in the
    console. Catches a `Visit` that takes it for a fault, or overlooks what a page says while it is there.
    """
    visitor = visit(site)
    for seed in range(4):
        page = visitor.open(f"?tab=dream&seed={seed}")
        press = "document.querySelector('#panel-dream [data-surprise]').click()"
        # Left before anything was asked, while it is asked, while it is answered, and when all is well.
        if seed == 1:
            with page.expect_request("**/queue/join*"):
                page.evaluate(press)
        elif seed == 2:
            with page.expect_response("**/queue/join*"):
                page.evaluate(press)
        else:
            page.evaluate(press)
        if seed == 3:
            idle(page)
    visitor.open()
    assert visitor.complaints == []
    with page.expect_console_message(lambda line: line.text == "ours"):
        page.evaluate("console.error('Unexpected error Connection errored out.')")
        page.evaluate("console.error('ours')")
    assert visitor.complaints == ["Unexpected error Connection errored out.", "ours"]
    visitor.complaints.clear()


def test_the_page_says_what_is_on_its_way_and_what_is_answered(
    site: serving.Page, visit: Callable[..., Visit]
) -> None:
    """Catches a promise that tests, and whoever drives the page, would wait on in vain or too briefly."""
    page = visit(site).open("?tab=dream")
    seed = page.locator("#dream-seed").input_value()
    for question in ("1", "2"):
        pending = page.evaluate(
            """() => { document.querySelector('#panel-dream [data-surprise=seed]').click();
                return document.body.dataset.pending; }"""
        )
        chosen = page.locator("#dream-seed").input_value()
        assert chosen == seed or int(pending) > 0  # one chance in a thousand asks nothing
        idle(page)
        if chosen == seed:
            return
        seed = chosen
        views = page.locator("#panel-dream .view[data-answers]")
        assert views.count() == 3
        assert {view.get_attribute("data-of") for view in views.all()} == {question}
        expect(page.locator("#panel-dream .way li").first).to_have_text(f"seed {seed}")
    assert page.locator("body").get_attribute("data-pending") == "0"


def test_surprise_me(site: serving.Page, visit: Callable[..., Visit]) -> None:
    page = visit(site).open("?tab=dream")
    before = source(page.locator(MADE).first)
    page.get_by_role("button", name="Surprise me").click()
    change(page, MADE, before)
    assert page.locator("#dream-seed").input_value() != "7"


def test_a_made_digit_shows_its_nearest_training_digits(
    site: serving.Page, visit: Callable[..., Visit]
) -> None:
    page = visit(site).open("?tab=dream")
    near = "#panel-dream .neighbours li:nth-child(2) [role=img]"
    before = source(page.locator(near))
    chosen = page.locator("#panel-dream [data-sheet=made] button").nth(3)
    chosen.click()
    change(page, near, before)
    expect(chosen).to_have_attribute("aria-pressed", "true")
    assert (
        pixels(page.locator("#panel-dream .picked [role=img]")) == pixels(chosen.locator("[role=img]"))
    ).all()
    distances = page.locator("#panel-dream .neighbours li:not(.picked)").all_inner_texts()
    assert sorted(map(float, distances)) == list(map(float, distances))


def test_how_many_and_which_way(site: serving.Page, visit: Callable[..., Visit]) -> None:
    page = visit(site).open("?tab=dream")
    page.get_by_text("36", exact=True).click()
    expect(page.locator(MADE)).to_have_count(36)
    middle = "#panel-dream .way li:nth-child(5) [role=img]"
    before = source(page.locator(middle))
    page.get_by_text("Straight line").click()
    change(page, middle, before)


def test_the_sheet_can_be_kept(site: serving.Page, visit: Callable[..., Visit]) -> None:
    page = visit(site).open("?tab=dream")
    with page.expect_download() as saved:
        page.get_by_role("button", name="Download PNG").click()
    assert re.fullmatch(r"\w+-seed-7\.png", saved.value.suggested_filename)
    sheet = np.asarray(Image.open(saved.value.path()))
    assert sheet.shape == ((28 * 5 + 8) * 4, (28 * 5 + 8) * 4)


def test_a_seed_out_of_range_is_one_sentence_and_the_rest_goes_on(
    site: serving.Page, visit: Callable[..., Visit]
) -> None:
    page = visit(site).open("?tab=dream")
    page.locator("#dream-seed").fill(str(2**32))
    expect(page.locator("#panel-dream .sheets .problem")).to_contain_text("from 0 to 4294967295")
    page.locator("#dream-seed").fill("12")
    expect(page.locator(MADE)).to_have_count(25)


# ------------------------------------------------------------------------------------------ words, address


def test_the_switch_changes_every_word_and_the_address_keeps_it(
    site: serving.Page, visit: Callable[..., Visit]
) -> None:
    page = visit(site).open()
    page.get_by_role("link", name="FR").click()
    expect(page.get_by_role("tab").first).to_have_text("Dessiner")
    assert page.locator("html").get_attribute("lang") == "fr"
    assert "lang=fr" in address(page)
    assert "réseaux" in (page.locator(SEEN).get_attribute("alt") or "")
    before = page.locator(SEEN).get_attribute("src")
    page.get_by_role("button", name="Exemple : un 4").click()  # answers that come later are in French too
    change(page, SEEN, before)
    expect(page.locator("#panel-draw dt").first).to_contain_text("Erreur")
    page.get_by_role("link", name="EN").click()
    expect(page.get_by_role("tab").first).to_have_text("Draw")


def test_the_address_decides_the_language_before_the_browser_does(
    site: serving.Page, visit: Callable[..., Visit]
) -> None:
    expect(visit(site).open("?lang=fr").get_by_role("tab").first).to_have_text("Dessiner")
    expect(visit(site, locale="fr-FR").open().get_by_role("tab").first).to_have_text("Dessiner")
    expect(visit(site, locale="fr-FR").open("?lang=en").get_by_role("tab").first).to_have_text("Draw")
    expect(visit(site, locale="de-DE").open().get_by_role("tab").first).to_have_text("Draw")


def test_an_address_brings_back_what_was_shared(site: serving.Page, visit: Callable[..., Visit]) -> None:
    page = visit(site).open("?tab=draw&damage=salt&amount=70&steps=50&lang=fr")
    expect(page.locator("#panel-draw [data-strip] .moment").last).to_have_text("50")
    idle(page)
    expect(page.locator("[name=damage][value=salt]")).to_be_checked()
    assert (pixels(page.locator(SEEN)) == 255).mean() > 0.5
    expect(visit(site).open("?tab=nowhere").get_by_role("tab", selected=True)).to_have_text("Draw")


# ------------------------------------------------------------------------------------------- for everybody


def test_everything_is_reached_by_keyboard(site: serving.Page, visit: Callable[..., Visit]) -> None:
    page = visit(site).open()
    page.get_by_role("tab").first.focus()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("tab").nth(1)).to_be_focused()
    expect(page.locator("#panel-dream")).to_be_visible()
    page.keyboard.press("ArrowLeft")
    reached = []
    for _ in range(80):
        page.keyboard.press("Tab")
        reached.append(
            page.evaluate(
                "(e => e.name || e.dataset?.do || e.className || e.tagName)(document.activeElement)"
            )
        )
    for wanted in ("CANVAS", "undo", "clear", "damage", "steps", "hint"):
        assert any(wanted.lower() in name.lower() for name in reached) or wanted == "CANVAS", wanted
    assert any(name == "ink" for name in reached)  # the canvas


def test_a_digit_can_be_drawn_by_keyboard(site: serving.Page, visit: Callable[..., Visit]) -> None:
    page = visit(site).open()
    before = page.locator(SEEN).get_attribute("src")
    page.locator(".paper canvas").focus()
    page.keyboard.press("Delete")
    page.keyboard.press("Space")
    for _ in range(8):
        page.keyboard.press("ArrowDown")
    page.keyboard.press("Space")
    change(page, SEEN, before)
    idle(page)
    rows, columns = np.nonzero(pixels(page.locator(SEEN)) > 128)
    assert np.ptp(rows) > 2 * np.ptp(columns)  # an upright stroke
    page.keyboard.press("Control+z")
    page.keyboard.press("Control+z")
    expect(page.locator(".prompt")).to_be_hidden()


def test_every_picture_says_what_it_shows(site: serving.Page, visit: Callable[..., Visit]) -> None:
    page = visit(site).open()
    for image in page.locator("img").all():
        assert len(image.get_attribute("alt") or "") > 5
    unnamed = page.evaluate(
        """() => [...document.querySelectorAll('button, a, input, canvas, [role=img]')]
            .filter(e => e.closest('main'))
            .filter(e => !(e.ariaLabel || e.textContent.trim() || e.labels?.length
                || e.querySelector?.("img[alt], [role=img][aria-label]")))
            .map(e => e.outerHTML.slice(0, 120))"""
    )
    assert unnamed == []


@pytest.mark.parametrize(("widths", "touch"), [((1280, 1024, 768), False), ((375,), True)])
def test_nothing_scrolls_sideways_but_the_timeline(
    site: serving.Page, visit: Callable[..., Visit], widths: tuple[int, ...], touch: bool
) -> None:
    page = visit(site, has_touch=touch).open()
    for tab in page.get_by_role("tab").all():
        tab.click()
        expect(page.locator("main .picture:visible").last).to_be_visible()
        for sight in sights(page, f"tab-{tab.get_attribute('data-tab')}", widths):
            sight.fits("main", spares=".timeline ol, svg, math")
            sight.whole("main .picture:not(.weights)")
            ground = page.evaluate(
                "getComputedStyle(document.querySelector('.gradio-container')).backgroundColor"
            )
            assert ground == ("rgb(250, 247, 242)" if sight.scheme == "light" else "rgb(28, 27, 26)")
    page.get_by_role("tab").first.click()
    for width in widths:
        page.set_viewport_size({"width": width, "height": 800})
        box = page.locator(".paper canvas").bounding_box()
        assert box is not None
        assert box["width"] >= 240


def test_a_finger_draws(site: serving.Page, visit: Callable[..., Visit]) -> None:
    page = visit(site, viewport={"width": 375, "height": 800}, has_touch=True).open()
    before = page.locator(SEEN).get_attribute("src")
    page.get_by_role("button", name="Clear").click()
    page.locator(".paper canvas").scroll_into_view_if_needed()
    box = page.locator(".paper canvas").bounding_box()
    assert box is not None
    page.touchscreen.tap(box["x"] + 140, box["y"] + 140)
    change(page, SEEN, before)


def test_answers_move_nothing(site: serving.Page, visit: Callable[..., Visit]) -> None:
    # Catches a picture without a size, a number that breaks a line, a row that grows: the page would jump
    # under the pen.
    page = visit(site).open()
    page.evaluate(
        """() => { window.shift = 0; new PerformanceObserver(list => {
            for (const entry of list.getEntries()) window.shift += entry.value;
        }).observe({type: 'layout-shift', buffered: false}); }"""
    )
    page.get_by_role("button", name="Clear").click()
    draw_seven(page)
    idle(page)
    assert page.evaluate("window.shift") < 0.001


def test_a_tile_opens_its_panel_and_calls_its_card(site: serving.Page, visit: Callable[..., Visit]) -> None:
    page = visit(site).open("?tab=dream")
    page.locator(".tile[data-open=draw]").first.click()
    expect(page.locator("#panel-draw")).to_be_visible()
    expect(page.locator("#panel-draw .called")).to_be_visible()
    page.locator(".tile[data-open=dream]").first.click()
    expect(page.locator("#panel-dream")).to_be_visible()


# ---------------------------------------------------------------------------------------------- strangers


def test_an_unseen_model_appears_everywhere_and_a_broken_one_says_why(
    strange_site: serving.Page, visit: Callable[..., Visit]
) -> None:
    page = visit(strange_site).open("?lang=fr")
    tile = page.locator(".tile[data-model=unseen]")
    expect(tile).to_contain_text("2031")
    expect(tile).to_contain_text("Petit unseen")
    expect(page.locator("#panel-draw [data-card=unseen] > img")).to_be_visible()
    expect(page.locator("#panel-draw [data-strip=unseen] [role=img]").first).to_be_visible()
    page.get_by_role("tab").nth(1).click()
    before = source(page.locator(MADE).first)
    page.locator("#panel-dream .desk label", has_text="Petit unseen").click()
    change(page, MADE, before)
    expect(page.locator("#panel-dream [data-card=unseen]")).to_be_visible()
    page.get_by_role("tab").first.click()
    # The file is gone: its card and its tile say so in French; the other cards have their pictures.
    expect(page.locator("#panel-draw [data-card=gone] .problem")).to_contain_text("est absent ou illisible")
    expect(page.locator(".tile[data-model=gone] .problem")).to_be_visible()
    expect(page.locator("[data-problem=unreadable]")).to_contain_text("est illisible")
    assert page.locator("#panel-draw .card > img").count() >= 5


def test_two_visitors_do_not_see_each_other(site: serving.Page, visit: Callable[..., Visit]) -> None:
    first, second = visit(site).open("?tab=dream&seed=3"), visit(site).open("?tab=dream&seed=4")
    mine, theirs = pixels(first.locator(MADE).first), source(second.locator(MADE).first)
    second.get_by_role("button", name="Surprise me").click()
    change(second, MADE, theirs)
    assert first.locator("#dream-seed").input_value() == "3"
    first.get_by_text("16", exact=True).click()
    expect(first.locator(MADE)).to_have_count(16)
    idle(first)
    assert (pixels(first.locator(MADE).first) == mine).all()
    assert second.locator(MADE).count() == 25


def test_the_server_never_left_the_machine(site: serving.Page) -> None:
    assert site.outside_attempts() == []


# --------------------------------------------------------------------------------------------- pictures


def test_the_theme_can_be_asked_for(site: serving.Page, visit: Callable[..., Visit]) -> None:
    page = visit(site).open("?__theme=dark")
    expect(page.locator(".gradio-container")).to_have_css("background-color", "rgb(28, 27, 26)")


@pytest.mark.skipif(os.environ.get("WRITE_DOCS") != "1", reason="WRITE_DOCS=1 writes the README's picture")
def test_the_picture_of_the_readme(site: serving.Page, visit: Callable[..., Visit]) -> None:
    page = visit(site, viewport={"width": 1280, "height": 900}).open("?lang=en")
    expect(page.locator("#panel-draw .card img").first).to_be_visible()
    (ROOT / "docs").mkdir(exist_ok=True)
    page.screenshot(path=ROOT / "docs" / "page.png")
