"""The visitor's own browser cooks: the pictures are the server's, and whatever fails, the page goes on."""

from __future__ import annotations

import base64
import importlib
import io
import json
import random
import re
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw
from playwright.sync_api import Page, Route, expect

from demo import stages
from demo.engine import examples, images, inference, judging, styles
from demo.engine.library import Library
from demo.kit import sprites
from demo.panels.draw import panel as draw
from demo.panels.dream import panel as dream
from demo.panels.game import panel as game
from demo.panels.latent import scene as latent
from demo.panels.map import panel as code_map
from demo.panels.movie import panel as movie
from demo.panels.onez import panel as one_z
from demo.panels.style import state as style
from demo.panels.time import panel as time_machine
from onnx_models import cookbook
from tests import serving
from tests.browser import SLOW_CLOSING, Visit, idle, source
from tests.page.test_drawing import seven
from tests.page.test_first_half import shown
from tests.page.test_page import draw_seven

pytestmark = pytest.mark.browser

MAKERS = ["gan", "labelled"]

WHO = "[data-cook]"
PICTURE = "#panel-latent [data-shows='made 0']"
SHOWN = """place => {
    const cuts = [...place.querySelectorAll(".cut")];
    if (!cuts.length) return place.toDataURL?.() ?? place.src;
    const row = document.createElement("canvas");
    [row.width, row.height] = [cuts.length * cuts[0].width, cuts[0].height];
    cuts.forEach((cut, k) => row.getContext("2d").drawImage(cut, k * cut.width, 0));
    return row.toDataURL();
}"""
SEEN = f"""selector => {{
    window.seen = [];
    const shown = {SHOWN};
    const note = ([{{ target }}]) => window.seen.push(shown(target));
    const place = document.querySelector(selector);
    new MutationObserver(note).observe(place, {{ attributeFilter: ["src", "style"] }});
}}"""
"""Writes down what a picture shows, one after the other."""
LOOK = f"""panel => {{
    const shown = {SHOWN};
    const films = "canvas:is([data-screen], [data-film])"; // of the server in sixteen depths of ink
    const pictures = [...panel.querySelectorAll(`[data-shows], [data-decoded], ${{films}}`)];
    const fresh = (look) => (place) => (place.closest(".stale") ? null : look(place));
    return {{
        pictures: pictures.map(fresh((place) => [shown(place), place.matches(films) ? 9 : 1])),
        words: [...panel.querySelectorAll(".view [data-say]:not([data-say*='.time'])")]
            .map(fresh((place) => [place.textContent, place.alt, place.ariaLabel])),
    }};
}}"""
"""What a panel shows but for what is stale: pictures, how far they may be from the server's, and words."""
WATCH = f"""panel => {{
    window.made = null;
    let answered = false; // by the server: from then on both change what is shown, until it settles
    const look = () => (answered && window.made) || (window.made = ({LOOK})(panel));
    for (const event of ["lineage:made", "lineage:moments"]) panel.addEventListener(event, look);
    panel.addEventListener("lineage:changed", () => (answered = false));
    panel.addEventListener("lineage:answered", () => (answered = true));
}}"""
SET = "(panel, state) => panel.lineage.set(state)"


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


NUMBER = re.compile(r"\d+(?:\.\d+)?")


def alike(mine: list[str | None], its: list[str | None]) -> bool:
    """Whether words are the same but for the last digit of a number, which two runtimes may round apart."""
    for here, there in zip(mine, its, strict=True):
        if NUMBER.sub("", here or "") != NUMBER.sub("", there or ""):
            return False
        mine_numbers, its_numbers = (NUMBER.findall(words or "") for words in (here, there))
        if len(mine_numbers) != len(its_numbers):
            return False
        for one, other in zip(mine_numbers, its_numbers, strict=True):
            unit = 10.0 ** -len(one.partition(".")[2])
            if abs(float(one) - float(other)) > 1.01 * unit:
                return False
    return True


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
        assert all(mine is None or alike(mine, its) for mine, its in words), (part, words)
        for mine, its in pictures:
            assert mine is None or np.abs(picture(mine[0]) - picture(its[0])).max() <= its[1], part
        assert {uri for uri, _ in filter(None, made["pictures"])} - {uri for uri, _ in before["pictures"]}


UNREADABLE = """() => {
    window.cooks = lineage.cooks;
    lineage.cooks = () => {};
    lineage.decode = () => Promise.reject(new DOMException("no picture", "EncodingError"));
}"""
"""From now on no film is read; who could make the pictures is away."""


def test_a_film_that_cannot_be_read_leaves_the_pictures_to_the_browser(
    kitchen: serving.Page, visit: Callable[..., Visit]
) -> None:
    page = visit(kitchen, cooks=True, reduced_motion="reduce").open("?tab=time")
    root = page.locator("#panel-time")
    part = {"seen": 600}
    warm(page, "time", part)
    turn(page, "time", 7, part)
    wanted = shown(root.locator("canvas[data-film]").first)
    root.evaluate(UNREADABLE)
    turn(page, "time", 8, part)
    expect(root.locator("canvas[data-film]:not(.stale)")).to_have_count(0)
    page.evaluate("() => (lineage.cooks = window.cooks)")
    for number in (8, 7):  # another moment of the seed that could not be read, then one that could be before
        root.evaluate(SET, {"seed": number, "seen": 0 if number == 8 else 600})
        idle(page)
        expect(root.locator("canvas[data-film].stale")).to_have_count(0)
    found = shown(root.locator("canvas[data-film]").first)
    assert np.abs(found.astype(int) - wanted).max() <= 9  # the film's was in sixteen depths of ink


RECIPES = """async ([panel, states, names]) => {
    const at = (name) => new URL(`${lineageKitchen}/${name}`, document.baseURI);
    const { normals, ways } = await import(at("recipes.js"));
    const { cookbook } = await import(at("cookbook.js"));
    const { chains } = await import(at("chains.js"));
    const drawing = await import(at("drawing.js"));
    const read = async (name) => (await fetch(at(name))).json();
    const directions = await read("directions.json");
    const plain = (key, value) => (ArrayBuffer.isView(value) ? [...value] : value);
    const book = cookbook(await read("cards.json"));
    const tools = { normals, ways, directions, names: new Set(names), ...drawing, ...book, ...chains(book) };
    const recipes = lineage.dishes[panel];
    const written = (state) => ({ ...recipes(state, tools), ...recipes.rest?.(state, tools) });
    return states.map((state) => JSON.parse(JSON.stringify(written(state), plain)));
}"""


def agree(found: Any, wanted: Any, within: float = 1e-6) -> bool:
    """Whether two recipes or messages are the same, but for numbers that are made here and there."""
    if isinstance(wanted, dict):
        return found.keys() == wanted.keys() and all(agree(found[key], wanted[key], within) for key in wanted)
    if isinstance(wanted, list):
        return len(found) == len(wanted) and all(
            agree(*pair, within) for pair in zip(found, wanted, strict=True)
        )
    return bool(abs(found - wanted) <= within) if isinstance(wanted, float) else bool(found == wanted)


def last_pictures(film: Any) -> Any:
    """The recipe of what a film of chains ends in: not of its start, nor of the last look at its end."""
    steps = [step for step in film["steps"] if step["name"] != "start"]
    for step in steps:
        if "repeat" in step:
            step["repeat"]["times"] -= 1
    return {"recipe": film["recipe"], "steps": steps}


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


def drawn(toss: random.Random) -> draw.State:
    return draw.State(
        example=toss.randrange(40),  # four of each of ten classes at least are on the desk
        damage=toss.choice(["none", "salt", "half", "brush"]),
        amount=toss.randrange(101),
        hidden="".join(toss.choice("01") for _ in range(28 * 28)),
        models="rbm,dbn,autoencoder,vae",
        steps=toss.randrange(1, draw.MOST_STEPS + 1),
        seed=seed(toss),
    )


def filmed(toss: random.Random) -> movie.State:
    return movie.State(
        model="dbn",
        label=toss.choice(["free", "each", *map(str, range(10))]),
        start=toss.choice(["noise", "drawing"]),
        example=toss.randrange(40),
        seed=seed(toss),
        steps=toss.randrange(1, 301),
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
    "draw": drawn,
    "movie": filmed,
}


def test_a_browser_writes_the_recipes_that_the_server_writes(
    kitchen: serving.Page, visit: Callable[..., Visit], playable: Path
) -> None:
    library = Library.open([playable], "cpu")
    page = visit(kitchen, cooks=True).open()
    for panel, tossed in STATES.items():
        toss = random.Random(panel)
        asked = [tossed(toss) for _ in range(25)]
        recipes = importlib.import_module(f"demo.panels.{panel}.recipes").recipes
        wanted = [recipes(library, state) for state in asked]
        names = [*{name for known in wanted for name in known}]
        written = page.evaluate(RECIPES, [panel, [*map(asdict, asked)], names])
        for state, found, known in zip(asked, written, wanted, strict=True):
            # Of a training the browser makes the moment that is looked at, the server all.
            assert found if panel == "time" else found.keys() == known.keys()
            for name, recipe in found.items():
                there = json.loads(json.dumps(cookbook.plain(known[name])))
                if panel in ("draw", "movie") and any("repeat" in step for step in recipe["steps"]):
                    recipe, there = last_pictures(recipe), {key: there[key] for key in ("recipe", "steps")}
                assert agree(recipe, there), (state, name)


def test_what_is_nowhere_yet_is_not_made(kitchen: serving.Page, visit: Callable[..., Visit]) -> None:
    """Catches a browser that is sooner than the server and tells of a way that is not laid out."""
    page = visit(kitchen, cooks=True).open()
    (written,) = page.evaluate(RECIPES, ["dream", [asdict(dream.State(model="gan"))], ["made"]])
    assert written.keys() == {"made"}


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


TELLS = """selector => {
    window.told = [];
    const who = document.querySelector(selector);
    new MutationObserver(() => window.told.push(who.textContent)).observe(who, { childList: true });
}"""
"""Writes down what a place says, one after the other."""


def test_who_wishes_for_the_browser_asks_the_server_for_what_it_alone_has(
    kitchen: serving.Page, visit: Callable[..., Visit], playable: Path
) -> None:
    library = Library.open([playable], "cpu")
    visitor = visit(kitchen, cooks=True, reduced_motion="reduce")
    with visitor.page.expect_response("**/ort.wasm.gz"):  # before anything is touched
        page = visitor.open("?tab=latent&cook=browser")
    expect(page.locator(WHO)).to_have_text("your browser first")
    page.locator("#panel-latent").evaluate(SET, {"model": "gan"})  # another stage, which the server lays out
    idle(page)
    asked: list[str] = []
    page.on("request", lambda request: "/queue/join" in request.url and asked.append(request.url))
    turn(page, "latent", 31, {})
    made = inference.sample(library, "gan", 31, 1).images[0]
    shown = str(page.locator(PICTURE).get_attribute("src"))
    assert np.abs(picture(shown) - picture(sprites.ink_uri(made))).max() <= 1
    for panel in ("draw", "onez"):  # what comes when the hand rests, too
        page.locator(f"[data-tab={panel}][role=tab]").click()
        page.locator(f"#panel-{panel}").evaluate(SET, {"damage": "salt"} if panel == "draw" else {"seed": 31})
        idle(page)
    compare_drawing(page, library)
    expect(page.locator("#panel-onez .stale")).to_have_count(0)
    assert not asked
    # How much noise moves a face only the server says, and which digits it learned are like those of a dream.
    page.locator("[data-tab=style][role=tab]").click()
    turn(page, "style", 5, {})
    assert not asked
    page.locator("#panel-style").evaluate(SET, {"part": "noise"})  # a stage that is not there
    idle(page)
    asked.clear()
    turn(page, "style", 6, {})
    assert asked
    expect(page.locator("#panel-style .stale")).to_have_count(0)
    # A file that is another one: the server answers, and the visitor is told.
    sheet = page.locator("#panel-dream [data-shows^='made ']")
    before = sheet.evaluate(SHOWN)
    page.context.route("**/kitchen/models/*.onnx", altered)
    page.locator("[data-tab=dream][role=tab]").click()
    turn(page, "dream", 31, {})
    expect(page.locator(WHO)).to_contain_text("is not the file that was promised")
    assert sheet.evaluate(SHOWN) != before
    assert "cook=browser" in page.url


def test_the_server_may_go(playable: Path, visit: Callable[..., Visit]) -> None:
    """What was on its way to the server is made here, and the visitor is told."""
    library = Library.open([playable], "cpu")
    panels = {
        "dream": {"model": "gan", "count": 9},
        "latent": SUM,
        "style": {"part": "make"},
        "map": {},
        "time": {"models": "gan", "seen": 600},
    }
    with serving.page(playable.parent / "gone", [playable]) as running:
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
    digits = inference.sample(library, "gan", 77, 9).images
    row = picture(page.locator("#panel-dream [data-shows^='made ']").evaluate(SHOWN))
    wanted = picture(sprites.ink_uri(np.concatenate(list(digits), axis=-1)))
    assert np.abs(row - wanted).max() <= 1
    avatar = page.locator("#panel-style [data-shows='made 0']")
    for psi in (-0.5, 1.0, 0.7):
        before = source(avatar)
        page.locator("#panel-style").evaluate(SET, {"psi": psi})
        page.wait_for_function(
            "([image, before]) => image.src !== before", arg=[avatar.element_handle(), before]
        )
        face = styles.portrait(library, library.model("faces"), 77, styles.Look(psi=psi))
        assert np.abs(picture(source(avatar)) - np.rint(255 * face.transpose(1, 2, 0))).max() <= 1
    expect(page.locator(WHO)).to_have_text("the server is silent · this browser goes on")
    expect(page.get_by_text("Connection to the server was lost")).to_be_hidden()  # Gradio's words, over ours
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


def test_a_slow_network_and_a_full_storage_only_take_longer(
    kitchen: serving.Page, visit: Callable[..., Visit], playable: Path
) -> None:
    """Catches a page that waits in silence, or for ever; an engine that needs the threads it has not."""
    page = visit(kitchen, cooks=True).open("?tab=latent&cook=browser")
    page.locator("#panel-latent").evaluate(SET, {"model": "gan"})
    idle(page)
    assert not page.evaluate("crossOriginIsolated")
    page.evaluate(TELLS, WHO)
    wires = page.context.new_cdp_session(page)
    wires.send("Storage.overrideQuotaForOrigin", {"origin": kitchen.url, "quotaSize": 0})
    slow = {"offline": False, "latency": 0, "downloadThroughput": 100_000, "uploadThroughput": 100_000}
    wires.send("Network.emulateNetworkConditions", slow)
    turn(page, "latent", 31, {})
    assert any(" MB" in said for said in page.evaluate("window.told"))
    assert "this browser · " in page.locator(WHO).inner_text()
    made = inference.sample(Library.open([playable], "cpu"), "gan", 31, 1).images[0]
    shown = str(page.locator(PICTURE).get_attribute("src"))
    assert np.abs(picture(shown) - picture(sprites.ink_uri(made))).max() <= 1


# ----------------------------------------------------------------------------------------------- drawings

PREPARED = """async (sheets) => {
    const { prepare } = await import(new URL(`${lineageKitchen}/drawing.js`, document.baseURI));
    const coverage = (sheet) => Uint8Array.from(atob(sheet), (one) => one.charCodeAt(0));
    return sheets.map((sheet) => [...(prepare(coverage(sheet), 280, 280) ?? [])]);
}"""


def strokes(toss: random.Random) -> np.ndarray:
    """The opacity of a sheet with some lines and dots on it, uint8 [280, 280]."""
    sheet = Image.new("L", (1120, 1120))
    pen = ImageDraw.Draw(sheet)
    for _ in range(toss.randint(1, 3)):
        path = [(toss.randint(80, 1040), toss.randint(80, 1040)) for _ in range(toss.randint(1, 4))]
        for x, y in path:
            pen.ellipse((x - 44, y - 44, x + 44, y + 44), fill=255)
        pen.line(path, fill=255, width=88)
    return np.asarray(sheet.resize((280, 280), Image.Resampling.BOX))


def test_a_drawing_is_prepared_here_as_the_server_prepares_it(
    kitchen: serving.Page, visit: Callable[..., Visit]
) -> None:
    """Catches another box, rounding or grain; a symmetrical digit that goes to the other of two places."""
    toss = random.Random(8)
    sheets = [strokes(toss) for _ in range(30)]
    for box in ((60, 100, 220, 180), (130, 30, 151, 250), (100, 100, 105, 105)):  # symmetrical; a dot
        sheet = Image.new("L", (280, 280))
        ImageDraw.Draw(sheet).rectangle(box, fill=255)
        sheets.append(np.asarray(sheet))
    page = visit(kitchen).open()
    sent = [base64.b64encode(sheet.tobytes()).decode() for sheet in sheets]
    for sheet, found in zip(sheets, page.evaluate(PREPARED, sent), strict=True):
        tone = np.full((280, 280, 3), 0x1C, np.uint8)
        wanted = images.prepare_drawing(np.concatenate([tone, sheet[..., None]], axis=2))
        assert np.abs(np.reshape(found, (28, 28)) - wanted[0]).max() < 1e-5
    # All over, or along one side: the server looks at these more closely.
    hard = np.zeros((2, 280, 280), np.uint8)
    hard[0], hard[1, :, :20] = 255, 255
    sent = [base64.b64encode(sheet.tobytes()).decode() for sheet in hard]
    assert page.evaluate(PREPARED, sent) == [[], []]


TOLD = """([selector, target, name, wanted]) => {
    const said = ({ dataset }) => JSON.parse(dataset.say ?? "{}")[target]?.[1][name]; // nothing yet
    const told = [...document.querySelectorAll(selector)].map(said);
    const near = (value, k) => Math.abs(value - wanted[k]) <= 1e-3 * Math.max(1, Math.abs(wanted[k]));
    return told.length === wanted.length && told.every(near);
}"""
"""Whether the words at each of some places say these values."""


def wait_told(page: Page, selector: str, target: str, name: str, wanted: Any) -> None:
    page.wait_for_function(TOLD, arg=[selector, target, name, [float(value) for value in wanted]])


def compare_drawing(page: Page, library: Library) -> None:
    """Until all that Draw says is that of its state; the pictures then are."""
    state = draw.State(**page.evaluate("document.querySelector('#panel-draw').lineage.get()"))
    original = examples.original(library, state.drawing, state.example)
    damage = draw._corruption(state)
    chosen = state.models.split(",")
    rebuilt = inference.reconstruct(library, original, chosen, damage, state.seed)
    assert (rebuilt.shown != original).any()
    for answer in rebuilt.answers:
        card = f"#panel-draw .card[data-card={answer.model_id}]"
        wait_told(page, f"{card} [data-figure=error] dd", "text", "value", [answer.squared_error])
        assert answer.image is not None
        image = str(page.locator(f"{card} img").get_attribute("src"))
        assert np.abs(picture(image) - picture(sprites.ink_uri(answer.image))).max() <= 1
    for name, wanted in (("src", rebuilt.shown), ("data-original", original)):
        image = str(page.locator("#panel-draw .seen img").get_attribute(name))
        assert np.abs(picture(image) - picture(sprites.ink_uri(wanted))).max() <= 1
    for model, reading in judging.read(library, judging.readers(library, "mnist"), rebuilt.shown):
        assert isinstance(reading, inference.Classes)
        row = f"#panel-draw [data-verdict={model.id}]"
        wait_told(page, f"{row} .bars li", "aria-label", "part", reading.probabilities[0])
        expect(page.locator(f"{row} .numeral")).to_have_text(str(reading.labels[0]))
        expect(page.locator(f"{row} .chosen")).to_have_text(str(reading.labels[0]))
    for model in ("rbm", "dbn"):
        chain = inference.gibbs(library, model, rebuilt.shown, state.steps, state.seed)
        strip = f"#panel-draw [data-strip={model}]"
        moments = sorted({round(moment) for moment in np.linspace(0, state.steps, draw.FRAMES)})
        expect(page.locator(f"{strip} .moment")).to_have_text([*map(str, moments)])
        wait_told(page, f"{strip} .energy", "text", "value", chain.free_energy[moments, 0])
        row = np.concatenate([*chain.visible_means[moments, 0, 0]], axis=-1)[None]
        found = picture(page.locator(strip).evaluate(SHOWN))
        assert np.abs(found - picture(sprites.ink_uri(row))).max() <= 1
    expect(page.locator("#panel-draw .strips > .stale")).to_have_count(0)


SOUGHT = """([step, energy, hidden]) => {
    const root = document.querySelector("#panel-movie");
    const scrub = root.querySelector("[data-scrub]");
    scrub.value = step;
    scrub.dispatchEvent(new Event("input", { bubbles: true }));
    const { say } = root.querySelector(".transport output").dataset;
    if (!say) return false; // a film is on its way
    const { text: [, at] } = JSON.parse(say);
    if (at.step !== step || Math.abs(at.energy - energy) > 0.06 + 1e-4 * Math.abs(energy)) return false;
    // Another movie's energy may be as near.
    const layer = [...root.querySelectorAll("[data-layer]")].at(-2);
    const { data } = layer.getContext("2d").getImageData(0, 0, layer.width, layer.height);
    return hidden.every((bit, k) => data[4 * k + 3] === 255 * bit);
}"""


def compare_movie(page: Page, library: Library) -> None:
    """Until the movie is that of its state; the frames then are, as deep as its sheets."""
    state = movie.State(**page.evaluate("document.querySelector('#panel-movie').lineage.get()"))
    _, steps = movie._start(library, state)
    states = list(steps)
    for step in (state.steps, 1, 0):
        hidden = states[step].layers[-1].values[0].ravel().tolist()
        page.wait_for_function(SOUGHT, arg=[step, float(states[step].free_energy[0]), hidden])
        canvases = page.locator("#panel-movie [data-chain]")
        for chain in (0, 9):
            depth = np.rint(15 * states[step].visible_mean[chain, 0]) * 17
            away = np.abs(shown(canvases.nth(chain)).astype(int) - depth)
            assert away.max() <= 17  # a depth of ink, where a mean is half way between two
            assert (away > 0).mean() < 0.01


def test_without_the_server_drawing_damaging_and_dreaming_go_on(
    playable: Path, visit: Callable[..., Visit]
) -> None:
    """Catches a picture, an error, a reading, a strip or a movie that is another's, or the server's alone."""
    library = Library.open([playable], "cpu")
    with serving.page(playable.parent / "drawn", [playable]) as running:
        drawing, dreaming = visit(running, cooks=True), visit(running, cooks=True)
        page, cinema = (
            drawing.open("?tab=draw&damage=salt"),
            dreaming.open("?tab=movie&steps=40&start=drawing"),
        )
        warm(page, "draw", {})
        warm(cinema, "movie", {})
        running.process.terminate()
        running.process.wait()
    page.get_by_role("button", name="Clear").click()
    draw_seven(page)
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    compare_drawing(page, library)
    page.locator("#panel-draw .thumb").nth(4).click()
    page.locator("[name=damage][value=half]").check(force=True)
    page.locator("#panel-draw [name=steps]").fill("4")
    compare_drawing(page, library)
    expect(page.locator(WHO)).to_have_text("the server is silent · this browser goes on")
    # A movie that is given up for another leaves nothing of itself.
    cinema.evaluate(
        """for (const seed of [3, 4, 5]) {
            document.querySelector("#panel-movie").lineage.set({ seed, steps: 300 });
        }"""
    )
    compare_movie(cinema, library)
    cinema.locator("#panel-movie [name=label][value=free]").check(force=True)
    compare_movie(cinema, library)
    expect(cinema.get_by_role("radio", name="Chain 1", exact=True)).to_be_visible()
    cinema.locator("#panel-movie [name=start][value=noise]").check(force=True)
    compare_movie(cinema, library)
    for visitor in (drawing, dreaming):
        visitor.complaints.clear()  # the browser's own, of a server that is not there


def test_a_movie_made_here_is_not_asked_for(kitchen: serving.Page, visit: Callable[..., Visit]) -> None:
    """Catches a server that computes what nobody waits for: a movie is the most that the page asks of it."""
    page = visit(kitchen, cooks=True).open("?tab=movie&steps=40")
    warm(page, "movie", {})
    asked: list[str] = []
    page.on("request", lambda request: "/queue/join" in request.url and asked.append(request.url))
    turn(page, "movie", 11, {})
    expect(page.locator("#panel-movie .transport output")).to_contain_text("/ 40")
    assert not asked
    # A stage that is not there is the server's to lay out.
    page.locator("#panel-movie [name=model][value=rbm]").check(force=True)
    expect(page.locator("#panel-movie [data-card=rbm]")).to_be_visible()
    assert asked


def test_a_movie_that_cannot_be_made_here_is_asked_for(
    kitchen: serving.Page, visit: Callable[..., Visit], playable: Path
) -> None:
    """Catches a movie that ends where this browser's engine did."""
    visitor = visit(kitchen, cooks=True)
    visitor.page.add_init_script(
        "const kind = Worker;"
        "window.Worker = class extends kind { constructor(...all) { super(...all); window.engine = this; } };"
    )
    page = visitor.open("?tab=movie&steps=40")
    warm(page, "movie", {})
    page.evaluate(
        """() => { document.querySelector("#panel-movie").lineage.set({ seed: 12 });
            window.engine.dispatchEvent(new Event("error")); }"""
    )
    idle(page)
    expect(page.locator(WHO)).to_contain_text("engine failed")
    compare_movie(page, Library.open([playable], "cpu"))


def test_a_photograph_that_the_server_has_prepared_is_damaged_here(
    kitchen: serving.Page, visit: Callable[..., Visit]
) -> None:
    page = visit(kitchen, cooks=True).open("?tab=draw&damage=salt")
    warm(page, "draw", {})
    page.locator(".bring input").first.set_input_files(
        {"name": "seven.png", "mimeType": "image/png", "buffer": seven()}
    )
    idle(page)
    page.evaluate(SEEN, "#panel-draw [data-shows]")
    page.locator("#panel-draw [name=amount]").fill("12")
    idle(page)
    seen = [picture(uri) for uri in page.evaluate("window.seen")]
    assert len(seen) >= 1
    assert np.abs(seen[0] - seen[-1]).max() <= 1
    shows = page.locator("#panel-draw [data-shows]").first.evaluate(SHOWN)
    assert np.abs(picture(shows) - seen[0]).max() <= 1


# --------------------------------------------------------------------------------------------------- games


def laid(markup: str) -> list[list[Any]]:
    """Name, classes, messages, what is set and the picture of each element of a stage but for rivals."""
    found: list[list[Any]] = []

    def look(element: Any) -> None:
        if isinstance(element, str) or element.name == "option":
            return
        said, sets = (json.loads(element.attributes.get(f"data-{name}", "{}")) for name in ("say", "set"))
        classes = sorted(element.attributes.get("class", "").split())
        found.append([element.name, classes, said, sets, element.attributes.get("src", "")])
        for child in element.children:
            look(child)

    look(stages._read(markup))
    return found


def compare_game(page: Page, library: Library) -> None:
    """The stage of a game is the one that the server lays out, but for the last digits of its scores."""
    state = game.State(**page.evaluate("document.querySelector('#panel-game').lineage.get()"))
    markup = page.locator("#panel-game .view.stage > :last-child").inner_html()
    for found, wanted in zip(laid(markup), laid(game.show_game(library, state)), strict=True):
        assert agree(found[:4], wanted[:4], within=1e-3), (found, wanted)
        if wanted[4]:
            away = np.abs(picture(found[4]) - picture(wanted[4]))
            assert away.max() <= (8 if "heat" in wanted[1] else 0), (state, found)


GAME = [
    {"turn": 1},
    {"answers": "mr"},
    {"answers": "mr", "turn": 0},
    {"answers": "mrmrmrmrrr", "turn": 9},
    {"turn": 10},
]
"""Where a game is looked at, one after the other."""


def test_a_game_is_played_without_the_server(playable: Path, visit: Callable[..., Visit]) -> None:
    """Catches other coins, a score or a map that is not the server's, a page that was left as it was."""
    library = Library.open([playable], "cpu")
    with serving.page(playable.parent / "played", [playable]) as running:
        visitor = visit(running, cooks=True)
        page = visitor.open("?tab=game&cook=browser&seed=4")
        root = page.locator("#panel-game")
        page.wait_for_function("document.querySelector('#panel-game').book?.of.endsWith(',4]')")
        root.evaluate(SET, {"answers": "m"})
        idle(page)
        compare_game(page, library)
        running.process.terminate()
        running.process.wait()
    for state in GAME:
        root.evaluate(SET, state)
        idle(page)
        compare_game(page, library)
    page.keyboard.press("Enter")  # another game, which is the server's to deal
    expect(page.locator(WHO)).to_contain_text("the server is silent")
    visitor.complaints.clear()  # the browser's own, of a server that is not there


def test_the_book_of_a_game_is_asked_after_until_it_is_there(
    kitchen: serving.Page, visit: Callable[..., Visit]
) -> None:
    """Catches a book that nobody asks after: it was asked for while Gradio closed its stream of answers."""
    visitor = visit(kitchen)
    visitor.page.add_init_script(SLOW_CLOSING)
    page = visitor.open("?tab=game")
    root = page.locator("#panel-game")
    for seed in (21, 22, 23):
        root.evaluate(SET, {"seed": seed})
        page.wait_for_function(
            "seed => document.querySelector('#panel-game').book?.of.endsWith(`,${seed}]`)", arg=seed
        )
    assert page.evaluate("window.closings") >= 2
