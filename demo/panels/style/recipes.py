"""What the pictures of Style are made of: a recipe by name, as ``onnx_models/RECIPES.md`` has them."""

from __future__ import annotations

from demo.engine import styles
from demo.engine.library import Library
from demo.panels.style.state import State, subject
from onnx_models import cookbook


def recipes(library: Library, state: State) -> dict[str, cookbook.Recipe]:
    """Return that of the face that is looked at, ``made``."""
    model = styles.painter(library, state.model)
    if state.picture:
        grains = cookbook.noise(model, state.look.noise_seed)
        return {"made": cookbook.paint(model, subject(library, model, state), grains)}
    return {"made": styles.recipe(model, state.seed, state.look)}
