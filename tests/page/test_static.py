"""The page as a folder, in a real Chromium: from files under a path it makes what a server would."""

from __future__ import annotations

import functools
import html
import http.server
import importlib
import json
import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from demo import static
from demo.engine import inference, styles, wall
from demo.engine.library import Library
from demo.kit import sprites
from demo.kit.answers import tell
from demo.panels.onez import scene
from onnx_models import seeds
from tests import players, tiny
from tests.browser import Visit, idle
from tests.page.test_kitchen import LOOK, WHO, compare_drawing, compare_game, compare_movie, picture
from tests.page.test_page import draw_seven
from tests.serving import PATIENCE

pytestmark = pytest.mark.browser

SET = "(panel, state) => panel.lineage.set(state)"
BLANK = """panel => [...panel.querySelectorAll(".view :is(img, canvas[data-screen], canvas[data-film])")]
    .filter((place) => place.offsetParent && !place.closest(".stale"))
    .filter((place) => {
        const copy = document.createElement("canvas");
        [copy.width, copy.height] = [place.naturalWidth ?? place.width, place.naturalHeight ?? place.height];
        const context = copy.getContext("2d");
        context.drawImage(place, 0, 0);
        return !context.getImageData(0, 0, copy.width, copy.height).data.some((value) => value);
    })
    .map((place) => place.outerHTML.slice(0, 200))"""
"""Pictures to be seen on which there is nothing."""


@dataclass(frozen=True)
class Folder:
    """A folder of files that is served, and what was asked for in vain."""

    url: str
    library: Library
    missing: list[str]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Folder]:
    """A static host that shows the folder at /repo, as GitHub Pages does."""
    root = tmp_path_factory.mktemp("host")
    library = static.chosen([players.write(root / "models")])
    static.write(static.build(library), root / "site" / "repo")
    missing: list[str] = []

    class Host(http.server.SimpleHTTPRequestHandler):
        def send_error(self, code: int, *told: Any, **more: Any) -> None:
            missing.append(self.path)
            super().send_error(code, *told, **more)

        def log_message(self, *told: object) -> None:
            pass

    handler = functools.partial(Host, directory=str(root / "site"))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield Folder(f"http://127.0.0.1:{server.server_port}/repo", library, missing)
        server.shutdown()
        thread.join(timeout=PATIENCE)


NOT_HERE = "Only the page with its server can do this."
SAID = """panel => [...panel.querySelectorAll(".view [data-say]")]
    .filter((element) => !element.closest(".note, [data-lasts], .slot-of-figures, .read"))
    .flatMap((element) => Object.values(JSON.parse(element.dataset.say)))"""
"""Messages of a panel, but for those beside real pictures, and figures that have another place."""
TIMED = {"figure.ms", "dream.time", "time.at", "figure.nats"}
SHOWN = {
    "dream": ("show_sheets", "show_neighbours", "show_way"),
    "onez": ("show_wall",),
    "latent": ("show_stage",),
    "style": ("show_stage",),
    "time": ("show_stage",),
}
"""What lays each panel out; the rest of it only a server does, or has another place on the page."""


def untold(page: Page, library: Library, name: str) -> list[Any]:
    """What a panel says that the server would not say of the same state."""
    module = importlib.import_module(f"demo.panels.{name}.panel")
    state = importlib.import_module(f"demo.panels.{name}.recipes").State(
        **page.locator(f"#panel-{name}").evaluate("panel => panel.lineage.get()")
    )
    told = []
    for show in SHOWN[name]:
        (markup,) = json.loads(next(tell(functools.partial(getattr(module, show), library, state)))).values()
        for packed in re.findall(r'data-say="(.*?)"', markup):
            told += json.loads(html.unescape(packed)).values()
        for packed in re.findall(r'data-told="(.*?)"', markup):
            told += json.loads(html.unescape(packed))
    said = page.locator(f"#panel-{name}").evaluate(SAID)
    return [one for one in said if one[0] not in TIMED and not any(near(one, other) for other in told)]


def near(one: Any, other: Any) -> bool:
    """Whether two messages are the same but for the last digits of their numbers."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(near(value, other[key]) for key, value in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(near, one, other))
    if isinstance(one, int | float) and isinstance(other, int | float):
        return bool(abs(one - other) <= 1e-3 * max(1, abs(other)) + 0.011)
    return bool(one == other)


def turn(page: Page, panel: str, state: dict[str, Any]) -> None:
    page.locator(f"#panel-{panel}").evaluate(SET, state)
    idle(page)


def seen(page: Page, panel: str) -> Any:
    return page.locator(f"#panel-{panel}").evaluate(LOOK)


MOVES: dict[str, list[dict[str, Any]]] = {
    "dream": [{"seed": 31}, {"model": "gan"}, {"count": 9, "way": "linear", "pick": 3}],
    "onez": [{"seed": 31}, {"label": 5}, {"seed": 7, "label": 3}],
    "latent": [
        {"seed": 31},
        {"z": "2:1.5", "bank": 1},
        {"play": "walk"},
        {"play": "way", "model": "labelled", "label": 4},
        {"play": "sum", "z": ""},
        {"tray": 1},
        {"a": "1_2_3", "b": "4_5_6", "c": "7_8_9"},
    ],
    "style": [
        {"seed": 31},
        *({"part": part} for part in ("truncate", "mix", "travel", "noise", "inside", "edit")),
        {"moves": "up:1.5", "psi": 0.4},
        {"part": "mix", "pick": 8, "layers": "fine"},
    ],
    "time": [{"seed": 31}, {"models": "labelled"}, {"label": "free"}],
    "game": [
        {"answers": "m"},
        {"turn": 1},
        {"answers": "mr"},
        {"seed": 2, "answers": "mrmrmrmrmr", "turn": 10},
        {"turn": 3},
        {"model": "labelled", "seed": 3, "answers": "", "turn": 0},
    ],
}
"""What is set in each panel, one after the other: each shows other pictures than before."""


def test_every_panel_is_played_without_a_server(folder: Folder, visit: Callable[..., Visit]) -> None:
    """Catches an absolute address, a missing file, another seed's picture, a stage that stays empty."""
    visitor = visit(folder, cooks=True, reduced_motion="reduce")
    page = visitor.open("?cook=server")
    expect(page.locator(WHO)).to_have_text("this browser")
    for tab in page.locator("[role=tab]").all():
        tab.click()
        idle(page)
        name = str(tab.get_attribute("data-tab"))
        assert page.locator(f"#panel-{name}").evaluate(BLANK) == [], name
        for state in MOVES.get(name, []):
            before = seen(page, name)
            turn(page, name, state)
            after = seen(page, name)
            assert after != before, (name, state)
            assert after["pictures"] != before["pictures"] or name == "game", (name, state)
            if name == "game":
                compare_game(page, folder.library)
            else:
                assert untold(page, folder.library, name) == [], (name, state)
            expect(page.get_by_text(NOT_HERE)).to_have_count(0)
            assert None not in after["pictures"], (name, state)
            assert page.locator(f"#panel-{name}").evaluate(BLANK) == [], (name, state)
    assert folder.missing == []
    page.locator("[data-tab=onez][role=tab]").click()
    turn(page, "onez", {"seed": 9})
    noise = scene.noise_picture(seeds.normals(9, wall.SHOWN, tiny.LATENT), tiny.WIDTH)
    shown = str(page.locator("#panel-onez [data-card=z] .picture").get_attribute("src"))
    sheet = sprites.ink_uri(sprites.mosaic(noise, 4, 4))
    assert np.abs(picture(shown) - picture(sheet)).max() <= 1
    # What nobody here can make is said, and the next that can be made takes its place.
    page.locator("[data-tab=latent][role=tab]").click()
    turn(page, "latent", {"model": "nobody"})
    expect(page.locator("#panel-latent .view .problem")).to_have_text(
        "Only the page with its server can do this."
    )
    turn(page, "latent", {"model": "gan", "play": "knobs", "seed": 5, "z": "", "bank": 0, "label": -1})
    expect(page.locator("#panel-latent .view .problem")).to_have_count(0)
    made = inference.sample(folder.library, "gan", 5, 1).images[0]
    shown = str(page.locator("#panel-latent [data-shows='made 0']").get_attribute("src"))
    assert np.abs(picture(shown) - picture(sprites.ink_uri(made))).max() <= 1
    face = styles.portrait(folder.library, folder.library.model("faces"), 31, styles.Look(psi=0.4))
    page.locator("[data-tab=style][role=tab]").click()
    turn(page, "style", {"part": "make", "moves": ""})
    shown = str(page.locator("#panel-style [data-shows='made 0']").get_attribute("src"))
    assert np.abs(picture(shown) - np.rint(255 * face.transpose(1, 2, 0))).max() <= 1


def test_a_drawing_is_rebuilt_and_a_movie_made(folder: Folder, visit: Callable[..., Visit]) -> None:
    """Catches cards that do not answer, another drawing's strip, a film that ends with its beginning."""
    page = visit(folder, cooks=True, reduced_motion="reduce").open("?damage=salt&lang=fr")
    expect(page.locator(".masthead .line")).to_have_text("de la RBM à StyleGAN")
    page.get_by_role("button", name="Effacer").click()
    draw_seven(page)
    idle(page)
    compare_drawing(page, folder.library)
    page.locator("#panel-draw .who summary").click()
    page.locator("#panel-draw [name=models][value=pca]").check(force=True)
    page.locator("#panel-draw [name=models][value=vae]").uncheck(force=True)
    compare_drawing(page, folder.library)
    page.locator("[data-tab=movie][role=tab]").click()
    compare_movie(page, folder.library)
    page.locator("#panel-movie [name=model][value=rbm]").check(force=True)
    expect(page.locator("#panel-movie [data-card=rbm]")).to_be_visible()
    idle(page)
    page.locator("#panel-movie [name=model][value=dbn]").check(force=True)
    compare_movie(page, folder.library)
    assert folder.missing == []


def test_what_its_files_cannot_give_is_said(folder: Folder, visit: Callable[..., Visit]) -> None:
    """Catches a page that stays as it was, in silence, where the host has lost a file."""
    visitor = visit(folder, cooks=True)
    page = visitor.open("?tab=latent")
    page.context.route("**/kitchen/models/*.onnx", lambda route: route.abort())
    turn(page, "latent", {"seed": 31})
    expect(page.locator("#panel-latent .view .problem")).to_have_text(
        "this browser cannot: its files could not be fetched"
    )
    expect(page.locator("#panel-latent .view > .stale")).to_have_count(1)
    page.context.unroute("**/kitchen/models/*.onnx")
    page.locator(WHO).click()
    turn(page, "latent", {"seed": 32})
    expect(page.locator("#panel-latent .view .problem")).to_have_count(0)
    visitor.complaints.clear()  # the browser's own, of what was kept from it
