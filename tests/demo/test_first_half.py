"""The panels between the RBM and the GAN, without a browser: verdicts, the movie, the map."""

from __future__ import annotations

import base64
import html
import io
import itertools
import json
import re
import threading
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import uvicorn
from numpy.typing import NDArray
from PIL import Image

from demo import app, server
from demo.engine import examples, inference, judging
from demo.engine.library import Library
from demo.kit import answers, sprites, verdict
from demo.kit.state import pack
from demo.kit.turns import Turns
from demo.panels.draw import panel as draw
from demo.panels.draw import scene as scene_of_draw
from demo.panels.map import panel as code_map
from demo.panels.map import scene
from demo.panels.movie import panel as movie
from onnx_models import seeds
from onnx_models.catalog import Graph
from onnx_models.errors import LineageError
from onnx_models.runtime import Runtime
from onnx_models.seeds import Stream
from tests import tiny
from tests.demo.asking import seen, told
from tests.serving import PATIENCE

Bytes = NDArray[np.uint8]


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Library:
    return Library.open([tiny.write_first_half(tmp_path_factory.mktemp("half") / "models")], "cpu")


def picture(library: Library, position: int = 3) -> NDArray[np.float32]:
    return examples.example(library, position)


def ink(uri: str) -> Bytes:
    """The ink of a sheet, 0 to 255."""
    image = Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2])))
    return np.asarray(image.convert("RGBA"))[..., 3]


def faults(markup: str) -> list[str]:
    """The ids of the errors that a piece of markup says."""
    said = [json.loads(html.unescape(text)) for text in re.findall(r'data-say="([^"]*)"', markup)]
    return [message[0] for words in said for message in words.values() if message[0].startswith("error.")]


# ------------------------------------------------------------------------------- chains above other layers


def test_a_stack_starts_from_the_code_and_comes_down_to_the_pixels(library: Library) -> None:
    """Catches pixels fed to the top layer, a layer left out, and a start that is not what was drawn."""
    (start,) = inference.gibbs_steps(library, "dbn", picture(library), steps=0, seed=1)
    code = inference.encode(library, "dbn", picture(library)[None])
    assert [layer.name for layer in start.layers] == ["hidden_1", "visible", "hidden"]
    np.testing.assert_allclose(start.layers[1].values, code, atol=1e-6)
    np.testing.assert_allclose(start.visible_mean, inference.decode(library, "dbn", code), atol=1e-6)


def test_each_chain_holds_its_own_class_and_a_free_one_draws_its_own(library: Library) -> None:
    """Catches one label for all chains, labels in another order, and -1 taken for a class."""
    *_, last = inference.gibbs_steps(library, "dbn", None, 3, 1, label=range(10), chains=10)
    np.testing.assert_array_equal(last.label_mean, np.eye(10))
    *_, free = inference.gibbs_steps(library, "dbn", None, 3, 1, label=-1, chains=10)
    assert free.label_mean is not None
    np.testing.assert_allclose(free.label_mean.sum(axis=1), 1, atol=1e-5)  # float32 softmax
    assert (free.label_mean.max(axis=1) < 1).any()


def test_the_same_noise_drives_a_stack_as_an_rbm(library: Library) -> None:
    """Catches noise of another stream or step: h < hidden_noise, by the graph's own mean."""
    first, second = inference.gibbs_steps(library, "dbn", None, 1, 5, label=4, chains=2)
    graph = library.model("dbn").graphs["gibbs_step"]
    noise = {
        "hidden_noise": seeds.uniforms(5, 2, 9, Stream.HIDDEN, step=0),
        "visible_noise": seeds.uniforms(5, 2, 16, Stream.VISIBLE, step=0),
        "label_noise": seeds.uniforms(5, 2, 1, Stream.LABEL, step=0),
    }
    visible = first.layers[1].values
    np.testing.assert_array_equal(visible, seeds.uniforms(5, 2, 16, Stream.BINARY) < 0.5)
    result = library.runtime.run(graph, {"visible": visible, "label": np.array([4, 4])} | noise)
    np.testing.assert_array_equal(first.layers[2].values, noise["hidden_noise"] < result["hidden_mean"])
    np.testing.assert_array_equal(second.layers[1].values, noise["visible_noise"] < result["visible_mean"])


def test_a_stack_has_no_free_energy_of_pixels_to_show(library: Library) -> None:
    """Catches the top layers' free energy being shown as the picture's own."""
    answers = {answer.model_id: answer for answer in inference.reconstruct(library, picture(library)).answers}
    assert answers["dbn"].error is None
    assert answers["dbn"].free_energy is None
    assert answers["rbm"].free_energy is not None


def test_a_stack_that_cannot_come_down_says_which_graph_is_missing(tmp_path: Path) -> None:
    """Catches a crash at the first step where a sentence before it would do."""
    graphs = tiny.dbn()
    del graphs["decode"]
    tiny.write_model(tmp_path, "mute", graphs, family="dbn")
    with pytest.raises(LineageError, match="mute ships no graph for decode"):
        inference.gibbs_steps(Library.open([tmp_path], "cpu"), "mute", None, 1, 0)


# ------------------------------------------------------------------------------------------------- verdicts


def test_ten_bars_are_the_probabilities_and_the_tallest_is_named(library: Library) -> None:
    """Catches logits drawn as probabilities, bars in another order, and a label that is not the likeliest."""
    markup = verdict.show(judging.read(library, [library.model("dbn")], picture(library)), "draw")
    parts = [float(part) for part in re.findall(r"--part:([\d.]+)", markup)]
    expected = inference.classify(library, "dbn", picture(library)[None])
    np.testing.assert_allclose(parts, expected.probabilities[0], atol=5e-4)  # written with three decimals
    assert re.findall(r'class="numeral">(\d)<', markup) == [str(expected.labels[0])]


def test_only_those_who_know_digits_say_which_and_rebuild(library: Library, tmp_path: Path) -> None:
    """Catches a network of clothes asked about digits, and a verdict left out since its model rebuilds."""
    clothes = {"kind": "judge", "dataset": "fashion_mnist"}
    tiny.write_model(tmp_path, "clothes", tiny.classifier(), **clothes)
    tiny.write_model(
        tmp_path, "wardrobe", tiny.autoencoder(seed=5), family="wardrobe", dataset="fashion_mnist"
    )
    both = Library.open([library.catalog.models[0].folder.parent, tmp_path], "cpu")
    answers = draw.show_answers(both, draw.State())
    assert re.findall(r'data-card="(\w+)"', answers) == ["rbm", "autoencoder", "dbn", "vae"]
    verdicts = re.findall(r'data-verdict="(\w+)"', answers)
    assert verdicts == ["classifier_cnn", "classifier_mlp", "dbn"]


def test_a_broken_judge_says_why_and_the_others_say_which_digit(tmp_path: Path) -> None:
    """Catches one damaged file that takes the whole table with it."""
    directory = tiny.write_first_half(tmp_path / "models")
    (directory / "classifier_cnn" / "classify.onnx").write_bytes(b"broken")
    answers = draw.show_answers(Library.open([directory], "cpu"), draw.State())
    assert faults(answers) == ["error.file.sha256"]
    assert len(re.findall('class="numeral"', answers)) == 2


def test_who_can_answer_stands_by_year_family_and_size_of_code(library: Library, tmp_path: Path) -> None:
    """Catches presets scattered between the families, a code of 10 before one of 30 for its title's sake."""
    for size in (2, 5, 10):
        graphs = tiny.autoencoder(code=size + 3, seed=size)
        tiny.write_model(tmp_path, f"preset_{size}", graphs, kind="exhibit", year=2006, family="autoencoder")
    tiny.write_model(tmp_path, "denoising", tiny.autoencoder(seed=6), year=2008, family="autoencoder")
    more = Library.open([library.catalog.models[0].folder.parent, tmp_path], "cpu")
    assert [model.id for model in scene_of_draw.networks(more)] == [
        "rbm",
        "preset_10",
        "preset_5",
        "preset_2",
        "autoencoder",
        "autoencoder_2",
        "dbn",
        "denoising",
        "vae",
        "vae_2",
        "pca",
        "rbm_untrained",
    ]
    # The youngest of a family waits to be asked, be it a model of its own.
    cards = re.findall(r'data-card="(\w+)"', draw.show_answers(more, draw.State()))
    assert cards == ["rbm", "autoencoder", "dbn", "vae"]
    asked = draw.State(models="vae_2,denoising,vae_2")
    assert re.findall(r'data-card="(\w+)"', draw.show_answers(more, asked)) == ["denoising", "vae_2"]


# ---------------------------------------------------------------------------------------------------- movie


def log(library: Library, state: movie.State) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    head, *rest = (answer["data"] for answer in told(movie.stream, library, state))
    return head, rest


def test_every_frame_is_sent_once_and_is_the_chain(library: Library) -> None:
    """Catches frames lost between two pieces, chains and steps turned round, energies of other steps."""
    state = movie.State(model="dbn", steps=47)
    head, parts = log(library, state)
    assert (head["steps"], head["end"]) == (47, 47)
    assert [(part["first"], part["count"]) for part in parts] == [(0, 20), (20, 20), (40, 8)]
    chain = inference.gibbs(library, "dbn", None, 47, state.seed, range(10), 10)
    frames = np.concatenate(
        [ink(part["sheets"][0]).reshape(10, 28, part["count"], 28) for part in parts], axis=2
    )
    expected = chain.visible_means[:, :, 0].transpose(1, 2, 0, 3) * 255
    assert np.abs(frames - expected).max() <= 255 / 30 + 1  # half of one of sixteen depths, and a rounding
    energy = np.concatenate([part["energy"] for part in parts])
    np.testing.assert_allclose(energy, chain.free_energy, atol=0.051)  # written with one decimal
    # One sheet for each canvas of the stage, of the canvas's size.
    sizes = re.findall(r'width="(\d+)" height="(\d+)"[^>]*data-layer', head["stage"])
    assert len(sizes) == len(parts[0]["sheets"]) == 5
    for (width, height), sheet in zip(sizes, parts[0]["sheets"], strict=True):
        assert ink(sheet).shape == (10 * int(height), 20 * int(width))


def test_a_model_without_labels_dreams_freely(library: Library) -> None:
    """Catches a label shown on chains that hold none."""
    head, (part, *_) = log(library, movie.State(model="rbm", steps=5))
    assert len(part["sheets"]) == 2  # the pixels and the hidden units
    assert "movie.chain.held" not in head["stage"]


def test_the_chains_start_from_the_drawing(library: Library) -> None:
    """Catches a start from noise, or from the example where there is a drawing."""
    state = movie.State(model="rbm", start="drawing", steps=1, example=4)
    _, (part,) = log(library, state)
    first = ink(part["sheets"][0])[:28, :28]
    assert np.abs(first - picture(library, 4)[0] * 255).max() <= 255 / 30 + 1
    drawn = replace(state, drawing=sprites.ink_uri(picture(library, 8)))
    _, (part,) = log(library, drawn)
    assert np.abs(ink(part["sheets"][0])[:28, :28] - picture(library, 8)[0] * 255).max() <= 255 / 30 + 1


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"label": "10"}, "argument.range"),
        ({"label": "-2"}, "argument.range"),
        ({"label": "cat"}, "argument.range"),
        ({"steps": 301}, "argument.range"),
        ({"steps": 0}, "argument.range"),
        ({"model": "nobody"}, "model.unknown"),
        ({"model": "gan"}, "model.role"),
        ({"seed": -1}, "seed.range"),
        ({"start": "drawing", "drawing": "data:image/png;base64,AAAA"}, "image.unreadable"),
        ({"start": "drawing", "drawing": "/etc/hostname"}, "state.unreadable"),
        ({"start": "drawing", "example": 50}, "argument.range"),
        ({"steps": "many"}, "state.unreadable"),
    ],
)
def test_a_movie_that_cannot_be_made_is_one_sentence(
    library: Library, changes: dict[str, Any], code: str
) -> None:
    for make in (movie.stream, movie.parcel):
        assert faults(seen(make, library, movie.State(model="dbn"), **changes)) == [f"error.{code}"]


def test_the_file_to_keep_is_the_movie(library: Library) -> None:
    """Catches frames dropped as alike, a speed that browsers do not play, ink and paper turned round."""
    *waiting, last = told(movie.parcel, library, movie.State(model="dbn", label="3", steps=24))
    assert [one["progress"] for one in waiting] == [{"done": done, "steps": 24} for done in (0, 20)]
    parcel = last["file"]
    assert parcel["name"] == "dbn-3-seed-7.gif"
    chain = inference.gibbs(library, "dbn", None, 24, 7, 3, 10)
    with Image.open(io.BytesIO(base64.b64decode(parcel["href"].partition(",")[2]))) as file:
        assert file.n_frames == 25
        assert file.info["duration"] == 40
        assert file.info["loop"] == 0
        file.seek(24)
        sheet = np.asarray(file.convert("L"))
    side = 28 * movie.FILE_SCALE
    assert sheet.shape == (2 * side + 4 * movie.FILE_SCALE, 5 * side + 16 * movie.FILE_SCALE)
    shown = sheet[: side : movie.FILE_SCALE, : side : movie.FILE_SCALE]
    np.testing.assert_allclose(255.0 - shown, chain.visible_means[24, 0, 0] * 255, atol=1)


def test_asking_anew_ends_the_answer_before_and_nobody_elses() -> None:
    """Catches two movies computed for one visitor, and visitors remembered for ever."""
    turns = Turns()
    with turns.take("one") as first, turns.take("two") as other:
        with turns.take("one") as second:
            assert (first(), second(), other()) == (False, True, True)
        assert not first()
    assert len(turns) == 0


@contextmanager
def serving_here(library: Library) -> Iterator[str]:
    """A page served from this process, so that a test can see what it computes."""
    import asyncio

    async def built() -> Any:
        return server.application(library, app.build(library))

    config = uvicorn.Config(asyncio.run(built()), port=0, log_level="error", lifespan="on")
    running = uvicorn.Server(config)
    thread = threading.Thread(target=running.run, daemon=True)
    thread.start()
    while not running.started:
        assert thread.is_alive(), "the page did not start"
        thread.join(0.05)
    try:
        yield f"http://127.0.0.1:{running.servers[0].sockets[0].getsockname()[1]}/gradio_api"
    finally:
        running.should_exit = True
        thread.join(timeout=PATIENCE)


@pytest.mark.parametrize(
    ("event", "how"), [("input", "leaves"), ("input", "asks anew"), ("submit", "leaves")]
)
def test_a_movie_ends_when_its_visitor(
    library: Library, monkeypatch: pytest.MonkeyPatch, event: str, how: str
) -> None:
    """Catches a server that goes on computing what nobody will see, be it a movie or the file to keep.

    Here a movie has no end of its own, so that what ends it is the visitor, however late the server notices.
    """
    begun: dict[int, threading.Event] = {seed: threading.Event() for seed in (1, 2)}
    ended: dict[int, threading.Event] = {seed: threading.Event() for seed in (1, 2)}
    steps = inference.gibbs_steps

    def endless(*arguments: Any) -> Iterator[inference.Step]:
        seed = arguments[4]
        begun[seed].set()
        try:
            for step in itertools.cycle(steps(*arguments)):
                ended[seed].wait(0.01)  # a pace that a slow machine can follow
                yield step
        finally:
            ended[seed].set()

    with serving_here(library) as url:
        monkeypatch.setattr(inference, "gibbs_steps", endless)
        with urllib.request.urlopen(
            f"{url}/info".replace("/gradio_api/info", "/config"), timeout=PATIENCE
        ) as answer:
            config = json.loads(answer.read())
        (movies,) = (  # the pulse of the page may beat as often too, but asks for nothing
            each for each in config["dependencies"] if each["trigger_mode"] == "multiple" and each["inputs"]
        )
        desk = movies["targets"][0][0]
        (number,) = (each["id"] for each in config["dependencies"] if [desk, event] in each["targets"])

        def ask(seed: int) -> None:
            state = pack(movie.State(model="dbn", seed=seed))
            body = {"data": [state], "fn_index": number, "session_hash": "visitor"}
            request = urllib.request.Request(
                f"{url}/queue/join", json.dumps(body).encode(), {"Content-Type": "application/json"}
            )
            urllib.request.urlopen(request, timeout=PATIENCE).close()

        ask(1)
        with urllib.request.urlopen(f"{url}/queue/data?session_hash=visitor", timeout=PATIENCE) as events:
            while b"process_generating" not in events.readline():
                pass
            assert not ended[1].is_set()
            if how == "asks anew":
                ask(2)
                while b"process_completed" not in events.readline():  # of the movie that was given up
                    pass
                assert ended[1].wait(60)
                assert begun[2].wait(60)
                assert not ended[2].is_set()
        for seed in (1, 2):
            assert not begun[seed].is_set() or ended[seed].wait(60)
        monkeypatch.undo()


@pytest.mark.slow
def test_ten_chains_of_300_steps_are_so_much_work_and_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The budget of a movie, at the size of Hinton's network: 784-500-500-2000 with ten labels.

    One run of a graph for a step and all ten chains, one sheet for a piece and a canvas: 2.5 seconds of one
    core where it was made, of which onnxruntime has the most.
    """
    tiny.write_model(tmp_path, "dbn", tiny.dbn((500, 500, 2000)), family="dbn")
    library = Library.open([tmp_path], "cpu")
    state = movie.State(model="dbn")
    next(movie.stream(library, state))  # sessions are made once, when the page is built
    runs: list[str] = []
    made: list[int] = []
    run, sheet, opened = Runtime.run, sprites.sheet_uri, library.runtime._open

    def counting(self: Runtime, graph: Graph, inputs: Any, brief: bool = False) -> Any:
        runs.append(graph.path.stem)
        return run(self, graph, inputs, brief)

    def drawing(tiles: NDArray[np.float32], *levels: int) -> str:
        made.append(tiles.size)
        return sheet(tiles, *levels)

    def opening(graph: Graph) -> Any:
        runs.append("opened")
        return opened(graph)

    monkeypatch.setattr(Runtime, "run", counting)
    monkeypatch.setattr(sprites, "sheet_uri", drawing)
    monkeypatch.setattr(library.runtime, "_open", opening)
    log = "\n".join(answers.tell(lambda: movie.stream(library, state)))
    assert Counter(runs) == {"gibbs_step": 301, "decode": 301}
    shown = 784 + 500 + 500 + 2000 + 10  # pictures, layers, labels
    assert sum(made) <= 301 * movie.CHAINS * (shown + 520)  # the layer below the top has 510 units
    assert len(made) <= 6 * 16  # canvases, pieces
    # (2500 bits + 1284 values of four bits) of 3010 frames in base64, and a little: no sheet swells.
    assert len(log) < 3.3e6


# --------------------------------------------------------------------------------------------------- sheets


def test_a_sheet_keeps_every_tile_in_its_place() -> None:
    """Catches rows for columns and depths turned round: four bits, transparent where there is no ink."""
    tiles = np.zeros((2, 3, 4, 5), np.float32)
    tiles[1, 2, 3, 4] = 1.0
    tiles[0, 1, 0, 0] = 7 / 15
    sheet = ink(sprites.sheet_uri(tiles))
    assert sheet.shape == (8, 15)
    assert sheet[7, 14] == 255
    assert sheet[0, 5] == 119  # 255 * 7 / 15
    assert np.count_nonzero(sheet) == 2
    assert set(np.unique(ink(sprites.sheet_uri(tiles, 2)))) == {0, 255}


@pytest.mark.parametrize(
    ("units", "size"), [(784, (28, 28)), (500, (20, 25)), (2000, (40, 50)), (13, (1, 13))]
)
def test_units_fill_a_field_without_a_gap(units: int, size: tuple[int, int]) -> None:
    assert sprites.field(units) == size


# ------------------------------------------------------------------------------------------------------ map


def test_the_map_shows_models_of_two_numbers_only(library: Library) -> None:
    assert [model.id for model in library.catalog.models if code_map.shows(model)] == [
        "autoencoder_2",
        "vae_2",
    ]


def test_a_glyph_stands_where_its_digit_is_encoded_and_the_grid_is_what_is_decoded_there(
    library: Library,
) -> None:
    """Catches axes turned round or upside down: glyphs, decoded places and pointer share one plane."""
    model = library.model("vae_2")
    digits = library.examples("mnist")
    codes = inference.encode(library, "vae_2", digits.images / np.float32(255))
    window = scene.Window.around(codes)
    percent = window.percent(codes)
    inside = ((percent > 0) & (percent < 100)).all(axis=1)
    assert 0.9 <= inside.mean() < 1  # a few far out must not make a blot of all the others
    assert percent[codes[:, 0].argmax(), 0] == percent[:, 0].max()  # right is more
    assert percent[codes[:, 1].argmax(), 1] == percent[:, 1].min()  # up is more
    # The middle of cell (row 2, column 5) of 30, in percent, is the place that was decoded for it.
    places = window.places(30).reshape(30, 30, 2)
    np.testing.assert_allclose(
        window.percent(places[2, 5][None])[0], [5.5 / 30 * 100, 2.5 / 30 * 100], rtol=1e-4
    )
    markup = html.unescape(code_map.show_maps(library, (model,)))
    sheet = ink(re.findall(r'data-grid="([^"]*)"', markup)[0]).reshape(30, 28, 30, 28)
    expected = inference.decode(library, "vae_2", places[2, 5][None])[0, 0]
    assert np.abs(sheet[2, :, 5] - expected * 255).max() <= 255 / 30 + 1
    glyphs = re.findall(r'<text x="([-\d.]+)" y="([-\d.]+)" class="digit-(\d)">(\d)<', markup)
    assert len(glyphs) == len(digits)
    np.testing.assert_allclose([float(x) for x, *_ in glyphs], percent[:, 0], atol=0.01)
    assert [int(label) for *_, label in glyphs] == digits.labels.tolist()


def test_a_place_has_the_tint_of_the_digit_that_a_judge_reads_there(library: Library) -> None:
    """Catches tints in other rows or columns, and a tint where the judge is unsure."""
    model = library.model("vae_2")
    codes = inference.encode(library, "vae_2", library.examples("mnist").images / np.float32(255))
    pictures = inference.decode(library, "vae_2", scene.Window.around(codes).places(code_map.GRID))
    judged = [inference.classify(library, "classifier_cnn", pictures[k : k + 50]) for k in range(0, 900, 50)]
    sure = np.concatenate([answer.probabilities.max(axis=1) for answer in judged]) >= scene.SURE
    expected = np.where(sure, np.concatenate([answer.labels for answer in judged]), -1).reshape(30, 30)
    shown = np.full((30, 30), -1)
    rect = r'<rect x="(\d+)" y="(\d+)" width="(\d+)" height="1" class="digit-(\d)"'
    for x, y, width, label in re.findall(rect, code_map.show_maps(library, (model,))):
        shown[int(y), int(x) : int(x) + int(width)] = int(label)
    np.testing.assert_array_equal(shown, expected)
    assert len(np.unique(shown)) > 1


def test_maps_are_whole_without_a_judge(tmp_path: Path) -> None:
    """Catches a panel that dies with the judge, which only tints it."""
    directory = tiny.write_first_half(tmp_path / "models")
    for judge in ("classifier_cnn", "classifier_mlp"):
        (directory / judge / "classify.onnx").unlink()
    library = Library.open([directory], "cpu")
    markup = code_map.show_maps(library, (library.model("vae_2"),))
    assert faults(markup) == []
    assert "<rect" not in markup
    assert markup.count("<text") == 50


def test_the_pointer_starts_on_the_same_digit_of_every_map_inside_its_window(library: Library) -> None:
    """Catches a start beyond the edge, where nobody sees it."""
    models = tuple(library.model(model_id) for model_id in ("autoencoder_2", "vae_2"))
    images = library.examples("mnist").images / np.float32(255)
    found = []
    for model, start in scene.starts(library, models).items():
        codes = inference.encode(library, model, images)
        percent = scene.Window.around(codes).percent(np.array([start]))
        assert (percent > 0).all()
        assert (percent < 100).all()
        found.append(int(np.abs(codes - start).sum(axis=1).argmin()))
    assert found[0] == found[1]
    assert library.examples("mnist").labels[found[0]] == 2


def test_a_place_is_decoded_exactly(library: Library) -> None:
    (answer,) = told(code_map.point, library, code_map.State(), model="vae_2", x=0.25, y=-1)
    (point,) = answer["data"]["points"]
    expected = inference.decode(library, "vae_2", np.array([[0.25, -1.0]], np.float32))[0, 0]
    np.testing.assert_allclose(ink(point["picture"]), expected * 255, atol=1)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ('{"model": "nobody"}', "model.unknown"),
        ('{"model": "gan"}', "model.role"),
        ('{"model": "autoencoder"}', "input.shape"),
        ('{"model": "vae_2", "x": NaN}', "input.not_finite"),
        ('{"model": "vae_2", "x": "here"}', "state.unreadable"),
    ],
)
def test_a_place_that_cannot_be_decoded_is_one_sentence(library: Library, text: str, code: str) -> None:
    assert faults(seen(code_map.point, library, code_map.State(), **json.loads(text))) == [f"error.{code}"]


def test_a_broken_model_leaves_the_other_map_whole(tmp_path: Path) -> None:
    """Catches one damaged file that takes the whole panel with it."""
    directory = tiny.write_first_half(tmp_path / "models")
    (directory / "vae_2" / "decode.onnx").unlink()
    library = Library.open([directory], "cpu")
    models = tuple(library.model(model_id) for model_id in ("autoencoder_2", "vae_2"))
    markup = code_map.show_maps(library, models)
    assert re.findall(r'data-plane="(\w+)"', markup) == ["autoencoder_2"]
    assert faults(markup) == ["error.file.missing"]
