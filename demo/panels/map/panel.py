"""Map: where models with a code of two numbers put the test digits, and what they make of any place.

After figure 3 of Hinton and Salakhutdinov 2006 (the codes) and figure 4 of Kingma and Welling 2014 (the
decoded plane). Side by side they show what the variational bound buys: an autoencoder leaves deserts between
its digits, a VAE fills one cloud around zero.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from demo.engine import examples, inference
from demo.engine.library import Digits, Library
from demo.kit import carriers, controls, signs, sprites
from demo.kit.markup import Markup, join, say, tag
from demo.panels.map import scene
from onnx_models.catalog import Model
from onnx_models.errors import LineageError

Array = NDArray[np.float32]

NAME = "map"
GRID = 30
"""Places a side that are decoded beforehand, so that a picture follows the pointer without asking."""
PLATES = 15
"""Places a side that are shown as one picture, each of its pixels one of the screen's."""
SETTLE = 80
"""Milliseconds without a move after which the server is asked for a place."""


@dataclass(frozen=True)
class State:
    """Where the pointer is, and on whose map."""

    model: str = ""
    x: float = 0.0
    y: float = 0.0
    ground: str = "digits"
    """``digits`` or ``pictures``: what the maps show; the browser's own."""


def shows(model: Model) -> bool:
    """Whether the model has a map: it encodes the pictures shown here, and decodes two numbers."""
    fitting = model.has("encode", "decode") and model.dataset["id"] == examples.DATASET
    return fitting and inference.code_size(model) == 2


def build(library: Library) -> None:
    """Lay the panel out, its maps included."""
    models = tuple(model for model in library.catalog.models if model.kind != "judge" and shows(model))
    starts = [State(model_id, x, y) for model_id, (x, y) in scene.starts(library, models).items()]
    state = starts[-1] if starts else State(model=models[-1].id)
    carriers.lead(NAME, takes=True)
    desk = carriers.desk(library, _desk(library, state), state, NAME, settle=SETTLE)
    stage = desk.view(
        point,
        "maps",
        runs="map",
        first=lambda: {
            "stage": show_maps(library, models),
            "points": [_point(library, start) for start in starts],
        },
    )
    carriers.lessons(models, NAME)
    desk.answer(stage)


def point(library: Library, state: State) -> dict[str, Any]:
    """Decode one place: ``{"points": [{"model", "x", "y", "picture"}]}``."""
    return {"points": [_point(library, state)]}


def show_maps(library: Library, models: tuple[Model, ...]) -> Markup:
    """Return the maps side by side, oldest first, and the real digits that lie on them."""
    digits = library.examples(examples.DATASET)
    real = sprites.sheet_uri((digits.images[:, 0][None] / np.float32(255.0)).astype(np.float32))
    cards = join(*(_card(library, model, digits) for model in models))
    return tag("div", cards, class_="planes", data_real=real)


def _point(library: Library, state: State) -> dict[str, Any]:
    model = library.model(state.model, "decode")
    image = inference.decode(library, model.id, np.array([[state.x, state.y]], np.float32))[0]
    return {"model": model.id, "x": state.x, "y": state.y, "picture": sprites.ink_uri(image)}


def _card(library: Library, model: Model, digits: Digits) -> Markup:
    try:
        codes = inference.encode(library, model.id, scene.pictures(digits))
        window = scene.Window.around(codes)
        plates, grid = (inference.decode(library, model.id, window.places(side)) for side in (PLATES, GRID))
    except LineageError as fault:
        return signs.card(model, signs.error(fault))
    plane = _plane(
        model, window, codes, digits, _lands(scene.lands(library, grid)), _sheet(plates), _sheet(grid)
    )
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


def _lands(labels: NDArray[np.int64] | None) -> Markup:
    """Tint the places where a judge is sure which digit is drawn."""
    if labels is None:
        return Markup()
    strips = (
        tag("rect", x=start, y=row, width=end - start, height=1, class_=f"digit-{label}")
        for row, cells in enumerate(labels)
        for start, end, label in scene.runs(cells)
        if label >= 0
    )
    return tag("g", *strips, class_="lands", transform=f"scale({100 / len(labels):.6g})")


def _plane(
    model: Model, window: scene.Window, codes: Array, digits: Digits, lands: Markup, plates: str, grid: str
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


def _desk(library: Library, state: State) -> Markup:
    try:
        judge, labels = (
            scene.judge(library),
            sorted({*library.examples(examples.DATASET).labels.tolist()} - {-1}),
        )
    except LineageError:
        judge, labels = None, []  # the maps say why
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
        for label in labels
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
