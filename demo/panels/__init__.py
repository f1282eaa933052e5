"""The panels in the order of their tabs; each is a folder of its own and knows no other.

A folder's name is the panel's in the address, in its words and in the scripts. In it are ``panel.py`` with a
`NAME`, ``shows(model)`` and ``build(library)``, the words ``<language>.json``, and what else the panel needs
of scripts and styles. Whose pictures graphs make has ``recipes.py`` too: `recipes`; and ``stages.py``,
what is laid out beforehand where there is no server to do it: `stages`.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from pathlib import Path
from typing import Protocol, cast

from demo.engine.library import Library
from demo.kit.state import Stage, State, unpack
from onnx_models.catalog import Model
from onnx_models.cookbook import Recipe
from onnx_models.errors import LineageError

ORDER = ("draw", "dream", "onez", "movie", "map", "latent", "style", "time", "game", "compare")

_DIRECTORY = Path(__file__).resolve().parent


class Panel(Protocol):
    """What the page asks of a panel."""

    NAME: str

    def shows(self, model: Model) -> bool:
        """Whether the model has a place there."""

    def build(self, library: Library) -> None:
        """Lay the panel out."""


def load() -> tuple[Panel, ...]:
    """Import the panels, in their order."""
    return tuple(cast(Panel, importlib.import_module(f"{__name__}.{name}.panel")) for name in ORDER)


def recipes(library: Library, name: str, text: str) -> dict[str, Recipe]:
    """Return what the pictures of a panel are made of at a packed state, by name.

    Raises
    ------
    LineageError
        ``panel.unknown``; ``state.unreadable``; or what the state cannot be

    """
    made = [panel for panel in ORDER if (_DIRECTORY / panel / "recipes.py").exists()]
    if name not in made:
        known = ", ".join(made)
        raise LineageError("panel.unknown", f"No panel {name!r} has recipes; these do: {known}.", known=known)
    module = importlib.import_module(f"{__name__}.{name}.recipes")
    return module.recipes(library, unpack(module.State, text))


def stages(library: Library, name: str, state: State) -> Iterable[Stage]:
    """Return what a panel lays out for a browser that makes its pictures alone, the more special before.

    ``state`` is the one that the panel begins with.
    """
    if not (_DIRECTORY / name / "stages.py").exists():
        return ()
    found: Iterable[Stage] = importlib.import_module(f"{__name__}.{name}.stages").stages(library, state)
    return found


def folders() -> tuple[Path, ...]:
    """Return where each panel's words, scripts and styles lie, in their order."""
    return tuple(_DIRECTORY / name for name in ORDER)
