"""One short journey through the page in each of the three engines that people's browsers have.

Chromium is driven as in the other tests. Firefox and WebKit, Safari's engine, are asked in the protocols that
they bring, WebDriver and Marionette, which is the same commands packed otherwise: packages drive Firefox
through a program that Debian lacks.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import json
import os
import shutil
import signal
import socket
import subprocess
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import pytest
from playwright.sync_api import Page

from tests import serving
from tests.browser import LIMIT, chromium

pytestmark = pytest.mark.runtimes

Points = Sequence[tuple[int, int]]

RECORD = """function record({ message, reason }) {
    const { dataset } = document.documentElement;
    dataset.complaints = `${dataset.complaints ?? ""}${message ?? reason}\\n`;
}
for (const name of ["error", "unhandledrejection"]) addEventListener(name, record);"""
"""A script of the page itself: what Firefox runs for a driver is in a world of its own, and does not stay."""
READY = "'ready' in document.body.dataset && !Number(document.body.dataset.pending ?? 0)"


# ------------------------------------------------------------------------------------------------- browsers


class Driver(Protocol):
    """What a journey needs of a browser."""

    def goto(self, url: str) -> None: ...

    def run(self, script: str) -> Any:
        """What a script on the page gives to ``done``."""

    def drag(self, points: Points) -> None:
        """Press the mouse at the first point of the window, move through the others, let go."""


class Playwright:
    def __init__(self, page: Page) -> None:
        self._page = page

    def goto(self, url: str) -> None:
        self._page.goto(url, wait_until="load")

    def run(self, script: str) -> Any:
        return self._page.evaluate(f"() => new Promise((done) => {{ {script} }})")

    def drag(self, points: Points) -> None:
        self._page.mouse.move(*points[0])
        self._page.mouse.down()
        for point in points[1:]:
            self._page.mouse.move(*point)
        self._page.mouse.up()


class WebDriver:
    """The three commands in either packing: ``send`` takes a command's name, its path and its arguments."""

    CAPABILITIES = {"timeouts": {"script": 2 * LIMIT}}  # noqa: RUF012

    def __init__(self, send: Callable[[str, str, dict[str, Any]], Any]) -> None:
        self._send = send

    def goto(self, url: str) -> None:
        self._send("WebDriver:Navigate", "url", {"url": url})

    def run(self, script: str) -> Any:
        whole = f"const done = arguments[0]; {script}"
        return self._send("WebDriver:ExecuteAsyncScript", "execute/async", {"script": whole, "args": []})

    def drag(self, points: Points) -> None:
        moves = [{"type": "pointerMove", "duration": 0, "x": x, "y": y} for x, y in points]
        press, let_go = ({"type": name, "button": 0} for name in ("pointerDown", "pointerUp"))
        actions = [moves[0], press, *moves[1:], let_go]
        mouse = {"type": "pointer", "id": "mouse", "actions": actions}
        self._send("WebDriver:PerformActions", "actions", {"actions": [mouse]})


@contextmanager
def blink(folder: Path) -> Iterator[Driver]:
    with chromium() as browser:
        yield Playwright(browser.new_page())


@contextmanager
def gecko(folder: Path) -> Iterator[Driver]:
    program = _installed("firefox-esr", "firefox")
    profile = folder / "profile"
    profile.mkdir()
    (profile / "user.js").write_text('user_pref("marionette.port", 0);\n')  # one that is free
    with _running(program, "--headless", "--marionette", "--no-remote", "--profile", str(profile)):
        port = int(serving.soon((profile / "MarionetteActivePort").read_text))
        with socket.create_connection(("127.0.0.1", port), LIMIT / 1000) as connection:
            stream = connection.makefile("rwb")
            numbers = itertools.count(1)

            def receive() -> Any:
                length = b"".join(iter(functools.partial(stream.read, 1), b":"))
                return json.loads(stream.read(int(length)))

            def send(command: str, _: str, arguments: dict[str, Any]) -> Any:
                packed = json.dumps([0, next(numbers), command, arguments]).encode()
                stream.write(b"%d:%s" % (len(packed), packed))
                stream.flush()
                _, _, error, result = receive()
                assert error is None, error
                return result.get("value")

            receive()  # who answers
            send("WebDriver:NewSession", "", WebDriver.CAPABILITIES)
            yield WebDriver(send)


@contextmanager
def webkit(folder: Path) -> Iterator[Driver]:
    program, screen = _installed("WebKitWebDriver"), _installed("xvfb-run")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    base = f"http://127.0.0.1:{port}/session"

    def ask(path: str, body: dict[str, Any]) -> Any:
        packed = json.dumps(body).encode()
        asked = urllib.request.Request(base + path, packed, {"content-type": "application/json"})
        try:
            with urllib.request.urlopen(asked, timeout=LIMIT / 1000) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            raise AssertionError(error.read().decode()) from None

    with _running(screen, "-a", program, f"--port={port}", WEBKIT_DISABLE_COMPOSITING_MODE="1"):
        wish = {"capabilities": {"alwaysMatch": WebDriver.CAPABILITIES}}
        session = serving.soon(lambda: ask("", wish))["sessionId"]
        yield WebDriver(lambda _, path, arguments: ask(f"/{session}/{path}", arguments))


def _installed(*names: str) -> str:
    found = next(filter(None, map(shutil.which, names)), None)
    if found is None:
        pytest.skip(f"{names[0]} is not installed")
    return found


@contextmanager
def _running(*command: str, **more: str) -> Iterator[None]:
    quiet = subprocess.DEVNULL
    process = subprocess.Popen(
        command, env=os.environ | more, start_new_session=True, stdout=quiet, stderr=quiet
    )
    try:
        yield
    finally:  # its windows and its screen are its children
        for ending in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError, subprocess.TimeoutExpired):
                os.killpg(process.pid, ending)
                process.wait(timeout=30)


# -------------------------------------------------------------------------------------------------- journey


class Journey:
    """One visitor in one browser."""

    def __init__(self, driver: Driver) -> None:
        self._driver = driver

    def open(self, url: str) -> None:
        self._driver.goto(url)
        record = json.dumps(RECORD)
        self._do(
            f"document.body.append(Object.assign(document.createElement('script'), {{ text: {record} }}))"
        )
        self.idle()

    def value(self, expression: str) -> Any:
        return self._driver.run(f"done({expression});")

    def _do(self, statement: str) -> None:
        self._driver.run(f"{statement}; done();")

    def until(self, expression: str) -> None:
        # What follows a hand leaves in the next frame. Playwright sets no limit of its own to a script.
        late = self._driver.run(
            f"const end = performance.now() + {LIMIT};"
            f"const look = () => {expression} ? done(false)"
            " : performance.now() > end ? done(true) : requestAnimationFrame(look);"
            "requestAnimationFrame(() => requestAnimationFrame(look));"
        )
        assert not late, expression

    def idle(self) -> None:
        self.until(READY)

    def click(self, selector: str) -> None:
        self._do(f"document.querySelector({json.dumps(selector)}).click()")

    def drag(self, selector: str, *places: tuple[float, float]) -> None:
        """Draw a line through places of an element, in fractions of its size."""
        box = f"document.querySelector({json.dumps(selector)}).getBoundingClientRect()"
        left, top, wide, high = self.value(f"(({{ x, y, width, height }}) => [x, y, width, height])({box})")
        self._driver.drag([(round(left + x * wide), round(top + y * high)) for x, y in places])


@pytest.mark.parametrize("engine", [blink, gecko, webkit])
def test_a_visit(small_site: serving.Page, engine: Any, tmp_path: Path) -> None:
    """Draw, dream, read it in French, open every tab. Catches what one browser does otherwise."""
    with engine(tmp_path) as driver:
        visitor = Journey(driver)
        visitor.open(f"{small_site.url}/")

        seen = "document.querySelector('#panel-draw .seen img').src"
        example = visitor.value(seen)
        visitor.drag(".paper canvas", (0.3, 0.2), (0.7, 0.25), (0.6, 0.5), (0.45, 0.8))
        visitor.until(f"{seen} !== {json.dumps(example)}")
        visitor.idle()

        visitor.click("#tab-dream")
        made = "document.querySelector('#panel-dream [data-sheet=made] canvas').toDataURL()"
        visitor.idle()
        before = visitor.value(made)
        visitor.click("#panel-dream [data-surprise=seed]")
        visitor.until(f"{made} !== {json.dumps(before)}")
        visitor.idle()

        visitor.click("[data-lang=fr]")
        visitor.until("document.querySelector('#tab-draw').textContent === 'Dessiner'")

        tabs = visitor.value("[...document.querySelectorAll('[role=tab]')].map(({ id }) => id)")
        assert len(tabs) > 5
        for tab in tabs:
            visitor.click(f"#{tab}")
            visitor.until(f"document.querySelector('#{tab.replace('tab', 'panel')}').offsetHeight > 0")
            visitor.idle()
        assert visitor.value("document.querySelectorAll('.view > [role=status] > .problem').length") == 0
        assert visitor.value("document.documentElement.dataset.complaints ?? ''") == ""
