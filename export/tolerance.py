"""How far a shipped graph may be from what it was made from: the one table, and the measure it applies to."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

TOLERANCE = {
    # Stored exactly: only the order of additions differs between PyTorch and onnxruntime.
    "float32": 1e-4,
    # Weights rounded to 11 significant bits, and compared with the unrounded ones.
    "float16": 2e-3,
    # Columns of weights rounded to 65,535 levels: three to seven times nearer than halves in what ships;
    # allowed as much, since they take as much room.
    "int16": 2e-3,
    # Snapshots alone: columns of weights rounded to 255 levels. What they make is looked at, in sixteen
    # depths of ink: a quarter of a depth, root mean square. On an edge a pixel may turn by more.
    "int8": 1 / 64,
}
"""Difference allowed, by the dtype that a graph's weights are stored in."""


BY_DEVIATION = (("synthesis", "image"), ("refine", "picture"))
"""Role and output of what is compared relative to its standard deviation instead: a StyleGAN's pictures."""


def difference(
    found: NDArray[Any],
    expected: NDArray[Any],
    storage: str = "float32",
    role: str | None = None,
    name: str | None = None,
) -> float:
    """Largest absolute difference; infinite where the shapes differ or a value is not finite.

    Of a graph stored in 8 bits it is the root of the mean square instead.

    Pictures and probabilities lie in [0, 1]. What ranges wider (codes, logits, a free energy of minus 300
    nats) is compared relative to its largest magnitude, or float32 itself would break the tolerance. Where
    the output `name` of a graph of that `role` is listed in `BY_DEVIATION`, its standard deviation counts.
    """
    if found.shape != expected.shape or not (np.isfinite(found).all() and np.isfinite(expected).all()):
        return float("inf")
    if found.size == 0:
        return 0.0
    if (role, name) in BY_DEVIATION:
        scale = max(float(expected.std(dtype=np.float64)), 1e-6)  # a picture of one colour has none
    else:
        scale = max(1.0, float(np.abs(expected).max()))
    apart = np.abs(found.astype(np.float64) - expected)
    return float(np.sqrt(np.square(apart).mean()) if storage == "int8" else apart.max()) / scale
