"""Many small pictures in one file, for a browser that shows them one after the other without asking again."""

from __future__ import annotations

import base64
import io
import math

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from demo.panels.pieces import INK, ink_uri

Array = NDArray[np.float32]

LEVELS = 16
"""Depths of ink in a sheet: four bits a pixel, a third the size of eight and hard to tell from them."""


def sheet_uri(tiles: Array, levels: int = LEVELS) -> str:
    """Encode tiles [rows, columns, height, width] in [0, 1] as one PNG of transparent ink, side by side.

    Parameters
    ----------
    levels : depths of ink, 2 for bits, at most 16

    """
    rows, columns, height, width = tiles.shape
    picture = np.rint(np.clip(tiles, 0.0, 1.0) * (levels - 1)).astype(np.uint8)
    picture = picture.transpose(0, 2, 1, 3).reshape(rows * height, columns * width)
    image = Image.fromarray(picture, "P")
    image.putpalette(bytes([INK, INK, INK]) * levels)
    opacity = bytes(round(255 * level / (levels - 1)) for level in range(levels))
    buffer = io.BytesIO()
    # Speed before size: a movie has dozens of sheets, and drawn bits hardly compress.
    image.save(buffer, "PNG", bits=(levels - 1).bit_length(), transparency=opacity, compress_level=1)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")


def pictures_uri(pictures: Array) -> str:
    """Encode pictures, float32 [rows, columns, channels, height, width], side by side as one PNG."""
    rows, columns, channels, height, width = pictures.shape
    if channels == 1:
        return sheet_uri(pictures[:, :, 0])
    return ink_uri(pictures.transpose(2, 0, 3, 1, 4).reshape(channels, rows * height, columns * width))


def mosaic(pictures: Array, columns: int, rows: int) -> Array:
    """Lay pictures [count, channels, height, width] out row by row: ink, or colours with their opacity.

    A clear pixel is all round each of them: a place is ``height + 2`` by ``width + 2``. A place without a
    picture is clear.

    Returns
    -------
    float32 [channels, rows * (height + 2), columns * (width + 2)]; the fourth channel of colours is opacity

    """
    count, channels, height, width = pictures.shape
    if channels == 3:
        pictures = np.concatenate([pictures, np.ones_like(pictures[:, :1])], axis=1)
        channels = 4
    places = np.zeros((rows * columns, channels, height + 2, width + 2), np.float32)
    places[:count, :, 1:-1, 1:-1] = pictures
    places = places.reshape(rows, columns, channels, height + 2, width + 2)
    return places.transpose(2, 0, 3, 1, 4).reshape(channels, rows * (height + 2), columns * (width + 2))


def field(units: int) -> tuple[int, int]:
    """Return rows and columns of the field nearest to a square, wider than high, that holds so many units."""
    rows = next(rows for rows in range(math.isqrt(units), 0, -1) if units % rows == 0)
    return rows, units // rows
