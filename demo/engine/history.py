"""How a generator learned: the same z given to each of its snapshots, and the losses written down on the way.

Time is counted in training images seen. Whatever goes wrong is a `LineageError`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from demo.engine.library import Library
from onnx_models import cookbook, recipes, seeds
from onnx_models.catalog import Model, Snapshot
from onnx_models.errors import LineageError
from onnx_models.runtime import read_file

Array = NDArray[np.float32]

ROLE = "generate"


@dataclass(frozen=True)
class Moment:
    """What a generator made at one point of its training."""

    images_seen: int
    images: Array
    """float32 [count, channels, height, width]."""


@dataclass(frozen=True)
class Replay:
    """A training again, in the order of time."""

    moments: tuple[Moment, ...]
    """Of the snapshots that can be run; the first of them may be of an untrained network."""
    error: LineageError | None
    """What is wrong with the first snapshot that cannot."""


@dataclass(frozen=True)
class Curve:
    """One quantity that training wrote down, each value a mean over the images since the one before."""

    name: str
    images_seen: NDArray[np.int64]
    """int64 [points], rising: where the stretch ends over which a value is the mean."""
    values: NDArray[np.float64]
    """float64 [points]; NaN where it was not measured."""


def snapshots(model: Model) -> tuple[Snapshot, ...]:
    """Return the snapshots of a model's generator, earliest first."""
    return tuple(snapshot for snapshot in model.snapshots if snapshot.graph.role == ROLE)


def replay(library: Library, model: Model, seed: int, labels: Sequence[int]) -> Replay:
    """Give the first z of a seed to every snapshot of a generator: picture k has the same z at each moment.

    A snapshot that cannot be run is left out, and the first one's reason kept.

    Parameters
    ----------
    labels : a class for each picture, -1 for none; a generator that takes none makes as many pictures

    """
    seed = seeds.check_seed(seed)
    moments, error = [], None
    for snapshot in snapshots(model):
        recipe = cookbook.sample(model, seed, len(labels), labels, snapshot.images_seen)
        try:
            cooked = recipes.cook(recipe, library.catalog, library.runtime)
        except LineageError as fault:
            error = error or fault
        else:
            moments.append(Moment(snapshot.images_seen, cooked.pictures))
    return Replay(tuple(moments), error)


def curves(model: Model) -> tuple[Curve, ...]:
    """Read what training wrote down about a model, verified; nothing where it ships no curve.

    Raises
    ------
    LineageError
        ``file.missing``, ``file.sha256`` or ``file.curve``, each naming the file.

    """
    file = model.file("loss_curve")
    if file is None:
        return ()
    content = read_file(file)
    try:
        document = json.loads(content)
        seen = np.array(document["images_seen"], np.int64)
        found = tuple(
            Curve(str(name), seen, np.array(values, np.float64))  # null becomes NaN
            for name, values in document["losses"].items()
        )
        if seen.ndim != 1 or any(curve.values.shape != seen.shape for curve in found):
            raise ValueError("as many values as moments are wanted")
        if (np.diff(seen, prepend=0) <= 0).any():
            raise ValueError("time goes forward")
    except (ValueError, TypeError, KeyError, AttributeError) as fault:
        raise LineageError(
            "file.curve",
            f"{file.path.name} of {model.id} holds no curve that can be read; export the model again.",
            model=model.id,
            file=file.path.name,
        ) from fault
    return found
