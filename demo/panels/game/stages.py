"""The stages of Game: a few games of each forger, which the browser plays."""

from __future__ import annotations

from collections.abc import Iterator

from demo.engine import contest
from demo.engine.library import Library
from demo.kit.state import Stage, alike
from demo.panels.game.panel import State

GAMES = 3


def stages(library: Library, state: State) -> Iterator[Stage]:
    """Yield them, against the forger's own rival."""
    for model in contest.forgers(library):
        for seed in range(state.seed, state.seed + GAMES):
            yield alike(state, {"model": model.id, "judge": "", "seed": seed})
