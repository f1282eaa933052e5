"""The timeline: one live tile a model, each a real output, computed when the page is built."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from demo.engine import examples, inference, styles
from demo.engine.library import Library
from demo.engine.styles import Look
from demo.kit import carriers, signs, sprites
from demo.kit.markup import Markup, say, tag
from onnx_models.catalog import Model, Problem
from onnx_models.errors import LineageError

SEED = 7
SIDE = 64
"""Pixels of a side that a large network's picture has here, or a few more."""


def build(library: Library, panels: Mapping[str, Callable[[Model], bool]]) -> None:
    """Lay out the tiles; each opens the first panel that shows its model."""
    tiles = [_tile(library, model, panels) for model in library.timeline]
    quiet = [_quiet(problem) for problem in library.catalog.problems]
    carriers.fixed(
        tag(
            "nav",
            tag("ol", *tiles, *quiet),
            class_="timeline",
            aria_label=say("timeline.label"),
            tabindex="-1",
        ),
        "timeline",
        "timeline",
    )


def _tile(library: Library, model: Model, panels: Mapping[str, Callable[[Model], bool]]) -> Markup:
    opens = next((name for name, shows in panels.items() if shows(model)), next(iter(panels)))
    try:
        picture = _output(library, model)
    except LineageError as fault:
        picture = signs.error(fault)
    return tag(
        "li",
        tag(
            "button",
            picture,
            tag(
                "span",
                tag("span", str(model.year), class_="year"),
                tag("span", signs.title(model), class_="name"),
                class_="words",
            ),
            type="button",
            class_="tile",
            data_open=opens,
            data_model=model.id,
        ),
        style=signs.era(model),
    )


def _output(library: Library, model: Model) -> Markup:
    """Return something the model made: a sample, a picture of its styles, or an example it rebuilt."""
    if model.has("generate"):
        image = inference.sample(library, model.id, SEED, 1).images[0]
        return sprites.picture(image, say("timeline.made", model=signs.title(model)))
    if model.has(*styles.ROLES):
        ws = styles.styles(library, model, styles.z_of(model, [SEED]), Look())
        (image,) = styles.paint(library, model, ws, Look(), SIDE)
        return sprites.picture(image, say("timeline.painted", model=signs.title(model)))
    if not model.has("reconstruct"):
        return Markup()
    digits = library.examples(examples.DATASET)
    position = examples.first(library)
    original = digits.images[position].astype(np.float32) / np.float32(255.0)
    (answer,) = inference.reconstruct(library, original, [model.id]).answers
    if answer.error is not None:
        raise answer.error
    if answer.image is None:
        return Markup()
    label = int(digits.labels[position])
    return sprites.picture(answer.image, say("timeline.rebuilt", model=signs.title(model), label=label))


def _quiet(problem: Problem) -> Markup:
    return tag(
        "li",
        tag("div", tag("span", problem.id, class_="name"), signs.error(problem.error), class_="tile broken"),
        data_problem=problem.id,
    )
