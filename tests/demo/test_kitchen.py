"""What a browser fetches to cook by itself: the pinned engine, and every graph under its own SHA-256."""

from __future__ import annotations

import gzip
import hashlib
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from demo.kitchen import engine
from demo.kitchen.service import Service
from onnx_models import catalog, directions
from tests import tiny
from tests.demo.test_style import FACES, write


@pytest.fixture
def models(tmp_path: Path) -> Path:
    return tiny.write_models(tmp_path / "models")


def visitor(service: Service) -> TestClient:
    return TestClient(Starlette(routes=service.routes()))


def test_the_engine_is_the_pinned_one_and_its_licence_lies_beside_it() -> None:
    """Catches a file that was exchanged, changed, or left out of the checkout."""

    def unpacked(file: str) -> bytes:
        content = (engine.DIRECTORY / file).read_bytes()
        return gzip.decompress(content) if file.endswith(".gz") else content

    found = {
        name: hashlib.sha256(unpacked(file)).hexdigest()
        for name, file in zip(engine.ORIGINS, engine.FILES, strict=True)
    }
    assert found == {name: origin.sha256 for name, origin in engine.ORIGINS.items()}
    assert "MIT License" in (engine.DIRECTORY / "LICENSE").read_text("utf-8")
    assert all((engine.DIRECTORY / file).stat().st_size < 10_000_000 for file in engine.FILES)


def test_every_graph_is_handed_out_as_the_file_that_its_card_promises(models: Path) -> None:
    shipped = catalog.load(models)
    service = Service(shipped)
    client = visitor(service)
    cards = client.get(f"/{service.folder}/cards.json").json()
    assert set(cards) == {model.id for model in shipped.models}
    for card in cards.values():
        for graph in card["graphs"].values():
            answer = client.get(f"/kitchen/models/{graph['sha256']}.onnx")
            assert hashlib.sha256(answer.content).hexdigest() == graph["sha256"]
            assert len(answer.content) == graph["bytes"]
            assert "immutable" in answer.headers["cache-control"]


def test_directions_of_styles_are_handed_out_by_the_network(tmp_path: Path) -> None:
    """Catches a push that moves other rows here than there, and a file of other graphs."""
    write(tmp_path / "models")
    shipped = catalog.load(tmp_path / "models")
    service = Service(shipped)
    client = visitor(service)
    found = client.get(f"/{service.folder}/directions.json").json()
    cards = client.get(f"/{service.folder}/cards.json").json()
    assert [*found] == [FACES] == [model for model, card in cards.items() if card["directions"]]
    for direction in directions.load(shipped.model(FACES)):
        served = found[FACES][direction.id]
        assert served["vector"] == pytest.approx(direction.vector, abs=1e-6)
        assert served["layers"] == [*direction.layers]
        assert served["deviation"] == direction.deviation
    shipped.model(FACES).file("directions").path.write_text("{}")
    client = visitor(broken := Service(catalog.load(tmp_path / "models")))
    assert client.get(f"/{broken.folder}/directions.json").json() == {FACES: {}}


@pytest.mark.parametrize("name", ["0" * 64 + ".onnx", "..%2F..%2Fmanifest.json", "model.json"])
def test_nothing_else_is_handed_out(models: Path, name: str) -> None:
    assert visitor(Service(catalog.load(models))).get(f"/kitchen/models/{name}").status_code == 404


def test_its_addresses_change_with_what_lies_there(models: Path) -> None:
    """Catches a browser that keeps the cards of models that are other ones now."""
    before = Service(catalog.load(models)).folder
    assert Service(catalog.load(models)).folder == before
    tiny.write_model(models, "another", tiny.gan(seed=5), year=2020)
    assert Service(catalog.load(models)).folder != before
