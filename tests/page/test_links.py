"""Links that hold a panel's whole state, copied in one real Chromium and opened in another."""

from __future__ import annotations

import base64
import io
import json
import random
import zipfile
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from onnx_models import catalog
from tests import serving, tiny
from tests.browser import Visit, address, change, idle
from tests.page.test_page import draw_seven

pytestmark = pytest.mark.browser

State = dict[str, Any]
COUNT = 50
SEEN_BY_THEM = "#panel-draw .seen img"
ROUND = """async ([name, states]) => {
    const desk = document.getElementById(`panel-${name}`).lineage;
    const usual = desk.get();
    const lost = [];
    for (const state of states) {
        desk.set(state);
        const sent = { ...desk.get() };
        const link = new URL(await desk.link());
        desk.set(usual);
        await desk.restore(link.searchParams, link.hash);
        const { wish, ...back } = desk.get();
        const { wish: none, ...there } = sent;
        if (JSON.stringify(back) !== JSON.stringify(there)) lost.push([there, back, link.href]);
    }
    return lost;
}"""
"""Set each state, make its link, go away from it, open the link: [[state, what came of it, link], ...]."""
UNHEARD = """() => {
    const straight = window.fetch;
    window.fetch = (...asked) =>
        String(asked[0]?.url ?? asked[0]).includes("queue/join") ? new Promise(() => {}) : straight(...asked);
}"""
"""Nobody need answer all of the states: the questions never leave the page."""
SEEN = """panel => [...panel.querySelectorAll(".view :is(img, canvas), .paper canvas, .easel canvas")]
    .filter((one) => one.offsetParent)
    .map((one) => one.toDataURL?.() ?? one.src)"""


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> Iterator[serving.Page]:
    """Tiny models with a place in every panel."""
    folder = tmp_path_factory.mktemp("links")
    directory = tiny.write_first_half(folder / "models")
    labelled = {seen: tiny.gan(seed=32 + seen, conditional=True)["generate"] for seen in (0, 900)}
    tiny.write_model(directory, "labelled", tiny.gan(seed=5, conditional=True), snapshots=labelled)
    faces = tiny.write_model(directory, "faces", tiny.stylegan(size=16), family="stylegan2")
    tiny.edit(faces, image={"channels": 3, "height": 16, "width": 16})
    rebuilds = catalog.load(directory).model("autoencoder").graphs["reconstruct"]
    figure = {"name": "reconstruction_squared_error", "value": 3.0, "measured_on": [rebuilds.sha256]}
    tiny.write_metrics(directory / "autoencoder", figure)
    with serving.page(folder, [directory]) as running:
        yield running


def png(draw: random.Random, side: int = 24) -> str:
    pixels = np.frombuffer(draw.randbytes(4 * side * side), np.uint8).reshape(side, side, 4)
    content = io.BytesIO()
    Image.fromarray(pixels).save(content, "PNG")
    return f"data:image/png;base64,{base64.b64encode(content.getvalue()).decode()}"


def photograph() -> bytes:
    """A seven in the middle of a large sheet of grain, far too long for a link."""
    grain = np.random.default_rng(5).normal(235, 4, (900, 900))
    grain[300:340, 300:600] = grain[300:640, 560:600] = 20
    content = io.BytesIO()
    Image.fromarray(grain.clip(0, 255).astype(np.uint8)).save(content, "PNG")
    return content.getvalue()


def states(name: str) -> list[State]:
    """Fifty random states of a panel, always the same."""
    draw = random.Random(name)
    seed = lambda: draw.choice([draw.randrange(1000), draw.randrange(2**32)])  # noqa: E731
    number = lambda low, high: round(draw.uniform(low, high), 2)  # noqa: E731
    some = lambda *all: ",".join(draw.sample(all, draw.randrange(1, len(all) + 1)))  # noqa: E731
    term = lambda: "_".join(str(seed()) for _ in range(3))  # noqa: E731
    makers = ("gan", "labelled")
    forms: dict[str, Callable[[], State]] = {
        "draw": lambda: {
            "example": draw.randrange(50),
            "drawing": draw.choice(["", png(draw)]),
            "damage": draw.choice(["none", "salt", "half", "brush"]),
            "amount": draw.randrange(101),
            "hidden": draw.choice(["", "".join(draw.choices("01", k=784))]),
            "models": some("rbm", "dbn", "autoencoder", "vae"),
            "steps": draw.randrange(1, 101),
            "seed": seed(),
        },
        "dream": lambda: {
            "model": draw.choice(makers),
            "seed": seed(),
            "count": draw.choice([9, 16, 25, 36]),
            "pick": draw.randrange(9),
            "other": seed(),
            "way": draw.choice(["spherical", "linear"]),
        },
        "onez": lambda: {"seed": seed(), "label": draw.randrange(-1, 10), "pick": draw.randrange(16)},
        "movie": lambda: {
            "model": draw.choice(["rbm", "dbn"]),
            "label": draw.choice(["free", "each", "4"]),
            "start": draw.choice(["noise", "drawing"]),
            "drawing": draw.choice(["", png(draw)]),
            "example": draw.randrange(50),
            "seed": seed(),
            "steps": draw.randrange(1, 301),
        },
        "map": lambda: {
            "model": draw.choice(["autoencoder_2", "vae_2"]),
            "x": draw.uniform(-9, 9),
            "y": draw.uniform(-9, 9),
            "ground": draw.choice(["digits", "pictures"]),
        },
        "latent": lambda: {
            "model": draw.choice(makers),
            "play": draw.choice(["knobs", "walk", "way", "sum"]),
            "seed": seed(),
            "label": draw.randrange(-1, 10),
            "z": "_".join(f"{k}:{number(-4, 4)}" for k in sorted(draw.sample(range(8), draw.randrange(8)))),
            "path": seed(),
            "other": seed(),
            **dict(zip("abc", draw.choice([("", "", ""), (term(), term(), term())]), strict=True)),
            "slot": draw.randrange(9),
            "tray": draw.randrange(1000),
        },
        "style": lambda: {
            "part": draw.choice(["make", "truncate", "mix", "travel", "noise", "inside"]),
            "seed": seed(),
            "psi": number(0, 1.5),
            "noise": draw.choice(["on", "off"]),
            "noise_seed": seed(),
            "other": seed(),
            "layers": draw.choice(["coarse", "middle", "fine"]),
            "pick": draw.randrange(30),
            "moves": draw.choice(["", "up:1.5,down:-2"]),
            "picture": draw.choice(["", png(draw, 16)]),
            "ws": draw.choice(["", base64.b64encode(draw.randbytes(96)).decode()]),
        },
        "time": lambda: {
            "models": some(*makers),
            "seed": seed(),
            "label": draw.choice(["each", "free"]),
            "seen": draw.choice([-1, draw.randrange(10**7)]),
            "pick": draw.randrange(25),
        },
        "game": lambda: (
            lambda done: {
                "seed": seed(),
                "answers": "".join(draw.choices("mr", k=done)),
                "turn": draw.randrange(done + 1),
            }
        )(draw.randrange(11)),
        "compare": lambda: {"plot": draw.choice(["table", "codes", "speed", "cover"])},
    }
    return [forms[name]() for _ in range(COUNT)]


def of(link: str) -> str:
    """What of a link is after the page's own address."""
    return f"?{link.partition('?')[2]}"


def tabs(page: Page) -> list[str]:
    found: list[str] = page.eval_on_selector_all("[role=tab]", "tabs => tabs.map(tab => tab.dataset.tab)")
    return found


def test_fifty_states_of_every_panel_come_back_through_their_links(
    everything: serving.Page, visit: Callable[..., Visit]
) -> None:
    """Catches a name, a drawing or a digit that a link loses."""
    page = visit(everything).open()
    page.evaluate(UNHEARD)
    assert len(tabs(page)) == 10
    for name in tabs(page):
        assert page.evaluate(ROUND, [name, states(name)]) == [], name


@pytest.mark.slow
def test_another_browser_shows_the_same_pictures(
    everything: serving.Page, visit: Callable[..., Visit]
) -> None:
    calm = {"reduced_motion": "reduce", "permissions": ["clipboard-read", "clipboard-write"]}
    here, there = visit(everything, **calm), visit(everything, reduced_motion="reduce", locale="fr-FR")
    page = here.open()
    draw_seven(page)
    page.get_by_text("Salt", exact=True).click()
    changes: dict[str, State] = {
        "draw": {"seed": 5, "steps": 4},
        "dream": {"seed": 3, "count": 9},
        "onez": {"seed": 4, "label": 2},
        "movie": {"start": "drawing", "steps": 40},
        "map": {"x": 0.25, "y": -0.5},
        "latent": {"z": "3:2.5"},
        "style": {"part": "mix", "seed": 9},
        "time": {"seed": 6},
        "game": {"seed": 4, "answers": "mr", "turn": 1},
        "compare": {"plot": "codes"},
    }
    for name, state in changes.items():
        page.locator(f"#tab-{name}").click()
        if name == "movie":
            page.get_by_text("Your drawing", exact=True).click()
        page.evaluate(
            "([name, state]) => document.getElementById(`panel-${name}`).lineage.set(state)", [name, state]
        )
        idle(page)
        page.locator(f"#panel-{name} [data-link]").click()
        expect(page.locator(f"#panel-{name} [data-link]")).to_have_text("Copied")
        link = page.evaluate("navigator.clipboard.readText()")
        assert ("#" in link) == (name in ("draw", "movie"))
        other = there.open(of(link))
        own, its = (
            (one.evaluate("name => document.getElementById(`panel-${name}`).lineage.get()", name))
            for one in (page, other)
        )
        assert own == its, name
        seen = [one.locator(f"#panel-{name}").evaluate(SEEN) for one in (page, other)]
        assert seen[0] == seen[1], name
    # A link that was cut says so, and what is before the "#" is shown.
    cut = there.open("?tab=draw&seed=3#state=7cEB")
    expect(cut.locator("#panel-draw .refused .problem")).to_contain_text("La fin de ce lien manque")
    assert cut.evaluate("document.getElementById('panel-draw').lineage.get().seed") == 3


def test_what_a_link_brought_stays_in_the_address_until_it_is_another(
    everything: serving.Page, visit: Callable[..., Visit]
) -> None:
    """Catches the drawing of yesterday in the address of today's; and a clipboard that is refused."""
    visitor = visit(everything)
    visitor.page.add_init_script("Object.defineProperty(navigator, 'clipboard', { value: undefined })")
    page = visitor.open()
    draw_seven(page)
    idle(page)
    page.locator("#panel-draw [data-link]").click()
    field = page.locator("#panel-draw .lead input")
    expect(field).to_be_focused()
    link = field.input_value()
    assert "#state=" in link
    page = visitor.open(of(link))
    assert "#state=" in address(page)
    page.locator("#draw-steps").fill("12")
    assert "#state=" in address(page)
    page.get_by_role("button", name="Example: a 7").click()
    assert "#state=" not in address(page)
    page.evaluate("hash => (location.hash = hash)", link.partition("#")[2])
    page.wait_for_function("() => document.getElementById('panel-draw').lineage.get().drawing !== ''")
    # A photograph goes as the networks see it: 28 x 28 pixels of it, not what else was in the picture.
    before = page.locator(SEEN_BY_THEM).get_attribute("src")
    page.locator(".bring input").first.set_input_files(
        {"name": "photo.png", "mimeType": "image/png", "buffer": photograph()}
    )
    change(page, SEEN_BY_THEM, before)
    page.locator("#panel-draw [data-link]").click()
    expect(field).to_have_count(1)
    link = field.input_value()
    assert len(link) < 2500
    shown = page.locator(SEEN_BY_THEM).get_attribute("src")
    page = visitor.open(f"{of(link).replace('tab=', 'utm=1&tab=')}")
    assert page.locator(SEEN_BY_THEM).get_attribute("src") == shown
    page.get_by_role("tab", name="Dream").click()
    assert "#state=" not in address(page)


def test_a_panel_is_taken_away(everything: serving.Page, visit: Callable[..., Visit]) -> None:
    visitor = visit(everything)
    page = visitor.open("?tab=dream&seed=3&count=9&lang=fr")
    button = page.locator("#panel-dream [data-take]")
    with page.expect_download() as coming:
        button.click()
    assert coming.value.suggested_filename == "latent-lineage-dream.zip"
    with zipfile.ZipFile(coming.value.path()) as archive:
        assert {"run.py", "run.mjs", "index.html", "recipe.json", "expected/made.png"} <= set(
            archive.namelist()
        )
        assert (
            json.loads(archive.read("recipe.json"))["made"]["steps"][0]["inputs"]["z"]["normals"]["seed"] == 3
        )
        assert "Navigateur" in archive.read("README.txt").decode()
    expect(button).to_have_text("Emporter")
    said = page.locator("#panel-dream .refused .problem")
    # What is wrong is said in the visitor's language, and the next try forgets it.
    page.evaluate("document.getElementById('panel-dream').lineage.set({ seed: -1 })")
    idle(page)
    button.click()
    expect(said).to_contain_text("La graine doit")
    page.route("**/take.zip", lambda route: route.abort())
    button.click()
    expect(said).to_contain_text("Le serveur ne répond pas")
    answer = page.request.post(f"{everything.url}/take.zip", data="none of it")
    assert answer.status == 400
    assert "panel, state and language" in answer.json()["detail"]
    visitor.complaints.clear()  # the browser's own, of both refusals
    assert page.locator("#panel-game [data-take], #panel-compare [data-take]").count() == 0
