"""The stage of Map: there is one, and it comes with the page."""

from __future__ import annotations

from collections.abc import Iterator

from demo.engine.library import Library
from demo.kit.state import Stage, alike
from demo.panels.map.panel import State


def stages(library: Library, state: State) -> Iterator[Stage]:
    """Yield it."""
    yield alike(state, {}, x=state.x + 0.1)
