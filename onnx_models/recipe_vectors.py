"""`python -m onnx_models.recipe_vectors > onnx_models/recipes.json`: recipes with what comes of them.

To be run again when a graph that they rest on is replaced: `faults` names those that are stale.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from onnx_models import catalog, cookbook, directions, recipes
from onnx_models.catalog import Catalog
from onnx_models.errors import LineageError
from onnx_models.runtime import Runtime

COMMAND = "python -m onnx_models.recipe_vectors > onnx_models/recipes.json"
PLACES = 16
"""Numbers of a picture that are written down, spread over all of it by the golden ratio."""
MARGIN = 2e-5
"""How far a mean keeps from the noise that it is compared with: more than two runtimes differ by."""
_GOLDEN = (5**0.5 - 1) / 2


def cases(models: Catalog, runtime: Runtime) -> Iterator[tuple[str, cookbook.Recipe]]:
    """Yield names and recipes: every form of an input, every kind of network that ships."""
    dcgan, avatars, digits = map(models.model, ("dcgan", "stylegan2_avatars", "stylegan2_digits"))
    rbm, dbn = models.model("rbm"), models.model("dbn")
    one = np.zeros((1, 1, 28, 28), np.float32)
    one[:, :, 4:24, 12:16] = 1

    yield (
        "a GAN's two samples, and what a judge sees in them",
        _judged(cookbook.sample(models.model("gan"), 7, 2)),
    )
    yield "each class of a conditional GAN", cookbook.sample(models.model("cgan"), 42, 10, range(10))
    yield "half way on the great circle", cookbook.interpolate(dcgan, (1, 2), [0.25, 0.5], True)
    yield "half way straight on", cookbook.interpolate(dcgan, (1, 2), [0.5], False)
    terms: Any = [{"normals": {"seed": seed}} for seed in (3, 4, 5)]
    yield "one z minus another plus a third", cookbook.generate(dcgan, {"sum": terms, "weights": [1, -1, 1]})
    yield "an earlier generator", cookbook.sample(dcgan, 7, snapshot=dcgan.snapshots[1].images_seen)
    yield "a face in colour", cookbook.sample(models.model("dcgan_avatars"), 4294967295, first=3)
    yield "a drawn one, rebuilt", cookbook.reconstruct(rbm, one)
    yield (
        "a code, decoded",
        {
            "recipe": recipes.VERSION,
            "steps": [
                {
                    "name": "made",
                    "model": "vae",
                    "role": "decode",
                    "inputs": {"code": {"normals": {"seed": 8}}},
                }
            ],
            "picture": "made.image",
        },
    )
    yield (
        "two chains of an RBM from coins",
        _steady(lambda seed: cookbook.gibbs(rbm, None, 3, seed, count=2), models, runtime),
    )
    yield (
        "a chain of an RBM from a picture",
        _steady(lambda seed: cookbook.gibbs(rbm, one, 2, seed), models, runtime),
    )
    yield (
        "three classes held by a belief network",
        _steady(lambda seed: cookbook.gibbs(dbn, None, 3, seed, [0, 4, 7], 3), models, runtime),
    )
    psi = cookbook.truncation(digits, 0.5, 4)
    yield (
        "a StyleGAN's digit, partly truncated",
        cookbook.portrait(digits, 9, psi, cookbook.noise(digits, 1), 4),
    )
    half = cookbook.truncation(avatars, 0.7)
    still = cookbook.noise(avatars, None)
    grains = cookbook.noise(avatars, 0)
    yield (
        "a face with another's coarse styles",
        cookbook.portrait(avatars, 7, half, grains, mix=(42, range(4))),
    )
    along = [(one, one.strength) for one in directions.load(avatars)[:1]]
    yield (
        "a face moved along a direction, without noise",
        cookbook.portrait(avatars, 7, half, still, along=along),
    )


def vectors(directory: Path = catalog.DIRECTORY) -> list[dict[str, Any]]:
    """Cook every case with the files that ship."""
    models, runtime = catalog.load(directory), Runtime("cpu", threads=1)
    found = []
    for name, recipe in cases(models, runtime):
        plain = cookbook.plain(recipe)
        cooked = recipes.cook(plain, models, runtime)
        graphs = {step["name"]: _graph(models, step) for step in plain["steps"]}
        shown = {plain["picture"]: cooked.pictures} | dict(cooked.numbers)
        tolerance = max(graph.tolerance for graph in graphs.values())
        painted = {f"{step}.image" for step, graph in graphs.items() if graph.role == "synthesis"}
        found.append(
            {
                "name": name,
                "graphs": [graph.sha256 for graph in graphs.values()],
                "values": {at: _vector(array, tolerance, at in painted) for at, array in shown.items()},
                "recipe": plain,
            }
        )
    return found


def faults(directory: Path = catalog.DIRECTORY) -> list[str]:
    """Return a sentence for each vector that rests on a graph which no longer ships."""
    path = directory / "recipes.json"
    if not path.is_file():
        return []
    listed, models = json.loads(path.read_text("utf-8"))["vectors"], catalog.load(directory)
    said = []
    for vector in listed:
        try:
            now = [_graph(models, step).sha256 for step in vector["recipe"]["steps"]]
        except (LineageError, StopIteration, KeyError):
            now = []
        if now != vector["graphs"]:
            said.append(
                f"recipes.json: {vector['name']!r} rests on files that were replaced: run `{COMMAND}`."
            )
    return said


def text() -> str:
    """Return the whole of `recipes.json`, a vector a line."""
    lines = ",\n".join(json.dumps(vector) for vector in vectors())
    return f'{{"vectors": [\n{lines}\n]}}'


def _graph(models: Catalog, step: Mapping[str, Any]) -> catalog.Graph:
    model = models.model(step["model"])
    if "snapshot" not in step:
        return model.graphs[step["role"]]
    return next(one.graph for one in model.snapshots if one.images_seen == step["snapshot"])


def _vector(array: NDArray[Any], tolerance: float, painted: bool) -> dict[str, Any]:
    """Return what is kept of an array; its tolerance is scaled by the size of its numbers."""
    flat = array.astype(np.float64).ravel()
    places = sorted({int(flat.size * ((k + 1) * _GOLDEN % 1)) for k in range(PLACES)})
    scale = float(flat.std()) if painted else max(1.0, float(np.abs(flat).max()))
    return {
        "shape": list(array.shape),
        "at": places,
        "values": [_short(flat[place]) for place in places],
        "mean": _short(flat.mean()),
        "deviation": _short(flat.std()),
        "tolerance": _short(tolerance * scale),
    }


def _short(value: float) -> float:
    return float(f"{value:.7g}")


def _judged(recipe: cookbook.Recipe) -> cookbook.Recipe:
    """Let a judge look at the picture."""
    inputs = {"image": {"of": recipe["picture"]}}
    judge = {"name": "judge", "model": "classifier_cnn", "role": "classify", "inputs": inputs}
    return {**recipe, "steps": [*recipe["steps"], judge], "numbers": ["judge.class_logits"]}


def _steady(write: Callable[[int], cookbook.Recipe], models: Catalog, runtime: Runtime) -> cookbook.Recipe:
    """Return a chain of the first seed whose means keep away from their noise, so that no bit is in doubt."""
    told = [f"gibbs.{kind}_{what}" for kind in ("hidden", "visible") for what in ("mean", "noise")]
    for seed in range(1000):
        recipe = write(seed)
        states = [one.numbers for one in recipes.frames({**recipe, "numbers": told}, models, runtime)]
        means, noises = (
            np.concatenate([np.ravel(one[name]) for one in states for name in told[k::2]]) for k in (0, 1)
        )
        if np.abs(means - noises).min() > MARGIN:
            return {**recipe, "numbers": ["gibbs.free_energy"]}
    raise LineageError("recipe.vectors", "No seed below 1000 has a chain without a bit in doubt.")


if __name__ == "__main__":
    sys.stdout.write(f"{text()}\n")
