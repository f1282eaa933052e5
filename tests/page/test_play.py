"""Every control of the panels Latent and Game driven once in a real Chromium."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

from tests import serving, tiny
from tests.browser import Visit, address, change, idle, sights
from tests.page.test_first_half import shown
from tests.page.test_page import drag, pixels

pytestmark = pytest.mark.browser

PICTURE = "#panel-latent .plate img"


@pytest.fixture(scope="module")
def den(tmp_path_factory: pytest.TempPathFactory) -> Iterator[serving.Page]:
    """Tiny models: a GAN, one that takes labels, and one whose rival is a critic."""
    folder = tmp_path_factory.mktemp("den")
    directory = tiny.write_models(folder / "models")
    tiny.write_model(directory, "labelled", tiny.gan(seed=32, conditional=True), year=2016)
    critic = {"generate": tiny.gan(seed=33)["generate"], "criticise": tiny.critic(seed=33)}
    tiny.write_model(directory, "wasserstein", critic, year=2017)
    with serving.page(folder, [directory]) as running:
        yield running


# --------------------------------------------------------------------------------------------------- game


def test_a_whole_game_by_mouse_and_by_key(den: serving.Page, visit: Callable[..., Visit]) -> None:
    page = visit(den).open()
    page.get_by_role("tab", name="Game").click()
    panel = page.locator("#panel-game")
    expect(panel.get_by_text("Round 1 of 10")).to_be_visible()
    assert panel.locator(".heat, strong").count() == 0  # nothing of the truth yet
    question = pixels(panel.locator(".plate img"))
    panel.get_by_role("button", name="made").click()
    expect(panel.locator("strong")).to_have_text(re.compile("It was (made|real)."))
    expect(panel.locator(".heat")).to_be_visible()
    expect(panel.locator(".track[role=img]")).to_have_attribute("aria-label", re.compile("% real"))
    assert (pixels(panel.locator(".plate img").first) == question).all()  # the very same picture
    panel.get_by_role("button", name="Next").click()
    expect(panel.get_by_text("Round 2 of 10")).to_be_visible()
    assert "answers=m" in address(page)
    assert "turn=1" in address(page)
    for answered in range(2, 11):
        page.keyboard.press("ArrowRight" if answered % 2 else "ArrowLeft")
        expect(panel.locator(".slot button")).to_have_count(answered)
        expect(panel.locator("strong")).to_be_visible()
        page.keyboard.press("Enter")
        if answered < 10:
            expect(panel.get_by_text(f"Round {answered + 1} of 10")).to_be_visible()
    expect(panel.locator(".exhibits li")).to_have_count(10)
    right = panel.locator(".exhibits .marks span:first-child i", has_text="✓").count()
    expect(panel.locator(".score-line b").first).to_have_text(str(right))
    # Any round can be looked at again, and another game has other pictures.
    panel.locator(".exhibits button").nth(4).click()
    expect(panel.get_by_text("Round 5 of 10")).to_be_visible()
    panel.locator(".slot button").nth(9).click()
    panel.get_by_role("button", name="Result").click()
    first = panel.locator(".exhibits img").first.get_attribute("src")
    panel.get_by_role("button", name="Play again").click()
    idle(page)
    expect(panel.get_by_text("Round 1 of 10")).to_be_visible()
    assert "answers" not in address(page)
    assert panel.locator(".plate img").get_attribute("src") != first


def test_another_forger_another_rival_another_game(den: serving.Page, visit: Callable[..., Visit]) -> None:
    page = visit(den).open("?tab=game&answers=mr&turn=1")
    panel = page.locator("#panel-game")
    expect(panel.get_by_text("Round 2 of 10")).to_be_visible()
    panel.get_by_label("Your rival").select_option("wasserstein")
    expect(panel.locator(".said").last).to_contain_text("Score")  # a critic gives no probability
    expect(panel.get_by_text("Round 2 of 10")).to_be_visible()  # and judges the same game
    assert "judge=wasserstein" in address(page)
    before = panel.locator(".plate img").first.get_attribute("src")
    panel.get_by_label("Forger").select_option("labelled")
    expect(panel.get_by_text("Round 1 of 10")).to_be_visible()
    assert "judge" not in address(page)
    expect(panel.get_by_label("Your rival")).to_have_value("")
    page.locator("#game-seed").fill("12")
    change(page, "#panel-game .plate img", before)
    before = panel.locator(".plate img").get_attribute("src")
    panel.get_by_role("button", name="New game").click()
    change(page, "#panel-game .plate img", before)


def test_a_game_that_cannot_be_is_one_sentence_where_the_picture_was(
    den: serving.Page, visit: Callable[..., Visit]
) -> None:
    page = visit(den).open("?tab=game&judge=nobody&lang=fr")
    expect(page.locator("#panel-game .problem")).to_contain_text("nobody")
    expect(page.locator("#panel-game .plate img")).to_be_visible()


# ------------------------------------------------------------------------------------------------- numbers


def test_a_slider_of_z_changes_the_picture_under_the_finger(
    den: serving.Page, visit: Callable[..., Visit]
) -> None:
    page = visit(den).open("?tab=latent")
    panel = page.locator("#panel-latent")
    start = page.locator(PICTURE).first.get_attribute("src")
    fader = panel.get_by_role("slider", name="Number 1", exact=True)
    fader.focus()
    page.keyboard.press("End")
    change(page, PICTURE, start)
    assert "z=0%3A4" in address(page)
    expect(panel.locator(".fader .value").first).to_have_text("4.0")
    # The same numbers from the address make the same picture.
    turned = page.locator(PICTURE).first.get_attribute("src")
    again = visit(den).open("?tab=latent&z=0:4")
    change(again, PICTURE, start)
    assert again.locator(PICTURE).first.get_attribute("src") == turned
    expect(again.get_by_role("slider", name="Number 1", exact=True)).to_have_value("4")
    page.keyboard.press("Delete")  # back to the seed's own
    change(page, PICTURE, turned)
    assert page.locator(PICTURE).first.get_attribute("src") == start
    larger = panel.locator(".fader .cut").first  # as it would be of photographs: made to fit, not left out
    larger.evaluate("cut => ['--w', '--h'].forEach((side) => cut.style.setProperty(side, 64))")
    expect(larger).to_have_css("width", "28px")
    panel.locator(".fader button").nth(3).click()  # the small picture above the second slider
    change(page, PICTURE, start)
    expect(panel.locator(".fader .value").nth(1)).not_to_have_text("0.0")
    panel.get_by_role("button", name="Reset number").nth(1).click()
    page.wait_for_function(
        f"before => document.querySelector('{PICTURE}').getAttribute('src') === before", arg=start
    )
    panel.get_by_role("button", name="Numbers 81 to 100").click()
    last = panel.get_by_role("slider", name="Number 100", exact=True)
    expect(last).to_be_visible()
    box = last.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 4, steps=6)
    page.mouse.up()
    change(page, PICTURE, start)
    assert "99%3A" in address(page)
    panel.get_by_role("button", name="Reset all").click()
    page.wait_for_function(
        f"before => document.querySelector('{PICTURE}').getAttribute('src') === before", arg=start
    )
    with page.expect_download() as saved:
        panel.get_by_role("button", name="Download PNG").click()
    assert saved.value.suggested_filename == "gan-knobs-seed-7.png"


def test_a_slider_says_its_number_as_the_language_writes_it(
    den: serving.Page, visit: Callable[..., Visit]
) -> None:
    page = visit(den).open("?tab=latent&lang=fr")
    panel = page.locator("#panel-latent")
    numbers = panel.locator(".fader .value")
    expect(numbers.last).to_have_text(re.compile(r"^\u2212?\d,\d$"))  # as the server says it
    page.route("**/queue/join*", lambda route: None)  # no answer: what the slider itself says stays
    panel.get_by_role("slider", name="Nombre 1", exact=True).focus()
    page.keyboard.press("End")
    expect(numbers.first).to_have_text("4,0")
    page.locator("[data-lang=en]").click()
    expect(numbers.first).to_have_text("4.0")


def test_a_seed_a_model_and_a_digit(den: serving.Page, visit: Callable[..., Visit]) -> None:
    page = visit(den).open("?tab=latent")
    panel = page.locator("#panel-latent")
    expect(panel.locator("[data-labelled]")).to_be_hidden()  # this one takes no label
    before = page.locator(PICTURE).first.get_attribute("src")
    panel.get_by_role("button", name="Surprise me").click()
    change(page, PICTURE, before)
    before = page.locator(PICTURE).first.get_attribute("src")
    panel.locator(".desk").get_by_text("Tiny labelled").click()
    change(page, PICTURE, before)
    before = page.locator(PICTURE).first.get_attribute("src")
    panel.locator("[data-labelled]").get_by_text("3", exact=True).click()
    change(page, PICTURE, before)
    assert "label=3" in address(page)


# --------------------------------------------------------------------------------------------------- films


def test_a_walk_plays_stops_and_can_be_kept(den: serving.Page, visit: Callable[..., Visit]) -> None:
    page = visit(den).open("?tab=latent")
    panel = page.locator("#panel-latent")
    panel.get_by_text("Walk", exact=True).click()
    page.wait_for_function("() => Number(document.querySelector('#panel-latent [data-scrub]')?.value) > 3")
    panel.get_by_role("button", name="Pause").click()
    screen, scrub = panel.locator("[data-screen]"), panel.get_by_role("slider", name="Point of the walk")
    scrub.fill("0")
    start = shown(screen)
    assert np.ptp(start) > 30
    scrub.fill("60")
    assert (shown(screen) != start).any()
    panel.locator("[data-seek='0']").click()
    assert (shown(screen) == start).all()
    sheet = panel.locator("[data-film]").get_attribute("data-film")
    panel.get_by_role("button", name="Another walk").click()
    page.wait_for_function(
        "before => document.querySelector('#panel-latent [data-film]').dataset.film !== before", arg=sheet
    )
    scrub.focus()
    page.keyboard.press("Space")
    expect(panel.get_by_role("button", name="Pause")).to_be_visible()
    with page.expect_download() as saved:
        panel.get_by_role("button", name="Download GIF").click()
    with Image.open(saved.value.path()) as file:
        assert file.n_frames == 120


def test_two_ways_side_by_side_under_one_scrubber(den: serving.Page, visit: Callable[..., Visit]) -> None:
    page = visit(den).open("?tab=latent&play=way")
    panel = page.locator("#panel-latent")
    screens = panel.locator("[data-screen]")
    expect(screens).to_have_count(2)
    expect(panel.locator("[data-told]").first).not_to_contain_text("–")
    straight, circle = shown(screens.first), shown(screens.last)
    assert (straight != circle).any()  # half way, where they differ most
    scrub = panel.get_by_role("slider", name="Point of the way")
    scrub.fill("60")
    assert (shown(screens.first) == shown(screens.last)).all()  # the same end
    end = shown(screens.first)
    drag(page, panel.get_by_role("slider", name="to seed"), 0.5)
    page.wait_for_function("() => location.search.includes('other=')")
    idle(page)
    assert (shown(screens.first) != end).any()
    panel.get_by_role("button", name="Play").click()
    expect(scrub).not_to_have_value("60")


def test_calm_visitors_walk_when_they_wish(den: serving.Page, visit: Callable[..., Visit]) -> None:
    page = visit(den, reduced_motion="reduce").open("?tab=latent&play=walk")
    expect(page.locator("#panel-latent [data-told]")).not_to_contain_text("–")
    expect(page.locator("#panel-latent .play")).not_to_have_class(re.compile("playing"))


# ----------------------------------------------------------------------------------------------------- sum


def test_pictures_are_added_and_chosen(den: serving.Page, visit: Callable[..., Visit]) -> None:
    page = visit(den).open("?tab=latent&play=sum")
    panel = page.locator("#panel-latent")
    result = "#panel-latent .result img"
    expect(panel.locator(".term")).to_have_count(4)
    assert panel.locator(".few button").count() == 9
    before = page.locator(result).get_attribute("src")
    panel.locator(".few button").nth(5).click()
    expect(panel.locator(".few button").nth(5)).to_have_attribute("aria-pressed", "true")
    assert page.locator(result).get_attribute("src") == before
    offer = panel.locator(".tray button").nth(20)
    chosen = pixels(offer.locator("img"))
    offer.click()
    change(page, result, before)
    assert (pixels(panel.locator(".few img").nth(5)) == chosen).all()  # though it was clicked at once
    expect(panel.locator(".few button").nth(6)).to_have_attribute("aria-pressed", "true")
    tray = panel.locator(".tray img").first.get_attribute("src")
    panel.get_by_role("button", name="More").click()
    change(page, "#panel-latent .tray img", tray)
    panel.get_by_role("button", name="Choose for me").click()
    page.wait_for_function(
        f"before => document.querySelector('{result}').getAttribute('src') === before", arg=before
    )


def test_what_cannot_be_played_is_one_sentence_and_the_picture_stays(
    den: serving.Page, visit: Callable[..., Visit]
) -> None:
    page = visit(den).open("?tab=latent&z=500:1")
    expect(page.locator("#panel-latent .problem")).to_contain_text("position must be a whole number")
    expect(page.locator(PICTURE).first).to_be_visible()


# -------------------------------------------------------------------------------------------- for everybody


@pytest.mark.slow
def test_it_fits_everywhere(den: serving.Page, visit: Callable[..., Visit]) -> None:
    visitor = visit(den, reduced_motion="reduce")
    states = {
        "game-question": "tab=game",
        "game-answer": "tab=game&answers=mr&turn=1",
        "game-end": "tab=game&answers=mrmrmrmrmr&turn=10",
        **{f"latent-{play}": f"tab=latent&play={play}" for play in ("knobs", "walk", "way", "sum")},
    }
    ready = {"answer": ".heat", "end": ".exhibits", "walk": "canvas", "way": "canvas", "sum": ".tray"}
    for name, query in states.items():
        page = visitor.open(f"?{query}")
        panel = f"#panel-{name.partition('-')[0]}"
        expect(page.locator(f"{panel} {ready.get(name.partition('-')[2], '.plate')}").first).to_be_visible()
        for sight in sights(page, name):
            sight.fits(panel)
            sight.whole(f"{panel} .picture")
