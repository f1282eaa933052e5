"""Every control of the panel One z driven once in a real Chromium."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from tests import serving, tiny
from tests.browser import Visit, address, change, sights
from tests.demo.test_onez import obedient, write
from tests.page.test_page import pixels

pytestmark = pytest.mark.browser

PANEL = "#panel-onez"
MADE = f"{PANEL} [data-card=gan] .picture"


@pytest.fixture(scope="module")
def gallery(tmp_path_factory: pytest.TempPathFactory) -> Iterator[serving.Page]:
    """Tiny models: three walls' worth of GANs, one of them broken, and two more data sets."""
    folder = tmp_path_factory.mktemp("gallery")
    directory = write(folder / "models")
    broken = tiny.write_model(directory, "broken", {"generate": tiny.gan(seed=61)["generate"]}, year=2017)
    (broken / "generate.onnx").write_bytes(b"not the file that was promised")
    tiny.write_model(directory, "coat", obedient(), dataset="fashion-mnist", year=2016)
    judge = tiny.classifier(tiny.prototypes())
    tiny.write_model(directory, "tailor", judge, kind="judge", dataset="fashion-mnist", family="classifier")
    tiny.write_dataset(directory, "fashion-mnist")
    tiny.write_model(directory, "photo", {"generate": tiny.gan(seed=62)["generate"]}, dataset="cifar10")
    tiny.write_model(directory, "critic", judge, kind="judge", dataset="cifar10", family="classifier")
    tiny.write_dataset(directory, "cifar10")
    with serving.page(folder, [directory]) as running:
        yield running


def settled(page: Page, query: str) -> None:
    """Until pictures and figures are those of a state, ``dataset seed label``."""
    page.wait_for_function(
        """([panel, query]) => document.querySelector(`${panel} .one-z`)?.dataset.of === query
            && !document.querySelector(`${panel} .stale`)""",
        arg=[PANEL, query],
    )


def test_one_z_through_every_network(gallery: serving.Page, visit: Callable[..., Visit]) -> None:
    page = visit(gallery).open("?tab=onez")
    panel = page.locator(PANEL)
    # First paint: pictures, and figures asked for at once, digit 3 being the first question.
    settled(page, "mnist 7 3")
    expect(panel.locator("[data-card=asked] dd").first).to_have_text("64 of 64")
    expect(panel.locator("[data-card=gan]")).to_contain_text("cannot be asked")
    expect(panel.locator("[data-card=broken] .problem")).to_contain_text("generate.onnx of broken is not")
    assert panel.locator(".card .picture").count() == 5
    page.evaluate(
        """() => { window.shift = 0; new PerformanceObserver(list => {
            for (const entry of list.getEntries()) window.shift += entry.value;
        }).observe({type: 'layout-shift', buffered: false}); }"""
    )

    # Another seed and another digit, by button, by field, by choice and by key.
    before = page.locator(MADE).get_attribute("src")
    panel.get_by_role("button", name="Surprise me").click()
    change(page, MADE, before)
    assert "seed=" in address(page)
    page.locator("#onez-seed").fill("12")
    settled(page, "mnist 12 3")
    panel.get_by_text("7", exact=True).first.click()
    settled(page, "mnist 12 7")
    assert "label=7" in address(page)
    expect(panel.locator("[data-card=asked] dt").first).to_contain_text("Read as 7")
    expect(panel.locator("[data-card=asked] .asked")).to_have_attribute("aria-label", "7: 100%")
    assert panel.locator("[data-card=asked] .veils i").count() == 0
    read = [int(text) for text in panel.locator("[data-card=gan] dd").first.inner_text().split(" of ")]
    assert read[1] == 64
    assert panel.locator("[data-card=gan] .veils i").count() >= 16 - read[0]
    page.keyboard.press("Backspace")
    settled(page, "mnist 12 -1")
    expect(panel.locator("[data-card=stuck] dd").first).to_have_text("1 of 10")
    assert panel.locator(".veils i").count() == 0
    page.keyboard.press("4")
    settled(page, "mnist 12 4")
    expect(panel.locator("[name=label][value='4']")).to_be_checked()
    assert page.evaluate("window.shift") < 0.001  # figures that come later move nothing

    # A place under the pointer is looked at on every card; a click keeps it, in the address too.
    def place() -> str:
        return page.evaluate(
            "panel => ['--row', '--column'].map(name => panel.style.getPropertyValue(name)).join()",
            panel.element_handle(),
        )

    assert place() == "0,0"
    sheet = panel.locator("[data-card=asked] .cells")
    sheet.scroll_into_view_if_needed()
    box = sheet.bounding_box()
    assert box is not None
    sheet.hover(position={"x": box["width"] * 0.9, "y": box["height"] * 0.4})
    assert place() == "1,3"
    glass = panel.locator("[data-glass=asked] .glass")
    expect(glass).to_be_in_viewport()  # however far down the wall
    assert "data:image/png" in (glass.get_attribute("style") or "")
    expect(panel.locator("[data-glass=asked] .read")).to_have_text("4")
    sheet.click(position={"x": box["width"] * 0.4, "y": box["height"] * 0.9})
    assert place() == "3,1"
    assert "pick=13" in address(page)
    # The same from the keyboard: sixteen radio buttons over the noise, one stop for Tab.
    panel.get_by_role("radio", name="z number 14").focus()
    page.keyboard.press("ArrowRight")
    assert place() == "3,2"
    assert "pick=14" in address(page)

    # A hint, a lesson, the file, another data set.
    panel.locator("[data-card=gan] .hint").first.focus()
    expect(page.get_by_role("tooltip")).to_contain_text("veiled")
    panel.locator("[data-card=asked] [data-lesson]").click()
    expect(panel.locator(".lesson:visible")).to_contain_text("What asked teaches.")
    with page.expect_download() as saved:
        panel.get_by_role("button", name="Download PNG").click()
    assert saved.value.suggested_filename == "one-z-mnist-seed-12-asked-4.png"
    assert np.asarray(Image.open(saved.value.path())).shape[2] == 3
    panel.get_by_text("FASHION-MNIST").first.click()
    settled(page, "fashion-mnist 12 4")
    assert "dataset=fashion-mnist" in address(page)
    expect(panel.locator(".card")).to_have_count(3)  # the noise, one generator, real ones
    expect(panel.locator("[data-card=coat] dd").first).to_have_text("64 of 64")
    # Clothes have names, in the visitor's language.
    expect(panel.locator("[data-card=coat] dt").first).to_contain_text("Read as piece 4")
    expect(panel.locator("[data-card=coat] .asked")).to_have_attribute("aria-label", "piece 4: 100%")
    expect(panel.locator("[data-glass=coat] .read")).to_have_text("piece 4")
    expect(panel.locator("label:has([name=label]:checked)")).to_have_text("piece 4")
    page.locator("[data-lang=fr]").click()
    expect(panel.locator("[data-glass=coat] .read")).to_have_text("pièce 4")
    expect(panel.locator("label:has([name=label]:checked)")).to_have_text("pièce 4")
    # Nobody there can be asked: there is nothing to ask, nothing is veiled, and the wish is kept for later.
    panel.get_by_text("CIFAR10").first.click()
    settled(page, "cifar10 12 -1")
    expect(panel.locator("[data-ask]")).to_be_hidden()
    assert panel.locator(".veils i").count() == 0
    panel.get_by_text("MNIST", exact=True).first.click()
    settled(page, "mnist 12 4")
    expect(panel.locator("[data-ask]")).to_be_visible()


def test_an_address_shows_the_same_wall_and_a_wrong_one_says_why(
    gallery: serving.Page, visit: Callable[..., Visit]
) -> None:
    first = visit(gallery).open("?tab=onez&seed=12&label=5&pick=9")
    settled(first, "mnist 12 5")
    again = visit(gallery, locale="fr-FR").open("?tab=onez&seed=12&label=5&pick=9")
    settled(again, "mnist 12 5")
    assert (pixels(first.locator(MADE)) == pixels(again.locator(MADE))).all()
    expect(again.get_by_role("radio", name="z numéro 10")).to_be_checked()
    expect(again.locator(f"{PANEL} [data-card=broken] .problem")).to_contain_text("remettez-le")
    again.locator("#onez-seed").fill(str(2**32))
    expect(again.locator(f"{PANEL} .gallery .problem").first).to_contain_text("de 0 à 4294967295")
    expect(again.locator(MADE)).to_be_visible()  # the last good wall stays
    again.locator("#onez-seed").fill("1")
    settled(again, "mnist 1 5")
    expect(again.locator(f"{PANEL} .gallery > [role=status]")).to_be_empty()


@pytest.mark.slow
def test_it_fits_everywhere(gallery: serving.Page, visit: Callable[..., Visit]) -> None:
    page = visit(gallery, reduced_motion="reduce").open("?tab=onez")
    settled(page, "mnist 7 3")
    # A question mark is reached by a finger beyond its edge: that is no text that is cut.
    page.add_style_tag(content=".hint::after { content: none !important }")
    for sight in sights(page, "onez"):
        sight.fits(PANEL)
        sight.whole(f"{PANEL} .picture")
        cut = page.evaluate(
            """panel => [...document.querySelectorAll(`${panel} :is(.card, .slot-of-figures, dt, dd, .name)`)]
                .filter(e => e.scrollWidth > e.clientWidth + 1 && e.clientWidth)
                .map(e => e.outerHTML.slice(0, 100))""",
            PANEL,
        )
        assert cut == [], sight
        words = page.locator(f"{PANEL} .lead p, {PANEL} .controls").all_inner_texts()
        assert len(re.findall(r"[^\W\d]{2,}", " ".join(words))) <= 40, sight
