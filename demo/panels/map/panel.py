"""Map: where models with a code of two numbers put the test digits, and what they make of any place.

After figure 3 of Hinton and Salakhutdinov 2006 (the codes) and figure 4 of Kingma and Welling 2014 (the
decoded plane). Side by side they show what the variational bound buys: an autoencoder leaves deserts between
its digits, a VAE fills one cloud around zero.
"""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from demo.engine import examples, inference, judging, limits
from demo.engine.library import Digits, Library
from demo.kit import carriers, controls, signs, sprites
from demo.kit.markup import Markup, join, say, tag
from demo.kit.state import unpack
from onnx_models.catalog import Model
from onnx_models.errors import LineageError

Array = NDArray[np.float32]

NAME = "map"
GRID = 30
"""Places a side that are decoded beforehand, so that a picture follows the pointer without asking."""
PLATES = 15
"""Places a side that are shown as one picture, each of its pixels one of the screen's."""
WITHIN = 0.95
"""Part of the codes, along each axis, that a map has room for: an autoencoder puts a few digits so far out
that all the others would be one blot."""
MARGIN = 0.06
"""Room around those, as a part of their extent."""
SURE = 0.5
"""Probability from which a judge's reading of what is drawn at a place tints it."""
CLASSES = 10


@dataclass(frozen=True)
class State:
    """Where the pointer is, and on whose map."""

    model: str = ""
    x: float = 0.0
    y: float = 0.0
    ground: str = "digits"
    """``digits`` or ``pictures``: what the maps show; the browser's own."""


@dataclass(frozen=True)
class Window:
    """The part of the plane that a map shows."""

    left: float
    right: float
    bottom: float
    top: float

    @classmethod
    def around(cls, codes: Array) -> Window:
        """Return the window over the middle of the codes, float32 [count, 2]."""
        low, high = np.quantile(codes.astype(float), [(1 - WITHIN) / 2, (1 + WITHIN) / 2], axis=0)
        room = MARGIN * np.maximum(high - low, 1e-6)
        (left, bottom), (right, top) = low - room, high + room
        return cls(left, right, bottom, top)

    def places(self, side: int) -> Array:
        """Return the middles of side x side equal cells, row by row from the top left: float32 [side², 2]."""
        middles = (np.arange(side) + 0.5) / side
        x = self.left + (self.right - self.left) * middles
        y = self.top - (self.top - self.bottom) * middles
        return np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2).astype(np.float32)

    def percent(self, codes: Array) -> NDArray[np.float64]:
        """Return how far right and down each code lies, in percent: float64 [count, 2]."""
        x = (codes[:, 0] - self.left) / (self.right - self.left)
        y = (self.top - codes[:, 1]) / (self.top - self.bottom)
        return 100.0 * np.stack([x, y], axis=1)


def shows(model: Model) -> bool:
    """Whether the model has a map: it encodes the pictures shown here, and decodes two numbers."""
    fitting = model.has("encode", "decode") and model.dataset["id"] == examples.DATASET
    return fitting and inference.code_size(model) == 2


def build(library: Library) -> None:
    """Lay the panel out, its maps included."""
    models = tuple(model for model in library.catalog.models if model.kind != "judge" and shows(model))
    starts = _starts(library, models)
    state = starts[-1] if starts else State(model=models[-1].id)
    carriers.lead(NAME)
    desk = carriers.desk(_desk(state, _judge(library)), state, NAME)
    first = {"stage": show_maps(library, models), "points": [_point(library, start) for start in starts]}
    stage = carriers.view(Markup(json.dumps(first)), "maps", runs="map")
    carriers.lessons(models, NAME)
    carriers.answer(desk, lambda text: point(library, text), stage)


def point(library: Library, text: str) -> str:
    """Decode one place: ``{"points": [{"model", "x", "y", "picture"}]}``, or ``{"problem"}``, as JSON."""
    try:
        return json.dumps({"points": [_point(library, unpack(State, text))]})
    except LineageError as fault:
        return json.dumps({"problem": signs.error(fault)})


def show_maps(library: Library, models: tuple[Model, ...]) -> Markup:
    """Return the maps side by side, oldest first, and the real digits that lie on them."""
    try:
        digits = library.examples(examples.DATASET)
    except LineageError as fault:
        return signs.error(fault)
    real = sprites.sheet_uri((digits.images[:, 0][None] / np.float32(255.0)).astype(np.float32))
    cards = join(*(_card(library, model, digits) for model in models))
    return tag("div", cards, class_="planes", data_real=real)


def _point(library: Library, state: State) -> dict[str, Any]:
    model = library.model(state.model, "decode")
    image = inference.decode(library, model.id, np.array([[state.x, state.y]], np.float32))[0]
    return {"model": model.id, "x": state.x, "y": state.y, "picture": sprites.ink_uri(image)}


def _judge(library: Library) -> Model | None:
    """Return who says what is drawn at a place: the youngest judge of such pictures, if there is one."""
    return next((m for m in reversed(judging.readers(library, examples.DATASET)) if m.kind == "judge"), None)


def _starts(library: Library, models: tuple[Model, ...]) -> list[State]:
    """Return where the pointer stands at first: on the same digit on each map that is whole."""
    codes = {}
    for model in models:
        try:
            codes[model.id] = inference.encode(
                library, model.id, _pictures(library.examples(examples.DATASET))
            )
            inference.decode(library, model.id, codes[model.id][:1])
        except LineageError:
            codes.pop(model.id, None)  # its card says why
    if not codes:
        return []
    first = examples.first(library)
    labels = library.examples(examples.DATASET).labels
    percent = np.concatenate([Window.around(code).percent(code) for code in codes.values()], axis=1)
    fitting = ((percent > 0) & (percent < 100)).all(axis=1) & (labels == labels[first])
    position = int(fitting.argmax()) if fitting.any() else first
    places = {model_id: code[position].astype(float).round(4).tolist() for model_id, code in codes.items()}
    return [State(model_id, x, y) for model_id, (x, y) in places.items()]


def _pictures(digits: Digits) -> Array:
    return digits.images.astype(np.float32) / np.float32(255.0)


def _card(library: Library, model: Model, digits: Digits) -> Markup:
    try:
        codes = inference.encode(library, model.id, _pictures(digits))
        window = Window.around(codes)
        plates, grid = (inference.decode(library, model.id, window.places(side)) for side in (PLATES, GRID))
    except LineageError as fault:
        return signs.card(model, signs.error(fault))
    plane = _plane(model, window, codes, digits, _lands(library, grid), _sheet(plates), _sheet(grid))
    return signs.card(
        model,
        plane,
        tag(
            "div",
            _screen("map.decoded", data_decoded=True),
            _screen("map.real", data_nearest=True),
            tag("p", class_="place", aria_live="polite"),
            class_="screens",
        ),
        signs.lesson_button(model, NAME),
    )


def _sheet(pictures: Array) -> str:
    """Lay out the pictures of a square of places, float32 [side², 1, height, width], as one."""
    side = math.isqrt(len(pictures))
    return sprites.sheet_uri(pictures[:, 0].reshape(side, side, *pictures.shape[2:]))


def _lands(library: Library, pictures: Array) -> Markup:
    """Tint the places where a judge is sure which digit is drawn, float32 [side², 1, height, width]."""
    judge = _judge(library)
    if judge is None:
        return Markup()
    batches = range(0, len(pictures), limits.COUNT.highest)
    try:
        answers = [
            inference.classify(library, judge.id, pictures[k : k + limits.COUNT.highest]) for k in batches
        ]
    except LineageError:
        return Markup()  # the maps are whole without it, and the judge's own place says why
    labels = np.concatenate([answer.labels for answer in answers])
    labels[np.concatenate([answer.probabilities.max(axis=1) for answer in answers]) < SURE] = -1
    side = math.isqrt(len(pictures))
    strips = (
        tag("rect", x=start, y=row, width=end - start, height=1, class_=f"digit-{label}")
        for row, cells in enumerate(labels.reshape(side, side))
        for start, end, label in _runs(cells)
        if label >= 0
    )
    return tag("g", *strips, class_="lands", transform=f"scale({100 / side:.6g})")


def _runs(cells: NDArray[np.int64]) -> Iterator[tuple[int, int, int]]:
    """Yield the runs of equal neighbours: start, end, value."""
    edges = [0, *(np.flatnonzero(np.diff(cells)) + 1).tolist(), len(cells)]
    for start, end in itertools.pairwise(edges):
        yield start, end, int(cells[start])


def _plane(
    model: Model, window: Window, codes: Array, digits: Digits, lands: Markup, plates: str, grid: str
) -> Markup:
    glyphs = (
        tag("text", str(label), x=f"{x:.2f}", y=f"{y:.2f}", class_=f"digit-{label}")
        for (x, y), label in zip(window.percent(codes), digits.labels.tolist(), strict=True)
    )
    places = [
        [round(float(x), 4), round(float(y), 4), int(label)]
        for (x, y), label in zip(codes, digits.labels, strict=True)
    ]
    return tag(
        "div",
        tag("img", class_="ground ink", src=plates, alt=say("map.ground.alt", model=signs.title(model))),
        tag("svg", lands, *glyphs, viewBox="0 0 100 100", class_="codes", aria_hidden="true"),
        tag("span", class_="cross"),
        class_="plane",
        tabindex="0",
        role="application",
        aria_label=say("map.plane", model=signs.title(model)),
        data_plane=model.id,
        data_window=json.dumps([window.left, window.right, window.bottom, window.top]),
        data_places=json.dumps(places),
        data_grid=grid,
        data_side=GRID,
    )


def _screen(message_id: str, **data: Any) -> Markup:
    return tag(
        "figure",
        tag(
            "canvas",
            class_="picture ink",
            width=28,
            height=28,
            style="--w:28;--h:28",
            role="img",
            aria_label=say(message_id),
            **data,
        ),
        tag("figcaption", say(message_id)),
    )


# ----------------------------------------------------------------------------------------------------- desk


def _desk(state: State, judge: Model | None) -> Markup:
    classes = (
        tag(
            "button",
            tag("span", str(label), class_=f"digit-{label}"),
            type="button",
            class_="key",
            aria_pressed="false",
            aria_label=say("map.only", label=label),
            data_only=label,
        )
        for label in range(CLASSES)
    )
    return tag(
        "div",
        tag("h3", say("map.title"), signs.hint("map.hint")),
        tag(
            "fieldset",
            tag("legend", say("map.ground")),
            controls.choices(
                "ground",
                ("digits", "pictures"),
                (say("map.ground.digits"), say("map.ground.pictures")),
                state.ground,
            ),
        ),
        tag(
            "fieldset",
            tag("legend", say("map.classes")),
            tag("div", *classes, class_="keys"),
            tag("p", say("map.lands", model=signs.title(judge)), class_="note") if judge else None,
        ),
        class_="controls",
    )
