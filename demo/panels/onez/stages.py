"""The stages of One z, one for each wall and each class that somebody on it can be asked for."""

from __future__ import annotations

from collections.abc import Iterator

from demo.engine import wall
from demo.engine.library import Library
from demo.kit.state import Stage, alike
from demo.panels.onez import scene
from demo.panels.onez.panel import State


def stages(library: Library, state: State) -> Iterator[Stage]:
    """Yield them; the real pictures of a class are right beside any z."""
    for dataset in wall.datasets(library):
        shown = wall.of(library, dataset)
        labels = range(-1, scene.classes((shown,))) if scene.asked(shown) else ()
        for asked in [{"label": label} for label in labels] or [{}]:
            yield alike(state, {"dataset": dataset} | asked, seed=8)
