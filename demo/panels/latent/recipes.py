"""What the pictures of Latent are made of: a recipe by name, as ``onnx_models/RECIPES.md`` has them."""

from __future__ import annotations

import numpy as np

from demo.engine.library import Library
from demo.panels.latent import scene
from demo.panels.latent.scene import State
from onnx_models import cookbook


def recipes(library: Library, state: State) -> dict[str, cookbook.Recipe]:
    """Return that of what is played: one picture, the frames of the films row by row, or the four means."""
    model = library.model(state.model, "generate")
    if state.play == "knobs":
        z = scene.numbers(model, state)[None]
    elif state.play == "sum":
        _, z = scene.addition(library, model, state)
    else:
        z = np.concatenate(scene.ways(model, state))
    return {"made": cookbook.generate(model, z, state.label)}
