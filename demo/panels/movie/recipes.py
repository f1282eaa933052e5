"""What the pictures of Movie are made of: a recipe by name, as ``onnx_models/RECIPES.md`` has them."""

from __future__ import annotations

from demo.engine.library import Library
from demo.panels.movie.panel import CHAINS, State, begun
from onnx_models import cookbook


def recipes(library: Library, state: State) -> dict[str, cookbook.Recipe]:
    """Return that of the last frame of all chains, ``chains``; a film shows every repetition."""
    model, start, labels = begun(library, state)
    start = start if start is None else start[None]
    return {"chains": cookbook.gibbs(model, start, state.steps, state.seed, labels, CHAINS)}
