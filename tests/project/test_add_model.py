"""A model is data: two new files teach it and ship it, and nothing else is edited.

The rooms are copied to a temporary folder, files are added there and the commands are run there, as a person
would who adds a model: in one process, since to start PyTorch takes longer than the rest.
"""

from __future__ import annotations

import base64
import io
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from string import Template

import numpy as np
import pytest
from PIL import Image

from demo.engine import inference
from demo.engine.library import Library
from demo.panels.dream import panel as dream
from onnx_models import catalog
from tests.serving import PATIENCE

ROOT = Path(__file__).resolve().parents[2]

# The mean picture of each class, and a direction that z moves it in.
LESSON = Template('''"""Mean pictures."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from training.config import Config
from training.randomness import Draw
from training.stage import Stage

GRAPHS = {"means": ("generate",)}
DISTRIBUTED = False


@dataclass(frozen=True, kw_only=True)
class MeansConfig(Config):
    """How many pictures to look at."""

    image_shape = $shape
    dataset: str = "mnist"
    images: int = 120
    batch: int = 30
    snapshots: int = 2


MODELS = {"$name": {"default": MeansConfig()}}


class Means(nn.Module):
    """A mean a class."""

    def __init__(self, classes: int, shape: tuple[int, int, int]) -> None:
        super().__init__()
        self.mean = nn.Parameter(torch.full((classes, *shape), 0.5), requires_grad=False)
        self.spread = nn.Parameter(0.1 * torch.rand(4, *shape), requires_grad=False)

    def forward(self, z: Tensor, row: Tensor) -> Tensor:
        """[batch, 4], int64 [batch] -> [batch, *shape] in [0, 1]."""
        moved = (z @ self.spread.flatten(1)).unflatten(1, self.mean.shape[1:])
        return (self.mean[row] + moved).clamp(0, 1)


class Follow:
    """Every picture draws the mean of its class to itself."""

    def __init__(self, means: Means) -> None:
        self._means = means

    def step(self, images: Tensor, labels: Tensor, progress: float, draw: Draw) -> dict[str, Tensor]:
        """Look at each."""
        pictures, mean = images.float() / 255, self._means.mean
        rows = labels if len(mean) > 1 else torch.zeros_like(labels)
        error = (pictures - mean[rows]).square().mean()
        for picture, row in zip(pictures, rows, strict=True):
            mean[row].lerp_(picture, 0.1)
        return {"squared_error": error}

    def state_dict(self) -> dict[str, Any]:
        """Nothing."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Nothing."""

    def preview(self, networks: Mapping[str, nn.Module], draw: Draw) -> Tensor | None:
        """Nothing."""
        return None


def build(config: MeansConfig) -> dict[str, nn.Module]:
    """The means."""
    return {"means": Means($classes or 1, config.image_shape)}


def stages(
    config: MeansConfig, networks: Mapping[str, nn.Module], images: Tensor, labels: Tensor
) -> list[Stage]:
    """One."""
    return [Stage("means", Follow(networks["means"]), config.images // config.batch, config.batch)]
''')

DESCRIPTION = Template('''"""What ships of it."""

import torch
from torch import Tensor

from export.entry import Entry, formula
from export.graphs import Graph, Wrapper, batched, picture
from export.inputs import NORMAL, labels


class Generate(Wrapper):
    """z to a picture."""

    def forward(self, z: Tensor) -> Tensor:
        """[batch, 4] -> image."""
        return self.network(z, torch.zeros_like(z[:, 0], dtype=torch.int64))


class GenerateLabelled(Wrapper):
    """z and a class to a picture."""

    def forward(self, z: Tensor, label: Tensor) -> Tensor:
        """[batch, 4], [batch] -> image."""
        return self.network(z, label.clamp(min=0))


def graphs(networks):
    """One."""
    z, image = batched("z", NORMAL, "latent", 4), picture("image", "a mean picture, moved", $shape)
    if not $classes:
        return (Graph("generate", Generate(networks["means"]), inputs=(z,), outputs=(image,)),)
    label = batched("label", labels($classes), "the class to show", dtype="int64")
    return (Graph("generate", GenerateLabelled(networks["means"]), inputs=(z, label), outputs=(image,)),)


ENTRIES = (
    Entry(
        id="$name",
        kind="model",
        year=2031,
        title={"en": "Mean pictures", "fr": "Images moyennes"},
        lesson={"en": "One. Two. Three.", "fr": "Un. Deux. Trois."},
        equation=formula("<mi>x</mi>"),
        paper={"authors": "Nobody", "title": "Means", "url": "https://example.org/means"},
        colour="#687c91",
        graphs=graphs,
        snapshot_role="generate",
        dataset={"id": "mine", "name": "My pictures", "licence": "mine"},
        image={"channels": $channels, "height": $side, "width": $side},
    ),
)
''')

STRANGERS = {  # number of classes, 0: no labels; channels; height and width
    "grey_of_ten": (10, 1, 28),
    "colour_of_three": (3, 3, 16),
    "without_labels": (0, 1, 20),
}
COMMANDS = """
import sys
from export.__main__ import main as export
from training.__main__ import main as train
names = sys.argv[1:]
for name in names:
    assert train([name, "--device", "cpu", "--set", f"dataset=pictures/{name}"]) == 0
assert export([*names, "--out", "shipped"]) == 0
assert export(["check", "shipped"]) == 0
"""


@pytest.fixture(scope="module")
def rooms(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the rooms in which three models were added, trained and exported."""
    copy = tmp_path_factory.mktemp("rooms")
    for room in ("training", "export", "onnx_models"):
        shutil.copytree(
            ROOT / room, copy / room, ignore=lambda folder, names: _left_behind(Path(folder), names)
        )
    random = np.random.default_rng(0)
    for name, (classes, channels, side) in STRANGERS.items():
        shape = (channels, side, side)
        given = {"name": name, "classes": classes, "shape": shape, "channels": channels, "side": side}
        (copy / "training" / f"{name}.py").write_text(LESSON.substitute(given))
        (copy / "export" / "models" / f"{name}.py").write_text(DESCRIPTION.substitute(given))
        for row in range(classes or 1):
            # A class has a brightness, in one colour where there are three.
            folder = copy / "pictures" / name / f"{row:02d}"
            folder.mkdir(parents=True)
            for number in range(4):
                pixels = random.integers(0, 20, (side, side, 3), dtype=np.uint8)
                pixels[:, :, row % 3 if channels == 3 else slice(None)] += np.uint8(100 + 10 * row)
                Image.fromarray(pixels).save(folder / f"{number}.png")
    done = subprocess.run(
        [sys.executable, "-c", COMMANDS, *STRANGERS],
        cwd=copy,
        env=os.environ | {"PYTHONPATH": str(copy), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return copy


def _left_behind(folder: Path, names: list[str]) -> list[str]:
    """Of what ships only the code and the schema are copied."""
    if folder != ROOT / "onnx_models":
        return [name for name in names if name == "__pycache__"]
    return [name for name in names if not name.endswith(".py") and name != "manifest.schema.json"]


def test_the_manifest_has_them(rooms: Path) -> None:
    """Catches a name, a shape, a class count or a family that has to be written down somewhere else."""
    manifest = json.loads((rooms / "shipped" / "manifest.json").read_text("utf-8"))
    models = {model["id"]: model for model in manifest["models"]}
    assert set(models) == set(STRANGERS)
    for name, (classes, channels, side) in STRANGERS.items():
        model = models[name]
        assert model["family"] == name
        assert model["image"] == {"channels": channels, "height": side, "width": side}
        assert [snapshot["images_seen"] for snapshot in model["snapshots"]] == [0, 120]
        ranges = {tensor["name"]: tensor["range"] for tensor in model["graphs"]["generate"]["inputs"]}
        assert ranges.get("label") == (f"{{-1, ..., {classes - 1}}}" if classes else None)
        card = (rooms / "shipped" / name / "README.md").read_text("utf-8")
        assert f"python -m training {name}" in card
        assert ("label = numpy.zeros((4,), dtype=numpy.int64)" in card) == bool(classes)


def test_the_page_plays_them(rooms: Path) -> None:
    """Catches a page that takes grey digits of ten classes for granted."""
    assert {model.id for model in catalog.load(rooms / "shipped").models} == set(STRANGERS)
    library = Library.open([rooms / "shipped"], "cpu")
    for name, (classes, channels, side) in STRANGERS.items():
        images = inference.sample(library, name, 5, 3, classes - 1 if classes else None).images
        assert images.shape == (3, channels, side, side)
        last = images.mean(axis=(0, 2, 3))  # of each channel
        if channels == 3:
            assert last.argmax() == classes - 1  # asked for, and what the training saw
        kept = dream.parcel(library, dream.State(model=name, count=9)).href.partition(",")[2]
        with Image.open(io.BytesIO(base64.b64decode(kept))) as sheet:
            assert sheet.mode == ("RGB" if channels == 3 else "L")
            assert sheet.size == (dream.DOWNLOAD_SCALE * (3 * (side + 2) - 2),) * 2
