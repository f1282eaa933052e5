"""The sheet of the panel Draw in a real Chromium: fingers, sheets that tell nothing, pictures brought."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw
from playwright.sync_api import Page, expect

from demo.engine import images
from tests import serving
from tests.browser import Visit, change, idle

pytestmark = pytest.mark.browser

SEEN = "#panel-draw .seen img"
SAID = "#panel-draw .problem:visible"

# What protection against fingerprints makes of a canvas that a page reads (Firefox's, Tor's).
BLIND = """
const read = CanvasRenderingContext2D.prototype.getImageData;
CanvasRenderingContext2D.prototype.getImageData = function (...all) {
  const image = read.apply(this, all);
  image.data.fill(255);
  return image;
};
HTMLCanvasElement.prototype.toDataURL = () => 'data:image/png;base64,' +
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGP4DwABAQEAsTj1RgAAAABJRU5ErkJggg==';
"""


def ink(page: Page) -> np.ndarray:
    """Where the sheet has ink, a bool for each of 280 x 280 places."""
    rows = page.evaluate(
        """() => { const canvas = document.querySelector('.paper canvas');
            const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
            return Array.from({ length: data.length / 4 }, (_, k) => data[4 * k + 3] > 100 ? 1 : 0); }"""
    )
    side = int(len(rows) ** 0.5)
    return np.array(rows, bool).reshape(side, side)


def seen(page: Page) -> np.ndarray:
    source = page.locator(SEEN).get_attribute("src") or ""
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(source.partition(",")[2]))))[..., -1]


def seven(kind: str = "PNG", side: int = 300) -> bytes:
    """A photograph's stand-in: a seven in black on white paper."""
    picture = Image.new("L", (side, side), 255)
    unit = side / 300
    path = [(80, 70), (220, 70), (140, 240)]
    ImageDraw.Draw(picture).line([(x * unit, y * unit) for x, y in path], fill=0, width=round(28 * unit))
    content = io.BytesIO()
    picture.save(content, kind)
    return content.getvalue()


def test_the_first_finger_draws_and_a_second_draws_nothing(
    small_site: serving.Page, visit: Callable[..., Visit]
) -> None:
    """Catches a zigzag between two fingers, and a stroke that goes on when its pointer has been lost."""
    visitor = visit(small_site, has_touch=True)
    page = visitor.open()
    page.get_by_role("button", name="Clear").click()
    page.locator(".paper canvas").scroll_into_view_if_needed()
    box = page.locator(".paper canvas").bounding_box()
    assert box is not None
    hand = visitor.context.new_cdp_session(page)

    def touch(kind: str, *points: tuple[int, int, int]) -> None:
        places = [{"x": box["x"] + x, "y": box["y"] + y, "id": name} for name, x, y in points]
        hand.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": places})

    touch("touchStart", (1, 60, 60))
    touch("touchStart", (1, 60, 60), (2, 220, 220))
    for k in range(12):
        touch("touchMove", (1, 60 + 4 * k, 60), (2, 220 - 4 * k, 220))
    touch("touchEnd", (1, 104, 60))
    touch("touchEnd")
    idle(page)
    drawn = ink(page)
    assert drawn[:100].any()
    assert not drawn[100:].any()
    before = drawn.sum()
    touch("touchStart", (3, 60, 150))
    touch("touchMove", (3, 80, 150))
    page.evaluate(
        """() => { const canvas = document.querySelector('.paper canvas');
            for (let id = 0; id < 50; id++) {
              if (canvas.hasPointerCapture(id)) canvas.releasePointerCapture(id);
            } }"""
    )
    touch("touchMove", (3, 90, 150))
    touch("touchMove", (3, 240, 240))
    touch("touchEnd")
    idle(page)
    drawn = ink(page)
    assert drawn.sum() > before
    assert not drawn[200:].any()


def test_a_sheet_that_cannot_be_read_is_said_and_nothing_is_sent(
    small_site: serving.Page, visit: Callable[..., Visit]
) -> None:
    """Catches "The picture is empty" beside a drawing that anybody can see."""
    visitor = visit(small_site)
    visitor.page.add_init_script(BLIND)
    page = visitor.open("?lang=fr")
    before = page.locator(SEEN).get_attribute("src")
    box = page.locator(".paper canvas").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 60, box["y"] + 60)
    page.mouse.down()
    page.mouse.move(box["x"] + 200, box["y"] + 200, steps=4)
    page.mouse.up()
    expect(page.locator(SAID)).to_have_count(1)
    expect(page.locator(SAID)).to_contain_text("Votre navigateur empêche")
    idle(page)
    assert page.locator(SEEN).get_attribute("src") == before
    # A file needs no canvas.
    page.locator(".bring input").first.set_input_files(
        {"name": "seven.png", "mimeType": "image/png", "buffer": seven()}
    )
    change(page, SEEN, before)
    expect(page.locator(SAID)).to_have_count(0)


def test_a_picture_is_brought_as_the_api_takes_it_and_undone(
    small_site: serving.Page, visit: Callable[..., Visit], tmp_path: Path
) -> None:
    page = visit(small_site).open()
    example = page.locator(SEEN).get_attribute("src")
    chooser = page.locator(".bring input").first
    assert chooser.get_attribute("accept") == "image/*"
    assert page.locator(".bring input[capture]").count() == 1
    chooser.set_input_files({"name": "seven.png", "mimeType": "image/png", "buffer": seven()})
    change(page, SEEN, example)
    assert (seen(page) == np.rint(255 * images.prepare_picture(seven())[0])).all()
    assert "drawing" not in page.url
    # What cannot be read is one sentence where the answers are; the picture before it stays, answered.
    mine = page.locator(SEEN).get_attribute("src")
    chooser.set_input_files({"name": "notes.txt", "mimeType": "text/plain", "buffer": b"no picture"})
    expect(page.locator(SAID)).to_have_count(1)
    expect(page.locator(SAID)).to_contain_text("no picture that can be read")
    assert page.locator(SEEN).get_attribute("src") == mine
    page.locator("[name=damage][value=half]").check(force=True)
    change(page, SEEN, mine)
    expect(page.locator(SAID)).to_have_count(0)
    page.locator("[name=damage][value=none]").check(force=True)
    idle(page)
    assert page.locator(SEEN).get_attribute("src") == mine
    page.get_by_role("button", name="Undo").click()
    idle(page)
    assert page.locator(SEEN).get_attribute("src") == example


def test_a_large_photograph_is_pasted_and_dropped(
    small_site: serving.Page, visit: Callable[..., Visit]
) -> None:
    """Catches megabytes sent anew at each touch: a photograph travels as large as 28 x 28 pixels need."""
    page = visit(small_site).open()
    asked: list[int] = []
    page.on("request", lambda each: asked.append(len(each.post_data or "")))
    hand = """([kind, content]) => {
        const bytes = Uint8Array.from(atob(content), (one) => one.charCodeAt(0));
        const data = new DataTransfer();
        data.items.add(new File([bytes], 'photo.jpg', { type: 'image/jpeg' }));
        const target = kind === 'paste' ? document.body : document.querySelector('.paper canvas');
        target.dispatchEvent(kind === 'paste'
            ? new ClipboardEvent(kind, { clipboardData: data, bubbles: true })
            : new DragEvent(kind, { dataTransfer: data, bubbles: true, cancelable: true })); }"""
    for kind, side in (("paste", 300), ("drop", 3000)):
        before = page.locator(SEEN).get_attribute("src")
        photograph = seven("JPEG", side) + bytes(400_000 if side > 1000 else 0)
        page.evaluate(hand, [kind, base64.b64encode(photograph).decode()])
        change(page, SEEN, before)
        near = images.prepare_picture(photograph)[0]
        assert np.abs(seen(page) / 255 - near).mean() < 0.03
    assert max(asked) < 400_000
