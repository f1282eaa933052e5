"""The address of the page in a real Chromium: when it is written, what it keeps, and what no value spoils."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests import serving
from tests.browser import Visit, address, change, idle

pytestmark = pytest.mark.browser

SEEN = "#panel-draw .seen img"

# Safari's history, which throws after a hundred addresses in ten seconds (Firefox's does after two hundred);
# those that came while a finger was down are told apart.
STRICT = """
const written = [], during = [];
let down = false;
addEventListener('pointerdown', () => (down = true), true);
addEventListener('pointerup', () => (down = false), true);
const replace = history.replaceState;
history.replaceState = function (...all) {
  if (location.pathname + location.search !== String(all[2])) (down ? during : written).push(all[2]);
  written.stamps = (written.stamps ?? []).filter((one) => performance.now() - one < 10000);
  if (written.stamps.length >= 100) throw new DOMException('100 times per 10 seconds', 'SecurityError');
  written.stamps.push(performance.now());
  replace.apply(history, all);
};
window.history_ = { written, during };
"""


def scribble(page: Page, points: int) -> None:
    """Draw for as many moves of the pointer, each in a frame of its own."""
    box = page.locator(".paper canvas").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 60, box["y"] + 60)
    page.mouse.down()
    for k in range(points):
        page.mouse.move(box["x"] + 60 + k % 150, box["y"] + 60 + k % 140)
    page.mouse.up()


def test_a_gesture_writes_no_address_and_a_strict_browser_sees_no_error(
    small_site: serving.Page, visit: Callable[..., Visit]
) -> None:
    """Catches an address written at each point of a stroke, or for a drawing, which it does not hold."""
    visitor = visit(small_site)
    visitor.page.add_init_script(STRICT)
    page = visitor.open("?tab=draw")
    page.get_by_role("button", name="Clear").click()
    before = page.locator(SEEN).get_attribute("src")
    scribble(page, 150)
    change(page, SEEN, before)
    assert page.evaluate("history_.written") == []
    slider = page.locator("#draw-steps")
    slider.scroll_into_view_if_needed()
    box = slider.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 8, box["y"] + 8)
    page.mouse.down()
    for k in range(60):
        page.mouse.move(box["x"] + 8 + 2 * k, box["y"] + 8)
    page.mouse.up()
    assert "steps=" in address(page)
    assert len(page.evaluate("history_.written")) == 1
    assert page.evaluate("history_.during") == []


def test_answers_come_where_no_address_can_be_written(
    small_site: serving.Page, visit: Callable[..., Visit]
) -> None:
    visitor = visit(small_site)
    visitor.page.add_init_script(
        "history.replaceState = () => { throw new DOMException('no', 'SecurityError'); }"
    )
    page = visitor.open()
    before = page.locator(SEEN).get_attribute("src")
    page.get_by_role("button", name="Example: a 7").click()
    change(page, SEEN, before)
    page.get_by_role("tab", name="Dream").click()
    expect(page.locator("#panel-dream")).to_be_visible()


def test_what_others_put_into_the_address_stays(
    small_site: serving.Page, visit: Callable[..., Visit]
) -> None:
    page = visit(small_site).open("?__theme=dark&utm=1&tab=dream&seed=3#there")
    page.get_by_role("tab", name="Draw").click()
    assert address(page).partition("?")[2] == "__theme=dark&utm=1&tab=draw#there"
    page.get_by_role("link", name="FR").click()
    assert address(page).partition("?")[2] == "__theme=dark&utm=1&tab=draw&lang=fr#there"


@pytest.mark.parametrize("value", ["abc", "7.5", "1e999", "-1", "4294967296", "9007199254740993"])
def test_a_seed_that_is_none_is_said_once_and_left_behind(
    small_site: serving.Page, visit: Callable[..., Visit], value: str
) -> None:
    page = visit(small_site).open(f"?tab=dream&seed={value}&count=9")
    said = page.locator("#panel-dream .problem:visible")
    expect(said).to_have_count(1)
    expect(said).to_have_text(f"seed must be a whole number from 0 to 4294967295, got {value}.")
    expect(page.locator("#dream-seed")).to_have_value("7")
    expect(page.locator("#panel-dream [data-sheet=made] .cell")).to_have_count(9)
    page.get_by_text("16", exact=True).click()
    expect(page.locator("#panel-dream [data-sheet=made] .cell")).to_have_count(16)
    expect(said).to_have_count(0)
    assert address(page).partition("?")[2] == "tab=dream&count=16"


def test_what_the_server_refuses_is_said_once_and_left_behind(
    small_site: serving.Page, visit: Callable[..., Visit]
) -> None:
    page = visit(small_site).open("?tab=dream&model=nobody&seed=5")
    said = page.locator("#panel-dream .problem:visible")
    expect(said).to_have_count(1)
    expect(said).to_contain_text("nobody")
    page.locator("#dream-seed").fill("12")
    expect(said).to_have_count(0)
    assert address(page).partition("?")[2] == "tab=dream&seed=12"
    # What was answered last is what is gone back to.
    page.locator("#dream-seed").fill(str(2**32))
    expect(said).to_have_count(1)
    page.get_by_text("16", exact=True).click()
    expect(said).to_have_count(0)
    idle(page)
    assert page.locator("#dream-seed").input_value() == "12"
    assert address(page).partition("?")[2] == "tab=dream&seed=12&count=16"


def test_every_word_follows_the_switch(small_site: serving.Page, visit: Callable[..., Visit]) -> None:
    """Catches words that a script writes once, as the movie's read-out was: they stay in the old language."""

    def words(page: Page) -> dict[str, set[str]]:
        found = page.evaluate(
            r"""() => Object.fromEntries([...document.querySelectorAll("[role=tabpanel]")].map((panel) => {
                const said = [];
                const walk = document.createTreeWalker(panel, NodeFilter.SHOW_TEXT);
                while (walk.nextNode()) said.push(walk.currentNode.data);
                for (const each of panel.querySelectorAll("*")) {
                  for (const name of ["aria-label", "aria-valuetext", "aria-description", "alt", "title"]) {
                    if (each.hasAttribute(name)) said.push(each.getAttribute(name));
                  }
                }
                const bare = said.map((one) => one.replace(/[-\u2212\d.,\s\u00a0\u202f]+/g, " ").trim());
                return [panel.dataset.tab, [...new Set(bare)].filter((one) => /[a-zé]{3}/.test(one))];
              }))"""
        )
        return {tab: set(said) for tab, said in found.items()}

    def look_round(page: Page) -> None:
        for tab in page.get_by_role("tab").all():
            tab.click()
            idle(page)

    switched = visit(small_site, reduced_motion="reduce").open()
    look_round(switched)
    switched.get_by_role("link", name="FR").click()
    french = visit(small_site, reduced_motion="reduce", locale="fr-FR").open()
    look_round(french)
    assert words(switched) == words(french)
