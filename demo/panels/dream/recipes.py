"""What the pictures of Dream are made of: a recipe by name, as ``onnx_models/RECIPES.md`` has them."""

from __future__ import annotations

import numpy as np

from demo.engine import inference
from demo.engine.library import Library
from demo.panels.dream.panel import STATIONS, State
from onnx_models import cookbook


def recipes(library: Library, state: State) -> dict[str, cookbook.Recipe]:
    """Return that of the sheet and its scores, ``made``, and of the pictures between two seeds, ``way``."""
    model = library.model(state.model, "generate")
    at = np.linspace(0.0, 1.0, STATIONS, dtype=np.float32)
    ends, spherical = (state.seed, state.other), state.way != "linear"
    made = cookbook.sample(model, state.seed, state.count)
    scorer = next((role for role in inference.SCORERS if model.has(role)), None)
    return {
        "made": made if scorer is None else cookbook.judged(made, model, scorer),
        "way": cookbook.interpolate(model, ends, at, spherical),
    }
