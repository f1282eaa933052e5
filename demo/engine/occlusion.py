"""What a scorer looks at: erase a patch of the picture, see how its score moves, at every place.

After Zeiler and Fergus 2014 (section 4.2), whose patch is grey; on ink the patch is paper, so that a change
comes from what was taken away and not from a square that no digit has. Plain numpy: the scorer is run by the
caller, all places in one batch.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]

PLACES = 14
"""Places a side where the patch is laid: one every two pixels of a 28 x 28 digit."""
WIDTH = 3
"""Width of the patch, in distances between places: 6 pixels of 28."""

_SMALLEST = 2.0**-24
"""The distance from 1 to the float32 below it: nearer to certain no probability can be told."""


def masks(height: int, width: int, places: int = PLACES, wide: int = WIDTH) -> NDArray[np.bool_]:
    """Return where each patch lies; at the border it is cut off, so that edge pixels have their turn.

    Returns
    -------
    bool [places * places, height, width], row by row from the top left

    """
    rows, columns = _spans(height, places, wide), _spans(width, places, wide)
    return (rows[:, None, :, None] & columns[None, :, None, :]).reshape(-1, height, width)


def erased(image: Array, patches: NDArray[np.bool_], ground: float = 0.0) -> Array:
    """Return the picture once for each patch, with ``ground`` where the patch lies.

    Parameters
    ----------
    image : float32 [channels, height, width]
    patches : bool [count, height, width]
    ground : what is laid over the picture; 0 is paper

    Returns
    -------
    float32 [count, channels, height, width]

    """
    return np.where(patches[:, None], np.float32(ground), image[None]).astype(np.float32)


def spread(changes: NDArray[np.floating], patches: NDArray[np.bool_]) -> Array:
    """Give each pixel the mean change over the patches that cover it.

    Of a linear scorer w.x that is exact: the mean, over those patches, of the sum of w (x - ground) in each.

    Parameters
    ----------
    changes : [count]: score of the whole picture minus score of the erased one
    patches : bool [count, height, width]; every pixel lies in one at least

    Returns
    -------
    float32 [height, width]

    """
    covered = patches.reshape(len(patches), -1).astype(np.float64)
    mean = np.asarray(changes, np.float64) @ covered / covered.sum(axis=0)
    return mean.reshape(patches.shape[1:]).astype(np.float32)


def log_odds(probabilities: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return log(p / (1 - p)), the evidence that adds up; a p that float32 rounds to 0 or 1 gives +-16.6."""
    p = np.clip(np.asarray(probabilities, np.float64), _SMALLEST, 1.0 - _SMALLEST)
    return np.log(p) - np.log1p(-p)


def _spans(size: int, places: int, wide: int) -> NDArray[np.bool_]:
    """Bool [places, size]: the pixels within half a patch of each of evenly spaced middles."""
    step = size / places
    middles = (np.arange(places) + 0.5) * step
    pixels = np.arange(size) + 0.5
    return np.abs(pixels[None] - middles[:, None]) < wide * step / 2
