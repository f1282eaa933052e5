"""What the pictures of Map are made of: a recipe by name, as ``onnx_models/RECIPES.md`` has them."""

from __future__ import annotations

from demo.engine.library import Library
from demo.panels.map.panel import State
from onnx_models import cookbook


def recipes(library: Library, state: State) -> dict[str, cookbook.Recipe]:
    """Return that of the place the pointer is at, ``decoded``."""
    model = library.model(state.model, "decode")
    return {"decoded": cookbook.decode(model, [[state.x, state.y]])}
