"""Who says what a picture shows, and what they read in one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from demo.engine import inference
from demo.engine.inference import Array, Classes
from demo.engine.library import Library
from onnx_models.catalog import Model
from onnx_models.errors import LineageError


def judge(library: Library, dataset: str, image: Mapping[str, int]) -> Model | None:
    """Return who says which class made pictures of a data set and a size show; None where nobody does.

    It is the one that the evaluation asks; not who answers several questions about a picture, for then there
    is no one class.
    """
    found = library.catalog.judge(dataset, image)
    return None if found is None or found.questions else found


def readers(library: Library, dataset: str) -> tuple[Model, ...]:
    """Return who names the class of pictures of that data set, oldest first; no judge of other pictures."""
    return tuple(model for model in library.classifiers if model.dataset["id"] == dataset)


def read(
    library: Library, models: Iterable[Model], picture: Array
) -> list[tuple[Model, Classes | LineageError]]:
    """Return what each model reads in a picture, float32 [channels, height, width], or why it cannot."""
    readings: list[tuple[Model, Classes | LineageError]] = []
    for model in models:
        try:
            readings.append((model, inference.classify(library, model.id, picture[None])))
        except LineageError as fault:
            readings.append((model, fault))
    return readings
