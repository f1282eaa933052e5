"""The desk of styles without a browser: truncation, mixing, noise, sizes, markup, the plain address."""

from __future__ import annotations

import base64
import html
import io
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from gradio_client import Client
from gradio_client.exceptions import AppError
from PIL import Image

from demo import plain
from demo.engine import limits, styles
from demo.engine.library import Library
from demo.engine.styles import Look
from demo.kit import paper
from demo.panels.style import panel as style
from demo.panels.style.panel import State
from export import directions
from onnx_models import catalog, recipes, seeds
from onnx_models.errors import LineageError
from onnx_models.runtime import Runtime
from onnx_models.seeds import Stream
from tests import serving, tiny
from tests.demo.asking import seen, told
from tests.demo.test_panels import said

FACES, DIGITS, PLAIN = "stylegan2_avatars", "stylegan2_digits", "plain"
JUDGE, ENCODER = "classifier_avatars", "stylegan2_avatars_encoder"


PIXEL = paper.to_data_uri(np.full((1, 1, 3), 128, np.uint8))


def write(directory: Path) -> Path:
    """The line-up, a StyleGAN of faces, one of labelled digits, one that takes no noise and tells nothing.

    The faces have a judge of attributes, directions and an encoder.
    """
    tiny.write_models(directory)
    graphs = tiny.stylegan(size=64)
    colours = {"channels": 3, "height": 64, "width": 64}
    faces = tiny.write_model(directory, FACES, graphs, year=2020, dataset="avatars")
    tiny.edit(faces, image=colours, colour="#d9455f")
    judge = tiny.write_model(directory, JUDGE, tiny.attributes(), kind="judge", dataset="avatars")
    tiny.edit(judge, image=colours)
    tiny.ask(judge, tiny.QUESTIONS)
    encoder = tiny.write_model(directory, ENCODER, tiny.encoder(graphs), kind="encoder", dataset="avatars")
    tiny.edit(encoder, image=colours, generator=FACES)
    known = catalog.load(directory)
    found = directions.find(known.model(FACES), known, Runtime("cpu"), 600)
    width = len(found["directions"][0]["vector"])
    for k, part in enumerate(("coarse", "fine"), start=1):
        # As `find` writes them of a network with weights named as in training/stylegan2_networks.py.
        vector = np.eye(width)[k].tolist()
        name = {"en": f"factor {k}, {part} layers", "fr": f"facteur {k}"}
        factor = {
            "id": f"factor-{part}-{k}",
            "name": name,
            "method": "factor",
            "attribute": None,
            "values": [],
        }
        measured = {"balanced_accuracy": None, "before": None, "success": None}
        moved = {"layers": [2 * k, 2 * k + 1], "deviation": 0.8, "strength": 3.0, "vector": vector}
        found["directions"].append(
            factor | measured | moved | {"changes": {"glasses": 0.3, "hair_colour": 0.2}}
        )
    directions.write(known.model(FACES), found)
    tiny.write_model(directory, DIGITS, tiny.stylegan(channels=1, labelled=True), year=2020)
    bare = tiny.stylegan(noise=False, parts=False)
    tiny.write_model(directory, PLAIN, bare, year=2018, dataset="faces")
    return directory


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("style") / "models")


@pytest.fixture(scope="module")
def library(directory: Path) -> Library:
    return Library.open([directory], "cpu")


# -------------------------------------------------------------------------------------------------- styles


def test_what_a_network_says_of_itself(library: Library) -> None:
    faces, digits, plain = (library.model(model_id) for model_id in (FACES, DIGITS, PLAIN))
    assert [model.id for model in styles.painters(library)] == [FACES, PLAIN, DIGITS]  # the preferred first
    assert [styles.rows(model) for model in (faces, digits, plain)] == [10, 8, 8]
    assert styles.shape(digits) == (1, 32, 32)  # with the margin, whatever `generate` makes
    assert styles.part_sizes(faces) == (4, 8, 16, 32, 64)
    assert styles.part_sizes(plain) == styles.noise_sizes(plain) == ()
    assert styles.row_sizes(digits) == (4, 8, 8, 16, 16, 32, 32, 32)
    assert set(styles.row_sizes(plain)) == {None}
    assert styles.takes_label(digits)
    assert not styles.takes_label(faces)


def test_a_picture_is_the_network_run_on_documented_noise(library: Library) -> None:
    # In onnxruntime directly. Catches another stream or layer of noise, rows of psi in another order.
    model = library.model(FACES)
    z = seeds.normals(5, 1, tiny.LATENT, Stream.Z)
    psi = np.ones((1, 10), np.float32)
    psi[:, :3] = 0.5
    run = library.runtime.run
    ws = run(model.graphs["mapping"], {"z": z, "psi": psi})["ws"]
    sizes = (4, 8, 8, 16, 16, 32, 32, 64, 64)
    noises = {
        f"noise_{k}": seeds.normals(9, 1, side * side, Stream.NOISE, layer=k).reshape(1, 1, side, side)
        for k, side in enumerate(sizes)
    }
    expected = run(model.graphs["synthesis"], {"ws": ws, **noises})["image"][0]
    found = styles.portrait(library, model, 5, Look(psi=0.5, cutoff=3, noise_seed=9))
    np.testing.assert_array_equal(found, expected)
    for other in (Look(0.5, 4, -1, 9), Look(0.6, 3, -1, 9), Look(0.5, 3, -1, 8), Look(0.5, 3, -1, None)):
        assert np.abs(styles.portrait(library, model, 5, other) - expected).max() > 0.01


def test_truncation_leads_to_one_centre_and_through_it(library: Library) -> None:
    model = library.model(FACES)
    look = Look(noise_seed=None)
    psi = np.array([-1, 0, 1], np.float32)
    here, there = (styles.sweep(library, model, seed, look, psi) for seed in (1, 2))
    np.testing.assert_allclose(here[1], there[1], atol=1e-6)
    np.testing.assert_allclose(here[0] + here[2], 2 * here[1], atol=1e-5)  # the opposite of a style
    assert np.abs(here[2] - there[2]).max() > 0.1
    digits = library.model(DIGITS)
    three, four = (styles.sweep(library, digits, 1, replace(look, label=label), psi)[1] for label in (3, 4))
    assert np.abs(three - four).max() > 0.1  # each class has a centre of its own


@pytest.mark.parametrize(
    ("count", "expected"),
    [
        (6, [(0, 1), (2, 3), (4, 5)]),
        (8, [(0, 3), (4, 5), (6, 7)]),  # 4 and 8; 16; 32 pixels
        (10, [(0, 3), (4, 7), (8, 9)]),
        (16, [(0, 3), (4, 7), (8, 15)]),
        (18, [(0, 3), (4, 7), (8, 17)]),  # the paper's, for 1024 pixels
    ],
)
def test_coarse_middle_and_fine_are_the_papers(
    count: int, expected: list[tuple[int, int]], library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(styles, "rows", lambda model: count)
    found = [styles.layer_range(library.model(FACES), name) for name in styles.RANGES]
    assert [(one[0], one[-1]) for one in found] == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [("none", ()), ("3", (3,)), ("0-3,6", (0, 1, 2, 3, 6)), ("middle", (4, 5, 6, 7)), ("9", (9,))],
)
def test_layers_are_read(library: Library, text: str, expected: tuple[int, ...]) -> None:
    assert styles.layers(library.model(FACES), text) == expected


@pytest.mark.parametrize("text", ["", "all", "10", "0-10", "-1", "1,,2", "1.5", "0-3;4", "²"])
def test_layers_that_are_none_are_one_sentence(library: Library, text: str) -> None:
    with pytest.raises(LineageError) as raised:
        styles.layers(library.model(FACES), text)
    assert raised.value.code == "style.layers"
    assert "0 to 9" in str(raised.value)


def test_a_child_has_each_style_of_one_parent(library: Library) -> None:
    model, look = library.model(FACES), Look(noise_seed=None)
    a, b = styles.styles(library, model, styles.z_of(model, [1, 2]), look)
    child = styles.mixed(a, b, range(4))
    np.testing.assert_array_equal(child[:4], b[:4])
    np.testing.assert_array_equal(child[4:], a[4:])
    # Rows 0 to 3 tone 4 and 8 pixels and half of 16: smaller parts are B's own, larger ones A's.
    of_a, of_b, of_child = (styles.parts(library, model, ws[None], look) for ws in (a, b, child))
    np.testing.assert_allclose(of_child[1], of_b[1], atol=1e-6)
    np.testing.assert_allclose(of_child[4], of_a[4], atol=1e-6)
    crossed = styles.crossing(library, model, 1, 2, range(4), look)
    np.testing.assert_array_equal(crossed, styles.paint(library, model, child[None], look)[0])


def test_both_ways_have_the_same_ends(library: Library) -> None:
    model = library.model(FACES)
    in_z, in_w = styles.ways(library, model, 3, 4, 9, Look())
    np.testing.assert_allclose(in_z[[0, -1]], in_w[[0, -1]], atol=1e-5)
    assert np.abs(in_z[4] - in_w[4]).max() > 0.01
    steps = np.diff(in_w, axis=0)
    np.testing.assert_allclose(steps, np.broadcast_to(steps.mean(axis=0), steps.shape), atol=1e-5)


def test_noise_deviation_is_measured_over_samples_of_the_seed(library: Library) -> None:
    model = library.model(DIGITS)
    ws = styles.styles(library, model, styles.z_of(model, [1]), Look())
    found = styles.deviation(library, model, ws, 7, 50)
    sizes = (4, 8, 8, 16, 16, 32, 32)
    pictures = []
    for sample in range(50):
        noises = {
            f"noise_{k}": seeds.normals(7, 1, s * s, Stream.NOISE, first=sample, layer=k).reshape(1, 1, s, s)
            for k, s in enumerate(sizes)
        }
        pictures.append(library.runtime.run(model.graphs["synthesis"], {"ws": ws, **noises})["image"][0, 0])
    np.testing.assert_allclose(found, np.std(pictures, axis=0), atol=1e-5)


def test_the_sizes_sum_to_the_picture(library: Library) -> None:
    model, look = library.model(FACES), Look(psi=1.0, noise_seed=3)
    ws = styles.styles(library, model, styles.z_of(model, [2]), look)
    so_far = styles.sums(styles.parts(library, model, ws, look))
    assert [picture.shape[-1] for picture in so_far] == [4, 8, 16, 32, 64]
    np.testing.assert_allclose(
        np.clip(so_far[-1], 0, 1), styles.paint(library, model, ws, look)[0], atol=1e-5
    )


def test_large_pictures_are_made_in_pieces_and_few(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    model, look = library.model(FACES), Look()
    ws = styles.styles(library, model, styles.z_of(model, range(7)), look)
    whole = styles.paint(library, model, ws, look)
    monkeypatch.setattr(recipes, "PIECE", 3 * 64 * 64)
    np.testing.assert_allclose(styles.paint(library, model, ws, look), whole, atol=1e-5)
    small = styles.paint(library, model, ws, look, side=20)
    np.testing.assert_allclose(small, whole.reshape(7, 3, 16, 4, 16, 4).mean(axis=(3, 5)), atol=1e-5)
    assert styles.affordable(model, 50) == 50
    monkeypatch.setattr(limits, "PAINTED", 5 * 64 * 64)
    assert styles.affordable(model, 50) == 5
    assert styles.affordable(model, 50, 8) == 8
    for part in style.PARTS:  # every part still has something to show
        assert 'class="problem"' not in style.show_stage(library, State(model=FACES, part=part))


# --------------------------------------------------------------------------------------------------- panel


@pytest.mark.parametrize(
    ("model_id", "part"),
    [*((FACES, part) for part in style.PARTS), *((DIGITS, part) for part in style.PARTS[:-2])],
)
def test_every_part_shows_pictures_and_gives_a_file(library: Library, model_id: str, part: str) -> None:
    state = State(model=model_id, part=part, label=3)
    markup = style.show_stage(library, state)
    assert f"styled of-{part}" in markup
    assert markup.count("<img") + markup.count("<canvas") >= (2 if part in ("edit", "you") else 4)
    parcel = style.parcel(library, state)
    film = part in ("truncate", "travel")
    assert parcel.name == f"{model_id}-{part}-seed-7.{'gif' if film else 'png'}"
    picture = Image.open(io.BytesIO(base64.b64decode(parcel.href.split(",")[1])))
    assert np.ptp(np.asarray(picture.convert("L"))) > 50
    if film:
        count = style.SWEEP if part == "truncate" else style.STATIONS
        assert getattr(picture, "n_frames", 1) > count  # there and back


def test_the_grid_crosses_seeds_in_order(library: Library) -> None:
    state = State(model=FACES, part="mix", seed=2**32 - 1, other=30, layers="fine", pick=style.SOURCES[1] + 2)
    model = library.model(FACES)
    crossed = style._crossed(library, model, state)
    a, b = 0, 32  # after the last seed comes 0
    taken = styles.layers(model, "fine")
    child = styles.crossing(library, model, a, b, taken, state.look)
    np.testing.assert_allclose(crossed.children[1, 2], child, atol=1e-5)
    np.testing.assert_allclose(crossed.large[2], child, atol=1e-5)
    np.testing.assert_allclose(crossed.large[0], styles.portrait(library, model, a, state.look), atol=1e-5)
    np.testing.assert_allclose(crossed.columns[2], styles.portrait(library, model, b, state.look), atol=1e-5)
    markup = style.show_stage(library, state)
    pressed = re.findall(r'data-layer="(\d+)" aria-pressed="true"', markup)
    assert [int(row) for row in pressed] == list(taken)


def test_the_sweep_has_the_centre_in_the_middle(library: Library) -> None:
    psi = style.swept(library.model(FACES))
    assert (psi[0], psi[style.SWEEP // 2], psi[-1]) == (-1, 0, 1)
    markup = style.show_stage(library, State(model=FACES, part="truncate"))
    centre = re.findall(r'<li class="centre">(.*?)</li>', html.unescape(markup))
    assert len(centre) == 1
    assert '["page.number", {"value": 0.0, "unit": ""}]' in centre[0]
    assert markup.count("data-seek") == style.SWEEP


def test_an_address_is_offered_only_where_it_says_how_the_picture_was_made(library: Library) -> None:
    def link(**changes: object) -> bool:
        return "avatar.png?" in style.show_stage(library, State(model=FACES, **changes))  # type: ignore[arg-type]

    assert link()
    assert link(psi=1.1, cutoff=10)
    assert not link(cutoff=4)
    assert not link(noise="off")
    assert not link(noise_seed=3)


def test_a_network_without_noise_or_sizes_says_so(library: Library) -> None:
    lacking = {
        "noise": "style.noise",
        "inside": "style.inside",
        "edit": "style.directions",
        "you": "style.encoder",
    }
    for part, code in lacking.items():
        stage = seen(style.show_stage, library, State(model=PLAIN, part=part))
        assert said(stage)[0][0] == f"error.{code}"
    for part in ("make", "truncate", "mix", "travel"):
        assert 'class="problem"' not in style.show_stage(library, State(model=PLAIN, part=part))


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"model": "gan"}, "model.role"),
        ({"model": "nobody"}, "model.unknown"),
        ({"part": "attic"}, "state.unreadable"),
        ({"seed": -1}, "seed.range"),
        ({"psi": 2.5}, "argument.range"),
        ({"cutoff": 33}, "argument.range"),
        ({"label": 10}, "argument.range"),
        ({"noise": "some"}, "state.unreadable"),
        ({"noise_seed": 2**32}, "seed.range"),
        ({"part": "mix", "layers": "all"}, "style.layers"),
        ({"part": "mix", "other": 0.5}, "state.unreadable"),
        ({"part": "mix", "pick": 30}, "argument.range"),
        ({"part": "edit", "moves": "glasses-any"}, "state.unreadable"),
        ({"part": "edit", "moves": "wings:1"}, "style.direction"),
        ({"part": "edit", "moves": "glasses-any:31"}, "argument.range"),
        ({"part": "you", "picture": "/etc/hostname"}, "state.unreadable"),
        ({"part": "make", "picture": "data:image/png;base64,AAAA"}, "image.unreadable"),
        ({"part": "you", "picture": PIXEL, "ws": "AAAA"}, "state.unreadable"),
    ],
)
def test_what_cannot_be_shown_is_one_sentence(
    library: Library, changes: dict[str, object], code: str
) -> None:
    changes = {"model": FACES} | changes
    stage = seen(style.show_stage, library, State(), **changes)
    assert stage.startswith('<p class="problem"')
    assert said(stage)[0][0] == f"error.{code}"
    assert [list(answer) for answer in told(style.parcel, library, State(), **changes)] == [["problem"]]


def test_the_tab_is_for_those_who_map_and_synthesise(library: Library) -> None:
    assert [model.id for model in library.catalog.models if style.shows(model)] == [PLAIN, FACES, DIGITS]


def test_the_heat_has_a_colour_for_nothing_and_one_for_most() -> None:
    heat = style.heat_picture(np.array([[0.0, 0.5, 1.0]], np.float32))
    ends = paper.as_image(heat)[0, [0, 2]]
    assert ["#" + bytes(end).hex() for end in ends] == [style.HEAT[0], style.HEAT[-1]]
    tones = style.heat_picture(np.linspace(0, 1, 50, dtype=np.float32)[None]) * [[[0.3]], [[0.59]], [[0.11]]]
    assert (np.diff(tones.sum(axis=0)) > 0).all()  # the more, the brighter: readable without colours


# ------------------------------------------------------------------------------------------- plain address


def avatars(library: Library) -> FastAPI:
    web, names = FastAPI(), ("model", "seed", "label", "psi")
    web.get("/avatar.png")(plain.Pictures(library).answer(plain.avatar, "avatar.png", *names))
    return web


@pytest.fixture(scope="module")
def client(library: Library) -> TestClient:
    return TestClient(avatars(library))


def test_an_avatar_has_an_address(client: TestClient, library: Library) -> None:
    answer = client.get("/avatar.png?seed=5&psi=0.4")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "image/png"
    assert "max-age" in answer.headers["cache-control"]
    found = np.asarray(Image.open(io.BytesIO(answer.content)))
    expected = styles.portrait(library, library.model(FACES), 5, Look(psi=0.4))
    np.testing.assert_array_equal(found, paper.as_image(expected))
    again = client.get("/avatar.png?seed=5&psi=0.4", headers={"if-none-match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    digit = client.get(f"/avatar.png?seed=5&model={DIGITS}&label=3").content
    assert Image.open(io.BytesIO(digit)).size == (32, 32)
    assert digit != client.get(f"/avatar.png?seed=5&model={DIGITS}&label=4").content


def test_the_link_of_the_page_leads_to_the_picture_of_the_page(client: TestClient, library: Library) -> None:
    markup = style.show_stage(library, State(model=DIGITS, seed=12, psi=1.2, label=6))
    found = re.search(r'href="(avatar\.png\?[^"]*)"', markup)
    assert found is not None
    linked = np.asarray(Image.open(io.BytesIO(client.get("/" + html.unescape(found[1])).content)))
    shown = re.search(r'src="data:image/png;base64,([^"]*)"', markup)
    assert shown is not None
    ink = np.asarray(Image.open(io.BytesIO(base64.b64decode(shown[1]))))[..., 1]
    np.testing.assert_array_equal(linked, ink)


@pytest.mark.parametrize(
    "query",
    [
        "seed=-1",
        "seed=x",
        "seed=nan",
        "psi=3",
        "psi=",
        "psi=inf",
        "label=10",
        "model=gan",
        "model=x",
        "size=9",
    ],
)
def test_a_wrong_address_is_one_sentence(client: TestClient, query: str) -> None:
    answer = client.get(f"/avatar.png?{query}")
    assert answer.status_code == 400
    sentence = answer.json()["detail"]
    assert sentence.endswith(".")
    assert len(sentence) < 300


def test_where_nobody_paints_there_is_no_avatar(tmp_path: Path) -> None:
    web = avatars(Library.open([tiny.write_models(tmp_path / "models")], "cpu"))
    assert TestClient(web).get("/avatar.png").status_code == 404


# ----------------------------------------------------------------------------------------------------- API


def test_other_programs_paint_too(directory: Path, library: Library, tmp_path: Path) -> None:
    """Over HTTP as they do. Catches arguments that are lost or mixed up, and refusals without a sentence."""
    model = library.model(FACES)
    with serving.page(tmp_path, [directory]) as page:
        client = Client(page.url, verbose=False, httpx_kwargs={"timeout": 120})
        known = {direction.id: direction for direction in styles.sliders(library, model)}

        def asked(**arguments: Any) -> Any:
            return client.predict(model=FACES, api_name="/stylegan", **arguments)

        for arguments, expected in (
            ({}, styles.portrait(library, model, 0, Look())),
            (
                {"seed": 4, "psi": 1, "cutoff": 5, "noise_seed": None},
                styles.portrait(library, model, 4, Look(1.0, 5, -1, None)),
            ),
            (
                {"seed": 4, "mix_seed": 8, "mix_layers": "4-7", "noise_seed": 2},
                styles.crossing(library, model, 4, 8, range(4, 8), Look(noise_seed=2)),
            ),
            (
                {"seed": 4, "directions": {"glasses-any": None, "factor-fine-2": -1.5}},
                styles.portrait(
                    library, model, 4, Look(), [(known["glasses-any"], 2.0), (known["factor-fine-2"], -1.5)]
                ),
            ),
        ):
            answer = asked(**arguments)
            assert answer == {"model": FACES, "image": paper.to_data_uri(paper.as_image(expected))}
            written = asked(**arguments, recipe=True)["recipe"]
            assert client.predict(recipe=written, api_name="/cook")["images"] == [answer["image"]]
        for arguments, words in (
            ({"cutoff": 11}, "cutoff must be a whole number from 0 to 10, got 11"),
            ({"psi": 9}, "psi must be a number from -2 to 2, got 9"),
            ({"mix_seed": 1, "mix_layers": "all"}, "numbers from 0 to 9"),
            ({"noise_seed": -1}, "seed must be a whole number"),
            ({"directions": {"wings": 1}}, "has none called 'wings'; it has: glasses-any"),
            ({"directions": ["glasses-any"]}, "Directions are an object of strengths"),
            ({"directions": {"glasses-any": 99}}, "directions.glasses-any must be a number from -30 to 30"),
        ):
            with pytest.raises(AppError, match=words):
                asked(**arguments)

        swept = client.predict(model=FACES, seed=3, steps=4, noise_seed=1, api_name="/truncation_sweep")
        psi = np.linspace(-1, 1, 5, dtype=np.float32)
        ws = styles.sweep(library, model, 3, Look(noise_seed=1), psi)
        expected = styles.paint(library, model, ws, Look(noise_seed=1))
        uris = [paper.to_data_uri(paper.as_image(one)) for one in expected]
        assert swept == {"model": FACES, "psi": [-1, -0.5, 0, 0.5, 1], "images": uris}
        assert len(client.predict(model=FACES, api_name="/truncation_sweep")["images"]) == 21
        for arguments, words in (
            ({"steps": 1}, "steps must be a whole number from 2 to 60, got 1"),
            ({"last": 3}, "last must be a number from -2 to 2, got 3"),
            ({"cutoff": -1}, "cutoff must be a whole number from 0 to 10"),
        ):
            with pytest.raises(AppError, match=words):
                client.predict(model=FACES, api_name="/truncation_sweep", **arguments)

        # What a program does that wants to know whether a push does what it says.
        agreed = 0
        for seed in range(20):
            pushed = asked(seed=seed, psi=1, directions={"glasses-any": None})["image"]
            answer = client.predict(model=JUDGE, image=pushed, api_name="/classify")
            assert set(answer["attributes"]) == set(tiny.QUESTIONS)
            glasses = answer["attributes"]["glasses"]
            assert sum(glasses["probabilities"].values()) == pytest.approx(1)
            agreed += glasses["value"] != "none"
        assert agreed >= 18
