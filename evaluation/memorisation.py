"""Whether a generator copies: how far its samples are from the training images nearest to them.

Test images are as far from the training images as something new of the same kind should be. Samples that are
much nearer than they are have been copied from the training set (Meehan, Chaudhuri & Dasgupta, "A
non-parametric test to detect data-copying in generative models", AISTATS 2020, who rank the two sets of
distances as the protocol here does). Distances are between pixels, so that blur brings a sample nearer too.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from evaluation.context import Context, as_images, progress
from evaluation.figures import figure
from evaluation.generators import sample, sampled
from onnx_models.catalog import Metric, Model

Floats = NDArray[np.floating[Any]]
Doubles = NDArray[np.float64]

SAMPLES = 2_000  # each is held against every training image
_ROWS = 500  # at a time: 500 x 60,000 distances are 120 MB


def applies(model: Model) -> bool:
    """Whether the model makes images from noise."""
    return model.has("generate")


def measure(model: Model, context: Context) -> list[Metric]:
    """Return `nearest_neighbour_ratio`: the median distance of samples over that of test images."""
    train = _flat(as_images(context.data(model, "train").images))
    test = _flat(as_images(context.data(model, "test").images))
    step = max(1, len(test) // SAMPLES)  # evenly through the test set, whose first half is the easier one
    new = context.once(
        ("nearest to test", model.dataset["id"]),
        lambda: nearest_distances(test[::step], train, "test images among training images"),
    )
    made = _flat(sample(model, context, SAMPLES))
    distances = nearest_distances(made, train, f"{model.id}'s samples among training images")
    return [
        figure(
            model,
            "nearest_neighbour_ratio",
            float(np.median(distances) / np.median(new)),
            unit="ratio",
            protocol=f"median distance of {len(made):,} samples to the nearest of {len(train):,} training "
            f"images over that of {len(new):,} test images, {np.median(new):.2f}, pixels in [0, 1]; a sample "
            f"is nearer than a test image in {nearer(distances, new):.3f} of pairs; seed {context.seed}",
            source="after Meehan et al. 2020",
            measured_on=sampled(model),
        )
    ]


def nearest_distances(points: Floats, references: Floats, title: str = "nearest neighbours") -> Doubles:
    """Euclidean distance of each point to the nearest reference: [n, d], [m, d] -> [n]."""
    references = np.asarray(references, np.float32)
    halves = 0.5 * np.einsum("ij,ij->i", references, references)
    found = np.empty(len(points))
    for start in progress(range(0, len(points), _ROWS), title):
        rows = np.asarray(points[start : start + _ROWS], np.float32)
        # Who is nearest is found in float32, how near it is without the loss of a difference of squares.
        nearest = (halves - rows @ references.T).argmin(axis=1)
        difference = rows.astype(np.float64) - references[nearest]
        found[start : start + _ROWS] = np.sqrt(np.square(difference).sum(axis=1))
    return found


def nearer(samples: Doubles, tests: Doubles) -> float:
    """Share of pairs of a sample and a test image in which the sample's distance is the smaller one.

    Ties count half: the Mann-Whitney statistic over the number of pairs. 0.5 where both are as near.
    """
    ordered = np.sort(tests)
    above = len(ordered) - np.searchsorted(ordered, samples, side="right")
    level = len(ordered) - np.searchsorted(ordered, samples, side="left") - above
    return float((above + 0.5 * level).mean() / len(ordered))


def _flat(images: Floats) -> Floats:
    return images.reshape(len(images), -1)
