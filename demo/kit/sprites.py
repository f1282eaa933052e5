"""Pictures in ink: one as an element, or many as one file that a browser shows one after the other."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from demo.kit import paper
from demo.kit.markup import Markup, Message, tag
from demo.kit.signs import colour
from onnx_models.catalog import Model

Array = NDArray[np.float32]

INK = 0x1C
"""The tone a full pixel has on paper; the stylesheet turns it round in dark mode."""

LEVELS = 16
"""Depths of ink in a sheet: four bits a pixel, a third the size of eight and hard to tell from them."""


def ink_uri(image: Array) -> str:
    """Encode [1, height, width] as transparent ink, [3 or 4, height, width] as colours; lossless PNG."""
    if len(image) > 1:
        picture = Image.fromarray(np.ascontiguousarray(paper.to_bytes(image).transpose(1, 2, 0)))
    else:
        coverage = paper.to_bytes(image[0])
        picture = Image.fromarray(np.stack([np.full_like(coverage, INK), coverage], axis=-1))
    return paper.to_uri(paper.to_png(picture))


def picture(image: Array, alt: Message, **attributes: Any) -> Markup:
    """Return an image element, enlarged by whole factors in the stylesheet."""
    channels, height, width = image.shape
    return tag(
        "img",
        class_="picture ink" if channels == 1 else "picture",
        src=ink_uri(image),
        alt=alt,
        width=width,
        height=height,
        style=f"--w:{width};--h:{height}",
        draggable="false",
        **attributes,
    )


class Sheet:
    """Pictures in one file, each shown by an element of its own, within one that has the sheet's `style`.

    Parameters
    ----------
    pictures : float32 [count, channels, height, width] in [0, 1]
    columns : in a row of the file

    """

    def __init__(self, pictures: Array, columns: int) -> None:
        count, self._channels, self._height, self._width = pictures.shape
        self._columns = columns
        file = ink_uri(mosaic(pictures, columns, -(-count // columns)))
        self.style = f"--sheet-of:url({file});--across:{columns}"

    def picture(self, index: int, alt: Message) -> Markup:
        """Return the canvas that shows one of the pictures, enlarged as a picture of its own would be.

        Without scripts its background does; else what is drawn on it (``cutOut`` of ``page.js``).
        """
        row, column = divmod(index, self._columns)
        return tag(
            "canvas",
            class_="picture cut ink" if self._channels == 1 else "picture cut",
            width=self._width,
            height=self._height,
            role="img",
            aria_label=alt,
            style=f"--w:{self._width};--h:{self._height};--row:{row};--column:{column}",
        )


def weights_picture(weights: Array, model: Model, alt: Message, columns: int = 25) -> Markup:
    """Return signed weights [count, height, width] in [-1, 1] as one picture, ``columns`` in a row.

    Ink is a positive weight and the model's colour a negative one, in fifteen depths each: a palette makes a
    file a fifth the size of full colours.
    """
    count, height, width = weights.shape
    rows = -(-count // columns)
    sheet = np.zeros((rows * columns, height + 1, width + 1), np.float32)  # a pixel between neighbours
    sheet[:count, :-1, :-1] = weights
    sheet = (
        sheet.reshape(rows, columns, height + 1, width + 1)
        .transpose(0, 2, 1, 3)
        .reshape(rows * (height + 1), -1)
    )
    depths = np.arange(-15, 16)
    tint = tuple(bytes.fromhex(colour(model).removeprefix("#")))
    palette = Image.fromarray((np.rint(np.clip(sheet, -1, 1) * 15) + 15).astype(np.uint8), "P")
    palette.putpalette(b"".join(bytes(tint if depth < 0 else (INK,) * 3) for depth in depths))
    opacity = bytes(int(abs(depth) * 17) for depth in depths)
    return tag(
        "img",
        class_="picture ink weights",
        src=paper.to_uri(paper.to_png(palette, transparency=opacity)),
        alt=alt,
        width=sheet.shape[1],
        height=sheet.shape[0],
    )


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
    # Speed before size: a movie has dozens of sheets, and drawn bits hardly compress.
    bits = (levels - 1).bit_length()
    return paper.to_uri(paper.to_png(image, bits=bits, transparency=opacity, compress_level=1))


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
