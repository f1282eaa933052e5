"""The real digits that a visitor starts from, and what is drawn in their place."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from demo.engine import limits
from demo.engine.images import prepare_picture
from demo.engine.library import Library
from onnx_models.errors import LineageError

Array = NDArray[np.float32]

DATASET = "mnist"
"""What is drawn on the page."""


def first(library: Library) -> int:
    """Return the example that the page opens with: a two, whose loop and tail are hard to rebuild."""
    try:
        labels = library.examples(DATASET).labels
    except LineageError:
        return 0
    twos = np.flatnonzero(labels == 2)
    return int(twos[0]) if len(twos) else 0


def example(library: Library, position: int) -> Array:
    """Return an example digit, float32 [1, height, width] in [0, 1]."""
    digits = library.examples(DATASET)
    position = limits.Bound("example", 0, len(digits) - 1, 0).check(position)
    return digits.images[position].astype(np.float32) / np.float32(255.0)


def original(library: Library, drawing: str, position: int) -> Array:
    """Return a drawing as the networks see it or, where it is empty, an example: float32 [1, 28, 28].

    Parameters
    ----------
    drawing : a ``data:`` URI, which the caller has made sure of: anything else would be a path

    """
    return prepare_picture(drawing) if drawing else example(library, position)
