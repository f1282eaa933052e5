"""The guided tour in a real Chromium, by address, by keys and by thumb.

Screenshots go to ``tests/artifacts/``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page, expect

from demo import tour
from tests import serving
from tests.browser import Visit, address, idle, sights
from tests.demo.test_tour import write_half

pytestmark = pytest.mark.browser

STRIP = ".tour"
STATE = "name => document.getElementById(`panel-${name}`).lineage.get()"


@pytest.fixture(scope="module")
def half(tmp_path_factory: pytest.TempPathFactory) -> Iterator[serving.Page]:
    """The models before StyleGAN: five of the stations."""
    folder = tmp_path_factory.mktemp("tour")
    with serving.page(folder, [write_half(folder / "models")]) as running:
        yield running


def stands(page: Page, place: str, title: str, panel: str) -> None:
    expect(page.locator(f"{STRIP} .place")).to_have_text(place)
    expect(page.locator(f"{STRIP} h2")).to_have_text(title)
    expect(page.locator(f"#panel-{panel}")).to_be_visible()


def test_a_teacher_links_a_station_and_keys_lead_on(half: serving.Page, visit: Callable[..., Visit]) -> None:
    visitor = visit(half)
    page = visitor.open("?tour=3")
    stands(page, "3 / 5", "The belief network", "movie")
    assert page.evaluate(STATE, "movie")["model"] == "dbn"
    page.get_by_text("Noise", exact=True).click()
    page.locator("#movie-seed").fill("12")
    assert {"tour=3", "tab=movie", "seed=12"} <= set(address(page).partition("?")[2].split("&"))
    # What the visitor set is theirs, where the tour goes on and comes back.
    page.locator(STRIP).focus()
    page.keyboard.press("ArrowRight")
    stands(page, "4 / 5", "The autoencoder", "map")
    page.keyboard.press("ArrowLeft")
    stands(page, "3 / 5", "The belief network", "movie")
    assert page.evaluate(STATE, "movie")["seed"] == 12
    page.get_by_role("link", name="FR").click()
    stands(page, "3 / 5", "Le réseau de croyance", "movie")
    # Anew, by an address that says all of it: the state is the visitor's, not the station's.
    page.evaluate("document.getElementById('panel-movie').lineage.set({ label: '2' })")
    page = visitor.open(f"?{address(page).partition('?')[2]}")
    stands(page, "3 / 5", "Le réseau de croyance", "movie")
    kept = page.evaluate(STATE, "movie")
    assert (kept["label"], kept["seed"]) == ("2", 12)
    page.locator(STRIP).focus()
    page.keyboard.press("Escape")
    expect(page.locator(STRIP)).to_be_hidden()
    expect(page.locator("[data-tour-open]")).to_be_focused()
    assert "tour=" not in address(page)
    assert page.evaluate(STATE, "movie") == kept
    # In again by the link, and to the end, where nothing comes after.
    page.keyboard.press("Enter")
    stands(page, "3 / 5", "Le réseau de croyance", "movie")
    page.get_by_role("button", name="Étape suivante").click()
    page.get_by_role("button", name="Étape suivante").click()
    stands(page, "5 / 5", "Deux rivaux", "dream")
    page.get_by_role("button", name="Étape suivante").press("Enter")
    stands(page, "5 / 5", "Deux rivaux", "dream")
    page.get_by_role("button", name="Quitter la visite").click()
    expect(page.locator(STRIP)).to_be_hidden()


@pytest.mark.parametrize(
    ("wish", "place"), [("9", "5 / 5"), ("abc", "1 / 5"), ("2.5", "3 / 5"), ("", "1 / 5")]
)
def test_a_station_that_is_none_is_said_and_the_nearest_opens(
    half: serving.Page, visit: Callable[..., Visit], wish: str, place: str
) -> None:
    page = visit(half).open(f"?tour={wish}")
    expect(page.locator(f"{STRIP} .place")).to_have_text(place)
    said = f"tour must be a whole number from 1 to 5, got {wish}."
    expect(page.locator(f"{STRIP} .problem")).to_have_text(said)
    page.get_by_role("button", name="Next station" if wish != "9" else "Previous station").click()
    expect(page.locator(f"{STRIP} .problem")).to_be_hidden()


def test_on_a_phone_it_is_docked_and_folds(half: serving.Page, visit: Callable[..., Visit]) -> None:
    page = visit(half, viewport={"width": 375, "height": 812}, has_touch=True).open()
    page.get_by_role("link", name="Tour").tap()
    stands(page, "1 / 5", "A drawing, rebuilt", "draw")
    idea = page.locator(f"{STRIP} .idea")
    expect(idea).to_be_visible()
    page.get_by_role("button", name="The station's words").tap()
    expect(idea).to_be_hidden()
    box = page.locator(STRIP).bounding_box()
    assert box is not None
    assert (box["x"], box["width"]) == (0, 375)
    assert box["y"] + box["height"] == 812
    assert box["height"] < 60
    page.get_by_role("button", name="Next station").tap()
    stands(page, "2 / 5", "The Boltzmann machine", "movie")
    expect(idea).to_be_hidden()  # as the visitor had it
    assert page.evaluate("document.documentElement.scrollWidth") == 375


@pytest.mark.slow
def test_every_station_fits(site: serving.Page, visit: Callable[..., Visit]) -> None:
    """Catches a strip that hides the panel, an equation cut off, and a page that scrolls sideways."""
    page = visit(site).open("?tour=1")
    for number, station in enumerate(tour.STATIONS, start=1):
        expect(page.locator(f"{STRIP} .place")).to_have_text(f"{number} / {len(tour.STATIONS)}")
        idle(page)
        expect(page.locator("[role=tabpanel]:visible .problem:visible")).to_have_count(0)
        for sight in sights(page, f"tour-{number}", widths=(1280, 375)):
            sight.fits(f"#panel-{station.panel}")
            wide, seen = page.locator(f"{STRIP} .equation").evaluate("e => [e.scrollWidth, e.clientWidth]")
            assert wide <= seen, (station.name, sight)
            height = page.locator(STRIP).evaluate("e => e.offsetHeight")
            assert height <= (300 if sight.width == 375 else 180), (station.name, sight)
        page.locator(STRIP).press("ArrowRight")
