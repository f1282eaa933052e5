"""Recipes: the vectors that ship, every form of an input against numpy, and what is refused and how."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest

from onnx_models import catalog, cookbook, recipe_vectors, recipes, seeds
from onnx_models.catalog import Catalog
from onnx_models.directions import Direction
from onnx_models.errors import LineageError
from onnx_models.runtime import Runtime
from onnx_models.seeds import Stream
from tests import tiny

VECTORS: list[dict[str, Any]] = json.loads((catalog.DIRECTORY / "recipes.json").read_text("utf-8"))["vectors"]
SCHEMA = jsonschema.Draft202012Validator(
    json.loads((catalog.DIRECTORY / "recipe.schema.json").read_text("utf-8"))
)
STYLES, DIGITS = "faces", "cgan"


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    directory = tiny.write_first_half(tmp_path_factory.mktemp("recipes") / "models")
    tiny.write_model(directory, DIGITS, tiny.gan(conditional=True), family="cgan")
    tiny.write_model(directory, STYLES, tiny.stylegan(size=16), family="stylegan2")
    return catalog.load(directory)


@pytest.fixture(scope="module")
def runtime() -> Runtime:
    return Runtime("cpu", threads=1)


@pytest.fixture
def cook(models: Catalog, runtime: Runtime) -> Callable[..., recipes.Cooked]:
    return lambda recipe, bounds=recipes.PUBLIC: recipes.cook(recipe, models, runtime, bounds)


def of_z(z: Any, model: str = "gan") -> dict[str, Any]:
    """Return a recipe whose one input is `z`, and which tells what became of it."""
    step = {"name": "made", "model": model, "role": "generate", "inputs": {"z": z}}
    return {"recipe": 1, "steps": [step], "picture": "made.image", "numbers": ["made.z"]}


# --- vectors ------------------------------------------------------------------------------------------------


def test_the_vectors_rest_on_the_files_that_ship() -> None:
    """Says what to run where a graph was replaced."""
    assert recipe_vectors.faults() == []
    assert len(VECTORS) >= 12


def test_a_replaced_file_makes_vectors_stale(tmp_path: Path) -> None:
    """Catches a stale vector that nobody is told of, and one whose model is gone."""
    tiny.write_models(tmp_path)
    for vector, model in ((VECTORS[0], "gan"), (VECTORS[2], "gone")):
        recipe = copy.deepcopy(vector["recipe"])
        for step in recipe["steps"]:
            step["model"] = model
        content = {"vectors": [{"name": "one", "recipe": recipe, "graphs": vector["graphs"]}]}
        (tmp_path / "recipes.json").write_text(json.dumps(content), "utf-8")
        (fault,) = recipe_vectors.faults(tmp_path)
        assert recipe_vectors.COMMAND in fault


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: str(vector["name"]).replace(" ", "_"))
def test_a_vector_comes_out_as_written(vector: dict[str, Any], runtime: Runtime) -> None:
    """Catches another convention of steps, streams, shapes or ways, in any kind of network."""
    shipped = catalog.load()
    recipe = vector["recipe"]
    SCHEMA.validate(recipe)
    cooked = recipes.cook(recipe, shipped, runtime)
    shown = dict(cooked.numbers)
    if "picture" in recipe:
        shown[recipe["picture"]] = cooked.pictures
    assert shown.keys() == vector["values"].keys()
    for name, wanted in vector["values"].items():
        assert list(shown[name].shape) == wanted["shape"]
        flat = shown[name].ravel()
        np.testing.assert_allclose(flat[wanted["at"]], wanted["values"], rtol=0, atol=wanted["tolerance"])
        assert flat.mean(dtype=np.float64) == pytest.approx(wanted["mean"], abs=wanted["tolerance"])
        assert flat.std(dtype=np.float64) == pytest.approx(wanted["deviation"], abs=wanted["tolerance"])


# --- inputs -------------------------------------------------------------------------------------------------

NORMALS = seeds.normals(7, 3, 100)


@pytest.mark.parametrize(
    ("z", "expected"),
    [
        ({"normals": {"seed": 7}}, NORMALS[:1]),
        ({"normals": {"seed": 7, "sample": 1, "count": 2}}, NORMALS[1:]),
        ({"normals": {"seed": [7, 9]}}, np.stack([NORMALS[0], seeds.normals(9, 1, 100)[0]])),
        (
            {"normals": {"seed": 7, "stream": "NOISE", "step": 3, "layer": 2}},
            seeds.normals(7, 1, 100, Stream.NOISE, step=3, layer=2),
        ),
        ({"uniforms": {"seed": 7, "stream": "HIDDEN"}}, seeds.uniforms(7, 1, 100, Stream.HIDDEN)),
        ({"coins": {"seed": 7, "stream": "BINARY"}}, seeds.uniforms(7, 1, 100, Stream.BINARY) < 0.5),
        ({"makers": {"seed": [3, 85]}}, np.concatenate([seeds.makers_normals(s, 100) for s in (3, 85)])),
        ({"fill": [0.25, -1]}, np.repeat([[0.25], [-1]], 100, axis=1)),
        ({"numbers": [[1, 2], [3, 4]]}, np.tile([[1, 2], [3, 4]], (1, 50))),
        ({"sum": [{"normals": {"seed": 7, "count": 3}}, {"fill": 2}]}, NORMALS.astype(float) + 2),
        (
            {"sum": [{"normals": {"seed": 7}}, {"fill": 1}], "weights": [[2, 3], -1]},
            np.concatenate([2 * NORMALS[:1].astype(float) - 1, 3 * NORMALS[:1].astype(float) - 1]),
        ),
        (
            {"blend": [{"normals": {"seed": 7}}, {"fill": 1}], "at": [0, 0.25, 1]},
            np.concatenate([NORMALS[:1], 0.75 * NORMALS[:1].astype(float) + 0.25, np.ones((1, 100))]),
        ),
        (
            {
                "blend": [{"normals": {"seed": 7, "sample": k, "count": 2}} for k in (0, 1)],
                "at": 0.5,
                "way": "circle",
            },
            np.concatenate([recipes.slerp(NORMALS[k], NORMALS[k + 1], np.array([0.5])) for k in (0, 1)]),
        ),
        (
            {"rows": [{"fill": 0}, {"normals": {"seed": 7}}], "take": [0, 99]},
            np.where(np.isin(np.arange(100), [0, 99]), NORMALS[:1], 0),
        ),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)  # fmt: skip
def test_every_form_is_what_it_says(cook: Callable[..., recipes.Cooked], z: Any, expected: Any) -> None:
    recipe = of_z(z)
    SCHEMA.validate(recipe)
    found = cook(recipe).numbers["made.z"]
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, np.asarray(expected, np.float32))


def test_a_sample_of_a_step_is_reshaped_and_serves_all(cook: Callable[..., recipes.Cooked]) -> None:
    """Catches a picture that cannot become visible units, and one sample that is not repeated."""
    made = of_z({"normals": {"seed": 7, "count": 2}})["steps"][0]
    chain = {
        "name": "gibbs",
        "model": "rbm",
        "role": "gibbs_step",
        "inputs": {
            "visible": {"of": "made.image", "sample": 1},
            "hidden_noise": {"uniforms": {"seed": 1, "stream": "HIDDEN", "count": 3}},
            "visible_noise": {"fill": 0.5},
        },
    }
    recipe = {"recipe": 1, "steps": [made, chain], "picture": "gibbs.visible", "numbers": ["made.image"]}
    cooked = cook(recipe)
    assert cooked.pictures.shape == (3, 1, 28, 28)
    np.testing.assert_array_equal(cooked.pictures, np.repeat(cooked.numbers["made.image"][1:], 3, axis=0))


def test_a_step_is_what_onnxruntime_gives_to_the_byte(models: Catalog, runtime: Runtime) -> None:
    """Catches an interpreter that changes a picture: each model as it was run before there were recipes."""
    z = seeds.normals(5, 4, 100)
    label = np.array([3, 1, -1, 9])
    direct = runtime.run(models.model(DIGITS).graphs["generate"], {"z": z, "label": label})["image"]
    cooked = recipes.cook(cookbook.sample(models.model(DIGITS), 5, 4, [3, 1, -1, 9]), models, runtime)
    np.testing.assert_array_equal(cooked.pictures, direct)

    model = models.model(STYLES)
    psi = np.full((1, int(model.graphs["mapping"].input("psi").shape[1])), 0.5, np.float32)
    psi[:, 2:] = 1
    given = {"z": seeds.normals(8, 1, int(model.graphs["mapping"].input("z").shape[1])), "psi": psi}
    ws = runtime.run(model.graphs["mapping"], given)["ws"]
    vector = np.random.default_rng(0).normal(size=ws.shape[2])
    direction = Direction("d", {}, "factor", None, (), vector, (0, 3), 0.5, 2.0, None, None, None, {})
    moved = ws.astype(np.float64)
    moved[:, [0, 3]] += 1.5 * 0.5 * vector
    noise = {
        tensor.name: seeds.normals(
            2, 1, int(np.prod(tensor.shape[1:])), Stream.NOISE, layer=int(tensor.name[6:])
        ).reshape(1, *map(int, tensor.shape[1:]))
        for tensor in model.graphs["synthesis"].inputs
        if tensor.name != "ws"
    }
    painted = runtime.run(model.graphs["synthesis"], {"ws": moved.astype(np.float32), **noise})["image"]
    recipe = cookbook.portrait(
        model, 8, cookbook.truncation(model, 0.5, 2), cookbook.noise(model, 2), along=[(direction, 1.5)]
    )
    np.testing.assert_array_equal(recipes.cook(recipe, models, runtime).pictures, painted)


def test_many_samples_are_made_in_pieces(
    cook: Callable[..., recipes.Cooked], models: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = cookbook.sample(models.model(DIGITS), 3, 7, [k % 10 for k in range(7)])
    whole = cook(recipe).pictures
    monkeypatch.setattr(recipes, "PIECE", 3 * 28 * 28)
    np.testing.assert_allclose(cook(recipe).pictures, whole, atol=1e-6)  # sums in another order


# --- repetition ---------------------------------------------------------------------------------------------


def test_a_film_shows_what_shorter_chains_end_in(models: Catalog, runtime: Runtime) -> None:
    """Catches noise that does not go on, steps behind the chain that are forgotten, and a wrong start."""
    model = models.model("dbn")
    film = list(recipes.frames(cookbook.gibbs(model, None, 4, 9, [1, 2], 2), models, runtime))
    assert len(film) == 4
    for steps in (1, 2, 4):
        recipe = cookbook.gibbs(model, None, steps, 9, [1, 2], 2)
        ended = recipes.cook(recipe, models, runtime).pictures
        np.testing.assert_array_equal(film[steps - 1].pictures, ended)
    start = recipes.cook(cookbook.gibbs(model, None, 0, 9, 1, 2), models, runtime).pictures
    units = int(model.graphs["gibbs_step"].input("visible").shape[1])
    coins = (seeds.uniforms(9, 2, units, Stream.BINARY) < 0.5).astype(np.float32)
    np.testing.assert_array_equal(start, runtime.run(model.graphs["decode"], {"code": coins})["image"])


def test_the_first_run_of_a_chain_is_step_0(models: Catalog, runtime: Runtime) -> None:
    """The convention of SEEDS.md, with the weights in numpy: h < sigmoid(W v + c), v' = sigmoid(W' h + b)."""
    model = models.model("rbm")
    p = runtime.run(model.graphs["parameters"], {}).outputs
    w, b, c = (p[f"{name}_0"].astype(np.float64) for name in ("weight", "visible_bias", "hidden_bias"))
    v = seeds.uniforms(3, 1, 784, Stream.BINARY) < 0.5
    for step in range(3):
        hidden = seeds.uniforms(3, 1, len(c), Stream.HIDDEN, step=step) < 1 / (1 + np.exp(-(v @ w.T + c)))
        mean = 1 / (1 + np.exp(-(hidden @ w + b)))
        v = seeds.uniforms(3, 1, 784, Stream.VISIBLE, step=step) < mean
    cooked = recipes.cook(cookbook.gibbs(model, None, 3, 3), models, runtime)
    np.testing.assert_allclose(cooked.pictures.reshape(1, -1), mean, atol=1e-5)


# --- JSON ---------------------------------------------------------------------------------------------------


def test_recipes_survive_json(models: Catalog, runtime: Runtime) -> None:
    """Catches float32 numbers that lose digits, arrays within lists, and what the schema does not know."""
    picture = np.random.default_rng(1).random((2, 1, 28, 28)).astype(np.float32)
    styles = models.model(STYLES)
    ws = np.random.default_rng(2).normal(size=(2, *styles.graphs["mapping"].output("ws").shape[1:]))
    written = [
        cookbook.reconstruct(models.model("autoencoder"), picture),
        cookbook.gibbs(models.model("dbn"), picture, 2, 4, range(2)),
        cookbook.gibbs(models.model("rbm"), picture, 0, 4),
        cookbook.generate(models.model("gan"), picture.reshape(2, -1)[:, :100]),
        cookbook.interpolate(models.model("gan"), (1, 2), np.linspace(0, 1, 3, dtype=np.float32)),
        cookbook.paint(styles, ws.astype(np.float32), cookbook.noise(styles, None)),
        cookbook.portrait(
            styles, 3, cookbook.truncation(styles, 0.7), cookbook.noise(styles, 4), mix=(5, range(2))
        ),
    ]
    for recipe in written:
        plain = json.loads(json.dumps(cookbook.plain(recipe)))
        SCHEMA.validate(plain)
        np.testing.assert_array_equal(
            recipes.cook(plain, models, runtime).pictures, recipes.cook(recipe, models, runtime).pictures
        )


# --- what is refused ----------------------------------------------------------------------------------------

HOSTILE = (None, True, -1, 0.5, 1e300, 2**70, "", "x", [], [[]], {}, [None], {"x": 1}, [[1], [2, 3]], ["a"])


def _places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the way to every part of a JSON value but the inside of long lists."""
    yield path
    if isinstance(value, dict | list) and len(value) < 20:
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _places(inner, (*path, key))


@pytest.mark.parametrize("which", range(5))
def test_no_recipe_crashes_the_kitchen(models: Catalog, runtime: Runtime, which: int) -> None:
    """Every part of a recipe is replaced by what does not belong there: a picture or one sentence."""
    styles = models.model(STYLES)
    recipe = cookbook.plain(
        [
            cookbook.sample(models.model(DIGITS), 3, 2, [1, 2]) | {"numbers": ["made.z"]},
            cookbook.gibbs(models.model("dbn"), None, 2, 4, 3, 2),
            cookbook.interpolate(models.model("gan"), (1, 2), [0.5]),
            cookbook.portrait(
                styles, 3, cookbook.truncation(styles, 0.7, 2), cookbook.noise(styles, 1), mix=(5, [0])
            ),
            of_z({"sum": [{"numbers": [[1, 2]]}, {"fill": 1}], "weights": [1, [2]]}),
        ][which]
    )
    refused = []
    for path in _places(recipe):
        for hostile in HOSTILE:
            changed = copy.deepcopy({"top": recipe})
            place: Any = changed
            for key in ("top", *path)[:-1]:
                place = place[key]
            place[("top", *path)[-1]] = hostile
            try:
                recipes.cook(changed["top"], models, runtime)
            except LineageError as error:
                refused.append(str(error))
    assert len(refused) > 50
    assert all(sentence.endswith(".") and len(sentence) < 1000 for sentence in refused)


@pytest.mark.parametrize(
    ("z", "said"),
    [
        ({}, "step made, z: one of normals, uniforms"),
        ({"fill": 1, "numbers": [[1]]}, "one of normals"),
        ({"fill": 1, "way": "circle"}, "no more than fill"),
        ({"fill": "1"}, "a number is wanted"),
        ({"fill": 1e7}, "from -1e+06 to 1e+06"),
        ({"numbers": [[1, 2, 3]]}, "as many numbers as divide 100"),
        ({"numbers": [[1], [1, 2]]}, "as many numbers as divide 100"),
        ({"normals": {"seed": 1, "stream": "z"}}, "its stream is one of Z"),
        ({"normals": {"seed": [1, 2], "count": 2}}, "from 1 to 1"),
        ({"uniforms": {"seed": 1}}, "its stream is one of Z"),
        ({"of": "made.image"}, "it names what is there by then: nothing"),
        ({"blend": [{"fill": 1}], "at": 1}, "a list of two inputs"),
        ({"blend": [{"fill": 1}, {"fill": 2}], "at": 1, "way": "round"}, "its way is straight or circle"),
        ({"blend": [{"fill": [1, 2]}, {"fill": [1, 2, 3]}], "at": 1}, "there are 2 and 3"),
        ({"sum": [{"fill": 1}], "weights": [1, 2]}, "as many weights as inputs"),
        ({"rows": [{"fill": 1}, {"fill": 2}], "take": [100]}, "from 0 to 99"),
        ({"sum": [{"sum": [{"sum": [{"sum": [{"sum": [{"fill": 1}]}]}]}]}]}, "nested four deep"),
    ],
)
def test_a_wrong_input_is_one_sentence_that_says_where(
    cook: Callable[..., recipes.Cooked], z: Any, said: str
) -> None:
    with pytest.raises(LineageError) as caught:
        cook(of_z(z))
    assert caught.value.code == "recipe.form"
    assert said in str(caught.value)
    assert "step made, z" in str(caught.value)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda r: r.update(recipe=2), '"recipe": 1 is wanted'),
        (lambda r: r.pop("steps"), "a list of steps"),
        (lambda r: r.update(extra=1), "no more than recipe, steps, picture, numbers"),
        (lambda r: (r.pop("picture"), r.pop("numbers")), "a picture is wanted, or numbers"),
        (lambda r: r.update(picture="made.z"), "z of gan is no picture"),
        (lambda r: r.update(picture="made.x"), "made.z, made.image"),
        (lambda r: r["steps"].append(r["steps"][0]), "a name of its own"),
        (lambda r: r["steps"][0].update(name="A"), "a name is wanted, of a to z"),
        (lambda r: r["steps"][0].update(role="decode"), "its graphs are: generate, discriminate"),
        (lambda r: r["steps"][0].update(snapshot=1), "no such snapshot"),
        (lambda r: r["steps"][0].update(inputs={}), "it takes z"),
        (lambda r: r["steps"][0].update(repeat={"times": 0}), "from 1 to"),
        (lambda r: r["steps"][0].update(repeat={"feed": {"z": "image"}}), "an output as large as the input"),
    ],
)
def test_a_wrong_recipe_is_one_sentence(
    cook: Callable[..., recipes.Cooked], change: Callable[[Any], Any], said: str
) -> None:
    recipe = of_z({"normals": {"seed": 7}})
    change(recipe)
    with pytest.raises(LineageError) as caught:
        cook(recipe)
    assert caught.value.code == "recipe.form"
    assert said in str(caught.value)


def test_a_class_that_is_none_is_refused(cook: Callable[..., recipes.Cooked], models: Catalog) -> None:
    """Catches a label that onnxruntime stumbles over, as if the file were broken."""
    for label in (10, -2, 0.5):
        recipe = cookbook.sample(models.model(DIGITS), 1)
        recipe["steps"][0]["inputs"]["label"] = {"fill": label}
        with pytest.raises(LineageError, match="whole numbers from -1 to 9"):
            cook(recipe)


def test_what_costs_too_much_is_refused_before_it_is_done(
    cook: Callable[..., recipes.Cooked], models: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    gan = cookbook.sample(models.model("gan"), 1)
    many = {**gan, "steps": [{**gan["steps"][0], "name": f"s{k}"} for k in range(9)], "picture": "s0.image"}
    chain = cookbook.gibbs(models.model("rbm"), None, 301, 1)
    chain["steps"][0]["repeat"]["times"] = 302
    big: Any = {"normals": {"seed": 1, "count": 128}}
    monkeypatch.setattr(Runtime, "run", lambda *arguments: pytest.fail("it was run"))
    for recipe, said in (
        (many, "8 steps at most; this one asks for 9"),
        (cookbook.sample(models.model("gan"), 1, 129), "128 samples at most; this one asks for 129"),
        (of_z({"fill": [0] * 129}), "128 samples at most"),
        (of_z({"normals": {"seed": list(range(200))}}), "128 samples at most"),
        (of_z({"blend": [{"fill": 0}, {"fill": 1}], "at": [0.5] * 129}), "128 samples at most"),
        (chain, "301 repetitions at most; this one asks for 302"),
        (of_z({"sum": [{"sum": [{"sum": [big] * 32}] * 32}] * 32}), "33,554,432 work at most"),
    ):
        with pytest.raises(LineageError, match=said) as caught:
            cook(recipe)
        assert caught.value.code == "recipe.bound"


def test_a_program_of_ones_own_may_do_more(cook: Callable[..., recipes.Cooked], models: Catalog) -> None:
    recipe = cookbook.sample(models.model("gan"), 1, 300)
    assert cook(recipe, recipes.TRUSTED).pictures.shape == (300, 1, 28, 28)
