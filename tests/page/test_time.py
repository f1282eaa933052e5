"""Every control of the panel Time machine driven once in a real Chromium."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from tests import serving
from tests.browser import Visit, address, idle, sights
from tests.demo.test_time import write_wall
from tests.page.test_first_half import shown

pytestmark = pytest.mark.browser

PANEL = "#panel-time"


@pytest.fixture(scope="module")
def wall(tmp_path_factory: pytest.TempPathFactory) -> Iterator[serving.Page]:
    """Tiny models: a GAN, a collapsed one, one with a critic, one that takes labels, one of colours."""
    folder = tmp_path_factory.mktemp("wall")
    with serving.page(folder, [write_wall(folder / "models")]) as running:
        yield running


# A loaded machine may look away while the replay runs; this remembers that it did.
WATCH = f"""() => new MutationObserver(() => {{
        window.played ||= !!document.querySelector('{PANEL} .playing');
    }})
    .observe(document.body, {{ subtree: true, attributes: true }})"""


def settled(page: Page, models: int) -> None:
    """Until so many networks stand on the wall and their frames are drawn."""
    expect(page.locator(f"{PANEL} .wall[data-count='{models}'] canvas[data-film]")).to_have_count(models)
    page.wait_for_function(f"() => document.querySelector('{PANEL} .life .shown')")
    idle(page)


def test_a_visitor_goes_through_time_and_asks_nobody(wall: serving.Page, visit: Callable[..., Visit]) -> None:
    page = visit(wall).open()
    asked: list[str] = []
    page.on("request", lambda request: "queue/join" in request.url and asked.append(request.url))
    page.evaluate(WATCH)
    page.get_by_role("tab", name="Time machine").click()
    panel = page.locator(PANEL)
    # Who opens the panel sees it happen: from the beginning, and it stops at the end.
    page.wait_for_function("() => window.played")
    expect(panel.locator("[data-now]")).to_have_text("9,000")
    expect(panel.get_by_role("button", name="Play")).to_be_visible()
    expect(panel.locator("article h3")).to_have_text(["Tiny gan_collapsed", "Tiny wgan_gp"])
    collapsed, critic = panel.locator("canvas[data-film]").all()
    assert "seen" not in address(page)  # the end is where everybody begins
    # The slider steps from snapshot to snapshot of anyone; each card shows its latest.
    scrub = panel.get_by_role("slider", name="Moment of the training")
    scrub.focus()
    page.keyboard.press("ArrowLeft")
    expect(panel.locator("[data-now]")).to_have_text("3,000")
    expect(scrub).to_have_attribute("aria-valuetext", "3,000 training images seen")
    notes = panel.locator("[data-snapshot]")
    expect(notes).to_have_text(["Snapshot at 1,200", "Snapshot at 3,000"])
    assert "seen=3000" in address(page)
    before = shown(critic)
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowLeft")
    expect(notes).to_have_text(["Snapshot at 0", "Snapshot at 600"])  # the critic's first is already there
    assert (shown(critic) != before).any()
    fell = shown(collapsed).astype(int)
    assert np.abs(fell[:28, :28] - fell[28:56, :28]).mean() > 10
    page.keyboard.press("End")
    expect(notes.first).to_have_text("Snapshot at 9,000")
    fell = shown(collapsed).astype(int)
    assert (fell[:28, :28] == fell[28:56, :28]).all()  # one picture over and over
    expect(panel.locator("[data-diversity]").first).to_have_text("0.0")
    # A curve under the finger.
    plot = panel.locator("svg.timed").last
    plot.scroll_into_view_if_needed()
    box = plot.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] * 0.9, box["y"] + 20)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.4, box["y"] + 20, steps=5)
    page.mouse.up()
    expect(notes).to_have_text(["Snapshot at 0", "Snapshot at 600"])
    expect(panel.locator("dd[data-ends]").last).to_have_text("3.0")
    # One picture's life, and a way to its moments.
    frames = panel.locator("[data-frame]")
    before = shown(frames.last)
    panel.get_by_role("radio", name="Picture 8").first.check()
    assert (shown(frames.last) != before).any()
    assert "pick=7" in address(page)
    expect(panel.get_by_role("radio", name="Picture 8").last).to_be_checked()  # in all cards
    assert (shown(frames.last) == shown(critic)[28:56, 56:84]).sum() < 784  # another moment than the sheet's
    panel.locator("[data-seek]").last.click()
    expect(notes.last).to_have_text("Snapshot at 3,000")
    assert (shown(frames.last) == shown(critic)[28:56, 56:84]).all()
    # Keys work wherever nothing else needs them.
    panel.locator(".lead").click()
    page.keyboard.press("ArrowRight")
    expect(panel.locator("[data-now]")).to_have_text("9,000")
    page.keyboard.press("Space")
    expect(panel.get_by_role("button", name="Pause")).to_be_visible()
    page.keyboard.press("Space")
    expect(panel.get_by_role("button", name="Play")).to_be_visible()
    panel.get_by_role("button", name="Play").click()
    expect(panel.locator("[data-now]")).to_have_text("9,000")
    assert asked == []


def test_another_wall_another_seed_another_digit(wall: serving.Page, visit: Callable[..., Visit]) -> None:
    # The moment and the chosen picture are in the address; so is the rest.
    visitor = visit(wall, reduced_motion="reduce")
    page = visitor.open("?tab=time&models=gan&seen=650&pick=3")
    settled(page, 1)
    panel = page.locator(PANEL)
    expect(panel.locator("[data-snapshot]")).to_have_text("Snapshot at 600")
    expect(panel.locator(".play")).not_to_have_class(re.compile("playing"))
    expect(panel.get_by_role("radio", name="Picture 4")).to_be_checked()
    expect(panel.locator("[data-labelled]")).to_be_hidden()  # this one takes no label
    panel.locator(".chip", has_text="Tiny cgan").click()
    settled(page, 2)
    expect(panel.locator("[data-snapshot]").last).to_have_text("Snapshot at 600")  # still the same moment
    labelled = panel.locator("article", has_text="Tiny cgan").locator("canvas[data-film]")
    film = labelled.get_attribute("data-film")
    panel.get_by_text("Anything", exact=True).click()
    expect(labelled).not_to_have_attribute("data-film", film or "")
    assert "label=free" in address(page)
    film = labelled.get_attribute("data-film")
    panel.get_by_role("button", name="Surprise me").click()
    expect(labelled).not_to_have_attribute("data-film", film or "")
    page.locator("#time-seed").fill("12")
    page.wait_for_function("() => location.search.includes('seed=12')")
    panel.locator(".chip", has_text="Tiny clouds").click()
    panel.locator(".chip", has_text="Tiny wgan_gp").click()
    settled(page, 4)
    expect(panel.locator(".chip input:disabled")).to_have_count(1)  # four fill the wall
    panel.locator("article").first.get_by_role("button", name="Lesson").click()
    expect(panel.get_by_text("What cgan teaches.")).to_be_visible()
    panel.locator(".hint").last.hover()
    expect(page.locator("#bubble")).to_be_visible()
    # Without motion the replay goes from snapshot to snapshot, and only when asked to.
    page.evaluate(WATCH)
    panel.get_by_role("button", name="Play").click()
    page.wait_for_function("() => window.played")
    expect(panel.locator("[data-now]")).to_have_text("6,000")
    expect(panel.get_by_role("button", name="Play")).to_be_visible()
    with page.expect_download() as saved:
        panel.get_by_role("button", name="Download GIF").click()
    assert saved.value.suggested_filename.startswith("time-cgan-gan-wgan_gp-clouds-seed-")
    with Image.open(saved.value.path()) as file:
        assert file.n_frames == 5
    page = visitor.open("?tab=time&models=gan,nobody&lang=fr")
    expect(page.locator(f"{PANEL} .problem")).to_contain_text("nobody")
    expect(page.locator(f"{PANEL} canvas[data-film]").first).to_be_visible()


@pytest.mark.slow
def test_it_fits_everywhere(wall: serving.Page, visit: Callable[..., Visit]) -> None:
    visitor = visit(wall, reduced_motion="reduce")
    walls = {"one": "gan", "two": "gan_collapsed,wgan_gp", "four": "cgan,gan,wgan_gp,clouds"}
    for name, models in walls.items():
        page = visitor.open(f"?tab=time&models={models}&seen=700")
        settled(page, models.count(",") + 1)
        for sight in sights(page, f"time-{name}"):
            sight.fits(PANEL)
            sight.whole(f"{PANEL} canvas")
            words = page.evaluate("panel => document.querySelector(panel).innerText", PANEL)
            # Names, figures and buttons that stand in each card apart.
            assert len(re.findall(r"[^\W\d]{2,}", words)) < 90, sight


@pytest.mark.slow
def test_the_shipped_networks_travel_too(site: serving.Page, visit: Callable[..., Visit]) -> None:
    page = visit(site, reduced_motion="reduce").open("?tab=time")
    page.wait_for_function(f"() => document.querySelector('{PANEL} .life .shown')")
    assert page.locator(f"{PANEL} .problem").count() == 0
    assert np.ptp(shown(page.locator(f"{PANEL} canvas[data-film]").first)) > 30
