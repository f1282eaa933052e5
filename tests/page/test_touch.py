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
    page.on("request", lambda request: asked.update(_questions(request)))
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


@pytest.mark.parametrize(("tab", "most"), [("dream", 2), ("draw", 3), ("onez", 6), ("latent", 2)])
def test_a_touch_has_one_answer_with_one_file_a_grid(
    small_site: serving.Page, visit: Callable[..., Visit], tab: str, most: int
) -> None:
    """Counts what one step of a slider costs while the finger is down. Catches an answer too many, and a file
    for each of the small pictures of a grid: Dream's were 66.
    """
    page = visit(small_site).open(f"?tab={tab}")
    page.evaluate(
        """() => { window.files = new Set();
            new MutationObserver((records) => records.forEach(({ target }) => files.add(target.src)))
                .observe(document.body, { subtree: true, attributeFilter: ["src"] });
            const { decode } = lineage; // of what is cut into pictures
            lineage.decode = (file) => (files.add(file), decode(file)); }"""
    )
    asked: list[int] = []
    page.on("request", lambda request: asked.extend(_questions(request)))
    control = page.locator(f"#panel-{tab} input[type=range]:visible").first
    control.scroll_into_view_if_needed()
    box = control.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] * 0.7, box["y"] + box["height"] * 0.7)
    page.mouse.down()
    page.wait_for_function("tab => document.querySelector(`#panel-${tab} .view[data-of]`)", arg=tab)
    assert len(set(asked)) == 1
    assert page.evaluate("files.size") <= most
    # A browser reads a file in a style anew for each element that it reaches, whenever one of them changes.
    assert page.locator("[style*='--sheet-of']").count() == 0
    page.mouse.up()
    idle(page)
    assert page.evaluate("files.size") > 0


def _questions(request: Request) -> list[int]:
    """Which function a request asks; the heart, which asks for nothing, is no question."""
    asked = json.loads(request.post_data or "{}") if "queue/join" in request.url else {}
    return [asked["fn_index"]] if asked.get("data") else []
