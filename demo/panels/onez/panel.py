"""One z, many GANs: every generator of a data set at work on the same noise, and what a judge reads in it.

A wall of equal cards: the noise, the generators by year, real pictures. Place i is the same z on each of
them. Pictures come first; the figures are a second answer, which the browser puts beneath (``one_z.js``).
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from demo.engine import inference, limits, wall
from demo.engine.library import Library
from demo.engine.wall import Reading, Wall
from demo.kit import carriers, controls, paper, signs, sprites
from demo.kit.answers import File
from demo.kit.markup import Markup, Message, join, say, tag
from demo.panels.onez import scene
from onnx_models import seeds
from onnx_models.catalog import Model
from onnx_models.errors import LineageError

Array = NDArray[np.float32]

NAME = "onez"
COLUMNS = 4
"""Of a sheet, and of the file to keep."""
FIRST_LABEL = 3
"""The digit asked for at first, where anybody can be asked."""

_NOISE, _REAL = "z", scene.REAL
"""What hangs on the wall beside the generators, by the names of their cards."""


@dataclass(frozen=True)
class State:
    """What hangs on the wall, and which place is looked at."""

    dataset: str = ""
    seed: int = 7
    label: int = -1
    """The class asked for; -1 asks for none."""
    pick: int = 0
    """The place that is shown larger: the browser's own, no picture depends on it."""


def shows(model: Model) -> bool:
    """Whether the model has a place in this panel."""
    return wall.shows(model)


def build(library: Library) -> None:
    """Lay the panel out, its first wall and figures included."""
    datasets = wall.datasets(library)
    if not datasets:
        carriers.fixed(tag("p", say("onez.none"), class_="problem"), "nothing")
        return
    walls = tuple(wall.of(library, dataset) for dataset in datasets)
    state = State(dataset=datasets[0], label=FIRST_LABEL if scene.asked(walls[0]) else -1)
    carriers.lead(NAME, takes=True)
    desk = carriers.desk(library, _desk(library, walls, state), state, NAME, local=("pick",), rests=True)
    readings = desk.view(show_readings, "readings", runs="readings")
    stage = desk.view(show_wall, "gallery")
    carriers.lessons(tuple(model for shown in walls for model in shown.generators), NAME)
    desk.answer(stage)
    # Judging four times as many pictures takes longer than making these, which do not wait for it.
    desk.answer(readings, at_rest=True)
    desk.keeps(parcel)


def show_wall(library: Library, state: State) -> Markup:
    """Return the noise, what each generator makes of it, and real pictures."""
    shown, state = asked(library, state)
    real = shown.real(library, state.seed, state.label, wall.SHOWN)
    tile = max(shown.judge.image["height"], shown.judge.image["width"]) + 2
    width = max(inference.z_size(model) for model in shown.generators)
    noise = scene.noise_picture(seeds.normals(state.seed, wall.SHOWN, width), tile - 2)
    quiet = tag("span", shown.judge.dataset["name"], class_="year")
    cards = [
        _noise_card(noise, width, state),
        *(_card(library, shown, model, state) for model in shown.generators),
        tag(
            "article",
            tag("header", quiet, tag("h3", say("onez.real"))),
            _sheet(real, say("onez.real.alt", count=len(real))),
            _slot(_REAL),
            class_="card quiet",
            data_card=_REAL,
            data_lasts=True,
        ),
    ]
    names = [
        (_NOISE, say("onez.z"), say("onez.z.one")),
        *((m.id, signs.title(m), say("onez.one", model=signs.title(m))) for m in shown.generators),
        (_REAL, say("onez.real"), say("onez.real.one")),
    ]
    eras = {model.id: signs.era(model) for model in shown.generators}
    colours = shown.judge.image["channels"] != 1
    return tag(
        "div",
        tag("ol", *(_glass(*name, eras.get(name[0]), colours) for name in names), class_="lens"),
        tag("div", *cards, class_="hung"),
        class_="one-z",
        style=f"--tile:{tile}",
        data_of=_key(state),
        data_judge=shown.judge.id,
        data_asks=scene.asked(shown),
    )


def show_readings(library: Library, state: State) -> Markup:
    """Return the figures of every card, for the browser to put in their places.

    A state that cannot be shown has none: the wall says why. A judge that cannot read says so once.
    """
    try:
        shown, state = asked(library, state)
    except LineageError:
        return Markup()
    found = scene.measured(library, shown, state.seed, state.label)
    peak = scene.peak(found)
    parts = (
        tag(
            "div",
            _figures(reading, state, peak, first=k == 0),
            data_read=name,
            data_reads=_reads(reading),
            data_largest=None if isinstance(reading, LineageError) else scene.largest(reading),
            data_lasts=name == _REAL,
        )
        for k, (name, reading) in enumerate(found.items())
    )
    yardsticks = scene.yardsticks(library, shown, state.label)
    return tag(
        "div",
        *parts,
        data_of=_key(state),
        data_dataset=state.dataset,
        data_yardsticks=json.dumps(yardsticks),
    )


def parcel(library: Library, state: State) -> File:
    """Return the whole wall as a file for the visitor."""
    _, state = asked(library, state)
    name = f"one-z-{state.dataset}-seed-{state.seed}"
    if state.label >= 0:
        name += f"-asked-{state.label}"
    return paper.parcel(name, paper.to_png(contact_sheet(library, state)), "png")


def asked(library: Library, state: State) -> tuple[Wall, State]:
    """Check what was asked for; where nobody on the wall can be asked for a class, none is."""
    seeds.check_seed(state.seed)
    limits.LABEL.check(state.label)
    shown = wall.of(library, state.dataset)
    return shown, state if scene.asked(shown) else replace(state, label=-1)


def _name(state: State) -> Message:
    return signs.class_name(state.dataset, state.label)


def _key(state: State) -> str:
    """Name what pictures and figures depend on, so that the browser can tell whether they belong together."""
    return f"{state.dataset} {state.seed} {state.label}"


# --------------------------------------------------------------------------------------------------- cards


def _noise_card(noise: Array, size: int, state: State) -> Markup:
    """Return the card of the noise itself, whose places are the radio buttons that pick one on all cards."""
    places = (
        tag(
            "input",
            type="radio",
            name="pick",
            value=k,
            checked=k == state.pick,
            aria_label=say("onez.place", number=k + 1),
        )
        for k in range(wall.SHOWN)
    )
    keys = tag("div", *places, class_="keys-of-z", role="radiogroup", aria_label=say("onez.places"))
    return tag(
        "article",
        tag(
            "header",
            tag("span", say("onez.seed", seed=state.seed), class_="year"),
            tag("h3", say("onez.z"), signs.hint("onez.z.hint")),
        ),
        _sheet(noise, say("onez.z.alt", count=len(noise), size=size), keys),
        tag(
            "p",
            tag("span", say("onez.z.note", size=size)),
            tag("span", say("onez.veiled", label=_name(state))) if state.label >= 0 else None,
            class_="note",
        ),
        class_="card quiet",
        data_card=_NOISE,
    )


def _card(library: Library, shown: Wall, model: Model, state: State) -> Markup:
    deaf = state.label >= 0 and not inference.takes_label(model, "generate")
    content: tuple[Markup, ...]
    try:
        pictures = shown.made(library, model, state.seed, state.label, wall.SHOWN)
        alt = say("onez.made.alt", model=signs.title(model), count=len(pictures))
        content = (_sheet(pictures, alt, shows=f"{model.id} 0 {len(pictures)} {COLUMNS}"), _slot(model.id))
    except LineageError as fault:
        content = (signs.error(fault),)
    return tag(
        "article",
        tag(
            "header",
            tag("span", str(model.year), class_="year"),
            tag("span", say("onez.deaf"), class_="deaf") if deaf else None,
            tag("h3", signs.lesson_button(model, NAME, signs.title(model))),
        ),
        *content,
        class_="card",
        style=signs.era(model),
        data_card=model.id,
    )


def _sheet(pictures: Array, alt: Message, *over: Markup, shows: str | None = None) -> Markup:
    """Return pictures in one image; over it the frame of the place that is looked at, and veils."""
    sheet = sprites.mosaic(pictures, COLUMNS, wall.SHOWN // COLUMNS)
    frame = tag("span", class_="spot", aria_hidden="true")
    veils = tag("div", class_="veils", aria_hidden="true")
    image = sprites.picture(sheet, alt, data_shows=shows)
    return tag("div", image, veils, frame, *over, class_="cells", data_cells=COLUMNS)


def _slot(name: str) -> Markup:
    """Return the place for a card's figures, as high before they come as after."""
    return tag("div", class_="slot-of-figures", data_slot=name)


def _glass(name: str, caption: Message, alt: Message, era: str | None, colours: bool) -> Markup:
    """Return the looking glass over one card: the browser puts the card's picture of the chosen z into it."""
    ink = not colours or name == _NOISE
    glass = tag("span", role="img", aria_label=alt, class_="glass ink" if ink else "glass")
    read = tag("span", say("onez.read") if name == _NOISE else None, class_="read")
    return tag("li", glass, tag("span", caption, class_="name"), read, style=era, data_glass=name)


# ------------------------------------------------------------------------------------------------- figures


def _reads(reading: Reading | LineageError) -> str:
    """Return the classes that the pictures on the wall are taken for, as JSON."""
    labels = [] if isinstance(reading, LineageError) else reading.labels[: wall.SHOWN].tolist()
    return json.dumps(labels)


def _figures(reading: Reading | LineageError, state: State, peak: float, first: bool) -> Markup:
    """Return agreement, diversity and the classes read; the hints of the first card are reached by Tab."""
    if isinstance(reading, LineageError):
        return signs.error(reading)
    count, classes = len(reading.labels), len(reading.counts)
    hits, of = scene.hits(reading, state.label)
    value = say("onez.of", count=hits, of=of)
    if state.label >= 0:
        name, hint = say("onez.agreement", label=_name(state)), "onez.agreement.hint"
    else:
        name, hint = say("onez.kinds"), "onez.kinds.hint"
    spread = say("figure.probability", value=reading.diversity) if reading.diversity is not None else None
    columns = (
        tag(
            "li",
            tag("span", class_="bar", style=f"--part:{part / peak:.3f}"),
            tag("span", str(label), aria_hidden="true"),
            role="img",
            aria_label=say("verdict.part", label=signs.class_name(state.dataset, label), part=part),
            class_="asked" if label == state.label else None,
        )
        for label, part in enumerate((reading.counts / count).tolist())
    )
    return join(
        tag(
            "dl",
            _figure(name, hint, value, first),
            _figure(say("onez.diversity"), "onez.diversity.hint", spread, first),
        ),
        tag("ol", *columns, class_="bars", style=f"--classes:{classes}"),
    )


def _figure(name: Message, hint: str, value: Message | None, tabbed: bool) -> Markup:
    return tag(
        "div",
        tag("dt", tag("span", name), signs.hint(hint, tabbed)),
        tag("dd", value or "–"),
        class_="figure",
    )


# ---------------------------------------------------------------------------------------------------- file


def contact_sheet(library: Library, state: State) -> NDArray[np.uint8]:
    """Return the whole wall with its names and figures on white paper: uint8 [height, width, 3].

    A generator that cannot answer is left out; the words are English.
    """
    shown, state = asked(library, state)
    readings = scene.measured(library, shown, state.seed, state.label)
    blocks = []
    for model in shown.generators:
        reading = readings[model.id]
        if isinstance(reading, Reading):
            pictures = shown.made(library, model, state.seed, state.label, wall.SHOWN)
            blocks.append((f"{model.title['en']}, {model.year}", _in_words(reading, state), pictures))
    real = readings.get(_REAL)
    if isinstance(real, Reading):
        pictures = shown.real(library, state.seed, state.label, wall.SHOWN)
        blocks.append(
            (f"Real: {shown.judge.dataset['name']}", _in_words(real, state), pictures),
        )
    return _paste(blocks)


def _in_words(reading: Reading, state: State) -> str:
    hits, of = scene.hits(reading, state.label)
    words = f"{hits} of {of} read as {state.label}" if state.label >= 0 else f"{hits} of {of} classes"
    return words if reading.diversity is None else f"{words}, diversity {reading.diversity:.0%}"


def _paste(
    blocks: list[tuple[str, str, Array]], scale: int = 3, gap: int = 32, caption: int = 56
) -> NDArray[np.uint8]:
    """Lay blocks of a title, words and 16 pictures out on white paper, ``COLUMNS`` in a row."""
    sheets = [paper.grid(pictures, COLUMNS, scale=scale, paper=True) for *_, pictures in blocks]
    side = max(sheet.shape[1] for sheet in sheets) + 2 * scale
    rows = -(-len(blocks) // COLUMNS)
    across = min(len(blocks), COLUMNS)
    page = Image.new("RGB", (gap + across * (side + gap), gap + rows * (side + caption + gap)), "white")
    pen = ImageDraw.Draw(page)
    large, small = ImageFont.load_default(20), ImageFont.load_default(15)
    for k, (title, words, _) in enumerate(blocks):
        left, top = gap + k % COLUMNS * (side + gap), gap + k // COLUMNS * (side + caption + gap)
        pen.text((left, top), title, fill="black", font=large)
        pen.text((left, top + 26), words, fill="dimgray", font=small)
        page.paste(Image.fromarray(sheets[k]), (left + scale, top + caption + scale))
    return np.asarray(page)


# ----------------------------------------------------------------------------------------------------- desk


def _desk(library: Library, walls: tuple[Wall, ...], state: State) -> Markup:
    datasets = tuple(shown.dataset for shown in walls)
    asked = (-1, *range(scene.classes(walls)))
    labels = controls.choices(
        "label",
        tuple(map(str, asked)),
        tuple(say("control.any") if k < 0 else signs.class_name(state.dataset, k) for k in asked),
        str(state.label),
    )
    names = tuple(say("onez.dataset.name", name=library.dataset(dataset).name) for dataset in datasets)
    which = controls.choices("dataset", datasets, names, state.dataset)
    return tag(
        "div",
        controls.seed_row(NAME, state.seed),
        tag(
            "fieldset",
            tag("legend", say("onez.label"), signs.hint("onez.label.hint")),
            labels,
            data_ask=True,
        ),
        tag("fieldset", tag("legend", say("onez.dataset")), which) if len(datasets) > 1 else None,
        controls.keep("png"),
        class_="controls",
        data_tool="onez",
    )
