"""The stages of Dream, one for each generator and number of pictures."""

from __future__ import annotations

from collections.abc import Iterator

from demo.engine.library import Library
from demo.kit.state import Stage, alike
from demo.panels.dream.panel import COUNTS, State


def stages(library: Library, state: State) -> Iterator[Stage]:
    """Yield them; the real pictures are right beside any made ones."""
    for model in library.generators:
        for count in COUNTS:
            yield alike(state, {"model": model.id, "count": count}, seed=8, other=43, pick=1)
