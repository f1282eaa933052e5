"""Which class each classifier reads: one table, a row of bars for each, so that doubt can be compared.

A row shows what the recipe ``MODEL.read`` gives; where a browser has made that, ``verdict.js`` puts it in.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from demo.kit import signs
from demo.kit.markup import Markup, say, tag
from onnx_models.catalog import Model
from onnx_models.errors import LineageError


class Classes(Protocol):
    """What one model reads in pictures, of which the first is shown."""

    @property
    def labels(self) -> NDArray[np.integer[Any]]:
        """[count]."""

    @property
    def probabilities(self) -> NDArray[np.float32]:
        """float32 [count, classes]."""

    @property
    def milliseconds(self) -> float:
        """How long it took."""


def show(readings: Sequence[tuple[Model, Classes | LineageError]], panel: str) -> Markup:
    """Return what each model reads in a picture, or why it cannot; nothing where nobody reads."""
    if not readings:
        return Markup()
    return tag(
        "section",
        tag(
            "header",
            tag("h3", say("verdict.title"), signs.hint("verdict.hint")),
            tag("span", say("figure.time"), signs.hint("figure.time.hint"), class_="time"),
        ),
        tag("ol", *(_row(model, reading, panel) for model, reading in readings)),
        class_="verdicts",
    )


def _row(model: Model, reading: Classes | LineageError, panel: str) -> Markup:
    content = (signs.error(reading),) if isinstance(reading, LineageError) else _verdict(reading)
    return tag(
        "li",
        tag("h4", signs.lesson_button(model, panel, signs.title(model))),
        *content,
        class_="verdict",
        style=signs.era(model),
        data_verdict=model.id,
        data_shows=None if isinstance(reading, LineageError) else f"{model.id}.read",
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
