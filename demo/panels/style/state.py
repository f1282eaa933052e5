"""What the panel Style looks at: its state, and the styles of the face that it is about."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from demo.engine import images, limits, styles
from demo.engine.library import Library
from demo.engine.styles import Look
from demo.kit.state import sent_picture, unreadable
from onnx_models import seeds
from onnx_models.catalog import Model

Array = NDArray[np.float32]

NAME = "style"
PARTS = ("make", "truncate", "mix", "travel", "noise", "inside", "edit", "you")


@dataclass(frozen=True)
class State:
    """What is looked at, and how its pictures are made."""

    model: str = ""
    part: str = PARTS[0]
    seed: int = 7
    psi: float = styles.PSI
    cutoff: int = limits.STYLES.highest
    label: int = -1
    noise: str = "on"
    """``on`` or ``off``."""
    noise_seed: int = styles.NOISE_SEED
    other: int = 42
    """The first seed of the second parent; where the way leads."""
    layers: str = styles.RANGES[0]
    """Which styles are the second parent's, as `styles.layers` reads it."""
    pick: int = 0
    """Which of the mixed pictures is shown large."""
    moves: str = ""
    """Directions that were turned, ``id:deviations,id:deviations``."""
    bank: str = ""
    """Whose directions are on the table: an attribute's, ``factors``, or the best of each."""
    picture: str = ""
    """A visitor's own, as a ``data:`` URI; where there is one, it takes the place of the seed's."""
    ws: str = ""
    """The styles found in it, as `styles.packed` writes them; nothing leaves them to the encoder."""
    wish: str = ""
    """``closer`` while styles are to be brought closer to the picture."""

    @property
    def look(self) -> Look:
        """How pictures are made of styles."""
        if self.noise not in ("on", "off"):
            raise unreadable()
        noise_seed = seeds.check_seed(self.noise_seed) if self.noise == "on" else None
        return Look(self.psi, self.cutoff, self.label, noise_seed)


PRIVATE = ("picture", "ws", "wish")
"""A visitor's own, and what is too long for an address: they stay in the browser."""


def own(model: Model, state: State) -> Array | None:
    """Return the visitor's picture as the network's data have it, float32 [3, height, width]; None without.

    Raises
    ------
    LineageError
        What `images.prepare_colours` raises.

    """
    if not state.picture:
        return None
    _, height, width = styles.shape(model)
    return images.prepare_colours(sent_picture(state.picture), height, width)


def found(library: Library, model: Model, state: State, picture: Array) -> Array:
    """Return the styles of the visitor's picture, not truncated: float32 [1, rows, size of w]."""
    if not state.ws:
        return styles.guess(library, model, picture)
    ws = styles.unpacked(model, state.ws)
    if ws is None:
        raise unreadable()
    return ws


def subject(library: Library, model: Model, state: State, psi: Array | None = None) -> Array:
    """Return the styles of the face that is looked at: float32 [1, rows, size of w].

    Parameters
    ----------
    psi : float32 [count], truncations in the place of the state's: as many styles come back

    """
    look = state.look
    look.check(model)
    seed = seeds.check_seed(state.seed)
    picture = own(model, state)
    count = 1 if psi is None else len(psi)
    if picture is None:
        z = np.repeat(styles.z_of(model, [seed]), count, axis=0)
        return styles.styles(library, model, z, look, psi)
    ws = np.repeat(found(library, model, state, picture), count, axis=0)
    return styles.truncated(library, model, ws, look, psi)
