"""What the pictures of Dream are made of: a recipe by name, as ``onnx_models/RECIPES.md`` has them."""

from __future__ import annotations

import numpy as np

from demo.engine.library import Library
from demo.panels.dream.panel import STATIONS, State
from onnx_models import cookbook


def recipes(library: Library, state: State) -> dict[str, cookbook.Recipe]:
    """Return that of the sheet, ``made``, and that of the pictures between two seeds, ``way``."""
    model = library.model(state.model, "generate")
    at = np.linspace(0.0, 1.0, STATIONS, dtype=np.float32)
    ends, spherical = (state.seed, state.other), state.way != "linear"
    return {
        "made": cookbook.sample(model, state.seed, state.count),
        "way": cookbook.interpolate(model, ends, at, spherical),
    }
