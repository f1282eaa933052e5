"""What a map shows, without a page: the part of the plane it has room for, and what a judge reads there."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from demo.engine import examples, inference, judging, limits
from demo.engine.library import Digits, Library
from onnx_models.catalog import Model
from onnx_models.errors import LineageError

Array = NDArray[np.float32]

WITHIN = 0.95
"""Part of the codes, along each axis, that a map has room for: an autoencoder puts a few digits so far out
that all the others would be one blot."""
MARGIN = 0.06
"""Room around those, as a part of their extent."""
SURE = 0.5
"""Probability from which a judge's reading of what is drawn at a place tints it."""


@dataclass(frozen=True)
class Window:
    """The part of the plane that a map shows."""

    left: float
    right: float
    bottom: float
    top: float

    @classmethod
    def around(cls, codes: Array) -> Window:
        """Return the window over the middle of the codes, float32 [count, 2]."""
        low, high = np.quantile(codes.astype(float), [(1 - WITHIN) / 2, (1 + WITHIN) / 2], axis=0)
        room = MARGIN * np.maximum(high - low, 1e-6)
        (left, bottom), (right, top) = low - room, high + room
        return cls(left, right, bottom, top)

    def places(self, side: int) -> Array:
        """Return the middles of side x side equal cells, row by row from the top left: float32 [side², 2]."""
        middles = (np.arange(side) + 0.5) / side
        x = self.left + (self.right - self.left) * middles
        y = self.top - (self.top - self.bottom) * middles
        return np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2).astype(np.float32)

    def percent(self, codes: Array) -> NDArray[np.float64]:
        """Return how far right and down each code lies, in percent: float64 [count, 2]."""
        x = (codes[:, 0] - self.left) / (self.right - self.left)
        y = (self.top - codes[:, 1]) / (self.top - self.bottom)
        return 100.0 * np.stack([x, y], axis=1)


def starts(library: Library, models: tuple[Model, ...]) -> dict[str, list[float]]:
    """Return where each model puts one and the same digit, which lies on every map that is whole."""
    codes = {}
    for model in models:
        try:
            codes[model.id] = inference.encode(
                library, model.id, pictures(library.examples(examples.DATASET))
            )
            inference.decode(library, model.id, codes[model.id][:1])
        except LineageError:
            codes.pop(model.id, None)  # its card says why
    if not codes:
        return {}
    first = examples.first(library)
    labels = library.examples(examples.DATASET).labels
    percent = np.concatenate([Window.around(code).percent(code) for code in codes.values()], axis=1)
    fitting = ((percent > 0) & (percent < 100)).all(axis=1) & (labels == labels[first])
    position = int(fitting.argmax()) if fitting.any() else first
    return {model_id: code[position].astype(float).round(4).tolist() for model_id, code in codes.items()}


def pictures(digits: Digits) -> Array:
    """Return real digits as a network takes them: float32 [count, 1, height, width] in [0, 1]."""
    return digits.images.astype(np.float32) / np.float32(255.0)


def judge(library: Library) -> Model | None:
    """Return who says what is drawn at a place, if there is anyone."""
    _, *shape = library.examples(examples.DATASET).images.shape
    return judging.judge(
        library, examples.DATASET, dict(zip(("channels", "height", "width"), shape, strict=True))
    )


def lands(library: Library, made: Array) -> NDArray[np.int64] | None:
    """Return which digit a judge is sure of at each of side x side places, -1 where it is of none.

    None where nobody can be asked.

    Parameters
    ----------
    made : float32 [side², 1, height, width], what a model makes of each place

    """
    reader = judge(library)
    if reader is None:
        return None
    batches = range(0, len(made), limits.COUNT.highest)
    try:
        answers = [
            inference.classify(library, reader.id, made[k : k + limits.COUNT.highest]) for k in batches
        ]
    except LineageError:
        return None  # the maps are whole without it, and the judge's own place says why
    labels = np.concatenate([answer.labels for answer in answers])
    labels[np.concatenate([answer.probabilities.max(axis=1) for answer in answers]) < SURE] = -1
    side = math.isqrt(len(made))
    return labels.reshape(side, side)


def runs(cells: NDArray[np.int64]) -> Iterator[tuple[int, int, int]]:
    """Yield the runs of equal neighbours: start, end, value."""
    edges = [0, *(np.flatnonzero(np.diff(cells)) + 1).tolist(), len(cells)]
    for start, end in itertools.pairwise(edges):
        yield start, end, int(cells[start])
