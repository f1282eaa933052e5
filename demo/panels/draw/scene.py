"""Who answers a drawing and which examples lie beside it, without a page."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from demo.engine import examples
from demo.engine.library import Digits, Library
from onnx_models.catalog import Model

Array = NDArray[np.float32]

EXAMPLE_ROWS = 8
"""Rows of example digits, one of each class, that a visitor can leaf through."""


def shows(model: Model) -> bool:
    """Whether the model has a place in this panel: it rebuilds pictures of the kind that is drawn here."""
    return model.has("reconstruct") and model.dataset["id"] == examples.DATASET


def networks(library: Library) -> tuple[Model, ...]:
    """Return who can rebuild a drawing, in the order of the cards."""
    return _in_order(library, (model for model in library.catalog.models if shows(model)))


def _in_order(library: Library, models: Iterable[Model]) -> tuple[Model, ...]:
    """Sort by year, a family together and its largest code first; baselines stand last."""
    families = [model.family for model in usual(library)]

    def place(model: Model) -> tuple[bool, int, int, int]:
        family = families.index(model.family) if model.family in families else len(families)
        return model.kind == "baseline", model.year, family, -_code_size(model)

    return tuple(sorted(models, key=place))


def usual(library: Library) -> tuple[Model, ...]:
    """Return who answers unless others are asked for: the oldest model of each family."""
    first: dict[str, Model] = {}
    for model in library.catalog.models:
        if shows(model) and model.kind == "model":
            first.setdefault(model.family, model)
    return tuple(first.values())


def _code_size(model: Model) -> int:
    """Return how many numbers a model makes of a picture before it rebuilds it."""
    codes = (tensor.shape for tensor in model.graphs["reconstruct"].outputs if tensor.name == "code")
    return sum(int(np.prod([axis for axis in shape if isinstance(axis, int)])) for shape in codes)


def answering(library: Library, chosen: str) -> tuple[Model, ...]:
    """Return who answers: the models of ids with commas between, or the usual ones."""
    if not chosen:
        return usual(library)
    ids = dict.fromkeys(chosen.split(","))
    return _in_order(library, (library.model(model_id, "reconstruct") for model_id in ids))


def dreamers(library: Library) -> tuple[Model, ...]:
    """Return who goes on from a drawing by a Gibbs chain."""
    return tuple(
        model for model in library.chains if model.kind == "model" and model.dataset["id"] == examples.DATASET
    )


def heights(energies: Array) -> Array:
    """Return free energies between 0, the lowest, and 1, the highest."""
    lowest, highest = float(energies.min()), float(energies.max())
    return (energies - lowest) / max(highest - lowest, 1e-6)


def rows(digits: Digits) -> list[list[int]]:
    """Return positions of example digits: each row holds one of every class that there is, in order."""
    labels = sorted({*digits.labels.tolist()} - {-1})
    by_class = [np.flatnonzero(digits.labels == label).tolist() for label in labels]
    count = min([EXAMPLE_ROWS, *(len(positions) for positions in by_class)])
    return [[positions[k] for positions in by_class] for k in range(count)]
