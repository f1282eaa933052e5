"""Playing with generators without a browser: the game against a discriminator, and ways to steer z."""

from __future__ import annotations

import base64
import html
import io
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from demo.engine import contest, inference, latents, occlusion
from demo.engine.contest import ROUNDS, Scale
from demo.engine.library import Library
from demo.kit import sprites
from demo.kit.paper import to_bytes
from demo.panels.game import panel as game
from demo.panels.latent import panel as latent
from onnx_models import seeds
from onnx_models.errors import LineageError
from tests import tiny
from tests.demo.asking import cut, seen
from tests.demo.test_panels import said


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The usual line-up, a generator without a rival, one that takes labels, and a critic."""
    directory = tiny.write_models(tmp_path_factory.mktemp("play") / "models")
    tiny.write_model(directory, "lonely", {"generate": tiny.gan(seed=31)["generate"]}, year=2015)
    tiny.write_model(directory, "labelled", tiny.gan(seed=32, conditional=True), year=2016)
    other = tiny.gan(seed=33)
    critic = {"generate": other["generate"], "criticise": tiny.critic(seed=33)}
    tiny.write_model(directory, "wasserstein", critic, year=2017)
    return directory


@pytest.fixture(scope="module")
def library(directory: Path) -> Library:
    return Library.open([directory], "cpu")


# ---------------------------------------------------------------------------------------------- occlusion


def test_every_place_is_covered_and_no_patch_is_empty() -> None:
    patches = occlusion.masks(28, 28)
    assert patches.shape == (196, 28, 28)
    assert patches.any(axis=(1, 2)).all()
    assert patches.any(axis=0).all()
    assert patches.sum(axis=(1, 2)).max() == 36  # 6 x 6 pixels
    assert (occlusion.masks(30, 17).sum(axis=0) > 0).all()


def test_the_occlusion_of_a_linear_scorer_is_its_weights_times_the_ink() -> None:
    # Closed form. Catches a shifted mask, a transposed map, a mean over the wrong patches.
    draw = np.random.default_rng(0)
    image = draw.uniform(size=(1, 28, 28)).astype(np.float32)
    weight = draw.normal(size=(28, 28))
    ground = 0.25
    patches = occlusion.masks(28, 28)
    batch = occlusion.erased(image, patches, ground)
    scores = (batch[:, 0] * weight).sum(axis=(1, 2))
    change = occlusion.spread((image[0] * weight).sum() - scores, patches)
    part = (patches * (weight * (image[0] - ground))).sum(axis=(1, 2))
    for row, column in ((0, 0), (13, 5), (27, 27), (6, 20)):
        expected = part[patches[:, row, column]].mean()
        assert change[row, column] == pytest.approx(expected, abs=1e-4)


def test_a_patch_as_small_as_a_pixel_gives_each_pixel_its_own_part() -> None:
    image = np.random.default_rng(1).uniform(size=(3, 5, 5)).astype(np.float32)
    patches = occlusion.masks(5, 5, places=5, wide=1)
    change = occlusion.spread(image.sum() - occlusion.erased(image, patches).sum(axis=(1, 2, 3)), patches)
    np.testing.assert_allclose(change, image.sum(axis=0), atol=1e-5)


def test_log_odds_are_evidence_and_stay_finite() -> None:
    np.testing.assert_allclose(occlusion.log_odds(np.array([0.5, 0.9])), [0, np.log(9)], atol=1e-12)
    assert np.isfinite(occlusion.log_odds(np.array([0.0, 1.0], np.float32))).all()


def test_the_map_of_a_tiny_discriminator_is_exact(library: Library, directory: Path) -> None:
    # Its log-odds are linear in the pixels, so the graph, the batch and the signs can be checked as a whole.
    image = inference.real(library, "mnist", 3, 1).images[0]
    weight = tiny.weight(directory / "gan" / "discriminate.onnx", "weight").reshape(28, 28)
    patches = occlusion.masks(28, 28)
    part = (patches * (weight * image[0])).sum(axis=(1, 2))
    change = inference.occlude(library, "gan", image).change
    np.testing.assert_allclose(change, occlusion.spread(part, patches), atol=2e-3)


# ---------------------------------------------------------------------------------------------- the contest


def test_the_coins_are_fair_and_come_from_the_seed() -> None:
    tosses = np.array([contest.toss(seed) for seed in range(400)])
    assert abs(tosses.mean() - 0.5) < 4 * 0.5 / np.sqrt(tosses.size)
    assert (contest.toss(5) == contest.toss(5)).all()
    assert len({tuple(toss) for toss in tosses}) > 200


def test_a_game_mixes_real_and_made_pictures_as_its_coins_say(library: Library) -> None:
    played = contest.play(library, "gan", "", 4)
    real = inference.real(library, "mnist", 4, ROUNDS).images
    sampled = inference.sample(library, "gan", 4, ROUNDS).images
    assert played.made.any()
    assert not played.made.all()
    for k in range(ROUNDS):
        expected = sampled[k] if played.made[k] else real[k]
        np.testing.assert_allclose(played.images[k], expected, atol=0.5 / 255 + 1e-6)
    np.testing.assert_array_equal(played.images * 255, np.rint(played.images * 255))  # what the screen shows
    np.testing.assert_array_equal(played.scores, inference.scores(library, "gan", played.images).values)
    assert (played.judge_is_right() == ((played.scores > 0.5) != played.made)).all()


def test_a_scale_has_its_line_half_way() -> None:
    scale = Scale.between(made=-3.0, real=1.0)
    assert scale.says_real(np.array([-1.1, -0.9])).tolist() == [False, True]
    np.testing.assert_allclose(scale.place(np.array([-3.0, -1.0, 1.0, 99.0])), [0.25, 0.5, 0.75, 1.0])


def test_a_critic_is_calibrated_on_other_pictures(library: Library) -> None:
    # Its scores have an unknown constant added: without calibration it would call everything real.
    first, second = (contest.play(library, "wasserstein", "", seed) for seed in (1, 2))
    assert first.scale == second.scale
    assert first.scale != contest.PROBABILITY
    assert first.scores.min() > 50
    verdicts = np.concatenate([first.scale.says_real(first.scores), second.scale.says_real(second.scores)])
    assert verdicts.any()
    assert not verdicts.all()


def test_who_can_judge_whom(library: Library) -> None:
    model = library.catalog.model
    assert contest.judges(library, model("gan"))[0].id == "gan"
    assert contest.judges(library, model("wasserstein"))[0].id == "wasserstein"
    assert contest.play(library, "lonely", "", 1).judge.id == "gan"  # it has no rival of its own
    assert contest.play(library, "gan", "labelled", 1).judge.id == "labelled"
    makers = [maker.id for maker in contest.forgers(library)]
    assert makers == ["gan", "labelled", "wasserstein", "lonely"]


def test_nobody_judges_what_it_did_not_learn(tmp_path: Path) -> None:
    directory = tiny.write_models(tmp_path / "models")
    tiny.write_model(directory, "fashion", tiny.gan(seed=5), dataset="fashion-mnist")
    library = Library.open([directory], "cpu")
    with pytest.raises(LineageError) as raised:
        contest.play(library, "gan", "fashion", 1)
    assert raised.value.code == "contest.judge"
    assert "gan" in str(raised.value)
    assert "fashion" not in {maker.id for maker in contest.forgers(library)}  # no real pictures of that kind


# ------------------------------------------------------------------------------------------- the panel game


def test_the_truth_is_not_in_the_page_before_the_answer(library: Library) -> None:
    # Two seeds whose first pictures are of either kind: but for pictures the question is the same, as are
    # the pages that a browser plays by.
    def question(seed: int) -> str:
        markup = game.show_game(library, game.State(model="gan", seed=seed))
        return re.sub(r'src="[^"]*"', "", markup)

    def book(seed: int) -> str:
        markup = game.show_book(library, game.State(model="gan", seed=seed, answers="mr", turn=1))
        return re.sub(r' data-(of|pictures)="[^"]*"', "", markup)

    made, real = (next(seed for seed in range(99) if contest.toss(seed)[0] == wish) for wish in (True, False))
    assert question(made) == question(real)
    assert book(made) == book(real)


def test_an_answer_shows_the_truth_the_score_and_the_map(library: Library) -> None:
    state = game.State(model="gan", seed=4, answers="m", turn=0)
    markup = game.show_game(library, state)
    ids = [message[0] for message in said(markup)]
    played = contest.play(library, "gan", "", 4)
    assert ("game.was.m" if played.made[0] else "game.was.r") in ids
    assert ("game.you.right" if played.made[0] else "game.you.wrong") in ids
    assert 'class="picture heat"' in markup
    assert json.loads(re.findall(r'data-set="([^"]*)"', markup)[0].replace("&quot;", '"')) == {"turn": 1}


def test_the_end_shows_all_pictures_and_both_scores(library: Library) -> None:
    for answers in ("m" * ROUNDS, "r" * ROUNDS):
        markup = game.show_game(library, game.State(model="gan", seed=4, answers=answers, turn=ROUNDS))
        assert markup.count("<img") == ROUNDS
        played = contest.play(library, "gan", "", 4)
        mine = int(played.made.sum()) if answers[0] == "m" else ROUNDS - int(played.made.sum())
        standing = next(message for message in said(markup) if message[0] == "game.standing")
        assert standing[1] == {"you": mine, "it": int(played.judge_is_right().sum()), "of": ROUNDS}


@pytest.mark.parametrize(
    ("state", "code"),
    [
        (game.State(model="nobody"), "model.unknown"),
        (game.State(model="rbm"), "model.role"),
        (game.State(model="gan", judge="nobody"), "model.unknown"),
        (game.State(model="gan", judge="rbm"), "contest.judge"),
        (game.State(model="gan", seed=2**32), "seed.range"),
        (game.State(model="gan", answers="x"), "state.unreadable"),
        (game.State(model="gan", answers="m" * 11), "argument.range"),
        (game.State(model="gan", answers="m", turn=2), "argument.range"),
    ],
)
def test_a_game_that_cannot_be_is_one_sentence(library: Library, state: game.State, code: str) -> None:
    assert said(seen(game.show_game, library, state))[0][0] == f"error.{code}"


def test_a_critic_plays_and_says_its_score(library: Library) -> None:
    state = game.State(model="wasserstein", seed=1, answers="rrr", turn=2)
    ids = {message[0] for message in said(game.show_game(library, state))}
    assert ids & {"game.critic.m", "game.critic.r"}
    assert "game.map.hint.critic" in ids


def test_the_rivals_to_choose_from_fit_the_forger(library: Library) -> None:
    markup = game.show_game(library, game.State(model="labelled"))
    values = re.findall(r'<option value="(\w*)"', markup)
    assert values == ["", "gan", "wasserstein"]  # its own first, without a name


def test_the_colours_of_a_map_say_for_whom_it_spoke() -> None:
    change = np.zeros((28, 28), np.float32)
    change[2, 3], change[4, 5] = 2.0, -1.0
    content = base64.b64decode(game.heat(change).partition(",")[2])
    pixels = np.asarray(Image.open(io.BytesIO(content))).astype(int)
    assert pixels[2, 3, 2] > pixels[2, 3, 0]  # blue for real
    assert pixels[4, 5, 0] > pixels[4, 5, 2]  # orange for made
    assert pixels[2, 3, 3] == pytest.approx(2 * pixels[4, 5, 3], abs=2)
    assert np.count_nonzero(pixels[..., 3]) == 2


# ------------------------------------------------------------------------------------- ways through z


def test_slerp_of_orthogonal_unit_vectors_is_the_circle() -> None:
    a, b = np.eye(2, 5, dtype=np.float32)
    t = np.linspace(0, 1, 7)
    way = latents.slerp(a, b, t)
    np.testing.assert_allclose(way[:, 0], np.cos(t * np.pi / 2), atol=1e-6)
    np.testing.assert_allclose(way[:, 1], np.sin(t * np.pi / 2), atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(way, axis=1), 1, atol=1e-6)


def test_a_walk_starts_where_it_is_told_and_comes_from_its_seed() -> None:
    start = seeds.normals(7, 1, 100)[0]
    walk = latents.walk(start, 120, 3)
    np.testing.assert_array_equal(walk[0], start)
    np.testing.assert_array_equal(walk, latents.walk(start, 120, 3))
    assert np.abs(walk - latents.walk(start, 120, 4)).max() > 1
    np.testing.assert_allclose(
        latents.walk(start, 60, 3), walk[::2], atol=1e-6
    )  # the same way, fewer stations


def test_a_walk_is_smooth_closed_and_stays_where_z_lives() -> None:
    # E|dz/dt|^2 is (2 pi)^2 mean k^2 a number; the step from the last station to the first is like any other.
    size, count = 4000, 240
    start = seeds.normals(1, 1, size)[0]
    walk = latents.walk(start, count, 2).astype(np.float64)
    variances = walk.var(axis=1)
    assert np.abs(variances - 1).max() < 6 * np.sqrt(2 / size)
    steps = np.linalg.norm(np.diff(walk, axis=0, append=walk[:1]), axis=1) / np.sqrt(size) * count
    expected = 2 * np.pi * np.sqrt((1 + 4 + 9) / 3)
    # Half of it where the start is held: r(t) is known there, so the root mean square over the round is less.
    assert 0.7 * expected < np.sqrt((steps**2).mean()) < 1.1 * expected
    assert steps.max() < 2 * expected


def test_an_analogy_is_of_means_and_has_the_length_of_one_z() -> None:
    terms = seeds.normals(5, 9, 2000).reshape(3, 3, -1)
    a, b, c, result = latents.analogy(*terms)
    np.testing.assert_allclose(a, terms[0].mean(axis=0), atol=1e-6)
    np.testing.assert_allclose(result, a - b + c, atol=1e-5)
    assert np.linalg.norm(b) / np.sqrt(2000) == pytest.approx(np.sqrt(1 / 3), abs=0.05)
    assert np.linalg.norm(result) / np.sqrt(2000) == pytest.approx(1, abs=0.05)


def test_terms_are_bold_thin_and_thin_of_another() -> None:
    labels = np.array([4] * 7 + [2] * 5 + [9] * 2)
    ink = np.array([5, 1, 7, 2, 6, 3, 4, 10, 8, 9, 12, 11, 0, 0], float)
    bold, thin, other = latents.terms(labels, ink).tolist()
    assert sorted(ink[bold]) == [5, 6, 7]
    assert sorted(ink[thin]) == [1, 2, 3]
    assert sorted(ink[other]) == [8, 9, 10]
    assert latents.terms(np.arange(10), np.zeros(10)).tolist() == np.arange(9).reshape(3, 3).tolist()


# ------------------------------------------------------------------------------------------ the panel latent


def test_the_picture_is_that_of_the_turned_numbers(library: Library) -> None:
    z = seeds.normals(7, 1, 100)
    z[0, 3], z[0, 17] = 2.5, -2.0
    markup = latent.show_stage(library, latent.State(model="gan", z="3:2.5_17:-2"))
    expected = sprites.ink_uri(inference.generate(library, "gan", z).images[0])
    assert re.findall(r'src="([^"]*)"', markup)[0] == expected
    assert markup.count("data-z=") == latent.BANK
    (numbers,) = re.findall(r'data-numbers="([^"]*)"', markup)
    np.testing.assert_allclose(json.loads(numbers), z[0], atol=5e-4)  # three decimals
    above = np.repeat(z, 1, axis=0)
    above[0, 0] = latent.REACH
    assert (cut(markup)[0][..., -1] == to_bytes(inference.generate(library, "gan", above).images[0, 0])).all()
    assert markup.count("data:image/png") == 2  # the picture, and one sheet of what the sliders lead to


def lengths(markup: str) -> list[list[float]]:
    """How long z is said to be in each frame of each film."""
    told = (json.loads(html.unescape(one)) for one in re.findall(r'data-told="([^"]*)"', markup))
    return [[values["value"] for _, values in film] for film in told]


def test_a_film_is_one_batch_from_the_visitors_own_z(library: Library) -> None:
    markup = latent.show_stage(library, latent.State(model="gan", play="walk", z="0:1"))
    assert len(lengths(markup)[0]) == latent.FRAMES
    way = latent.show_stage(library, latent.State(model="gan", play="way"))
    straight, round_ = lengths(way)
    assert straight[0] == round_[0]
    assert straight[-1] == round_[-1]
    assert min(straight) < 0.8 * min(round_)  # the chord passes closer to the origin than the arc


def test_a_film_can_be_kept(library: Library) -> None:
    for play, frames in (("walk", latent.FRAMES), ("way", 2 * latent.STATIONS - 2)):
        parcel = latent.parcel(library, latent.State(model="gan", play=play))
        assert parcel.name == f"gan-{play}-seed-7.gif"
        content = base64.b64decode(parcel.href.partition(",")[2])
        with Image.open(io.BytesIO(content)) as file:
            assert file.n_frames == frames
    for play in ("knobs", "sum"):
        parcel = latent.parcel(library, latent.State(model="gan", play=play))
        assert parcel.name.endswith(".png")
        assert parcel.href.startswith("data:image/png;base64,")


def test_the_sum_shows_every_term_and_offers_others(library: Library) -> None:
    state = latent.State(model="gan", play="sum", a="1_2_3", b="4_5_6", c="7_8_9", slot=4)
    markup = latent.show_stage(library, state)
    assert markup.count("<img") == 9 + 4 + latent.scene.TRAY
    z = np.stack([seeds.normals(seed, 1, 100)[0] for seed in range(1, 10)]).reshape(3, 3, 100)
    result = inference.generate(library, "gan", latents.analogy(*z)[3:]).images[0]
    assert sprites.ink_uri(result) in markup
    assert json.loads(re.findall(r'data-terms="([^"]*)"', markup)[0]) == [[1, 2, 3], [4, 5, 6], [7, 8, 9]]
    assert [int(seed) for seed in re.findall(r'data-offer="(\d+)"', markup)] == list(range(latent.scene.TRAY))


def test_a_label_is_asked_of_those_who_take_one(library: Library) -> None:
    free, three = (
        latent.show_stage(library, latent.State(model="labelled", label=label)) for label in (-1, 3)
    )
    assert re.findall(r'src="([^"]*)"', free)[0] != re.findall(r'src="([^"]*)"', three)[0]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"model": "nobody"}, "model.unknown"),
        ({"model": "rbm"}, "model.role"),
        ({"play": "jazz"}, "state.unreadable"),
        ({"z": "3"}, "state.unreadable"),
        ({"z": "100:1"}, "argument.range"),
        ({"z": "1:4.5"}, "argument.range"),
        ({"z": "1:nan"}, "argument.range"),
        ({"bank": 5}, "argument.range"),
        ({"label": 10, "model": "labelled"}, "argument.range"),
        ({"seed": -1}, "seed.range"),
        ({"play": "walk", "path": 2**32}, "seed.range"),
        ({"play": "way", "other": -1}, "seed.range"),
        ({"play": "sum", "a": "1_2"}, "state.unreadable"),
        ({"play": "sum", "a": "1_2_3", "b": "x", "c": "1_2_3"}, "state.unreadable"),
        ({"play": "sum", "slot": 9}, "argument.range"),
        ({"play": "sum", "tray": -1}, "argument.range"),
    ],
)
def test_what_cannot_be_played_is_one_sentence(library: Library, changes: dict[str, Any], code: str) -> None:
    state = replace(latent.State(model="gan"), **changes)
    markup = seen(latent.show_stage, library, state)
    assert said(markup)[0][0] == f"error.{code}"
    assert markup.count("data-say") == 1


def test_a_broken_judge_takes_no_sum_away(tmp_path: Path) -> None:
    directory = tiny.write_models(tmp_path / "models")
    (directory / "classifier_cnn" / "classify.onnx").write_bytes(b"broken")
    library = Library.open([directory], "cpu")
    assert "<img" in latent.show_stage(library, latent.State(model="gan", play="sum"))


def test_colours_are_played_as_colours() -> None:
    # CIFAR-10's generator has three channels: a film of it is a sheet of colours, not of ink.
    draw = np.random.default_rng(0)
    film = draw.uniform(size=(2, 3, 3, 8, 8)).astype(np.float32)
    content = base64.b64decode(sprites.pictures_uri(film).partition(",")[2])
    with Image.open(io.BytesIO(content)) as sheet:
        assert (sheet.mode, sheet.size) == ("RGB", (24, 16))
    with Image.open(io.BytesIO(latent.gif(film))) as file:
        assert file.size == ((8 + 4 + 8) * latent.FILE_SCALE, 8 * latent.FILE_SCALE)
