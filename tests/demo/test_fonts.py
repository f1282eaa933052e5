"""The typeface that the page brings: its files are the pinned ones, and the page holds them."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import re
import subprocess
import tarfile
from pathlib import Path
from typing import Any

import pytest

from demo import app, first, panels, theme, vendored
from demo.engine.library import Library
from demo.kit import messages, typeface
from tests import tiny


def test_the_files_are_the_pinned_ones_and_their_licence_lies_beside_them() -> None:
    """Catches a file that was exchanged, changed, or left out of the checkout."""
    found = {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in typeface.DIRECTORY.iterdir()
    }
    assert found == typeface.DIGESTS
    assert "SIL OPEN FONT LICENSE" in (typeface.DIRECTORY / typeface.LICENCE).read_text("utf-8")
    assert all((typeface.DIRECTORY / face.name).read_bytes()[:4] == b"wOF2" for face in typeface.FACES)


def test_every_letter_of_the_page_is_in_one_of_the_files() -> None:
    """Catches a word that would fall to whatever the visitor's machine has; signs of mathematics may."""
    covered = set(range(0x80))
    for face in typeface.FACES:
        for piece in face.letters.replace("U+", "").split(","):
            first, _, last = piece.strip().partition("-")
            covered |= set(range(int(first, 16), int(last or first, 16) + 1))
    for language in ("en", "fr"):
        words = messages.own((theme.KIT / "words", *panels.folders()))[language]
        assert {sign for sign in json.dumps(words, ensure_ascii=False) if ord(sign) not in covered} <= {"→"}


def test_no_stylesheet_names_another_typeface() -> None:
    """Catches a rule that brings a font of the visitor's machine back."""
    for path in theme.files("css"):
        for line in path.read_text("utf-8").splitlines():
            if "font-family" in line or "font:" in line:
                assert "inherit" in line or f'"{typeface.FAMILY}"' in line, (path.name, line)


def test_the_page_holds_its_files(tmp_path: Path) -> None:
    """Catches a page that asks for its typeface: words would move when it comes."""
    library = Library.open([tiny.write_models(tmp_path / "models")], "cpu")
    head = first.First(library, app.build(library)).head
    held = re.findall(r'\["U\+[^"]+", "([^"]+)"\]', head)
    assert [hashlib.sha256(base64.b64decode(each)).hexdigest() for each in held] == [
        f.sha256 for f in typeface.FACES
    ]
    assert sum(map(len, held)) < 100_000  # it is part of every visit


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    """What npm would pack: the files by their names in the package; a test may change them."""
    files = {
        f"package/files/{face.name}": (typeface.DIRECTORY / face.name).read_bytes() for face in typeface.FACES
    }
    files["package/LICENSE"] = (typeface.DIRECTORY / typeface.LICENCE).read_bytes()

    def pack(command: list[str], cwd: str, **options: Any) -> subprocess.CompletedProcess[str]:
        assert command[-1] == typeface.PACKAGE
        with tarfile.open(Path(cwd) / "packed.tgz", "w:gz") as archive:
            for name, content in files.items():
                entry = tarfile.TarInfo(name)
                entry.size = len(content)
                archive.addfile(entry, io.BytesIO(content))
        return subprocess.CompletedProcess(command, 0, "packed.tgz\n", "")

    monkeypatch.setattr(vendored.subprocess, "run", pack)
    return files


def test_the_command_writes_the_pinned_files(registry: dict[str, bytes], tmp_path: Path) -> None:
    typeface.fetch(tmp_path / "fonts")
    assert {path.name for path in (tmp_path / "fonts").iterdir()} == set(typeface.DIGESTS)


def test_the_command_refuses_other_content(registry: dict[str, bytes], tmp_path: Path) -> None:
    """Catches a digest that is written down and never compared."""
    registry[f"package/files/{typeface.FACES[1].name}"] += b" "
    with pytest.raises(ValueError, match=typeface.FACES[1].name):
        typeface.fetch(tmp_path / "fonts")
    assert not (tmp_path / "fonts").exists()
