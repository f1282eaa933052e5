"""The stages of Movie, one for each network that dreams."""

from __future__ import annotations

from collections.abc import Iterator

from demo.engine.library import Library
from demo.kit.state import Stage, alike
from demo.panels.movie.panel import FREE, State, dreamers


def stages(library: Library, state: State) -> Iterator[Stage]:
    """Yield them."""
    for model in dreamers(library):
        yield alike(state, {"model": model.id}, label=FREE, seed=8)
