"""Draw: one picture, damaged or not, and what every network that rebuilds pictures makes of it."""

from __future__ import annotations

import functools
import json
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from demo.engine import examples, inference, judging, limits
from demo.engine.corruption import Corruption, corrupt
from demo.engine.images import SIDE
from demo.engine.inference import Answer, Reconstruction
from demo.engine.library import Library
from demo.kit import carriers, controls, signs, sprites, verdict
from demo.kit.answers import tell
from demo.kit.markup import Markup, Message, join, say, tag
from demo.kit.state import sent_picture
from demo.panels.draw import scene
from onnx_models import seeds
from onnx_models.catalog import Model
from onnx_models.errors import LineageError

Array = NDArray[np.float32]

NAME = "draw"
FRAMES = 10
"""Most pictures in a film strip, the start and the end of the chain included."""
MOST_STEPS = 100
"""Fewer than the API allows: the chain is run again at every stroke."""

SURPRISES = 1000
"""Seeds that "dream again" picks from: few enough to be short in an address."""

_DAMAGE = {"none": "none", "salt": "salt", "half": "occlude_right", "brush": "brush"}


@dataclass(frozen=True)
class State:
    """What the panel shows; all of it but the drawing fits into an address."""

    example: int = 0
    """Position in the data set's examples; not looked at while there is a drawing."""
    drawing: str = ""
    """The canvas as a ``data:`` URI, or nothing."""
    damage: str = "none"
    amount: int = 40
    """Percent."""
    hidden: str = ""
    """What the brush hides: a 0 or 1 for each pixel, row by row."""
    models: str = ""
    """Who answers: ids with commas between; none stands for one network of each family."""
    steps: int = 9
    seed: int = 1


PRIVATE = ("drawing", "hidden")
"""Too long for an address."""


shows = scene.shows


def build(library: Library) -> None:
    """Lay the panel out, its first answers included."""
    everyone, usual = scene.networks(library), scene.usual(library)
    state = State(example=examples.first(library), models=",".join(model.id for model in usual))
    carriers.lead(NAME, takes=True)
    desk = carriers.desk(library, _desk(library, state), state, NAME, PRIVATE, rests=True)
    # The first run of a session takes far longer than the others.
    next(tell(lambda: show_answers(library, state)))
    answers = desk.view(show_answers, "answers")
    readers = (model for model in judging.readers(library, examples.DATASET) if model not in everyone)
    carriers.lessons((*everyone, *readers), NAME)
    if len(everyone) > len(usual):
        carriers.fixed(_who(everyone, usual), "who")
    if scene.dreamers(library):
        carriers.fixed(_chain_controls(state), "chain")
    strips = desk.view(show_chains, "strips")
    for model in library.catalog.having("parameters", "gibbs_step"):
        name = say("draw.filters", model=signs.title(model))
        carriers.drawer(name, "filters", functools.partial(show_filters, library, model))
    desk.answer(answers)
    desk.answer(strips, at_rest=True)  # chains of steps take as long as all answers, and are below the fold


def show_answers(library: Library, state: State) -> Markup:
    """Return the row of cards, what the networks see and what each makes of it, and what classifiers read."""
    picture = examples.original(library, sent_picture(state.drawing), state.example)
    chosen = [model.id for model in scene.answering(library, state.models)]
    return _answers(library, inference.reconstruct(library, picture, chosen, _corruption(state), state.seed))


def show_chains(library: Library, state: State) -> Markup:
    """Return a film strip for each model that runs a Gibbs chain, started from what the networks see."""
    start = damaged(library, state)
    steps = limits.Bound("steps", 1, MOST_STEPS, State.steps).check(state.steps)
    return join(*(_strip(library, model, start, steps, state.seed) for model in scene.dreamers(library)))


def damaged(library: Library, state: State) -> Array:
    """Return what the networks see: float32 [1, 28, 28]."""
    original = examples.original(library, sent_picture(state.drawing), state.example)
    return corrupt(original, _corruption(state), seeds.check_seed(state.seed))


def _corruption(state: State) -> Corruption:
    kind = _DAMAGE.get(state.damage, state.damage)
    if kind != "brush":
        return Corruption.parse({"kind": kind, "amount": state.amount / 100})
    if "1" not in state.hidden:
        return Corruption()
    rows = (state.hidden[start : start + SIDE] for start in range(0, len(state.hidden), SIDE))
    return Corruption.parse({"kind": "brush", "mask": [[cell == "1" for cell in row] for row in rows]})


# ---------------------------------------------------------------------------------------------------- cards


def _answers(library: Library, rebuilt: Reconstruction) -> Markup:
    hurt = bool((rebuilt.shown != rebuilt.original).any())
    seen = tag(
        "article",
        tag("header", tag("span", "28 × 28", class_="year"), tag("h3", say("draw.seen"))),
        sprites.picture(
            rebuilt.shown,
            say("draw.seen.alt.damaged" if hurt else "draw.seen.alt"),
            data_original=sprites.ink_uri(rebuilt.original),
        ),
        tag("p", say("draw.seen.note"), class_="note"),
        class_="card seen",
    )
    cards = (_card(library.catalog.model(answer.model_id), answer) for answer in rebuilt.answers)
    return join(
        tag("div", seen, *cards, class_="cards", role="group", aria_label=say("draw.answers")),
        verdict.show(judging.read(library, judging.readers(library, examples.DATASET), rebuilt.shown), NAME),
    )


def _card(model: Model, answer: Answer) -> Markup:
    if answer.error is not None or answer.image is None:
        return signs.card(model, signs.error(answer.error) if answer.error else Markup())
    return signs.card(
        model,
        sprites.picture(
            answer.image,
            say("draw.rebuilt.alt", model=signs.title(model), error=answer.squared_error),
            data_shows=f"{model.id} 0",
        ),
        tag(
            "dl",
            signs.figure("error", say("figure.number", value=answer.squared_error)),
            signs.figure("time", say("figure.ms", value=answer.milliseconds)),
        ),
        signs.lesson_button(model, NAME),
    )


def _who(everyone: tuple[Model, ...], usual: tuple[Model, ...]) -> Markup:
    """Return the closed row of names that chooses who answers."""
    chips = (
        tag(
            "label",
            tag("input", type="checkbox", name="models", value=model.id, checked=model in usual),
            tag("span", signs.title(model)),
            class_="chip",
            style=signs.era(model),
        )
        for model in everyone
    )
    return tag(
        "details",
        tag("summary", say("draw.who", count=len(everyone))),
        tag("div", *chips, class_="chips", role="group", aria_label=say("draw.who.label")),
        class_="who",
    )


# ---------------------------------------------------------------------------------------------- Gibbs chain


def _strip(library: Library, model: Model, start: Array, steps: int, seed: int) -> Markup:
    try:
        chain = inference.gibbs(library, model.id, start, steps, seed)
    except LineageError as fault:
        return tag("section", tag("h4", signs.title(model)), signs.error(fault), class_="strip")
    moments = sorted({round(moment) for moment in np.linspace(0, steps, FRAMES)})
    energies = chain.free_energy[:, 0]
    sheet = sprites.Sheet(chain.visible_means[list(moments), 0], len(moments))
    frames = (_frame(sheet, k, moment, float(energies[moment])) for k, moment in enumerate(moments))
    return tag(
        "section",
        tag(
            "header",
            tag("h4", signs.title(model)),
            tag("span", say("figure.energy"), signs.hint("figure.energy.hint"), class_="note"),
        ),
        tag("ol", *frames, class_="film"),
        _curve(energies, signs.title(model)),
        class_="strip",
        style=f"{signs.era(model)};{signs.frames(len(moments), 5)};{sheet.style}",
        data_strip=model.id,
        data_shows=f"{model.id}.chain",
    )


def _frame(sheet: sprites.Sheet, index: int, moment: int, energy: float) -> Markup:
    return tag(
        "li",
        sheet.picture(index, say("draw.frame.alt", step=moment, energy=energy)),
        tag("span", str(moment), class_="moment"),
        tag("span", say("figure.nats", value=energy), class_="energy"),
    )


def _curve(energies: Array, title: Message) -> Markup:
    """Draw free energy against the step, in the model's colour."""
    step = 100 / max(len(energies) - 1, 1)
    points = " ".join(
        f"{k * step:.2f},{32 - 28 * float(height):.2f}" for k, height in enumerate(scene.heights(energies))
    )
    return tag(
        "svg",
        tag("polyline", points=points),
        class_="curve",
        viewBox="0 0 100 34",
        preserveAspectRatio="none",
        role="img",
        aria_label=say(
            "draw.curve.alt",
            model=title,
            steps=len(energies) - 1,
            first=float(energies[0]),
            last=float(energies[-1]),
        ),
    )


def _chain_controls(state: State) -> Markup:
    return tag(
        "div",
        tag("h3", say("draw.chain"), signs.hint("draw.chain.hint")),
        controls.surprise(say("draw.again"), below=SURPRISES),
        controls.slider(NAME, "steps", say("draw.steps"), 1, MOST_STEPS, 1, state.steps),
        class_="controls",
    )


# -------------------------------------------------------------------------------------------------- filters


def show_filters(library: Library, model: Model) -> Markup:
    """Return all filters of the first layer as one picture: ink draws a unit on, colour holds it back."""
    weights = 2.0 * inference.filters(library, model.id) - 1.0
    return tag(
        "figure",
        sprites.weights_picture(weights, model, say("draw.filters.alt", count=len(weights))),
        tag("figcaption", say("draw.filters.caption", count=len(weights))),
        style=signs.era(model),
    )


# ----------------------------------------------------------------------------------------------------- desk


def _desk(library: Library, state: State) -> Markup:
    return join(
        tag(
            "div",
            tag(
                "div",
                tag("canvas", class_="ink", tabindex="0", role="img", aria_label=say("draw.canvas")),
                tag("p", say("draw.prompt"), class_="prompt", aria_hidden="true"),
                class_="paper",
            ),
            tag(
                "div",
                tag("button", say("control.undo"), type="button", class_="link", data_do="undo"),
                tag("button", say("control.clear"), type="button", class_="link", data_do="clear"),
                class_="tools",
            ),
            tag(
                "div",
                _bringing("draw.bring", class_="link"),
                _bringing("draw.camera", class_="link camera", capture="environment"),
                class_="tools",
                data_served=True,
            ),
            data_tool=NAME,
        ),
        _examples(library),
        tag(
            "fieldset",
            tag("legend", say("draw.damage")),
            controls.choices(
                "damage", tuple(_DAMAGE), tuple(say(f"draw.damage.{kind}") for kind in _DAMAGE), state.damage
            ),
            controls.slider(NAME, "amount", say("draw.amount"), 0, 100, 1, state.amount, unit=" %"),
            tag("p", say("draw.brush"), class_="note brush-note"),
            class_="damage",
        ),
    )


def _bringing(words: str, class_: str, capture: str | None = None) -> Markup:
    """Return what takes a picture of the visitor's own; with ``capture`` a phone opens its camera."""
    chosen = tag("input", type="file", accept="image/*", capture=capture, data_upload=True)
    return tag("label", chosen, tag("span", say(words)), class_=f"{class_} bring")


def _examples(library: Library) -> Markup:
    try:
        digits = library.examples(examples.DATASET)
    except LineageError as fault:
        return signs.error(fault)
    rows = scene.rows(digits)
    # [rows, classes, height, width]
    sheet = digits.images[np.array(rows), 0].astype(np.float32) / 255.0
    sheet = sheet.transpose(0, 2, 1, 3).reshape(1, sheet.shape[0] * sheet.shape[2], -1)
    buttons = (
        tag(
            "button",
            type="button",
            class_="thumb ink",
            aria_label=say("draw.example", label=int(digits.labels[position])),
            aria_pressed="false",
            data_set=json.dumps({"example": position, "drawing": ""}),
            style=f"--column:{column}",
        )
        for column, position in enumerate(rows[0])
    )
    return tag(
        "div",
        tag("span", say("draw.examples"), class_="label"),
        tag(
            "div",
            *buttons,
            class_="thumbs",
            style=f"--pictures:url({sprites.ink_uri(sheet)});--columns:{len(rows[0])};--rows:{len(rows)};--row:0",
            data_rows=json.dumps(rows),
        ),
        tag("button", say("draw.others"), type="button", class_="link", data_do="leaf"),
        class_="examples",
    )
