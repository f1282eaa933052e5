"""Every picture of a panel that a graph made has a recipe by the panel's state, and it cooks that picture."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from demo import panels
from demo.engine import history, judging, styles
from demo.engine.library import Library
from demo.kit import sprites
from demo.kit.paper import to_bytes
from demo.panels.draw import panel as draw
from demo.panels.dream import panel as dream
from demo.panels.game import panel as game
from demo.panels.latent import panel as latent
from demo.panels.map import panel as code_map
from demo.panels.movie import panel as movie
from demo.panels.onez import panel as one_z
from demo.panels.style import edit
from demo.panels.style import panel as style
from demo.panels.time import panel as time_machine
from onnx_models import cookbook, recipes
from onnx_models.errors import LineageError
from tests import tiny
from tests.demo.asking import cut
from tests.demo.test_onez import write as write_wall
from tests.demo.test_style import FACES, write
from tests.demo.test_time import write_wall as write_training

Array = NDArray[np.float32]


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Library:
    folder = tmp_path_factory.mktemp("recipes")
    wall = write_wall(folder / "wall")
    write_training(folder / "training")
    faces = write(folder / "faces")
    return Library.open([folder / "training", faces, wall], "cpu")


def cooked(library: Library, panel: str, state: dict[str, Any]) -> dict[str, Array]:
    """The pictures of each recipe, after a journey as JSON."""
    found = panels.recipes(library, panel, json.dumps(state))
    written = json.loads(json.dumps({name: cookbook.plain(recipe) for name, recipe in found.items()}))
    return {
        name: recipes.cook(recipe, library.catalog, library.runtime).pictures
        for name, recipe in written.items()
    }


def shown(picture: Array, markup: str) -> bool:
    """Whether a grey picture is on the page, by itself or cut from a sheet."""
    ink = to_bytes(picture[0])
    return sprites.ink_uri(picture) in markup or any((each[..., -1] == ink).all() for each in cut(markup))


def test_dream_shows_what_its_recipes_cook(library: Library) -> None:
    made = cooked(library, "dream", {"model": "gan", "seed": 5, "count": 4, "other": 9, "way": "linear"})
    state = dream.State("gan", seed=5, count=4, other=9, way="linear")
    assert len(made["made"]) == 4
    for show, name in ((dream.show_sheets, "made"), (dream.show_way, "way")):
        assert all(shown(picture, show(library, state)) for picture in made[name])


def test_draw_shows_what_its_recipes_cook(library: Library) -> None:
    asked = {"example": 3, "damage": "half", "steps": 4, "seed": 2}
    made = cooked(library, "draw", asked)
    markup = draw.show_answers(library, draw.State(**asked)) + draw.show_chains(library, draw.State(**asked))
    assert all(shown(pictures[0], markup) for pictures in made.values() if len(pictures))
    numbers_alone = {name for name, pictures in made.items() if not len(pictures)}
    assert numbers_alone == {f"{model.id}.read" for model in judging.readers(library, "mnist")}


def test_one_z_shows_what_its_recipes_cook(library: Library) -> None:
    state = one_z.State("mnist", seed=4, label=7)
    written = panels.recipes(library, "onez", json.dumps(asdict(state)))
    shown, state = one_z.asked(library, state)
    readings = one_z.scene.measured(library, shown, 4, 7)
    assert set(written) == {name for model in shown.generators for name in (model.id, f"{model.id}.read")}

    def cook(name: str) -> recipes.Cooked:
        return recipes.cook(written[name], library.catalog, library.runtime)

    for model in shown.generators:
        np.testing.assert_array_equal(cook(model.id).pictures, shown.made(library, model, 4, state.label, 16))
        reading = readings[model.id]
        if isinstance(reading, LineageError):  # it makes pictures that the judge cannot read
            continue
        labels = cook(f"{model.id}.read").numbers["classify.class_logits"].argmax(axis=1)
        np.testing.assert_array_equal(labels, reading.labels)


def test_game_shows_what_its_recipes_cook(library: Library) -> None:
    (pictures,) = cooked(library, "game", {"model": "gan", "seed": 3}).values()
    asked = [game.show_game(library, game.State("gan", seed=3, turn=k, answers="r" * k)) for k in range(10)]
    uris = [sprites.ink_uri(np.rint(picture * 255) / np.float32(255)) for picture in pictures]
    assert 0 < sum(uri in markup for uri, markup in zip(uris, asked, strict=True)) < 10  # the others are real


def test_latent_shows_what_its_recipes_cook(library: Library) -> None:
    shown_in: dict[str, dict[str, Any]] = {
        "knobs": {"z": "3:1.5", "bank": 1},
        "sum": {"a": "1_2_3", "b": "4_5_6", "c": "7_8_9", "tray": 2},
    }
    for play, asked in shown_in.items():
        markup = latent.show_stage(library, latent.State(model="gan", play=play, **asked))
        made = cooked(library, "latent", {"model": "gan", "play": play, **asked})
        assert all(shown(picture, markup) for pictures in made.values() for picture in pictures)
        assert sum(map(len, made.values())) == (1 + 2 * 20 if play == "knobs" else 4 + 9 + 24)
    for play in ("walk", "way"):
        (pictures,) = cooked(library, "latent", {"model": "gan", "play": play}).values()
        film = latent.scene.frames(library, library.model("gan"), latent.State(model="gan", play=play))
        np.testing.assert_allclose(pictures, film.pictures.reshape(pictures.shape), atol=1e-6)


@pytest.mark.parametrize(
    ("part", "of"),
    [
        ("make", {"made": style._one}),
        ("truncate", {"sweep": lambda *asked: style._sweep(*asked)[0]}),
        (
            "mix",
            {
                "parents": lambda *asked: np.concatenate(
                    [style._crossed(*asked).rows, style._crossed(*asked).columns]
                ),
                "children": lambda *asked: np.concatenate(style._crossed(*asked).children),
                "child": lambda *asked: style._crossed(*asked).large[2:],
            },
        ),
        ("travel", {"z": lambda *asked: style._ways(*asked)[0], "w": lambda *asked: style._ways(*asked)[1]}),
        (
            "noise",
            {
                name: lambda *asked, k=k: style._grains(*asked).pictures[k : k + 1]
                for k, name in enumerate(("noise", "another", "none"))
            },
        ),
        ("inside", {"inside": style._one}),
        (
            "edit",
            {
                "before": lambda *asked: edit.beside(*asked)[:1],
                "after": lambda *asked: edit.beside(*asked)[1:],
            },
        ),
    ],
)
def test_style_shows_what_its_recipes_cook(
    library: Library, part: str, of: dict[str, Callable[..., Array]]
) -> None:
    asked = {"part": part, "seed": 6, "psi": 0.5, "layers": "0-2,5", "pick": 8, "moves": "glasses-any:2"}
    made = cooked(library, "style", {"model": FACES, **asked})
    state = style.State(model=FACES, **asked)  # type: ignore[arg-type]
    assert made.keys() - {"others"} == of.keys()
    for name, show in of.items():
        pictures = show(library, styles.painter(library, FACES), state)
        np.testing.assert_allclose(made[name], pictures, atol=1e-5)


def test_the_time_machine_shows_what_its_recipes_cook(library: Library) -> None:
    made = cooked(library, "time", {"models": "gan", "seed": 8})
    ((model, labels),) = time_machine.asked(library, time_machine.State("gan", seed=8))
    replay = history.replay(library, model, 8, labels)
    assert list(made) == [f"gan.{moment.images_seen}" for moment in replay.moments]
    for moment in replay.moments:
        np.testing.assert_array_equal(made[f"gan.{moment.images_seen}"], moment.images)


def test_a_movie_ends_in_what_its_recipe_cooks(library: Library) -> None:
    (pictures,) = cooked(library, "movie", {"model": "rbm", "steps": 6, "seed": 3}).values()
    _, steps = movie._start(library, movie.State(model="rbm", steps=6, seed=3))
    *_, last = steps
    np.testing.assert_allclose(pictures.reshape(last.visible_mean.shape), last.visible_mean, atol=1e-6)


def test_what_has_no_recipes_is_one_sentence(library: Library) -> None:
    with pytest.raises(LineageError, match="No panel 'compare' has recipes") as refused:
        panels.recipes(library, "compare", "{}")
    assert refused.value.code == "panel.unknown"
    with pytest.raises(LineageError) as refused:
        panels.recipes(library, "dream", '{"seed": "x"}')
    assert refused.value.code == "state.unreadable"


def test_a_place_on_a_map_is_what_its_recipe_cooks(tmp_path: Path) -> None:
    library = Library.open([tiny.write_first_half(tmp_path / "models")], "cpu")
    (pictures,) = cooked(library, "map", {"model": "vae_2", "x": 0.5, "y": -1.0}).values()
    (point,) = code_map.point(library, code_map.State("vae_2", 0.5, -1.0))["points"]
    assert point["picture"] == sprites.ink_uri(pictures[0])
