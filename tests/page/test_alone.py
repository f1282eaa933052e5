"""Where the page is shown, in a real Chromium: at a path that its server does not know, and on a Space."""

from __future__ import annotations

import http.server
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests import serving, tiny
from tests.browser import Visit

pytestmark = pytest.mark.browser

# Whatever the page asks for, seen or refused by its own policy.
ASKED = """
window.refused = [];
addEventListener('securitypolicyviolation', ({ blockedURI }) => refused.push(blockedURI));
const send = window.fetch;
window.fetch = (...all) => {
  const address = new URL(all[0]?.url ?? all[0], document.baseURI);
  if (address.origin !== location.origin && address.protocol.startsWith('http')) refused.push(address.href);
  return send(...all);
};
"""


@pytest.fixture
def proxied(small_site: serving.Page) -> Iterator[str]:
    """The page at a path, by a proxy that takes the path off and tells nobody."""

    class Proxy(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if not self.path.startswith("/lineage/"):
                self.send_error(404)
                return
            try:
                with urllib.request.urlopen(small_site.url + self.path.removeprefix("/lineage")) as answer:
                    content, kind = answer.read(), answer.headers["content-type"]
            except urllib.error.HTTPError as fault:
                self.send_error(fault.code)
                return
            # The address that Gradio writes into its page is that of the proxy, without the path.
            at = f"http://{self.headers['host']}".encode()
            content = content.replace(small_site.url.encode(), at)
            self.send_response(200)
            self.send_header("content-type", kind)
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *arguments: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Proxy) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/lineage/"
        server.shutdown()
        thread.join(timeout=serving.PATIENCE)


def test_a_root_path_that_is_wrong_is_said(
    proxied: str, small_site: serving.Page, visit: Callable[..., Visit]
) -> None:
    """Catches a page that loads and does nothing, in silence."""
    visitor = visit(small_site)
    visitor.page.goto(proxied)
    said = visitor.page.get_by_role("alert")
    expect(said).to_contain_text("shown at /lineage, and its server believes it is at /")
    expect(said).to_contain_text("--root-path /lineage")
    visitor.complaints.clear()  # what was not found under the wrong path
    visitor.open()
    expect(said).to_have_count(0)


def test_a_space_asks_nobody_for_anything(tmp_path: Path, visit: Callable[..., Visit]) -> None:
    """Catches style sheets of a font host and a look-up at the hub, which the page's own policy refuses."""
    models = tiny.write_models(tmp_path / "models")
    with serving.page(tmp_path / "page", [models], {"SPACE_ID": "somebody/lineage"}) as space:
        visitor = visit(space)
        visitor.page.add_init_script(ASKED)
        page = visitor.open()
        assert page.evaluate("refused") == []
        foreign = """() => [...document.querySelectorAll('link[href], script[src], img[src]')]
            .map((each) => each.href || each.src)
            .filter((address) => /^http/.test(address) && !address.startsWith(location.origin))"""
        assert page.evaluate(foreign) == []
