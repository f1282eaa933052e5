"""Ways through latent space, and sums in it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from onnx_models import seeds
from onnx_models.recipes import lerp, slerp
from onnx_models.seeds import Stream

__all__ = ["analogy", "lerp", "slerp", "terms", "walk"]

Array = NDArray[np.float32]

_HARMONICS = np.arange(1, 4)
"""Turns of a walk's waves in one round; their mean square is how far a walk leads."""
_WALK = 1
"""The step of `Stream.Z` that a walk draws from; step 0 gives the seeds' own z."""


def walk(start: Array, count: int, seed: int) -> Array:
    """Walk smoothly at random from ``start`` round to ``start`` again, never leaving what z can be.

    A sum of waves with normal amplitudes, z(t) = sum_k (a_k cos 2 pi k t + b_k sin 2 pi k t) / sqrt(K), is a
    stationary Gaussian process of period 1, each z(t) being N(0, I). Conditioned on its beginning (Matheron's
    rule) it is z(t) + r(t) (start - z(0)) with the correlation r(t) = mean_k cos 2 pi k t, and still N(0, I)
    where the start is.

    Parameters
    ----------
    start : float32 [size]
    count : stations, evenly spaced over one round; the last is one step before the start
    seed : of the walk

    Returns
    -------
    float32 [count, size]

    """
    waves = seeds.normals(seed, 2 * len(_HARMONICS), len(start), Stream.Z, step=_WALK).astype(np.float64)
    angles = 2 * np.pi * np.arange(count)[:, None] / count * _HARMONICS
    cosine, sine = np.cos(angles), np.sin(angles)
    a, b = waves[: len(_HARMONICS)], waves[len(_HARMONICS) :]
    path = (cosine @ a + sine @ b) / np.sqrt(len(_HARMONICS))
    correlation = cosine.mean(axis=1, keepdims=True)
    return (path + correlation * (start - path[0])).astype(np.float32)


def analogy(a: Array, b: Array, c: Array) -> Array:
    """Return mean(a), mean(b), mean(c) and mean(a) - mean(b) + mean(c) (Radford et al. 2016, figure 7).

    A mean of n independent normal vectors is sqrt(1/n) of their length, too short for what a generator was
    trained on; of three, the sum of all terms has the right length again.

    Parameters
    ----------
    a, b, c : float32 [count, size]

    Returns
    -------
    float32 [4, size]

    """
    means = [np.asarray(term, np.float64).mean(axis=0) for term in (a, b, c)]
    return np.stack([*means, means[0] - means[1] + means[2]]).astype(np.float32)


def terms(labels: NDArray[np.integer], ink: NDArray[np.floating], each: int = 3) -> NDArray[np.intp]:
    """Choose pictures whose sum should say something: bold ones of a class, minus thin ones, plus another's.

    The class of which there are most lends the weight of its strokes to the one of which there are next most.

    Parameters
    ----------
    labels : [count]: the class of each picture
    ink : [count]: how much of it there is in each
    each : pictures a term

    Returns
    -------
    intp [3, each]: positions; the first ones where no two classes have enough

    """
    classes, counts = np.unique(labels, return_counts=True)
    order = classes[np.argsort(-counts, kind="stable")]
    by_ink = [sorted(np.flatnonzero(labels == label), key=lambda k: ink[k]) for label in order[:2]]
    if len(by_ink) < 2 or len(by_ink[0]) < 2 * each or len(by_ink[1]) < each:
        return np.arange(3 * each).reshape(3, each)
    first, second = by_ink
    return np.array([first[-each:], first[:each], second[:each]])
