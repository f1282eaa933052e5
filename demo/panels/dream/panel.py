"""Dream: pictures made of noise beside real ones, who is fooled by them, and what they are closest to."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from demo.engine import inference, limits
from demo.engine.library import Library
from demo.kit import carriers, controls, paper, signs, sprites
from demo.kit.answers import File
from demo.kit.markup import Markup, Message, say, tag
from onnx_models.catalog import Model
from onnx_models.errors import LineageError

Array = NDArray[np.float32]

NAME = "dream"
COUNTS = (9, 16, 25, 36)
NEIGHBOURS = 5
STATIONS = 10
"""Pictures on the way from one seed to another."""
DOWNLOAD_SCALE = 4

_WAYS = ("spherical", "linear")


@dataclass(frozen=True)
class State:
    """What the panel shows."""

    model: str = ""
    """The generator; nothing means the first there is."""
    seed: int = 7
    count: int = 25
    pick: int = 0
    """Which of the made pictures is looked at closely."""
    other: int = 42
    """The seed at the far end of the way."""
    way: str = "spherical"


def shows(model: Model) -> bool:
    """Whether the model has a place in this panel."""
    return model.has("generate")


def build(library: Library) -> None:
    """Lay the panel out, its first pictures included."""
    generators = library.generators
    if not generators:
        carriers.fixed(tag("p", say("page.none"), class_="problem"), "nothing")
        return
    state = State(model=generators[0].id)
    carriers.lead(NAME, takes=True)
    desk = carriers.desk(library, _desk(generators, state), state, NAME, rests=True)
    sheets = desk.view(show_sheets, "sheets")
    carriers.lessons(generators, NAME)
    neighbours = desk.view(show_neighbours, "neighbours")
    carriers.fixed(_way_controls(state), "chain")
    way = desk.view(show_way, "way")
    desk.answer(sheets)
    # The search through all training digits takes longer than making pictures, and the way is below the fold.
    desk.answer(neighbours, way, at_rest=True)
    desk.keeps(parcel)


def show_sheets(library: Library, state: State) -> Markup:
    """Return the made pictures beside as many real ones, each with the score of the model's own critic."""
    model, made = _made(library, state)
    real = inference.real(library, model.dataset["id"], state.seed, len(made.images)).images
    note: Markup = tag("p", _score_note(model), class_="note")
    scores: list[Array | None] = [None, None]
    if model.has("discriminate") or model.has("criticise"):
        try:
            scores = [inference.scores(library, model.id, images).values for images in (made.images, real)]
        except LineageError as fault:
            note = signs.error(fault)  # the pictures are worth showing without their scores
    footer = tag(
        "p",
        tag("span", say("dream.time", count=len(made.images), ms=made.milliseconds)),
        signs.lesson_button(model, NAME),
        class_="note",
    )
    return tag(
        "div",
        _sheet(model, "made", made.images, scores[0], state.pick, footer),
        _sheet(model, "real", real, scores[1], None, note),
        class_="pair",
    )


def show_neighbours(library: Library, state: State) -> Markup:
    """Return the chosen picture and the training digits closest to it: did the model learn, or copy?"""
    model, made = _made(library, state)
    if library.dataset(model.dataset["id"]).file("neighbours") is None:
        return tag("p", say("dream.near.none", dataset=model.dataset["name"]), class_="note")
    pick = limits.Bound("pick", 0, len(made.images) - 1, 0).check(state.pick)
    near = inference.nearest(library, model.dataset["id"], made.images[pick : pick + 1], NEIGHBOURS)
    sheet = sprites.Sheet(np.concatenate([made.images[pick : pick + 1], near.images[0]]), 1 + NEIGHBOURS)
    found = (
        tag(
            "li",
            sheet.picture(rank, _near_name(int(label), rank=rank, distance=float(distance))),
            tag("span", say("figure.number", value=float(distance))),
        )
        for rank, (label, distance) in enumerate(zip(near.labels[0], near.distances[0], strict=True), start=1)
    )
    chosen = sheet.picture(0, say("dream.picked.alt", number=pick + 1))
    return tag(
        "section",
        tag("h3", say("dream.near"), signs.hint("dream.near.hint")),
        tag(
            "ol", tag("li", chosen, tag("span", say("dream.picked")), class_="picked"), *found, class_="film"
        ),
        class_="strip",
        style=f"{signs.frames(1 + NEIGHBOURS, 3)};{sheet.style}",
        data_measured="dream.near.served",
    )


def _near_name(label: int, **place: float) -> Message:
    return say("dream.near.alt", label=label, **place) if label >= 0 else say("dream.near.alt.any", **place)


def show_way(library: Library, state: State) -> Markup:
    """Return the pictures on the way from the first z of one seed to that of another."""
    model = library.model(state.model, "generate")
    way = inference.interpolate(
        library, model.id, state.seed, state.other, STATIONS, spherical=state.way != "linear"
    )
    sheet = sprites.Sheet(way.images, STATIONS)
    stations = (
        tag(
            "li",
            sheet.picture(k, say("figure.station", part=k / (STATIONS - 1))),
            tag("span", _station(k, state)),
        )
        for k in range(STATIONS)
    )
    return tag(
        "ol",
        *stations,
        class_="film",
        style=f"{signs.frames(STATIONS, 5)};{sheet.style}",
        data_shows=f"way 0 {STATIONS} {STATIONS}",
    )


def parcel(library: Library, state: State) -> File:
    """Return the sheet of made pictures as a file for the visitor."""
    model, made = _made(library, state)
    sheet = paper.grid(made.images, _columns(len(made.images)), scale=DOWNLOAD_SCALE, paper=True)
    return paper.parcel(f"{model.id}-seed-{state.seed}", paper.to_png(sheet), "png")


def _made(library: Library, state: State) -> tuple[Model, inference.Samples]:
    model = library.model(state.model, "generate")
    return model, inference.sample(library, model.id, state.seed, state.count)


# --------------------------------------------------------------------------------------------------- sheets


def _columns(count: int) -> int:
    return math.isqrt(count - 1) + 1


def _sheet(
    model: Model, kind: str, images: Array, scores: Array | None, pick: int | None, footer: Markup
) -> Markup:
    """Return one sheet of cells; those of made pictures are buttons that choose the one to look at."""
    probability = model.has("discriminate") and not model.has("criticise")
    sheet = sprites.Sheet(images, _columns(len(images)))
    cells = (
        _cell(
            kind,
            k,
            sheet,
            None if scores is None else float(scores[k]),
            probability,
            None if pick is None else k == pick,
        )
        for k in range(len(images))
    )
    heading = say("dream.made.by", model=signs.title(model), year=model.year) if kind == "made" else None
    return tag(
        "article",
        tag(
            "header",
            tag("h3", say(f"dream.{kind}")),
            tag("span", heading or model.dataset["name"], class_="year"),
        ),
        tag(
            "div",
            *cells,
            class_="sheet",
            style=f"--columns:{_columns(len(images))};{sheet.style}",
            data_shows=f"made 0 {len(images)} {_columns(len(images))}" if kind == "made" else None,
        ),
        footer,
        class_="card" if kind == "made" else "card quiet",
        style=signs.era(model),
        data_card=model.id if kind == "made" else None,
        data_sheet=kind,
        data_lasts=kind == "real",
    )


def _cell(
    kind: str, index: int, sheet: sprites.Sheet, score: float | None, probability: bool, chosen: bool | None
) -> Markup:
    unit = "probability" if probability else "number"
    words = say(f"dream.{kind}.alt.scored", number=index + 1, score=score)
    shown = sheet.picture(index, words if score is not None else say(f"dream.{kind}.alt", number=index + 1))
    note = tag(
        "span",
        tag("span", "–" if score is None else say(f"figure.{unit}", value=score)),
        class_="score",
        style=f"--score:{min(max(score, 0.0), 1.0):.3f}" if probability and score is not None else None,
    )
    if chosen is None:
        return tag("div", shown, note, class_="cell")
    return tag(
        "button",
        shown,
        note,
        type="button",
        class_="cell",
        data_set=json.dumps({"pick": index}),
        aria_pressed="true" if chosen else "false",
    )


def _score_note(model: Model) -> Message:
    if model.has("criticise"):
        return say("dream.score.critic")
    return say("dream.score.discriminator") if model.has("discriminate") else say("dream.score.none")


def _station(index: int, state: State) -> Message:
    if index == 0:
        return say("dream.station.seed", seed=state.seed)
    if index == STATIONS - 1:
        return say("dream.station.seed", seed=state.other)
    return say("dream.station", part=index / (STATIONS - 1))


# ----------------------------------------------------------------------------------------------------- desk


def _desk(generators: tuple[Model, ...], state: State) -> Markup:
    several = controls.choices(
        "model",
        tuple(model.id for model in generators),
        tuple(signs.title(model) for model in generators),
        state.model,
    )
    return tag(
        "div",
        controls.seed_row(NAME, state.seed),
        tag(
            "fieldset",
            tag("legend", say("dream.count")),
            controls.choices(
                "count",
                tuple(map(str, COUNTS)),
                tuple(say("figure.count", value=count) for count in COUNTS),
                str(state.count),
            ),
        ),
        tag("fieldset", tag("legend", say("control.who")), several) if len(generators) > 1 else None,
        controls.keep("png"),
        class_="controls",
        data_tool=NAME,
    )


def _way_controls(state: State) -> Markup:
    return tag(
        "div",
        tag("h3", say("dream.way"), signs.hint("dream.way.hint")),
        controls.seed(NAME, "other", say("control.other"), state.other),
        controls.choices("way", _WAYS, tuple(say(f"control.way.{way}") for way in _WAYS), state.way),
        class_="controls",
    )
