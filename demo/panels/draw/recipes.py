"""What the pictures of Draw are made of: a recipe by name, as ``onnx_models/RECIPES.md`` has them."""

from __future__ import annotations

from demo.engine import examples, judging
from demo.engine.library import Library
from demo.panels.draw import scene
from demo.panels.draw.panel import State, damaged
from onnx_models import cookbook


def recipes(library: Library, state: State) -> dict[str, cookbook.Recipe]:
    """Return what networks rebuild, by their ids, dream on to, ``ID.chain``, and read, ``ID.read``."""
    shown = damaged(library, state)
    rebuilt = {
        model.id: cookbook.reconstruct(model, shown[None]) for model in scene.answering(library, state.models)
    }
    dreamt = {
        f"{model.id}.chain": cookbook.gibbs(model, shown[None], state.steps, state.seed)
        for model in scene.dreamers(library)
    }
    read = {
        f"{model.id}.read": cookbook.classify(model, shown[None])
        for model in judging.readers(library, examples.DATASET)
    }
    return rebuilt | dreamt | read
