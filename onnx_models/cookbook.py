"""The recipes of the page, the web API, the contact sheet and the evaluation: each kind of picture, once.

Every function returns a recipe as `RECIPES.md` describes it, for any model with the graphs it names; arrays
may stand in it for lists of numbers, and `plain` makes JSON of it. Arguments are not checked here: whoever
cooks does that.

    recipes.cook(cookbook.sample(catalog.model("dcgan"), seed=7, count=4), catalog, runtime).pictures
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from onnx_models.catalog import Graph, Model
from onnx_models.directions import Direction
from onnx_models.recipes import VERSION

Array = NDArray[Any]
Recipe = dict[str, Any]
Source = dict[str, Any]
"""An input, in one of the forms of `RECIPES.md`."""

UNIFORMS = {"hidden_noise": "HIDDEN", "visible_noise": "VISIBLE", "label_noise": "LABEL"}
"""The streams of a Gibbs step's noise, by input."""
FREE = -1
"""The class that is none."""


def takes(graph: Graph, name: str) -> bool:
    """Whether a graph has an input of that name."""
    return any(tensor.name == name for tensor in graph.inputs)


def is_stack(model: Model) -> bool:
    """Whether the Gibbs chain runs above other layers, its visible units not being the pixels."""
    units = model.graphs["gibbs_step"].input("visible").shape[1:]
    pixels = [model.image[axis] for axis in ("channels", "height", "width")]
    return int(np.prod([int(size) for size in units])) != int(np.prod(pixels))


def latents(model: Model, seed: int | Sequence[int], count: int = 1, sample: int = 0) -> Source:
    """Return z of one seed's samples from ``sample`` on, or the first z of each of several seeds.

    By `SEEDS.md`, but for a model that has its makers' seeds, of one z each.
    """
    if model.seeds is not None:
        return {"makers": {"seed": seed}}
    if isinstance(seed, Sequence):
        return {"normals": {"seed": list(seed)}}
    return {"normals": {"seed": seed, "sample": sample, "count": count}}


def generate(
    model: Model, z: Source | Array, label: int | Sequence[int] = FREE, snapshot: int | None = None
) -> Recipe:
    """Make a picture of each z, an input or float32 [count, z size].

    Parameters
    ----------
    label : class asked for, or one for each; a model that takes none makes no use of it
    snapshot : training images that an earlier generator of the model had seen

    """
    inputs: dict[str, Source] = {"z": z if isinstance(z, dict) else {"numbers": z}}
    if takes(model.graphs["generate"], "label"):
        inputs["label"] = {"fill": _each(label)}
    step = _step("made", model, "generate", inputs)
    return _recipe([step if snapshot is None else {**step, "snapshot": snapshot}], "made.image")


def sample(
    model: Model,
    seed: int,
    count: int = 1,
    label: int | Sequence[int] = FREE,
    snapshot: int | None = None,
    first: int = 0,
) -> Recipe:
    """Make ``count`` pictures of a seed, sample ``first`` and those after it."""
    z = {"normals": {"seed": seed, "sample": first, "count": count}}
    return generate(model, z, label, snapshot)


def interpolate(
    model: Model,
    seeds: tuple[int, int],
    at: Sequence[float] | Array,
    spherical: bool = True,
    label: int = FREE,
) -> Recipe:
    """Go from the first z of one seed to that of another: a picture at each fraction of the way."""
    ends = [{"normals": {"seed": seed}} for seed in seeds]
    way = "circle" if spherical else "straight"
    return generate(model, {"blend": ends, "at": at, "way": way}, label)


def judged(recipe: Recipe, model: Model, role: str) -> Recipe:
    """Show a recipe's pictures to a graph that takes them, no class asked: its outputs are its numbers."""
    graph = model.graphs[role]
    inputs: dict[str, Source] = {"image": {"of": recipe["picture"]}}
    if takes(graph, "label"):
        inputs["label"] = {"fill": FREE}
    steps = [*recipe["steps"], _step(role, model, role, inputs)]
    return {**recipe, "steps": steps, "numbers": [f"{role}.{tensor.name}" for tensor in graph.outputs]}


def reconstruct(model: Model, image: Array) -> Recipe:
    """Rebuild pictures, float32 [count, channels, height, width]; their codes are ``rebuilt.code``."""
    step = _step("rebuilt", model, "reconstruct", {"image": {"numbers": image}})
    return _recipe([step], "rebuilt.reconstruction", ["rebuilt.code"])


def classify(model: Model, image: Array) -> Recipe:
    """Read pictures, float32 [count, channels, height, width]: ``read.class_logits``, no picture."""
    step = _step("read", model, "classify", {"image": {"numbers": image}})
    return _recipe([step], None, ["read.class_logits"])


def decode(model: Model, code: Sequence[Sequence[float]] | Array) -> Recipe:
    """Make a picture of each code, [count, code size]."""
    return _recipe([_step("made", model, "decode", {"code": {"numbers": code}})], "made.image")


def chain(
    model: Model,
    start: Array | None,
    steps: int,
    seed: int,
    label: int | Sequence[int] = FREE,
    count: int = 1,
) -> Recipe:
    """Run Gibbs chains; the picture is their visible units, where those are the pixels, else there is none.

    One for each picture of ``start``, float32 [count, channels, height, width], or ``count`` of them from
    coins; the labels clamped or free.
    """
    graph = model.graphs["gibbs_step"]
    inputs: dict[str, Source] = {}
    listed = []
    # Pictures have noise of their own, each chain of them too.
    count = count if start is None else max(count, len(start))
    if start is None:
        inputs["visible"] = {"coins": {"seed": seed, "stream": "BINARY", "count": count}}
    elif is_stack(model):
        listed.append(_step("up", model, "encode", {"image": {"numbers": start}}))
        inputs["visible"] = {"of": "up.code"}
    else:
        inputs["visible"] = {"numbers": start}
    if takes(graph, "label"):
        inputs["label"] = {"fill": _each(label)}
    for name, stream in UNIFORMS.items():
        if takes(graph, name):
            inputs[name] = {"uniforms": {"seed": seed, "stream": stream, "count": count}}
    step = _step("gibbs", model, "gibbs_step", inputs)
    step["repeat"] = {"times": max(steps, 1), "feed": {"visible": "visible_sample"}}
    shown = f"gibbs.{_end(steps)}"
    return _recipe([*listed, step], None if is_stack(model) else shown, [shown] if is_stack(model) else ())


def gibbs(
    model: Model,
    start: Array | None,
    steps: int,
    seed: int,
    label: int | Sequence[int] = FREE,
    count: int = 1,
) -> Recipe:
    """Run Gibbs chains and show what they end in, carried down to the pixels; arguments as for `chain`."""
    recipe = chain(model, start, steps, seed, label, count)
    if is_stack(model):
        down = _step("down", model, "decode", {"code": {"of": f"gibbs.{_end(steps)}"}})
        return _recipe([*recipe["steps"], down], "down.image")
    return recipe


def _end(steps: int) -> str:
    """Return what shows the state after so many steps: a mean, or the start itself."""
    return "visible_mean" if steps else "visible"


# ---------------------------------------------------------------------------------------------------- styles


def truncation(model: Model, psi: float | Sequence[float] | Array, cutoff: int | None = None) -> Source:
    """Return the input ``psi``: one for all samples or one each, on ``cutoff`` styles; 1 on those after."""
    rows = int(model.graphs["mapping"].input("psi").shape[1])
    if cutoff is None or cutoff >= rows:
        return {"fill": psi}
    return {"rows": [{"fill": 1}, {"fill": psi}], "take": list(range(cutoff))}


def noise(model: Model, seed: int | None, count: int = 1, sample: int = 0) -> dict[str, Source]:
    """Return the inputs ``noise_K``: normals of samples from ``sample`` on of a seed, zeros for None."""
    names = [tensor.name for tensor in model.graphs["synthesis"].inputs if tensor.name.startswith("noise_")]
    if seed is None:
        return {name: {"fill": 0} for name in names}
    of = {"seed": seed, "stream": "NOISE", "sample": sample, "count": count}
    return {name: {"normals": {**of, "layer": int(name.removeprefix("noise_"))}} for name in names}


def moved(ws: Source, along: Iterable[tuple[Direction, float]]) -> Source:
    """Move styles along directions, each so many of its standard deviations."""
    terms, weights = [ws], [1.0]
    for direction, strength in along:
        vector = {"numbers": direction.vector[None]}
        terms.append({"rows": [{"fill": 0}, vector], "take": list(direction.layers)})
        weights.append(strength * direction.deviation)
    return {"sum": terms, "weights": weights} if len(terms) > 1 else ws


def style(model: Model, z: Source | Array, psi: Source, label: int | Sequence[int] = FREE) -> dict[str, Any]:
    """Return the step ``style``, which maps z to styles, ``style.ws``."""
    inputs: dict[str, Source] = {"z": z if isinstance(z, dict) else {"numbers": z}, "psi": psi}
    if takes(model.graphs["mapping"], "label"):
        inputs["label"] = {"fill": _each(label)}
    return _step("style", model, "mapping", inputs)


def paint(
    model: Model, ws: Source | Array, grains: Mapping[str, Source], first: Sequence[Mapping[str, Any]] = ()
) -> Recipe:
    """Paint styles, an input or float32 [count, rows, size of w], after the steps that make them."""
    given = ws if isinstance(ws, dict) else {"numbers": ws}
    return _recipe([*first, _step("paint", model, "synthesis", {"ws": given, **grains})], "paint.image")


def portrait(
    model: Model,
    seed: int,
    psi: Source,
    grains: Mapping[str, Source],
    label: int = FREE,
    mix: tuple[int, Sequence[int]] | None = None,
    along: Iterable[tuple[Direction, float]] = (),
) -> Recipe:
    """Paint a seed, moved along directions.

    Parameters
    ----------
    mix : another seed and the rows that its style lends, before anything is moved

    """
    if mix is None:
        one = style(model, latents(model, seed), psi, label)
        return paint(model, moved({"of": "style.ws"}, along), grains, [one])
    other, taken = mix
    both = style(model, latents(model, [seed, other]), psi, label)
    parents = [{"of": "style.ws", "sample": k} for k in (0, 1)]
    child = {"rows": parents, "take": [int(row) for row in taken]}
    return paint(model, moved(child, along), grains, [both])


# ------------------------------------------------------------------------------------------------------ JSON


def plain(recipe: Any) -> Any:
    """Return a recipe as JSON takes it: arrays as lists, float32 in no more digits than it has."""
    if isinstance(recipe, Mapping):
        return {key: plain(_flat(value) if key == "numbers" else value) for key, value in recipe.items()}
    if isinstance(recipe, list | tuple | range | np.ndarray):
        return [plain(value) for value in recipe]
    if isinstance(recipe, np.float32):
        return float(str(recipe))
    return recipe.item() if isinstance(recipe, np.generic) else recipe


def _flat(value: Any) -> Any:
    """Return the samples of an array, each as one list."""
    return value.reshape(len(value), -1) if isinstance(value, np.ndarray) else value


def _each(label: int | Sequence[int]) -> int | list[int]:
    """Return one class for all samples, or a list of one each."""
    return int(label) if isinstance(label, int | np.integer) else [int(one) for one in label]


def _step(name: str, model: Model, role: str, inputs: Mapping[str, Source]) -> dict[str, Any]:
    return {"name": name, "model": model.id, "role": role, "inputs": dict(inputs)}


def _recipe(steps: Sequence[Mapping[str, Any]], picture: str | None, numbers: Sequence[str] = ()) -> Recipe:
    recipe: Recipe = {"recipe": VERSION, "steps": [dict(step) for step in steps]}
    if picture is not None:
        recipe["picture"] = picture
    return {**recipe, "numbers": list(numbers)} if numbers else recipe
