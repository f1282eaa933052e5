"""How much work one visitor may ask for, in one table, read by the API and by the page's controls.

A value out of its range is refused with the argument's name, its range and the value, never clipped: a caller
who asked for a hundred pictures should not believe that sixty-four were all there are.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from onnx_models.directions import FARTHEST
from onnx_models.errors import LineageError


@dataclass(frozen=True)
class Bound:
    """A whole number's name, range and starting value."""

    name: str
    lowest: int
    highest: int
    default: int

    def check(self, value: Any) -> int:
        """Return ``value`` as an int within the range, or raise `LineageError` ``argument.range``."""
        whole = isinstance(value, int) or (isinstance(value, float) and value.is_integer())
        if isinstance(value, bool) or not whole or not self.lowest <= value <= self.highest:
            raise out_of_range(self.name, "a whole number", self.lowest, self.highest, value)
        return int(value)


COUNT = Bound("count", 1, 64, 16)
"""Pictures in one answer."""
STEPS = Bound("steps", 0, 300, 10)
"""Gibbs steps of a chain."""
CHAINS = Bound("chains", 1, 16, 1)
"""Chains run side by side from one start."""
LABEL = Bound("label", -1, 9, -1)
"""A class; -1 means none, free."""
NEIGHBOURS = Bound("k", 1, 10, 5)
"""Nearest training pictures shown for one made picture."""
INTERPOLATION = Bound("count", 2, 32, 9)
"""Pictures on the way from one z to another, both ends included."""
LATENTS = Bound("latents", 1, 128, 16)
"""Pictures made of given z in one answer: a film of five seconds, a sheet of knobs."""
MODELS = Bound("models", 1, 16, 16)
"""Models asked in one request."""
WALL = Bound("models", 1, 4, 2)
"""Networks whose training is replayed side by side."""
STYLES = Bound("cutoff", 0, 32, 32)
"""Styles of a picture that truncation applies to, of as many as there are: 18 in the largest StyleGAN."""
PSI = (-2, 2)
"""Lowest and highest truncation: beyond, a StyleGAN paints nothing but its own excesses."""
STRENGTH = (-FARTHEST, FARTHEST)
"""Standard deviations that a style may be moved by along a direction: beyond, no face is left."""
SWEEP = Bound("steps", 2, 60, 20)
"""Steps of a sweep of truncation: pictures less one."""
REFINEMENT = 48
"""Steps that bring a found style closer to its picture."""
COLUMNS = Bound("columns", 1, 64, 8)

PAINTED = 2**22
"""Pixels that one answer of a StyleGAN may cost: a thousand pictures of 64 x 64, or four of 1024 x 1024."""
NUMBERS = 2**17
"""Numbers in an answer to a recipe, beside its pictures."""
PIXELS = 16_000_000
"""Largest picture that is decoded: more than a phone takes by default, less than fills the memory."""
PHOTOGRAPH = 64_000_000
"""Largest JPEG in pixels: one over `PIXELS` is decoded at a half, a quarter or an eighth of its size."""
UPLOAD_BYTES = 10_000_000
"""Largest request body, a picture included."""
CONCURRENCY = 4
"""Requests of one endpoint that run at the same time; the others wait in the queue."""
MOVIES = 2
"""Movies of many chains that are computed at the same time: each takes a core for about two seconds."""
QUEUE = 256
"""Requests that may wait in all; the next one is told that the queue is full."""
WAITING = 64
"""Requests of one visitor (one address) that may wait, so that nobody fills the queue alone."""
KEPT_BYTES = 16_000_000
"""Bytes of plain pictures that are kept for whoever asks for them again."""
SESSIONS = 1_000
"""Visitors whose state is kept; the one idle longest is forgotten first."""
CACHE_SECONDS = (600, 3_600)
"""How often temporary files are looked through, and the age at which they are deleted."""


def check_fraction(name: str, value: Any) -> float:
    """Return ``value`` as a float in [0, 1], or raise `LineageError` ``argument.range``."""
    return check_number(name, value, 0, 1)


def check_number(name: str, value: Any, lowest: float, highest: float) -> float:
    """Return ``value`` as a float within the range, or raise `LineageError` ``argument.range``."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not math.isfinite(value) or not lowest <= value <= highest:
        raise out_of_range(name, "a number", lowest, highest, value)
    return float(value)


def out_of_range(name: str, what: str, lowest: float, highest: float, value: object) -> LineageError:
    """One sentence that names the argument, its range and the value."""
    found = repr(value)[:80]
    return LineageError(
        "argument.range",
        f"{name} must be {what} from {lowest} to {highest}, got {found}.",
        name=name,
        lowest=lowest,
        highest=highest,
        value=found,
    )
