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
from demo.panels.map import panel as code_map
from demo.panels.onez import panel as one_z
from demo.panels.style import state as style
from demo.panels.time import panel as time_machine
from export import directions
from onnx_models import catalog, cookbook
from tests import serving, tiny
from tests.browser import Visit, idle

pytestmark = pytest.mark.browser

MAKERS = ["gan", "labelled"]

WHO = "[data-cook]"
PICTURE = "#panel-latent [data-shows='made 0']"
LOOK = """panel => {
    const shown = (place) => place.toDataURL?.() ?? place.src
        ?? place.style.getPropertyValue("--sheet-of").slice(4, -1).replaceAll('"', "");
    const films = "canvas:is([data-screen], [data-film])"; // of the server in sixteen depths of ink
    const pictures = [...panel.querySelectorAll(`[data-shows], [data-decoded], ${films}`)];
    const fresh = (look) => (place) => (place.closest(".stale") ? null : look(place));
    return {
        pictures: pictures.map(fresh((place) => [shown(place), place.matches(films) ? 9 : 1])),
        words: [...panel.querySelectorAll(".view [data-say]:not([data-say*='.time'])")]
            .map(fresh((place) => [place.textContent, place.alt, place.ariaLabel])),
    };
}"""
"""What a panel shows but for what is stale: pictures, how far they may be from the server's, and words."""
WATCH = f"""panel => {{
    window.made = null;
    panel.addEventListener("lineage:made", () => (window.made = ({LOOK})(panel)));
}}"""
SET = "(panel, state) => panel.lineage.set(state)"


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tiny.write_models(tmp_path_factory.mktemp("kitchen") / "models")
    labelled = {seen: tiny.gan(seed=32 + seen, conditional=True) for seen in (0, 900)}
    earlier = {seen: graphs["generate"] for seen, graphs in labelled.items()}
    tiny.write_model(directory, "labelled", labelled[0], year=2016, snapshots=earlier)
    faces = tiny.write_model(directory, "faces", tiny.stylegan(size=16), family="stylegan2")
    tiny.edit(faces, image={"channels": 3, "height": 16, "width": 16})
    pushes(directory, up=(1, [0, 1]), down=(3, [2, 5]))
    tiny.write_model(directory, "plane", tiny.autoencoder(code=2), kind="exhibit", family="autoencoder")
    return directory


def pushes(directory: Path, **factors: tuple[int, list[int]]) -> None:
    """Give the faces directions: one number of w each, on some of the rows."""
    faces = catalog.load(directory).model("faces")
    measured = dict.fromkeys(("attribute", "balanced_accuracy", "before", "success"))
    written = [
        {
            **{"id": name, "name": {"en": name, "fr": name}, "method": "factor", **measured},
            **{"values": [], "vector": np.eye(16)[number].tolist(), "layers": layers, "changes": {}},
            **{"deviation": 0.8, "strength": 3.0},
        }
        for name, (number, layers) in factors.items()
    ]
    graphs = {role: faces.graphs[role].sha256 for role in styles.ROLES}
    directions.write(faces, {"graphs": graphs, "attributes": {}, "directions": written})


@pytest.fixture(scope="module")
def kitchen(models: Path) -> Iterator[serving.Page]:
    with serving.page(models.parent, [models]) as running:
        yield running


def picture(uri: str) -> np.ndarray:
    """What is seen of a picture on white paper."""
    decoded = Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2]))).convert("RGBA")
    paper = Image.new("RGBA", decoded.size, "white")
    return np.asarray(Image.alpha_composite(paper, decoded).convert("RGB")).astype(int)


SUM = {"play": "sum", "a": "1_2_3", "b": "4_5_6", "c": "7_8_9"}
PARTS: dict[str, list[dict[str, Any]]] = {
    "latent": [{}, {"z": "2:1.5_7:-3"}, {"play": "walk"}, {"play": "way"}, SUM],
    "style": [{"part": part} for part in ("make", "truncate", "mix", "travel", "noise", "inside", "edit")],
    "onez": [{}],
    "dream": [{"count": 9}],
    "time": [{"seen": 600}],
    "map": [{}],
}
"""What is looked at in each panel."""


def move(page: Page, panel: str, number: int, part: dict[str, Any]) -> None:
    """Another seed; another term of the sum; another place on the map."""
    root = page.locator(f"#panel-{panel}")
    if panel == "map":
        root.locator(".plane").first.press("ArrowRight")
    else:
        root.evaluate(SET, {"a": f"1_2_{number}"} if part is SUM else {"seed": number})


def turn(page: Page, panel: str, number: int, part: dict[str, Any]) -> None:
    move(page, panel, number, part)
    idle(page)


def warm(page: Page, panel: str, part: dict[str, Any]) -> None:
    """Turn something until this browser has made what is shown of it."""
    root = page.locator(f"#panel-{panel}")
    root.evaluate(SET, part)
    idle(page)
    root.evaluate(WATCH)
    for number in range(100, 120):
        turn(page, panel, number, part)
        if page.evaluate("window.made"):
            return
    pytest.fail(f"this browser never cooked: {page.locator(WHO).inner_text()}")


@pytest.mark.parametrize("panel", PARTS)
def test_the_browser_shows_and_says_what_the_server_does(
    kitchen: serving.Page, visit: Callable[..., Visit], panel: str
) -> None:
    """Catches another seed, stream, truncation or rounding; words of another picture; who only waits."""
    page = visit(kitchen, cooks=True, reduced_motion="reduce").open(f"?tab={panel}")
    root = page.locator(f"#panel-{panel}")
    for part in PARTS[panel]:
        warm(page, panel, part)
        before = root.evaluate(LOOK)
        root.evaluate("() => (window.made = null)")
        turn(page, panel, 7, part)
        made, after = page.evaluate("window.made"), root.evaluate(LOOK)  # at once; when the hand had rested
        pictures, words = ([*zip(made[what], after[what], strict=True)] for what in ("pictures", "words"))
        assert [mine for mine, _ in words if mine] == [its for mine, its in words if mine], part
        for mine, its in pictures:
            assert mine is None or np.abs(picture(mine[0]) - picture(its[0])).max() <= its[1], part
        assert {uri for uri, _ in filter(None, made["pictures"])} - {uri for uri, _ in before["pictures"]}


RECIPES = """async ([panel, states, names]) => {
    const at = (name) => new URL(`${lineageKitchen}/${name}`, document.baseURI);
    const { normals, ways } = await import(at("recipes.js"));
    const { cookbook } = await import(at("cookbook.js"));
    const read = async (name) => (await fetch(at(name))).json();
    const directions = await read("directions.json");
    const plain = (key, value) => (ArrayBuffer.isView(value) ? [...value] : value);
    const tools = { normals, ways, directions, names: new Set(names), ...cookbook(await read("cards.json")) };
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


def seed(toss: random.Random) -> int:
    return toss.randrange(2**32)


def played(toss: random.Random) -> latent.State:
    a, b, c = ("_".join(str(seed(toss)) for _ in range(3)) for _ in "abc")
    return latent.State(
        model=toss.choice(MAKERS),
        play=toss.choice(["knobs", "walk", "way", "sum"]),
        seed=seed(toss),
        label=toss.randrange(-1, 10),
        z="_".join(f"{place}:{toss.uniform(-4, 4):.2f}" for place in toss.sample(range(60), 4)),
        bank=toss.randrange(5),
        path=seed(toss),
        other=seed(toss),
        a=a,
        b=b,
        c=c,
        tray=toss.randrange(9),
    )


def styled(toss: random.Random) -> style.State:
    return style.State(
        model="faces",
        part=toss.choice(style.PARTS[:-1]),
        seed=seed(toss),
        psi=round(toss.uniform(-1, 1.5), 2),
        cutoff=toss.randrange(0, 9),
        noise=toss.choice(["on", "off"]),
        noise_seed=seed(toss),
        other=seed(toss),
        layers=toss.choice(["coarse", "middle", "fine", "none", "0-1,3", "4"]),
        pick=toss.randrange(30),
        moves=toss.choice(["", "up:1.5", "up:-2,down:0.3"]),
    )


def dreamt(toss: random.Random) -> dream.State:
    return dream.State(
        model=toss.choice(MAKERS),
        seed=seed(toss),
        count=toss.choice(dream.COUNTS),
        other=seed(toss),
        way=toss.choice(["spherical", "linear"]),
    )


STATES: dict[str, Callable[[random.Random], Any]] = {
    "latent": played,
    "style": styled,
    "dream": dreamt,
    "time": lambda toss: time_machine.State(
        models=toss.choice(["gan", "gan,labelled"]),
        seed=seed(toss),
        label=toss.choice(["each", "free"]),
        seen=toss.choice([-1, 0, 599, 600, 7000]),
    ),
    "onez": lambda toss: one_z.State(dataset="mnist", seed=seed(toss), label=toss.randrange(-1, 10)),
    "map": lambda toss: code_map.State(model="plane", x=toss.uniform(-3, 3), y=toss.uniform(-3, 3)),
}


def test_a_browser_writes_the_recipes_that_the_server_writes(
    kitchen: serving.Page, visit: Callable[..., Visit], models: Path
) -> None:
    library = Library.open([models], "cpu")
    page = visit(kitchen, cooks=True).open()
    for panel, draw in STATES.items():
        toss = random.Random(panel)
        asked = [draw(toss) for _ in range(25)]
        recipes = importlib.import_module(f"demo.panels.{panel}.recipes").recipes
        wanted = [recipes(library, state) for state in asked]
        names = [*{name for known in wanted for name in known}]
        written = page.evaluate(RECIPES, [panel, [*map(asdict, asked)], names])
        for state, found, known in zip(asked, written, wanted, strict=True):
            # Of a training the browser makes the moment that is looked at, the server all.
            assert found if panel == "time" else found.keys() == known.keys()
            for name, recipe in found.items():
                assert agree(recipe, cookbook.plain(known[name])), (state, name)


def test_no_engine_is_fetched_for_who_wants_the_server_alone(
    kitchen: serving.Page, visit: Callable[..., Visit]
) -> None:
    visitor = visit(kitchen, cooks=True)
    fetched: list[str] = []
    visitor.page.on("request", lambda request: fetched.append(request.url))
    page = visitor.open("?tab=latent&cook=server")
    turn(page, "latent", 3, {})
    turn(page, "latent", 4, {})
    assert not [url for url in fetched if "/kitchen/" in url]
    page.locator(WHO).click()
    expect(page.locator(WHO)).to_have_text("your browser helps")
    warm(page, "latent", {})
    assert "cook" not in page.url


def test_the_server_may_go(models: Path, visit: Callable[..., Visit]) -> None:
    """What was on its way to the server is made here, and the visitor is told."""
    library = Library.open([models], "cpu")
    panels = {"latent": SUM, "style": {"part": "make"}, "map": {}, "time": {"models": "gan", "seen": 600}}
    with serving.page(models.parent / "gone", [models]) as running:
        visitor = visit(running, cooks=True, reduced_motion="reduce")
        page = visitor.open()
        for panel, part in panels.items():
            page.locator(f"[data-tab={panel}][role=tab]").click()
            warm(page, panel, part)
        running.process.terminate()
        running.process.wait()
    for panel, part in panels.items():
        root = page.locator(f"#panel-{panel}")
        page.locator(f"[data-tab={panel}][role=tab]").click()
        before = root.evaluate(LOOK)
        root.evaluate(WATCH)
        move(page, panel, 77, part)
        page.wait_for_function("window.made")
        assert page.evaluate("window.made")["pictures"] != before["pictures"]
    shown = picture(str(page.locator("#panel-style [data-shows='made 0']").get_attribute("src")))
    face = styles.portrait(library, library.model("faces"), 77, styles.Look())
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
    turn(page, "latent", 31, {})
    expect(page.locator(WHO)).to_contain_text(said)
    turn(page, "latent", 32, {})
    assert page.locator(PICTURE).get_attribute("src") != before
    visitor.complaints.clear()  # the browser's own, of what was kept from it
