"""Directions, a part of the panel Style: a slider for each way to push a face, and what it is known to do.

Those of one attribute are on the table at a time, or the best of each. Figures are those of
``directions.json``; nothing is measured here.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from demo.engine import styles
from demo.engine.library import Library
from demo.kit import controls, signs, sprites
from demo.kit.markup import Markup, Message, say, tag
from demo.kit.state import unreadable
from demo.panels.style.state import State, subject
from onnx_models.catalog import Model
from onnx_models.directions import Direction, moved
from onnx_models.errors import LineageError

Array = NDArray[np.float32]

BEST, FACTORS = "", "factors"
"""Banks that are no attribute's."""
STEP = 0.1
"""Standard deviations between two places of a slider."""
TOLD = 0.05
"""Share of seeds of which an unwanted change is worth a word."""
CHANGES = 2
"""Unwanted changes that are named, the most frequent first."""


def movable(library: Library, model: Model) -> bool:
    """Whether there is a slider for that network; a file that cannot be read is worth opening the part."""
    try:
        return bool(styles.sliders(library, model))
    except LineageError:
        return True


def show(library: Library, model: Model, state: State) -> Markup:
    """Return the face before and after, and the sliders of the bank that is open."""
    known = banks(styles.sliders(library, model))
    if state.bank not in known:
        raise _none(model)
    turned = turns(state.moves)
    before, after = beside(library, model, state)
    faces = tag(
        "figure",
        tag("div", sprites.picture(after, say("style.edit.after"), data_shows="after 0"), class_="frame"),
        tag(
            "figcaption",
            tag(
                "div",
                sprites.picture(before, say("style.edit.before"), data_shows="before 0"),
                tag("span", say("style.edit.before")),
                class_="unmoved",
            ),
            tag("div", _reset(turned), controls.keep("png"), class_="more"),
        ),
        class_="moved",
    )
    tabs = (
        tag(
            "button",
            _bank_name(model, bank),
            type="button",
            class_="link turned" if any(one.id in turned for one in held) and bank else "link",
            data_set=json.dumps({"bank": bank}),
            aria_pressed="true" if bank == state.bank else "false",
        )
        for bank, held in known.items()
    )
    dials = (_dial(model, one, turned.get(one.id, 0.0)) for one in known[state.bank])
    return tag(
        "div",
        faces,
        tag(
            "div",
            tag("div", *tabs, class_="banks", role="group", aria_label=say("style.edit.banks")),
            tag("ol", *dials, class_="dials", data_of=state.moves),
            tag("p", tag("span", say("style.edit.note")), signs.hint("style.edit.hint"), class_="note"),
            class_="board",
        ),
        class_="beside",
    )


def beside(library: Library, model: Model, state: State) -> Array:
    """Return the face before and after its moves: float32 [2, channels, height, width]."""
    along = styles.moves(library, model, turns(state.moves))
    ws = subject(library, model, state)
    return styles.paint(library, model, np.concatenate([ws, moved(ws, along)]), state.look)


def turns(text: str) -> dict[str, float]:
    """Read ``id:deviations,id:deviations``.

    Raises
    ------
    LineageError
        ``state.unreadable``

    """
    found = {}
    for pair in filter(None, text.split(",")):
        name, _, value = pair.rpartition(":")
        try:
            found[name] = float(value)
        except ValueError:
            raise unreadable() from None
    return found


def banks(directions: tuple[Direction, ...]) -> Mapping[str, tuple[Direction, ...]]:
    """Return the directions by attribute, the best of each before them, and factors after them."""
    attributes = dict.fromkeys(one.attribute for one in directions if one.attribute)
    each = {name: tuple(one for one in directions if one.attribute == name) for name in attributes}
    best = tuple(max(few, key=_worth) for few in each.values())
    factors = tuple(one for one in directions if one.method == "factor")
    found = {BEST: best or factors, **each} | ({FACTORS: factors} if factors else {})
    return found if directions else {}


def _worth(direction: Direction) -> float:
    """Return what a direction wins for its answer less what it changes besides."""
    others = float(np.mean(list(direction.changes.values()))) if direction.changes else 0.0
    return (direction.success or 0.0) - (direction.before or 0.0) - others


def _bank_name(model: Model, bank: str) -> Message:
    if bank in (BEST, FACTORS):
        return say(f"style.edit.{bank or 'best'}")
    return Message(f"model.{model.id}.attribute.{bank}", fallback=bank.replace("_", " "))


def _dial(model: Model, direction: Direction, value: float) -> Markup:
    name = Message(f"model.{model.id}.direction.{direction.id}", fallback=direction.name["en"])
    control = f"style-{direction.id}"
    return tag(
        "li",
        tag("label", name, for_=control),
        tag(
            "input",
            type="range",
            id=control,
            min=-direction.strength,
            max=direction.strength,
            step=STEP,
            value=f"{value:g}",
            data_move=direction.id,
            data_value=f"{value:g}",
        ),
        tag(
            "button",
            say("style.edit.moved", value=round(value, 1) + 0.0),  # never -0
            type="button",
            class_="value",
            data_home=direction.id,
            disabled=not value,
            aria_label=say("style.edit.home", name=name),
        ),
        tag("p", *(tag("span", fact) for fact in _facts(model, direction)), class_="facts"),
        class_="dial turned" if value else "dial",
    )


def _facts(model: Model, direction: Direction) -> list[Message]:
    """Return what is known of a direction, in few words."""
    facts = []
    if direction.before is not None and direction.success is not None:
        facts.append(say("style.edit.success", before=direction.before, after=direction.success))
    if direction.balanced_accuracy is not None:
        facts.append(say("style.edit.accuracy", share=direction.balanced_accuracy))
    often = sorted(direction.changes.items(), key=lambda pair: -pair[1])[:CHANGES]
    told = [(name, share) for name, share in often if share >= TOLD]
    facts += [
        say(
            "style.edit.changes" if k == 0 else "style.edit.changes.more",
            what=_bank_name(model, name),
            share=share,
        )
        for k, (name, share) in enumerate(told)
    ]
    if not told:
        facts.append(say("style.edit.alone"))
    rows = (direction.layers[0] + 1, direction.layers[-1] + 1)
    facts.append(say("style.edit.layers", first=rows[0], last=rows[1]))
    return facts


def _reset(turned: Mapping[str, float]) -> Markup:
    return tag(
        "button",
        say("style.edit.reset"),
        type="button",
        class_="link",
        data_set=json.dumps({"moves": ""}),
        data_reset=True,
        disabled=not turned,
    )


def _none(model: Model) -> LineageError:
    return LineageError(
        "style.directions",
        f"No such directions ship with {model.id}: python -m export directions {model.id} finds them.",
        model=model.id,
    )
