"""Gate metrics: numbers that tell a generator that learned the data from one that collapsed. No torch here.

All of them compare two sets of feature vectors, those of real images and those of generated ones, as seen by
a classifier. That a sample looks like a digit to the classifier says nothing about variety: a generator with
one good 7 passes. So a release is gated on distances between whole sets.
"""

import numpy as np
from numpy.typing import NDArray

Features = NDArray[np.floating]  # [n, dimensions]

CHUNK = 1024  # rows of a distance matrix that are in memory at a time


def diversity_ratio(made: Features, real: Features) -> float:
    """Mean pairwise distance among `made` over that among `real`: 1 as varied as the data, 0 collapsed.

    Features [n, d] and [m, d], any unit. Samples of unequal size compare fairly, since a pair is never an
    image with itself. Raises ValueError where there are fewer than two images.
    """
    return mean_pairwise_distance(made) / mean_pairwise_distance(real)


def mean_pairwise_distance(features: Features) -> float:
    """Mean Euclidean distance over all pairs of different rows of [n, d]."""
    count = len(features)
    if count < 2:
        raise ValueError("A mean pairwise distance needs at least two images.")
    total = sum(
        float(np.sqrt(_squared_distances(features[start : start + CHUNK], features)).sum(dtype=np.float64))
        for start in range(0, count, CHUNK)
    )
    return total / (count * (count - 1))


def frechet_distance(made: Features, real: Features) -> float:
    """Squared Fréchet distance between Gaussians fitted to both sets (Dowson & Landau 1982).

        |m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^(1/2))

    With Inception's features it is the FID of Heusel et al. 2017; with other features it is not, and is
    never called so here. Unit: that of the features, squared. The trace of the root is taken over the
    symmetric C1^(1/2) C2 C1^(1/2), which has the same eigenvalues and needs no complex arithmetic.
    """
    made, real = np.asarray(made, np.float64), np.asarray(real, np.float64)
    made_covariance, real_covariance = np.cov(made, rowvar=False), np.cov(real, rowvar=False)
    values, vectors = np.linalg.eigh(np.atleast_2d(made_covariance))
    root = (vectors * np.sqrt(values.clip(min=0))) @ vectors.T
    cross = np.linalg.eigvalsh(root @ np.atleast_2d(real_covariance) @ root)
    difference = made.mean(axis=0) - real.mean(axis=0)
    traces = np.trace(np.atleast_2d(made_covariance)) + np.trace(np.atleast_2d(real_covariance))
    return float(difference @ difference + traces - 2 * np.sqrt(cross.clip(min=0)).sum())


def class_frequencies(class_logits: Features) -> NDArray[np.float64]:
    """Share of images that the classifier puts in each class. Logits [n, classes] -> [classes], sums to 1."""
    winners = np.asarray(class_logits).argmax(axis=1)
    return np.bincount(winners, minlength=class_logits.shape[1]) / len(winners)


def precision_recall(made: Features, real: Features, k: int = 3) -> tuple[float, float]:
    """Improved precision and recall (Kynkäänniemi et al. 2019, equations 1 and 2).

    Precision: the share of `made` that lies within some real image's ball, which reaches to that image's
    k-th nearest fellow. Recall: the same with the roles exchanged. Memory grows with the larger set only:
    distances are computed in chunks.
    """
    return _coverage(made, real, k), _coverage(real, made, k)


def _coverage(points: Features, manifold: Features, k: int) -> float:
    """Share of `points` inside the union of k-nearest-neighbour balls around `manifold`."""
    if len(manifold) <= k:
        raise ValueError(f"Balls to the nearest neighbour number {k} need more than {k} images.")
    radius = np.concatenate(
        [
            # Row i's nearest is itself at distance 0, so its k-th fellow is at position k.
            np.partition(_squared_distances(manifold[start : start + CHUNK], manifold), k, axis=1)[:, k]
            for start in range(0, len(manifold), CHUNK)
        ]
    )
    inside = [
        (_squared_distances(points[start : start + CHUNK], manifold) <= radius).any(axis=1)
        for start in range(0, len(points), CHUNK)
    ]
    return float(np.concatenate(inside).mean())


def _squared_distances(rows: Features, columns: Features) -> NDArray[np.floating]:
    """[n, d], [m, d] -> [n, m]; never negative, in the features' own precision."""
    norms = (rows * rows).sum(axis=1)[:, None] + (columns * columns).sum(axis=1)
    return np.maximum(norms - 2 * rows @ columns.T, 0)
