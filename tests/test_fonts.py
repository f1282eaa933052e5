"""The typeface that the page brings: its files are the pinned ones, and the page serves and uses them."""

from __future__ import annotations

import hashlib
import io
import json
import subprocess
import tarfile
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from demo import fonts, server, theme
from demo.library import Library
from tests import tiny


def test_the_files_are_the_pinned_ones_and_their_licence_lies_beside_them() -> None:
    """Catches a file that was exchanged, changed, or left out of the checkout."""
    found = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in fonts.DIRECTORY.iterdir()}
    assert found == fonts.DIGESTS
    assert "SIL OPEN FONT LICENSE" in (fonts.DIRECTORY / fonts.LICENCE).read_text("utf-8")
    assert all((fonts.DIRECTORY / face.name).read_bytes()[:4] == b"wOF2" for face in fonts.FACES)


def test_every_letter_of_the_page_is_in_one_of_the_files() -> None:
    """Catches a word that would fall to whatever the visitor's machine has; signs of mathematics may."""
    covered = set(range(0x80))
    for face in fonts.FACES:
        for piece in face.letters.replace("U+", "").split(","):
            first, _, last = piece.strip().partition("-")
            covered |= set(range(int(first, 16), int(last or first, 16) + 1))
    for language in ("en", "fr"):
        words = json.loads((theme.STATIC.parent / "i18n" / f"{language}.json").read_text("utf-8"))
        assert {sign for sign in json.dumps(words, ensure_ascii=False) if ord(sign) not in covered} <= {"→"}


def test_no_stylesheet_names_another_typeface() -> None:
    """Catches a rule that brings a font of the visitor's machine back."""
    for path in theme.STATIC.glob("*.css"):
        for line in path.read_text("utf-8").splitlines():
            if "font-family" in line or "font:" in line:
                assert "inherit" in line or f'"{fonts.FAMILY}"' in line, (path.name, line)


def test_the_page_serves_its_files_to_be_kept_and_no_others(tmp_path: Path) -> None:
    """Catches an address that changes nothing when the content does, and a way to other files."""
    library = Library.open([tiny.write_models(tmp_path / "models")], "cpu")
    head = theme.launch_options(library)["head"]
    app = FastAPI()
    app.get(f"/{fonts.ADDRESS}/{{name}}")(server.font)
    with TestClient(app) as client:
        for face in fonts.FACES:
            assert face.sha256[:12] in face.address
            assert f'"{face.address}"' in head
            answer = client.get(f"/{face.address}")
            assert answer.status_code == 200
            assert hashlib.sha256(answer.content).hexdigest() == face.sha256
            assert answer.headers["content-type"] == "font/woff2"
            assert "immutable" in answer.headers["cache-control"]
        for other in ("LICENSE", "..%2Fstyle.css", "none.woff2"):
            assert client.get(f"/{fonts.ADDRESS}/{other}").status_code == 404


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    """What npm would pack: the files by their names in the package; a test may change them."""
    files = {f"package/files/{face.name}": (fonts.DIRECTORY / face.name).read_bytes() for face in fonts.FACES}
    files["package/LICENSE"] = (fonts.DIRECTORY / fonts.LICENCE).read_bytes()

    def pack(command: list[str], cwd: str, **options: Any) -> subprocess.CompletedProcess[str]:
        assert command[-1] == fonts.PACKAGE
        with tarfile.open(Path(cwd) / "packed.tgz", "w:gz") as archive:
            for name, content in files.items():
                entry = tarfile.TarInfo(name)
                entry.size = len(content)
                archive.addfile(entry, io.BytesIO(content))
        return subprocess.CompletedProcess(command, 0, "packed.tgz\n", "")

    monkeypatch.setattr(fonts.subprocess, "run", pack)
    return files


def test_the_command_writes_the_pinned_files(registry: dict[str, bytes], tmp_path: Path) -> None:
    fonts.fetch(tmp_path / "fonts")
    assert {path.name for path in (tmp_path / "fonts").iterdir()} == set(fonts.DIGESTS)


def test_the_command_refuses_other_content(registry: dict[str, bytes], tmp_path: Path) -> None:
    """Catches a digest that is written down and never compared."""
    registry[f"package/files/{fonts.FACES[1].name}"] += b" "
    with pytest.raises(ValueError, match=fonts.FACES[1].name):
        fonts.fetch(tmp_path / "fonts")
    assert not (tmp_path / "fonts").exists()
