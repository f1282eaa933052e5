"""What the pictures of Time are made of: a recipe by name, as ``onnx_models/RECIPES.md`` has them."""

from __future__ import annotations

from demo.engine import history
from demo.engine.library import Library
from demo.panels.time.panel import State, asked
from onnx_models import cookbook


def recipes(library: Library, state: State) -> dict[str, cookbook.Recipe]:
    """Return that of each network at each moment, ``ID.IMAGES SEEN``."""
    return {
        f"{model.id}.{moment.images_seen}": cookbook.sample(
            model, state.seed, len(labels), labels, moment.images_seen
        )
        for model, labels in asked(library, state)
        for moment in history.snapshots(model)
    }
