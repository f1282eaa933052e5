"""What the pictures of Latent are made of: a recipe by name, as ``onnx_models/RECIPES.md`` has them."""

from __future__ import annotations

import numpy as np

from demo.engine.library import Library
from demo.panels.latent import scene
from demo.panels.latent.scene import State
from onnx_models import cookbook
from onnx_models.catalog import Model


def recipes(library: Library, state: State) -> dict[str, cookbook.Recipe]:
    """Return those of what is played.

    The picture, ``made``, and its ``shortcuts``; the frames of the films row by row, ``walk`` or ``way``; or
    of the sum the four ``means``, the ``singles`` in them, and the ``tray``.
    """
    model = library.model(state.model, "generate")
    return {
        name: cookbook.generate(model, z, state.label) for name, z in _played(library, model, state).items()
    }


def _played(library: Library, model: Model, state: State) -> dict[str, cookbook.Source | scene.Array]:
    """Return z of each recipe."""
    if state.play == "knobs":
        z = scene.numbers(model, state)
        return {"made": z[None], "shortcuts": scene.shortcuts(z, scene.on_table(model, state))}
    if state.play == "sum":
        chosen, sums = scene.addition(library, model, state)
        singles = [seed for term in chosen for seed in term]
        return {"means": sums, "singles": _firsts(singles), "tray": _firsts(list(scene.offered(state)))}
    return {state.play: np.concatenate(scene.ways(model, state))}


def _firsts(seeds: list[int]) -> cookbook.Source:
    """Return the first z of each seed."""
    return {"normals": {"seed": seeds}}
