"""What the pictures of One z are made of: a recipe by name, as ``onnx_models/RECIPES.md`` has them."""

from __future__ import annotations

from demo.engine import wall
from demo.engine.library import Library
from demo.panels.onez.panel import State, asked
from onnx_models import cookbook


def recipes(library: Library, state: State) -> dict[str, cookbook.Recipe]:
    """Return that of each card, by its model's id."""
    shown, state = asked(library, state)
    return {
        model.id: cookbook.sample(model, state.seed, wall.SHOWN, state.label) for model in shown.generators
    }
