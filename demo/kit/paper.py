"""Pictures as bytes: tones, ink on paper, many on one sheet, PNG and GIF files; any number of channels."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from demo.kit.answers import File

Array = NDArray[np.float32]
Bytes = NDArray[np.uint8]

PAPER, INK = "#faf7f2", "#1c1b1a"
"""The page's ground and its text; dark mode turns them round. ``kit/tokens.css`` has the tones between."""


def to_bytes(pictures: Array) -> Bytes:
    """Round pictures in [0, 1] to uint8, [0, 255]; what lies outside is cut off."""
    return np.rint(np.clip(pictures, 0.0, 1.0) * 255.0).astype(np.uint8)


def as_image(picture: Array) -> Bytes:
    """Turn float32 [channels, height, width] into uint8 [height, width] (grey) or [height, width, 3 or 4].

    Any other number of channels has no colours: they are laid side by side, grey.
    """
    values = to_bytes(picture)
    return values.transpose(1, 2, 0) if len(values) in (3, 4) else np.concatenate(list(values), axis=1)


def on_paper(picture: Array, tones: tuple[str, str] | None = None) -> Bytes:
    """Lay a picture, float32 [channels, height, width], on paper: grey levels are ink, colours stay.

    Parameters
    ----------
    tones : ``#rrggbb`` of paper and ink; else the one is white and the other black

    Returns
    -------
    uint8 [height, width, 3], or [height, width] of ink that is black

    """
    image = as_image(picture)
    if image.ndim == 3:
        return image
    if tones is None:
        return 255 - image
    ground, ink = (np.array(tuple(bytes.fromhex(tone.removeprefix("#"))), np.float64) for tone in tones)
    return np.rint(ground + image[..., None] / 255 * (ink - ground)).astype(np.uint8)


def grid(
    pictures: Array | Sequence[Array], columns: int, gap: int = 2, scale: int = 1, paper: bool = False
) -> Bytes:
    """Lay pictures out in rows, each enlarged by a whole factor without smoothing.

    Parameters
    ----------
    pictures : float32 [count, channels, height, width] in [0, 1]
    columns : pictures a row
    gap : pixels between pictures, before they are enlarged
    scale : integer factor
    paper : whether they lie on white paper; else ink is light, and the gaps are dark

    Returns
    -------
    uint8 [height, width], or [height, width, 3 or 4] of that many channels

    """
    images = [on_paper(picture) if paper else as_image(picture) for picture in pictures]
    height, width, *channels = images[0].shape
    rows, columns = -(-len(images) // columns), min(columns, len(images))
    size = (rows * (height + gap) - gap, columns * (width + gap) - gap)
    sheet = np.full((*size, *channels), 255 if paper else 0, np.uint8)
    for k, image in enumerate(images):
        top, left = (k // columns) * (height + gap), (k % columns) * (width + gap)
        sheet[top : top + height, left : left + width] = image
    return enlarge(sheet, scale)


def enlarge(image: Bytes, scale: int) -> Bytes:
    """Repeat each pixel of uint8 [height, width] ``scale`` times both ways."""
    return image.repeat(scale, axis=0).repeat(scale, axis=1)


def to_png(image: Bytes | Image.Image, **options: Any) -> bytes:
    """Encode uint8 [height, width] or [height, width, 2 to 4] without loss, the same bytes each time."""
    buffer = io.BytesIO()
    (image if isinstance(image, Image.Image) else Image.fromarray(image)).save(buffer, "PNG", **options)
    return buffer.getvalue()


def to_gif(frames: Iterable[Bytes], frames_a_second: int) -> bytes:
    """Encode frames, uint8 [height, width] or [height, width, 3], as an animation that never ends.

    GIF rather than WebP: an animation of the same size without loss takes a tenth of the time to write.
    """
    first, *rest = (Image.fromarray(frame) for frame in frames)
    buffer = io.BytesIO()
    duration = 1000 // frames_a_second
    first.save(buffer, "GIF", save_all=True, append_images=rest, duration=duration, loop=0, optimize=False)
    return buffer.getvalue()


def to_uri(content: bytes, kind: str = "png") -> str:
    """Return a PNG or GIF as ``data:image/png;base64,...``."""
    return f"data:image/{kind};base64," + base64.b64encode(content).decode("ascii")


def to_data_uri(image: Bytes) -> str:
    """Encode a picture as `to_png` does, as ``data:image/png;base64,...``."""
    return to_uri(to_png(image))


def parcel(name: str, content: bytes, kind: str) -> File:
    """Return a PNG or GIF as a file for the visitor."""
    return File(f"{name}.{kind}", to_uri(content, kind))
