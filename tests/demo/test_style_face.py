"""Faces that are pushed along directions, and faces that a visitor brings: what is applied and found."""

from __future__ import annotations

import base64
import io
import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from demo import theme
from demo.engine import images, limits, styles
from demo.engine.library import Library
from demo.engine.styles import Look
from demo.panels.style import edit as style_edit
from demo.panels.style import panel as style
from demo.panels.style import you as style_you
from demo.panels.style.panel import State
from demo.panels.style.state import subject
from onnx_models import directions
from onnx_models.errors import LineageError
from tests import tiny
from tests.demo.asking import seen, told
from tests.demo.test_panels import said
from tests.demo.test_style import ENCODER, FACES, JUDGE, write


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Library:
    return Library.open([write(tmp_path_factory.mktemp("faces") / "models")], "cpu")


def uri(image: Image.Image, form: str = "PNG", **options: object) -> str:
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return f"data:image/{form.lower()};base64," + base64.b64encode(buffer.getvalue()).decode()


def face(library: Library, seed: int, psi: float = 1.0) -> np.ndarray:
    return styles.portrait(library, library.model(FACES), seed, Look(psi))


# ------------------------------------------------------------------------------------------------- directions


def test_the_stage_pushes_as_the_file_says(library: Library) -> None:
    """Catches a strength in another unit, and a push on layers that the direction is not meant for."""
    model = library.model(FACES)
    state = State(model=FACES, part="edit", psi=1.0, moves="hair-colour-light:1.5,factor-fine-2:-2")
    light, fine = (
        next(one for one in directions.load(model) if one.id == name)
        for name in ("hair-colour-light", "factor-fine-2")
    )
    ws = styles.styles(library, model, styles.z_of(model, [7]), state.look)
    expected = ws.astype(np.float64)
    expected[:, light.layers] += 1.5 * light.deviation * light.vector
    expected[:, fine.layers] -= 2 * fine.deviation * fine.vector
    before, after = style_edit.beside(library, model, state)
    np.testing.assert_array_equal(before, face(library, 7))
    painted = styles.paint(library, model, expected.astype(np.float32), state.look)[0]
    np.testing.assert_allclose(after, painted, atol=1e-6)


def test_banks_hold_each_direction_once_and_the_best_first(library: Library) -> None:
    def dials(bank: str) -> list[str]:
        markup = style.show_stage(library, State(model=FACES, part="edit", bank=bank))
        return re.findall(r'data-move="([^"]*)"', markup)

    assert len(dials("")) == len(tiny.QUESTIONS)
    everything = [one for bank in ("glasses", "hair_colour", "factors") for one in dials(bank)]
    assert sorted(everything) == sorted(one.id for one in directions.load(library.model(FACES)))
    assert all(one.startswith("factor") for one in dials("factors"))
    nowhere = seen(style.show_stage, library, State(model=FACES, part="edit", bank="wings"))
    assert said(nowhere)[0][0] == "error.style.directions"
    turned = style.show_stage(library, State(model=FACES, part="edit", moves="glasses-any:1"))
    assert re.search(r'class="link turned" data-set="[^"]*glasses', turned)  # seen from any other bank


def test_a_slider_says_what_was_measured(library: Library) -> None:
    model = library.model(FACES)
    known = {one.id: one for one in directions.load(model)}
    dark = known["glasses-any"]
    facts = {fact.id: fact.values for fact in style_edit._facts(model, dark)}
    assert facts["style.edit.success"] == {"before": dark.before, "after": dark.success}
    assert facts["style.edit.accuracy"] == {"share": dark.balanced_accuracy}
    facts = {fact.id: fact.values for fact in style_edit._facts(model, known["factor-fine-2"])}
    assert "style.edit.success" not in facts
    assert facts["style.edit.changes"]["share"] == 0.3
    assert facts["style.edit.layers"] == {"first": 5, "last": 6}
    quiet = replace(dark, changes={"hair_colour": style_edit.TOLD - 0.01})
    assert "style.edit.alone" in {fact.id for fact in style_edit._facts(model, quiet)}
    words = theme.words(library.catalog)
    for language in ("en", "fr"):
        for message in said(style.show_stage(library, State(model=FACES, part="edit", bank="factors"))):
            assert message[0] in words[language]
    assert words["fr"][f"model.{FACES}.direction.glasses-any"] == "lunettes"


def test_directions_of_other_files_are_not_offered(library: Library, tmp_path: Path) -> None:
    """Catches vectors that were found in a network that has been trained again since."""
    folder = write(tmp_path / "models") / FACES
    path = folder / "directions.json"
    document = json.loads(path.read_text())
    document["graphs"]["mapping"] = "0" * 64
    path.write_text(json.dumps(document))
    entry = json.loads((folder / "model.json").read_text())
    content = path.read_bytes()
    import hashlib

    entry["files"][0] |= {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
    tiny.edit(folder, files=entry["files"])
    fresh = Library.open([folder.parent], "cpu")
    assert styles.sliders(fresh, fresh.model(FACES)) == ()
    assert not style_edit.movable(fresh, fresh.model(FACES))
    path.write_text("{}")  # and a file that is another one than the model vouches for
    broken = Library.open([folder.parent], "cpu")
    stage = seen(style.show_stage, broken, State(model=FACES, part="edit"))
    assert said(stage)[0][0] == "error.file.sha256"
    assert 'class="problem"' not in style.show_stage(broken, State(model=FACES))


# -------------------------------------------------------------------------------------------------------- you


def test_styles_are_found_and_brought_closer(library: Library) -> None:
    """Catches a gradient upwards, moments that are not passed on, an error of another picture's."""
    model = library.model(FACES)
    picture = face(library, 5)
    ws = styles.guess(library, model, picture)
    trail = list(styles.refined(library, model, picture, ws, Look(), 30))
    assert len(trail) == 31
    np.testing.assert_array_equal(trail[0].ws, ws)
    for step in (trail[0], trail[17]):
        painted = styles.found(library, model, picture, step.ws, Look())
        np.testing.assert_allclose(painted.picture, step.picture, atol=1e-5)
        assert painted.error == pytest.approx(np.sqrt(np.mean((painted.picture - picture) ** 2)), abs=1e-6)
    assert trail[-1].error < 0.8 * trail[0].error
    assert trail[0].error < styles.distance(face(library, 6), picture)


def test_steps_are_sent_with_the_best_so_far(library: Library) -> None:
    state = State(model=FACES, part="you", picture=images.to_data_uri(images.as_image(face(library, 5))))
    assert told(style_you.closer, library, state) == [{}]  # nobody wishes it
    state = replace(state, wish="closer-3")
    sent = [answer["data"] for answer in told(style_you.closer, library, state)]
    assert {one["wish"] for one in sent} == {"closer-3"}
    assert [one["step"] for one in sent] == list(range(0, limits.REFINEMENT + 1, style_you.STEPS_A_PIECE))
    best = [one["error"] for one in sent]
    assert best == sorted(best, reverse=True)
    assert best[-1] == pytest.approx(min(sent[-1]["errors"]), abs=1e-5)
    # What was found is the desk's face from then on: untouched at psi 1, and every part shows it.
    model, last = library.model(FACES), sent[-1]
    kept = replace(state, ws=last["ws"], wish="", psi=1.0)
    ws = styles.unpacked(model, last["ws"])
    assert ws is not None
    np.testing.assert_array_equal(subject(library, model, kept), ws)
    found = styles.found(library, model, style_you.own(model, kept), ws, Look())
    assert found.error == pytest.approx(last["error"], abs=1e-4)
    seeds = replace(kept, picture="", ws="")
    for part in style.PARTS:
        stage = style.show_stage(library, replace(kept, part=part))
        assert 'class="problem"' not in stage
        assert stage != style.show_stage(library, replace(seeds, part=part)), part
        assert style.parcel(library, replace(kept, part=part)).name.startswith(f"{FACES}-{part}-own.")
    failed = told(style_you.closer, library, replace(state, picture="data:,"))
    assert [list(answer) for answer in failed] == [["problem"]]


def test_truncation_of_a_found_face_leads_to_the_same_centre(library: Library) -> None:
    """Catches a centre that depends on the z it is asked with, and psi on rows beyond the cutoff."""
    model = library.model(FACES)
    ws = np.random.default_rng(0).normal(size=(1, 10, 16)).astype(np.float32)
    (centre,) = styles.sweep(library, model, 3, Look(), np.zeros(1, np.float32))
    still = styles.truncated(library, model, ws, Look(0.0))
    np.testing.assert_allclose(still[0], centre, atol=1e-6)
    half = styles.truncated(library, model, ws, Look(0.5, cutoff=4))
    np.testing.assert_allclose(half[0, :4], (ws[0, :4] + centre[:4]) / 2, atol=1e-6)
    np.testing.assert_array_equal(half[0, 4:], ws[0, 4:])


def test_styles_travel_as_text(library: Library) -> None:
    model = library.model(FACES)
    ws = np.random.default_rng(0).normal(size=(1, 10, 16)).astype(np.float32)
    np.testing.assert_array_equal(styles.unpacked(model, styles.packed(ws)), ws)
    assert styles.unpacked(model, styles.packed(ws[:, :9])) is None
    assert styles.unpacked(model, styles.packed(ws * np.nan)) is None
    assert styles.unpacked(model, styles.packed(ws * 1e9)) is None
    assert styles.unpacked(model, "é") is None


def test_the_encoder_is_nobody_of_the_story(library: Library) -> None:
    """Catches a helper with a tile of its own, and one that hides behind another kind."""
    assert ENCODER not in [model.id for model in library.timeline]
    assert library.catalog.encoder(FACES) == library.model(ENCODER)
    assert library.model(JUDGE) not in library.classifiers


# ------------------------------------------------------------------------------------- whatever is uploaded


def gradient(mode: str, size: tuple[int, int] = (90, 60)) -> Image.Image:
    """Red grows to the right, green downwards."""
    width, height = size
    values = np.zeros((height, width, 3), np.uint8)
    values[..., 0] = np.linspace(0, 255, width)[None]
    values[..., 1] = np.linspace(0, 255, height)[:, None]
    return Image.fromarray(values).convert(mode)


@pytest.mark.parametrize(
    ("mode", "form"),
    [
        ("RGB", "PNG"), ("RGB", "JPEG"), ("RGB", "WEBP"), ("RGB", "BMP"), ("RGB", "TIFF"), ("RGBA", "PNG"),
        ("P", "PNG"), ("P", "GIF"), ("L", "PNG"), ("LA", "PNG"), ("1", "PNG"), ("CMYK", "JPEG"),
        ("CMYK", "TIFF"), ("YCbCr", "JPEG"), ("I;16", "PNG"), ("F", "TIFF"),
    ],
)  # fmt: skip
def test_pictures_of_any_mode_are_looked_at(library: Library, mode: str, form: str) -> None:
    image = gradient("RGB")
    if mode in ("I;16", "F"):
        grey = np.asarray(image.convert("L"))
        image = Image.fromarray(grey.astype(np.uint16) * 257 if mode == "I;16" else grey.astype(np.float32))
    else:
        image = image.convert(mode)
    found = images.prepare_colours(uri(image, form), 64, 64)
    assert found.shape == (3, 64, 64)
    assert found.dtype == np.float32
    # The middle 60 x 60: red from 15/90 on.
    wanted = np.asarray(gradient("RGB").crop((15, 0, 75, 60)).resize((64, 64)), np.float32) / 255
    if mode in ("RGB", "RGBA", "YCbCr"):
        np.testing.assert_allclose(found.transpose(1, 2, 0), wanted, atol=0.12)
    state = State(model=FACES, part="you", picture=uri(image, form))
    assert 'class="problem"' not in style.show_stage(library, state)


@pytest.mark.parametrize("size", [(1, 1), (1, 3000), (3000, 1), (7, 5), (64, 64), (2000, 1500)])
def test_pictures_of_any_size_are_looked_at(size: tuple[int, int]) -> None:
    found = images.prepare_colours(uri(gradient("RGB", size)), 64, 64)
    assert found.shape == (3, 64, 64)
    if size == (64, 64):
        np.testing.assert_array_equal(images.as_image(found), np.asarray(gradient("RGB", size)))


def test_a_photo_is_turned_as_its_camera_was_held() -> None:
    upright = gradient("RGB", (64, 64))
    for tag in range(1, 9):
        exif = Image.Exif()
        exif[0x0112] = tag
        # What a camera stores that was held so: the inverse of what a viewer does.
        undo = {2: "FLIP_LEFT_RIGHT", 3: "ROTATE_180", 4: "FLIP_TOP_BOTTOM", 5: "TRANSPOSE", 6: "ROTATE_90",
                7: "TRANSVERSE", 8: "ROTATE_270"}.get(tag)  # fmt: skip
        stored = upright.transpose(Image.Transpose[undo]) if undo else upright
        found = images.prepare_colours(uri(stored, exif=exif), 64, 64)
        np.testing.assert_array_equal(images.as_image(found), np.asarray(upright), err_msg=str(tag))


def test_of_an_animation_the_first_frame_counts_and_clear_is_white() -> None:
    red, blue = (Image.new("RGB", (64, 64), name) for name in ("red", "blue"))
    buffer = io.BytesIO()
    red.save(buffer, "GIF", save_all=True, append_images=[blue])
    found = images.prepare_colours(buffer.getvalue(), 64, 64)
    np.testing.assert_array_equal(found[:, 0, 0], [1, 0, 0])
    clear = Image.new("RGBA", (64, 64), (255, 0, 0, 0))
    np.testing.assert_array_equal(images.prepare_colours(uri(clear), 64, 64), np.ones((3, 64, 64)))


@pytest.mark.parametrize(
    ("picture", "code"),
    [
        (
            "data:image/png;base64," + base64.b64encode(b"GIF89a and nothing more").decode(),
            "image.unreadable",
        ),
        ("data:image/png;base64,!!!", "image.unreadable"),
        ("data:,hello", "image.unreadable"),
        ("data:image/svg+xml;base64," + base64.b64encode(b"<svg/>").decode(), "image.unreadable"),
        (uri(Image.new("1", (5000, 5000))), "image.too_large"),
        (uri(gradient("RGB"))[:300], "image.unreadable"),
        ("https://example.org/a.png", "state.unreadable"),
    ],
)
def test_garbage_is_one_sentence(library: Library, picture: str, code: str) -> None:
    stage = seen(style.show_stage, library, State(model=FACES, part="you", picture=picture))
    assert stage.startswith('<p class="problem"')
    assert said(stage)[0][0] == f"error.{code}"


def test_nobody_finds_styles_for_a_network_without_an_encoder(library: Library) -> None:
    with pytest.raises(LineageError, match="Nobody here finds the styles"):
        styles.encoder(library, library.model("plain"))
