"""From a seed to the same noise in every runtime: Philox-4x32-10, uniforms, Box-Muller normals.

`SEEDS.md` specifies this module bit by bit, so that JavaScript and C++ can follow it; `seeds.json` holds the
vectors they are checked against. NumPy's own Philox is the 4x64 variant and its normals come from a ziggurat
whose tables are awkward to carry to other languages, hence our own.

Source: Salmon, Moraes, Dror, Shaw, "Parallel Random Numbers: As Easy as 1, 2, 3", SC 2011; Box & Muller 1958.
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from onnx_models.errors import LineageError

SEED_LIMIT = 2**32

# The multipliers and key increments ("Weyl constants") of Philox-4x32, section 3.3 of the paper.
_MULTIPLIER_0 = np.uint64(0xD2511F53)
_MULTIPLIER_1 = np.uint64(0xCD9E8D57)
_WEYL_0 = 0x9E3779B9
_WEYL_1 = 0xBB67AE85
_ROUNDS = 10
_LOW_32 = np.uint64(0xFFFFFFFF)


class Stream(IntEnum):
    """What a number is drawn for: the second key word, so that purposes never share numbers."""

    Z = 0
    """Latent vectors, normals."""
    HIDDEN = 1
    """Gibbs sampling of hidden units, uniforms."""
    VISIBLE = 2
    """Gibbs sampling of visible units, uniforms."""
    LABEL = 3
    """Gibbs sampling of label units, uniforms."""
    NOISE = 4
    """StyleGAN's noise images, normals; `layer` is the K of `noise_K`."""
    CORRUPTION = 5
    """Salt noise laid over a picture before it is rebuilt, uniforms."""
    CHOICE = 6
    """Picks from a list (which real digits stand beside the made ones), uniforms."""
    BINARY = 7
    """Black-or-white pixels drawn with grey ones as their probability, uniforms."""


def makers_normals(seed: int, size: int) -> NDArray[np.float32]:
    """Draw z as the makers of the official StyleGANs do, so that a well-known seed shows its well-known face.

    It is the Mersenne Twister and the polar method of NumPy's legacy generator, whose stream NumPy keeps as
    it is (NEP 19).

    Returns
    -------
    float32 [1, size]

    """
    return np.random.RandomState(check_seed(seed)).randn(1, size).astype(np.float32)


def check_seed(seed: object) -> int:
    """Return ``seed`` as an int in [0, 2**32), or raise `LineageError` ``seed.range`` naming the value."""
    whole = isinstance(seed, int | np.integer) or (isinstance(seed, float) and seed.is_integer())
    if isinstance(seed, bool) or not whole or not 0 <= int(seed) < SEED_LIMIT:  # type: ignore[call-overload]
        raise LineageError(
            "seed.range",
            f"seed must be a whole number from 0 to {SEED_LIMIT - 1}, got {seed!r}.",
            value=repr(seed),
            highest=SEED_LIMIT - 1,
        )
    return int(seed)  # type: ignore[call-overload]


def philox_4x32(counter: NDArray[np.uint32], key: tuple[int, int]) -> NDArray[np.uint32]:
    """Ten rounds of Philox-4x32.

    Parameters
    ----------
    counter : uint32 [n, 4]
    key : two integers in [0, 2**32)

    Returns
    -------
    uint32 [n, 4]

    """
    c0, c1, c2, c3 = (counter[:, k].astype(np.uint64) for k in range(4))
    k0, k1 = key
    for _ in range(_ROUNDS):
        product_0, product_1 = _MULTIPLIER_0 * c0, _MULTIPLIER_1 * c2  # 32 x 32 -> 64 bits, cannot overflow
        c0, c1, c2, c3 = (
            (product_1 >> np.uint64(32)) ^ c1 ^ np.uint64(k0),
            product_1 & _LOW_32,
            (product_0 >> np.uint64(32)) ^ c3 ^ np.uint64(k1),
            product_0 & _LOW_32,
        )
        k0, k1 = (k0 + _WEYL_0) & 0xFFFFFFFF, (k1 + _WEYL_1) & 0xFFFFFFFF
    return np.stack([c0, c1, c2, c3], axis=1).astype(np.uint32)


def words(
    seed: int, count: int, size: int, stream: Stream, *, first: int = 0, step: int = 0, layer: int = 0
) -> NDArray[np.uint32]:
    """Raw 32-bit words: row i is that of sample ``first + i``, whatever ``count`` is.

    The key is (seed, stream) and the counter (block, sample, step, layer); a block yields four words.

    Returns
    -------
    uint32 [count, size]

    """
    seed = check_seed(seed)
    blocks = -(-size // 4)
    counter = np.empty((count, blocks, 4), np.uint32)
    counter[..., 0] = np.arange(blocks, dtype=np.uint32)
    counter[..., 1] = np.arange(first, first + count, dtype=np.uint32)[:, None]
    counter[..., 2] = step
    counter[..., 3] = layer
    return philox_4x32(counter.reshape(-1, 4), (seed, int(stream))).reshape(count, 4 * blocks)[:, :size]


def uniforms(
    seed: int, count: int, size: int, stream: Stream, *, first: int = 0, step: int = 0, layer: int = 0
) -> NDArray[np.float32]:
    """Uniform numbers in [0, 1): the upper 24 bits of each word over 2**24, exact in float32.

    Returns
    -------
    float32 [count, size]

    """
    raw = words(seed, count, size, stream, first=first, step=step, layer=layer)
    return (raw >> np.uint32(8)).astype(np.float32) * np.float32(2**-24)


def normals(
    seed: int,
    count: int,
    size: int,
    stream: Stream = Stream.Z,
    *,
    first: int = 0,
    step: int = 0,
    layer: int = 0,
) -> NDArray[np.float32]:
    """Draw standard normal numbers by Box-Muller in float64, rounded to float32 at the end.

    Words 2j and 2j+1 give normals 2j and 2j+1: with u = (word + 1/2) / 2**32,
    sqrt(-2 ln u_0) cos(2 pi u_1) and sqrt(-2 ln u_0) sin(2 pi u_1).

    Returns
    -------
    float32 [count, size]

    """
    raw = words(seed, count, size + size % 2, stream, first=first, step=step, layer=layer)
    unit = (raw.astype(np.float64) + 0.5) * 2.0**-32
    radius = np.sqrt(-2.0 * np.log(unit[:, 0::2]))
    angle = 2.0 * np.pi * unit[:, 1::2]
    pairs = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=2)
    return pairs.reshape(raw.shape)[:, :size].astype(np.float32)
