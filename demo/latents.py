"""Ways through latent space."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]


def lerp(start: Array, end: Array, fractions: Array) -> Array:
    """Go straight from ``start`` to ``end``.

    Between two independent normal vectors the straight way passes closer to the origin than any z the
    generator was trained on: half way the length is sqrt(1/2) of theirs.

    Parameters
    ----------
    start, end : float32 [size]
    fractions : [count], in [0, 1]

    Returns
    -------
    float32 [count, size]

    """
    t = np.asarray(fractions, np.float64)[:, None]
    return ((1.0 - t) * start + t * end).astype(np.float32)


def slerp(start: Array, end: Array, fractions: Array) -> Array:
    """Go along the great circle, the angle growing evenly (Shoemake 1985; White 2016, section 2.1).

    z(t) = sin((1 - t) a) / sin(a) start + sin(t a) / sin(a) end, a the angle between the two. Where they are
    parallel or opposite no great circle is singled out and the straight way is taken.

    Parameters
    ----------
    start, end : float32 [size]
    fractions : [count], in [0, 1]

    Returns
    -------
    float32 [count, size]

    """
    a, b = start.astype(np.float64), end.astype(np.float64)
    lengths = np.linalg.norm(a) * np.linalg.norm(b)
    cosine = np.clip(a @ b / lengths, -1.0, 1.0) if lengths > 0 else 1.0
    angle = np.arccos(cosine)
    if np.sin(angle) < 1e-6:
        return lerp(start, end, fractions)
    t = np.asarray(fractions, np.float64)[:, None]
    way = (np.sin((1.0 - t) * angle) * a + np.sin(t * angle) * b) / np.sin(angle)
    return way.astype(np.float32)
