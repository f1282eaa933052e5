"""The guided tour's table: whom it can be about, what it sets, and that it has words for all of it."""

from __future__ import annotations

import importlib
import json
from pathlib import Path

import pytest

from demo import app, tour
from demo.engine.library import Library
from demo.kit import messages
from demo.kit.state import pack, unpack
from onnx_models import catalog
from tests import tiny

PANELS = {panel.NAME: panel.shows for panel in app.PANELS}


def write_half(directory: Path) -> Path:
    """Write the models before StyleGAN, of five stations; return ``directory``."""
    tiny.write_first_half(directory)
    tiny.write_model(directory, "autoencoder_denoising", tiny.autoencoder(seed=13), year=2008)
    return directory


def test_the_talk_has_eight_stations_and_words_for_each() -> None:
    names = [station.name for station in tour.STATIONS]
    assert names == ["draw", "rbm", "dbn", "autoencoder", "gan", "family", "collapse", "stylegan"]
    wanted = [f"tour.{name}.{part}" for name in names for part in ("title", "idea", "task")]
    for language, known in messages.own((tour.WORDS,)).items():
        assert list(known) == wanted, language


def test_what_ships_has_every_station() -> None:
    """Catches a model or a panel that is called otherwise by now: its station would be gone in silence."""
    if catalog.load().problems or not catalog.load().having("synthesis"):
        pytest.skip("not all models that ship are here")
    library = Library.open([], "cpu")
    assert tour.offered(library, PANELS) == list(tour.STATIONS)


@pytest.mark.parametrize("station", tour.STATIONS, ids=lambda station: station.name)
def test_a_station_sets_what_its_panel_knows(station: tour.Station) -> None:
    """Catches a name that no panel has, which would be dropped, and a value of another type."""
    form = importlib.import_module(f"demo.panels.{station.panel}.panel").State
    state = unpack(form, json.dumps(station.state))
    assert json.loads(pack(state)).items() >= station.state.items()
    assert messages.safe_mathml(f"<math>{station.equation}</math>").count("<m") > 5
    models = station.state.get("models", station.state.get("model"))
    assert models is None or tuple(models.split(",")) == station.models


def test_a_station_whose_models_or_panel_are_not_there_is_left_out(tmp_path: Path) -> None:
    library = Library.open([write_half(tmp_path / "models")], "cpu")
    offered = tour.offered(library, PANELS)
    assert [station.name for station in offered] == ["draw", "rbm", "dbn", "autoencoder", "gan"]
    without = {name: shows for name, shows in PANELS.items() if name != "movie"}
    assert [station.name for station in tour.offered(library, without)] == ["draw", "autoencoder", "gan"]
    assert tour.offered(library, {}) == []
