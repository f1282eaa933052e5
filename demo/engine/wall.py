"""One z, many generators: who hangs on the wall of a data set, and how its judge reads what each one makes.

The judge and the diversity are the evaluation's (`onnx_models.catalog.Catalog.judge`,
`onnx_models.diversity`), on 64 pictures where the evaluation takes 10,000: an impression with an error of
several percent, not a figure to quote.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from demo.engine import inference, judging, limits
from demo.engine.library import Library
from onnx_models.catalog import Model
from onnx_models.diversity import mean_pairwise_distance
from onnx_models.errors import LineageError

Array = NDArray[np.float32]

SHOWN = 16
"""Pictures of each generator on the wall."""
JUDGED = limits.COUNT.highest
"""Pictures of each generator that are judged; the first `SHOWN` of them hang on the wall."""

_ELSEWHERE = 0x9E3779B9
"""Seed of the real pictures that diversity is held against: any constant, so that the yardstick stands still
while the visitor's seed moves."""


@dataclass(frozen=True)
class Reading:
    """What a judge makes of one set of pictures."""

    labels: NDArray[np.int64]
    """int64 [count]: the class each picture is taken for."""
    counts: NDArray[np.int64]
    """int64 [classes]: how many pictures are taken for each."""
    diversity: float | None
    """Mean pairwise distance in the judge's features over that of real pictures; None where there are no
    pairs."""


@dataclass(frozen=True)
class Wall:
    """The generators of one data set and who judges them."""

    dataset: str
    judge: Model
    generators: tuple[Model, ...]
    """Models and exhibits, oldest first."""

    def made(self, library: Library, model: Model, seed: int, label: int, count: int) -> Array:
        """Return the pictures a generator makes of z 0, 1, 2, ... of the seed: float32 [count, c, h, w].

        The class asked for is passed on to those that take one.
        """
        return inference.sample(library, model.id, seed, count, label).images

    def real(self, library: Library, seed: int, label: int, count: int) -> Array:
        """Return real pictures that nobody was trained on, of one class where ``label`` is not negative.

        There may be fewer than asked for: as many as the examples have.
        """
        return inference.real(library, self.dataset, seed, count, label).images

    def yardstick(self, library: Library, label: int) -> float:
        """Return the mean pairwise distance of real pictures, of that class or of all (-1); 0 without pairs.

        Training pictures where they ship, so that the real ones on the wall can be measured like the others.
        """

        def measure() -> float:
            shipped = library.dataset(self.dataset).file("neighbours") is not None
            real = inference.real(library, self.dataset, _ELSEWHERE, JUDGED, label, training=shipped).images
            if len(real) < 2:
                return 0.0
            return mean_pairwise_distance(inference.classify(library, self.judge.id, real).features)

        return library.once(("yardstick", self.dataset, self.judge.id, label), measure)

    def read(self, library: Library, pictures: Array, yardstick: float) -> Reading:
        """Let the judge read pictures, float32 [count, c, h, w]."""
        classes = inference.classify(library, self.judge.id, pictures)
        several = len(pictures) > 1 and yardstick > 0
        return Reading(
            classes.labels,
            np.bincount(classes.labels, minlength=classes.probabilities.shape[1]),
            mean_pairwise_distance(classes.features) / yardstick if several else None,
        )


def datasets(library: Library) -> tuple[str, ...]:
    """Return the data sets that have a wall: generators, a judge of their pictures, and real ones beside."""
    able = (_wall(library, dataset) for dataset in library.catalog.datasets)
    # MNIST, whose family is the largest, comes first.
    return tuple(wall.dataset for wall in sorted(filter(None, able), key=lambda wall: -len(wall.generators)))


def of(library: Library, dataset: str) -> Wall:
    """Return the wall of a data set.

    Raises
    ------
    LineageError
        ``dataset.unknown``, or ``wall.dataset`` naming the data sets that have a wall.

    """
    library.dataset(dataset)
    wall = _wall(library, dataset)
    if wall is None:
        able = ", ".join(datasets(library)) or "none"
        raise LineageError(
            "wall.dataset",
            f"No generators of {dataset} ship with a judge and real pictures; the data sets that have them "
            f"are: {able}.",
            dataset=dataset,
            able=able,
        )
    return wall


def shows(model: Model) -> bool:
    """Whether the model could hang on a wall."""
    return model.kind in ("model", "exhibit") and model.has("generate")


def _wall(library: Library, dataset: str) -> Wall | None:
    """Return the wall, its judge being that of the pictures' size which most of the generators make."""
    if library.dataset(dataset).file("examples") is None:
        return None
    makers = [model for model in library.catalog.models if shows(model) and model.dataset["id"] == dataset]
    sizes = [model.image for model in makers]
    for image in sorted(sizes, key=sizes.count, reverse=True):
        judge = judging.judge(library, dataset, image)
        if judge is not None:
            return Wall(dataset, judge, tuple(model for model in makers if model.image == image))
    return None
