"""Which digit each classifier reads: one table, a row of ten bars for each, so that doubt can be compared."""

from __future__ import annotations

from demo import inference
from demo.inference import Array, Classes
from demo.library import Library
from demo.markup import Markup, say, tag
from demo.panels import pieces
from onnx_models.catalog import Model
from onnx_models.errors import LineageError


def readers(library: Library, dataset: str) -> tuple[Model, ...]:
    """Return who names the class of pictures of that data set, oldest first; no judge of other pictures."""
    return tuple(model for model in library.classifiers if model.dataset["id"] == dataset)


def show(library: Library, models: tuple[Model, ...], picture: Array, panel: str) -> Markup:
    """Return what each model reads in a picture, float32 [1, height, width]; nothing where nobody reads."""
    if not models:
        return Markup()
    return tag(
        "section",
        tag(
            "header",
            tag("h3", say("verdict.title"), pieces.hint("verdict.hint")),
            tag("span", say("figure.time"), pieces.hint("figure.time.hint"), class_="time"),
        ),
        tag("ol", *(_row(library, model, picture, panel) for model in models)),
        class_="verdicts",
    )


def _row(library: Library, model: Model, picture: Array, panel: str) -> Markup:
    try:
        content = _verdict(inference.classify(library, model.id, picture[None]))
    except LineageError as fault:
        content = (pieces.error(fault),)
    return tag(
        "li",
        tag("h4", pieces.lesson_button(model, panel, pieces.title(model))),
        *content,
        class_="verdict",
        style=pieces.era(model),
        data_verdict=model.id,
    )


def _verdict(classes: Classes) -> tuple[Markup, ...]:
    """Make the digit, how sure the model is, one bar a class that says its percent, and the time."""
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
    return (
        tag("p", str(chosen), class_="numeral"),
        tag("p", say("figure.probability", value=parts[chosen]), class_="sure"),
        tag("ol", *columns, class_="bars", style=f"--classes:{len(parts)}"),
        tag("p", say("figure.ms", value=classes.milliseconds), class_="time"),
    )
