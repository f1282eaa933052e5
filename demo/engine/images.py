"""Pictures in and out: untrusted uploads and drawings become what a model was trained on, arrays become PNG.

Inside the page a picture is float32 [channels, height, width] in [0, 1] with ink = 1, as MNIST has it.
"""

from __future__ import annotations

import base64
import binascii
import io
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from demo.engine import limits
from onnx_models.errors import LineageError

Array = NDArray[np.float32]
Bytes = NDArray[np.uint8]

SIDE = 28
BOX = 20
"""MNIST fits each digit into a 20 x 20 box, then places its centre of mass in the middle of 28 x 28."""

# Formats a picture of a digit comes in. PIL opens many more, and each decoder is a surface for hostile files.
_FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF")
_MIDDLE = 14.0
"""Where MNIST has the centre of mass, in pixel coordinates from 0: measured over its training digits."""
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What undoes each orientation of EXIF."""
_DETAIL = 1_000
"""A larger upload is first shrunk by a whole factor to sides about this long: plenty for 20 pixels."""
_FAINTEST_PEAK = 0.08
"""Less ink than this everywhere is an empty canvas: JPEG noise on white paper reaches about 0.05."""


def decode_image(source: bytes | str | Path | Image.Image | NDArray[Any] | Sequence[Any]) -> NDArray[Any]:
    """Decode an untrusted picture: the content of a file, its path, a ``data:`` URI, a PIL image or numbers.

    Palettes, CMYK, 16 bits and bilevel become 8 bits; of an animation the first frame is taken, and a photo
    is turned as its orientation tag says. The size is read and judged before any pixel is decoded.

    Returns
    -------
    uint8 [height, width] (grey) or [height, width, 4] (RGBA); numbers given as an array keep their dtype

    Raises
    ------
    LineageError
        ``image.unreadable``, ``image.too_large``, ``image.shape``, ``image.not_finite`` or ``image.range``.

    """
    if isinstance(source, str) and source.startswith("data:"):
        source = _from_data_uri(source)
    if isinstance(source, bytes | str | Path):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # PIL warns of odd metadata; nobody at a web page can act on it
            try:
                file = io.BytesIO(source) if isinstance(source, bytes) else source
                with Image.open(file, formats=_FORMATS) as image:
                    return _from_pil(image)
            except (UnidentifiedImageError, OSError, ValueError, SyntaxError, EOFError) as fault:
                raise _unreadable() from fault
            except Image.DecompressionBombError as fault:
                raise _too_large("far more") from fault
    if isinstance(source, Image.Image):
        return _from_pil(source)
    return _from_numbers(source)


def prepare_colours(source: Any, height: int, width: int) -> Array:
    """Make the input of a network of colours of anything `decode_image` takes.

    The middle of the picture is cut out in the wanted proportions, as large as it goes, and averaged over
    areas; a picture of the wanted size is taken pixel by pixel. What is clear is laid on white.

    Returns
    -------
    float32 [3, height, width] in [0, 1]

    """
    values = _in_unit_range(decode_image(source))
    if values.ndim == 2:
        values = values[..., None].repeat(3, axis=2)
    else:
        values = values[..., 3:] * values[..., :3] + (1.0 - values[..., 3:])
    scale = min(values.shape[0] / height, values.shape[1] / width)
    sides = (max(1, round(scale * height)), max(1, round(scale * width)))
    top, left = ((have - cut) // 2 for have, cut in zip(values.shape, sides, strict=False))
    cut = values[top : top + sides[0], left : left + sides[1]]
    if cut.shape[:2] == (height, width):
        return np.ascontiguousarray(cut.transpose(2, 0, 1))
    channels = [_resized(cut[..., channel], (height, width)) for channel in range(3)]
    return np.clip(np.stack(channels), 0.0, 1.0)


def prepare_picture(source: Any) -> Array:
    """Make a model's input of anything `decode_image` takes.

    A picture that is 28 x 28 already is taken pixel by pixel, as the examples and other programs send it
    (light paper is turned dark); any other is a drawing, for `prepare_drawing`.

    Returns
    -------
    float32 [1, 28, 28] in [0, 1]

    """
    array = decode_image(source)
    if array.shape[:2] != (SIDE, SIDE):
        return prepare_drawing(array)
    ink = ink_of(array)
    if ink.max() < _FAINTEST_PEAK:
        raise _empty()
    return ink[None]


@dataclass(frozen=True)
class Placement:
    """Where a drawing goes in the field: found from its ink once, applied to any layer of the same size."""

    box: tuple[slice, slice]
    """Rows and columns of the drawing that hold ink."""
    size: tuple[int, int]
    """Height and width of the ink in the field, the longer one `BOX`."""
    corner: tuple[int, int]
    """Top and left of the ink in the field."""

    def apply(self, layer: Array) -> Array:
        """Move a layer, float32 [height, width], into the field: float32 [28, 28]."""
        field = np.zeros((SIDE, SIDE), np.float32)
        (top, left), (height, width) = self.corner, self.size
        field[top : top + height, left : left + width] = _resized(layer[self.box], self.size)
        return field


def prepare_drawing(drawing: NDArray[Any]) -> Array:
    """Prepare a drawing as MNIST's digits were prepared (LeCun et al. 1998, section III.A).

    The ink is cut out, its longer side scaled to 20 pixels with antialiasing, and its centre of mass placed
    in the middle of 28 x 28, as near as whole pixels come and with no ink pushed over the edge. A stroke so
    thin that averaging would leave it grey is lifted until it is black.

    Parameters
    ----------
    drawing : [height, width] or [height, width, 4], uint8 or float in [0, 1], of any size
        Ink is what covers a transparent ground, or what differs from the ground's tone, dark or light.

    Returns
    -------
    float32 [1, 28, 28] in [0, 1], ink = 1

    Raises
    ------
    LineageError
        ``image.empty``, and what `decode_image` raises for arrays.

    """
    return prepare_layers(drawing)[0]


def prepare_layers(drawing: NDArray[Any], *layers: NDArray[Any]) -> tuple[Array, ...]:
    """Prepare a drawing, and move other layers of its canvas (a mask painted over it) along with it.

    Scale and shift are found from the drawing's ink alone.

    Parameters
    ----------
    drawing : as for `prepare_drawing`
    *layers : [height, width], uint8 or float in [0, 1], of the drawing's size

    Returns
    -------
    float32 [1, 28, 28] in [0, 1] for the drawing and each layer; of a mask, the part of each pixel covered

    Raises
    ------
    LineageError
        ``image.empty``, ``image.shape``: a layer has not the drawing's size.

    """
    ink = _without_grain(ink_of(decode_image(drawing)))
    placement = _place(ink)
    placed = placement.apply(ink)
    moved = [np.clip(placed / placed.max(), 0.0, 1.0)]
    for layer in layers:
        values = _in_unit_range(decode_image(layer))
        if values.shape != ink.shape:
            raise _bad_shape(f"a layer of {list(values.shape)} over a drawing of {list(ink.shape)}")
        moved.append(placement.apply(values))
    return tuple(layer[None] for layer in moved)


def ink_of(array: NDArray[Any]) -> Array:
    """Tell the ink from its ground: [height, width] or [height, width, 4] to float32 [height, width].

    On a ground with transparency the ink is what covers it. On an opaque one the ground's tone is that of the
    border, and ink is what differs from it: dark strokes on paper and light ones on a board come out alike.
    """
    values = _in_unit_range(array)
    if values.ndim == 3:
        tone = values[..., :3] @ np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601 luma
        alpha = values[..., 3]
        if alpha.min() < 0.5 and _evenly_toned(tone, alpha):
            return alpha
        values = alpha * tone + (1.0 - alpha)  # a page with cut-out corners, say: laid on white
    border = np.concatenate([values[0], values[-1], values[:, 0], values[:, -1]])
    ground = float(np.median(border))
    return values if ground <= 0.5 else 1.0 - values


def to_bytes(images: Array) -> Bytes:
    """Round pictures in [0, 1] to uint8, [0, 255]; what lies outside is cut off."""
    return np.rint(np.clip(images, 0.0, 1.0) * 255.0).astype(np.uint8)


def as_image(picture: Array) -> Bytes:
    """Turn float32 [channels, height, width] into uint8 [height, width] (grey) or [height, width, 3]."""
    values = to_bytes(picture)
    return values[0] if len(values) == 1 else values.transpose(1, 2, 0)


def grid(images: Array, columns: int, gap: int = 2, scale: int = 1, ground: float = 0.0) -> Bytes:
    """Lay pictures out in rows, each enlarged by a whole factor without smoothing.

    Parameters
    ----------
    images : float32 [count, 1, height, width] or [count, height, width], in [0, 1]
    columns : pictures a row
    gap : pixels between pictures, before they are enlarged
    scale : integer factor
    ground : tone of the gaps, in [0, 1]

    Returns
    -------
    uint8 [height, width]

    """
    columns, scale = limits.COLUMNS.check(columns), limits.SCALE.check(scale)
    pictures = to_bytes(images).reshape(len(images), *images.shape[-2:])
    count, height, width = pictures.shape
    rows = -(-count // columns)
    columns = min(columns, count)
    sheet = np.full(
        (rows * (height + gap) - gap, columns * (width + gap) - gap), round(ground * 255), np.uint8
    )
    for k, picture in enumerate(pictures):
        top, left = (k // columns) * (height + gap), (k % columns) * (width + gap)
        sheet[top : top + height, left : left + width] = picture
    return enlarge(sheet, scale)


def enlarge(image: Bytes, scale: int) -> Bytes:
    """Repeat each pixel of uint8 [height, width] ``scale`` times both ways."""
    return image.repeat(scale, axis=0).repeat(scale, axis=1)


def to_png(image: Bytes) -> bytes:
    """Encode uint8 [height, width] or [height, width, 3 or 4] without loss, the same bytes each time."""
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "PNG")
    return buffer.getvalue()


def to_data_uri(image: Bytes) -> str:
    """Encode uint8 [height, width] or [height, width, 3 or 4] as ``data:image/png;base64,...``."""
    return "data:image/png;base64," + base64.b64encode(to_png(image)).decode("ascii")


def to_gif(frames: Iterable[Bytes], frames_a_second: int) -> bytes:
    """Encode frames, uint8 [height, width] or [height, width, 3], as an animation that never ends.

    GIF rather than WebP: an animation of the same size without loss takes a tenth of the time to write.
    """
    first, *rest = (Image.fromarray(frame) for frame in frames)
    buffer = io.BytesIO()
    duration = 1000 // frames_a_second
    first.save(buffer, "GIF", save_all=True, append_images=rest, duration=duration, loop=0, optimize=False)
    return buffer.getvalue()


def _from_data_uri(uri: str) -> bytes:
    head, _, body = uri.partition(",")
    if not head.endswith(";base64"):
        raise _unreadable()
    try:
        return base64.b64decode(body, validate=True)
    except binascii.Error as fault:
        raise _unreadable() from fault


def _from_pil(image: Image.Image) -> Bytes:
    _check_size(image.height, image.width)
    if image.mode.startswith(("I", "F")):  # 16 and 32 bits a pixel: scaled to what is there, not truncated
        values = np.asarray(image, np.float64)
        if not np.isfinite(values).all():
            raise _not_finite()
        full = 65535.0 if values.max() > 255.0 else 255.0 if values.max() > 1.0 else 1.0
        return np.rint(np.clip(values / full, 0.0, 1.0) * 255.0).astype(np.uint8)
    turn = _TURNS.get(_orientation(image) or 1)
    image = image.convert("L" if image.mode in ("1", "L") else "RGBA")
    image = image.reduce(max(1, max(image.size) // _DETAIL))
    return np.asarray(image if turn is None else image.transpose(turn))


def _orientation(image: Image.Image) -> int | None:
    """Return how the camera was held, by the tag 0x0112 of EXIF, if it can be read."""
    try:
        found = image.getexif().get(0x0112)
    except Exception:  # a hostile tag raises anything, and the picture is there all the same
        return None
    return found if isinstance(found, int) else None


def _from_numbers(source: Any) -> NDArray[Any]:
    try:
        array = np.asarray(source)
    except ValueError as fault:  # rows of unequal length
        raise _bad_shape("rows of unequal length") from fault
    if array.dtype.kind not in "fiub":
        raise _unreadable()
    if array.ndim == 3 and array.shape[0] == 1:
        array = array[0]
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[..., 0]
    if array.ndim == 3 and array.shape[2] == 3:
        opaque = 1.0 if array.dtype.kind == "f" else 255
        array = np.concatenate([array, np.full_like(array[..., :1], opaque)], axis=2)
    if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] != 4) or array.size == 0:
        raise _bad_shape(str(list(array.shape)))
    _check_size(*array.shape[:2])
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise _not_finite()
    if array.dtype.kind == "b" or (array.dtype.kind in "iu" and array.dtype != np.uint8 and array.max() <= 1):
        array = array.astype(np.float32)  # zeros and ones, as JSON sends them
    highest = 1 if array.dtype.kind == "f" else 255
    if array.min() < 0 or array.max() > highest:
        raise LineageError(
            "image.range",
            f"The picture's values must lie in [0, {highest}], got {array.min():g} to {array.max():g}.",
            highest=highest,
            lowest_found=f"{array.min():g}",
            highest_found=f"{array.max():g}",
        )
    return array.astype(np.float32 if array.dtype.kind == "f" else np.uint8)


def _check_size(height: int, width: int) -> None:
    if height * width > limits.PIXELS:
        raise _too_large(f"{width} x {height}")


def _evenly_toned(tone: Array, alpha: Array) -> bool:
    """Whether all that is opaque has one tone: a stroke on a clear canvas, not a page with clear corners."""
    opaque = tone[alpha > 0.5]
    return opaque.size == 0 or float(opaque.std()) < 0.1


def _in_unit_range(array: NDArray[Any]) -> Array:
    return array.astype(np.float32) / np.float32(255.0 if array.dtype.kind in "iu" else 1.0)


def _without_grain(ink: Array) -> Array:
    """Take off what the border shows: a photo's grain. A drawing on a clean ground is left as it is."""
    if ink.max() < _FAINTEST_PEAK:
        raise _empty()
    border = np.concatenate([ink[0], ink[-1], ink[:, 0], ink[:, -1]])
    grain = min(float(np.quantile(border, 0.9)) * 1.5, 0.5 * float(ink.max()))
    return np.clip((ink - grain) / (1.0 - grain), 0.0, 1.0)


def _place(ink: Array) -> Placement:
    """Fit the ink into the box and its centre of mass into the middle, as near as whole pixels come."""
    rows, columns = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
    box = (slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1))
    cut = ink[box]
    height, width = (max(1, round(side * BOX / max(cut.shape))) for side in cut.shape)
    small = _resized(cut, (height, width))
    corner = []
    for axis, size in enumerate(small.shape):
        mass = small.sum(axis=1 - axis)
        centre = float(mass @ np.arange(size) / mass.sum())
        corner.append(int(np.clip(round(_MIDDLE - centre), 0, SIDE - size)))
    return Placement(box, (height, width), (corner[0], corner[1]))


def _resized(layer: Array, size: tuple[int, int]) -> Array:
    """Average over areas, exactly: the antialiasing that cannot ring, no grey halo beside a stroke."""
    rows, columns = (_overlaps(old, new) for old, new in zip(layer.shape, size, strict=True))
    return np.asarray(rows @ layer @ columns.T, np.float32)


def _overlaps(old: int, new: int) -> Array:
    """How much of each of ``new`` equal intervals each of ``old`` ones fills: [new, old], rows sum to 1."""
    edges = np.linspace(0.0, old, new + 1)
    first = np.arange(old)
    shared = np.minimum(edges[1:, None], first + 1) - np.maximum(edges[:-1, None], first)
    return (np.maximum(shared, 0.0) * (new / old)).astype(np.float32)


def _empty() -> LineageError:
    return LineageError("image.empty", "The picture is empty: draw something, or pick an example.")


def _not_finite() -> LineageError:
    return LineageError("image.not_finite", "The picture holds NaN or infinity; every value must be finite.")


def _unreadable() -> LineageError:
    return LineageError(
        "image.unreadable",
        "This is no picture that can be read: send a PNG, JPEG, WebP, GIF, BMP or TIFF.",
    )


def _too_large(found: str) -> LineageError:
    megapixels = limits.PIXELS // 1_000_000
    return LineageError(
        "image.too_large",
        f"The picture is too large ({found} pixels): at most {megapixels} megapixels, please.",
        found=found,
        megapixels=megapixels,
    )


def _bad_shape(found: str) -> LineageError:
    return LineageError(
        "image.shape",
        f"A picture given as numbers must be [height, width] or [height, width, 4], got {found}.",
        found=found,
    )
