"""A picture as data, and the one interpreter of it: `cook` makes it, `frames` shows a Gibbs chain on its way.

A recipe is a JSON value: steps that each run one shipped graph on inputs made from seeds, numbers and earlier
outputs, and which output is the picture. `RECIPES.md` specifies it, `recipe.schema.json` is its form,
`recipes.json` holds vectors, and `recipes.js` cooks the same in a browser or in Node. `onnx_models.cookbook`
writes the recipes that the page, the web API and the evaluation use.

A recipe may come from anybody: what is wrong with it is a `LineageError` ``recipe.form`` that says where, and
what would cost too much one of ``recipe.bound`` that says which of the `Bounds`, before it is done.

    Shoemake 1985, "Animating rotation with quaternion curves"; White 2016, "Sampling generative networks"
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from onnx_models import seeds
from onnx_models.catalog import Catalog, Graph, Model, Tensor
from onnx_models.errors import LineageError
from onnx_models.runtime import Runtime
from onnx_models.seeds import Stream

Array = NDArray[Any]
Recipe = Mapping[str, Any]

VERSION = 1
PIECE = 2**17
"""Pixels of pictures in one run of a graph; more samples are made in several runs."""
LARGEST = 1e6
"""Of a number written in a recipe."""

_NAME = re.compile(r"[a-z][a-z0-9_]{0,31}")
_WHOLE_RANGE = re.compile(r"\{(-?\d+), \.\.\., (\d+)\}")


@dataclass(frozen=True)
class Bounds:
    """How much one recipe may ask for."""

    steps: int = 8
    samples: int = 128
    times: int = 301
    """Repetitions of a step: 300 Gibbs steps, and a last look at the state they end in."""
    work: int = 2**25
    """Numbers made, over all inputs, and over the largest thing that each run of a graph takes or gives: ten
    chains of 300 steps, a thousand StyleGAN pictures of 64 x 64 in colour, or eight of 1024 x 1024."""


PUBLIC = Bounds()
TRUSTED = Bounds(samples=100_000, times=100_000, work=2**62)
"""For programs that know what they ask for."""


@dataclass(frozen=True)
class Cooked:
    """What a recipe gave, at its end or after one repetition of its repeated step."""

    pictures: NDArray[np.float32]
    """float32 [samples, channels, height, width]; [0, 0, 0, 0] of a recipe that has no picture."""
    numbers: Mapping[str, Array]
    """What the recipe lists beside the picture, by ``step.name``: [samples, ...] each."""
    milliseconds: float
    """Inside onnxruntime, since the frame before."""


def cook(recipe: Recipe, catalog: Catalog, runtime: Runtime, bounds: Bounds = PUBLIC) -> Cooked:
    """Make the picture of a recipe; in Python an array may stand for the ``numbers`` in it.

    Raises
    ------
    LineageError
        ``recipe.form``, ``recipe.bound``, ``seed.range``, ``model.unknown``, and what `Runtime.run` raises.

    """
    (last,) = _cooking(recipe, _Kitchen(catalog, runtime, bounds), every=False)
    return last


def frames(recipe: Recipe, catalog: Catalog, runtime: Runtime, bounds: Bounds = PUBLIC) -> Iterator[Cooked]:
    """Yield the picture after each repetition of the repeated step; the last is that of `cook`.

    Steps before the repeated one run once, those after it each time. A recipe that repeats nothing has one
    frame. Arguments and errors as for `cook`, raised when the first frame is asked for.
    """
    return _cooking(recipe, _Kitchen(catalog, runtime, bounds), every=True)


# --------------------------------------------------------------------------------------------------- cooking


@dataclass(frozen=True)
class _Step:
    name: str
    model: Model
    graph: Graph
    brief: bool
    """A snapshot, whose session need not be kept."""
    inputs: Mapping[str, Any]
    times: int
    feed: Mapping[str, str]
    """Inputs that from the second repetition on are outputs of the one before."""


@dataclass
class _Kitchen:
    """What has been made so far, and what it has cost."""

    catalog: Catalog
    runtime: Runtime
    bounds: Bounds
    values: dict[str, Array] = field(default_factory=dict)
    """By ``step.name`` of an input or output: [samples, ...] each."""
    worked: int = 0
    milliseconds: float = 0.0

    def work(self, amount: int) -> None:
        self.worked += amount
        check_bound("work", self.worked, self.bounds.work)

    def make(self, samples: int, size: int) -> None:
        """Be asked for so many numbers, before they are made."""
        check_bound("samples", samples, self.bounds.samples)
        self.work(samples * size)

    def run(self, step: _Step, turn: int) -> None:
        """Run a step on all its samples, a piece at a time."""
        given: dict[str, Array] = {}
        for tensor in step.graph.inputs:
            if turn and tensor.name in step.feed:
                given[tensor.name] = self.values[f"{step.name}.{step.feed[tensor.name]}"]
            else:
                place = f"step {step.name}, {tensor.name}"
                given[tensor.name] = self.input(step.inputs[tensor.name], tensor, turn, place)
        samples = _common(given.values(), f"step {step.name}")
        check_bound("samples", samples, self.bounds.samples)
        tensors = (*step.graph.inputs, *step.graph.outputs)
        self.work(samples * max(map(_size, tensors)))
        each = max(
            1, PIECE // max(math.prod(_shape(one)[1:]) if len(one.shape) == 4 else 1 for one in tensors)
        )
        parts = []
        for first in range(0, samples, each):
            count = min(each, samples - first)
            some = {name: _some(array, first, count) for name, array in given.items()}
            result = self.runtime.run(step.graph, some, step.brief)
            parts.append(result.outputs)
            self.milliseconds += result.milliseconds
        for name, array in given.items():
            self.values[f"{step.name}.{name}"] = _some(array, 0, samples)
        for name in parts[0]:
            made = [part[name] for part in parts]
            self.values[f"{step.name}.{name}"] = made[0] if len(made) == 1 else np.concatenate(made)

    def input(self, spec: Any, tensor: Tensor, turn: int, where: str) -> Array:
        """Return an input as the graph takes it: [samples, ...], or [1, ...] where all have the same."""
        values = self.numbers(spec, tensor, turn, where, depth=0)
        if tensor.dtype == "int64":
            match = _WHOLE_RANGE.fullmatch(tensor.range)
            low, high = (int(match[1]), int(match[2])) if match else (-LARGEST, LARGEST)
            if not ((values % 1 == 0) & (values >= low) & (values <= high)).all():
                _fault(where, f"whole numbers from {low:g} to {high:g} are wanted")
        return values.astype(tensor.dtype, copy=False).reshape(len(values), *_shape(tensor))

    def numbers(self, spec: Any, tensor: Tensor, turn: int, where: str, depth: int) -> Array:
        """Return what an input's one form says: [samples, size of the tensor]."""
        size = _size(tensor)
        forms = [form for form in FORMS if form in spec] if isinstance(spec, Mapping) else []
        if len(forms) != 1 or depth > 4:
            _fault(where, f"one of {', '.join(FORMS)} is wanted, nested four deep at most")
        (form,) = forms
        _fields(spec, (form, *FORMS[form]), where)
        value, where = spec[form], f"{where}, {form}"
        if form in ("normals", "uniforms", "coins", "makers"):
            made = self._drawn(form, value, size, turn, where)
        elif form == "fill":
            self.make(_length(value), size)
            made = np.repeat(_listed(value, where)[:, None], size, axis=1)
        elif form == "numbers":
            self.make(_length(value), size)
            made = _written(value, size, where)
        elif form == "of":
            made = self._of(spec, size, where)
        else:
            if not isinstance(value, list | tuple) or len(value) not in (
                (2,) if form != "sum" else range(1, 33)
            ):
                _fault(where, "a list of two inputs is wanted, or of up to 32 to be added")
            parts = [self.numbers(part, tensor, turn, where, depth + 1) for part in value]
            weights = spec.get("weights", ())
            beside = [spec.get("at"), *(weights if isinstance(weights, list | tuple) else ())]
            self.make(max(map(_length, (*parts, *beside))), size)
            made = {"sum": _sum, "blend": _blend, "rows": _rows}[form](parts, spec, tensor, where)
        return made

    def _drawn(self, form: str, at: Any, size: int, turn: int, where: str) -> Array:
        _fields(at, ("seed",) if form == "makers" else _PLACE, where)
        many = isinstance(at.get("seed"), list | tuple)
        of = at["seed"] if many else [at.get("seed")]
        count = _whole(at.get("count", 1), 1, 1 if many else 2**31, where)
        self.make(max(count, len(of)), size)
        if not of:
            _fault(where, "a seed is wanted")
        if form == "makers":
            return np.concatenate([seeds.makers_normals(seed, size) for seed in of])
        stream = at.get("stream", "Z" if form == "normals" else None)
        if not isinstance(stream, str) or stream not in Stream.__members__:
            _fault(where, f"its stream is one of {', '.join(Stream.__members__)}")
        first, step, layer = (
            _whole(at.get(name, 0), 0, 2**31, f"{where}, {name}") for name in ("sample", "step", "layer")
        )
        draw = seeds.normals if form == "normals" else seeds.uniforms
        drawn = np.concatenate(
            [
                draw(seed, count, size, Stream[stream], first=first, step=step + turn, layer=layer)
                for seed in of
            ]
        )
        return (drawn < 0.5).astype(np.float32) if form == "coins" else drawn

    def _of(self, spec: Mapping[str, Any], size: int, where: str) -> Array:
        found = self.values.get(spec["of"]) if isinstance(spec["of"], str) else None
        if found is None:
            _fault(where, f"it names what is there by then: {', '.join(self.values) or 'nothing'}")
        if found[0].size != size:
            _fault(where, f"{spec['of']} holds {found[0].size} numbers where {size} are wanted")
        if "sample" in spec:
            one = _whole(spec["sample"], 0, len(found) - 1, f"{where}, sample")
            found = found[one : one + 1]
        return found.reshape(len(found), size)


FORMS: Mapping[str, tuple[str, ...]] = {
    "normals": (),
    "uniforms": (),
    "coins": (),
    "makers": (),
    "fill": (),
    "numbers": (),
    "of": ("sample",),
    "sum": ("weights",),
    "blend": ("at", "way"),
    "rows": ("take",),
}
"""The forms of an input, and what may stand beside each."""
_PLACE = ("seed", "stream", "sample", "count", "step", "layer")


def _cooking(recipe: Recipe, kitchen: _Kitchen, every: bool) -> Iterator[Cooked]:
    _fields(recipe, ("recipe", "steps", "picture", "numbers"), "its top")
    if recipe.get("recipe") != VERSION:
        _fault("its top", f'"recipe": {VERSION} is wanted, which says how it is to be read')
    listed, wanted = recipe.get("steps"), recipe.get("numbers", [])
    if not isinstance(listed, list | tuple) or not listed or not isinstance(wanted, list | tuple):
        _fault("its top", "a list of steps is wanted, and where there are numbers a list of their names")
    check_bound("steps", len(listed), kitchen.bounds.steps)
    steps = [_step(entry, kitchen, f"steps, {k}") for k, entry in enumerate(listed)]
    turning = [k for k, step in enumerate(steps) if step.times > 1 or step.feed] or [len(steps) - 1]
    if len(turning) > 1 or len({step.name for step in steps}) < len(steps):
        _fault("steps", "one step is repeated at most, and each has a name of its own")
    tensors = {
        f"{step.name}.{one.name}": (step.model, one)
        for step in steps
        for one in (*step.graph.inputs, *step.graph.outputs)
    }
    shown = [recipe["picture"]] if "picture" in recipe else []
    if not shown and not wanted:
        _fault("its top", "a picture is wanted, or numbers")
    for name in (*shown, *wanted):
        if not isinstance(name, str) or name not in tensors:
            _fault("picture or numbers", f"what a step takes or gives is wanted: {', '.join(tensors)}")
    shapes = [_picture_shape(*tensors[name]) for name in shown]
    for step in steps[: turning[0]]:
        kitchen.run(step, 0)
    for turn in range(times := steps[turning[0]].times):
        kitchen.run(steps[turning[0]], turn)
        if every or turn + 1 == times:
            for step in steps[turning[0] + 1 :]:
                kitchen.run(step, 0)
            pictures = np.empty((0, 0, 0, 0), np.float32)
            for name, shape in zip(shown, shapes, strict=True):
                pictures = kitchen.values[name].reshape(-1, *shape)
            numbers = {name: kitchen.values[name] for name in wanted}
            yield Cooked(pictures, numbers, kitchen.milliseconds)
            kitchen.milliseconds = 0.0


def _step(entry: Any, kitchen: _Kitchen, where: str) -> _Step:
    _fields(entry, ("name", "model", "role", "snapshot", "inputs", "repeat"), where)
    name, role, repeat = entry.get("name"), entry.get("role"), entry.get("repeat", {})
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        _fault(where, "a name is wanted, of a to z, 0 to 9 and _, 32 at most")
    where = f"step {name}"
    model, seen = kitchen.catalog.model(str(entry.get("model"))), entry.get("snapshot")
    graphs = [one.graph for one in model.snapshots if one.images_seen == seen] if "snapshot" in entry else []
    able = {graph.role: graph for graph in graphs or model.graphs.values()}
    able = {one: graph for one, graph in able.items() if all(t.shape[0] == "batch" for t in graph.inputs)}
    if (
        not isinstance(role, str)
        or role not in able
        or not able[role].inputs
        or (graphs == [] and seen is not None)
    ):
        _fault(where, f"{model.id} has no such graph, or no such snapshot; its graphs are: {', '.join(able)}")
    graph = able[role]
    names, outputs = [tensor.name for tensor in graph.inputs], {one.name: _size(one) for one in graph.outputs}
    _fields(entry.get("inputs"), names, where)
    if len(entry["inputs"]) < len(names):
        _fault(where, f"it takes {', '.join(names)}")
    _fields(repeat, ("times", "feed"), f"{where}, repeat")
    _fields(feed := repeat.get("feed", {}), names, f"{where}, feed")
    if any(not isinstance(of, str) or outputs.get(of) != _size(graph.input(to)) for to, of in feed.items()):
        _fault(f"{where}, feed", "each is an output as large as the input")
    times = _whole(repeat.get("times", 1), 1, 2**31, f"{where}, times")
    check_bound("repetitions", times, kitchen.bounds.times)
    return _Step(name, model, graph, bool(graphs), entry["inputs"], times, feed)


# ----------------------------------------------------------------------------------------- numbers of inputs


def _written(value: Any, size: int, where: str) -> Array:
    """Read samples, each of which is repeated until it fills the tensor."""
    array = _array(value)
    if array.dtype.kind not in "iuf" or array.ndim < 2 or not array.size or size % array[0].size:
        _fault(where, f"a list of samples is wanted, each a list of as many numbers as divide {size}")
    if not (np.abs(array) <= LARGEST).all():
        _fault(where, f"numbers from {-LARGEST:g} to {LARGEST:g} are wanted")
    return np.tile(array.reshape(len(array), -1), (1, size // array[0].size))


def _array(value: Any) -> Array:
    try:
        return np.asarray(value)
    except ValueError:  # lists of different lengths
        return np.empty(0)


def _listed(value: Any, where: str) -> NDArray[np.float64]:
    """Read one number, or one for each sample."""
    listed = _array(value if isinstance(value, list | tuple | np.ndarray) else [value])
    if (
        listed.dtype.kind not in "iuf"
        or listed.ndim != 1
        or not listed.size
        or not (abs(listed) <= LARGEST).all()
    ):
        _fault(where, f"a number is wanted, or a list of one a sample, from {-LARGEST:g} to {LARGEST:g}")
    return listed.astype(np.float64)


def _sum(parts: list[Array], spec: Mapping[str, Any], tensor: Tensor, where: str) -> Array:
    weights = spec.get("weights", [1] * len(parts))
    if not isinstance(weights, list | tuple) or len(weights) != len(parts):
        _fault(where, "as many weights as inputs are wanted")
    terms = [
        _listed(weight, where)[:, None] * part.astype(np.float64)
        for weight, part in zip(weights, parts, strict=True)
    ]
    _common(terms, where)
    return np.asarray(sum(terms[1:], start=terms[0]).astype(np.float32))


def _blend(parts: list[Array], spec: Mapping[str, Any], tensor: Tensor, where: str) -> Array:
    way = spec.get("way", "straight")
    if way not in ("straight", "circle"):
        _fault(where, "its way is straight or circle")
    go, at = (slerp if way == "circle" else lerp), _listed(spec.get("at"), where)
    (a, b), count = parts, _common([*parts, at], where)
    if len(a) == len(b) == 1:
        return go(a[0], b[0], at)
    return np.concatenate([go(a[k % len(a)], b[k % len(b)], _some(at, k, 1)) for k in range(count)])


def _rows(parts: list[Array], spec: Mapping[str, Any], tensor: Tensor, where: str) -> Array:
    rows, take = (_shape(tensor) or (0,))[0], spec.get("take")
    if not isinstance(take, list | tuple):
        _fault(where, "take is a list of rows")
    taken = np.isin(np.arange(rows), [_whole(row, 0, rows - 1, where) for row in take])
    _common(parts, where)
    into, other = (part.reshape(len(part), rows, -1) for part in parts)
    mixed = np.where(taken[:, None], other, into)
    return mixed.reshape(len(mixed), -1)


def lerp(start: Array, end: Array, fractions: Array) -> NDArray[np.float32]:
    """Go straight from ``start`` to ``end``.

    Between two independent normal vectors the straight way passes closer to the origin than any z the
    generator was trained on: half way the length is sqrt(1/2) of theirs.

    Parameters
    ----------
    start, end : float32 [size]
    fractions : [count], in [0, 1]

    Returns
    -------
    float32 [count, size]

    """
    t = np.asarray(fractions, np.float64)[:, None]
    return ((1.0 - t) * start + t * end).astype(np.float32)


def slerp(start: Array, end: Array, fractions: Array) -> NDArray[np.float32]:
    """Go along the great circle, the angle growing evenly (Shoemake 1985; White 2016, section 2.1).

    z(t) = sin((1 - t) a) / sin(a) start + sin(t a) / sin(a) end, a the angle between the two. Where they are
    parallel or opposite no great circle is singled out and the straight way is taken.

    Parameters
    ----------
    start, end : float32 [size]
    fractions : [count], in [0, 1]

    Returns
    -------
    float32 [count, size]

    """
    a, b = start.astype(np.float64), end.astype(np.float64)
    lengths = np.linalg.norm(a) * np.linalg.norm(b)
    cosine = np.clip(a @ b / lengths, -1.0, 1.0) if lengths > 0 else 1.0
    angle = np.arccos(cosine)
    if np.sin(angle) < 1e-6:
        return lerp(start, end, fractions)
    t = np.asarray(fractions, np.float64)[:, None]
    way = (np.sin((1.0 - t) * angle) * a + np.sin(t * angle) * b) / np.sin(angle)
    return way.astype(np.float32)


# ----------------------------------------------------------------------------------------------------- checks


def _shape(tensor: Tensor) -> tuple[int, ...]:
    return tuple(int(size) for size in tensor.shape[1:])


def _size(tensor: Tensor) -> int:
    return math.prod(_shape(tensor))


def _length(value: Any) -> int:
    """Return how many samples a list is of; a number is one for all."""
    return len(value) if isinstance(value, list | tuple | np.ndarray) else 1


def _some(array: Array, first: int, count: int) -> Array:
    """Return ``count`` samples; of an array of one sample that one again and again."""
    return np.repeat(array, count, axis=0) if len(array) == 1 else array[first : first + count]


def _common(arrays: Any, where: str) -> int:
    """Return how many samples arrays have in common: as many as the others, or one for all."""
    counts = sorted({len(array) for array in arrays} - {1})
    if len(counts) > 1:
        _fault(
            where, f"as many samples as elsewhere, or one, are wanted; there are {counts[0]} and {counts[1]}"
        )
    return counts[0] if counts else 1


def _picture_shape(model: Model, tensor: Tensor) -> tuple[int, ...]:
    """Return channels, 1 or 3, height and width: the tensor's, or the model's of as many numbers."""
    own = tuple(int(model.image[axis]) for axis in ("channels", "height", "width"))
    shape = _shape(tensor) if len(tensor.shape) == 4 else own
    if math.prod(shape) != _size(tensor) or shape[0] not in (1, 3):
        _fault("picture", f"{tensor.name} of {model.id} is no picture")
    return shape


def _fields(value: Any, known: Sequence[str], where: str) -> None:
    if not isinstance(value, Mapping) or not set(known).issuperset(value):
        _fault(where, f"an object is wanted, of no more than {', '.join(known)}")


def _whole(value: Any, lowest: int, highest: int, where: str) -> int:
    whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
    if not whole or not lowest <= value <= highest:
        _fault(where, f"a whole number from {lowest} to {highest} is wanted")
    return int(value)


def check_bound(what: str, asked: int, most: int) -> None:
    """Raise `LineageError` ``recipe.bound`` where more is asked for than there may be."""
    if asked > most:
        sentence = f"A recipe may ask for {most:,} {what} at most; this one asks for {asked:,}."
        raise LineageError("recipe.bound", sentence, what=what, most=most, asked=asked)


def _fault(where: str, wanted: str) -> NoReturn:
    sentence = f"The recipe cannot be read at {where[:120]}: {wanted}."
    raise LineageError("recipe.form", sentence, where=where[:120])
