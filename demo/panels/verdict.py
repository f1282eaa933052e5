"""Which digit a network sees: ten bars, in the card of a model that classifies, or in a judge's own."""

from __future__ import annotations

from demo import inference
from demo.inference import Array, Classes
from demo.library import Library
from demo.markup import Markup, say, tag
from demo.panels import pieces
from onnx_models.catalog import Model
from onnx_models.errors import LineageError


def judges(library: Library, dataset: str) -> tuple[Model, ...]:
    """Return who judges pictures of that data set and rebuilds none, oldest first."""
    return tuple(
        model
        for model in library.classifiers
        if model.dataset["id"] == dataset and not model.has("reconstruct")
    )


def bars(library: Library, model: Model, picture: Array) -> Markup | None:
    """Return what a model makes of a picture, float32 [1, height, width]; None where it does not classify."""
    if not model.has("classify"):
        return None
    try:
        return _bars(inference.classify(library, model.id, picture[None]))
    except LineageError as fault:
        return pieces.error(fault)


def card(library: Library, model: Model, picture: Array, panel: str) -> Markup:
    """Return a judge's card: the digit it sees, large, where the others show a picture."""
    try:
        classes = inference.classify(library, model.id, picture[None])
    except LineageError as fault:
        return pieces.card(model, pieces.error(fault))
    label = int(classes.labels[0])
    return pieces.card(
        model,
        tag("p", str(label), class_="numeral", aria_label=say("verdict.sees", label=label)),
        tag("dl", pieces.figure("time", say("figure.ms", value=classes.milliseconds))),
        pieces.lesson_button(model, panel),
        _bars(classes),
    )


def _bars(classes: Classes) -> Markup:
    """Draw one bar a class; each says its label and its percent."""
    chosen = int(classes.labels[0])
    parts = classes.probabilities[0].tolist()
    columns = (
        tag(
            "li",
            tag("span", class_="bar", style=f"--part:{part:.3f}"),
            tag("span", str(label), aria_hidden="true"),
            role="img",
            aria_label=say("verdict.part", label=label, part=part),
            class_="chosen" if label == chosen else None,
        )
        for label, part in enumerate(parts)
    )
    return tag(
        "div",
        tag("p", say("verdict.says", label=chosen, part=parts[chosen])),
        tag("ol", *columns, style=f"--classes:{len(parts)}"),
        class_="verdict",
    )
