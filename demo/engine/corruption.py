"""Damage done to a picture before it is rebuilt: salt noise, a hidden half, a brush."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from demo.engine import limits
from onnx_models import seeds
from onnx_models.errors import LineageError
from onnx_models.seeds import Stream

Array = NDArray[np.float32]
Kind = Literal["none", "salt", "occlude_top", "occlude_bottom", "occlude_left", "occlude_right", "brush"]
KINDS: tuple[Kind, ...] = get_args(Kind)


@dataclass(frozen=True)
class Corruption:
    """What is done to a picture.

    Parameters
    ----------
    kind : what is done
    amount : in [0, 1]; `salt`: the fraction of pixels set to full ink, `occlude_*`: the fraction of the
        picture hidden from that side on; `none` and `brush` make no use of it
    mask : what a `brush` hides, as rows of 0 and 1 the size of the picture

    Raises
    ------
    LineageError
        ``corruption.unknown``, ``corruption.mask`` or ``argument.range``.

    """

    kind: Kind = "none"
    amount: float = 0.5
    mask: tuple[tuple[int, ...], ...] = ()

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise LineageError(
                "corruption.unknown",
                f"There is no corruption called {str(self.kind)[:80]!r}; there are: {', '.join(KINDS)}.",
                kind=str(self.kind)[:80],
                known=", ".join(KINDS),
            )
        limits.check_fraction("amount", self.amount)
        if self.kind == "brush" and not self.mask:
            raise _bad_mask()

    @classmethod
    def parse(cls, value: Any) -> Corruption:
        """Read a kind, or {"kind": ..., "amount": ..., "mask": [[0, 1, ...], ...]}."""
        if value is None:
            return cls()
        entry = {"kind": value} if isinstance(value, str) else value
        if not isinstance(entry, dict) or set(entry) - {"kind", "amount", "mask"}:
            raise LineageError(
                "corruption.form",
                'corruption must be a kind or an object such as {"kind": "salt", "amount": 0.2}.',
            )
        try:
            mask = tuple(tuple(int(bool(cell)) for cell in row) for row in entry.get("mask") or ())
        except TypeError as fault:
            raise _bad_mask() from fault
        return cls(entry.get("kind", "none"), entry.get("amount", 0.5), mask)


def corrupt(image: Array, corruption: Corruption, seed: int = 0) -> Array:
    """Return a damaged copy of ``image``, float32 [channels, height, width] in [0, 1].

    The salt at a pixel depends on the seed alone (`Stream.CORRUPTION`): a larger amount adds grains and moves
    none.

    Raises
    ------
    LineageError
        ``corruption.mask``: the mask has not the picture's size; ``seed.range``.

    """
    damaged = image.copy()
    _, height, width = image.shape
    amount = corruption.amount
    rows, columns = round(amount * height), round(amount * width)
    match corruption.kind:
        case "salt":
            draw = seeds.uniforms(seed, 1, height * width, Stream.CORRUPTION).reshape(height, width)
            damaged[:, draw < amount] = 1.0
        case "occlude_top":
            damaged[:, :rows] = 0.0
        case "occlude_bottom":
            damaged[:, height - rows :] = 0.0
        case "occlude_left":
            damaged[:, :, :columns] = 0.0
        case "occlude_right":
            damaged[:, :, width - columns :] = 0.0
        case "brush":
            if {len(row) for row in corruption.mask} != {width} or len(corruption.mask) != height:
                raise _bad_mask()
            damaged[:, np.array(corruption.mask, bool)] = 0.0
    return damaged


def _bad_mask() -> LineageError:
    return LineageError("corruption.mask", "mask must be rows of 0 and 1 of the picture's size, 28 by 28.")
