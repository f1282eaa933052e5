"""Every picture of a panel that a graph made has a recipe by the panel's state, and it cooks that picture."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from demo import panels
from demo.engine import history, inference, judging, styles
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
    made = cooked(library, "onez", {"dataset": "mnist", "seed": 4, "label": 7})
    shown, state = one_z.asked(library, one_z.State("mnist", seed=4, label=7))
    assert set(made) == {model.id for model in shown.generators}
    for model in shown.generators:
        np.testing.assert_array_equal(made[model.id], shown.made(library, model, 4, state.label, 16))


def test_game_shows_what_its_recipes_cook(library: Library) -> None:
    (pictures,) = cooked(library, "game", {"model": "gan", "seed": 3}).values()
    asked = [game.show_game(library, game.State("gan", seed=3, turn=k, answers="r" * k)) for k in range(10)]
    uris = [sprites.ink_uri(np.rint(picture * 255) / np.float32(255)) for picture in pictures]
    assert 0 < sum(uri in markup for uri, markup in zip(uris, asked, strict=True)) < 10  # the others are real


def test_latent_shows_what_its_recipes_cook(library: Library) -> None:
    state = latent.State(model="gan", z="3:1.5")
    (pictures,) = cooked(library, "latent", {"model": "gan", "z": "3:1.5"}).values()
    np.testing.assert_allclose(
        pictures[0],
        inference.generate(library, "gan", latent.scene.numbers(library.model("gan"), state)[None]).images[0],
    )
    for play in ("walk", "way"):
        (pictures,) = cooked(library, "latent", {"model": "gan", "play": play}).values()
        film = latent.scene.frames(library, library.model("gan"), latent.State(model="gan", play=play))
        np.testing.assert_allclose(pictures, film.pictures.reshape(pictures.shape), atol=1e-6)
    (pictures,) = cooked(
        library, "latent", {"model": "gan", "play": "sum", "a": "1_2_3", "b": "4_5_6", "c": "7_8_9"}
    ).values()
    assert len(pictures) == 4


def test_style_shows_what_its_recipes_cook(library: Library) -> None:
    (pictures,) = cooked(library, "style", {"model": FACES, "seed": 6, "psi": 0.5}).values()
    state = style.State(model=FACES, seed=6, psi=0.5)
    np.testing.assert_allclose(
        pictures, style._one(library, styles.painter(library, FACES), state), atol=1e-5
    )


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
