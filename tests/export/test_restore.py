"""Shipped graphs, stored in fewer bits without the run that they were made from."""

import dataclasses
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from export import __main__ as command
from export import check, folder, manifest, table
from export.entry import Entry
from export.tolerance import TOLERANCE
from onnx_models import seeds
from tests.export.test_export import TINY, write_run
from training import checkpoint, rbm

pytestmark = pytest.mark.usefixtures("one_registry")

HIDDEN = 96  # 75,264 weights: a layer large enough to be stored in fewer bits


def in_full(entry: Entry) -> Entry:
    """The same entry before anybody thought of storing it in fewer bits."""
    return dataclasses.replace(
        entry,
        graphs=lambda networks: tuple(
            dataclasses.replace(graph, storage="float32") for graph in entry.graphs(networks)
        ),
    )


@pytest.fixture
def shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory with one machine, stored in full."""
    monkeypatch.setitem(TINY, "rbm", (rbm, rbm.RBMConfig(hidden=HIDDEN)))
    write_run(tmp_path / "runs", "rbm")
    document, files = folder.build(
        in_full(table.ENTRIES["rbm"]), checkpoint.load_run(tmp_path / "runs" / "rbm")
    )
    document["training"]["command"] = f"python -m training rbm --set hidden={HIDDEN}"
    manifest.write(tmp_path / "models" / "rbm", document, files, "model.json")
    assert command.main(["cards", str(tmp_path / "models")]) == 0
    return tmp_path / "models"


def contents(directory: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(directory)): path.read_bytes() for path in directory.rglob("*") if path.is_file()
    }


def rebuilt(directory: Path) -> np.ndarray:
    session = onnxruntime.InferenceSession(
        directory / "rbm" / "reconstruct.onnx", providers=["CPUExecutionProvider"]
    )
    image = seeds.uniforms(0, 4, 784, seeds.Stream.CORRUPTION).reshape(4, 1, 28, 28)
    return session.run(["reconstruction"], {"image": image})[0]


def test_files_shrink_within_the_tolerance_and_stay_valid(
    shipped: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Would catch a scale along the wrong axis, a stale sha256, and a tolerance that was not widened."""
    before, image = contents(shipped), rebuilt(shipped)
    assert command.main(["restore", "--out", str(shipped)]) == 0
    assert "rbm: gibbs_step.onnx, parameters.onnx, reconstruct.onnx:" in capsys.readouterr().out
    after = contents(shipped)
    for role in ("reconstruct", "gibbs_step", "parameters"):
        name = f"rbm/{role}.onnx"
        assert len(after[name]) < 0.6 * len(before[name])
        assert (
            manifest.read(shipped / "rbm" / "model.json")["graphs"][role]["tolerance"] == TOLERANCE["int16"]
        )
    assert 0 < np.abs(rebuilt(shipped) - image).max() < TOLERANCE["int16"]
    assert list(check.check(shipped)) == []


def test_what_is_stored_as_asked_stays_to_the_byte(shipped: Path) -> None:
    """Would catch weights that are rounded again each time."""
    assert command.main(["restore", "rbm", "--out", str(shipped)]) == 0
    once = contents(shipped)
    assert command.main(["restore", "rbm", "--out", str(shipped)]) == 0
    assert contents(shipped) == once


def test_a_graph_that_the_table_no_longer_lists_is_taken_away(
    shipped: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Would catch files that nobody vouches for, left behind."""
    entry = table.ENTRIES["rbm"]
    fewer = dataclasses.replace(entry, graphs=lambda networks: entry.graphs(networks)[:1])
    monkeypatch.setitem(table.ENTRIES, "rbm", fewer)
    assert command.main(["restore", "rbm", "--out", str(shipped)]) == 0
    (kept,) = manifest.read(shipped / "rbm" / "model.json")["graphs"]
    assert {path.name for path in (shipped / "rbm").glob("*.onnx")} == {f"{kept}.onnx"}
    assert list(check.check(shipped)) == []


def test_weights_that_cannot_be_rounded_are_left_alone(
    shipped: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Would catch a file written before its parity is proved."""
    before = contents(shipped)
    monkeypatch.setitem(TOLERANCE, "int16", 0.0)
    assert command.main(["restore", "rbm", "--out", str(shipped)]) == 1
    assert "away from PyTorch" in capsys.readouterr().err
    assert contents(shipped) == before


def test_a_model_that_does_not_ship_is_one_sentence(
    shipped: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command.main(["restore", "dbn", "--out", str(shipped)]) == 2
    assert "holds no model 'dbn'; it holds rbm." in capsys.readouterr().err
