"""The contact sheet: every model that makes pictures, with the pictures it makes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from demo import contact_sheet
from demo.engine import inference, styles
from demo.engine.library import Library
from tests import tiny


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tiny.write_models(tmp_path_factory.mktemp("models"))
    tiny.write_model(directory, "labelled", tiny.gan(conditional=True), year=2018)
    tiny.write_model(directory, "collapsed", tiny.gan(seed=5), kind="exhibit", year=2019)
    return directory


def test_every_model_that_makes_pictures_has_a_row(models: Path) -> None:
    """Catches a family left out, a judge let in, and a row that is another model's."""
    library = Library.open([models], "cpu")
    rows = list(contact_sheet.rows(library, "mnist", 3))
    wanted = [
        model.title["en"]
        for model in library.catalog.models
        if model.kind in ("model", "exhibit")
        and (model.has("generate") or model.has("gibbs_step") or model.has("encode", "decode"))
    ]
    assert [row.title for row in rows] == [library.dataset("mnist").name, *wanted]
    assert all(row.images.shape == (10, 1, tiny.HEIGHT, tiny.WIDTH) for row in rows)
    by_title = {row.title: row for row in rows}
    free = by_title[library.model("gan").title["en"]]
    np.testing.assert_array_equal(free.images, inference.sample(library, "gan", 3, 10).images)
    asked = by_title[library.model("labelled").title["en"]]
    seventh = inference.sample(library, "labelled", 3, 10, label=7).images[7]
    np.testing.assert_allclose(asked.images[7], seventh, atol=1e-6)
    assert (
        np.abs(asked.images[7] - inference.sample(library, "labelled", 3, 10, label=6).images[7]).max() > 0.01
    )


def test_long_names_are_broken_between_words() -> None:
    """Catches a name cut short, and one that runs into the pictures."""
    font = contact_sheet.ImageFont.load_default(17)
    name = "Pictures that somebody drew after pictures that somebody else had drawn before"
    lines = contact_sheet._lines(name, font)
    assert " ".join(lines) == name
    assert len(lines) > 1
    assert all(font.getlength(line) <= contact_sheet.WORDS - 24 for line in lines)
    assert contact_sheet._lines("Short", font) == ["Short"]


def test_the_command_writes_the_same_sheet_twice(models: Path, tmp_path: Path) -> None:
    """Catches a sheet that depends on the clock, and pictures smoothed or stretched on their way to it."""
    for name in ("a.png", "b.png"):
        arguments = ["--models", str(models), "--seed", "3", "--out", str(tmp_path / name)]
        assert contact_sheet.main(arguments) == 0
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    page = np.asarray(Image.open(tmp_path / "a.png"))
    left, top = contact_sheet.MARGIN + contact_sheet.WORDS, contact_sheet.MARGIN
    cell = page[top : top + contact_sheet.CELL, left : left + contact_sheet.CELL]
    gap = (contact_sheet.CELL - tiny.HEIGHT * contact_sheet.SCALE) // 2
    inside = cell[gap : gap + 56, gap : gap + 56]
    np.testing.assert_array_equal(inside[::2, ::2], inside[1::2, 1::2])
    real = inference.real(Library.open([models], "cpu"), "mnist", 3, 1, label=0).images[0, 0]
    ink = 250.0 - (250 - 28) * real  # the red of paper and ink
    assert np.abs(inside[::2, ::2, 0] - ink).max() <= 1.5


def test_a_truncation_sheet_meets_in_the_centre(tmp_path: Path) -> None:
    """Catches a psi in the wrong column, rows of one seed, and pictures not painted as the page does."""
    directory = tmp_path / "models"
    tiny.write_model(directory, "faces", tiny.stylegan(size=64), year=2020, family="stylegan2")
    out = tmp_path / "sheet.png"
    arguments = ["--models", str(directory), "--truncation", "faces", "--seed", "3", "--out", str(out)]
    assert contact_sheet.main(arguments) == 0
    page = np.asarray(Image.open(out)).astype(int)

    def cell(row: int, column: int) -> np.ndarray:
        top = contact_sheet.MARGIN + row * contact_sheet.CELL
        left = contact_sheet.MARGIN + 80 + column * contact_sheet.CELL
        return page[top : top + 64, left : left + 64]

    for row in range(1, contact_sheet.SWEEPS):
        assert np.array_equal(cell(row, 10), cell(0, 10))
        assert np.abs(cell(row, 20) - cell(0, 20)).max() > 8
    library = Library.open([directory], "cpu")
    whole = styles.portrait(library, library.model("faces"), 4, styles.Look(psi=1.0))
    assert np.abs(cell(1, 20) - 255 * whole.transpose(1, 2, 0)).max() <= 1
    assert np.abs(cell(1, 0) - cell(1, 20)).max() > 8


@pytest.mark.parametrize(
    "arguments", [["--seed", "-1"], ["--models", "nowhere"], ["--truncation", "gan"], ["--truncation", "no"]]
)
def test_what_cannot_be_drawn_is_one_sentence(
    models: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    given = ["--models", str(models), "--out", str(tmp_path / "sheet.png"), *arguments]
    assert contact_sheet.main(given) == 2
    assert capsys.readouterr().err.strip().count("\n") == 0
    assert not (tmp_path / "sheet.png").exists()
