"""What hangs on the wall of One z, without a page: the noise as a picture, and what the judge reads on it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from demo.engine import inference, wall
from demo.engine.library import Library
from demo.engine.wall import Reading, Wall
from onnx_models.errors import LineageError

Array = NDArray[np.float32]

REAL = "real"
"""The name of the real pictures among the generators'."""


def asked(shown: Wall) -> bool:
    """Whether a generator on the wall takes a class."""
    return any(inference.takes_label(model, "generate") for model in shown.generators)


def classes(walls: tuple[Wall, ...]) -> int:
    """Return how many classes the generators on any of the walls can be asked for."""
    return max((inference.classes(m, "generate") for one in walls for m in one.generators), default=0)


def noise_picture(z: Array, side: int) -> Array:
    """Return lists of normal numbers, float32 [count, size], as squares of dots: [count, 1, side, side].

    A dot is as dark as its number is high: the logistic curve that is within 1 % of the normal distribution
    function makes all tones equally frequent.
    """
    count, size = z.shape
    across = int(np.ceil(np.sqrt(size)))
    dot = max(1, side // across)
    tones = np.zeros((count, across * across), np.float32)
    tones[:, :size] = 1.0 / (1.0 + np.exp(-1.702 * z))
    field = tones.reshape(count, across, across).repeat(dot, axis=1).repeat(dot, axis=2)[:, :side, :side]
    margin = (side - field.shape[1]) // 2
    picture = np.zeros((count, 1, side, side), np.float32)
    picture[:, 0, margin : margin + field.shape[1], margin : margin + field.shape[2]] = field
    return picture


def yardsticks(library: Library, shown: Wall, label: int) -> dict[int, float]:
    """Return what diversity is held against: real pictures of all classes (-1), and of the one asked for."""
    return {one: shown.yardstick(library, one) for one in {-1, label}}


def largest(reading: Reading) -> float:
    """Return the largest share of a class."""
    return float(reading.counts.max()) / len(reading.labels)


def measured(library: Library, shown: Wall, seed: int, label: int) -> dict[str, Reading | LineageError]:
    """Let the judge read every card. Who cannot be asked for a class is held against pictures of all.

    Raises
    ------
    LineageError
        The judge cannot read real pictures.

    """
    held = yardsticks(library, shown, label)
    found: dict[str, Reading | LineageError] = {}
    for model in shown.generators:
        asked_for = label if inference.takes_label(model, "generate") else -1
        try:
            pictures = shown.made(library, model, seed, label, wall.JUDGED)
            found[model.id] = shown.read(library, pictures, held[asked_for])
        except LineageError as fault:
            found[model.id] = fault
    pictures = shown.real(library, seed, label, wall.JUDGED)
    if len(pictures):  # a class may be missing among the examples
        found[REAL] = shown.read(library, pictures, held[label])
    return found


def hits(reading: Reading, label: int) -> tuple[int, int]:
    """Return how many pictures are read as the class asked for, of how many; of -1 how many classes occur."""
    if label >= 0:
        return int(reading.counts[label]), len(reading.labels)
    return int(np.count_nonzero(reading.counts)), len(reading.counts)


def peak(readings: dict[str, Reading | LineageError]) -> float:
    """Return the largest share of a class on the wall: its bar is as high as bars go."""
    shares = [0.0 if isinstance(reading, LineageError) else largest(reading) for reading in readings.values()]
    return max(shares, default=1.0)
