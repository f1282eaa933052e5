"""The time machine without a browser: replays from snapshots, curves, the axis of time, sheets, the film."""

from __future__ import annotations

import base64
import hashlib
import html
import io
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from PIL import Image

from demo import theme
from demo.engine import history, images, inference, wall
from demo.engine.history import Curve, Moment, Replay
from demo.engine.library import Library
from demo.kit import sprites
from demo.panels.time import panel as time_machine
from demo.panels.time import scene
from demo.panels.time.panel import COUNT, State
from demo.panels.time.scene import Axis
from onnx_models import runtime, seeds
from onnx_models.diversity import mean_pairwise_distance
from onnx_models.errors import LineageError
from tests import tiny
from tests.demo.asking import seen, told
from tests.demo.test_panels import PLACE, said

SEEN = {0: 0.0, 600: 0.1, 6000: 0.2}


def write_curve(
    folder: Path, images_seen: Sequence[int], losses: Mapping[str, Sequence[float | None]]
) -> None:
    """Give a written model a loss curve, as the export does."""
    write_file(folder, json.dumps({"images_seen": images_seen, "losses": losses}))


def write_file(folder: Path, text: str) -> None:
    content = text.encode()
    (folder / "loss_curve.json").write_bytes(content)
    digest = hashlib.sha256(content).hexdigest()
    entry = {"role": "loss_curve", "file": "loss_curve.json", "sha256": digest, "bytes": len(content)}
    tiny.edit(folder, files=[entry | {"licence": "Apache-2.0", "made_by": "the tests"}])


def snapshots(seed: int, seen: Mapping[int, float], **options: Any) -> dict[int, onnx.ModelProto]:
    return {k: tiny.gan(seed=seed, contrast=contrast, **options)["generate"] for k, contrast in seen.items()}


def colours() -> dict[str, onnx.ModelProto]:
    """A generator of 3 x 32 x 32."""
    draw = np.random.default_rng(5)
    weights = {"weight": draw.normal(0, 0.3, (tiny.LATENT, 3072)), "picture": np.array([-1, 3, 32, 32])}
    nodes: list[tiny.Node] = [
        ("MatMul", "z weight", "logits", {}),
        ("Sigmoid", "logits", "means", {}),
        ("Reshape", "means picture", "image", {}),
    ]
    shapes = {"z": ("batch", tiny.LATENT)}, {"image": ("batch", 3, 32, 32)}
    return {"generate": tiny.graph(nodes, *shapes, weights)}


def write_wall(directory: Path) -> Path:
    """The usual line-up; a collapsed one, one with a critic, one that takes labels, one of colours."""
    tiny.write_models(directory)
    rivals = {"discriminator": [1.2, 0.9, 0.7], "generator": [0.8, 1.5, 2.0], "real_probability": [0.5] * 3}
    write_curve(directory / "gan", [500, 1000, 6000], rivals)
    collapsed = tiny.gan(seed=41, contrast=0.0)
    wall: dict[str, Any] = {"kind": "exhibit", "snapshots": snapshots(41, {0: 0.5, 1200: 0.0, 9000: 0.0})}
    tiny.write_model(directory, "gan_collapsed", collapsed, **wall)
    critic = {"generate": tiny.gan(seed=42)["generate"], "criticise": tiny.critic(seed=42)}
    tiny.write_model(directory, "wgan_gp", critic, year=2017, snapshots=snapshots(42, {600: 0.1, 3000: 0.3}))
    write_curve(directory / "wgan_gp", [500, 3000], {"distance": [9.0, 3.0], "penalty": [0.1, 0.1]})
    labelled = snapshots(43, {0: 0.1, 600: 0.2}, conditional=True)
    tiny.write_model(
        directory,
        "cgan",
        tiny.gan(seed=43, conditional=True),
        year=2014,
        snapshots=labelled,
        colour="#2a6f97",
    )
    picture = colours()
    many = {0: picture["generate"], 700: picture["generate"]}
    folder = tiny.write_model(directory, "clouds", picture, year=2018, snapshots=many, dataset="cifar10")
    tiny.edit(folder, image={"channels": 3, "height": 32, "width": 32})
    return directory


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_wall(tmp_path_factory.mktemp("time") / "models")


@pytest.fixture(scope="module")
def library(directory: Path) -> Library:
    return Library.open([directory], "cpu")


# ---------------------------------------------------------------------------------------------- the replay


def test_the_same_z_goes_through_every_snapshot(library: Library, directory: Path) -> None:
    # In closed form. Catches another z at another moment, a mixed-up order, the shipped graph in all places.
    replay = history.replay(library, library.model("gan"), 11, [-1] * COUNT)
    assert [moment.images_seen for moment in replay.moments] == list(SEEN)
    assert replay.error is None
    z = seeds.normals(11, COUNT, tiny.LATENT)
    for moment in replay.moments:
        path = directory / "gan" / "snapshots" / f"{moment.images_seen}.onnx"
        weight, bias = (tiny.weight(path, name) for name in ("weight", "bias"))
        expected = 1 / (1 + np.exp(-(z @ weight + bias)))
        np.testing.assert_allclose(moment.images.reshape(COUNT, -1), expected, atol=1e-5)


def test_each_picture_gets_the_class_it_is_asked_for(library: Library) -> None:
    model = library.model("cgan")
    labels = time_machine._labels(model, State(label="each"))
    assert labels == [k % 10 for k in range(25)]  # rows of 0 to 4 and of 5 to 9
    assert set(time_machine._labels(model, State(label="free"))) == {-1}
    assert set(time_machine._labels(library.model("gan"), State(label="each"))) == {-1}  # it takes none
    asked = history.replay(library, model, 3, labels).moments[-1].images
    for k in (0, 7, 19):
        alone = history.replay(library, model, 3, [k % 10] * COUNT).moments[-1].images[k]
        np.testing.assert_allclose(asked[k], alone, atol=1e-6)
    free = history.replay(library, model, 3, [-1] * COUNT).moments[-1].images
    assert (np.abs(asked - free).max(axis=(1, 2, 3)) > 0.1).all()


def test_a_broken_snapshot_takes_away_its_own_frame_and_says_so_once(directory: Path, tmp_path: Path) -> None:
    broken = tmp_path / "models"
    write_wall(broken)
    (broken / "gan" / "snapshots" / "600.onnx").write_bytes(b"another file")
    for path in (broken / "wgan_gp" / "snapshots").iterdir():
        path.unlink()
    library = Library.open([broken], "cpu")
    replay = history.replay(library, library.model("gan"), 1, [-1] * COUNT)
    assert [moment.images_seen for moment in replay.moments] == [0, 6000]
    assert replay.error is not None
    assert replay.error.code == "file.sha256"
    assert replay.error.values["file"] == "600.onnx"
    stage = time_machine.show_stage(library, State(models="gan,wgan_gp,cgan"))
    assert stage.count('class="problem"') == 2
    assert stage.count("data-film") == 2  # those of the GAN that are left, and the third card is whole
    assert stage.count("<article") == 3
    assert (
        stage.count("<svg") - stage.count("data-diversity") == 2
    )  # what training wrote down is worth showing without pictures
    *_, parcel = told(time_machine.parcel, library, State(models="wgan_gp,gan"))
    assert parcel["file"]["href"].startswith("data:image/gif")
    assert told(time_machine.parcel, library, State(models="wgan_gp"))[-1] == {}


def test_sessions_of_snapshots_do_not_pile_up(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtime, "BRIEF", 2)
    library = Library.open([directory], "cpu")
    shared, model = library.runtime, library.model("gan")
    first = history.replay(library, model, 5, [-1] * COUNT)
    assert len(shared._brief) == 2
    assert list(shared._brief) == [snapshot.graph.sha256 for snapshot in model.snapshots[-2:]]
    again = history.replay(library, model, 5, [-1] * COUNT)  # two of three are made anew
    assert all((a.images == b.images).all() for a, b in zip(first.moments, again.moments, strict=True))
    # What is asked for to stay stays, and is there for those who do not care.
    graph = model.snapshots[-1].graph
    kept = shared.session(graph)
    history.replay(library, library.model("wgan_gp"), 5, [-1] * COUNT)
    assert shared.session(graph, brief=True) is kept
    assert graph.sha256 not in shared._brief
    assert len(shared._brief) == 2


# -------------------------------------------------------------------------------------------------- curves


def test_curves_are_read_with_holes(directory: Path, tmp_path: Path) -> None:
    folder = tiny.write_model(tmp_path, "holes", tiny.gan())
    write_curve(folder, [10, 20], {"supervised": [1.5, None]})
    (curve,) = history.curves(Library.open([tmp_path], "cpu").model("holes"))
    assert curve.images_seen.tolist() == [10, 20]
    np.testing.assert_array_equal(curve.values, [1.5, np.nan])
    assert history.curves(Library.open([directory], "cpu").model("cgan")) == ()


@pytest.mark.parametrize(
    "text",
    [
        "[",
        "[]",
        "{}",
        '{"images_seen": [1], "losses": {"a": [1, 2]}}',
        '{"images_seen": [1], "losses": [1]}',
        '{"images_seen": [2, 1], "losses": {}}',
        '{"images_seen": [1], "losses": {"a": ["x"]}}',
    ],
)
def test_a_curve_that_cannot_be_read_is_one_sentence(tmp_path: Path, text: str) -> None:
    folder = tiny.write_model(tmp_path, "gan", tiny.gan(), snapshots=snapshots(3, {0: 0.1, 9: 0.2}))
    write_file(folder, text)
    library = Library.open([tmp_path], "cpu")
    with pytest.raises(LineageError) as raised:
        history.curves(library.model("gan"))
    assert raised.value.code == "file.curve"
    stage = time_machine.show_stage(library, State(models="gan"))
    assert stage.count('class="problem"') == 1
    assert "data-film" in stage


def test_a_curve_that_is_another_file_is_not_shown(tmp_path: Path) -> None:
    folder = tiny.write_model(tmp_path, "gan", tiny.gan())
    write_curve(folder, [1], {"a": [1.0]})
    (folder / "loss_curve.json").write_text("{}")
    with pytest.raises(LineageError) as raised:
        history.curves(Library.open([tmp_path], "cpu").model("gan"))
    assert raised.value.code == "file.sha256"


def test_steps_keep_the_mean_over_any_whole_stretch() -> None:
    # Each value is a mean over the images since the one before. Catches steps joined without their weights.
    draw = np.random.default_rng(0)
    seen = np.cumsum(draw.integers(50, 400, 900))
    curve = Curve("distance", seen, draw.uniform(1, 9, 900))
    steps = scene.steps(curve, Axis(10.0, int(seen[-1])))
    assert len(steps) <= scene.STEPS + 1
    assert steps[0][0] == 0
    assert steps[-1][1] == seen[-1]
    assert all(left[1] == right[0] for left, right in pairwise(steps))
    whole = sum((end - start) * value for start, end, value in steps)
    lengths = np.diff(seen, prepend=0)
    assert whole == pytest.approx(float(lengths @ curve.values), rel=1e-3)


def test_rivals_are_drawn_together_and_nothing_of_another_unit(library: Library) -> None:
    def names(*quantities: str) -> list[str]:
        curves = [Curve(name, np.array([1]), np.array([1.0])) for name in quantities]
        return [curve.name for curve in scene.drawn(curves)]

    rivals = ["discriminator", "generator"]
    assert names("real_probability", "generator", "discriminator") == rivals
    assert names("penalty", "distance", "made_score") == ["distance"]
    assert names("supervised", "unsupervised", "feature_matching") == ["supervised", "unsupervised"]
    assert names("unheard", "of", "here") == ["unheard", "of"]
    assert names() == []
    stage = time_machine.show_stage(library, State(models="gan,wgan_gp"))
    assert stage.count("data-ends") == 3
    assert stage.count("<polyline") == 3 + 2  # and the diversity of each


# -------------------------------------------------------------------------------------------- axis and wall


def test_the_axis_gives_all_snapshots_on_the_wall_room(library: Library) -> None:
    axis = Axis.of([library.model("gan"), library.model("gan_collapsed")])
    assert (axis.unit, axis.end) == (150, 9000)
    assert axis.place(0) == 0
    assert axis.place(9000) == 1
    places = [axis.place(seen) for seen in (0, 600, 1200, 6000, 9000)]
    assert min(np.diff(places)) > 0.09
    assert all(0.08 <= axis.place(tick) <= 1 for tick in scene.ticks(axis))


def test_frames_that_would_lie_on_the_next_are_left_out_and_the_last_never_is() -> None:
    places = [0.0, 0.05, 0.2, 0.24, 0.28, 1.0]
    assert scene.apart(places, [0.06] * 6) == [False, True, True, False, True, True]
    assert scene.apart(places, [0.01] * 6) == [True] * 6


@pytest.mark.parametrize(("count", "text"), [(1, "1"), (1000, "1 k"), (100_000, "100 k"), (10**7, "10 M")])
def test_round_figures_are_written_short(count: int, text: str) -> None:
    assert time_machine._short(count) == text


def test_who_stands_on_the_wall_at_first(library: Library) -> None:
    travellers = time_machine.travellers(library)
    assert [model.id for model in travellers] == ["cgan", "gan", "gan_collapsed", "wgan_gp", "clouds"]

    def first(*left_out: str) -> list[str]:
        return [m.id for m in time_machine._first([m for m in travellers if m.id not in left_out])]

    assert first() == ["gan_collapsed", "wgan_gp"]
    assert first("gan_collapsed") == ["cgan", "wgan_gp"]
    assert first("gan_collapsed", "wgan_gp") == ["cgan", "gan"]
    assert first("gan_collapsed", "wgan_gp", "cgan", "clouds") == ["gan"]


@pytest.mark.parametrize(
    ("state", "code"),
    [
        (State(models=""), "model.unknown"),
        (State(models="gan,nobody"), "model.unknown"),
        (State(models="gan,rbm"), "model.role"),
        (State(models="gan,bare"), "model.snapshots"),
        (State(models="gan,cgan,wgan_gp,gan_collapsed,clouds"), "argument.range"),
        (State(models="gan", seed=-1), "seed.range"),
        (State(models="gan", label="nine"), "state.unreadable"),
    ],
)
def test_what_cannot_be_shown_is_one_sentence(
    tmp_path: Path, directory: Path, state: State, code: str
) -> None:
    tiny.write_model(tmp_path, "bare", tiny.gan())
    library = Library.open([directory, tmp_path], "cpu")
    stage = seen(time_machine.show_stage, library, state)
    assert stage.startswith('<p class="problem"')
    assert said(stage)[0][0] == f"error.{code}"
    assert list(told(time_machine.parcel, library, state)[-1]) == ["problem"]


def test_one_machine_named_twice_stands_there_once(library: Library) -> None:
    assert time_machine.show_stage(library, State(models="gan,gan")).count("<article") == 1


# ------------------------------------------------------------------------------------------------ pictures


@pytest.mark.parametrize("model_id", ["gan", "clouds"])
def test_every_picture_of_every_moment_has_its_place_in_the_sheet(library: Library, model_id: str) -> None:
    # Where panel.js looks for them: moments beneath each other, five pictures a row.
    model = library.model(model_id)
    replay = history.replay(library, model, 2, [-1] * COUNT)
    stage = time_machine.show_stage(library, State(models=model_id, seed=2))
    found = re.search(r'data-film="data:image/png;base64,([^"]*)"', stage)
    assert found is not None
    sheet = np.asarray(Image.open(io.BytesIO(base64.b64decode(found[1]))).convert("RGBA"), np.float32) / 255
    values = sheet[..., 3:] if model_id == "gan" else sheet[..., :3]
    for s, moment in enumerate(replay.moments):
        for k in (0, 7, 24):
            _, height, width = moment.images[k].shape
            top, left = (5 * s + k // 5) * height, k % 5 * width
            tile = values[top : top + height, left : left + width].transpose(2, 0, 1)
            np.testing.assert_allclose(tile, moment.images[k], atol=0.5 / (sprites.LEVELS - 1) + 1e-3)


def test_the_film_has_a_frame_for_each_moment_of_anyone(library: Library) -> None:
    models = [library.model("gan"), library.model("clouds")]
    *waiting, last_answer = told(time_machine.parcel, library, State(models="gan,clouds"))
    assert [one["progress"] for one in waiting] == [{"done": done, "steps": 2} for done in (0, 1)]
    assert last_answer["file"]["name"] == "time-gan-clouds-seed-7.gif"
    content = base64.b64decode(last_answer["file"]["href"].partition(",")[2])
    with Image.open(io.BytesIO(content)) as film:
        assert film.n_frames == 4  # at 0, 600, 700 and 6000; the last one is held
        film.seek(3)
        assert film.info["duration"] == 2000
        last = np.asarray(film.convert("RGB"), np.int64)
    replays = [history.replay(library, model, 7, [-1] * COUNT) for model in models]
    expected = 255 - images.to_bytes(replays[0].moments[-1].images[0, 0]).astype(np.int64)
    shown = last[20 : 20 + 84 : 3, 20 : 20 + 84 : 3].mean(axis=2)
    assert np.abs(shown - expected).mean() < 4  # the palette's 256 tones
    assert (last[..., 0] != last[..., 2]).any()  # colours stay colours


def test_a_card_shows_its_latest_snapshot_not_later_than_the_moment() -> None:
    made = [np.full((COUNT, 1, 28, 28), k / 2, np.float32) for k in range(3)]
    replay = Replay(tuple(map(Moment, (100, 200, 300), made)), None)
    expected = {50: 0, 100: 0, 199: 0, 200: 0.5, 10_000: 1}
    assert {seen: time_machine._at(replay, seen)[0, 0, 0, 0] for seen in expected} == expected


def test_every_word_of_the_wall_exists_and_gets_its_values(library: Library) -> None:
    known = theme.words(library.catalog)["en"]
    state = State(models="gan_collapsed,gan,wgan_gp,clouds")
    for message_id, *rest in said(time_machine.show_stage(library, state)):
        assert set(PLACE.findall(known[message_id])) <= set(rest[0] if rest else {}), message_id


def test_a_quantity_nobody_has_heard_of_is_escaped_and_shown(tmp_path: Path) -> None:
    folder = tiny.write_model(tmp_path, "gan", tiny.gan(), snapshots=snapshots(3, {0: 0.1, 9: 0.2}))
    write_curve(folder, [5, 9], {"<b>odd_loss": [1.0, 2.0]})
    stage = time_machine.show_stage(Library.open([tmp_path], "cpu"), State(models="gan"))
    assert html.escape("<b>odd loss") in stage
    assert "time.others.hint" in stage


def test_a_model_with_one_snapshot_has_no_past_to_travel_to(library: Library) -> None:
    model = library.model("gan")
    assert time_machine.shows(model)
    assert not time_machine.shows(replace(model, snapshots=model.snapshots[:1]))
    assert not time_machine.shows(library.model("rbm"))
    assert inference.z_size(model) == tiny.LATENT


# ----------------------------------------------------------------------------------------------- diversity


def test_collapse_becomes_a_number(library: Library) -> None:
    # The evaluation's own measure, on what stands on the wall.
    model = library.model("gan_collapsed")
    replay = history.replay(library, model, 7, [-1] * COUNT)
    values = scene.diversity(library, model, replay)
    assert isinstance(values, list)
    assert values[0] > 0.1  # before it fell
    assert values[1:] == [0, 0]  # z moves nothing any more
    judges = wall.of(library, "mnist")
    features = inference.classify(library, judges.judge.id, replay.moments[0].images).features
    expected = mean_pairwise_distance(features) / judges.yardstick(library, -1)
    assert values[0] == pytest.approx(expected, abs=1e-3)


def test_without_a_judge_nothing_is_said_and_a_broken_one_takes_nothing_away(tmp_path: Path) -> None:
    directory = write_wall(tmp_path / "models")
    library = Library.open([directory], "cpu")
    assert "data-diversity" not in time_machine.show_stage(library, State(models="clouds"))
    (directory / "classifier_cnn" / "classify.onnx").write_bytes(b"another file")
    stage = time_machine.show_stage(Library.open([directory], "cpu"), State(models="gan"))
    assert stage.count('class="problem"') == 1
    assert "data-film" in stage
    assert "data-ends" in stage
