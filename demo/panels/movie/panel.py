"""Movie: ten Gibbs chains side by side with a class held or free, all layers of one of them, step by step.

After the digit movie of Hinton, Osindero and Teh 2006 (section 6). The chains are computed in pieces and sent
while they are computed; the browser (``panel.js``) keeps every frame, so that scrubbing asks nobody.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from demo.engine import examples, inference, limits
from demo.engine.inference import Step
from demo.engine.library import Library
from demo.kit import carriers, controls, paper, signs, sprites
from demo.kit.answers import Answer, Progress
from demo.kit.markup import Markup, Message, join, say, tag
from demo.kit.state import sent_picture
from onnx_models.catalog import Model

Array = NDArray[np.float32]

NAME = "movie"
CHAINS = 10
STEPS_A_PIECE = 20
PREVIEW_STEPS = 20
"""Computed when the page is built, for the first paint; the rest is asked for when the tab is opened."""
SETTLE = 150
"""Milliseconds a control has to rest before a movie is asked for: a dragged seed would ask for dozens."""
FRAMES_A_SECOND = 25
"""Of the file to keep; 50 is the most that browsers play of a GIF, whose unit is a hundredth of a second."""
FILE_SCALE = 3
FREE, EACH = "free", "each"


@dataclass(frozen=True)
class State:
    """What the panel shows; which chain is looked at, and when, is the browser's own."""

    model: str = ""
    """Who dreams."""
    label: str = EACH
    """``free``, ``each`` (chain k holds class k) or the class that all chains hold."""
    start: str = "noise"
    """``noise`` or ``drawing``, that of the panel Draw."""
    drawing: str = ""
    """A ``data:`` URI, or nothing where an example is taken."""
    example: int = 0
    seed: int = 7
    steps: int = limits.STEPS.highest


PRIVATE = ("drawing",)


def shows(model: Model) -> bool:
    """Whether the model has a place in this panel."""
    return model.kind == "model" and model.has("gibbs_step")


def build(library: Library) -> None:
    """Lay the panel out, with the beginning of its first movie."""
    models = dreamers(library)
    state = State(model=models[-1].id, example=examples.first(library))
    carriers.lead(NAME, takes=True)
    desk = carriers.desk(library, _desk(models, state), state, NAME, PRIVATE, settle=SETTLE)
    preview = replace(state, steps=PREVIEW_STEPS)
    stage = desk.view(
        stream, "stage", runs="movie", answers=False, first=lambda: stream(library, preview, whole=state)
    )
    carriers.lessons(models, NAME)
    desk.stream(stage, desk.box.input, stage.box.input, limit=limits.MOVIES, grows=True)
    desk.keeps(parcel, limits.MOVIES)


def dreamers(library: Library) -> tuple[Model, ...]:
    """Return who can be watched: those that take no label first, so that the last one is the richest."""
    models = (model for model in library.chains if model.kind == "model")
    return tuple(sorted(models, key=lambda model: _classes(model) > 0))


def stream(library: Library, state: State, whole: State | None = None) -> Iterator[Answer]:
    """Make a movie: what describes its stage, then a piece of it at a time.

    The first answer is ``{"steps": last step, "end": last step of these answers, "stage": markup}``. Each one
    after it is ``{"first": step, "count": steps, "sheets": [URI, ...], "energy": [[nats of each chain] of
    each step]}`` with a sheet for each canvas of the stage: a row of tiles for each chain, a column for each
    step.

    Parameters
    ----------
    whole : what these answers are the beginning of, if not all of it

    """
    whole = whole or state
    model, steps = _start(library, state)
    while piece := tuple(islice(steps, STEPS_A_PIECE)):
        if not piece[0].index:
            yield {"steps": whole.steps, "end": state.steps, "stage": _stage(model, piece[0], whole)}
        yield {
            "first": piece[0].index,
            "count": len(piece),
            "sheets": [sprites.sheet_uri(tiles, levels) for tiles, levels in _tiles(piece)],
            "energy": [[round(float(nats), 1) for nats in step.free_energy] for step in piece],
        }


def parcel(library: Library, state: State) -> Iterator[Answer]:
    """Make the movie as a GIF for the visitor, who is told how far it is.

    Gradio ends it between two answers when the visitor leaves.
    """
    frames = []
    model, steps = _start(library, state)
    for step in steps:
        frames.append(step.visible_mean)
        if step.index % STEPS_A_PIECE == 0:
            yield Progress(step.index, state.steps)
    yield paper.parcel(f"{model.id}-{state.label}-seed-{state.seed}", gif(frames), "gif")


def gif(moments: Iterable[Array]) -> bytes:
    """Encode the chains, float32 [chains, 1, height, width] at each moment, on white paper."""
    frames = (paper.grid(moment, CHAINS // 2, gap=4, scale=FILE_SCALE, paper=True) for moment in moments)
    return paper.to_gif(frames, FRAMES_A_SECOND)


def begun(library: Library, state: State) -> tuple[Model, Array | None, int | Sequence[int]]:
    """Return who dreams, the picture that the chains start from, None for noise, and what they hold."""
    model = library.model(state.model, "gibbs_step")
    picture = (
        examples.original(library, sent_picture(state.drawing), state.example)
        if state.start == "drawing"
        else None
    )
    return model, picture, _labels(model, state.label) if _classes(model) else -1


def _start(library: Library, state: State) -> tuple[Model, Iterator[Step]]:
    """Check everything that was asked for and begin the chains."""
    steps = limits.Bound("steps", 1, limits.STEPS.highest, State.steps).check(state.steps)
    model, picture, labels = begun(library, state)
    return model, inference.gibbs_steps(library, model.id, picture, steps, state.seed, labels, CHAINS)


def _labels(model: Model, label: str) -> int | Sequence[int]:
    if label == EACH:
        return [k % _classes(model) for k in range(CHAINS)]
    if label == FREE:
        return -1
    return limits.LABEL.check(int(label) if label.lstrip("-").isdecimal() else label)


def _classes(model: Model) -> int:
    """Return how many classes a chain can be held to, 0 where none."""
    return inference.classes(model, "gibbs_step")


# ---------------------------------------------------------------------------------------------------- stage


def _tiles(piece: Sequence[Step]) -> Iterator[tuple[Array, int]]:
    """Return what each canvas of the stage shows, [chains, steps, height, width], and its depths of ink."""
    yield np.stack([step.visible_mean[:, 0] for step in piece], axis=1), sprites.LEVELS
    for k, layer in enumerate(piece[0].layers):
        values = np.stack([step.layers[k].values for step in piece], axis=1)  # [chains, steps, units]
        bits = layer.name in ("visible", "hidden")
        tiles = values.reshape(*values.shape[:2], *sprites.field(values.shape[2]))
        yield tiles, 2 if bits else sprites.LEVELS
    if piece[0].label_mean is not None:
        means = np.stack([step.label_mean for step in piece if step.label_mean is not None], axis=1)
        yield means[:, :, None, :], sprites.LEVELS


def _stage(model: Model, step: Step, state: State) -> Markup:
    height, width = step.visible_mean.shape[-2:]
    picture = _layer(say("movie.pixels", count=height * width), (height, width))
    above = [
        _layer(say("movie.units", count=layer.values.shape[1]), sprites.field(layer.values.shape[1]))
        for layer in step.layers
    ]
    labels = _label_layer(step.label_mean.shape[1]) if step.label_mean is not None else None
    return tag(
        "div",
        tag(
            "div",
            *(_chain(k, state if _classes(model) else None, (height, width)) for k in range(CHAINS)),
            class_="chains",
            role="radiogroup",
            aria_label=say("movie.chains", model=signs.title(model)),
        ),
        controls.transport(state.steps, say("movie.scrub"), tag("output")),
        tag(
            "figure",
            _curves(),
            tag("figcaption", tag("span", say("movie.energy")), signs.hint("movie.energy.hint")),
            class_="plot",
        ),
        tag("ol", picture, *above, labels, class_="stack", aria_label=say("movie.layers")),
        tag("p", signs.lesson_button(model, NAME), class_="note"),
        class_="movie",
        style=signs.era(model),
        data_card=model.id,
    )


def _chain(number: int, state: State | None, size: tuple[int, int]) -> Markup:
    """Return one chain's screen; without a state its model has no labels to hold."""
    held = number if state and state.label == EACH else state.label if state and state.label != FREE else None
    name = (
        say("movie.chain", number=number + 1)
        if held is None
        else say("movie.chain.held", number=number + 1, label=held)
    )
    return tag(
        "label",
        tag("input", type="radio", name="movie-chain", value=number, aria_label=name),
        _canvas(size, name, data_chain=number),
        tag("span", "·" if held is None else str(held), aria_hidden="true"),
        class_="chain",
    )


def _curves() -> Markup:
    """Return the free energy of every chain over the steps; the browser draws it while it arrives."""
    lines = (tag("polyline") for _ in range(CHAINS))
    return tag("svg", *lines, tag("line"), class_="energy", preserveAspectRatio="none", aria_hidden="true")


def _layer(caption: Message, size: tuple[int, int]) -> Markup:
    return tag("li", _canvas(size, caption, data_layer=True), tag("span", caption), class_="layer")


def _label_layer(classes: int) -> Markup:
    digits = (tag("span", str(label)) for label in range(classes))
    caption = say("movie.labels", count=classes)
    return tag(
        "li",
        _canvas((1, classes), caption, data_layer=True),
        tag("span", *digits, class_="digits", style=f"--classes:{classes}", aria_hidden="true"),
        tag("span", caption),
        class_="layer labels",
    )


def _canvas(size: tuple[int, int], name: Message, **data: Any) -> Markup:
    height, width = size
    return tag(
        "canvas",
        class_="picture ink",
        width=width,
        height=height,
        style=f"--w:{width};--h:{height}",
        role="img",
        aria_label=name,
        **data,
    )


# ----------------------------------------------------------------------------------------------------- desk


def _desk(models: tuple[Model, ...], state: State) -> Markup:
    classes = tuple(map(str, range(max(map(_classes, models)))))
    held = controls.choices(
        "label",
        (EACH, FREE, *classes),
        (say("control.each"), say("control.free"), *(say("figure.count", value=k) for k in classes)),
        state.label,
    )
    who = controls.choices(
        "model", tuple(model.id for model in models), tuple(map(signs.title, models)), state.model
    )
    starts = controls.choices(
        "start", ("noise", "drawing"), (say("movie.start.noise"), say("movie.start.drawing")), state.start
    )
    labelled = " ".join(model.id for model in models if _classes(model))
    return join(
        tag(
            "div",
            tag("fieldset", tag("legend", say("movie.model")), who) if len(models) > 1 else None,
            tag(
                "fieldset",
                tag("legend", say("movie.label")),
                held,
                class_="movie-labels",
                data_labelled=labelled,
            ),
            tag("fieldset", tag("legend", say("movie.start")), starts),
            controls.seed_row(NAME, state.seed),
            controls.keep("gif"),
            class_="controls",
            data_tool="movie",
        ),
    )
