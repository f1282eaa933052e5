"""Every control of the panel Style driven once in a real Chromium."""

from __future__ import annotations

import base64
import io
import re
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from demo.engine import limits, styles
from demo.engine.library import Library
from demo.panels.style import panel as style
from demo.panels.style.state import State, found, own
from tests import serving
from tests.browser import SLOW_CLOSING, Visit, address, change, idle, sights
from tests.demo.test_style import DIGITS, ENCODER, FACES, JUDGE, PLAIN, write
from tests.page.test_page import drag

pytestmark = pytest.mark.browser

PANEL = "#panel-style"
HERO = f"{PANEL} .hero .picture"


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Tiny StyleGANs: faces, labelled digits, one without noise."""
    return write(tmp_path_factory.mktemp("atelier") / "models")


@pytest.fixture(scope="module")
def atelier(models: Path) -> Iterator[serving.Page]:
    with serving.page(models.parent, [models]) as running:
        yield running


def at(page: Page, part: str, model: str = FACES) -> None:
    """Until a part is on the stage."""
    page.wait_for_selector(f"{PANEL} .of-{part}[data-card={model}]")


def rested(page: Page, selector: str) -> str:
    """The picture there, once the last is: answers come while a stroke is painted."""
    idle(page)
    return page.locator(selector).get_attribute("src") or ""


def screen(page: Page) -> list[int]:
    """The pixels of the first screen."""
    found: list[int] = page.evaluate(
        """panel => { const screen = document.querySelector(`${panel} [data-screen]`);
        return [...screen.getContext('2d').getImageData(0, 0, screen.width, screen.height).data]; }""",
        PANEL,
    )
    return found


def test_a_new_face_at_each_press(atelier: serving.Page, visit: Callable[..., Visit]) -> None:
    page = visit(atelier).open("?tab=style")
    panel = page.locator(PANEL)
    at(page, "make")
    expect(panel.get_by_text("This avatar does not exist.")).to_be_visible()
    expect(panel.locator(".others img")).to_have_count(style.OTHERS)
    for press in (
        lambda: panel.get_by_role("button", name="Surprise me").click(),
        lambda: page.keyboard.press("n"),
        lambda: panel.locator(".others button").nth(2).click(),
        lambda: page.locator("#style-seed").fill("12"),
        lambda: drag(page, page.locator("#style-psi"), 0.9),
        lambda: drag(page, page.locator("#style-cutoff"), 0.3),
        lambda: panel.get_by_text("Off", exact=True).click(),
    ):
        before = page.locator(HERO).get_attribute("src")
        press()
        change(page, HERO, before)
    assert "seed=12" in address(page)
    assert re.search(r"psi=1\.[345]", address(page))
    assert "noise=off" in address(page)
    expect(panel.locator("[data-cutoff]")).to_have_text(re.compile("1–[34] of 10"))
    expect(panel.get_by_role("link", name="avatar.png")).to_have_count(0)
    with page.expect_download() as saved:
        panel.get_by_role("button", name="Download PNG").click()
    assert saved.value.suggested_filename == f"{FACES}-make-seed-12.png"
    # Another network has controls of its own.
    panel.get_by_text("Tiny stylegan2_digits").first.click()
    at(page, "make", DIGITS)
    expect(panel.get_by_text("Nobody wrote this digit.")).to_be_visible()
    before = page.locator(HERO).get_attribute("src")
    panel.get_by_text("7", exact=True).click()
    change(page, HERO, before)
    panel.get_by_text("Tiny plain").first.click()
    at(page, "make", PLAIN)
    expect(page.locator("#style-noise_seed")).to_be_hidden()
    expect(panel.get_by_text("Noise", exact=True)).to_have_count(2)
    for hidden in panel.get_by_text("Noise", exact=True).all():
        expect(hidden).to_be_hidden()
    panel.locator("[data-lesson]").click()
    expect(panel.locator(".lesson:visible")).to_contain_text("What plain teaches.")


def test_the_plain_address_is_the_picture(atelier: serving.Page, visit: Callable[..., Visit]) -> None:
    page = visit(atelier).open("?tab=style&seed=9&psi=1")
    expect(page.locator("#style-seed")).to_have_value("9")
    page.wait_for_selector(f"{PANEL} a[href*='seed=9&psi=1']")
    link = page.locator(f"{PANEL} a[href*='avatar.png']").get_attribute("href")
    with urllib.request.urlopen(f"{atelier.url}/{link}", timeout=serving.PATIENCE) as answer:
        assert answer.headers["cache-control"].startswith("public")
        face = np.asarray(Image.open(io.BytesIO(answer.read())))
    shown = page.evaluate(
        """async selector => { const image = document.querySelector(selector); await image.decode();
        const canvas = new OffscreenCanvas(64, 64); const context = canvas.getContext('2d');
        context.drawImage(image, 0, 0); return [...context.getImageData(0, 0, 64, 64).data]; }""",
        HERO,
    )
    np.testing.assert_array_equal(np.array(shown).reshape(64, 64, 4)[..., :3], face)


def test_truncation_and_the_two_ways_are_played(atelier: serving.Page, visit: Callable[..., Visit]) -> None:
    page = visit(atelier, reduced_motion="reduce").open("?tab=style&part=truncate")
    panel = page.locator(PANEL)
    at(page, "truncate")
    told = panel.locator("[data-told]").first
    expect(told).to_have_text("ψ = 1")  # the picture itself, at rest
    first = screen(page)
    panel.locator("[data-seek='10']").click()
    expect(told).to_have_text("ψ = 0")
    assert screen(page) != first
    panel.get_by_role("button", name="Play").click()
    expect(told).not_to_have_text("ψ = 0")
    panel.get_by_role("button", name="Pause").click()
    panel.locator("[data-scrub]").focus()
    page.keyboard.press("Home")
    expect(told).to_have_text("ψ = −1")
    with page.expect_download() as saved:
        panel.get_by_role("button", name="Download GIF").click()
    with Image.open(saved.value.path()) as film:
        assert getattr(film, "n_frames", 1) == 2 * style.SWEEP - 2  # there and back
    page.locator("[data-lang=fr]").click()
    panel.locator("[data-seek='1']").click()
    expect(told).to_have_text("ψ = −0,9")
    expect(panel.locator("[data-seek='1'] img")).to_have_attribute("alt", "ψ = −0,9")
    page.locator("[data-lang=en]").click()
    panel.get_by_text("Travel").click()
    at(page, "travel")
    expect(panel.locator("[data-screen]")).to_have_count(2)
    expect(told).to_have_text(re.compile(r"change [\d.]+"))
    middle = screen(page)
    page.locator("#style-other").fill("5")
    page.wait_for_function("() => location.search.includes('other=5')")
    page.keyboard.press("Tab")
    panel.locator(".journey [data-seek='32']").first.click()
    idle(page)
    assert screen(page) != middle


def test_parents_are_mixed_style_by_style(atelier: serving.Page, visit: Callable[..., Visit]) -> None:
    page = visit(atelier).open("?tab=style&part=mix")
    panel = page.locator(PANEL)
    at(page, "mix")
    child = f"{PANEL} .chosen-child .frame img"
    expect(panel.locator("[data-layer][aria-pressed=true]")).to_have_count(4)
    before = page.locator(child).get_attribute("src")
    panel.get_by_role("button", name="Fine", exact=True).click()
    change(page, child, before)
    expect(panel.locator("[data-layer][aria-pressed=true]")).to_have_count(2)
    assert "layers=fine" in address(page)
    # Two switches one after the other, faster than any answer.
    panel.locator("[data-layer='0']").click()
    panel.locator("[data-layer='9']").click()
    page.wait_for_function("() => location.search.includes('layers=0%2C8')")
    expect(panel.locator("[data-layer][aria-pressed=true]")).to_have_count(2)
    panel.locator(".crossing button").nth(8).click()
    # The switches may be answered after the press: what counts is where everything comes to rest.
    page.wait_for_function(
        """([child, cell]) => location.search.includes('pick=8')
            && document.querySelector(child).src === document.querySelectorAll(cell)[8].src""",
        arg=[child, f"{PANEL} .crossing button img"],
    )
    expect(panel.locator(".crossing th.chosen")).to_have_count(2)


def test_noise_and_sizes(atelier: serving.Page, visit: Callable[..., Visit]) -> None:
    page = visit(atelier, locale="fr-FR").open("?tab=style&part=noise")
    panel = page.locator(PANEL)
    at(page, "noise")
    expect(panel.locator(".plates img")).to_have_count(4)
    expect(panel.get_by_text("Bruit 1")).to_be_visible()
    page.locator("#style-noise_seed").fill("8")
    expect(panel.get_by_text("Bruit 9")).to_be_visible()
    panel.get_by_text("Regarder dedans").click()
    at(page, "inside")
    expect(panel.locator(".sizes img")).to_have_count(10)
    expect(panel.get_by_text(re.compile(r"ajoute ±\s0,")).first).to_be_visible()
    page.locator("#style-seed").fill("-4")
    expect(panel.locator(".problem")).to_contain_text("de 0 à 4294967295")
    expect(panel.locator(".sizes img")).to_have_count(10)  # the last good answer stays


def test_a_face_is_pushed(atelier: serving.Page, visit: Callable[..., Visit]) -> None:
    page = visit(atelier).open("?tab=style&part=edit&psi=1")
    panel = page.locator(PANEL)
    at(page, "edit")
    pushed = f"{PANEL} .moved .frame img"
    expect(panel.locator(".dial")).to_have_count(2)
    expect(panel.locator(".dial").first).to_contain_text(re.compile(r"\d+% → \d+%"))
    untouched = page.locator(pushed).get_attribute("src")
    before = untouched
    drag(page, panel.get_by_role("slider", name="glasses: dark"), 0.95)
    change(page, pushed, before)
    page.wait_for_function("() => /moves=glasses-dark%3A[1-9]/.test(location.search)")
    expect(panel.locator(".unmoved img")).to_have_attribute("src", untouched or "")  # beside it, as it was
    # Another bank: what was turned stays turned, and is marked.
    panel.get_by_role("button", name="Factors", exact=True).click()
    expect(panel.locator(".dial")).to_have_count(2)
    expect(panel.get_by_role("button", name="glasses", exact=True)).to_have_class(re.compile("turned"))
    expect(panel.locator(".dial").first).not_to_contain_text("→")  # nobody has measured a factor's success
    panel.get_by_role("slider").nth(-1).focus()
    before = page.locator(pushed).get_attribute("src")
    page.keyboard.press("End")
    change(page, pushed, before)
    page.wait_for_function("() => location.search.includes('factor-fine-2%3A3')")
    page.keyboard.press("Delete")
    page.wait_for_function("() => !location.search.includes('factor-fine')")
    # The address holds it all.
    again = visit(atelier, locale="fr-FR").open(address(page).partition("?")[2].join(["?", ""]))
    at(again, "edit")
    again.wait_for_function(
        "([selector, src]) => document.querySelector(selector)?.getAttribute('src') !== src",
        arg=[pushed, untouched],
    )
    expect(again.locator(f"{PANEL} .banks [aria-pressed=true]")).to_have_text("Facteurs")
    panel.get_by_role("button", name="glasses", exact=True).click()
    expect(panel.get_by_role("slider", name="glasses: dark")).not_to_have_value("0")
    panel.get_by_role("button", name="All back to 0").click()
    page.wait_for_function(
        "([selector, src]) => document.querySelector(selector).getAttribute('src') === src",
        arg=[pushed, untouched],
    )
    expect(panel.get_by_role("slider", name="glasses: dark")).to_have_value("0")
    assert "moves=" not in address(page)
    drag(page, panel.get_by_role("slider", name="glasses: dark"), 0.9)
    panel.get_by_role("button", name="glasses: dark: back to 0", exact=True).click()
    page.wait_for_function("() => !location.search.includes('moves=')")


def test_a_push_is_said_as_the_language_writes_it(atelier: serving.Page, visit: Callable[..., Visit]) -> None:
    page = visit(atelier).open("?tab=style&part=edit&moves=glasses-dark:-1.5&lang=fr")
    at(page, "edit")
    number = page.locator(f"{PANEL} .dial .value").first
    expect(number).to_have_text("\u22121,5")  # as the server says it
    page.route("**/queue/join*", lambda route: None)  # no answer: what the slider itself says stays
    page.locator(f"{PANEL} .dial input").first.focus()
    page.keyboard.press("ArrowRight")
    expect(number).to_have_text("\u22121,4")
    page.locator("[data-lang=en]").click()
    expect(number).to_have_text("\u22121.4")


def test_no_step_closer_is_lost_while_gradio_closes_its_stream(
    atelier: serving.Page, visit: Callable[..., Visit]
) -> None:
    """Catches a button that says "stop" for ever: it was pressed as soon as the last stroke was answered."""
    visitor = visit(atelier)
    visitor.page.add_init_script(SLOW_CLOSING)
    page = visitor.open("?tab=style&part=you")
    at(page, "you")
    panel = page.locator(PANEL)
    rebuilt = f"{PANEL} [data-rebuilt]"
    before = page.locator(rebuilt).get_attribute("src")
    panel.get_by_role("button", name="Blue").click()
    panel.locator(".easel canvas").focus()
    page.keyboard.press("Space")
    change(page, rebuilt, before)
    panel.get_by_role("button", name="Come closer").click()
    expect(panel.locator("[data-progress]")).to_have_text("48 / 48")
    assert page.evaluate("window.closings") >= 1


def test_a_visitor_paints_and_is_found(atelier: serving.Page, visit: Callable[..., Visit]) -> None:
    page = visit(atelier).open("?tab=style&part=you")
    panel = page.locator(PANEL)
    at(page, "you")
    rebuilt = f"{PANEL} [data-rebuilt]"
    chip = panel.get_by_text("Your picture", exact=True)
    expect(chip).to_be_hidden()
    easel = panel.locator(".easel canvas")
    first = before = page.locator(rebuilt).get_attribute("src")
    panel.get_by_role("button", name="Blue").click()
    easel.scroll_into_view_if_needed()
    box = easel.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 60, box["y"] + 60)
    page.mouse.down()
    page.mouse.move(box["x"] + 260, box["y"] + 60, steps=6)
    page.mouse.up()
    change(page, rebuilt, before)
    expect(chip).to_be_visible()
    expect(panel.get_by_role("button", name="Blue")).to_have_attribute("aria-pressed", "true")
    # Once more with the keyboard, then back.
    before = rested(page, rebuilt)
    easel.focus()
    for key in ("Space", "ArrowDown", "ArrowDown", "ArrowDown", "Space"):
        page.keyboard.press(key)
    change(page, rebuilt, before)
    panel.get_by_role("button", name="Undo").click()
    page.wait_for_function(
        "([selector, src]) => document.querySelector(selector).getAttribute('src') === src",
        arg=[rebuilt, before],
    )
    # Closer, step by step, and it stays so.
    panel.get_by_role("button", name="Come closer").click()
    expect(panel.locator("[data-progress]")).to_have_text("48 / 48")
    expect(panel.get_by_role("button", name="Come closer")).to_be_visible()
    points = panel.locator(".descent polyline").get_attribute("points") or ""
    heights = [float(pair.split(",")[1]) for pair in points.split()]
    assert len(heights) == 49
    assert heights[-1] > heights[0]  # lower on the page: a smaller error
    # The desk is about that face now, whatever part is open.
    panel.get_by_text("Invent").click()
    at(page, "make")
    expect(panel.get_by_text("How the network sees it.")).to_be_visible()
    expect(panel.locator(".hero a")).to_have_count(0)
    panel.get_by_text("Push", exact=True).click()
    at(page, "edit")
    before = page.locator(f"{PANEL} .moved .frame img").get_attribute("src")
    drag(page, panel.get_by_role("slider", name="hair colour: dark"), 0.9)
    change(page, f"{PANEL} .moved .frame img", before)
    # Nothing of it is in the address, and letting go brings the seed's face back.
    assert "picture" not in address(page)
    assert "ws=" not in address(page)
    panel.get_by_text("You", exact=True).click()
    at(page, "you")
    panel.get_by_role("button", name="Let go of your picture").click()
    expect(chip).to_be_hidden()
    page.locator("#style-psi").evaluate(
        "e => { e.value = 0.7; e.dispatchEvent(new Event('input', {bubbles: true})); }"
    )
    page.wait_for_function(
        "([selector, src]) => document.querySelector(selector).getAttribute('src') === src",
        arg=[rebuilt, first],
    )


def test_a_visitor_stops_and_starts_over(atelier: serving.Page, visit: Callable[..., Visit]) -> None:
    page = visit(atelier).open("?tab=style&part=you&seed=3")
    panel = page.locator(PANEL)
    at(page, "you")
    # What the steps say is held up, so that there is something to stop.
    page.evaluate(
        """panel => document.querySelector(panel).addEventListener('lineage:nearer', event => {
            if (event.detail.data?.step > 4) event.stopImmediatePropagation();
        }, {capture: true})""",
        PANEL,
    )
    panel.get_by_role("button", name="Come closer").click()
    expect(panel.locator("[data-progress]")).to_have_text("4 / 48")
    panel.get_by_role("button", name="Stop").click()
    expect(panel.get_by_role("button", name="Come closer")).to_be_visible()
    panel.get_by_role("button", name="Clear").click()
    expect(panel.get_by_text("Your picture", exact=True)).to_be_hidden()
    expect(panel.locator("[data-progress]")).to_have_text("48 steps")
    # Another seed is another face, whatever was on the easel.
    panel.get_by_role("button", name="Come closer").click()
    expect(panel.get_by_text("Your picture", exact=True)).to_be_visible()
    page.locator("#style-seed").fill("9")
    expect(panel.get_by_text("Your picture", exact=True)).to_be_hidden()


def test_this_browser_finds_a_face_and_brings_it_closer(
    atelier: serving.Page, visit: Callable[..., Visit], models: Path
) -> None:
    """Catches another average of the easel, moments that are not passed on, steps that ask the server."""
    page = visit(atelier, cooks=True).open("?tab=style&part=you&cook=browser")
    at(page, "you")
    page.wait_for_function("lineage.kitchen.tools()")
    easel = page.locator(f"{PANEL} .easel canvas")
    easel.focus()
    for key in ("Space", "ArrowDown", "ArrowDown", "Space"):
        page.keyboard.press(key)
    idle(page)
    asked: list[str] = []
    page.on("request", lambda request: "/queue/join" in request.url and asked.append(request.url))
    for key in ("ArrowRight", "ArrowRight", "Space", "ArrowRight", "Space"):
        page.keyboard.press(key)
    idle(page)
    compare_rebuilt(page, models)
    page.get_by_role("button", name="Come closer").click()
    expect(page.locator(f"{PANEL} [data-progress]")).to_have_text("48 / 48")
    idle(page)
    compare_rebuilt(page, models)
    assert not asked


def compare_rebuilt(page: Page, models: Path) -> None:
    """The picture and its error are those of the styles found, which are as near as the server's."""
    library = Library.open([models], "cpu")
    model = library.model(FACES)
    state = State(**page.locator(PANEL).evaluate("panel => panel.lineage.get()"))
    picture = own(model, state)
    assert picture is not None
    reached = styles.found(library, model, picture, found(library, model, state, picture), state.look)
    src = page.locator(f"{PANEL} [data-rebuilt]").get_attribute("src") or ""
    shown = np.asarray(Image.open(io.BytesIO(base64.b64decode(src.partition(",")[2]))).convert("RGB"))
    assert np.abs(shown / 255 - reached.picture.transpose(1, 2, 0)).max() <= 1.01 / 255
    said = page.locator(f"{PANEL} [data-error]").evaluate("e => JSON.parse(e.dataset.say).text[1].value")
    assert abs(said - reached.error) < 1e-4
    if state.ws:
        steps = styles.refined(
            library, model, picture, styles.guess(library, model, picture), state.look, limits.REFINEMENT
        )
        assert abs(reached.error - min(step.error for step in steps)) < 1e-3


def test_files_are_brought(atelier: serving.Page, visit: Callable[..., Visit]) -> None:
    page = visit(atelier, locale="fr-FR").open("?tab=style&part=you")
    panel = page.locator(PANEL)
    at(page, "you")
    rebuilt = f"{PANEL} [data-rebuilt]"
    upload = panel.locator("[data-upload]")
    image = Image.fromarray(np.dstack([np.tile(np.arange(200, dtype=np.uint8), (150, 1))] * 3))
    for form, mode in (("PNG", "RGBA"), ("JPEG", "CMYK"), ("GIF", "P"), ("TIFF", "RGB")):
        before = page.locator(rebuilt).get_attribute("src")
        buffer = io.BytesIO()
        image.convert(mode).rotate(90 * len(form)).save(buffer, form)
        kind = f"image/{form.lower()}"
        upload.set_input_files({"name": f"a.{form}", "mimeType": kind, "buffer": buffer.getvalue()})
        change(page, rebuilt, before)
        expect(panel.locator(".problem")).to_have_count(0)
    upload.set_input_files({"name": "a.png", "mimeType": "image/png", "buffer": b"not a picture"})
    expect(panel.locator(".problem")).to_contain_text("image")
    expect(page.locator(rebuilt)).to_be_visible()  # the last good answer stays
    panel.get_by_role("button", name="Effacer").click()
    expect(panel.locator(".problem")).to_have_count(0)


def test_the_tile_opens_this_tab_and_its_helper_has_none(
    atelier: serving.Page, visit: Callable[..., Visit]
) -> None:
    page = visit(atelier).open("?tab=draw")
    expect(page.locator(f".tile[data-model={FACES}]")).to_have_count(1)
    expect(page.locator(f".tile[data-model={ENCODER}]")).to_have_count(0)
    expect(page.locator(f".tile[data-model={JUDGE}]")).to_have_count(0)
    page.locator(f".tile[data-model={DIGITS}]").click()
    at(page, "make", DIGITS)
    expect(page.locator(PANEL)).to_be_visible()


@pytest.mark.slow
def test_it_fits_everywhere(atelier: serving.Page, visit: Callable[..., Visit]) -> None:
    page = visit(atelier, reduced_motion="reduce").open("?tab=style")
    for part in style.PARTS:
        page.locator(f"{PANEL} [name=part][value={part}]").check(force=True)
        at(page, part)
        for sight in sights(page, f"style-{part}"):
            sight.fits(PANEL)
            sight.whole(f"{PANEL} img.picture")
            words = page.locator(f"{PANEL} .lead p, {PANEL} .controls").all_inner_texts()
            assert len(re.findall(r"[^\W\d]{2,}", " ".join(words))) <= 40, sight
