"""One z, many GANs, without a browser: who hangs on the wall, what the judge reads, what goes wrong where."""

from __future__ import annotations

import base64
import html
import io
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from PIL import Image
from scipy.spatial.distance import pdist

from demo.engine import inference, limits, wall
from demo.engine.library import Library
from demo.panels.onez import panel as one_z
from demo.panels.onez import scene
from demo.panels.onez.panel import State
from onnx_models import seeds
from onnx_models.errors import LineageError
from onnx_models.runtime import Runtime
from tests import tiny
from tests.demo.asking import seen, told
from tests.demo.test_panels import said


def obedient(count: int = tiny.CLASSES) -> dict[str, onnx.ModelProto]:
    """A generator of the prototype of the class asked for, shaded by z; of class 0 where none is asked."""
    prototypes = tiny.prototypes()[:count]
    weights = {
        "table": np.concatenate([prototypes[:1], prototypes]),
        "weight": np.random.default_rng(8).normal(0, 0.01, (tiny.LATENT, tiny.PIXELS)),
        "one": np.array(1),
        "picture": np.array([-1, 1, 28, 28]),
        "low": np.array(0.0),
        "high": np.array(1.0),
    }
    nodes: list[tiny.Node] = [
        ("Add", "label one", "row", {}),
        ("Gather", "table row", "shape", {}),
        ("MatMul", "z weight", "shade", {}),
        ("Add", "shape shade", "raw", {}),
        ("Clip", "raw low high", "pixels", {}),
        ("Reshape", "pixels picture", "image", {}),
    ]
    inputs: dict[str, tiny.Shape] = {"z": ("batch", tiny.LATENT), "label": ("batch",)}
    return {"generate": tiny.graph(nodes, inputs, {"image": tiny.IMAGE}, weights)}


def write(directory: Path) -> Path:
    """Tiny models whose judge knows its data: GANs that obey, cannot be asked, and have collapsed."""
    tiny.write_models(directory)
    judge = tiny.classifier(tiny.prototypes())
    tiny.write_model(directory, "a_judge", judge, kind="judge", year=2020, family="classifier")
    tiny.write_model(directory, "asked", obedient(), year=2016)
    collapsed = tiny.gan(seed=41, contrast=0.0)
    tiny.write_model(directory, "stuck", {"generate": collapsed["generate"]}, kind="exhibit", year=2015)
    return directory


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Library:
    return Library.open([write(tmp_path_factory.mktemp("wall") / "models")], "cpu")


def ink(uri: str) -> NDArray[np.uint8]:
    """The last channel of a data URI's picture: uint8 [height, width]."""
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2]))))[..., -1]


def card(markup: str, name: str) -> str:
    """One article of the wall."""
    return re.findall(rf'<article[^>]*data-card="{name}".*?</article>', markup, re.DOTALL)[0]


def reading(markup: str, name: str) -> dict[str, dict[str, Any]]:
    """What is said under one card: the values of each message."""
    part = re.findall(rf'data-read="{name}".*?(?=data-read=|$)', markup, re.DOTALL)[0]
    return {message_id: (values or [{}])[0] for message_id, *values in said(part)}


# ------------------------------------------------------------------------------------------------ the wall


def test_cards_hang_by_year_between_the_noise_and_the_real_ones(library: Library) -> None:
    markup = one_z.show_wall(library, State("mnist"))
    names = ["z", "gan", "stuck", "asked", "real"]  # 2014, 2015 (an exhibit), 2016
    assert re.findall(r'data-card="(\w+)"', markup) == names
    assert re.findall(r'data-glass="(\w+)"', markup) == names
    assert re.findall(r'data-slot="(\w+)"', markup) == names[1:]
    figures = one_z.show_readings(library, State("mnist"))
    assert re.findall(r'data-read="(\w+)"', figures) == names[1:]


def test_a_place_is_the_same_z_on_every_card(library: Library) -> None:
    # Catches z drawn anew for each model, and a sheet that is laid out column by column.
    markup = one_z.show_wall(library, State("mnist", seed=11, label=3))
    z = seeds.normals(11, wall.SHOWN, tiny.LATENT)
    for name in ("gan", "stuck", "asked"):
        sheet = ink(re.findall(r'src="([^"]*)"', card(markup, name))[0])
        assert sheet.shape == (4 * 30, 4 * 30)
        for place in (0, 1, 6, 15):
            alone = inference.generate(library, name, z[place : place + 1], 3).images[0]
            row, column = divmod(place, 4)
            shown = sheet[30 * row + 1 : 30 * row + 29, 30 * column + 1 : 30 * column + 29]
            np.testing.assert_allclose(shown / 255, alone[0], atol=0.5 / 255 + 1e-4)


def test_the_noise_is_drawn_darkest_where_it_is_highest() -> None:
    z = np.zeros((2, 100), np.float32)
    z[0, 0], z[0, 99] = 3, -3
    first, second = scene.noise_picture(z, 28)[:, 0]
    assert first[4:6, 4:6].min() > 0.98  # ten dots of two pixels in the middle of 28
    assert first[22:24, 22:24].max() < 0.02
    assert second[4:24, 4:24] == pytest.approx(0.5)
    assert not second[:4].any()
    assert scene.noise_picture(seeds.normals(1, 3, 128), 32).shape == (3, 1, 32, 32)


def test_only_who_takes_a_label_is_asked(library: Library) -> None:
    asked = one_z.show_wall(library, State("mnist", label=7))
    deaf = {name for name in ("gan", "stuck", "asked") if "onez.deaf" in card(asked, name)}
    assert deaf == {"gan", "stuck"}
    assert "onez.deaf" not in one_z.show_wall(library, State("mnist"))
    assert "data-asks" in asked
    real = inference.real(library, "mnist", 7, wall.SHOWN, 7)
    assert set(real.labels) == {7}
    sheet = ink(re.findall(r'src="([^"]*)"', card(asked, "real"))[0])
    np.testing.assert_allclose(sheet[1:29, 1:29] / 255, real.images[0, 0], atol=1e-6)


def test_where_nobody_can_be_asked_nobody_is(tmp_path: Path) -> None:
    tiny.write_models(tmp_path)
    found = Library.open([tmp_path], "cpu")
    wished, free = State("mnist", label=7), State("mnist")
    assert one_z.show_wall(found, wished) == one_z.show_wall(found, free)
    assert one_z.show_readings(found, wished) == one_z.show_readings(found, free)
    assert one_z.parcel(found, wished) == one_z.parcel(found, free)
    assert "data-asks" not in one_z.show_wall(found, wished)


def test_colours_keep_their_tones_and_the_gaps_are_clear() -> None:
    pictures = np.zeros((2, 3, 5, 5), np.float32)
    pictures[1, 0] = 1
    sheet = one_z.sprites.mosaic(pictures, columns=2, rows=2)
    assert sheet.shape == (4, 14, 14)
    assert sheet[:, 3, 10].tolist() == [1, 0, 0, 1]
    assert sheet[:, 3, 3].tolist() == [0, 0, 0, 1]
    assert sheet[3, 0].max() == sheet[3, 7:].max() == 0


# ----------------------------------------------------------------------------------------------- the figures


def test_agreement_counts_what_the_judge_reads(library: Library) -> None:
    figures = one_z.show_readings(library, State("mnist", label=7))
    values = reading(figures, "asked")
    assert values["onez.agreement"] == {"label": ["dataset.mnist.class.7", {}, "7"]}
    assert values["onez.of"] == {"count": 64, "of": 64}
    made = inference.sample(library, "gan", 7, 64).images
    read = inference.classify(library, "a_judge", made).labels
    values = reading(figures, "gan")
    assert values["onez.of"] == {"count": int((read == 7).sum()), "of": 64}
    sent = json.loads(html.unescape(re.findall(r'data-read="gan" data-reads="([^"]*)"', figures)[0]))
    assert sent == read[: wall.SHOWN].tolist()


def test_diversity_is_the_evaluations(library: Library) -> None:
    """Held against scipy: catches a ratio upside down, the wrong features, pairs with themselves."""
    features = {
        label: inference.classify(
            library,
            "a_judge",
            inference.real(library, "mnist", wall._ELSEWHERE, 64, label, training=True).images,
        ).features
        for label in (-1, 7)
    }
    figures = one_z.show_readings(library, State("mnist", label=7))
    for name, against in (("asked", 7), ("gan", -1)):  # who cannot be asked makes pictures of all classes
        made = inference.sample(library, name, 7, 64, 7).images
        seen = inference.classify(library, "a_judge", made).features
        expected = pdist(seen).mean() / pdist(features[against]).mean()
        values = reading(figures, name)
        assert values["figure.probability"]["value"] == pytest.approx(expected, rel=1e-4)
    stuck = reading(figures, "stuck")
    assert stuck["figure.probability"]["value"] == pytest.approx(0, abs=1e-3)


def test_the_yardstick_is_measured_once(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = wall.of(library, "mnist")
    first = shown.yardstick(library, -1)
    monkeypatch.setattr(inference, "classify", None)
    assert shown.yardstick(library, -1) == first > 0


def test_unasked_the_classes_that_were_found_are_counted(library: Library) -> None:
    figures = one_z.show_readings(library, State("mnist"))
    values = reading(figures, "stuck")
    assert values["onez.of"] == {"count": 1, "of": 10}
    values = reading(figures, "real")
    assert values["onez.of"] == {"count": 10, "of": 10}
    assert values["figure.probability"]["value"] == pytest.approx(1, abs=0.1)  # other real pictures


def test_real_pictures_are_measured_like_the_others_but_not_against_themselves(library: Library) -> None:
    shown = wall.of(library, "mnist")
    real = shown.real(library, 7, 3, wall.JUDGED)
    assert len(real) == 5  # all threes among the 50 examples
    read = shown.read(library, real, shown.yardstick(library, 3))
    assert read.counts.sum() == 5
    assert read.diversity is not None
    assert read.diversity != pytest.approx(1, abs=1e-6)
    assert shown.read(library, real[:1], 1.0).diversity is None  # one picture has no pairs


def test_pictures_and_figures_name_what_they_belong_to(library: Library) -> None:
    # The browser keeps figures faint until both are of one state.
    state = State("mnist", seed=5, label=2, pick=9)
    for markup in (one_z.show_wall(library, state), one_z.show_readings(library, state)):
        assert re.findall(r'data-of="([^"]*)"', markup) == ["mnist 5 2"]


# ------------------------------------------------------------------------------------------------- data sets


def test_a_data_set_has_a_wall_when_it_has_a_judge_and_real_pictures(tmp_path: Path) -> None:
    directory = write(tmp_path / "models")
    tiny.write_model(directory, "coat", tiny.gan(seed=51), dataset="fashion-mnist")
    tiny.write_model(directory, "shoe", obedient(), dataset="fashion-mnist")
    assert wall.datasets(Library.open([directory], "cpu")) == ("mnist",)
    tiny.write_dataset(directory, "fashion-mnist")
    assert wall.datasets(Library.open([directory], "cpu")) == ("mnist",)
    tiny.write_model(directory, "critic_of_coats", tiny.classifier(), kind="judge", dataset="fashion-mnist")
    library = Library.open([directory], "cpu")
    assert wall.datasets(library) == ("mnist", "fashion-mnist")
    fashion = wall.of(library, "fashion-mnist")
    assert fashion.judge.id == "critic_of_coats"
    assert [model.id for model in fashion.generators] == ["coat", "shoe"]


def test_the_judge_is_the_evaluations(library: Library) -> None:
    # Two judges of MNIST are here; figures of the page and of `metrics.json` must come from the same one.
    assert wall.of(library, "mnist").judge.id == "a_judge"  # the first by id, though classifier_cnn is older
    assert library.catalog.judge("mnist", {"channels": 3, "height": 28, "width": 28}) is None


# ---------------------------------------------------------------------------------------------------- faults


@pytest.mark.parametrize(
    ("state", "code"),
    [
        (State("mnist", label=10), "argument.range"),
        (State("mnist", label=-2), "argument.range"),
        (State("mnist", seed=2**32), "seed.range"),
        (State("mnist", seed=-1), "seed.range"),
        (State("imagenet"), "dataset.unknown"),
    ],
)
def test_what_cannot_be_asked_is_one_sentence(library: Library, state: State, code: str) -> None:
    messages = said(seen(one_z.show_wall, library, state))
    assert [message[0] for message in messages] == [f"error.{code}"]
    assert one_z.show_readings(library, state) == ""  # the wall has said it
    assert [list(answer) for answer in told(one_z.parcel, library, state)] == [["problem"]]


def test_a_data_set_without_a_wall_says_which_ones_have_one(tmp_path: Path) -> None:
    directory = write(tmp_path / "models")
    tiny.write_dataset(directory, "kuzushiji")
    with pytest.raises(LineageError, match=r"kuzushiji.*: mnist") as raised:
        wall.of(Library.open([directory], "cpu"), "kuzushiji")
    assert raised.value.code == "wall.dataset"


def test_a_model_that_fails_says_so_in_its_card_and_the_others_stay(tmp_path: Path) -> None:
    directory = write(tmp_path / "models")
    path = directory / "gan" / "generate.onnx"
    path.write_bytes(path.read_bytes() + b"\n")
    library = Library.open([directory], "cpu")
    state = State("mnist", label=1)
    markup = one_z.show_wall(library, state)
    broken = card(markup, "gan")
    assert [message[0] for message in said(broken)].count("error.file.sha256") == 1
    assert "<img" not in broken
    assert 'data-slot="gan"' not in markup  # no place for figures of what is not there
    assert all("<img" in card(markup, name) for name in ("stuck", "asked", "real"))
    assert "onez.of" in reading(one_z.show_readings(library, state), "asked")
    assert one_z.parcel(library, state).href.startswith("data:image/png")


def test_a_fault_while_a_graph_runs_is_a_sentence_too(tmp_path: Path) -> None:
    """Catches onnxruntime's own exception, which no panel expects, taking the whole wall down."""
    folder = tmp_path / "models"
    # The file keeps its promise in words only: its table has two classes, so class 7 lies outside.
    tiny.write_model(write(folder), "short", obedient(2), year=2018)
    library = Library.open([folder], "cpu")
    with pytest.raises(LineageError) as raised:
        inference.sample(library, "short", 1, 1, label=7)
    assert raised.value.code == "file.failed"
    markup = one_z.show_wall(library, State("mnist", label=7))
    assert "error.file.failed" in card(markup, "short")
    assert "<img" in card(markup, "asked")
    assert "<img" in card(one_z.show_wall(library, State("mnist", label=1)), "short")


def test_a_judge_that_fails_leaves_the_pictures(tmp_path: Path) -> None:
    directory = write(tmp_path / "models")
    (directory / "a_judge" / "classify.onnx").unlink()
    library = Library.open([directory], "cpu")
    assert one_z.show_wall(library, State("mnist")).count("<img") == 5
    messages = said(seen(one_z.show_readings, library, State("mnist")))
    assert [message[0] for message in messages] == ["error.file.missing"]


def test_an_empty_wall_is_a_sentence(tmp_path: Path) -> None:
    library = Library.open([tiny.write_models(tmp_path / "models")], "cpu")
    assert wall.datasets(library) == ("mnist",)
    nobody = tmp_path / "nobody"
    tiny.write_model(nobody, "gan", tiny.gan())
    assert wall.datasets(Library.open([nobody], "cpu")) == ()


# ------------------------------------------------------------------------------------------------------ file


def test_the_wall_can_be_kept(library: Library) -> None:
    sent = one_z.parcel(library, State("mnist", seed=9, label=7))
    assert sent.name == "one-z-mnist-seed-9-asked-7.png"
    with Image.open(io.BytesIO(base64.b64decode(sent.href.partition(",")[2]))) as file:
        sheet = np.asarray(file)
    assert sheet.shape == (32 + 360 + 56 + 32, 32 + 4 * (360 + 32), 3)  # gan, stuck, asked, real in one row
    assert (sheet[:32] == 255).all()
    # The first picture of the second card, at three times its size, black on white.
    made = inference.sample(library, "stuck", 9, 1).images[0, 0]
    left, top = 32 + 392 + 3, 32 + 56 + 3
    shown = sheet[top : top + 84, left : left + 84, 0].reshape(28, 3, 28, 3)[:, 1, :, 1]
    np.testing.assert_allclose(shown / 255, 1 - made, atol=1 / 255)


def test_the_limit_of_pictures_is_that_of_the_table() -> None:
    assert limits.COUNT.highest == wall.JUDGED
    assert wall.SHOWN <= wall.JUDGED


def test_the_runtime_is_not_hurt_by_a_failed_run(tmp_path: Path) -> None:
    tiny.write_model(tmp_path, "short", obedient(2))
    library = Library.open([tmp_path], "cpu")
    assert isinstance(library.runtime, Runtime)
    with pytest.raises(LineageError):
        inference.sample(library, "short", 1, 1, label=9)
    assert inference.sample(library, "short", 1, 2, label=1).images.shape == (2, 1, 28, 28)
