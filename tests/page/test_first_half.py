"""Every control between the RBM and the GAN driven once in a real Chromium: verdicts, the movie, the map."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Locator, Page, expect

from onnx_models import catalog
from tests import serving, tiny
from tests.browser import Visit, address, change, idle, redrawn, sights
from tests.page.test_page import SEEN, draw_seven

pytestmark = pytest.mark.browser

ENDED = "() => document.querySelector('#panel-movie .transport input')?.value === '300'"


@pytest.fixture(scope="module")
def half(site: serving.Page, tmp_path_factory: pytest.TempPathFactory) -> Iterator[serving.Page]:
    """The models that ship, once a DBN and a code of two numbers are among them; tiny ones until then."""
    folder = tmp_path_factory.mktemp("half")
    shipped = catalog.load()
    stack = [model for model in shipped.having("gibbs_step", "decode") if model.has("classify")]
    maps = shipped.having("encode", "decode", kinds=("exhibit",))
    if stack and len(maps) > 1:
        yield site
        return
    with serving.page(folder, [tiny.write_first_half(folder / "models")]) as running:
        yield running


def shown(canvas: Locator) -> np.ndarray:
    """The ink on a canvas, uint8 [height, width]."""
    ink, height, width = canvas.evaluate(
        """canvas => {
            const { width, height } = canvas;
            const { data } = canvas.getContext("2d").getImageData(0, 0, width, height);
            return [[...data].filter((_, k) => k % 4 === 3), height, width];
        }"""
    )
    return np.array(ink, np.uint8).reshape(height, width)


def stop(page: Page) -> Locator:
    """Let the movie arrive, stop it and return its scrubber."""
    page.wait_for_function(
        "() => document.querySelector('#panel-movie .transport input')?.style"
        ".getPropertyValue('--ready') === '100%'"
    )
    playing = page.locator("#panel-movie .play.playing")
    if playing.count():
        playing.click()
    return page.locator("#panel-movie .transport input")


def seek(scrub: Locator, step: int) -> None:
    scrub.fill(str(step))


def another_movie(page: Page, step: int, before: np.ndarray) -> None:
    """The first chain shows something else at ``step``, once the movie that was asked for is there."""
    idle(page)
    seek(stop(page), step)
    assert (shown(page.locator("#panel-movie [data-chain]").first) != before).any()


# ------------------------------------------------------------------------------------------------- verdicts


def test_the_verdict_follows_the_pen(half: serving.Page, visit: Callable[..., Visit]) -> None:
    page = visit(half).open()
    verdicts = page.locator("#panel-draw .verdict")
    assert verdicts.count() >= 2  # a model's and a judge's
    for verdict in verdicts.all():
        assert verdict.locator("li").count() == 10
    before = verdicts.first.inner_html()
    seen = page.locator(SEEN).get_attribute("src")
    page.get_by_role("button", name="Clear").click()
    draw_seven(page)
    change(page, SEEN, seen)
    page.wait_for_function(
        "before => document.querySelector('#panel-draw .verdict').innerHTML !== before", arg=before
    )
    judge = page.locator("#panel-draw [data-verdict=classifier_cnn]")
    # Read in one go: answers to the last strokes may still be on their way.
    label, sure, named = judge.evaluate(
        """judge => [...[".numeral", ".sure"].map(part => judge.querySelector(part).innerText),
            judge.querySelector(".chosen").getAttribute("aria-label")]"""
    )
    assert named == f"{label}: {sure}"
    judge.get_by_role("button").click()  # its name opens its lesson
    expect(page.locator("#panel-draw .lesson:visible")).to_have_attribute("data-lesson-of", "classifier_cnn")


def test_the_four_families_stand_in_one_row_or_two_by_two(
    half: serving.Page, visit: Callable[..., Visit]
) -> None:
    """Catches cards that wrap: side by side means comparable at a glance."""
    page = visit(half).open()
    for width, rows in ((1280, 1), (1000, 1), (768, 1), (375, 2)):
        page.set_viewport_size({"width": width, "height": 900})
        boxes = page.evaluate(
            "() => [...document.querySelectorAll('#panel-draw [data-card]')]"
            ".map(e => e.getBoundingClientRect()).map(({ x, y, width }) => [x, y, width])"
        )
        assert len(boxes) == 4
        assert len({y for _, y, _ in boxes}) == rows, width
        assert len({x for x, _, _ in boxes}) == 4 // rows, width
        assert np.ptp([across for _, _, across in boxes]) < 0.1


def test_a_visitor_chooses_who_answers_and_the_address_keeps_it(
    half: serving.Page, visit: Callable[..., Visit]
) -> None:
    page = visit(half).open()
    cards = page.locator("#panel-draw [data-card]")
    usual = [card.get_attribute("data-card") for card in cards.all()]
    assert page.locator("#panel-draw .chip:visible").count() == 0
    page.get_by_text("Choose who answers").click()
    box = page.locator("#panel-draw .chip [value=autoencoder_2]")
    box.check()
    expect(page.locator("#panel-draw [data-card=autoencoder_2] > img")).to_be_visible()
    page.locator("#panel-draw .chip [value=rbm]").uncheck()
    expect(page.locator("#panel-draw [data-card=rbm]")).to_have_count(0)
    again = visit(half).open(address(page).partition("/?")[2].join(["?", ""]))
    expect(again.locator("#panel-draw [data-card=autoencoder_2] > img")).to_be_visible()
    expect(again.locator("#panel-draw [data-card=rbm]")).to_have_count(0)
    again.get_by_text("Choose who answers").click()
    expect(again.locator("#panel-draw .chip [value=autoencoder_2]")).to_be_checked()
    expect(again.locator("#panel-draw .chip [value=rbm]")).not_to_be_checked()
    # With nobody left the usual ones answer again, and the address is short again.
    for model in ("dbn", "autoencoder", "autoencoder_2", "vae"):
        page.locator(f"#panel-draw .chip [value={model}]").click()
    idle(page)
    expect(cards).to_have_count(len(usual))
    assert [card.get_attribute("data-card") for card in cards.all()] == usual
    expect(page.locator("#panel-draw .chip [value=rbm]")).to_be_checked()
    assert "models=" not in address(page)


def test_an_address_that_asks_nobody_known_is_one_sentence(
    half: serving.Page, visit: Callable[..., Visit]
) -> None:
    page = visit(half).open("?tab=draw&models=nobody")
    expect(page.locator("#panel-draw .answers .problem")).to_contain_text("no model called 'nobody'")
    assert page.locator("#panel-draw [data-card]").count() == 4  # the last good answer stays


def test_a_tile_asks_its_network_to_answer(half: serving.Page, visit: Callable[..., Visit]) -> None:
    """Catches a tile whose card is not there because its network was not asked."""
    page = visit(half).open("?tab=draw&models=rbm")
    expect(page.locator("#panel-draw [data-card]")).to_have_count(1)
    page.locator(".tile[data-model=dbn]").click()
    expect(page.locator("#panel-draw [data-card=dbn].called")).to_be_visible()


# ---------------------------------------------------------------------------------------------------- movie


def test_the_movie_plays_scrubs_and_shows_every_layer(
    half: serving.Page, visit: Callable[..., Visit]
) -> None:
    page = visit(half).open()
    page.get_by_role("tab", name="Movie").click()
    chains = page.locator("#panel-movie [data-chain]")
    expect(chains).to_have_count(10)
    page.wait_for_function("() => Number(document.querySelector('#panel-movie .transport input').value) > 3")
    scrub = stop(page)
    seek(scrub, 300)
    last = [shown(chain) for chain in chains.all()]
    assert all(np.ptp(frame) > 30 for frame in last)
    assert any((frame != last[0]).any() for frame in last[1:])  # one chain is not another
    scrub.focus()
    page.keyboard.press("Home")
    expect(page.locator("#panel-movie .transport output")).to_contain_text("0 / 300")
    first = shown(chains.first)
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    expect(page.locator("#panel-movie .transport output")).to_contain_text("2 / 300")
    assert (shown(chains.first) != first).any()
    layers = page.locator("#panel-movie [data-layer]")
    assert layers.count() == 5
    before = [shown(layer) for layer in layers.all()]
    page.get_by_role("radio", name="Chain 4, label held at 3").check()
    after = [shown(layer) for layer in layers.all()]
    assert all((one != other).any() for one, other in zip(before, after, strict=True))
    seek(scrub, 300)
    assert shown(layers.last)[0].argmax() == 3  # by then the memory believes the label that is held
    assert len((page.locator(".movie .chosen").last.get_attribute("points") or "").split()) == 301
    page.keyboard.press("Shift+Tab")
    page.get_by_role("button", name="Play").click()
    page.wait_for_function("() => Number(document.querySelector('#panel-movie .transport input').value) > 6")
    page.get_by_role("button", name="Pause").click()


def test_a_click_on_the_curve_goes_there(half: serving.Page, visit: Callable[..., Visit]) -> None:
    page = visit(half).open("?tab=movie")
    stop(page)
    box = page.locator(".movie .energy").bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + box["width"] / 3, box["y"] + 20)
    expect(page.locator("#panel-movie .transport output")).to_contain_text("100 / 300")


def test_a_label_a_seed_and_the_drawing_change_the_movie(
    half: serving.Page, visit: Callable[..., Visit]
) -> None:
    page = visit(half).open()
    page.get_by_role("button", name="Clear").click()
    draw_seven(page)
    idle(page)
    page.get_by_role("tab", name="Movie").click()
    scrub = stop(page)
    first = page.locator("#panel-movie [data-chain]").first
    panel = page.locator("#panel-movie")
    seek(scrub, 0)
    noise = shown(first)
    panel.get_by_text("Your drawing", exact=True).click()
    page.wait_for_function("() => document.querySelector('#panel-movie').lineage.get().drawing.length > 100")
    another_movie(page, 0, noise)
    panel.locator("[data-labelled]").get_by_text("3", exact=True).click()
    expect(page.get_by_role("radio", name="Chain 1, label held at 3")).to_be_visible()
    assert "label=3" in address(page)
    seek(stop(page), 40)
    before = shown(first)
    panel.get_by_role("button", name="Surprise me").click()
    another_movie(page, 40, before)
    panel.get_by_text("Anything", exact=True).click()
    expect(page.get_by_role("radio", name="Chain 1", exact=True)).to_be_visible()


def test_a_model_without_labels_has_none_to_hold(half: serving.Page, visit: Callable[..., Visit]) -> None:
    page = visit(half).open("?tab=movie&model=rbm")
    expect(page.locator("#panel-movie [data-layer]")).to_have_count(2)
    expect(page.locator("#panel-movie [data-labelled]")).to_be_hidden()
    expect(page.get_by_role("radio", name="Chain 1", exact=True)).to_be_visible()


def test_the_movie_can_be_kept(half: serving.Page, visit: Callable[..., Visit]) -> None:
    page = visit(half).open("?tab=movie")
    stop(page)
    with page.expect_download(timeout=60_000) as saved:
        page.get_by_role("button", name="Download GIF").click()
    assert saved.value.suggested_filename.endswith("-each-seed-7.gif")
    with Image.open(saved.value.path()) as file:
        assert file.n_frames == 301


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("label=12", "label must be a whole number from -1 to 9, got 12"),
        ("steps=301", "steps must be a whole number from 1 to 300, got 301"),
        ("model=nobody", "There is no model called 'nobody'"),
    ],
)
def test_what_cannot_be_dreamt_is_one_sentence_and_the_last_movie_stays(
    half: serving.Page, visit: Callable[..., Visit], query: str, sentence: str
) -> None:
    page = visit(half).open(f"?tab=movie&{query}")
    expect(page.locator("#panel-movie .problem")).to_contain_text(sentence)
    assert np.ptp(shown(page.locator("#panel-movie [data-chain]").first)) > 30


def test_calm_visitors_get_the_end_without_the_motion(
    half: serving.Page, visit: Callable[..., Visit]
) -> None:
    page = visit(half, reduced_motion="reduce").open("?tab=movie")
    page.wait_for_function(ENDED)
    assert page.locator("#panel-movie .playing").count() == 0


# ------------------------------------------------------------------------------------------------------ map


def test_the_digit_under_the_pointer_is_decoded(half: serving.Page, visit: Callable[..., Visit]) -> None:
    page = visit(half).open("?tab=map")
    planes = page.locator("#panel-map .plane")
    expect(planes).to_have_count(2)
    assert planes.first.locator("text").count() >= 50
    screen = page.locator("#panel-map [data-decoded]")
    page.wait_for_function("() => document.querySelector('#panel-map .place').textContent.includes('(')")
    idle(page)
    other = shown(screen.last)
    assert np.ptp(shown(screen.first)) > 30
    box = planes.first.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 30, box["y"] + 40)
    redrawn(screen.first, lambda: page.mouse.move(box["x"] + 60, box["y"] + 80, steps=4))
    page.wait_for_function("() => location.search.includes('x=')")  # at rest, exactly
    idle(page)
    assert (shown(screen.last) == other).all()  # the other map's pointer stays
    words = page.locator("#panel-map .place").first.inner_text()
    planes.first.focus()
    page.keyboard.press("Shift+ArrowRight")
    expect(page.locator("#panel-map .place").first).not_to_have_text(words)
    # The address brings the exact picture back.
    idle(page)
    exact = shown(screen.first)
    again = visit(half).open(address(page).partition("/?")[2].join(["?", ""]))
    expect(again.locator("#panel-map .place").first).to_have_text(
        page.locator("#panel-map .place").first.inner_text()
    )
    idle(again)
    assert (shown(again.locator("#panel-map [data-decoded]").first) == exact).all()
    # So does a place that no hand chose, after one did: a station's of the tour, or the one before "back".
    page.evaluate("document.getElementById('panel-map').lineage.set({ x: 0.25, y: -0.5 })")
    expect(page.locator("#panel-map .place").first).to_contain_text("(0.25, −0.50)")
    expect(screen.first).to_have_attribute("data-exact", "")


def test_a_finger_moves_over_the_map(half: serving.Page, visit: Callable[..., Visit]) -> None:
    page = visit(half, viewport={"width": 375, "height": 800}, has_touch=True).open("?tab=map")
    plane = page.locator("#panel-map .plane").first
    words = page.locator("#panel-map .place").first
    expect(words).to_contain_text("(")
    before = words.inner_text()
    plane.scroll_into_view_if_needed()
    box = plane.bounding_box()
    assert box is not None
    page.touchscreen.tap(box["x"] + 30, box["y"] + 30)
    expect(words).not_to_have_text(before)


def test_the_maps_show_what_is_drawn_and_one_class_alone(
    half: serving.Page, visit: Callable[..., Visit]
) -> None:
    page = visit(half).open("?tab=map")
    panel = page.locator("#panel-map")
    expect(panel.locator(".ground").first).to_be_hidden()
    panel.get_by_text("What is drawn").click()
    expect(panel.locator(".ground").first).to_be_visible()
    assert "ground=pictures" in address(page)
    panel.get_by_text("Test digits").click()
    panel.get_by_role("button", name="Only the 7s").click()
    assert panel.locator(".lands rect").count() > 0
    assert panel.locator(".lands rect.faint").count() == panel.locator(".lands rect:not(.digit-7)").count()
    faint = panel.locator(".plane").first.locator("text.faint")
    everyone = panel.locator(".plane").first.locator("text")
    assert faint.count() == everyone.count() - sum(text == "7" for text in everyone.all_text_contents()) > 0
    panel.get_by_role("button", name="Only the 7s").click()
    assert faint.count() == 0


def test_an_unknown_map_is_one_sentence(half: serving.Page, visit: Callable[..., Visit]) -> None:
    page = visit(half).open("?tab=map&model=nobody&lang=fr")
    expect(page.locator("#panel-map .problem")).to_contain_text("nobody")
    expect(page.locator("#panel-map .plane")).to_have_count(2)


# --------------------------------------------------------------------------------------------- for everybody


@pytest.mark.slow
def test_it_fits_everywhere(half: serving.Page, visit: Callable[..., Visit]) -> None:
    page = visit(half, reduced_motion="reduce").open("?tab=movie")
    for tab in ("movie", "map", "draw"):
        page.locator(f"#tab-{tab}").click()
        if tab == "movie":
            page.wait_for_function(ENDED)
        if tab == "map":
            expect(page.locator("#panel-map .place").first).to_contain_text("(")
        for sight in sights(page, f"half-{tab}"):
            sight.fits(f"#panel-{tab}")
            sight.whole("main .picture:not(.weights)")
