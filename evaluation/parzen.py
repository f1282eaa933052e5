"""Parzen-window log-likelihood of a generator, as in Goodfellow et al. 2014, section 5.

A Gaussian is put on each of 10,000 samples and the test images are scored under the mixture. It is a measure
of its time: 784-dimensional windows reward pictures close to averages, and k-means centroids score above
real images, so the score of real training images by the same code is said beside each figure.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from evaluation.context import Context, NotMeasuredError, as_images, progress
from evaluation.figures import figure
from evaluation.generators import sample, sampled
from onnx_models.catalog import Metric, Model

Floats = NDArray[np.floating]

SIGMAS = np.logspace(-1, 0, 10)
"""The widths to choose from, in units of the pixels' range [0, 1]."""

SAMPLES = 10_000
_CHOOSE_FROM, _CHOOSE_TO = 50_000, 51_000  # training images that choose sigma
_ROWS = 500  # test images at a time


def applies(model: Model) -> bool:
    """Whether the model makes images from noise alone."""
    return model.has("generate")


def measure(model: Model, context: Context) -> list[Metric]:
    """Return `parzen_log_likelihood` over the test images."""
    validation, test = data(model, context)
    made = _flat(sample(model, context, SAMPLES))
    sigma, scores = score(made, validation, test, model.id)
    real = _flat(as_images(context.whole(model, "train").images[: len(made)]))
    _, real_scores = context.once(
        ("parzen", "real_images", model.dataset["id"]), lambda: score(real, validation, test, "real images")
    )
    return [
        figure(
            model,
            "parzen_log_likelihood",
            scores.mean(),
            error=float(scores.std(ddof=1) / np.sqrt(len(scores))),
            unit="nats",
            protocol=f"{len(made):,} samples, sigma {sigma:.3f} the best of logspace(-1, 0, 10) on "
            f"train[{_CHOOSE_FROM}:{_CHOOSE_TO}], mean over {len(test):,} test images ± standard error; "
            f"{len(real):,} real training images score {real_scores.mean():.1f}; seed {context.seed}",
            source="Goodfellow et al. 2014",
            measured_on=sampled(model),
        )
    ]


def data(model: Model, context: Context) -> tuple[Floats, Floats]:
    """Return the images that choose sigma and those that are scored: [1000, d] and [n, d] in [0, 1].

    Raises
    ------
    NotMeasuredError
        The data set is too small for the protocol.

    """
    train = context.whole(model, "train")
    if len(train) < _CHOOSE_TO:
        raise NotMeasuredError(f"sigma is chosen on training images {_CHOOSE_FROM:,} to {_CHOOSE_TO:,}")
    validation = as_images(train.images[_CHOOSE_FROM:_CHOOSE_TO])
    return _flat(validation), _flat(as_images(context.data(model, "test").images))


def score(centres: Floats, validation: Floats, test: Floats, title: str) -> tuple[float, NDArray[np.float64]]:
    """Choose sigma on ``validation`` and return it with the log-likelihood of each test image, nats."""
    on_validation = log_likelihoods(centres, validation, SIGMAS, f"sigma for {title}").mean(axis=1)
    sigma = SIGMAS[on_validation.argmax()]
    return float(sigma), log_likelihoods(centres, test, [sigma], f"Parzen window on {title}")[0]


def log_likelihoods(
    centres: Floats, points: Floats, sigmas: Floats | list[float], title: str = "Parzen window"
) -> NDArray[np.float64]:
    """log of the mean over centres of N(point; centre, sigma^2 I), nats.

    centres [n, d], points [m, d] -> [len(sigmas), m].
    """
    widths = np.asarray(sigmas, np.float64)
    centres = centres.astype(np.float64)
    halves = 0.5 * np.square(centres).sum(axis=1)
    dimensions = centres.shape[1]
    found = np.empty((len(widths), len(points)))
    for start in progress(range(0, len(points), _ROWS), title):
        rows = points[start : start + _ROWS].astype(np.float64)
        half_distances = 0.5 * np.square(rows).sum(axis=1)[:, None] - rows @ centres.T + halves
        nearest = half_distances.min(axis=1)
        for k, width in enumerate(widths):
            # log-sum-exp around the nearest centre, whose term is exp(0)
            scaled = np.exp((nearest[:, None] - half_distances) / width**2).sum(axis=1)
            found[k, start : start + _ROWS] = np.log(scaled) - nearest / width**2
    normaliser = np.log(len(centres)) + dimensions * np.log(widths * np.sqrt(2 * np.pi))
    return found - normaliser[:, None]


def _flat(images: Floats) -> Floats:
    return images.reshape(len(images), -1)
