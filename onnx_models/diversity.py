"""How varied a set of pictures is, by a judge's features: one definition for the page and for the numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]

_ROWS = 1_000  # of the distance matrix at a time: 10,000 x 10,000 float64 would be 800 MB


def mean_pairwise_distance(features: Floats) -> float:
    """Mean Euclidean distance between two different rows: 0 for a generator that has one picture.

    Unbiased at any n >= 2, so that sets of different sizes can be compared.

    Parameters
    ----------
    features : [n, d], n >= 2: ``features`` of a judge's `classify` graph, one row an image

    """
    centred = features - features.mean(axis=0, dtype=np.float64)  # |x|^2 - 2 x.y + |y|^2 is best around zero
    squares = np.square(centred).sum(axis=1)
    total = 0.0
    for start in range(0, len(centred), _ROWS):
        rows = slice(start, start + _ROWS)
        squared = squares[rows, None] - 2 * centred[rows] @ centred.T + squares
        total += float(np.sqrt(np.clip(squared, 0, None)).sum())
    return total / (len(centred) * (len(centred) - 1))


def diversity_ratio(made: Floats, real: Floats) -> float:
    """Mean pairwise distance of made images over that of real ones: 1 is as varied as the data."""
    return mean_pairwise_distance(made) / mean_pairwise_distance(real)
