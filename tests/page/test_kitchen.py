"""The visitor's own browser cooks: the pictures are the server's, and whatever fails, the page goes on."""

from __future__ import annotations

import base64
import importlib
import io
import random
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, Route, expect

from demo.engine import styles
from demo.engine.library import Library
from demo.panels.dream import panel as dream
from demo.panels.latent import scene as latent
from demo.panels.style import state as style
from onnx_models import cookbook
from tests import serving, tiny
from tests.browser import Visit, idle

pytestmark = pytest.mark.browser

WHO = "[data-cook]"
PICTURE = "#panel-latent [data-shows]"
SHOWN = (
    """place => place.src ?? place.style.getPropertyValue("--sheet-of").slice(4, -1).replaceAll('"', "")"""
)
SEEN = f"""selector => {{
    window.seen = [];
    const shown = {SHOWN};
    const note = ([{{ target }}]) => window.seen.push(shown(target));
    const place = document.querySelector(selector);
    new MutationObserver(note).observe(place, {{ attributeFilter: ["src", "style"] }});
}}"""
"""Writes down what a picture shows, one after the other."""


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tiny.write_models(tmp_path_factory.mktemp("kitchen") / "models")
    tiny.write_model(directory, "labelled", tiny.gan(seed=32, conditional=True), year=2016)
    tiny.write_model(directory, "faces", tiny.stylegan(size=16), family="stylegan2")
    return directory


@pytest.fixture(scope="module")
def kitchen(models: Path) -> Iterator[serving.Page]:
    with serving.page(models.parent, [models]) as running:
        yield running


def picture(uri: str) -> np.ndarray:
    """What is seen of a picture on white paper."""
    decoded = Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2]))).convert("RGBA")
    paper = Image.new("RGBA", decoded.size, "white")
    return np.asarray(Image.alpha_composite(paper, decoded).convert("RGB")).astype(int)


def choose(page: Page, panel: str, seed: int) -> None:
    page.locator(f"#panel-{panel} input[name=seed]").first.fill(str(seed))
    idle(page)


def warm(page: Page, panel: str) -> None:
    """Move the seed until this browser has made the pictures of one."""
    for seed in range(100, 120):
        choose(page, panel, seed)
        if "WebAssembly" in page.locator(WHO).inner_text():
            return
    pytest.fail(f"this browser never cooked: {page.locator(WHO).inner_text()}")


@pytest.mark.parametrize("panel", ["latent", "style", "onez", "dream"])
def test_the_browser_makes_the_picture_that_the_server_makes(
    kitchen: serving.Page, visit: Callable[..., Visit], panel: str
) -> None:
    """Catches another seed, stream, truncation or rounding; and a browser that only waits for the server."""
    page = visit(kitchen, cooks=True).open(f"?tab={panel}")
    warm(page, panel)
    page.evaluate(SEEN, f"#panel-{panel} [data-shows]")
    choose(page, panel, 7)
    seen = [picture(uri) for uri in page.evaluate("window.seen")]
    assert len(seen) >= 1
    assert all(np.abs(one - seen[-1]).max() <= 1 for one in seen)
    # The server has answered as well by now, when the hand had rested.
    shown = page.locator(f"#panel-{panel} [data-shows]").first.evaluate(SHOWN)
    assert np.abs(picture(shown) - seen[0]).max() <= 1


RECIPES = """async ([panel, states]) => {
    const at = (name) => new URL(`${lineageKitchen}/${name}`, document.baseURI);
    const { normals } = await import(at("recipes.js"));
    const { cookbook } = await import(at("cookbook.js"));
    const cards = await (await fetch(at("cards.json"))).json();
    const plain = (key, value) => (ArrayBuffer.isView(value) ? [...value] : value);
    const tools = { normals, ...cookbook(cards) };
    const written = (state) => lineage.dishes[panel](state, tools, true);
    return states.map((state) => JSON.parse(JSON.stringify(written(state), plain)));
}"""


def agree(found: Any, wanted: Any) -> bool:
    """Whether two recipes are the same, but for numbers drawn here and there, which may differ by 1e-6."""
    if isinstance(wanted, dict):
        return found.keys() == wanted.keys() and all(agree(found[key], wanted[key]) for key in wanted)
    if isinstance(wanted, list):
        return len(found) == len(wanted) and all(map(agree, found, wanted))
    return bool(abs(found - wanted) <= 1e-6) if isinstance(wanted, float) else bool(found == wanted)


def test_a_browser_writes_the_recipes_that_the_server_writes(
    kitchen: serving.Page, visit: Callable[..., Visit], models: Path
) -> None:
    library = Library.open([models], "cpu")
    page = visit(kitchen, cooks=True).open()
    toss = random.Random(5)
    makers = ["gan", "labelled"]
    states: dict[str, list[Any]] = {
        "latent": [
            latent.State(
                model=toss.choice(makers),
                seed=toss.randrange(2**32),
                label=toss.randrange(-1, 10),
                z="_".join(f"{place}:{toss.uniform(-4, 4):.2f}" for place in toss.sample(range(60), 4)),
            )
            for _ in range(25)
        ],
        "style": [
            style.State(
                model="faces",
                seed=toss.randrange(2**32),
                psi=round(toss.uniform(-1, 1.5), 2),
                cutoff=toss.randrange(0, 9),
                noise=toss.choice(["on", "off"]),
                noise_seed=toss.randrange(2**32),
            )
            for _ in range(25)
        ],
        "dream": [
            dream.State(
                model=toss.choice(makers), seed=toss.randrange(2**32), count=toss.choice(dream.COUNTS)
            )
            for _ in range(25)
        ],
    }
    for panel, asked in states.items():
        written = page.evaluate(RECIPES, [panel, [*map(asdict, asked)]])
        recipes = importlib.import_module(f"demo.panels.{panel}.recipes").recipes
        for state, found in zip(asked, written, strict=True):
            wanted = recipes(library, state)
            for name, recipe in found.items():
                assert agree(recipe, cookbook.plain(wanted[name])), (state, name)


def test_no_engine_is_fetched_for_who_wants_the_server_alone(
    kitchen: serving.Page, visit: Callable[..., Visit]
) -> None:
    visitor = visit(kitchen, cooks=True)
    fetched: list[str] = []
    visitor.page.on("request", lambda request: fetched.append(request.url))
    page = visitor.open("?tab=latent&cook=server")
    choose(page, "latent", 3)
    choose(page, "latent", 4)
    assert not [url for url in fetched if "/kitchen/" in url]
    page.locator(WHO).click()
    expect(page.locator(WHO)).to_have_text("your browser helps")
    warm(page, "latent")
    assert "cook" not in page.url


def test_the_server_may_go(models: Path, visit: Callable[..., Visit]) -> None:
    """What was on its way to the server is made here, and the visitor is told."""
    library = Library.open([models], "cpu")
    with serving.page(models.parent / "gone", [models]) as running:
        visitor = visit(running, cooks=True)
        page = visitor.open("?tab=style")
        warm(page, "style")
        running.process.terminate()
        running.process.wait()
    image = page.locator("#panel-style [data-shows]").first
    before = image.get_attribute("src")
    page.locator("#panel-style input[name=seed]").first.fill("77")
    expect(image).not_to_have_attribute("src", str(before))
    face = styles.portrait(library, library.model("faces"), 77, styles.Look())
    shown = picture(str(image.get_attribute("src")))
    assert np.abs(shown - np.rint(255 * face.transpose(1, 2, 0))).max() <= 1
    expect(page.locator(WHO)).to_have_text("the server is silent · this browser goes on")
    visitor.complaints.clear()  # the browser's own, of a server that is not there


def altered(route: Route) -> None:
    answer = route.fetch()
    content = bytearray(answer.body())
    content[len(content) // 2] ^= 1
    route.fulfill(response=answer, body=bytes(content))


@pytest.mark.parametrize(
    ("files", "meets", "said"),
    [
        ("**/kitchen/models/*.onnx", altered, "is not the file that was promised"),
        ("**/kitchen/models/*.onnx", lambda route: route.abort(), "could not be fetched"),
        ("**/kitchen/*/ort.wasm.gz", lambda route: route.fulfill(body=b"no gzip"), "engine failed"),
        ("**/kitchen/*/cards.json", lambda route: route.fulfill(status=404), "could not be fetched"),
        ("**/kitchen/*/worker.js", lambda route: route.fulfill(status=404), "engine failed"),
    ],
)
def test_whatever_fails_is_said_and_the_server_cooks_on(
    kitchen: serving.Page,
    visit: Callable[..., Visit],
    files: str,
    meets: Callable[[Route], None],
    said: str,
) -> None:
    visitor = visit(kitchen, cooks=True)
    page = visitor.open("?tab=latent")
    page.route(files, meets)
    page.context.route(files, meets)
    before = page.locator(PICTURE).get_attribute("src")
    choose(page, "latent", 31)
    expect(page.locator(WHO)).to_contain_text(said)
    choose(page, "latent", 32)
    assert page.locator(PICTURE).get_attribute("src") != before
    visitor.complaints.clear()  # the browser's own, of what was kept from it
