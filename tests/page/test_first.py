"""The first sight of the page in a real Chromium: before scripts, without them, after them."""

from __future__ import annotations

import gzip
import re
import urllib.request
from collections.abc import Callable

import pytest
from playwright.sync_api import Browser, Page, expect

from tests import serving
from tests.browser import LIMIT, Visit

pytestmark = pytest.mark.browser

# Where things are, and what they say, at the first sight and later.
SEEN = """() => ['h1', '.timeline .tile', '.timeline .picture', '.tabs', '.lead', '.paper', '.thumbs',
  '.seen img', '.answers', '.verdict', '.strips', '.drawer'].map((each) => {
    const found = document.querySelector(each);
    if (!found) return [each];
    const { left, top, width, height } = found.getBoundingClientRect();
    return [each, ...[left, top, width, height].map(Math.round), each === '.tabs' ? '' : found.innerText];
  })"""


def read(url: str, **headers: str) -> tuple[bytes, dict[str, str]]:
    request = urllib.request.Request(url, headers={"Accept-Encoding": "gzip", **headers})
    with urllib.request.urlopen(request, timeout=serving.PATIENCE) as answer:
        return answer.read(), dict(answer.headers)


def test_the_first_bytes_are_few_and_the_rest_is_kept(site: serving.Page) -> None:
    """Catches answers of panels that nobody has opened in the page's first bytes."""
    page, _ = read(f"{site.url}/")
    assert len(page) < 250_000
    text = gzip.decompress(page).decode()
    names = set(re.findall(r"(?:parts|lineage)-[0-9a-f]{16}\.\w+", text))
    assert len(names) == 2
    for name in names:
        content, headers = read(f"{site.url}/{name}")
        assert headers["content-encoding"] == "gzip"
        assert "immutable" in headers["cache-control"]
        assert len(gzip.decompress(content)) > 100_000


def test_without_scripts_there_are_the_name_the_pictures_and_the_first_answer(
    small_site: serving.Page, browser: Browser
) -> None:
    for query, language, name, note in (
        ("", "en-US", "from RBM to StyleGAN", "this page needs scripts"),
        ("", "fr-FR", "de la RBM à StyleGAN", "cette page a besoin de scripts"),
        ("?lang=fr", "en-US", "de la RBM à StyleGAN", "cette page a besoin de scripts"),
    ):
        context = browser.new_context(java_script_enabled=False, locale=language)
        page = context.new_page()
        page.set_default_timeout(LIMIT)
        page.goto(f"{small_site.url}/{query}")
        expect(page.get_by_role("heading", level=1)).to_contain_text(name)
        expect(page.locator("noscript p")).to_be_visible()
        expect(page.locator("noscript p")).to_contain_text(note)
        expect(page.locator("noscript a")).to_have_attribute("href", "./gradio_api/info")
        assert page.locator(".tile img").count() >= 3
        assert page.locator(".card img").count() >= 2
        for image in page.locator(".tile img, .card img").all():
            assert len(image.get_attribute("alt") or "") > 5
        expect(page.locator(".seen img")).to_be_visible()
        # What does nothing says so to whoever does not see it.
        assert page.locator("button:not(:disabled), input:not(:disabled)").count() == 0
        context.close()


@pytest.mark.parametrize("width", [375, 1280])
def test_the_page_takes_the_place_of_its_first_sight_and_nothing_moves(
    small_site: serving.Page, visit: Callable[..., Visit], width: int
) -> None:
    """Catches a sight that is not the page's: another place, another word, another number."""
    shape = {"viewport": {"width": width, "height": 900}, "locale": "fr-FR" if width == 375 else "en-US"}
    early = visit(small_site, **shape)
    early.page.route("**/assets/**", lambda route: route.abort())
    early.page.goto(f"{small_site.url}/")
    first = look(early.page)
    early.complaints.clear()  # of what was kept from it
    page = visit(small_site, **shape).open()
    assert look(page) == first
    assert page.locator("#first").count() == 0


def look(page: Page) -> list[list[object]]:
    page.wait_for_function("() => document.fonts.status === 'loaded'")
    page.wait_for_function(
        "() => [...document.images].every((image) => !image.offsetParent || image.naturalWidth > 0)"
    )
    found: list[list[object]] = page.evaluate(SEEN)
    return found
