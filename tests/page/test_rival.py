"""A graphics card, played by the processor, runs what it computes alike and faster; WebAssembly the rest."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser, Page, Route, expect

from demo.engine import styles
from demo.engine.library import Library
from tests import serving
from tests.browser import FLAGS, Visit, chromium, idle, source
from tests.page.test_kitchen import SET, WHO, picture

pytestmark = pytest.mark.browser

CARD = [
    "--enable-unsafe-webgpu",
    "--use-webgpu-adapter=swiftshader",
    "--enable-features=Vulkan",
    "--use-vulkan=swiftshader",
    "--use-angle=swiftshader",
    "--disable-gpu-compositing",
]
AVATAR = "#panel-style [data-shows='made 0']"
RULES = {
    "const SLOW = 8;": "const SLOW = 0;",
    "const REST = 1500;": "const REST = 1;",
    "its < ms": "its < 1e9",
    "!(adapter.info?.isFallbackAdapter ?? adapter.isFallbackAdapter)": "true",
}
"""What lets the card's imitation win, although it is an imitation, and slower."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium([flag for flag in FLAGS if flag != "--disable-gpu"] + CARD) as running:
        yield running


def rewritten(changes: dict[str, str]) -> Callable[[Route], None]:
    def answer(route: Route) -> None:
        fetched = route.fetch()
        script = fetched.text()
        for old, new in changes.items():
            assert script.count(old) == 1, old
            script = script.replace(old, new)
        route.fulfill(response=fetched, body=script)

    return answer


def has_card(page: Page) -> bool:
    """Whether this browser has anything that plays a card, and an engine that can wait for it.

    Debian's has; a Chromium built without SwiftShader is no fault of the page, and the test below, which
    plays with cards of paper, needs none.
    """
    return bool(
        page.evaluate(
            "async () => Boolean(await navigator.gpu?.requestAdapter()) && 'Suspending' in WebAssembly"
        )
    )


def look_on(page: Page, until: Callable[[], bool]) -> None:
    """Look at other faces until something is so."""
    seeds = itertools.count(200)

    def next_one() -> bool:
        page.locator("#panel-style").evaluate(SET, {"seed": next(seeds)})
        idle(page)
        return until()

    serving.soon(next_one)


def test_a_card_that_agrees_in_less_time_takes_over(
    kitchen: serving.Page, visit: Callable[..., Visit], playable: Path
) -> None:
    """Catches a card that is never asked, that paints otherwise, and a header that names another."""
    visitor = visit(kitchen, cooks=True, reduced_motion="reduce")
    visitor.context.route("**/kitchen/*/rival.js", rewritten(RULES))
    page = visitor.open("?tab=style&cook=browser")
    if not has_card(page):
        pytest.skip("this Chromium has nothing that plays a graphics card")
    who = page.locator(WHO)
    look_on(page, lambda: "WebGPU" in who.inner_text())
    library = Library.open([playable], "cpu")
    for psi in (-0.5, 1.0, 0.7):
        page.locator("#panel-style").evaluate(SET, {"psi": psi, "seed": 77})
        idle(page)
        face = styles.portrait(library, library.model("faces"), 77, styles.Look(psi=psi))
        wanted = np.rint(255 * face.transpose(1, 2, 0))
        assert np.abs(picture(source(page.locator(AVATAR))) - wanted).max() <= 1
        expect(who).to_contain_text("this browser · WebGPU · ")


RING = """async ([adapter, card]) => {
    const { ring } = await import(new URL(`${lineageKitchen}/rival.js`, document.baseURI));
    let clock = 0; // ours: no machine is slow by it
    performance.now = () => clock;
    const gpu = { requestAdapter: async () => adapter };
    Object.defineProperty(navigator, "gpu", { value: gpu, configurable: true });

    class Tensor {
        constructor(type, data, dims) { Object.assign(this, { type, data, dims }); }
    }
    const numbers = (...values) => new Tensor("float32", Float32Array.from(values), [1, values.length]);
    let loaded = false;
    let lost = false;
    const create = async () => {
        if (card.closed) throw new Error("no kernel");
        const run = async ({ z }) => {
            if (lost) throw new Error("lost");
            clock += card.ms;
            return { image: numbers(...z.data.map((value) => value + card.off)) };
        };
        return { run, release: async () => {} };
    };
    const load = async () => (loaded = true) && { Tensor, InferenceSession: { create } };
    const plain = {
        async run({ z }) {
            clock += card.slow ?? 12;
            return { image: numbers(...z.data) };
        },
    };
    const entered = ring(load, 0).enter(plain, new Uint8Array(), 1e-3);
    const feeds = { z: numbers(0, 1) };
    await entered.run(feeds);
    feeds.z.data.fill(7); // what was lent is taken back
    // A hand at rest.
    for (let turn = 0; turn < 9; turn++) await new Promise((resolve) => setTimeout(resolve));
    await entered.run({ z: numbers(2, 3) });
    const { engine } = entered;
    lost = Boolean(card.lost);
    const { image } = await entered.run({ z: numbers(2, 3) });
    delete performance.now;
    return [loaded, engine, entered.engine, [...image.data]];
}"""
CARD_OR_NOT: list[tuple[dict[str, bool] | None, dict[str, float], bool, str, str]] = [
    (None, {}, False, "WebAssembly", "WebAssembly"),
    ({"isFallbackAdapter": True}, {}, False, "WebAssembly", "WebAssembly"),  # the processor's imitation
    ({}, {"slow": 8}, False, "WebAssembly", "WebAssembly"),  # not worth it
    ({}, {"ms": 11, "off": 0}, True, "WebGPU", "WebGPU"),
    ({}, {"ms": 12, "off": 0}, True, "WebAssembly", "WebAssembly"),
    ({}, {"ms": 1, "off": 9e-4}, True, "WebGPU", "WebGPU"),  # within the table
    ({}, {"ms": 1, "off": 1.1e-3}, True, "WebAssembly", "WebAssembly"),
    ({}, {"closed": True}, True, "WebAssembly", "WebAssembly"),  # it cannot open the graph
    ({}, {"ms": 1, "off": 0, "lost": True}, True, "WebGPU", "WebAssembly"),  # taken away
]
"""An adapter, how its runs go, whether its engine is fetched; who runs the graph then, and in the end."""


def test_only_a_better_card_runs_a_graph(kitchen: serving.Page, visit: Callable[..., Visit]) -> None:
    """Catches an engine fetched for nothing, and a card that is slower, wrong or gone and has the graph."""
    page = visit(kitchen).open()
    for adapter, card, *wanted in CARD_OR_NOT:
        *found, last = page.evaluate(RING, [adapter, card])
        assert found == wanted, (adapter, card)
        assert last == pytest.approx([2, 3], abs=1e-3)
