"""What one touch of a control costs in a real Chromium, in questions and answers; never in time."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable

import pytest
from playwright.sync_api import Request

from tests import serving
from tests.browser import Visit, idle

pytestmark = pytest.mark.browser


def test_a_touch_asks_once_and_the_rest_is_asked_at_rest(
    small_site: serving.Page, visit: Callable[..., Visit]
) -> None:
    """Catches a search through all training digits, or a strip below the fold, at each step of a slider."""
    page = visit(small_site).open("?tab=dream")
    asked: Counter[int] = Counter()

    def note(request: Request) -> None:
        if "queue/join" in request.url:
            sent = json.loads(request.post_data or "{}")
            if sent["data"]:  # the pulse on a slow machine asks for nothing
                asked[sent["fn_index"]] += 1

    page.on("request", note)
    slider = page.locator("#panel-dream input[type=range][name=seed]")
    slider.scroll_into_view_if_needed()
    box = slider.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 20, box["y"] + box["height"] / 2)
    page.mouse.down()
    for k in range(4):
        page.mouse.move(box["x"] + 60 + 40 * k, box["y"] + box["height"] / 2)
        chosen = page.locator("#dream-seed").input_value()
        page.wait_for_function(
            """() => { const view = document.querySelector('#panel-dream .view.sheets');
                return view.dataset.of && !document.querySelector('#panel-dream').dataset.waiting; }"""
        )
    assert len(asked) == 1  # the pictures alone, however long the hand stays
    page.mouse.up()
    idle(page)
    assert len(asked) == 2
    assert sorted(asked.values())[0] == 1
    assert page.locator("#panel-dream .way li").first.inner_text() == f"seed {chosen}"
    views = page.locator("#panel-dream .view[data-answers]").all()
    assert len({view.get_attribute("data-of") for view in views}) == 1
