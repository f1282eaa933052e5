"""Pictures as people have them: photographs on their side, in the shade, in the formats of phones."""

from __future__ import annotations

import base64
import io
import itertools
import textwrap
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from demo.engine import images, limits
from onnx_models.errors import LineageError

Floats = NDArray[np.floating]
GRAIN = 12 / 255


def digits() -> list[Floats]:
    """Three drawings of ink on 300 x 320, ink = 1: a seven, a ring and a stroke, with soft edges."""
    y, x = np.mgrid[:300, :320].astype(float)

    def stroke(*points: tuple[int, int]) -> Floats:
        away = np.full(y.shape, np.inf)
        for (y0, x0), (y1, x1) in itertools.pairwise(points):
            along = ((y - y0) * (y1 - y0) + (x - x0) * (x1 - x0)) / ((y1 - y0) ** 2 + (x1 - x0) ** 2)
            nearest = np.clip(along, 0, 1)
            away = np.minimum(away, np.hypot(y - y0 - nearest * (y1 - y0), x - x0 - nearest * (x1 - x0)))
        return np.clip((13 - away) / 4, 0, 1)

    ring = np.clip((14 - np.abs(np.hypot((y - 140) / 1.25, x - 190) - 50)) / 4, 0, 1)
    return [stroke((70, 120), (70, 230), (240, 160)), ring, stroke((60, 180), (230, 150))]


def light(name: str, shape: tuple[int, int]) -> Floats:
    """How bright the paper is, in parts of its brightest."""
    y, x = (axis / max(shape) for axis in np.mgrid[: shape[0], : shape[1]])
    return {
        "even": np.ones(shape),
        "half in the shade": np.where(x > 0.5, 0.55, 1.0),
        "a soft shadow across": 1 - 0.5 / (1 + np.exp(-(x + 0.3 * y - 0.6) * 12)),
        "a lamp in a corner": 1 - 0.4 * (x + y) / 2,
        "dark corners": 1 - 0.7 * ((x - 0.5) ** 2 + (y - 0.5) ** 2),
    }[name]


def apart(found: Floats, wanted: Floats) -> float:
    """Mean difference a pixel, at the best of the nine places within one: the centre of mass is rounded."""
    turns = (np.roll(found, (y, x), (1, 2)) for y in (-1, 0, 1) for x in (-1, 0, 1))
    return min(float(np.abs(turned - wanted).mean()) for turned in turns)


@pytest.mark.parametrize(
    ("name", "grain"),
    [
        ("even", GRAIN),
        ("half in the shade", GRAIN / 2),
        ("a soft shadow across", GRAIN / 2),
        ("a lamp in a corner", GRAIN),
        ("dark corners", GRAIN),
    ],
)
@pytest.mark.parametrize("which", [0, 1, 2])
def test_a_photograph_is_read_as_the_drawing_on_it(name: str, grain: float, which: int) -> None:
    """Catches grain that shrinks a digit to a third of its ink, and a shadow that takes half of it."""
    ink = digits()[which]
    wanted = images.prepare_drawing(np.rint(255 * (0.92 - 0.8 * ink)).astype(np.uint8))
    noise = np.random.Generator(np.random.Philox(which)).normal(0, grain, ink.shape)
    tone = (0.92 - 0.8 * ink) * light(name, ink.shape) + noise
    photograph = np.rint(255 * np.clip(tone, 0, 1)).astype(np.uint8)
    found = [apart(images.prepare_drawing(each), wanted) for each in (photograph, 255 - photograph)]
    assert max(found) < 0.03  # the second is chalk on a board


def test_a_photograph_of_nothing_is_empty() -> None:
    """Catches grain and shadows that pass for ink."""
    random = np.random.Generator(np.random.Philox(3))
    for name in ("even", "half in the shade", "a lamp in a corner"):
        tone = 0.9 * light(name, (300, 320)) + random.normal(0, GRAIN, (300, 320))
        with pytest.raises(LineageError) as refused:
            images.prepare_drawing(np.rint(255 * np.clip(tone, 0, 1)).astype(np.uint8))
        assert refused.value.code == "image.empty"


def test_a_mask_moves_with_a_photograph() -> None:
    """Catches a layer left at the size of the picture where the photograph was made smaller."""
    noise = np.random.Generator(np.random.Philox(0)).normal(0, GRAIN, (300, 320))
    tone = np.rint(255 * np.clip(0.92 - 0.8 * digits()[1] + noise, 0, 1)).astype(np.uint8)
    mask = np.zeros(tone.shape, np.uint8)
    mask[:, 190:] = 255
    placed, hidden = images.prepare_layers(tone, mask)
    assert placed.shape == hidden.shape == (1, 28, 28)
    assert hidden[0, 14].argmax() == pytest.approx(14, abs=1)


# ------------------------------------------------------------------------------------------------ as files


def _seven() -> Image.Image:
    return Image.fromarray(np.rint(255 * (1 - digits()[0])).astype(np.uint8))


def _file(image: Image.Image, form: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


def _near(content: Any, wanted: NDArray[Any], most: float = 0.01) -> None:
    assert apart(images.prepare_picture(content), wanted) < most


@pytest.mark.parametrize(
    ("orientation", "held"),
    [(6, Image.Transpose.ROTATE_90), (8, Image.Transpose.ROTATE_270), (3, Image.Transpose.ROTATE_180)],
)
@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "deep"])
def test_a_picture_is_read_upright(orientation: int, held: Image.Transpose, form: str) -> None:
    """Catches a photograph that lies on its side, as phones keep them."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    lying = _seven().transpose(held)
    if form == "deep":
        lying = Image.fromarray(np.asarray(lying).astype(np.uint16) * 257)
    content = _file(lying, "PNG" if form == "deep" else form, exif=exif)
    _near(content, images.prepare_drawing(np.asarray(_seven())), 0.03)


@pytest.mark.parametrize("bits", [8, 10, 12, 14, 16])
def test_deep_pictures_are_scaled_by_what_is_there(bits: int) -> None:
    """Catches 10 or 12 bits in a file of 16 read as nearly black, and so as empty."""
    values = np.rint(np.asarray(_seven()) / 255 * (2**bits - 1)).astype(np.uint16)
    _near(_file(Image.fromarray(values), "PNG"), images.prepare_drawing(np.asarray(_seven())))


def test_a_clear_tone_is_clear() -> None:
    """Catches a grey PNG with a transparent tone read as an even sheet, and so as empty."""
    ink = digits()[0] > 0.5
    black = np.zeros(ink.shape, np.uint8)
    twin = np.stack([black, black, black, np.where(ink, 255, 0).astype(np.uint8)], axis=-1)
    wanted = images.prepare_picture(_file(Image.fromarray(twin), "PNG"))
    grey = Image.fromarray(np.where(ink, 0, 7).astype(np.uint8))
    np.testing.assert_array_equal(images.prepare_picture(_file(grey, "PNG", transparency=7)), wanted)


def test_base64_may_have_line_breaks() -> None:
    """Catches what `base64 FILE` prints, which breaks its lines, refused."""
    content = _file(_seven(), "PNG")
    wanted = images.prepare_picture(content)
    for lines in ("\n", "\r\n", " "):
        body = lines.join(textwrap.wrap(base64.b64encode(content).decode(), 76)) + lines
        np.testing.assert_array_equal(images.prepare_picture(f"data:image/png;base64,{body}"), wanted)


def test_a_large_photograph_is_decoded_small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches 24 megapixels, which phones take by default, refused; and decoded whole: counted in pixels."""
    large = _seven().resize((6000, 4000), Image.Resampling.BILINEAR)
    decoded: list[int] = []
    load: Callable[..., Any] = Image.Image.convert

    def counted(self: Image.Image, *arguments: Any, **named: Any) -> Any:
        decoded.append(self.width * self.height)
        return load(self, *arguments, **named)

    content = _file(large, "JPEG", quality=80)
    wanted = images.prepare_drawing(np.asarray(large.resize((1500, 1000), Image.Resampling.BOX)))
    monkeypatch.setattr(Image.Image, "convert", counted)
    _near(content, wanted, 0.02)
    assert 0 < max(decoded) <= limits.PIXELS / 8


def test_a_photograph_may_be_too_large() -> None:
    content = bytearray(_file(_seven(), "JPEG"))
    at = content.index(b"\xff\xc0") + 5  # height and width of the frame header
    content[at : at + 4] = (9000).to_bytes(2, "big") * 2
    with pytest.raises(LineageError, match=r"9000 x 9000 pixels\): at most 64 megapixels"):
        images.prepare_picture(bytes(content))


@pytest.mark.parametrize("brand", [b"heic", b"mif1", b"avif"])
def test_the_formats_of_phones_are_named(brand: bytes) -> None:
    """Catches a sentence that does not tell a person with an iPhone what to do."""
    content = (24).to_bytes(4, "big") + b"ftyp" + brand + bytes(4) + b"mif1" + brand + bytes(100)
    with pytest.raises(LineageError, match="HEIC and AVIF pictures cannot be read here: send it as a JPEG"):
        images.prepare_picture(content)


# ------------------------------------------------------------------------------------------------- laid out


@pytest.mark.parametrize("channels", [1, 2, 3, 4, 5])
def test_pictures_of_any_number_of_channels_are_written(channels: int) -> None:
    """Catches a download of a generator of colours that ends in a traceback."""
    made = np.random.Generator(np.random.Philox(channels)).random((3, channels, 4, 5), np.float32)
    sheet = images.grid(made, 2, gap=1)
    tiles = [images.as_image(picture) for picture in made]
    height, width = tiles[0].shape[:2]
    assert sheet.shape[:2] == (2 * height + 1, 2 * width + 1)
    np.testing.assert_array_equal(sheet[:height, width + 1 :], tiles[1])
    np.testing.assert_array_equal(sheet[height + 1 :, :width], tiles[2])
    with Image.open(io.BytesIO(images.to_png(sheet))) as image:
        np.testing.assert_array_equal(np.asarray(image), sheet)
