"""The page inside another site, in a real Chromium."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests import serving, tiny
from tests.browser import LIMIT

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[serving.Page]:
    folder = tmp_path_factory.mktemp("framed")
    with serving.page(folder / "page", [tiny.write_models(folder / "models")]) as running:
        yield running


@pytest.fixture
def blog(page: serving.Page, tmp_path: Path) -> Iterator[str]:
    """A site of another origin that embeds the page as `docs/spaces.md` says."""
    (tmp_path / "index.html").write_text(
        f'<!doctype html><title>Blog</title><iframe src="{page.url}" width="1000" height="900"></iframe>'
    )

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *arguments: object) -> None:
            super().__init__(*arguments, directory=str(tmp_path))  # type: ignore[arg-type]

        def log_message(self, *arguments: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://localhost:{server.server_port}/index.html"
        server.shutdown()
        thread.join(timeout=serving.PATIENCE)


def test_a_visitor_plays_inside_another_site(browser: Browser, blog: str) -> None:
    """Catches a page that a frame shows empty."""
    context = browser.new_context(locale="en-US")
    visitor = context.new_page()
    visitor.set_default_timeout(LIMIT)
    errors: list[str] = []
    visitor.on("pageerror", lambda error: errors.append(str(error)))
    visitor.goto(blog)
    inside = visitor.frame_locator("iframe")
    expect(inside.locator("#panel-draw")).to_be_visible()
    expect(inside.locator("#panel-draw svg, #panel-draw canvas, #panel-draw img").first).to_be_visible()
    assert errors == []
    context.close()


def test_the_site_around_learns_the_address_but_no_secret_of_the_frame(
    browser: Browser, page: serving.Page, blog: str, tmp_path: Path
) -> None:
    """Catches a shared link of a Space that opens the start: the visitor's address is the outer page's."""
    inner = f"{page.url}/?__sign=secret&tab=dream&seed=5&utm=1#here"
    (tmp_path / "shared.html").write_text(
        f"""<!doctype html><title>Blog</title><script>
        window.told = [];
        addEventListener("message", ({{ data }}) => data.queryString && told.push(data));
        </script><iframe src="{inner}" width="1000" height="900"></iframe>"""
    )
    context = browser.new_context(locale="en-US")
    visitor = context.new_page()
    visitor.set_default_timeout(LIMIT)
    visitor.goto(blog.replace("index.html", "shared.html"))
    inside = visitor.frame_locator("iframe")
    expect(inside.locator("#dream-seed")).to_have_value("5")
    inside.locator("#dream-seed").fill("12")
    visitor.wait_for_function("told.length > 0")
    assert visitor.evaluate("told") == [{"queryString": "?tab=dream&seed=12&utm=1", "hash": "#here"}]
    context.close()
