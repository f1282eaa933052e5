"""Pictures in and out: untrusted uploads and drawings become what a model was trained on, arrays become PNG.

Inside the page a picture is float32 [channels, height, width] in [0, 1] with ink = 1, as MNIST has it.
"""

from __future__ import annotations

import base64
import binascii
import io
import math
import warnings
from collections.abc import Callable, Sequence
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
_EVEN = 0.03
"""A border that varies more is that of a photograph: grain, a shadow, a darker corner."""
_FIELD = 192
"""Pixels of a photograph's longer side, once its grain is averaged away: nine for each of the twenty."""
_THICKEST = 0.3
"""Widest stroke on a photograph, in parts of its shorter side: what is wider is a shadow."""
_HEIF = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1", b"avif", b"avis")
"""Brands of the pictures that phones take by default (ISO/IEC 23008-12), which PIL alone cannot decode."""


def decode_image(source: bytes | str | Path | Image.Image | NDArray[Any] | Sequence[Any]) -> NDArray[Any]:
    """Decode an untrusted picture: the content of a file, its path, a ``data:`` URI, a PIL image or numbers.

    Palettes, CMYK, 16 bits and bilevel become 8 bits; of an animation the first frame is taken, and a photo
    is turned as its orientation tag says. The size is read and judged before any pixel is decoded; a JPEG
    over `limits.PIXELS`, and up to `limits.PHOTOGRAPH`, is decoded at a fraction of its size.

    Returns
    -------
    uint8 [height, width] (grey) or [height, width, 4] (RGBA); numbers given as an array keep their dtype

    Raises
    ------
    LineageError
        ``image.unreadable``, ``image.heif``, ``image.too_large``, ``image.shape``, ``image.not_finite`` or
        ``image.range``.

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
                raise (_heif() if _is_heif(source) else _unreadable()) from fault
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
    thin that averaging would leave it grey is lifted until it is black. Of a photograph the paper is
    estimated where the ink is, and grain and shadows are no ink.

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
    ink = ink_of(decode_image(drawing))
    shape = ink.shape
    ink = _of_photograph(ink) if _is_photograph(ink) else _without_grain(ink)
    placement = _place(ink)
    placed = placement.apply(ink)
    moved = [np.clip(placed / placed.max(), 0.0, 1.0)]
    for layer in layers:
        values = _in_unit_range(decode_image(layer))
        if values.shape != shape:
            raise _bad_shape(f"a layer of {list(values.shape)} over a drawing of {list(shape)}")
        moved.append(placement.apply(values if shape == ink.shape else _resized(values, ink.shape)))
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
    ground = float(np.median(_border(values)))
    return values if ground <= 0.5 else 1.0 - values


def resized(picture: Array, size: tuple[int, int]) -> Array:
    """Bring float32 [channels, height, width] to another height and width by averages over areas."""
    return np.stack([_resized(layer, size) for layer in picture])


def _from_data_uri(uri: str) -> bytes:
    head, _, body = uri.partition(",")
    if not head.endswith(";base64"):
        raise _unreadable()
    try:
        return base64.b64decode("".join(body.split()), validate=True)  # `base64 FILE` breaks its lines
    except binascii.Error as fault:
        raise _unreadable() from fault


def _from_pil(image: Image.Image) -> Bytes:
    turn = _TURNS.get(_orientation(image) or 1)  # before any pixel is decoded: a draft forgets it
    if image.format == "JPEG" and image.height * image.width > limits.PIXELS:
        if image.height * image.width > limits.PHOTOGRAPH:
            raise _too_large(f"{image.width} x {image.height}", limits.PHOTOGRAPH)
        image.draft(None, (_DETAIL, _DETAIL))  # the decoder itself shrinks by 2, 4 or 8
    _check_size(image.height, image.width)
    clear = image.info.get("transparency")
    if image.mode.startswith(("I", "F")):
        image = _eight_bits(image, clear)
    elif image.mode in ("1", "L") and clear is None:
        image = image.convert("L")
    else:
        image = image.convert("RGBA")
    image = image.reduce(max(1, max(image.size) // _DETAIL))
    return np.asarray(image if turn is None else image.transpose(turn))


def _eight_bits(image: Image.Image, clear: Any) -> Image.Image:
    """Scale 16 and 32 bits a pixel to the bits that are in use: cameras leave 10 or 12 values in 16 bits."""
    values = np.asarray(image, np.float32)
    if not np.isfinite(values).all():
        raise _not_finite()
    highest = float(values.max())
    full = 2.0 ** max(8, math.ceil(math.log2(highest + 1.0))) - 1.0 if highest > 1.0 else 1.0
    grey = np.rint(np.clip(values / full, 0.0, 1.0) * 255.0).astype(np.uint8)
    if not isinstance(clear, int):
        return Image.fromarray(grey)
    alpha = np.where(values == clear, 0, 255).astype(np.uint8)
    return Image.fromarray(np.stack([grey, grey, grey, alpha], axis=-1))


def _is_heif(source: bytes | str | Path) -> bool:
    try:
        head = source[:64] if isinstance(source, bytes) else Path(source).read_bytes()[:64]
    except (OSError, ValueError):
        return False
    brands = {head[k : k + 4] for k in range(8, len(head), 4)}
    return head[4:8] == b"ftyp" and not brands.isdisjoint(_HEIF)


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
    grain = min(float(np.quantile(_border(ink), 0.9)) * 1.5, 0.5 * float(ink.max()))
    return np.clip((ink - grain) / (1.0 - grain), 0.0, 1.0)


def _border(ink: Array) -> Array:
    return np.concatenate([ink[0], ink[-1], ink[:, 0], ink[:, -1]])


def _is_photograph(ink: Array) -> bool:
    """Whether the ground is not one tone, as it is on every canvas and nearly so on a scan."""
    low, high = np.quantile(_border(ink), [0.05, 0.95])
    return min(ink.shape) >= 2 * SIDE and float(high - low) > _EVEN


def _of_photograph(ink: Array) -> Array:
    """Tell ink from paper that is neither clean nor evenly lit: float32 [height, width] to a smaller one.

    The paper is what is left when everything narrower than a shadow is taken off (an opening, Serra 1982),
    and ink is how much of its light is missing. Ink is where that stands out of the grain, with whatever
    fainter is joined to it; what reaches over the border is the edge of a table or of a shadow.
    """
    scale = max(1.0, max(ink.shape) / _FIELD)
    field = _resized(ink, (max(1, round(ink.shape[0] / scale)), max(1, round(ink.shape[1] / scale))))
    window = 2 * int(_THICKEST * min(field.shape) / 2) + 1
    paper = _sliding(_sliding(field, 3, np.mean), window, np.min)
    paper = _sliding(paper, window + 2, np.max)  # a pixel more: the edge of a shadow is soft now
    field = (field - paper) / np.maximum(1.0 - paper, 0.1)
    field -= np.median(field)
    smooth = _sliding(field, 3, np.mean)
    grain, fine = (1.4826 * float(np.median(np.abs(layer))) for layer in (field, smooth))  # of a normal law
    peak = float(np.quantile(smooth, 0.995))
    sure = smooth > max(8.0 * fine, 0.35 * peak)
    inked = _grown(sure, smooth > max(4.0 * fine, 0.08 * peak))
    edge = np.ones_like(inked)
    edge[1:-1, 1:-1] = False
    inner = inked & ~_grown(inked & edge, inked)
    if field[inner].sum() > 0.25 * field[inked].sum():
        inked = inner
    full = float(smooth[inked].max()) if inked.any() else 0.0
    if full < _FAINTEST_PEAK:
        raise _empty()
    faintest = min(max(2.0 * grain, 0.03 * full), 0.5 * full)
    lifted = np.clip((field - faintest) / (full - faintest), 0.0, 1.0)
    return np.where(_spread(inked), lifted, 0.0).astype(np.float32)


def _sliding(layer: Array, window: int, statistic: Callable[..., Any]) -> Array:
    """Replace each pixel by a statistic of the square around it, one axis after the other."""
    for axis in (0, 1):
        padding = [(window // 2, window // 2) if axis == k else (0, 0) for k in (0, 1)]
        padded = np.pad(layer, padding, mode="edge")
        layer = statistic(np.lib.stride_tricks.sliding_window_view(padded, window, axis=axis), axis=-1)
    return layer


def _spread(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Add to a mask the eight neighbours of each of its pixels."""
    for axis in (0, 1):
        lines = mask.swapaxes(0, axis)
        wider = lines.copy()
        wider[1:] |= lines[:-1]
        wider[:-1] |= lines[1:]
        mask = wider.swapaxes(0, axis)
    return mask


def _grown(seeds: NDArray[np.bool_], within: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return all of ``within`` that is joined to ``seeds``."""
    found = seeds & within
    while True:
        wider = _spread(found) & within
        if (wider == found).all():
            return found
        found = wider


def _place(ink: Array) -> Placement:
    """Fit the ink into the box and its centre of mass into the middle, as near as whole pixels come."""
    rows, columns = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
    box = (slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1))
    cut = ink[box]
    height, width = (max(1, round(side * BOX / max(cut.shape))) for side in cut.shape)
    small = _resized(cut, (height, width))
    corner = []
    for axis, size in enumerate(small.shape):
        mass = small.sum(axis=1 - axis, dtype=np.float64)
        centre = float(mass @ np.arange(size) / mass.sum())
        # A symmetrical drawing lies half way between two pixels, but for the rounding of its sum: it is to go
        # to the same one here and in a browser (demo/kitchen/drawing.js).
        corner.append(int(np.clip(round(round(_MIDDLE - centre, 5)), 0, SIDE - size)))
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


def _heif() -> LineageError:
    return LineageError(
        "image.heif",
        "HEIC and AVIF pictures cannot be read here: send it as a JPEG or PNG (on an iPhone: Settings, "
        "Camera, Formats, Most Compatible).",
    )


def _too_large(found: str, most: int = limits.PIXELS) -> LineageError:
    megapixels = most // 1_000_000
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
