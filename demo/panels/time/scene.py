"""What the time machine shows of a training, without a page: the axis of time, losses as steps, diversity."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from demo.engine import history, wall
from demo.engine.history import Curve, Replay
from demo.engine.library import Library
from onnx_models.catalog import Model
from onnx_models.errors import LineageError

RIVALS, DISTANCE, LABELS = ("discriminator", "generator"), ("distance",), ("supervised", "unsupervised")
DRAWN = (RIVALS, DISTANCE, LABELS)
"""What is drawn of all that training writes down: the first of these sets that is there, in one unit each."""
STEPS = 160
"""Steps a curve has along the axis at most: finer ones could not be told apart."""


@dataclass(frozen=True)
class Axis:
    """The logarithmic way from nothing seen to the end of the longest training on the wall."""

    unit: float
    """Images seen that are still close to nothing: time is linear below and logarithmic above."""
    end: int

    @classmethod
    def of(cls, models: Iterable[Model]) -> Axis:
        """Return the axis that gives the snapshots of all ``models`` room."""
        seen = [snapshot.images_seen for model in models for snapshot in history.snapshots(model)]
        return cls(min((s for s in seen if s), default=4) / 4, max([*seen, 1]))

    def place(self, images_seen: float) -> float:
        """Return where a moment lies, 0 at the beginning and 1 at the end."""
        return math.log1p(images_seen / self.unit) / math.log1p(self.end / self.unit)


def ticks(axis: Axis) -> list[int]:
    """Return the powers of ten that have room on the axis."""
    powers = (10**exponent for exponent in range(12))
    return [power for power in powers if 0.08 <= axis.place(power) <= 1.0]


def drawn(curves: Sequence[Curve]) -> list[Curve]:
    """Choose what is drawn together; of quantities nobody here has heard of, the first two."""
    by_name = {curve.name: curve for curve in curves}
    names = next((names for names in DRAWN if set(names) <= set(by_name)), tuple(by_name)[:2])
    return [by_name[name] for name in names]


def steps(curve: Curve, axis: Axis) -> list[tuple[int, int, float]]:
    """Return the curve as steps (from, to, value): each a mean over the images between.

    Values that fall within one step of the plot become one, weighted by the images they stand for.
    """
    finite = np.isfinite(curve.values)
    ends, values = curve.images_seen[finite], curve.values[finite]
    starts = np.concatenate([[0], curve.images_seen[:-1]])[finite]
    groups = np.array([math.floor(axis.place(float(end)) * STEPS) for end in ends])
    steps = []
    for group in dict.fromkeys(groups.tolist()):
        mine = groups == group
        mean = float(np.average(values[mine], weights=(ends - starts)[mine]))
        steps.append((int(starts[mine][0]), int(ends[mine][-1]), float(f"{mean:.4g}")))
    return steps


def apart(places: Sequence[float], widths: Sequence[float]) -> list[bool]:
    """Say which frames have room, the latest first: the others would lie on the one after."""
    kept, bound = [], math.inf
    for place, width in zip(reversed(places), reversed(widths), strict=True):
        kept.append(place + width <= bound + 1e-9)
        bound = place if kept[-1] else bound
    return kept[::-1]


def diversity(library: Library, model: Model, replay: Replay) -> list[float] | LineageError:
    """Measure how varied the pictures on the wall are at each moment, 1 being as varied as real ones.

    An empty list where nobody judges such pictures.
    """
    try:
        judges = wall.of(library, model.dataset["id"])
    except LineageError:
        return []
    try:
        yardstick = judges.yardstick(library, -1)
        readings = [judges.read(library, moment.images, yardstick).diversity for moment in replay.moments]
    except LineageError as fault:
        return fault  # a broken judge takes nothing else away
    return [round(value, 3) for value in readings if value is not None]
