"""What the models answer: pure functions of a library and arguments, the same for the page and the API.

Pictures are float32 [count, 1, 28, 28] in [0, 1], ink = 1; one picture alone is [1, 28, 28]. Noise comes from
`onnx_models.seeds`, so the same arguments give the same answer. Whatever goes wrong is a `LineageError`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from demo.engine import limits, occlusion
from demo.engine.corruption import Corruption, corrupt
from demo.engine.library import Digits, Library
from onnx_models import cookbook, recipes, seeds
from onnx_models.catalog import Graph, Model
from onnx_models.errors import LineageError
from onnx_models.seeds import Stream

Array = NDArray[np.float32]

SCORERS = ("criticise", "discriminate")
"""Graphs that score pictures; the first that ships is asked."""

_CLASSES = re.compile(r"\{-1, \.\.\., (\d{1,6})\}")


@dataclass(frozen=True)
class Answer:
    """What one model made of the picture; where `error` is set nothing else is."""

    model_id: str
    image: Array | None = None
    """float32 [1, height, width]; a linear model's may leave [0, 1]."""
    squared_error: float | None = None
    """Sum over pixels of (reconstruction - undamaged picture) squared."""
    free_energy: float | None = None
    """Of the picture the model was shown, in nats up to a constant; models with a free energy only."""
    code: Array | None = None
    """float32 [code size]."""
    milliseconds: float = 0.0
    """Inside onnxruntime, the reconstruction alone."""
    error: LineageError | None = None


@dataclass(frozen=True)
class Reconstruction:
    """One picture and every model's answer, in the order asked for."""

    original: Array
    """float32 [1, height, width]: before the damage."""
    shown: Array
    """float32 [1, height, width]: what the models saw."""
    answers: tuple[Answer, ...]


@dataclass(frozen=True)
class Layer:
    """What the units of one layer do in one state of a Gibbs chain."""

    name: str
    values: Array
    """float32 [chains, units] in [0, 1]: drawn bits where the chain draws them, means in between."""


@dataclass(frozen=True)
class Step:
    """One state of a Gibbs chain."""

    index: int
    visible_mean: Array
    """float32 [chains, 1, height, width]: the start at index 0, then P(visible = 1 | hidden).

    Of a stack of layers (a DBN), whose chain runs at the top: that mean carried down to the pixels.
    """
    free_energy: Array
    """float32 [chains], nats: of the state itself, a sample, not of its mean."""
    layers: tuple[Layer, ...]
    """From the one above the pixels to the top."""
    label_mean: Array | None
    """float32 [chains, classes], of the label units; None for a model that has none."""
    milliseconds: float
    """Inside onnxruntime."""


@dataclass(frozen=True)
class Chain:
    """A whole Gibbs chain, the start first."""

    visible_means: Array
    """float32 [steps + 1, chains, 1, height, width]."""
    free_energy: Array
    """float32 [steps + 1, chains], nats."""
    milliseconds: float


@dataclass(frozen=True)
class Samples:
    """Made pictures and what they were made from."""

    images: Array
    """float32 [count, 1, height, width]."""
    z: Array
    """float32 [count, z size]."""
    milliseconds: float


@dataclass(frozen=True)
class Scores:
    """How real a discriminator or critic takes each picture to be."""

    values: Array
    """float32 [count], in the units that the graph's `score` output states."""
    milliseconds: float


@dataclass(frozen=True)
class Occlusion:
    """What a score rests on, place by place."""

    change: Array
    """float32 [height, width]: how much the score falls when that place is erased, so that more than zero
    spoke for "real"; log-odds of a discriminator, a critic's own units."""
    milliseconds: float


@dataclass(frozen=True)
class Classes:
    """What a judge takes each picture to be."""

    probabilities: Array
    """float32 [count, classes], rows sum to 1."""
    labels: NDArray[np.int64]
    """int64 [count]: the likeliest class."""
    features: Array
    """float32 [count, features]: what the judge sees in them."""
    milliseconds: float


@dataclass(frozen=True)
class Neighbours:
    """The nearest training pictures of each picture, nearest first."""

    images: Array
    """float32 [count, k, 1, height, width]."""
    distances: Array
    """float32 [count, k]: Euclidean, in units of ink."""
    indices: NDArray[np.int64]
    """int64 [count, k]: positions in the data set's file."""
    labels: NDArray[np.int64]
    """int64 [count, k]."""


@dataclass(frozen=True)
class Real:
    """Real pictures to hold made ones against."""

    images: Array
    """float32 [count, 1, height, width]."""
    labels: NDArray[np.int64]
    """int64 [count]."""
    indices: NDArray[np.int64]
    """int64 [count]: positions in the data set's file."""


def reconstruct(
    library: Library,
    picture: Array,
    models: Sequence[str] | None = None,
    corruption: Corruption | None = None,
    seed: int = 0,
) -> Reconstruction:
    """Show a damaged picture to several models and measure what they rebuild against the undamaged one.

    A model that cannot answer says why in its `Answer`; the others answer all the same.

    Parameters
    ----------
    picture : float32 [1, height, width] in [0, 1]
    models : ids, default every model that reconstructs
    corruption : default none
    seed : of the salt

    """
    picture = np.asarray(picture, np.float32)
    chosen = [model.id for model in library.reconstructors] if models is None else list(models)
    if models is not None:
        limits.MODELS.check(len(chosen))
    shown = corrupt(picture, corruption or Corruption(), seeds.check_seed(seed))
    answers = tuple(_answer(library, model_id, picture, shown) for model_id in chosen)
    return Reconstruction(picture, shown, answers)


def gibbs_steps(
    library: Library,
    model_id: str,
    start: Array | None,
    steps: int,
    seed: int,
    label: int | Sequence[int] = -1,
    chains: int = 1,
) -> Iterator[Step]:
    """Run a Gibbs chain one state at a time, so that a caller can show progress or stop.

    Step t, 0 being the first, draws its uniforms from (seed, `Stream.HIDDEN`, `VISIBLE` and `LABEL`, step=t),
    chain c being sample c. Without a start the visible units are tossed, each a fair coin of `Stream.BINARY`.
    The arguments are checked at the call, before the first state is asked for.

    Parameters
    ----------
    start : float32 [1, height, width] in [0, 1], taken as probabilities, or None
    steps : how often hidden and visible units are drawn
    label : class the label units are clamped to, -1 for none; or one for each chain
    chains : run side by side from the same start with noise of their own

    """
    steps, chains = limits.STEPS.check(steps), limits.CHAINS.check(chains)
    labels = _labels(label)
    seed = seeds.check_seed(seed)
    model = library.model(model_id, *_chain_roles(library, model_id))
    if start is not None:
        _check_picture(model, start)
        start = np.asarray(start, np.float32)[None]
    # A step tells the free energy of the state it starts from, so the last state is run once more.
    recipe = cookbook.chain(model, start, steps + 1, seed, labels, chains)
    return _states(library, model, recipe, chains)


def gibbs(
    library: Library,
    model_id: str,
    start: Array | None,
    steps: int,
    seed: int,
    label: int | Sequence[int] = -1,
    chains: int = 1,
) -> Chain:
    """Run a whole Gibbs chain; arguments as for `gibbs_steps`."""
    states = list(gibbs_steps(library, model_id, start, steps, seed, label, chains))
    return Chain(
        np.stack([state.visible_mean for state in states]),
        np.stack([state.free_energy for state in states]),
        sum(state.milliseconds for state in states),
    )


def sample(library: Library, model_id: str, seed: int, count: int, label: int | None = None) -> Samples:
    """Make ``count`` pictures; the first n of them do not depend on how many are asked for.

    ``label`` is the class asked for; models that take none make no use of it.
    """
    model = library.model(model_id, "generate")
    count, seed = limits.COUNT.check(count), seeds.check_seed(seed)
    recipe = cookbook.sample(model, seed, count, _class(label))
    return _made(library, recipe)


def generate(library: Library, model_id: str, z: Array, label: int | None = None) -> Samples:
    """Make one picture of each given z, float32 [count, z size], all in one batch."""
    model = library.model(model_id, "generate")
    limits.LATENTS.check(len(z))
    return _made(library, cookbook.generate(model, np.asarray(z, np.float32), _class(label)))


def z_size(model: Model) -> int:
    """Return how many numbers a model's `generate` takes for one picture."""
    return _size(model.graphs["generate"], "z")


def takes_label(model: Model, role: str) -> bool:
    """Whether that graph of a model has an input for the class."""
    return cookbook.takes(model.graphs[role], "label")


def classes(model: Model, role: str) -> int:
    """Return how many classes that graph of a model can be asked for, 0 where none can."""
    if not takes_label(model, role):
        return 0
    match = _CLASSES.fullmatch(model.graphs[role].input("label").range)
    return int(match[1]) + 1 if match else limits.LABEL.highest + 1


def interpolate(
    library: Library,
    model_id: str,
    seed_a: int,
    seed_b: int,
    count: int,
    spherical: bool = True,
    label: int | None = None,
) -> Samples:
    """Make the pictures on the way from the first z of one seed to that of another, both ends included."""
    model = library.model(model_id, "generate")
    count = limits.INTERPOLATION.check(count)
    at = np.linspace(0.0, 1.0, count, dtype=np.float32)
    recipe = cookbook.interpolate(model, (seed_a, seed_b), at, spherical, _class(label))
    return _made(library, recipe)


def scores(library: Library, model_id: str, images: Array, label: int | None = None) -> Scores:
    """Ask a discriminator or critic how real each picture looks; the first of the two graphs that ships."""
    model, graph = _scorer(library, model_id)
    images = _pictures(model, images)
    inputs = {"image": images} | _label(graph, label, len(images))
    result = library.runtime.run(graph, inputs)
    return Scores(result["score"].reshape(len(images)), result.milliseconds)


def occlude(library: Library, model_id: str, image: Array, label: int | None = None) -> Occlusion:
    """Erase one picture, float32 [channels, height, width], patch by patch under a discriminator or critic.

    The whole picture and its 196 damaged copies are one batch. Ink is erased to paper, colour to mid-grey.
    """
    model, graph = _scorer(library, model_id)
    image = _pictures(model, np.asarray(image, np.float32)[None])[0]
    patches = occlusion.masks(*image.shape[1:])
    ground = 0.0 if len(image) == 1 else 0.5
    batch = np.concatenate([image[None], occlusion.erased(image, patches, ground)])
    result = library.runtime.run(graph, {"image": batch} | _label(graph, label, len(batch)))
    scores = result["score"].reshape(len(batch)).astype(np.float64)
    evidence = scores if graph.role == "criticise" else occlusion.log_odds(scores)
    return Occlusion(occlusion.spread(evidence[0] - evidence[1:], patches), result.milliseconds)


def encode(library: Library, model_id: str, images: Array) -> Array:
    """Return the code that a model gives each picture: float32 [count, code size]."""
    graph = library.model(model_id, "encode").graphs["encode"]
    return library.runtime.run(graph, {"image": np.asarray(images, np.float32)})["code"].reshape(
        len(images), -1
    )


def decode(library: Library, model_id: str, codes: Array) -> Array:
    """Return what a model makes of each code, float32 [count, code size]: pictures."""
    graph = library.model(model_id, "decode").graphs["decode"]
    return library.runtime.run(graph, {"code": np.asarray(codes, np.float32)})["image"]


def code_size(model: Model) -> int:
    """Return how many numbers a model's `decode` takes for one picture."""
    return _size(model.graphs["decode"], "code")


def classify(library: Library, model_id: str, images: Array) -> Classes:
    """Ask a judge for the class of each picture."""
    model = library.model(model_id, "classify")
    images = _pictures(model, images)
    result = library.runtime.run(model.graphs["classify"], {"image": images})
    probabilities = _softmax(result["class_logits"].astype(np.float64)).astype(np.float32)
    features = result["features"].reshape(len(images), -1)
    return Classes(probabilities, probabilities.argmax(axis=1), features, result.milliseconds)


def answers(library: Library, model_id: str, images: Array) -> dict[str, Array]:
    """Ask a judge of attributes all its questions about each picture.

    Returns
    -------
    By question, float32 [count, answers]: how likely each of its ``values`` is, rows sum to 1

    """
    model = library.model(model_id, "classify")
    images = _pictures(model, images)
    logits = library.runtime.run(model.graphs["classify"], {"image": images})["class_logits"]
    ends = np.cumsum([len(question.values) for question in model.questions])[:-1]
    parts = np.split(logits.astype(np.float64), ends, axis=1)
    return {
        question.name: _softmax(part).astype(np.float32)
        for question, part in zip(model.questions, parts, strict=True)
    }


def filters(library: Library, model_id: str) -> Array:
    """Show the first layer's weights as pictures, one a hidden unit.

    Each filter is scaled by its own largest weight, so that 0.5 is a weight of zero, 1 pulls towards ink and
    0 away from it.

    Returns
    -------
    float32 [hidden, height, width] in [0, 1]

    """
    model = library.model(model_id, "parameters")
    result = library.runtime.run(model.graphs["parameters"], {})
    first = min(name for name in result.outputs if name.startswith("weight"))
    shape = (model.image["height"], model.image["width"])
    weight = result[first].reshape(-1, *shape)
    largest = np.abs(weight).max(axis=(1, 2), keepdims=True)
    return (0.5 + 0.5 * weight / np.maximum(largest, 1e-12)).astype(np.float32)


def nearest(library: Library, dataset_id: str, images: Array, k: int = 5) -> Neighbours:
    """Find the training pictures closest to each picture by Euclidean distance over pixels.

    Parameters
    ----------
    images : float32 [count, channels, height, width] in [0, 1]
    k : neighbours a picture

    """
    digits = library.neighbours(dataset_id)
    k = min(limits.NEIGHBOURS.check(k), len(digits))
    limits.COUNT.check(len(images))
    flat = np.asarray(images, np.float32).reshape(len(images), -1)
    if flat.shape[1] != digits.images[0].size or not np.isfinite(flat).all():
        raise _bad_pictures(digits.images.shape[1:], np.shape(images))
    order = np.argpartition(_rough_distances(digits, flat), k - 1, axis=1)[:, :k]
    exact = np.linalg.norm(digits.pictures(order).reshape(*order.shape, -1) - flat[:, None], axis=2)
    indices = np.take_along_axis(order, np.argsort(exact, axis=1, kind="stable"), axis=1)
    return Neighbours(
        digits.pictures(indices),
        np.sort(exact, axis=1),
        indices,
        digits.labels[indices].astype(np.int64),
    )


def real(
    library: Library,
    dataset_id: str,
    seed: int,
    count: int,
    label: int | None = None,
    training: bool = False,
) -> Real:
    """Pick real pictures by seed, none twice; of one class where ``label`` is 0 or more.

    There are no more than the data set's example file holds: fewer come back where fewer fit. ``training``
    picks from the training pictures instead.
    """
    digits = library.neighbours(dataset_id) if training else library.examples(dataset_id)
    count, seed = limits.COUNT.check(count), seeds.check_seed(seed)
    wanted = limits.LABEL.check(-1 if label is None else label)
    fitting = np.flatnonzero(digits.labels == wanted) if wanted >= 0 else np.arange(len(digits))
    # A random key for each picture, and the smallest keys win: a shuffle that any language can repeat.
    keys = seeds.words(seed, 1, len(digits), Stream.CHOICE)[0][fitting]
    indices = fitting[np.argsort(keys, kind="stable")[:count]]
    return Real(digits.pictures(indices), digits.labels[indices].astype(np.int64), indices)


def _scorer(library: Library, model_id: str) -> tuple[Model, Graph]:
    """Return a model and its graph that scores pictures: the first of the two that ships."""
    model = library.model(model_id)
    role = next((role for role in SCORERS if model.has(role)), SCORERS[-1])
    return model, library.model(model_id, role).graphs[role]


def _answer(library: Library, model_id: str, original: Array, shown: Array) -> Answer:
    try:
        model = library.model(model_id, "reconstruct")
        _check_picture(model, shown)
        recipe = cookbook.reconstruct(model, shown[None])
        cooked = recipes.cook(recipe, library.catalog, library.runtime)
        image = cooked.pictures[0]
        difference = image.astype(np.float64) - original
        return Answer(
            model_id,
            image,
            float(np.sum(difference**2)),
            _free_energy(library, model, shown),
            cooked.numbers["rebuilt.code"].reshape(-1),
            cooked.milliseconds,
        )
    except LineageError as error:
        return Answer(model_id, error=error)


def _free_energy(library: Library, model: Model, picture: Array) -> float | None:
    """Return the picture's own free energy; None for a stack, which has one of its top layers only."""
    if not model.has("gibbs_step") or cookbook.is_stack(model):
        return None
    recipe = cookbook.chain(model, picture[None], 1, seed=0) | {"numbers": ["gibbs.free_energy"]}
    return float(recipes.cook(recipe, library.catalog, library.runtime).numbers["gibbs.free_energy"][0])


def _chain_roles(library: Library, model_id: str) -> tuple[str, ...]:
    """Return the graphs that a chain of that model needs."""
    model = library.model(model_id, "gibbs_step")
    return ("gibbs_step", "encode", "decode") if cookbook.is_stack(model) else ("gibbs_step",)


def _states(library: Library, model: Model, recipe: cookbook.Recipe, chains: int) -> Iterator[Step]:
    """Read a chain's states off a recipe whose last repetition is one look at the state it ends in."""
    told = ["visible", "visible_mean", "hidden", "free_energy"]
    told += [tensor.name for tensor in model.graphs["gibbs_step"].outputs if tensor.name == "label_mean"]
    recipe = recipe | {"numbers": [f"gibbs.{name}" for name in told]}
    mean = None
    for t, frame in enumerate(recipes.frames(recipe, library.catalog, library.runtime)):
        now = {name: frame.numbers[f"gibbs.{name}"] for name in told}
        visible = now["visible"].reshape(chains, -1)
        picture, between, milliseconds = _down(library, model, visible if mean is None else mean)
        if cookbook.is_stack(model):
            between = (*between, Layer("visible", visible))
        yield Step(
            t,
            picture,
            now["free_energy"].reshape(chains),
            (*between, Layer("hidden", now["hidden"].reshape(chains, -1))),
            now["label_mean"].reshape(chains, -1) if "label_mean" in now else None,
            frame.milliseconds + milliseconds,
        )
        mean = now["visible_mean"].reshape(chains, -1)


def _down(library: Library, model: Model, visible: Array) -> tuple[Array, tuple[Layer, ...], float]:
    """Carry the chain's visible units down to the pixels: pictures, layers passed on the way, milliseconds.

    Such a layer is an output of `decode` called ``hidden_K``, K counting from the pixels.
    """
    if not cookbook.is_stack(model):
        channels, height, width = model.image["channels"], model.image["height"], model.image["width"]
        return visible.reshape(-1, channels, height, width), (), 0.0
    graph = model.graphs["decode"]
    result = library.runtime.run(graph, {"code": visible.reshape(_shape(graph, "code", len(visible)))})
    passed = sorted(name for name in result.outputs if name.startswith("hidden_"))
    layers = tuple(Layer(name, result[name].reshape(len(visible), -1)) for name in passed)
    return result["image"], layers, result.milliseconds


def _made(library: Library, recipe: cookbook.Recipe) -> Samples:
    cooked = recipes.cook(recipe | {"numbers": ["made.z"]}, library.catalog, library.runtime)
    return Samples(cooked.pictures, cooked.numbers["made.z"], cooked.milliseconds)


def _labels(label: int | Sequence[int]) -> list[int]:
    return [limits.LABEL.check(one) for one in (label if isinstance(label, Sequence) else (label,))]


def _label(graph: Graph, label: int | None, count: int) -> dict[str, NDArray[np.int64]]:
    """The label input of a conditional graph; nothing for the others."""
    value = _class(label)
    return {"label": np.full(count, value, np.int64)} if cookbook.takes(graph, "label") else {}


def _class(label: int | None) -> int:
    return limits.LABEL.check(-1 if label is None else label)


def _softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    odds = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(odds / odds.sum(axis=1, keepdims=True))


def _size(graph: Graph, name: str) -> int:
    """How many numbers one sample has in that input."""
    return int(np.prod([axis for axis in graph.input(name).shape if isinstance(axis, int)]))


def _shape(graph: Graph, name: str, batch: int) -> tuple[int, ...]:
    return tuple(axis if isinstance(axis, int) else batch for axis in graph.input(name).shape)


def _pictures(model: Model, images: Array) -> Array:
    """Check a batch of pictures before it reaches a model."""
    images = np.asarray(images, np.float32)
    limits.COUNT.check(len(images))
    if images.ndim != 4:
        raise _bad_pictures(tuple(model.image.values()), images.shape)
    _check_picture(model, images[0])
    return images


def _check_picture(model: Model, picture: Array) -> None:
    wanted = (model.image["channels"], model.image["height"], model.image["width"])
    if np.shape(picture) != wanted:
        raise _bad_pictures(wanted, np.shape(picture))


def _bad_pictures(wanted: tuple[int, ...], found: tuple[int, ...]) -> LineageError:
    return LineageError(
        "picture.shape",
        f"This model takes pictures of {list(wanted)} finite numbers, got {list(found)}.",
        expected=str(list(wanted)),
        found=str(list(found)),
    )


def _rough_distances(digits: Digits, pictures: Array) -> Array:
    """|b|^2 - 2 a.b of all pairs, float32 [pictures, digits]: ranks the digits b of each picture a.

    It is |a - b|^2 without |a|^2, in squared bytes, to about one part in 10^7.
    """
    scaled = np.float32(255.0) * pictures
    # Matrix by vector, picture by picture: a small matrix product would wake all of BLAS's threads each time.
    products = [[chunk @ picture for picture in scaled] for chunk in digits.chunks()]
    return np.asarray(digits.squared_lengths - 2.0 * np.concatenate(products, axis=1), np.float32)
