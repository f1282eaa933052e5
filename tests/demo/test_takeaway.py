"""What a panel gives to take along makes anew what it showed, where nothing of this checkout is known."""

from __future__ import annotations

import base64
import io
import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from PIL import Image

from demo import panels, plain, takeaway
from demo.engine import inference
from demo.engine.library import Library
from onnx_models.errors import LineageError
from tests import serving, tiny
from tests.examples.test_clients import missing

STATES: dict[str, dict[str, Any]] = {
    "draw": {"models": "rbm,autoencoder", "damage": "salt", "example": 3, "steps": 4},
    "dream": {"model": "gan", "seed": 5, "count": 9},
    "movie": {"model": "rbm", "steps": 6},
    "latent": {"model": "gan", "play": "way"},
    "style": {"model": "faces", "part": "mix"},
    "time": {"models": "gan"},
}


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Library:
    directory = tiny.write_models(tmp_path_factory.mktemp("take") / "models")
    faces = tiny.write_model(directory, "faces", tiny.stylegan(size=16), family="stylegan2")
    tiny.edit(faces, image={"channels": 3, "height": 16, "width": 16})
    return Library.open([directory], "cpu")


@pytest.fixture(scope="module")
def taken(library: Library, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The zips of some panels, each unpacked in a folder of its own."""
    folder = tmp_path_factory.mktemp("taken")
    for name, state in STATES.items():
        made = takeaway.parcel(library, name, json.dumps(state), "fr" if name == "dream" else "en")
        zipfile.ZipFile(io.BytesIO(made)).extractall(folder / name)
    return {name: folder / name for name in STATES}


def run(folder: Path, *command: str) -> str:
    """What a program says in a folder, with nothing of this checkout to import."""
    settings = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "NODE_PATH")}
    done = subprocess.run(
        command,
        cwd=folder,
        env=settings,
        capture_output=True,
        text=True,
        timeout=serving.PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("name", STATES)
def test_python_makes_it_anew(taken: dict[str, Path], name: str) -> None:
    said = run(taken[name], sys.executable, "run.py").splitlines()
    expected = json.loads((taken[name] / "expected.json").read_text("utf-8"))
    assert len(said) == sum(map(len, expected.values())) > 0
    assert all("largest difference 0.0e+00" in line for line in said)  # one machine, one runtime
    with Image.open(next(taken[name].glob("*.png"))) as picture:
        picture.verify()


@pytest.mark.runtimes
def test_node_makes_it_anew(taken: dict[str, Path]) -> None:
    node, packages = shutil.which("node"), serving.ROOT / "examples/node/node_modules"
    if node is None:
        missing("Node", "see https://nodejs.org")
    if not packages.is_dir():
        missing("onnxruntime-node", "ONNXRUNTIME_NODE_INSTALL=skip npm ci in examples/node")
    for folder in taken.values():
        (folder / "node_modules").symlink_to(packages, target_is_directory=True)
        assert "largest difference" in run(folder, str(node), "run.mjs")


def test_what_is_expected_is_what_the_page_shows(library: Library, taken: dict[str, Path]) -> None:
    shown = inference.sample(library, "gan", 5, 9).images
    known = json.loads((taken["dream"] / "expected.json").read_text("utf-8"))["made"]["made.image"]
    found = np.frombuffer(base64.b64decode(known["data"]), "<f4").reshape(known["shape"])
    np.testing.assert_array_equal(found, shown)
    with Image.open(taken["dream"] / "expected/made.png") as picture:
        assert picture.size[0] > 3 * 28


def test_a_zip_holds_what_it_needs_and_no_more(taken: dict[str, Path]) -> None:
    found = {path.relative_to(taken["dream"]).as_posix() for path in taken["dream"].rglob("*.onnx")}
    assert found == {"models/gan/generate.onnx", "models/gan/discriminate.onnx"}
    snapshots = sorted(path.name for path in (taken["time"] / "models/gan").rglob("*.onnx"))
    assert len(snapshots) == 3
    assert "Navigateur" in (taken["dream"] / "README.txt").read_text("utf-8")
    assert "Browser" in (taken["draw"] / "README.txt").read_text("utf-8")
    assert "Apache License" in (taken["draw"] / "LICENSE").read_text("utf-8")


def test_what_cannot_be_taken_is_said(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(LineageError, match="seed"):
        takeaway.parcel(library, "dream", json.dumps({"model": "gan", "seed": -1}), "en")
    with pytest.raises(LineageError, match="compare"):
        takeaway.parcel(library, "compare", "{}", "en")
    monkeypatch.setattr(takeaway, "LARGEST", 10)
    with pytest.raises(LineageError, match="MB"):
        takeaway.parcel(library, "dream", json.dumps({"model": "gan"}), "en")


def test_programs_post_for_it(library: Library) -> None:
    served = FastAPI()
    door = takeaway.Door(library, plain.Pictures(library))
    served.add_route(f"/{takeaway.NAME}", door.answer, methods=["POST"])
    with TestClient(served) as client:
        asked = {"panel": "dream", "state": {"model": "gan", "seed": 5, "count": 9}, "language": "nobody's"}
        answer = client.post("/take.zip", json=asked)
        assert answer.headers["content-disposition"] == 'attachment; filename="latent-lineage-dream.zip"'
        with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
            assert "Browser" in archive.read("README.txt").decode()
        refused = client.post("/take.zip", json=asked | {"panel": "compare"})
        assert refused.status_code == 400
        assert refused.json()["problem"][0] == "error.panel.unknown"
        for body in (b"", b"[]", b'"text"', b"{}", b"[" * 100_000):
            answer = client.post("/take.zip", content=body)
            assert (answer.status_code, "as JSON" in answer.json()["detail"]) == (400, True), body[:9]


def test_every_panel_that_offers_it_has_recipes() -> None:
    """Catches a button that can only be refused."""
    for folder in panels.folders():
        code = (folder / "panel.py").read_text("utf-8")
        offers = "takes=True" in code or "carriers.studio" in code
        assert offers == ((folder / "recipes.py").is_file() and folder.name != "game"), folder.name
