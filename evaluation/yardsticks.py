"""What the measures of generators say of things that generate nothing, so that a figure has a scale.

Real training images are as good as it gets, and a measure that calls something else better is flawed:
Parzen windows on the centroids of k-means, averages of a few digits each, score above real digits. A Gaussian
along the 30 principal components is the least that a generator should beat. The figures are kept with the
judge of the data set, whose features two of them rest on.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import MiniBatchKMeans

from evaluation import parzen
from evaluation.context import Context, NotMeasuredError, as_images, progress
from evaluation.figures import figure
from evaluation.generators import SAMPLES
from onnx_models import seeds
from onnx_models.catalog import Metric, Model
from training.metrics import frechet_distance

Floats = NDArray[np.floating[Any]]

COMPONENTS = 30
LEARN_FROM = 50_000  # training images, as `gan` is held to: the others choose sigma
EPOCHS, BATCH = 2, 5_000
_DRAWS = 31  # a purpose of `Context.generator`


def applies(model: Model) -> bool:
    """Whether the model judges others by the class it sees."""
    return model.kind == "judge" and model.has("classify") and not model.questions


def measure_frechet(model: Model, context: Context) -> list[Metric]:
    """Return `frechet_ratio_to_real` of k-means centroids and of a Gaussian in the principal components."""
    _check(model, context)
    real, _ = context.judged_data(model, "test")
    train, _ = context.judged_data(model, f"train[:{len(real)}]")
    to_real = frechet_distance(train, real)
    shape = (-1, *context.data(model, "test").images.shape[1:])
    count = len(real)

    def one(what: str, images: Floats, how: str) -> Metric:
        made, _ = context.judged(model, images.reshape(shape).astype(np.float32), how)
        return figure(
            model,
            f"frechet_ratio_to_real_of_{what}",
            frechet_distance(made, real) / to_real,
            unit="ratio",
            protocol=f"features of {model.id}; {len(made):,} {how} against {len(real):,} test images, over "
            f"{to_real:.3f} of as many training images against the same; seed {context.seed}",
            source="Heusel et al. 2017",
            measured_on=[model.graphs["classify"]],
        )

    images = _train(model, context)
    return [
        one("k_means", _centroids(model, context), "k-means centroids"),
        one(
            "pca",
            gaussian_samples(images, COMPONENTS, count, context.seed),
            f"draws from a Gaussian along {COMPONENTS} principal components",
        ),
    ]


def measure_parzen(model: Model, context: Context) -> list[Metric]:
    """Return `parzen_log_likelihood` of real training images and of k-means centroids."""
    _check(model, context)
    validation, test = parzen.data(model, context)
    real = _train(model, context)[: context.at_most(parzen.SAMPLES)]

    def one(what: str, centres: Floats, how: str) -> Metric:
        sigma, scores = context.once(
            ("parzen", what, model.dataset["id"]), lambda: parzen.score(centres, validation, test, how)
        )
        return figure(
            model,
            f"parzen_log_likelihood_of_{what}",
            scores.mean(),
            error=float(scores.std(ddof=1) / np.sqrt(len(scores))),
            unit="nats",
            protocol=f"{len(centres):,} {how} for samples, sigma {sigma:.3f} the best of logspace(-1, 0, 10) "
            f"on train[50000:51000], mean over {len(test):,} test images ± standard error; seed "
            f"{context.seed}",
            source="Goodfellow et al. 2014",
            measured_on=[model.graphs["classify"]],
        )

    return [
        one("real_images", real, "real training images"),
        one("k_means", _centroids(model, context), "k-means centroids"),
    ]


def centroids(points: Floats, count: int, draw: np.random.Generator) -> Floats:
    """Return the centres of mini-batch k-means, [n, d] -> [count, d] (Sculley 2010).

    They start at points drawn without replacement, and two passes are made: Lloyd's algorithm on 50,000
    points and 10,000 centres takes minutes, and ends in another local optimum whenever it starts elsewhere.
    """
    points = np.asarray(points, np.float32)
    start = points[draw.choice(len(points), count, replace=False)]
    k_means = MiniBatchKMeans(count, init=start, n_init=1, random_state=0, reassignment_ratio=0)
    batch = max(min(BATCH, len(points)), count)
    for first in progress([*range(0, len(points), batch)] * EPOCHS, f"{count:,} centroids"):
        k_means.partial_fit(points[first : first + batch])
    found: Floats = k_means.cluster_centers_
    return found


def gaussian_samples(points: Floats, components: int, count: int, seed: int) -> NDArray[np.float32]:
    """Return draws from the Gaussian with the points' mean and their covariance along its largest axes.

    points [n, d] in [0, 1] -> [count, d], clipped to the same range.
    """
    mean = points.mean(axis=0, dtype=np.float64)
    values, vectors = np.linalg.eigh(np.cov(points.T))
    axes = vectors[:, -components:] * np.sqrt(np.clip(values[-components:], 0, None))
    drawn = seeds.normals(seed, count, components).astype(np.float64)
    return np.clip(mean + drawn @ axes.T, 0, 1).astype(np.float32)


def _check(model: Model, context: Context) -> None:
    name = model.dataset["id"]
    judge = context.judge(model)
    if judge.id != model.id:
        raise NotMeasuredError(f"the judge of {name} is {judge.id}")
    if not any(other.dataset["id"] == name for other in context.catalog.having("generate")):
        raise NotMeasuredError(f"nobody here generates {name}")


def _train(model: Model, context: Context) -> NDArray[np.float32]:
    images = as_images(context.data(model, "train").images[:LEARN_FROM])
    return images.reshape(len(images), -1)


def _centroids(model: Model, context: Context) -> Floats:
    """As many as a generator makes samples, or half as many as there are images."""
    points = _train(model, context)
    count = min(context.at_most(SAMPLES), len(points) // 2)
    return context.once(
        ("centroids", model.dataset["id"]), lambda: centroids(points, count, context.generator(_DRAWS))
    )
