"""Time machine: one slider over training, what each generator then made of the same z, and its losses.

All frames of a network come at once, as one sheet a model, and the browser (``panel.js``) plays them:
dragging asks nobody. Until they are there it makes those that are looked at. Time is logarithmic in training
images seen, as the snapshots are.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from demo.engine import history, inference, limits
from demo.engine.history import Replay
from demo.engine.library import Library
from demo.kit import carriers, controls, paper, signs, sprites
from demo.kit.answers import Answer, Progress
from demo.kit.markup import Markup, Message, say, tag
from demo.kit.state import unreadable
from demo.panels.time import scene
from onnx_models.catalog import Model
from onnx_models.errors import LineageError

Array = NDArray[np.float32]

NAME = "time"
COLUMNS = 5
COUNT = COLUMNS * COLUMNS
"""Pictures a network makes at each moment."""
WALL = ("gan_collapsed", "wgan_gp")
"""Who stands on the wall at first, where they ship: a game that collapsed beside one that cannot easily."""
EACH, FREE = "each", "free"
SETTLE = 150
"""Milliseconds a control has to rest before a replay is asked for: a dragged seed would ask for dozens."""

WIDE, HIGH = 1000, 100
"""Units of a plot; the stylesheet stretches it."""
AXES = (398, 291)
"""Pixels of the axis under a card in a wide window and at least in a narrow one."""

FILE_SIDE = 420
"""Pixels of a sheet in the film to keep."""
FRAMES_A_SECOND = 2
LAST = 4
"""Frames for which the film's last moment stays."""


@dataclass(frozen=True)
class State:
    """What the panel shows."""

    models: str = ""
    """Who stands on the wall, separated by commas."""
    seed: int = 7
    label: str = EACH
    """Of a conditional generator: ``each`` (all classes in turn) or ``free``."""
    seen: int = -1
    """The moment, in training images seen; -1 is the end."""
    pick: int = COUNT // 2
    """Which picture's life is shown."""


LOCAL = ("seen", "pick")


def shows(model: Model) -> bool:
    """Whether the model has a place in this panel."""
    return model.has(history.ROLE) and len(history.snapshots(model)) > 1


def build(library: Library) -> None:
    """Lay the panel out, with the first replay."""
    models = travellers(library)
    state = State(models=",".join(model.id for model in _first(models)))
    carriers.lead(NAME, takes=True)
    desk = carriers.desk(library, _desk(models, state), state, NAME, settle=SETTLE, local=LOCAL)
    stage = desk.view(show_stage, "stage")
    carriers.lessons(models, NAME)
    desk.answer(stage)
    desk.keeps(parcel)


def travellers(library: Library) -> tuple[Model, ...]:
    """Return whose training can be replayed, exhibits included, oldest first."""
    return tuple(model for model in library.catalog.models if shows(model))


def show_stage(library: Library, state: State) -> Markup:
    """Return the slider, and for each network its pictures, one picture's life and the losses."""
    return lay_out(library, state, _chosen(library, state))


def lay_out(library: Library, state: State, models: Sequence[Model]) -> Markup:
    """Return the stage with those networks on the wall, on the axis of the longest training."""
    replays = [history.replay(library, model, state.seed, _labels(model, state)) for model in models]
    axis = scene.Axis.of(models)
    cards = (
        _card(library, model, replay, axis, state) for model, replay in zip(models, replays, strict=True)
    )
    return tag(
        "div",
        controls.transport(
            WIDE,
            say("time.scrub"),
            tag("p", tag("b", "–", data_now=True), tag("span", say("time.seen")), class_="now"),
            at=WIDE,
        ),
        tag("div", *cards, class_="wall", data_count=len(models)),
        class_="time",
        data_of=f"{state.seed} {state.label}",
        data_unit=axis.unit,
        data_end=axis.end,
    )


def parcel(library: Library, state: State) -> Iterator[Answer]:
    """Make the replay as a GIF for the visitor, who is told how far it is; there is none of no moments."""
    models = _chosen(library, state)
    replays = []
    for done, model in enumerate(models):
        yield Progress(done, len(models))
        replays.append(history.replay(library, model, state.seed, _labels(model, state)))
    replays = [replay for replay in replays if replay.moments]
    if not replays:
        yield None
        return
    name = f"time-{'-'.join(model.id for model in models)}-seed-{state.seed}"
    yield paper.parcel(name, gif(replays, scene.Axis.of(models)), "gif")


def gif(replays: Sequence[Replay], axis: scene.Axis) -> bytes:
    """Encode replays side by side as an endless GIF, a frame for each moment that any of them has."""
    times = sorted({moment.images_seen for replay in replays for moment in replay.moments})
    frames = [
        _frame([_at(replay, seen) for replay in replays], axis.place(seen))
        for seen in [*times, *times[-1:] * (LAST - 1)]
    ]
    return paper.to_gif(frames, FRAMES_A_SECOND)


# ---------------------------------------------------------------------------------------------------- state


def _first(models: Sequence[Model]) -> tuple[Model, ...]:
    """Return who stands on the wall at first: the pair that says most, else what there is."""
    wanted = [model for model in models if model.id in WALL]
    wanted += [model for model in models if model not in wanted]
    return tuple(model for model in models if model in wanted[: limits.WALL.default])


def _chosen(library: Library, state: State) -> tuple[Model, ...]:
    ids = list(dict.fromkeys(state.models.split(",")))
    limits.WALL.check(len(ids))
    models = tuple(library.model(model_id, history.ROLE) for model_id in ids)
    for model in models:
        if not shows(model):
            able = ", ".join(other.id for other in travellers(library)) or "none"
            raise LineageError(
                "model.snapshots",
                f"{model.id} ships no snapshots of its training; the models that do are: {able}.",
                model=model.id,
                able=able,
            )
    return models


def asked(library: Library, state: State) -> list[tuple[Model, list[int]]]:
    """Return whose training is shown, and the class of each of its pictures."""
    return [(model, _labels(model, state)) for model in _chosen(library, state)]


def _labels(model: Model, state: State) -> list[int]:
    """Return the class each picture is asked for, all of them in turn row by row, or none."""
    if state.label not in (EACH, FREE):
        raise unreadable()
    classes = inference.classes(model, history.ROLE) if state.label == EACH else 0
    return [k % classes if classes else -1 for k in range(COUNT)]


# ---------------------------------------------------------------------------------------------------- stage


def _card(library: Library, model: Model, replay: Replay, axis: scene.Axis, state: State) -> Markup:
    moments = replay.moments
    fault = signs.error(replay.error) if replay.error else None
    note = tag(
        "p",
        tag("span", say("time.snapshot", seen=moments[-1].images_seen), data_snapshot=True)
        if moments
        else None,
        signs.lesson_button(model, NAME),
        class_="note",
    )
    return signs.card(
        model,
        tag(
            "div",
            tag("div", _sheet(model, replay), _cells(model, state), class_="screen") if moments else None,
            fault,
            class_="made",
        ),
        note,
        tag(
            "div",
            _life(replay, axis),
            _variety(scene.diversity(library, model, replay), replay, axis),
            _losses(model, axis),
            class_="course",
        ),
    )


def _sheet(model: Model, replay: Replay) -> Markup:
    """Return the screen; its frames are one picture, the moments beneath each other."""
    pictures = np.concatenate([moment.images for moment in replay.moments])
    _, channels, height, width = pictures.shape
    tiles = pictures.reshape(-1, COLUMNS, channels, height, width)
    seen = [moment.images_seen for moment in replay.moments]
    return tag(
        "canvas",
        class_="picture ink" if channels == 1 else "picture",
        width=COLUMNS * width,
        height=COLUMNS * height,
        style=f"--w:{COLUMNS * width};--h:{COLUMNS * height}",
        role="img",
        aria_label=say("time.sheet", model=signs.title(model), count=COUNT, seen=seen[-1]),
        data_film=sprites.pictures_uri(tiles),
        data_seen=json.dumps(seen),
        data_columns=COLUMNS,
    )


def _cells(model: Model, state: State) -> Markup:
    """Return what chooses a picture of the sheet: one stop of the Tab key, arrows inside."""
    cells = (
        tag(
            "label",
            tag(
                "input",
                type="radio",
                name=f"time-pick-{model.id}",
                value=k,
                checked=k == state.pick,
                data_pick=True,
                aria_label=say("time.pick", number=k + 1),
            ),
        )
        for k in range(COUNT)
    )
    return tag("div", *cells, class_="squares", role="radiogroup", aria_label=say("time.picks"))


def _life(replay: Replay, axis: scene.Axis) -> Markup:
    """Return one picture at every snapshot, each above its moment on the axis of the losses."""
    frames = []
    places = [axis.place(moment.images_seen) for moment in replay.moments]
    sides = [moment.images.shape[-1] for moment in replay.moments]
    wide, narrow = (scene.apart(places, [side / pixels for side in sides]) for pixels in AXES)
    for k, moment in enumerate(replay.moments):
        _, channels, height, width = moment.images.shape
        frames.append(
            tag(
                "li",
                tag(
                    "button",
                    tag(
                        "canvas",
                        class_="picture ink" if channels == 1 else "picture",
                        width=width,
                        height=height,
                        style=f"--w:{width};--h:{height}",
                        role="img",
                        aria_label=say("time.frame", seen=moment.images_seen),
                        data_frame=k,
                    ),
                    type="button",
                    tabindex="-1",
                    aria_label=say("time.frame", seen=moment.images_seen),
                    data_seek=moment.images_seen,
                ),
                style=f"--place:{places[k]:.4f}",
                class_=None if narrow[k] else "tight" if wide[k] else "crowded",
            )
        )
    return tag("ol", *frames, class_="life", aria_label=say("time.life"))


# --------------------------------------------------------------------------------------------------- curves


def _variety(values: list[float] | LineageError, replay: Replay, axis: scene.Axis) -> Markup:
    """Return the curve of diversity with the line where real pictures lie."""
    if isinstance(values, LineageError):
        return signs.error(values)
    if not values:
        return Markup()
    high = max(1.0, *values)
    points = [
        (axis.place(moment.images_seen), value / high)
        for moment, value in zip(replay.moments, values, strict=True)
    ]
    y = f"{_height(1 / high):.1f}"
    key = _quantity(say("time.diversity"), values[-1], data_diversity=json.dumps(values))
    return tag(
        "figure",
        tag("figcaption", tag("dl", key, class_="quantities"), signs.hint("time.diversity.hint")),
        tag(
            "div",
            _svg(axis, tag("line", class_="real", x1=0, x2=WIDE, y1=y, y2=y), _line(points)),
            class_="plot variety",
        ),
        data_measured=True,
    )


def _losses(model: Model, axis: scene.Axis) -> Markup:
    """Return the curves under the same axis of time, with their names and their values at the moment."""
    try:
        curves = scene.drawn(history.curves(model))
    except LineageError as fault:
        return signs.error(fault)
    steps = [scene.steps(curve, axis) for curve in curves]
    values = [value for step in steps for _, _, value in step]
    if not values:
        return Markup()
    low, high = min(0.0, *values), max(values)
    span = (high - low) or 1.0
    lines = (
        _line([(axis.place(seen), (value - low) / span) for *stretch, value in step for seen in stretch])
        for step in steps
    )
    hint = {scene.RIVALS: "rivals", scene.DISTANCE: "distance", scene.LABELS: "labels"}.get(
        tuple(curve.name for curve in curves), "others"
    )
    key = (
        _quantity(
            _name(curve.name),
            step[-1][2],
            data_ends=json.dumps([end for _, end, _ in step]),
            data_values=json.dumps([value for _, _, value in step]),
        )
        for curve, step in zip(curves, steps, strict=True)
        if step
    )
    return tag(
        "figure",
        tag("figcaption", tag("dl", *key, class_="quantities"), signs.hint(f"time.{hint}.hint")),
        tag(
            "div",
            _svg(axis, *lines),
            tag("span", say("figure.number", value=high), class_="high"),
            *(
                tag("span", _short(tick), class_="tick", style=f"--place:{axis.place(tick):.4f}")
                for tick in (0, *scene.ticks(axis))
            ),
            class_="plot",
        ),
    )


def _svg(axis: scene.Axis, *lines: Markup) -> Markup:
    """Return a plot over the axis of time, under its cursor."""
    return tag(
        "svg",
        *(_rule(axis.place(tick)) for tick in scene.ticks(axis)),
        *lines,
        tag("line", class_="cursor", y1=0, y2=HIGH),
        viewBox=f"0 0 {WIDE} {HIGH}",
        preserveAspectRatio="none",
        class_="timed",
        aria_hidden="true",
    )


def _quantity(name: Message | str, value: float, **data: Any) -> Markup:
    return tag("div", tag("dt", name), tag("dd", say("figure.number", value=value), **data))


def _line(points: Iterable[tuple[float, float]]) -> Markup:
    """Draw a curve through (place on the axis, height), both from 0 to 1."""
    return tag("polyline", points=" ".join(f"{WIDE * x:.1f},{_height(y):.1f}" for x, y in points))


def _height(part: float) -> float:
    return HIGH * (0.96 - 0.92 * part)  # room for the stroke


def _rule(place: float) -> Markup:
    x = f"{WIDE * place:.1f}"
    return tag("line", class_="rule", x1=x, x2=x, y1=0, y2=HIGH)


def _short(count: int) -> str:
    """Write a power of ten as every language does: 10 k, 1 M."""
    for size, prefix in ((10**9, "G"), (10**6, "M"), (10**3, "k")):
        if count >= size:
            return f"{count // size} {prefix}"
    return str(count)


_NAMED = frozenset((*scene.RIVALS, *scene.DISTANCE, *scene.LABELS))


def _name(quantity: str) -> Message | str:
    return say(f"time.loss.{quantity}") if quantity in _NAMED else quantity.replace("_", " ")


# ----------------------------------------------------------------------------------------------------- desk


def _desk(models: tuple[Model, ...], state: State) -> Markup:
    usual = state.models.split(",")
    chips = (
        tag(
            "label",
            tag("input", type="checkbox", name="models", value=model.id, checked=model.id in usual),
            tag("span", signs.title(model)),
            class_="chip",
            style=signs.era(model),
        )
        for model in models
    )
    labelled = [model.id for model in models if inference.takes_label(model, history.ROLE)]
    labels = controls.choices("label", (EACH, FREE), (say("control.each"), say("control.free")), state.label)
    return tag(
        "div",
        tag("fieldset", tag("legend", say("time.wall")), tag("div", *chips, class_="chips"))
        if len(models) > 1
        else None,
        tag("fieldset", tag("legend", say("control.digit")), labels, data_labelled=" ".join(labelled)),
        controls.seed_row(NAME, state.seed),
        controls.keep("gif"),
        class_="controls",
        data_tool="time",
        data_most=limits.WALL.highest,
    )


# ----------------------------------------------------------------------------------------------------- film


def _at(replay: Replay, seen: int) -> Array:
    """Return the pictures of the latest snapshot not later than that moment, or of the first."""
    past = [moment for moment in replay.moments if moment.images_seen <= seen]
    return (past or replay.moments[:1])[-1].images


def _frame(made: Sequence[Array], place: float) -> NDArray[np.uint8]:
    """Lay sheets side by side on white paper over a bar of time: uint8 [height, width, 3]."""
    gap = 20
    frame = np.full((FILE_SIDE + 2 * gap, len(made) * (FILE_SIDE + gap) + gap, 3), 255, np.uint8)
    for k, pictures in enumerate(made):
        scale = FILE_SIDE // (COLUMNS * max(pictures.shape[2:]))
        sheet = paper.grid(pictures, COLUMNS, gap=0, scale=scale, paper=True)
        sheet = sheet if sheet.ndim == 3 else sheet[..., None]
        top, left = ((FILE_SIDE - side) // 2 + gap for side in sheet.shape[:2])
        left += k * (FILE_SIDE + gap)
        frame[top : top + sheet.shape[0], left : left + sheet.shape[1]] = sheet
    frame[-8:-4, gap:-gap] = 228
    frame[-8:-4, gap : gap + round(place * (frame.shape[1] - 2 * gap))] = sprites.INK
    return frame
