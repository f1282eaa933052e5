"""What the pictures of One z are made of: a recipe by name, as ``onnx_models/RECIPES.md`` has them."""

from __future__ import annotations

from demo.engine import wall
from demo.engine.library import Library
from demo.panels.onez.panel import State, asked
from onnx_models import cookbook
from onnx_models.catalog import Model


def recipes(library: Library, state: State) -> dict[str, cookbook.Recipe]:
    """Return that of each card, by its model's id, and of what the judge reads in more, ``ID.read``."""
    shown, state = asked(library, state)
    read = {f"{model.id}.read": _read(shown, model, state) for model in shown.generators}
    return {
        model.id: cookbook.sample(model, state.seed, wall.SHOWN, state.label) for model in shown.generators
    } | read


def _read(shown: wall.Wall, model: Model, state: State) -> cookbook.Recipe:
    made = cookbook.sample(model, state.seed, wall.JUDGED, state.label)
    recipe = cookbook.judged(made, shown.judge, "classify")
    return {key: value for key, value in recipe.items() if key != "picture"}
