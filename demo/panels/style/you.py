"""You, a part of the panel Style: a picture that a visitor paints or brings, and the styles found in it.

An encoder finds them at one glance while the picture is painted; a few dozen steps down the gradient of the
error bring them closer, each a run of one graph, sent while they are computed. Nothing is kept here: picture
and styles are the browser's own (``you.js``), and the other parts of the panel are about them
from then on. A browser that knows the picture finds and refines them by itself.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from demo.engine import limits, styles
from demo.engine.library import Library
from demo.kit import carriers, controls, signs, sprites
from demo.kit.answers import Answer
from demo.kit.markup import Markup, say, tag
from demo.panels.style.state import State, found, own, subject
from onnx_models.catalog import Model

Array = NDArray[np.float32]

EASEL = 256
"""Pixels of a side that are painted on: a whole multiple of what a network of that size or less takes."""
STEPS_A_PIECE = 2
FORMATS = "image/png,image/jpeg,image/webp,image/gif,image/bmp,image/tiff"
COLOURS = {
    "black": "#2c1b18",
    "brown": "#724133",
    "blond": "#d6b370",
    "red": "#c93305",
    "pink": "#f59797",
    "skin": "#edb98a",
    "white": "#ffffff",
    "blue": "#5199e4",
    "green": "#5bbf7a",
    "yellow": "#ffd94d",
}


def chip() -> Markup:
    """Return the sign over the desk that says whose face is looked at, and lets go of it."""
    return tag(
        "div",
        tag("span", say("style.you.mine")),
        tag(
            "button",
            "×",
            type="button",
            aria_label=say("style.you.leave"),
            data_set=json.dumps({"picture": "", "ws": "", "wish": ""}),
        ),
        class_="mine",
        data_mine=True,
        hidden=True,
    )


def listen(library: Library, desk: carriers.Desk) -> None:
    """Lay out what carries the steps to the browser, where any network has an encoder."""
    if all(library.catalog.encoder(model.id) is None for model in styles.painters(library)):
        return
    steps = carriers.View(carriers.nothing("closer"), closer)
    # A stop has to reach the server while the steps are made, as it does here.
    desk.stream(steps, steps.box.input, limit=limits.MOVIES)


def show(library: Library, model: Model, state: State) -> Markup:
    """Return the easel, what the network paints of the styles found on it, and the way there."""
    picture, rebuilt = _sought(library, model, state)
    swatches = (
        tag(
            "button",
            type="button",
            style=f"--ink-of:{colour}",
            data_colour=colour,
            aria_label=say(f"style.you.colour.{name}"),
            aria_pressed="true" if k == 0 else "false",
        )
        for k, (name, colour) in enumerate(COLOURS.items())
    )
    easel = tag(
        "figure",
        tag(
            "div",
            tag(
                "canvas",
                width=EASEL,
                height=EASEL,
                tabindex="0",
                role="img",
                aria_label=say("style.you.easel"),
            ),
            class_="easel",
            data_face=sprites.ink_uri(picture),
        ),
        tag("div", *swatches, class_="swatches", role="group", aria_label=say("style.you.colours")),
        tag(
            "figcaption",
            tag(
                "label",
                tag("input", type="file", accept=FORMATS, data_upload=True),
                tag("span", say("style.you.upload")),
                class_="upload",
            ),
            _do("undo"),
            _do("clear"),
        ),
        class_="yours",
    )
    answer = tag(
        "figure",
        tag(
            "div",
            sprites.picture(
                rebuilt.picture, say("style.you.rebuilt"), data_rebuilt=True, data_shows="rebuilt 0"
            ),
            class_="frame",
        ),
        tag(
            "figcaption",
            tag("span", say("style.you.rebuilt.name")),
            tag(
                "span",
                tag("b", say("style.you.error", value=rebuilt.error), data_error=True),
                signs.hint("style.you.error.hint"),
            ),
        ),
        tag(
            "div",
            tag("button", say("style.you.closer"), type="button", class_="primary", data_closer=True),
            tag("output", data_progress=True),
            tag(
                "svg",
                tag("polyline"),
                class_="descent",
                viewBox="0 0 100 34",
                preserveAspectRatio="none",
                role="img",
                aria_label=say("style.you.curve"),
            ),
            class_="steps",
        ),
        class_="theirs",
    )
    return tag(
        "div",
        tag("div", easel, answer, class_="beside"),
        tag(
            "p",
            tag("span", tag("span", say("style.you.note")), signs.hint("style.you.hint")),
            controls.keep("png"),
            class_="note",
        ),
        class_="mirror",
        data_steps=limits.REFINEMENT,
    )


def beside(library: Library, model: Model, state: State) -> Array:
    """Return the picture and what the network makes of it: float32 [2, channels, height, width]."""
    picture, rebuilt = _sought(library, model, state)
    return np.stack([picture, rebuilt.picture])


def closer(library: Library, state: State) -> Iterator[Answer]:
    """Bring the styles of a state closer to its picture, with an answer each few steps.

    ``{"wish", "step", "steps", "errors", "error", "picture", "ws"}``, of the best step so far but for
    ``errors`` and ``step``. Without a wish there is nothing to do.
    """
    if not state.wish:
        yield None
        return
    model = styles.painter(library, state.model)
    picture, best = _sought(library, model, state)
    steps = styles.refined(library, model, picture, best.ws, state.look, limits.REFINEMENT)
    errors: list[float] = []
    for step, reached in enumerate(steps):
        best = min(best, reached, key=lambda one: one.error)
        errors.append(round(reached.error, 5))
        if step % STEPS_A_PIECE == 0:
            yield {
                "wish": state.wish,
                "step": step,
                "steps": limits.REFINEMENT,
                "errors": errors,
                "error": best.error,
                "picture": sprites.ink_uri(best.picture),
                "ws": styles.packed(best.ws),
            }


def _sought(library: Library, model: Model, state: State) -> tuple[Array, styles.Found]:
    """Return the picture, the seed's where a visitor has none, and what was found in it."""
    styles.encoder(library, model)
    picture = own(model, state)
    if picture is None:
        (picture,) = styles.paint(library, model, subject(library, model, state), state.look)
        ws = styles.guess(library, model, picture)
    else:
        ws = found(library, model, state, picture)
    return picture, styles.found(library, model, picture, ws, state.look)


def _do(what: str) -> Markup:
    return tag("button", say(f"control.{what}"), type="button", class_="link", data_easel=what)
