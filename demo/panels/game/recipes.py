"""What the pictures of Game are made of: a recipe by name, as ``onnx_models/RECIPES.md`` has them."""

from __future__ import annotations

from demo.engine import contest
from demo.engine.library import Library
from demo.panels.game.panel import State
from onnx_models import cookbook


def recipes(library: Library, state: State) -> dict[str, cookbook.Recipe]:
    """Return that of the forger's pictures, ``made``, one a round."""
    forger = library.model(state.model, "generate")
    return {"made": cookbook.sample(forger, state.seed, contest.ROUNDS)}
