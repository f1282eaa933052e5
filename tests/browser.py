"""How tests look at a page in a browser: they wait for what the page promises, and never for a time.

The page's promises are in ``demo/kit/page.js``: ``body[data-ready]`` when everything has started, and
``body[data-pending]``, which counts what is on its way: answers, pictures that are decoded, a hand at rest.
"""

from __future__ import annotations

import atexit
import functools
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Locator, Page, Request, expect, sync_playwright

from evaluation.touch import find_chromium

LIMIT = 120_000
"""Milliseconds for anything a page is waited for: it is only ever reached where something is broken."""

expect.set_options(timeout=LIMIT)

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
ARTIFACTS = Path(__file__).parent / "artifacts"
"""Where pictures for the eye go, where `SCREENSHOTS` asks for them: whole pages are costly to write."""
SCREENSHOTS = os.environ.get("SCREENSHOTS") == "1"
WIDTHS = (1280, 768, 375)
LANGUAGES = ("en", "fr")
LOCAL = {"127.0.0.1", "localhost", "::1"}
INSTALL = "install one with: apt-get install chromium, or python -m playwright install chromium"
SPARE_FONT = Path("/usr/share/fonts/truetype/dejavu")
"""For what the page's typeface lacks, signs of mathematics; with no font at all a Chromium dies."""
LEFT = re.compile("AbortError|Connection errored out|Failed to fetch|network error")
"""What Gradio says in the console of a stream that is cut because its page is left."""

SLOW_CLOSING = """
const straight = window.fetch;
window.fetch = async (...asked) => {
  const answer = await straight(...asked);
  const address = String(asked[0]?.url ?? asked[0]);
  if (!address.includes('queue/data')) return answer;
  const decoder = new TextDecoder(), encoder = new TextEncoder();
  const slow = new TransformStream({ async transform(chunk, controller) {
    const [said, closing] = decoder.decode(chunk).split(/(?=data: [^\\n]*close_stream)/);
    const first = said.includes('close_stream') ? '' : said;
    if (first) controller.enqueue(encoder.encode(first));
    const last = first ? closing : said;
    if (!last) return;
    window.closings = (window.closings ?? 0) + 1;
    await new Promise((resolve) => setTimeout(resolve, 1000));
    controller.enqueue(encoder.encode(last));
  } });
  return new Response(answer.body.pipeThrough(slow), answer);
};
"""
"""The word that closes Gradio's stream of answers reaches this visitor a second late."""


@functools.cache
def one_font() -> dict[str, str]:
    """An environment in which a browser knows one font, whichever the machine has."""
    if not SPARE_FONT.is_dir():
        return dict(os.environ)
    folder = Path(tempfile.mkdtemp(prefix="lineage-fonts-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    says = f"<fontconfig><dir>{SPARE_FONT}</dir><cachedir>{folder}</cachedir></fontconfig>"
    (folder / "fonts.conf").write_text(says, "utf-8")
    return {**os.environ, "FONTCONFIG_FILE": str(folder / "fonts.conf")}


@contextmanager
def chromium(flags: Sequence[str] = FLAGS) -> Iterator[Browser]:
    """A running Chromium; a skip where there is none, a failure where continuous integration has none."""
    with sync_playwright() as playwright:
        path = find_chromium(playwright)
        if path is None:
            reason = f"there is no Chromium: {INSTALL}"
            if os.environ.get("CI") == "true":
                pytest.fail(reason)
            pytest.skip(reason)
        running = playwright.chromium.launch(
            executable_path=path, args=[*flags], env=one_font(), timeout=LIMIT
        )
        yield running
        running.close()


def idle(page: Page) -> None:
    """Until everything has started, and nothing that was asked for, or is about to be, is on its way."""
    # What follows a hand leaves in the next frame.
    page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
    page.wait_for_function(
        "() => 'ready' in document.body.dataset && !Number(document.body.dataset.pending ?? 0)"
    )


_SOURCE = "(seen) => seen?.getAttribute('src') ?? seen?.toDataURL()"
"""An image's own file, or what is drawn on a canvas."""


def source(picture: Locator) -> str:
    """Where a picture on the page comes from."""
    found: str = picture.evaluate(_SOURCE)
    return found


def factors(page: Page, pictures: str) -> list[tuple[float, float]]:
    """How many times its own size each picture to be seen is, across and down: image or canvas."""
    found: list[tuple[float, float]] = page.evaluate(
        """selector => [...document.querySelectorAll(selector)].filter(e => e.offsetParent).map(e => {
            const [width, height] = [e.naturalWidth ?? e.width, e.naturalHeight ?? e.height];
            return [e.clientWidth / width, e.clientHeight / height];
        })""",
        pictures,
    )
    return found


def change(page: Page, selector: str, before: str | None) -> None:
    """Until the picture at ``selector`` is another one than ``before``, and the last of those asked for."""
    page.wait_for_function(
        f"([selector, before]) => ({_SOURCE})(document.querySelector(selector)) !== before",
        arg=[selector, before],
    )
    idle(page)


def redrawn(canvas: Locator, work: Callable[[], object]) -> None:
    """Do ``work`` and wait until the canvas is another: a hand's moves are handled with a later frame."""
    before = canvas.evaluate("canvas => canvas.toDataURL()")
    work()
    canvas.page.wait_for_function(
        "([canvas, before]) => canvas.toDataURL() !== before", arg=[canvas.element_handle(), before]
    )


def decoded(page: Page) -> None:
    """Until every picture to be seen has its own size: before that it is as wide as nothing."""
    page.wait_for_function(
        "() => [...document.images].every(image => !image.offsetParent || image.naturalWidth > 0)"
    )
    idle(page)


@dataclass(frozen=True)
class Sight:
    """How a page is looked at."""

    page: Page
    width: int
    scheme: str
    language: str

    def fits(self, panel: str, spares: str = "") -> None:
        """Nothing scrolls sideways, and nothing of a panel is beyond the edge but what ``spares`` selects."""
        assert self.page.evaluate("document.documentElement.scrollWidth") <= self.width, self
        spilled = self.page.evaluate(
            """([panel, width, spares]) => [...document.querySelectorAll(`${panel} *`)]
                .filter(e => e.offsetParent && !(spares && e.closest(spares)))
                .filter(e => e.getBoundingClientRect().right > width + 1)
                .map(e => e.outerHTML.slice(0, 100))""",
            [panel, self.width, spares],
        )
        assert spilled == [], self

    def whole(self, pictures: str) -> None:
        """Pictures are enlarged by whole factors, alike across and down: else they are blurred."""
        found = factors(self.page, pictures)
        assert found, self
        assert all(across == down == round(across) >= 1 for across, down in found), (self, found)


def sights(
    page: Page, name: str, widths: Sequence[int] = WIDTHS, languages: Sequence[str] = LANGUAGES
) -> Iterator[Sight]:
    """Look at a page in every language and width, changed beneath it: to open it anew costs seconds.

    The dark is looked at once, at the end: it is made of colours alone, which move nothing (a test in
    tests/demo/test_panels.py reads the rules). With ``SCREENSHOTS=1`` it is looked at every time, and each
    is kept as ``tests/artifacts/NAME-WIDTH-SCHEME-LANGUAGE.png``.
    """
    last = (languages[-1], widths[-1])
    for language in languages:
        link = page.locator(f"[data-lang={language}]")
        if link.get_attribute("aria-current") != "true":
            link.click()
        for width in widths:
            page.set_viewport_size({"width": width, "height": 900})
            for scheme in ("light", "dark") if SCREENSHOTS or (language, width) == last else ("light",):
                page.emulate_media(color_scheme=scheme)
                decoded(page)
                if SCREENSHOTS:
                    ARTIFACTS.mkdir(exist_ok=True)
                    page.screenshot(
                        path=ARTIFACTS / f"{name}-{width}-{scheme}-{language}.png", full_page=True
                    )
                yield Sight(page, width, scheme, language)


def address(page: Page) -> str:
    """The page's address once the hand rests and it is written."""
    idle(page)
    return page.url


class Visit:
    """One visitor: a browser context of their own, and everything that went wrong in it."""

    def __init__(self, browser: Browser, base: str, cooks: bool = False, **options: Any) -> None:
        settings: dict[str, Any] = {"viewport": {"width": 1280, "height": 900}, "locale": "en-US"} | options
        self.context = browser.new_context(**settings)
        if not cooks:  # the server alone, as most tests look at what it answers
            self.context.add_init_script("localStorage.setItem('lineage.cook', 'server')")
        self.page: Page = self.context.new_page()
        self.page.set_default_timeout(LIMIT)
        self.base = base
        self.complaints: list[str] = []
        self.outside: list[str] = []
        self.page.on("console", lambda line: line.type == "error" and self.complaints.append(line.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", self._watch)

    def _watch(self, request: Request) -> None:
        address = urlsplit(request.url)
        if address.scheme not in ("data", "blob") and address.hostname not in LOCAL:
            self.outside.append(request.url)

    def open(self, query: str = "") -> Page:
        """Go to an address, and wait until all of the page is there and answered."""
        before = len(self.complaints)
        self.page.goto(f"{self.base}/{query}", wait_until="commit")
        del self.complaints[before:]  # the old page's, of being left: there is no new one yet
        self.page.wait_for_load_state()
        # Not `expect`: each time that it looks in vain, Playwright describes all of the page, a fifth of a
        # visit's work; and not at every frame.
        self.page.wait_for_function("() => 'ready' in (document.body?.dataset ?? {})", polling=100)
        idle(self.page)
        # The last words of the old page may come late.
        self.complaints[before:] = [said for said in self.complaints[before:] if not LEFT.search(said)]
        return self.page

    def unsaid(self) -> list[str]:
        """Sentences of the page with a place, "{name}", that nobody gave a value for; not its equations."""
        if self.page.url == "about:blank":
            return []
        found: list[str] = self.page.evaluate(
            """() => [...document.querySelectorAll("[data-say]")].flatMap((element) =>
                Object.keys(JSON.parse(element.dataset.say))
                    .filter((target) => target !== "html")
                    .map((target) => (target === "text" ? element.textContent : element.getAttribute(target)))
                    .filter((words) => /\\{\\w+(:.)?\\}/.test(words ?? "")))"""
        )
        return found
