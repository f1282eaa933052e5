"""Tiny models of whatever a visitor's own browser plays, two of a kind where a panel shows several."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from demo.engine import styles
from export import directions
from onnx_models import catalog
from tests import tiny


def write(directory: Path) -> Path:
    """Write them; return ``directory``."""
    tiny.write_first_half(directory)
    labelled = {seen: tiny.gan(seed=32 + seen, conditional=True) for seen in (0, 900)}
    earlier = {seen: graphs["generate"] for seen, graphs in labelled.items()}
    tiny.write_model(directory, "labelled", labelled[0], year=2016, snapshots=earlier)
    faces = tiny.write_model(directory, "faces", tiny.stylegan(size=16), family="stylegan2")
    tiny.edit(faces, image={"channels": 3, "height": 16, "width": 16})
    pushes(directory, up=(1, [0, 1]), down=(3, [2, 5]))
    tiny.write_model(directory, "plane", tiny.autoencoder(code=2), kind="exhibit", family="autoencoder")
    return directory


def pushes(directory: Path, **factors: tuple[int, list[int]]) -> None:
    """Give the faces directions: one number of w each, on some of the rows."""
    faces = catalog.load(directory).model("faces")
    measured = dict.fromkeys(("attribute", "balanced_accuracy", "before", "success"))
    written = [
        {
            **{"id": name, "name": {"en": name, "fr": name}, "method": "factor", **measured},
            **{"values": [], "vector": np.eye(16)[number].tolist(), "layers": layers, "changes": {}},
            **{"deviation": 0.8, "strength": 3.0},
        }
        for name, (number, layers) in factors.items()
    ]
    graphs = {role: faces.graphs[role].sha256 for role in styles.ROLES}
    directions.write(faces, {"graphs": graphs, "attributes": {}, "directions": written})
