"""`python -m evaluation touch`: from a hand on a control to the changed picture, by server and by browser.

The page is started in a process of its own and visited in a Chromium, once with the server making everything
and once with the browser making what it can, in one run on one machine: times say little elsewhere, so they
are printed and nowhere asserted. What a browser needs it has fetched before anything is timed.
"""

from __future__ import annotations

import argparse
import re
import shutil
import statistics
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evaluation.arguments import BAD_ARGUMENTS, FAILED, INTERRUPTED
from onnx_models import catalog

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Playwright

PANELS = ("dream", "latent", "draw", "style", "onez")
"""Those whose pictures come of a seed, or of an example."""
COOKS = ("server", "auto")
"""Who makes the pictures, as the page's address says it."""

HEAD = f"{'':8}" + "  ".join(f"{name:>16}" for name in ("touch, ms", "pictures/s", "frames/s", "held, ms"))
"""Two numbers under each: by the server, by the browser."""

CHROMIUMS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
"""The first has the same engine without windows, tabs and menus: a visit takes it half the work."""
_WAIT = 120_000
"""Milliseconds for a page that starts."""

_STATE = """(panel, k) => (panel.dataset.tab === "draw" ? { example: k % 10 } : { seed: k })"""
_IDLE = "() => 'ready' in document.body.dataset && !Number(document.body.dataset.pending ?? 0)"
_MEASURE = f"""async ([tab, touches, seconds]) => {{
    const state = {_STATE};
    const panel = document.querySelector(`#panel-${{tab}}`);
    const frame = () => new Promise(requestAnimationFrame);
    const shown = ["lineage:made", "lineage:shown"]; // by the browser, by the server
    const watch = (tell) => shown.forEach((event) => panel.addEventListener(event, tell));
    const leave = (tell) => shown.forEach((event) => panel.removeEventListener(event, tell));
    let held = 0;
    new PerformanceObserver((list) => {{
        for (const {{ duration }} of list.getEntries()) held = Math.max(held, duration);
    }}).observe({{ type: "longtask" }});

    const milliseconds = [];
    for (let k = 0; k < touches; k++) {{
        const began = performance.now();
        await new Promise((done) => {{
            const once = () => (leave(once), done());
            watch(once);
            panel.lineage.set(state(panel, 1000 + 7 * k));
        }});
        await frame(); // that paints it
        milliseconds.push(performance.now() - began);
        await new Promise((rested) => setTimeout(rested, 1000)); // and all that comes at rest
    }}

    held = 0;
    let frames = 0, pictures = 0, fresh = false;
    const note = () => (fresh = true);
    watch(note);
    const began = performance.now();
    for (; performance.now() - began < 1000 * seconds; frames++) {{
        panel.lineage.set(state(panel, 2000 + frames));
        await frame();
        pictures += fresh;
        fresh = false;
    }}
    leave(note);
    return {{ milliseconds, pictures: pictures / seconds, frames: frames / seconds, held }};
}}"""


@dataclass(frozen=True)
class Touch:
    """What a hand meets in one panel, one cook."""

    milliseconds: float
    """From a change of the state to the frame that shows its picture: the median of some."""
    pictures: float
    """A second, while every frame changes the state."""
    frames: float
    """A second, meanwhile."""
    held: float
    """Milliseconds: the longest that the page's main thread was held meanwhile; 0 for less than 50."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    options = _parser().parse_args(arguments)
    for panel in options.panel:
        if panel not in PANELS:
            print(f"{panel!r} is no panel that is timed: {', '.join(PANELS)}.", file=sys.stderr)
            return BAD_ARGUMENTS
    try:
        from playwright.sync_api import Error, sync_playwright
    except ImportError:
        print('This needs a driver for a browser: python -m pip install -e ".[dev]".', file=sys.stderr)
        return BAD_ARGUMENTS
    try:
        with sync_playwright() as driver:
            path = find_chromium(driver)
            if path is None:
                print("This needs a Chromium: apt-get install chromium.", file=sys.stderr)
                return BAD_ARGUMENTS
            browser = driver.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
            with _page(options.models) as url:
                print(HEAD, flush=True)
                for panel in options.panel or PANELS:
                    touches = (_measured(browser, url, panel, cook, options) for cook in COOKS)
                    print(_row(panel, *touches), flush=True)
            browser.close()
    except (RuntimeError, Error) as fault:
        print(str(fault).partition("\n")[0], file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        print("Interrupted: the times above stand.", file=sys.stderr)
        return INTERRUPTED
    return 0


def find_chromium(driver: Playwright) -> str | None:
    """Return the path of a Chromium, this system's or the driver's own; None where there is none."""
    system = next(filter(None, map(shutil.which, CHROMIUMS)), None)
    path = system or driver.chromium.executable_path
    return path if Path(path).exists() else None


def _row(panel: str, *touches: Touch) -> str:
    """Return a line of the table: each figure by the server, then by the browser."""
    pairs = ("".join(f"{getattr(touch, field.name):8.0f}" for touch in touches) for field in fields(Touch))
    return f"{panel:8}" + "  ".join(pairs)


def _measured(browser: Browser, url: str, panel: str, cook: str, options: argparse.Namespace) -> Touch:
    """Visit a panel, warm it up, touch and drag."""
    context = browser.new_context(viewport={"width": 1280, "height": 900}, locale="en-US")
    try:
        page = context.new_page()
        page.set_default_timeout(_WAIT)
        page.goto(f"{url}?tab={panel}&cook={cook}")
        page.wait_for_function(_IDLE)
        for k in range(4):
            page.evaluate(
                f"([tab, k]) => {{ const panel = document.querySelector(`#panel-${{tab}}`);"
                f" panel.lineage.set(({_STATE})(panel, k)); }}",
                [panel, 31 + k],
            )
            page.evaluate(
                "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
            )
            page.wait_for_function(_IDLE)
        found: dict[str, Any] = page.evaluate(_MEASURE, [panel, options.touches, options.seconds])
    finally:
        context.close()
    return Touch(statistics.median(found["milliseconds"]), found["pictures"], found["frames"], found["held"])


@contextmanager
def _page(models: Path) -> Iterator[str]:
    """Serve the page until the block is left; RuntimeError where it does not start."""
    command = [sys.executable, "-m", "demo", "--port", "0", "--providers", "cpu", "--models", str(models)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        found = re.search(r"http://\S+", process.stdout.readline())
        if found is None:
            raise RuntimeError("The page does not start: python -m demo says why.")
        yield found[0]
    finally:
        process.terminate()
        process.wait()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m evaluation touch",
        description="Time a touch and a drag in the page, made by the server and by the visitor's browser.",
    )
    parser.add_argument("panel", nargs="*", metavar="PANEL", help=f"of {', '.join(PANELS)} (default: all)")
    parser.add_argument(
        "--models", type=Path, default=catalog.DIRECTORY, help="folder of models (default: the shipped)"
    )
    parser.add_argument("--touches", type=int, default=7, help="how many of each (default: 7)")
    parser.add_argument("--seconds", type=float, default=3.0, help="of dragging (default: 3)")
    return parser
