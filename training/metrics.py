"""How good made images are, from feature vectors: pure functions on numpy arrays, no torch.

Features are those of a classifier (`features` of a judge's `classify` graph), one row an image. How varied
the images are is measured by `onnx_models.diversity`, which the page uses too.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import trange

Floats = NDArray[np.floating[Any]]

_ROWS = 1_000  # of a distance matrix at a time: 10,000 x 10,000 float64 would be 800 MB


def frechet_distance(features_a: Floats, features_b: Floats) -> float:
    """Frechet distance (2-Wasserstein, squared) between the Gaussians fitted to two sets of features.

    |m_a - m_b|^2 + tr(C_a + C_b - 2 (C_a C_b)^(1/2)), covariances with n - 1 (Heusel et al. 2017, eq. 6;
    Dowson & Landau 1982). With Inception's features this is FID; with any others it is not, and its scale is
    that of the features: report it beside the distance between two sets of real images.

    features_a [n, d], features_b [m, d]; n, m >= 2. Few samples bias it upwards: compare sets of
    equal size only.
    """
    a, b = features_a.astype(np.float64), features_b.astype(np.float64)
    difference = a.mean(axis=0) - b.mean(axis=0)
    covariance_a, covariance_b = np.atleast_2d(np.cov(a.T)), np.atleast_2d(np.cov(b.T))
    # tr (C_a C_b)^(1/2) by the symmetric matrix of the same eigenvalues, C_a^(1/2) C_b C_a^(1/2): stable
    # where a square root of the product itself is not, as for singular covariances.
    root = _symmetric_root(covariance_a)
    shared = np.sqrt(np.clip(np.linalg.eigvalsh(root @ covariance_b @ root), 0, None)).sum()
    return float(difference @ difference + np.trace(covariance_a) + np.trace(covariance_b) - 2 * shared)


def precision_recall(made: Floats, real: Floats, k: int = 3) -> tuple[float, float]:
    """Share of made images among the real ones, and of real ones among the made (Kynkaanniemi et al. 2019).

    An image is among a set when it lies within the k-nearest-neighbour ball of one of the set's images, no
    image counted as its own neighbour. made [n, d], real [m, d], both of more than k rows.
    """
    return _covered(made, real, k), _covered(real, made, k)


def class_fractions(classes: NDArray[np.integer[Any]], count: int) -> NDArray[np.float64]:
    """Share of each of ``count`` classes among ``classes`` [n]: [count], summing to 1."""
    return np.bincount(classes, minlength=count) / len(classes)


def _covered(probes: Floats, references: Floats, k: int) -> float:
    """Share of probes inside the k-nearest-neighbour ball of any reference."""
    # Column 0 of the sorted distances is the point itself.
    radii = np.concatenate(
        [np.partition(squared, k, axis=1)[:, k] for squared in _squared_distances(references, references)]
    )
    inside = [(squared <= radii).any(axis=1) for squared in _squared_distances(probes, references)]
    return float(np.concatenate(inside).mean())


def _squared_distances(a: Floats, b: Floats) -> Iterator[NDArray[np.float64]]:
    """Squared Euclidean distances of rows of a to all of b, some rows at a time: blocks [rows, len(b)]."""
    centre = b.mean(axis=0, dtype=np.float64)  # |x|^2 - 2 x.y + |y|^2 loses fewest digits around zero
    a, b = a - centre, b - centre
    squares = np.square(b).sum(axis=1)
    starts = trange(0, len(a), _ROWS, desc="distances", unit="block", leave=False, disable=None)
    for start in starts:
        rows = a[start : start + _ROWS]
        yield np.clip(np.square(rows).sum(axis=1)[:, None] - 2 * rows @ b.T + squares, 0, None)


def _symmetric_root(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """Square root of a symmetric matrix without negative eigenvalues but for rounding."""
    values, vectors = np.linalg.eigh(matrix)
    root: NDArray[np.float64] = (vectors * np.sqrt(np.clip(values, 0, None))) @ vectors.T
    return root
