"""The stage of Draw: the cards of all who rebuild a drawing, of which the browser takes those asked for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from demo.engine.library import Library
from demo.kit.state import Stage, alike
from demo.panels.draw import scene
from demo.panels.draw.panel import State


def stages(library: Library, state: State) -> Iterator[Stage]:
    """Yield it."""
    everyone = replace(state, models=",".join(model.id for model in scene.networks(library)))
    yield alike(everyone, {}, example=state.example + 1, damage="salt", seed=2, steps=12)
