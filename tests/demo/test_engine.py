"""The page's functions, without a server: drawings, damage, latents, answers."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from demo.engine import corruption, images, inference, latents, limits
from demo.engine.corruption import Corruption
from demo.engine.library import Library
from onnx_models import seeds
from onnx_models.errors import LineageError
from onnx_models.runtime import Runtime
from tests import tiny

Array = NDArray[np.float32]
TEST_DIGITS = Path(os.environ.get("LATENT_LINEAGE_DATA", "data")) / "mnist" / "t10k-images-idx3-ubyte.gz"


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.write_models(tmp_path_factory.mktemp("demo") / "models")


@pytest.fixture(scope="module")
def library(directory: Path) -> Library:
    return Library.open([directory], "cpu")


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A models directory that a test may break."""
    return tiny.write_models(tmp_path / "models")


def _digit(library: Library, index: int = 0) -> Array:
    return library.examples("mnist").images[index].astype(np.float32) / 255


def _stroke(height: int = 200, width: int = 300) -> NDArray[np.uint8]:
    """An L: a bar down with a foot to the right, 20 pixels thick, off the middle of the canvas."""
    ink = np.zeros((height, width), np.uint8)
    ink[30:150, 20:40] = 255
    ink[130:150, 20:90] = 255
    return ink


# --- drawings ------------------------------------------------------------------------------------------


def test_a_drawing_fills_the_box_and_lies_on_its_centre_of_mass() -> None:
    """Catches a wrong scale, x and y swapped, and centring of the box instead of the mass."""
    prepared = images.prepare_drawing(_stroke())[0]
    rows, columns = np.flatnonzero(prepared.any(axis=1)), np.flatnonzero(prepared.any(axis=0))
    assert len(rows) == 20
    assert len(columns) == round(70 * 20 / 120)
    mass = prepared.sum()
    # Whole-pixel shifts bring the centre within half a pixel of where MNIST has it.
    assert abs(prepared.sum(axis=1) @ np.arange(28) / mass - 14) <= 0.5
    assert abs(prepared.sum(axis=0) @ np.arange(28) / mass - 14) <= 0.5
    assert prepared.shape == (28, 28)
    assert prepared.dtype == np.float32
    assert prepared.max() == 1.0
    assert prepared.min() == 0.0


def test_ink_is_found_on_any_ground() -> None:
    """Catches a polarity that only one canvas has: all of these are the same L."""
    ink = _stroke()
    clear = np.zeros((*ink.shape, 4), np.uint8)
    clear[..., 3] = ink
    blue_on_clear = clear.copy()
    blue_on_clear[..., 2] = 255
    opaque = np.full((*ink.shape, 4), 255, np.uint8)
    opaque[..., :3] = 255 - ink[..., None]
    wanted = images.prepare_drawing(ink)
    for drawing in (255 - ink, clear, blue_on_clear, opaque, ink / np.float32(255)):
        np.testing.assert_allclose(images.prepare_drawing(drawing), wanted, atol=1e-6)


def test_a_drawing_does_not_depend_on_its_size_or_place() -> None:
    """Catches a scale tied to one canvas: twice as large, elsewhere, and off the border, it is the same."""
    ink = _stroke()
    twice = np.pad(ink.repeat(2, axis=0).repeat(2, axis=1), ((7, 90), (31, 2)))
    # Averaging over areas of one stroke sampled twice as finely is the same average, up to rounding.
    np.testing.assert_allclose(images.prepare_drawing(twice), images.prepare_drawing(ink), atol=1e-5)


def test_a_thin_stroke_stays_black() -> None:
    """Catches a hair line on a large canvas fading to grey, which no model has seen."""
    ink = np.zeros((1000, 1000), np.uint8)
    ink[100:900, 500:504] = 255
    assert images.prepare_drawing(ink).max() == 1.0


def test_a_mask_moves_with_its_drawing() -> None:
    """Catches a brush that hides another place than the one it was painted over."""
    ink = _stroke()
    mask = np.zeros_like(ink)
    mask[126:150] = 255  # over the foot of the L, from one pixel of the field to the end of the last
    placed, hidden = images.prepare_layers(ink, mask)
    left = placed[0] * (hidden[0] < 0.5)
    assert np.flatnonzero(placed[0].any(axis=0)).size == 12
    # What stays is the bar: 20 canvas pixels wide where 6 make one of the field.
    assert np.flatnonzero(left.any(axis=0)).size == 4
    with pytest.raises(LineageError) as refused:
        images.prepare_layers(ink, mask[:-1])
    assert refused.value.code == "image.shape"


@pytest.mark.parametrize("empty", [np.zeros((50, 60), np.uint8), np.full((50, 60, 4), 255, np.uint8)])
def test_an_empty_canvas_is_said_to_be_empty(empty: NDArray[np.uint8]) -> None:
    """Catches 0 / 0 on a blank canvas, clear or white."""
    for prepare in (images.prepare_drawing, images.prepare_picture):
        with pytest.raises(LineageError) as refused:
            prepare(empty)
        assert refused.value.code == "image.empty"


@pytest.mark.skipif(not TEST_DIGITS.is_file(), reason=f"{TEST_DIGITS} is not there: set LATENT_LINEAGE_DATA")
def test_a_prepared_digit_is_prepared_again_to_itself() -> None:
    """Catches a preparation that is not MNIST's: scale, centre or tone.

    Digits enlarged eightfold and moved about come back as they were, mean difference a pixel 0.00006 over
    these 500. It is not zero because MNIST's blackest pixel is often 254 where a drawing's becomes 255: at
    most 0.002 in a digit. One that lands a pixel aside differs by 0.06.
    """
    content = gzip.decompress(TEST_DIGITS.read_bytes())
    digits = np.frombuffer(content, np.uint8, offset=16)[: 500 * 784].reshape(-1, 28, 28)
    canvases = [np.pad(d.repeat(8, axis=0).repeat(8, axis=1), ((5, 40), (60, 3))) for d in digits]
    again = np.concatenate([images.prepare_drawing(canvas) for canvas in canvases])
    assert np.abs(again - digits / 255).mean(axis=(1, 2)).max() < 0.002


# --- untrusted pictures --------------------------------------------------------------------------------


def _file(image: Image.Image, form: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


def _bomb(side: int) -> bytes:
    """A PNG that says it has side x side pixels, bilevel, with none of them in it."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    pixels = zlib.compress(bytes(1000))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def test_every_kind_of_picture_is_read_alike() -> None:
    """Catches palettes read as indices, CMYK inverted, 16 bits cut to white, an animation's last frame."""
    grey = Image.fromarray(255 - _stroke())
    deep = Image.fromarray((255 - _stroke()).astype(np.uint16) * 257)
    blank = Image.new("L", grey.size, 255)
    wanted = images.prepare_drawing(np.asarray(grey))
    files = [
        _file(grey, "PNG"),
        _file(grey.convert("1"), "PNG"),
        _file(grey.convert("P"), "GIF"),
        _file(grey.convert("RGB"), "BMP"),
        _file(grey.convert("CMYK"), "TIFF"),
        _file(grey.convert("LA"), "PNG"),
        _file(deep, "PNG"),
        _file(grey.convert("P"), "GIF", save_all=True, append_images=[blank.convert("P")]),
        _file(grey.convert("RGB"), "WEBP", lossless=True),
    ]
    for content in files:
        np.testing.assert_allclose(images.prepare_picture(content), wanted, atol=0.02)
    # JPEG's ringing beside the stroke is the one loss among them.
    jpeg = images.prepare_picture(_file(grey.convert("CMYK"), "JPEG", quality=90))
    assert np.abs(jpeg - wanted).mean() < 0.05


def test_a_28_by_28_picture_is_taken_as_it_is(library: Library) -> None:
    """Catches examples that are cropped and centred a second time, and paper taken for ink."""
    digit = _digit(library)
    np.testing.assert_array_equal(images.prepare_picture(digit[0].tolist()), digit)
    png = images.to_png(images.to_bytes(digit[0]))
    np.testing.assert_array_equal(images.prepare_picture(png), digit)
    paper = images.to_png(255 - images.to_bytes(digit[0]))
    np.testing.assert_allclose(images.prepare_picture(paper), digit, atol=1e-7)  # float32 of 1 - (1 - x)


@pytest.mark.parametrize(
    ("source", "code"),
    [
        (b"", "image.unreadable"),
        (b"MZ not a picture", "image.unreadable"),
        (b"\x89PNG\r\n\x1a\n truncated", "image.unreadable"),
        ("data:image/png;base64,@@@@", "image.unreadable"),
        ("data:text/html,<b>", "image.unreadable"),
        ("no/such/file.png", "image.unreadable"),
        (_bomb(4_500), "image.too_large"),
        (_bomb(30_000), "image.too_large"),
        ([[0.0, float("nan")], [0.0, 1.0]], "image.not_finite"),
        ([[0.0, float("inf")], [0.0, 1.0]], "image.not_finite"),
        ([[0.0, -0.5], [0.0, 1.0]], "image.range"),
        ([[0.0, 300], [0.0, 1.0]], "image.range"),
        ([[0, 1], [1]], "image.shape"),
        ([0, 1], "image.shape"),
        ([], "image.shape"),
        ([["a"]], "image.unreadable"),
        ([[{}]], "image.unreadable"),
    ],
)  # fmt: skip
def test_what_is_no_picture_is_refused_in_one_sentence(source: object, code: str) -> None:
    """Catches a crash, a bomb that is decoded before its size is read, and a value that reaches a model.

    The bombs hold too few pixels to be decoded: a decoder that began would call them unreadable.
    """
    with pytest.raises(LineageError) as refused:
        images.prepare_picture(source)
    assert refused.value.code == code
    assert str(refused.value).endswith(".")


def test_a_grid_repeats_pixels_and_nothing_else() -> None:
    """Catches smoothing, a wrong order, and a lossy picture."""
    pictures = np.linspace(0, 1, 5 * 6, dtype=np.float32).reshape(5, 1, 2, 3)
    sheet = images.grid(pictures, columns=2, gap=1, scale=3, ground=1.0)
    assert sheet.shape == ((3 * 2 + 2) * 3, (2 * 3 + 1) * 3)
    small = sheet[::3, ::3]
    np.testing.assert_array_equal(sheet, images.enlarge(small, 3))
    np.testing.assert_array_equal(small[3:5, 0:3], images.to_bytes(pictures[2, 0]))
    assert (small[2] == 255).all()
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(images.to_png(sheet)))), sheet)


def test_colour_survives_the_way_out() -> None:
    """Catches channels first taken for rows, or green and blue dropped."""
    picture = np.random.default_rng(0).integers(0, 256, (3, 4, 5)).astype(np.float32) / 255
    back = np.asarray(Image.open(io.BytesIO(images.to_png(images.as_image(picture)))))
    np.testing.assert_array_equal(back.transpose(2, 0, 1), np.rint(picture * 255))
    assert images.as_image(picture[:1]).shape == (4, 5)


# --- damage --------------------------------------------------------------------------------------------


def test_salt_depends_on_seed_and_grows_with_amount(library: Library) -> None:
    """Catches a global generator, a seed without effect, and noise that jumps while a slider moves."""
    digit = np.zeros((1, 28, 28), np.float32)
    some, again, other = (corruption.corrupt(digit, Corruption("salt", 0.2), seed) for seed in (5, 5, 6))
    more = corruption.corrupt(digit, Corruption("salt", 0.4), 5)
    np.testing.assert_array_equal(some, again)
    assert (some != other).any()
    assert (more >= some).all()
    # 784 tosses at 0.2: mean 0.2, standard deviation 0.0143; five of them is one in two million.
    assert abs(some.mean() - 0.2) < 5 * 0.0143
    assert set(np.unique(some)) == {0.0, 1.0}


def test_each_half_is_hidden_where_it_says(library: Library) -> None:
    """Catches top and bottom, or left and right, exchanged."""
    full = np.ones((1, 28, 28), np.float32)
    for side, seen in {
        "top": np.s_[14:, :],
        "bottom": np.s_[:14, :],
        "left": np.s_[:, 14:],
        "right": np.s_[:, :14],
    }.items():
        damaged = corruption.corrupt(full, Corruption(f"occlude_{side}", 0.5))[0]  # type: ignore[arg-type]
        assert damaged[seen].all()
        assert damaged.sum() == 28 * 14
    mask = np.zeros((28, 28), int)
    mask[3, 4] = 1
    brushed = corruption.corrupt(full, Corruption.parse({"kind": "brush", "mask": mask.tolist()}))
    assert brushed[0, 3, 4] == 0
    assert brushed.sum() == 783
    assert full.all(), "the picture given must stay as it was"


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ("blur", "corruption.unknown"),
        ({"kind": "salt", "amount": 1.5}, "argument.range"),
        ({"kind": "salt", "amount": float("nan")}, "argument.range"),
        ({"kind": "salt", "amount": "much"}, "argument.range"),
        ({"kind": "brush"}, "corruption.mask"),
        ({"kind": "brush", "mask": 3}, "corruption.mask"),
        ({"king": "salt"}, "corruption.form"),
        (["salt"], "corruption.form"),
    ],
)
def test_a_wrong_corruption_is_refused(value: object, code: str) -> None:
    """Catches a value outside the list being ignored."""
    with pytest.raises(LineageError) as refused:
        Corruption.parse(value)
    assert refused.value.code == code


def test_a_mask_of_another_size_is_refused() -> None:
    """Catches numpy's broadcasting error reaching the visitor."""
    with pytest.raises(LineageError) as refused:
        corruption.corrupt(np.zeros((1, 28, 28), np.float32), Corruption("brush", mask=((1, 0), (0, 1))))
    assert refused.value.code == "corruption.mask"


# --- latents -------------------------------------------------------------------------------------------


def test_slerp_walks_the_circle_evenly() -> None:
    """Catches a straight way in disguise: at right angles z(t) is (cos, sin)(t pi / 2), in closed form."""
    t = np.linspace(0, 1, 7, dtype=np.float32)
    a, b = np.array([3, 0], np.float32), np.array([0, 3], np.float32)
    expected = 3 * np.stack([np.cos(t * np.pi / 2), np.sin(t * np.pi / 2)], axis=1)
    np.testing.assert_allclose(latents.slerp(a, b, t), expected, atol=1e-6)  # float32 rounding
    np.testing.assert_allclose(latents.lerp(a, b, t), np.stack([3 - 3 * t, 3 * t], axis=1), atol=1e-6)


def test_slerp_has_no_hole() -> None:
    """Catches 0 / 0 between equal, opposite and zero vectors."""
    t = np.linspace(0, 1, 5, dtype=np.float32)
    a = np.array([1, 2], np.float32)
    for b in (a, -a, np.zeros(2, np.float32)):
        np.testing.assert_allclose(latents.slerp(a, b, t), latents.lerp(a, b, t))


# --- answers -------------------------------------------------------------------------------------------


def test_reconstruct_measures_against_the_undamaged_picture(library: Library) -> None:
    """Catches an error measured against what the model saw, in another unit, or of another model."""
    digit = _digit(library)
    result = inference.reconstruct(library, digit, corruption=Corruption("occlude_left", 0.5), seed=1)
    ids = [answer.model_id for answer in result.answers]
    assert ids == ["rbm", "autoencoder", "pca", "rbm_untrained"], "models by year, then baselines"
    for answer in result.answers:
        assert answer.error is None
        assert answer.image is not None
        graph = library.model(answer.model_id).graphs["reconstruct"]
        direct = library.runtime.run(graph, {"image": result.shown[None]})["reconstruction"][0]
        np.testing.assert_array_equal(answer.image, direct)
        assert answer.squared_error == pytest.approx(np.sum((direct.astype(np.float64) - digit) ** 2))
        assert answer.milliseconds > 0
    assert (result.shown != result.original).any()
    # The free energy in closed form, from the weights that ship: -b.v - sum softplus(W v + c).
    rbm = library.runtime.run(library.model("rbm").graphs["parameters"], {}).outputs
    v = result.shown.reshape(-1).astype(np.float64)
    logits = rbm["weight_0"] @ v + rbm["hidden_bias_0"]
    energy = -rbm["visible_bias_0"] @ v - np.logaddexp(0, logits).sum()
    # float32 sums of 784 terms of order one, against float64
    assert result.answers[0].free_energy == pytest.approx(energy, rel=1e-4)
    assert result.answers[1].free_energy is None


def test_one_broken_model_does_not_silence_the_others(own: Path) -> None:
    """Catches a page that goes blank for one bad file; each failure has its own sentence."""
    (own / "rbm" / "reconstruct.onnx").unlink()
    garbled = own / "pca" / "reconstruct.onnx"
    garbled.write_bytes(garbled.read_bytes()[:-1] + b"!")
    no_graph = own / "rbm_untrained" / "reconstruct.onnx"
    no_graph.write_bytes(b"not a graph")
    entry = json.loads((own / "rbm_untrained" / "model.json").read_text())
    entry["graphs"]["reconstruct"]["sha256"] = hashlib.sha256(b"not a graph").hexdigest()
    tiny.edit(own / "rbm_untrained", graphs=entry["graphs"])
    library = Library.open([own], "cpu")
    result = inference.reconstruct(library, _digit(library))
    codes = {answer.model_id: answer.error and answer.error.code for answer in result.answers}
    assert codes == {
        "rbm": "file.missing",
        "pca": "file.sha256",
        "rbm_untrained": "file.unloadable",
        "autoencoder": None,
    }


def test_a_chain_is_reproducible_and_follows_the_rule(library: Library) -> None:
    """Catches a global generator, noise of the wrong step or stream, and an energy of the wrong state."""
    chain = inference.gibbs(library, "rbm", None, steps=3, seed=11, chains=2)
    again = inference.gibbs(library, "rbm", None, steps=3, seed=11, chains=2)
    np.testing.assert_array_equal(chain.visible_means, again.visible_means)
    assert chain.visible_means.shape == (4, 2, 1, 28, 28)
    assert chain.free_energy.shape == (4, 2)
    # The same in numpy from the weights that ship: h ~ sigmoid(W v + c), v ~ sigmoid(W' h + b).
    p = library.runtime.run(library.model("rbm").graphs["parameters"], {}).outputs
    w, b, c = (p[f"{name}_0"].astype(np.float64) for name in ("weight", "visible_bias", "hidden_bias"))
    v = (seeds.uniforms(11, 2, 784, seeds.Stream.BINARY) < 0.5).astype(np.float64)
    for t in range(4):
        energy = -v @ b - np.logaddexp(0, v @ w.T + c).sum(axis=1)
        # float32 against float64, sums of 784 terms
        np.testing.assert_allclose(chain.free_energy[t], energy, rtol=1e-4)
        hidden_noise = seeds.uniforms(11, 2, len(c), seeds.Stream.HIDDEN, step=t)
        h = hidden_noise < 1 / (1 + np.exp(-(v @ w.T + c)))
        mean = 1 / (1 + np.exp(-(h @ w + b)))
        v = (seeds.uniforms(11, 2, 784, seeds.Stream.VISIBLE, step=t) < mean).astype(np.float64)
        if t < 3:
            np.testing.assert_allclose(chain.visible_means[t + 1].reshape(2, -1), mean, atol=1e-5)


def test_a_chain_can_be_left_early(library: Library) -> None:
    """Catches work done after a visitor has gone, and arguments checked only when the first step is asked."""
    states = inference.gibbs_steps(library, "rbm", _digit(library), steps=200, seed=0)
    assert next(states).index == 0
    assert next(states).index == 1
    with pytest.raises(LineageError):
        inference.gibbs_steps(library, "rbm", None, steps=301, seed=0)


def test_a_longer_chain_begins_like_a_shorter_one(library: Library) -> None:
    """Catches a film strip whose first frames change while its slider is drawn out."""
    short = inference.gibbs(library, "rbm", None, steps=2, seed=4)
    long = inference.gibbs(library, "rbm", None, steps=5, seed=4)
    np.testing.assert_array_equal(long.visible_means[:3], short.visible_means)


def test_samples_follow_the_seed_alone(library: Library) -> None:
    """Catches a picture that changes with how many are asked for, and z that are not the documented ones."""
    few, many = (inference.sample(library, "gan", 7, count) for count in (3, 9))
    other = inference.sample(library, "gan", 8, 3)
    np.testing.assert_array_equal(many.z[:3], few.z)
    np.testing.assert_array_equal(few.z, seeds.normals(7, 3, 100))
    # A larger batch may be summed in another order: float32 rounding, no more.
    np.testing.assert_allclose(many.images[:3], few.images, atol=1e-6)
    assert np.abs(other.images - few.images).max() > 0.1


def test_a_conditional_model_hears_its_label(tmp_path: Path) -> None:
    """Catches a label that never reaches the graph, and one given to a graph that takes none."""
    tiny.write_model(tmp_path, "conditional", tiny.gan(conditional=True))
    library = Library.open([tmp_path], "cpu")
    made = [inference.sample(library, "conditional", 1, 2, label).images for label in (None, -1, 3, 4)]
    np.testing.assert_array_equal(made[0], made[1])
    assert (made[2] != made[1]).any()
    assert (made[2] != made[3]).any()


def test_interpolation_begins_and_ends_at_its_seeds(library: Library) -> None:
    """Catches a way between other points than the pictures shown for the two seeds."""
    for spherical in (True, False):
        way = inference.interpolate(library, "gan", 1, 2, 5, spherical)
        ends = np.concatenate([inference.sample(library, "gan", seed, 1).images for seed in (1, 2)])
        np.testing.assert_allclose(way.images[[0, -1]], ends, atol=1e-6)  # another batch size


def test_nearest_finds_the_picture_itself(library: Library) -> None:
    """Catches a wrong index, order or distance: against all distances written out in float64."""
    digits = library.neighbours("mnist")
    found = inference.nearest(library, "mnist", digits.images[[17, 3]] / np.float32(255), k=4)
    assert found.indices[:, 0].tolist() == [17, 3]
    flat = digits.images.reshape(len(digits), -1) / 255.0
    expected = np.sort(np.linalg.norm(flat - flat[17], axis=1))[:4]
    np.testing.assert_allclose(found.distances[0], expected, rtol=1e-5)  # float32 against float64
    np.testing.assert_array_equal(found.images[1, 0, 0], digits.images[3, 0] / np.float32(255))
    assert found.labels[0, 0] == digits.labels[17]


def test_real_pictures_are_picked_by_seed(library: Library) -> None:
    """Catches repeats, a class that is not the one asked for, and a choice that is always the same."""
    some = inference.real(library, "mnist", 3, 20)
    assert len(set(some.indices.tolist())) == 20
    assert (some.indices != inference.real(library, "mnist", 4, 20).indices).any()
    np.testing.assert_array_equal(some.indices[:5], inference.real(library, "mnist", 3, 5).indices)
    sevens = inference.real(library, "mnist", 3, 64, label=7)
    assert set(sevens.labels.tolist()) == {7}
    first = library.examples("mnist").images[sevens.indices[0], 0]
    np.testing.assert_array_equal(sevens.images[0, 0], first / np.float32(255))


def test_pictures_in_colour_are_read_and_found(tmp_path: Path) -> None:
    """Catches a loader that knows grey pictures only, which are stored without a channel."""
    folder = tiny.write_dataset(tmp_path)
    images, labels = np.random.default_rng(0).integers(0, 256, (6, 3, 4, 5), np.uint8), np.arange(6)
    document = json.loads((folder / "dataset.json").read_text())
    for file in document["files"]:
        np.savez_compressed(folder / file["file"], images=images, labels=labels.astype(np.uint8))
        content = (folder / file["file"]).read_bytes()
        file |= {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    (folder / "dataset.json").write_text(json.dumps(document))
    library = Library.open([tmp_path], "cpu")
    picked = inference.real(library, "mnist", 1, 6)
    np.testing.assert_array_equal(picked.images, images[picked.indices] / np.float32(255))
    found = inference.nearest(library, "mnist", picked.images[:2], k=1)
    np.testing.assert_array_equal(found.images[:, 0], picked.images[:2])


def test_filters_show_zero_as_the_middle(library: Library) -> None:
    """Catches a weight transposed and a scale that hides the sign."""
    weight = library.runtime.run(library.model("rbm").graphs["parameters"], {})["weight_0"]
    shown = inference.filters(library, "rbm")
    assert shown.shape == (12, 28, 28)
    np.testing.assert_array_equal(shown > 0.5, weight.reshape(12, 28, 28) > 0)
    np.testing.assert_allclose(np.abs(shown - 0.5).max(axis=(1, 2)), 0.5)


def test_judges_answer_for_each_picture(library: Library) -> None:
    """Catches a softmax over the wrong axis: and a batch that changes its members."""
    examples = library.examples("mnist")
    pictures = examples.images[:10] / np.float32(255)
    seen = inference.classify(library, "classifier_cnn", pictures)
    np.testing.assert_allclose(seen.probabilities.sum(axis=1), 1, rtol=1e-6)
    np.testing.assert_array_equal(seen.labels, seen.probabilities.argmax(axis=1))
    judged = inference.scores(library, "gan", pictures)
    assert judged.values.shape == (10,)
    alone = inference.scores(library, "gan", pictures[4:5])
    np.testing.assert_allclose(alone.values[0], judged.values[4], atol=1e-5)  # another batch size


@pytest.mark.parametrize(
    ("ask", "code"),
    [
        (lambda lib: inference.sample(lib, "nope", 0, 1), "model.unknown"),
        (lambda lib: inference.sample(lib, "rbm", 0, 1), "model.role"),
        (lambda lib: inference.sample(lib, "gan", 2**32, 1), "seed.range"),
        (lambda lib: inference.sample(lib, "gan", float("nan"), 1), "seed.range"),
        (lambda lib: inference.sample(lib, "gan", 0, 0), "argument.range"),
        (lambda lib: inference.sample(lib, "gan", 0, limits.COUNT.highest + 1), "argument.range"),
        (lambda lib: inference.sample(lib, "gan", 0, 1, label=10), "argument.range"),
        (lambda lib: inference.interpolate(lib, "gan", 0, 1, 1), "argument.range"),
        (lambda lib: inference.reconstruct(lib, np.zeros((1, 28, 28)), models=[]), "argument.range"),
        (lambda lib: inference.gibbs(lib, "rbm", np.zeros((1, 3, 3)), 1, 0), "picture.shape"),
        (lambda lib: inference.scores(lib, "gan", np.zeros((2, 28, 28))), "picture.shape"),
        (lambda lib: inference.scores(lib, "rbm", np.zeros((2, 1, 28, 28))), "model.role"),
        (lambda lib: inference.classify(lib, "classifier_cnn", np.full((1, 1, 28, 28), np.inf)),
         "input.not_finite"),
        (lambda lib: inference.nearest(lib, "mnist", np.full((1, 1, 28, 28), np.nan)), "picture.shape"),
        (lambda lib: inference.nearest(lib, "mnist", np.zeros((1, 1, 28, 28)), k=11), "argument.range"),
        (lambda lib: inference.real(lib, "fashion", 0, 1), "dataset.unknown"),
    ],
)  # fmt: skip
def test_a_wrong_argument_is_named(library: Library, ask: Callable[[Library], Any], code: str) -> None:
    """Catches an argument clipped in silence, and any other exception than the one the page shows."""
    with pytest.raises(LineageError) as refused:
        ask(library)
    assert refused.value.code == code


def test_a_range_error_names_argument_range_and_value() -> None:
    """Catches a sentence that leaves a caller guessing."""
    with pytest.raises(LineageError, match="count must be a whole number from 1 to 64, got 65"):
        limits.COUNT.check(65)
    for wrong in (True, 1.5, "3", None, float("nan"), float("inf"), [1]):
        with pytest.raises(LineageError):
            limits.COUNT.check(wrong)
    assert limits.COUNT.check(8.0) == 8, "JSON from JavaScript has no whole numbers"


def test_data_files_are_verified(own: Path) -> None:
    """Catches example digits that were exchanged, missing or not what they say."""
    broken = Library.open([own], "cpu")
    (own / "datasets" / "mnist" / "examples.npz").write_bytes(b"something else")
    (own / "datasets" / "mnist" / "neighbours.npz").unlink()
    for ask, code in ((broken.examples, "file.sha256"), (broken.neighbours, "file.missing")):
        with pytest.raises(LineageError) as refused:
            ask("mnist")
        assert refused.value.code == code


def test_a_library_is_shared_and_cannot_be_changed(directory: Path) -> None:
    """Catches one visitor's work reaching another, and files that are read for every request."""
    library = Library.open([directory], "cpu")
    assert library.examples("mnist") is library.examples("mnist")
    with pytest.raises(ValueError, match="read-only"):
        library.examples("mnist").images[0] = 0
    assert isinstance(library.runtime, Runtime)
