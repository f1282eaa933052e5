"""The stage of Time machine: all who can be replayed, of whom the browser takes those asked for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from demo.engine.library import Library
from demo.kit.markup import Markup
from demo.kit.state import Stage, alike
from demo.panels.time.panel import State, lay_out, travellers


def stages(library: Library, state: State) -> Iterator[Stage]:
    """Yield it."""
    yield replace(alike(state, {}, seed=8), show=_everyone)


def _everyone(library: Library, state: State) -> Markup:
    return lay_out(library, state, travellers(library))
